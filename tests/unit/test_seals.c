// Sealed programs, as a host sees them through the server: what an update records, what is started,
// what a start looks at. The rules are SPEC.md sections 4, 7 and 12.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/bytes.h"
#include "tests/unit/rig.h"

#define SIZE 0x800000u
#define AT   0x90100000u
#define ID   0xC0FFEE01u
#define LONG 0x60123u // four parts and a bit of SEAL_START_MAX

enum { WRITING = 2, SEALED = 3, CLEARED = 4 };

static struct rig rig;
static uint8_t image[0x300000];

static int setup(void **state)
{
    (void)state;
    rig_create(&rig, SIZE);
    rig_program(image, sizeof image, AT);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

static void expect_record(unsigned place, uint8_t kind, uint32_t address, uint32_t length)
{
    assert_memory_equal(rig_slot(&rig, place), "QDLR", 4);
    assert_int_equal(rig_slot(&rig, place)[9], kind);
    assert_int_equal(ql_load_u32(rig_slot(&rig, place) + 12), address);
    assert_int_equal(ql_load_u32(rig_slot(&rig, place) + 16), length);
}

static uint16_t request_pair(uint8_t kind, uint32_t first, uint32_t second, struct ql_frame *answer)
{
    uint8_t payload[8];
    ql_store_u32(payload, first);
    ql_store_u32(payload + 4, second);
    return rig_request(&rig, kind, payload, 8, answer);
}

static uint16_t boot(void)
{
    return request_pair(0x07, 0, 0, NULL);
}

static uint16_t start(void)
{
    static uint32_t random;
    return (uint16_t)server_start_check(&rig.server, AT, random++).status;
}

// BEGIN with an owner.
static uint16_t begin(uint32_t address, const uint8_t *bytes, uint32_t length, uint32_t flags,
                      uint32_t owner)
{
    uint8_t payload[60] = {0};
    static uint32_t id = ID;
    ql_store_u32(payload, ++id);
    ql_store_u32(payload + 4, address);
    ql_store_u32(payload + 8, length);
    ql_store_u32(payload + 12, flags);
    rig_sha256(bytes, length, payload + 16);
    if (flags & 1)
        memcpy(payload + 48, bytes, 8);
    ql_store_u32(payload + 56, owner);
    return rig_request(&rig, 0x10, payload, sizeof payload, NULL);
}

static uint32_t open_id(void)
{
    return rig.server.update.id;
}

// Erases and writes the run sector by sector, without END. Returns the number of operations.
static uint32_t send(uint32_t address, const uint8_t *bytes, uint32_t length)
{
    uint32_t number = 0;
    for (uint32_t at = 0; at < length; at += 4096) {
        uint8_t sector[4096];
        uint32_t left = length - at < 4096 ? length - at : 4096;
        memset(sector, 0xFF, sizeof sector);
        memcpy(sector, bytes + at, left);
        rig_erase(&rig, open_id(), number++, address + at, 4096);
        rig_write(&rig, open_id(), number++, address + at, sector, 4096);
        rig_run_ms(&rig, 60);
    }
    return number;
}

static uint16_t end(uint32_t count)
{
    return rig_end(&rig, open_id(), count, 2000);
}

static void flash(uint32_t length)
{
    assert_int_equal(begin(AT, image, length, 1, 0), 0);
    assert_int_equal(end(send(AT, image, length)), 0);
}

static void abort_update(void)
{
    uint8_t id[4] = {0};
    assert_int_equal(rig_request(&rig, 0x12, id, 4, NULL), 0);
}

// What is there already, as a debugger would have put it.
static void put(uint32_t length)
{
    memcpy(rig_chip_at(&rig, AT), image, length);
    rig_restart(&rig);
}

// --- What an update records ---------------------------------------------------------------------

static void writing_comes_first_and_sealed_last(void **state)
{
    (void)state;
    *rig_chip_at(&rig, AT) = 0;
    assert_int_equal(begin(AT, image, 0x2000, 1, 0), 0);
    rig_run_ms(&rig, 300);
    assert_int_equal(rig.fake.low_programs, 0);
    rig_erase(&rig, open_id(), 0, AT, 4096);
    while (rig.fake.erases == 0)
        rig_run_ms(&rig, 1);
    expect_record(2, WRITING, AT, 0x2000);
    assert_int_equal(rig.fake.low_programs, 3);
    abort_update();
    flash(0x2000);
    // In the same session nothing is burnt: WRITING again, then SEALED.
    expect_record(3, WRITING, AT, 0x2000);
    expect_record(4, SEALED, AT, 0x2000);
    uint8_t digest[32];
    rig_sha256(image, 0x2000, digest);
    assert_memory_equal(rig_slot(&rig, 4) + 32, digest, 32);
    assert_int_equal(ql_load_u32(rig_slot(&rig, 4) + 20), open_id());
    assert_int_equal(ql_load_u32(rig_slot(&rig, 4) + 28), 1);
    assert_int_equal(rig.fake.low_programs, 5);
    assert_int_equal(boot(), 0);
}

static void nothing_is_written_when_nothing_changes(void **state)
{
    (void)state;
    flash(0x2000);
    uint32_t programs = rig.fake.low_programs;
    rig_restart(&rig);
    assert_int_equal(begin(AT, image, 0x2000, 1, 0), 0);
    assert_int_equal(end(0), 0);
    assert_int_equal(begin(AT + 0x10000, image, 0x1000, 0, AT), 0);
    memset(rig_chip_at(&rig, AT + 0x10000), 0, 16);
    assert_int_equal(end(0), 16);
    assert_int_equal(rig.fake.low_programs, programs);
    assert_int_equal(boot(), 0);
}

static void an_update_without_operations_seals_what_is_there(void **state)
{
    (void)state;
    put(0x2000);
    assert_int_equal(start(), 21);
    assert_int_equal(boot(), 21);
    assert_int_equal(begin(AT, image, 0x2000, 1, 0), 0);
    assert_int_equal(end(0), 0);
    expect_record(2, SEALED, AT, 0x2000);
    assert_int_equal(rig.fake.low_programs, 3);
    assert_int_equal(rig.fake.programs + rig.fake.erases, 0);
    assert_int_equal(boot(), 0);
    // Another length is another program.
    assert_int_equal(begin(AT, image, 0x1800, 1, 0), 0);
    assert_int_equal(end(0), 0);
    expect_record(3, SEALED, AT, 0x1800);
}

static void data_are_cleared_and_unseal_their_owner(void **state)
{
    (void)state;
    flash(0x2000);
    assert_int_equal(begin(AT + 0x10000, image, 5000, 0, AT), 0);
    assert_int_equal(boot(), 4);
    uint32_t count = send(AT + 0x10000, image, 5000);
    expect_record(4, WRITING, AT + 0x10000, 5000);
    assert_int_equal(ql_load_u32(rig_slot(&rig, 4) + 24), AT);
    rig_restart(&rig);
    assert_int_equal(start(), 21);
    assert_int_equal(begin(AT + 0x10000, image, 5000, 0, AT), 0);
    count = send(AT + 0x10000, image, 5000);
    assert_int_equal(end(count), 0);
    expect_record(8, CLEARED, AT + 0x10000, 5000);
    assert_int_equal(boot(), 21);
    assert_int_equal(begin(AT, image, 0x2000, 1, 0), 0);
    assert_int_equal(end(0), 0);
    assert_int_equal(boot(), 0);
    rig_restart(&rig);
    assert_int_equal(start(), 0);
    assert_int_equal(rig.server.records.count, 1);
}

static void complete_data_found_without_operations_are_cleared(void **state)
{
    (void)state;
    assert_int_equal(begin(AT + 0x10000, image, 4096, 0, 0), 0);
    send(AT + 0x10000, image, 4096);
    rig_restart(&rig);
    assert_int_equal(rig.server.records.count, 1);
    assert_int_equal(begin(AT + 0x10000, image, 4096, 0, 0), 0);
    assert_int_equal(end(0), 0);
    assert_int_equal(rig.server.records.count, 0);
    rig_restart(&rig);
    assert_int_equal(rig.server.records.count, 0);
}

static void a_program_has_no_owner(void **state)
{
    (void)state;
    struct ql_frame record;
    assert_int_equal(begin(AT, image, 0x2000, 1, AT), 2);
    assert_int_equal(rig_request(&rig, 0x03, NULL, 0, &record), 0);
    assert_int_equal(record.payload[8 + 4], 0);
}

static void another_owner_is_another_update(void **state)
{
    (void)state;
    uint8_t payload[60] = {0};
    ql_store_u32(payload, ID);
    ql_store_u32(payload + 4, AT);
    ql_store_u32(payload + 8, 0x1000);
    ql_store_u32(payload + 56, AT + 0x100000);
    assert_int_equal(rig_request(&rig, 0x10, payload, 60, NULL), 0);
    rig_erase(&rig, ID, 0, AT, 4096);
    ql_store_u32(payload + 56, AT + 0x200000);
    struct ql_frame answer;
    assert_int_equal(rig_request(&rig, 0x10, payload, 60, &answer), 0);
    assert_int_equal(rig_word(&answer, 8 + 12), 0);
}

static void the_ninth_run_is_refused(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t at = AT + i * 0x10000;
        memcpy(rig_chip_at(&rig, at), image, 0x1000);
        ql_store_u32(rig_chip_at(&rig, at) + 4, at + 0x101);
        assert_int_equal(begin(at, rig_chip_at(&rig, at), 0x1000, 1, 0), 0);
        assert_int_equal(end(0), 0);
    }
    uint8_t payload[60] = {0};
    struct ql_frame answer;
    ql_store_u32(payload, 5);
    ql_store_u32(payload + 4, AT + 0x80000);
    ql_store_u32(payload + 8, 1);
    assert_int_equal(rig_request(&rig, 0x10, payload, 60, &answer), 20);
    assert_int_equal(rig_word(&answer, 4), AT);
    // In the place of one, or of two, there is room.
    assert_int_equal(begin(AT + 0x10800 - 0x800, image, 0x12000, 0, 0), 0);
    assert_int_equal(boot(), 4);
    abort_update();
    assert_int_equal(boot(), 0);
}

static void an_unfinished_update_makes_blank_places_doubtful(void **state)
{
    (void)state;
    assert_int_equal(begin(AT, image, 0x4000, 1, 0), 0);
    rig_write(&rig, open_id(), 0, AT, image, 4096);
    rig_run_ms(&rig, 50);
    rig_restart(&rig);
    assert_int_equal(begin(AT + 0x3000, image, 0x1000, 0, 0), 0);
    rig_erase(&rig, open_id(), 0, AT + 0x3000, 4096);
    rig_run_ms(&rig, 100);
    assert_int_equal(rig.fake.erases, 1);
    assert_int_equal(begin(AT + 0x4000, image, 0x1000, 0, 0), 0);
    rig_erase(&rig, open_id(), 0, AT + 0x4000, 4096);
    rig_run_ms(&rig, 100);
    assert_int_equal(rig.fake.erases, 1);
}

// --- Requests that come while a record is written -----------------------------------------------

static void an_abort_lets_the_record_be_finished(void **state)
{
    (void)state;
    flash(0x2000);
    // Up to the slot behind which the next update turns over: an erase of 45 ms.
    while (rig.server.records.slot < 15) {
        struct records_run run = *records_find(&rig.server.records, AT);
        records_write(&rig.server.records, RECORD_SEALED, &run);
        while (records_poll(&rig.server.records) == 1)
            fake_nor_pass_us(&rig.fake, 100);
    }
    assert_int_equal(begin(AT, image, 0x2000, 1, 0), 0);
    rig_erase(&rig, open_id(), 0, AT, 4096);
    rig_run_ms(&rig, 20);
    assert_true(fake_nor_is_busy(&rig.fake));
    abort_update();
    assert_int_equal(begin(AT + 0x10000, image, 0x1000, 0, 0), 0);
    assert_int_equal(end(send(AT + 0x10000, image, 0x1000)), 0);
    // The WRITING came to its end, the erase behind it was not begun.
    assert_memory_equal(rig_chip_at(&rig, AT), image, 0x2000);
    rig_restart(&rig);
    assert_int_equal(start(), 17);
    assert_int_equal(begin(AT, image, 0x2000, 1, 0), 0);
    assert_int_equal(end(0), 0);
    assert_int_equal(boot(), 0);
}

static void requests_are_answered_while_it_seals(void **state)
{
    (void)state;
    put(LONG);
    assert_int_equal(begin(AT, image, LONG, 1, 0), 0);
    uint8_t payload[8] = {0};
    ql_store_u32(payload, open_id());
    rig_receive_frame(&rig, 0x11, 9, payload, 8);
    unsigned rounds = 0;
    while (server_run(&rig.server))
        if (++rounds % 16 == 0)
            rig_receive_frame(&rig, 0x03, 5, NULL, 0);
    assert_in_range(rounds, LONG / 16384, LONG / 16384 + 20);
    rig_run_ms(&rig, 2);
    struct ql_frame frame;
    unsigned answers = 0, ends = 0;
    while ((frame = rig_next(&rig)).kind != 0) {
        answers += frame.kind == 0x83;
        ends += frame.kind == 0x91 && ql_load_u16(frame.payload) == 0;
    }
    assert_true(answers > 0);
    assert_int_equal(ends, 1);
}

// --- A chip that does not take records ----------------------------------------------------------

static void a_worn_log_fails_the_update_before_anything_is_touched(void **state)
{
    (void)state;
    *rig_chip_at(&rig, AT) = 0;
    rig.fake.program_leaves_bit = true;
    rig.fake.fault_first = 0xF0000;
    rig.fake.fault_end = 0x100000;
    assert_int_equal(begin(AT, image, 0x1000, 1, 0), 0);
    rig_erase(&rig, open_id(), 0, AT, 4096);
    struct ql_frame answer;
    uint8_t payload[8];
    ql_store_u32(payload, open_id());
    ql_store_u32(payload + 4, 1);
    assert_int_equal(rig_request(&rig, 0x11, payload, 8, &answer), 15);
    assert_in_range(rig_word(&answer, 4), 0x900F0000, 0x900FFFFF);
    assert_int_equal(rig.fake.erases, 0);
    rig.fake.program_leaves_bit = false;
    rig.fake.erase_leaves_bit = true;
    assert_int_equal(begin(AT, image, 0x1000, 1, 0), 0);
    rig_erase(&rig, open_id(), 0, AT, 4096);
    ql_store_u32(payload, open_id());
    assert_int_equal(rig_request(&rig, 0x11, payload, 8, &answer), 14);
    assert_in_range(rig_word(&answer, 4), 0x900F0000, 0x900FFFFF);
    assert_int_equal(rig.fake.erases, 0);
}

static void a_hanging_record_fails_the_update(void **state)
{
    (void)state;
    rig.fake.program_hangs = true;
    rig.fake.fault_first = 0xF0000;
    rig.fake.fault_end = 0x100000;
    assert_int_equal(begin(AT, image, 0x1000, 1, 0), 0);
    rig_write(&rig, open_id(), 0, AT, image, 4096);
    assert_int_equal(end(1), 15);
    assert_int_equal(rig.fake.programs, 0);
}

static void a_seal_that_cannot_be_written_fails_the_update(void **state)
{
    (void)state;
    assert_int_equal(begin(AT, image, 0x1000, 1, 0), 0);
    uint32_t count = send(AT, image, 0x1000);
    rig.fake.program_hangs = true;
    rig.fake.fault_first = 0xF0000;
    rig.fake.fault_end = 0x100000;
    assert_int_equal(end(count), 15);
    rig.fake.busy_until_us = 0;
    assert_int_equal(boot(), 17);
}

// --- What is started ----------------------------------------------------------------------------

static void boot_hashes_every_byte(void **state)
{
    (void)state;
    put(LONG);
    assert_int_equal(begin(AT, image, LONG, 1, 0), 0);
    assert_int_equal(end(0), 0);
    rig_restart(&rig);
    static const uint32_t places[] = {8, 0x1234, LONG / 2, LONG - 1};
    for (unsigned i = 0; i < 4; i++) {
        struct ql_frame answer;
        *rig_chip_at(&rig, AT + places[i]) ^= 0x40;
        assert_int_equal(request_pair(0x07, AT, 0, &answer), 22);
        assert_int_equal(rig_word(&answer, 4), AT);
        assert_int_equal(server_action(&rig.server).kind, SERVER_ACT_NOT);
        assert_int_equal(rig_request(&rig, 0x02, NULL, 0, &answer), 0);
        *rig_chip_at(&rig, AT + places[i]) ^= 0x40;
    }
    *rig_chip_at(&rig, AT + LONG) ^= 0x40; // not its own
    assert_int_equal(boot(), 0);
}

// The chip is changed behind the board's back, to see whether it looks.
static void boot_trusts_what_end_has_just_read_back(void **state)
{
    (void)state;
    put(LONG);
    assert_int_equal(begin(AT, image, LONG, 1, 0), 0);
    assert_int_equal(end(0), 0);
    *rig_chip_at(&rig, AT + 0x1234) ^= 0x40;
    assert_int_equal(boot(), 0);
    // Not an update that failed, was given up or was another one's, and not after a reset.
    assert_int_equal(begin(AT, image, LONG, 1, 0), 0);
    assert_int_equal(end(0), 16);
    assert_int_equal(boot(), 22);
    *rig_chip_at(&rig, AT + 0x1234) ^= 0x40;
    assert_int_equal(begin(AT, image, LONG, 1, 0), 0);
    assert_int_equal(end(0), 0);
    *rig_chip_at(&rig, AT + 0x1234) ^= 0x40;
    assert_int_equal(begin(AT + 0x200000, image, 4096, 0, 0), 0);
    assert_int_equal(end(0), 16);
    assert_int_equal(boot(), 22);
    rig_restart(&rig);
    assert_int_equal(boot(), 22);
}

static void only_a_sealed_program_at_its_own_address_is_started(void **state)
{
    (void)state;
    put(0x4000);
    ql_store_u32(rig_chip_at(&rig, AT + 0x1000), 0x24080000);
    ql_store_u32(rig_chip_at(&rig, AT + 0x1004), AT + 0x2001);
    assert_int_equal(begin(AT, rig_chip_at(&rig, AT), 0x4000, 1, 0), 0);
    assert_int_equal(end(0), 0);
    assert_int_equal(request_pair(0x07, AT + 0x1000, 0, NULL), 21);
    assert_int_equal(request_pair(0x07, AT, 0, NULL), 0);
    // Its entry lies in the run.
    assert_int_equal(request_pair(0x07, AT + 0x3000, 0, NULL), 8);
}

// No board seals data; what another one may have left is not started.
static void sealed_data_are_no_program(void **state)
{
    (void)state;
    put(0x2000);
    assert_int_equal(begin(AT, image, 0x2000, 1, 0), 0);
    assert_int_equal(end(0), 0);
    struct records_run run = *records_find(&rig.server.records, AT);
    run.flags = 0;
    records_write(&rig.server.records, RECORD_SEALED, &run);
    while (records_poll(&rig.server.records) == 1)
        fake_nor_pass_us(&rig.fake, 100);
    rig_restart(&rig);
    assert_int_equal(start(), 21);
    assert_int_equal(boot(), 21);
    assert_int_equal(begin(AT, image, 0x2000, 1, 0), 0);
    assert_int_equal(end(0), 0);
    assert_int_equal(boot(), 0);
}

static void what_was_torn_is_not_started_after_a_reset(void **state)
{
    (void)state;
    flash(0x2000);
    image[0x1800] ^= 1;
    assert_int_equal(begin(AT, image, 0x2000, 1, 0), 0);
    rig_erase(&rig, open_id(), 0, AT + 0x1000, 4096);
    rig_run_ms(&rig, 10);
    rig_restart(&rig);
    assert_int_equal(start(), 17);
    struct ql_frame answer;
    assert_int_equal(request_pair(0x07, AT, 0, &answer), 17);
    assert_int_equal(rig_word(&answer, 4), AT);
}

static void a_short_program_is_looked_at_whole_at_a_start(void **state)
{
    (void)state;
    put(0x20000);
    assert_int_equal(begin(AT, image, 0x20000, 1, 0), 0);
    assert_int_equal(end(0), 0);
    assert_int_equal(start(), 0);
    for (uint32_t at = 8; at < 0x20000; at += 0x1FF7) {
        *rig_chip_at(&rig, AT + at) ^= 1;
        rig_restart(&rig);
        assert_int_equal(start(), 22);
        *rig_chip_at(&rig, AT + at) ^= 1;
    }
    assert_int_equal(start(), 22); // once found it is known,
    assert_int_equal(boot(), 0);   // until somebody looks at all of it
    assert_int_equal(start(), 0);
}

// Part p by the letter of SPEC.md: pages that are page p of every 2^e-th sector.
static void part_sum(uint32_t length, unsigned e, unsigned part, uint8_t sum[8])
{
    static uint8_t bytes[0x100000];
    size_t count = 0;
    for (uint32_t page = 0; page * 256 < length; page++) {
        uint32_t sector = page / 16;
        if (page % 16 != part || sector % (1u << e) != part % (1u << e))
            continue;
        uint32_t left = length - page * 256 < 256 ? length - page * 256 : 256;
        memcpy(bytes + count, image + page * 256, left);
        count += left;
    }
    while (count % 4 != 0)
        bytes[count++] = 0xFF;
    unsigned __int128 h = 0xCBF29CE484222325;
    for (size_t at = 0; at < count; at += 4) {
        h ^= bytes[at] | (uint32_t)bytes[at + 1] << 8 | (uint32_t)bytes[at + 2] << 16 |
             (uint32_t)bytes[at + 3] << 24;
        h = h * 0x100000001B3 % ((unsigned __int128)1 << 64);
    }
    for (unsigned i = 0; i < 8; i++)
        sum[i] = (uint8_t)(h >> 8 * i);
}

static void the_parts_of_a_program(void **state)
{
    (void)state;
    static const struct {
        uint32_t length;
        unsigned e;
    } cases[] = {{257, 0},      {0x1001, 0},   {0x20001, 0}, {LONG, 0},
                 {0x20000F, 0}, {0x200010, 1}, {0x2FFFFF, 1}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(rig.fake.array + 0xF0000, 0xFF, 0x10000);
        put(cases[i].length);
        assert_int_equal(begin(AT, image, cases[i].length, 1, 0), 0);
        assert_int_equal(end(0), 0);
        for (unsigned part = 0; part < 16; part++) {
            uint8_t sum[8];
            part_sum(cases[i].length, cases[i].e, part, sum);
            assert_memory_equal(rig_slot(&rig, 2) + 64 + 8 * part, sum, 8);
        }
        rig_restart(&rig);
        for (unsigned part = 0; part < 16; part++)
            assert_int_equal(start(), 0);
    }
}

// How many of 16 starts, each beginning with another part, find it.
static unsigned found(void)
{
    unsigned count = 0;
    for (uint32_t random = 0; random < 16; random++) {
        rig_restart(&rig);
        count += server_start_check(&rig.server, AT, random).status == QL_STATUS_CHANGED;
    }
    return count;
}

static void what_a_start_finds_in_a_long_program(void **state)
{
    (void)state;
    put(0x180000);
    assert_int_equal(begin(AT, image, 0x180000, 1, 0), 0);
    assert_int_equal(end(0), 0);
    assert_int_equal(found(), 0);
    // One page: a part of 96 KiB is read, one of 16.
    *rig_chip_at(&rig, AT + 0x123456) ^= 1;
    assert_int_equal(found(), 1);
    memcpy(rig_chip_at(&rig, AT + 0x123456), image + 0x123456, 1);
    // A sector, wherever it is.
    for (uint32_t sector = 0; sector < 0x180; sector += 77) {
        memset(rig_chip_at(&rig, AT + sector * 4096) + 8, 0xFF, 4088);
        assert_int_equal(found(), 16);
        memcpy(rig_chip_at(&rig, AT + sector * 4096), image + sector * 4096, 4096);
    }
    assert_int_equal(found(), 0);
}

static void more_parts_of_a_shorter_one(void **state)
{
    (void)state;
    put(0x40000);
    assert_int_equal(begin(AT, image, 0x40000, 1, 0), 0);
    assert_int_equal(end(0), 0);
    // 16 KiB a part: 8 of them are 128 KiB.
    *rig_chip_at(&rig, AT + 0x12345) ^= 1;
    assert_int_equal(found(), 8);
}

static void the_whole_check_goes_in_slices(void **state)
{
    (void)state;
    put(LONG);
    assert_int_equal(begin(AT, image, LONG, 1, 0), 0);
    assert_int_equal(end(0), 0);
    for (int changed = 0; changed < 2; changed++) {
        struct outcome outcome = server_check_begin(&rig.server, AT);
        assert_int_equal(outcome.status, 0);
        unsigned slices = 1;
        while (!server_check_run(&rig.server, AT, &outcome))
            slices++;
        assert_in_range(slices, LONG / 16384, LONG / 16384 + 3);
        assert_int_equal(outcome.status, changed ? 22 : 0);
        *rig_chip_at(&rig, AT + LONG - 1) ^= 1;
    }
    assert_int_equal(server_check_begin(&rig.server, AT + 0x400000).status, 10);
}

static void info_tells_the_known_runs_and_what_was_found(void **state)
{
    (void)state;
    put(0x2000);
    assert_int_equal(begin(AT, image, 0x2000, 1, 0), 0);
    assert_int_equal(end(0), 0);
    assert_int_equal(begin(AT + 0x10000, image, 5000, 0, 0), 0);
    send(AT + 0x10000, image, 4096);
    abort_update();
    *rig_chip_at(&rig, AT + 0x1000) ^= 1;
    assert_int_equal(start(), 22);
    struct ql_frame answer;
    assert_int_equal(rig_request(&rig, 0x02, NULL, 0, &answer), 0);
    uint8_t digest[32], runs[2][22] = {
                            {0x14, 20, 0, 0, 0x10, 0x90, 0, 0x20, 0, 0, 2, 1},
                            {0x14, 20, 0, 0, 0x11, 0x90, 0x88, 0x13, 0, 0, 1, 0},
                        };
    rig_sha256(image, 0x2000, digest);
    memcpy(runs[0] + 14, digest, 8);
    rig_sha256(image, 5000, digest);
    memcpy(runs[1] + 14, digest, 8);
    unsigned run = 0, verdicts = 0;
    for (unsigned at = 8; at < answer.length; at += 2u + answer.payload[at + 1]) {
        if (answer.payload[at] == 0x14)
            assert_memory_equal(answer.payload + at, runs[run++], 22);
        if (answer.payload[at] == 0x0C) {
            assert_memory_equal(answer.payload + at, "\x0C\x08\x16\0\0\0\0\0\x10\x90", 10);
            verdicts++;
        }
    }
    assert_int_equal(run, 2);
    assert_int_equal(verdicts, 1);
}

#define SEALS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEALS_TEST(writing_comes_first_and_sealed_last),
        SEALS_TEST(nothing_is_written_when_nothing_changes),
        SEALS_TEST(an_update_without_operations_seals_what_is_there),
        SEALS_TEST(data_are_cleared_and_unseal_their_owner),
        SEALS_TEST(complete_data_found_without_operations_are_cleared),
        SEALS_TEST(a_program_has_no_owner),
        SEALS_TEST(another_owner_is_another_update),
        SEALS_TEST(the_ninth_run_is_refused),
        SEALS_TEST(an_unfinished_update_makes_blank_places_doubtful),
        SEALS_TEST(an_abort_lets_the_record_be_finished),
        SEALS_TEST(requests_are_answered_while_it_seals),
        SEALS_TEST(a_worn_log_fails_the_update_before_anything_is_touched),
        SEALS_TEST(a_hanging_record_fails_the_update),
        SEALS_TEST(a_seal_that_cannot_be_written_fails_the_update),
        SEALS_TEST(boot_hashes_every_byte),
        SEALS_TEST(boot_trusts_what_end_has_just_read_back),
        SEALS_TEST(only_a_sealed_program_at_its_own_address_is_started),
        SEALS_TEST(sealed_data_are_no_program),
        SEALS_TEST(what_was_torn_is_not_started_after_a_reset),
        SEALS_TEST(a_short_program_is_looked_at_whole_at_a_start),
        SEALS_TEST(the_parts_of_a_program),
        SEALS_TEST(what_a_start_finds_in_a_long_program),
        SEALS_TEST(more_parts_of_a_shorter_one),
        SEALS_TEST(the_whole_check_goes_in_slices),
        SEALS_TEST(info_tells_the_known_runs_and_what_was_found),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
