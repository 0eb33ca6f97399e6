// The update engine through the server: order, blank areas, failures, speed, resuming. The rules
// are SPEC.md sections 4 and 5; the chip is a fake W25Q128JV with typical times.
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

#define SIZE 0x400000u // 4 MiB
#define AT   0x90100000u
#define ID   0xC0FFEE01u

static struct rig rig;
static uint8_t image[0x100000];

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

static struct ql_frame status(void)
{
    struct ql_frame answer;
    assert_int_equal(rig_request(&rig, 0x03, NULL, 0, &answer), 0);
    assert_int_equal(answer.length, 48);
    return answer;
}

static void expect_failure(uint16_t wanted, uint32_t detail)
{
    struct ql_frame record = status();
    assert_int_equal(record.payload[8 + 4], 4);
    assert_int_equal(ql_load_u16(record.payload + 8 + 6), wanted);
    assert_int_equal(rig_word(&record, 8 + 8), detail);
}

// Sends operations for `length` bytes of the image, with the window kept; returns their number.
static uint32_t stream(uint32_t length, uint32_t erase_size, uint32_t from)
{
    uint32_t number = 0, unexecuted = 0, executed = 0;
    uint32_t sizes[600];
    for (uint32_t at = 0; at < length; at += 4096) {
        for (int part = at % erase_size == 0 ? 0 : 1; part < 2; part++, number++) {
            uint32_t payload = part == 0 ? 16 : 4112;
            sizes[number] = payload;
            if (number < from)
                continue;
            while (unexecuted + payload > 131072) {
                struct ql_frame progress = rig_wait(&rig, 0xC0, 1000);
                assert_int_not_equal(progress.kind, 0);
                for (; executed < rig_word(&progress, 16); executed++)
                    unexecuted -= executed >= from ? sizes[executed] : 0;
            }
            unexecuted += payload;
            if (part == 0)
                rig_erase(&rig, ID, number, AT + at, erase_size);
            else
                rig_write(&rig, ID, number, AT + at, image + at, 4096);
        }
    }
    return number;
}

static void a_mebibyte_arrives_at_the_chips_own_speed(void **state)
{
    (void)state;
    memset(rig.fake.array + 0x100000, 0, sizeof image);
    assert_int_equal(rig_begin(&rig, ID, AT, image, sizeof image, 1), 0);
    uint64_t start_us = rig.fake.now_us;
    uint32_t count = stream(sizeof image, 0x10000, 0);
    assert_int_equal(rig_end(&rig, ID, count, 20000), 0);
    assert_memory_equal(rig_chip_at(&rig, AT), image, sizeof image);
    assert_int_equal(rig.fake.erases, 16);
    assert_int_equal(rig.fake.programs, 4096);
    // 16 erases of 150 ms and 4096 pages of 0.4 ms are 4.04 s; the chip is hardly ever idle (the
    // rig looks every 100 us, which costs up to that for each operation).
    assert_true(rig.fake.now_us - start_us < 4040000 + 4112 * 110);
    struct ql_frame record = status();
    assert_int_equal(record.payload[8 + 4], 3);
    assert_int_equal(rig_word(&record, 8 + 12), 272);
    assert_int_equal(rig_word(&record, 8 + 16), 272);
    assert_int_equal(rig_word(&record, 8 + 24), 0x100000);
    assert_int_equal(rig_word(&record, 8 + 28), 0x100000);
    assert_int_equal(rig_word(&record, 8 + 32), 0);
}

static void blank_areas_are_skipped(void **state)
{
    (void)state;
    memset(image + 4096, 0xFF, 8192);
    image[4096 + 300] = 0x7F;
    // The first block is not blank, by its last byte; the second one is.
    rig.fake.array[0x10FFFF] = 0xFE;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x20000, 0), 0);
    uint32_t count = stream(0x20000, 0x10000, 0);
    assert_int_equal(rig_end(&rig, ID, count, 5000), 0);
    assert_int_equal(rig.fake.erases, 1);
    assert_int_equal(rig.fake.programs, 512 - 31);
    struct ql_frame record = status();
    assert_int_equal(rig_word(&record, 8 + 24), 0x10000);
    assert_int_equal(rig_word(&record, 8 + 28), 0x20000 - 31 * 256);
    assert_int_equal(rig_word(&record, 8 + 32), 0x10000 + 31 * 256);
}

static void a_sector_erase_leaves_its_neighbours(void **state)
{
    (void)state;
    memset(rig.fake.array + 0x100000, 0, 0x10000);
    assert_int_equal(rig_begin(&rig, ID, AT + 0x1000, image, 0x2000, 0), 0);
    rig_erase(&rig, ID, 0, AT + 0x2000, 0x1000);
    rig_run_ms(&rig, 200);
    assert_int_equal(*rig_chip_at(&rig, AT + 0x1FFF), 0);
    assert_int_equal(*rig_chip_at(&rig, AT + 0x2000), 0xFF);
    assert_int_equal(*rig_chip_at(&rig, AT + 0x2FFF), 0xFF);
    assert_int_equal(*rig_chip_at(&rig, AT + 0x3000), 0);
}

static void a_lost_operation_is_told_at_once_and_sent_again(void **state)
{
    (void)state;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x4000, 0), 0);
    rig_write(&rig, ID, 0, AT, image, 4096);
    rig_write(&rig, ID, 2, AT + 0x2000, image + 0x2000, 4096);
    struct ql_frame progress = rig_wait(&rig, 0xC0, 0);
    assert_int_equal(progress.kind, 0xC0);
    assert_int_equal(rig_word(&progress, 12), 1);
    assert_int_equal(rig_word(&progress, 20), 1);
    // Going on regardless is told at most every 20 ms.
    uint64_t told_us = rig.fake.now_us;
    rig_write(&rig, ID, 3, AT + 0x3000, image + 0x3000, 4096);
    progress = rig_wait(&rig, 0xC0, 0);
    assert_int_equal(progress.kind, 0);
    do
        progress = rig_wait(&rig, 0xC0, 100);
    while (progress.kind != 0 && rig_word(&progress, 20) == 1);
    assert_int_equal(rig_word(&progress, 20), 2);
    assert_true(rig.fake.now_us - told_us <= 21000);
    for (uint32_t i = 1; i < 4; i++)
        rig_write(&rig, ID, i, AT + i * 0x1000, image + i * 0x1000, 4096);
    assert_int_equal(rig_end(&rig, ID, 4, 1000), 0);
    assert_memory_equal(rig_chip_at(&rig, AT), image, 0x4000);
}

static void a_repeated_operation_has_no_effect(void **state)
{
    (void)state;
    rig.fake.array[0x100000] = 0;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 0), 0);
    rig_erase(&rig, ID, 0, AT, 0x1000);
    rig_write(&rig, ID, 1, AT, image, 4096);
    rig_erase(&rig, ID, 0, AT, 0x1000);
    rig_run_ms(&rig, 100);
    rig_erase(&rig, ID, 0, AT, 0x1000);
    rig_write(&rig, ID, 1, AT, image, 4096);
    assert_int_equal(rig_end(&rig, ID, 2, 1000), 0);
    assert_int_equal(rig.fake.erases, 1);
    assert_int_equal(rig.fake.programs, 16);
    struct ql_frame record = status();
    assert_int_equal(rig_word(&record, 8 + 20), 0);
}

static void a_damaged_frame_counts_as_a_fault(void **state)
{
    (void)state;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 0), 0);
    rig_receive_vector(&rig, "damaged_crc");
    struct ql_frame progress = rig_wait(&rig, 0xC0, 0);
    assert_int_equal(rig_word(&progress, 20), 1);
    // An operation of another update is damaged too.
    rig_erase(&rig, ID + 1, 0, AT, 0x1000);
    struct ql_frame record = status();
    assert_int_equal(rig_word(&record, 8 + 20), 2);
}

static void more_than_the_window_is_dropped_and_may_come_again(void **state)
{
    (void)state;
    memset(rig.fake.array + 0x100000, 0, 0x10000);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x80000, 0), 0);
    rig_erase(&rig, ID, 0, AT, 0x10000);
    uint32_t sent = 1;
    for (; 16 + sent * 4112 <= 131072; sent++)
        rig_write(&rig, ID, sent, AT + sent * 4096, image + sent * 4096, 4096);
    struct ql_frame record = status();
    assert_int_equal(rig_word(&record, 8 + 12), sent);
    assert_int_equal(rig_word(&record, 8 + 20), 0);
    rig_write(&rig, ID, sent, AT + sent * 4096, image + sent * 4096, 4096);
    record = status();
    assert_int_equal(rig_word(&record, 8 + 12), sent);
    assert_int_equal(rig_word(&record, 8 + 20), 1);
}

// Operations of changing size go round the ring many times, and end at each possible distance from
// its end. ERASEs of the blank last sector are the smallest ones.
static void the_ring_keeps_every_byte(void **state)
{
    (void)state;
    const uint32_t written = sizeof image - 4096;
    memset(image + written, 0xFF, 4096);
    assert_int_equal(rig_begin(&rig, ID, AT, image, sizeof image, 0), 0);
    uint32_t number = 0, at = 0, waiting = 0, executed = 0;
    static uint32_t sizes[8192];
    while (at < written) {
        uint32_t length = number % 3 == 0 ? 0 : 256 * (1 + number * 7 % 16);
        if (length > written - at)
            length = written - at;
        while (waiting + length + 16 > 131072) {
            struct ql_frame progress = rig_wait(&rig, 0xC0, 1000);
            assert_int_equal(rig_word(&progress, 20), 0);
            for (; executed < rig_word(&progress, 16); executed++)
                waiting -= sizes[executed];
        }
        if (length == 0)
            rig_erase(&rig, ID, number, AT + written, 4096);
        else
            rig_write(&rig, ID, number, AT + at, image + at, length);
        sizes[number++] = length + 16;
        waiting += length + 16;
        at += length;
    }
    assert_int_equal(rig_end(&rig, ID, number, 5000), 0);
    assert_memory_equal(rig_chip_at(&rig, AT), image, sizeof image);
}

// The ring has 135184 bytes. After an ERASE (16), 31 WRITEs of 4096 (4112 each) and one of 3584
// (3600) 4096 bytes are left at its end: 16 too few for the next WRITE.
static void an_operation_that_misses_the_rings_end_by_16_bytes_goes_to_its_start(void **state)
{
    (void)state;
    rig.fake.array[0x100000] = 0;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 31 * 4096 + 3584 + 4096, 0), 0);
    rig_erase(&rig, ID, 0, AT, 4096);
    for (uint32_t i = 0; i < 31; i++)
        rig_write(&rig, ID, 1 + i, AT + i * 4096, image + i * 4096, 4096);
    rig_run_ms(&rig, 80);
    rig_write(&rig, ID, 32, AT + 31 * 4096, image + 31 * 4096, 3584);
    rig_write(&rig, ID, 33, AT + 31 * 4096 + 3584, image + 31 * 4096 + 3584, 4096);
    assert_int_equal(rig_end(&rig, ID, 34, 1000), 0);
}

static void resumes_after_the_cable_was_away(void **state)
{
    (void)state;
    memset(rig.fake.array + 0x100000, 0, 0x20000);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x20000, 1), 0);
    rig_erase(&rig, ID, 0, AT, 0x10000);
    rig_write(&rig, ID, 1, AT, image, 4096);
    // Half a frame, then nothing for a while.
    static const uint8_t half[] = {0x00, 0x02, 0x41, 0x01, 0x01, 0x03};
    rig_receive(&rig, half, sizeof half);
    server_line_reset(&rig.server);
    rig_run_ms(&rig, 1000);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x20000, 1), 0);
    struct ql_frame record = status();
    assert_int_equal(record.payload[8 + 4], 1);
    assert_int_equal(rig_word(&record, 8 + 12), 2);
    assert_int_equal(rig_word(&record, 8 + 20), 0);
    uint32_t count = stream(0x20000, 0x10000, 2);
    assert_int_equal(rig_end(&rig, ID, count, 5000), 0);
    assert_int_equal(rig.fake.erases, 2);
}

static void resumes_after_the_answer_to_end_was_lost(void **state)
{
    (void)state;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 1), 0);
    rig_write(&rig, ID, 0, AT, image, 4096);
    assert_int_equal(rig_end(&rig, ID, 1, 1000), 0);
    server_line_reset(&rig.server);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 1), 0);
    struct ql_frame record = status();
    assert_int_equal(record.payload[8 + 4], 3);
    assert_int_equal(rig_word(&record, 8 + 12), 1);
    assert_int_equal(rig_end(&rig, ID, 1, 0), 0);
    // Another id is another update.
    assert_int_equal(rig_begin(&rig, ID + 1, AT, image, 0x1000, 1), 0);
    record = status();
    assert_int_equal(record.payload[8 + 4], 1);
    assert_int_equal(rig_word(&record, 8 + 12), 0);
}

static void a_new_update_closes_the_old_one(void **state)
{
    (void)state;
    memset(rig.fake.array + 0x100000, 0, 0x20000);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x20000, 0), 0);
    rig_erase(&rig, ID, 0, AT, 0x10000);
    rig_erase(&rig, ID, 1, AT + 0x10000, 0x10000);
    rig_run_ms(&rig, 10);
    assert_true(fake_nor_is_busy(&rig.fake));
    assert_int_equal(rig_begin(&rig, ID + 1, AT + 0x10000, image, 0x1000, 0), 0);
    rig_erase(&rig, ID + 1, 0, AT + 0x10000, 0x1000);
    rig_write(&rig, ID + 1, 1, AT + 0x10000, image, 0x1000);
    assert_int_equal(rig_end(&rig, ID + 1, 2, 2000), 0);
    assert_int_equal(rig_end(&rig, ID, 2, 100), 11);
    // The old one's second erase was never done.
    assert_int_equal(*rig_chip_at(&rig, AT + 0x1FFFF), 0);
}

static void a_refused_begin_leaves_the_open_update(void **state)
{
    (void)state;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 0), 0);
    assert_int_equal(rig_begin(&rig, ID + 1, AT + 1, image, 0x1000, 0), 7);
    struct ql_frame record = status();
    assert_int_equal(rig_word(&record, 8), ID);
    assert_int_equal(record.payload[8 + 4], 1);
}

static void what_begin_refuses(void **state)
{
    (void)state;
    uint8_t *entry = image + 4;
    uint32_t end = 0x90000000 + SIZE;
    assert_int_equal(rig_begin(&rig, 0, AT, image, 0x1000, 0), 2);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0, 0), 2);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 2), 2);
    assert_int_equal(rig_begin(&rig, ID, AT + 0x800, image, 0x1000, 0), 7);
    assert_int_equal(rig_begin(&rig, ID, 0x900FF000, image, 0x1000, 0), 6);
    assert_int_equal(rig_begin(&rig, ID, 0x90000000, image, 0x1000, 0), 6);
    assert_int_equal(rig_begin(&rig, ID, 0x8FFFF000, image, 0x1000, 0), 5);
    assert_int_equal(rig_begin(&rig, ID, end, image, 0x1000, 0), 5);
    assert_int_equal(rig_begin(&rig, ID, end - 0x1000, image, 0x1001, 0), 5);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 4, 1), 9);
    ql_store_u32(entry, AT + 0x1001);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 1), 9);
    ql_store_u32(entry, AT + 0x100);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 1), 9);
    ql_store_u32(image, 0x08000000);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 1), 8);
    memset(image, 0xFF, 8);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 1), 10);
    struct ql_frame record = status();
    assert_int_equal(record.payload[8 + 4], 0);
    assert_int_equal(rig.fake.erases + rig.fake.programs + rig.fake.status_writes, 0);
}

static void the_end_of_the_chip_may_be_reserved(void **state)
{
    (void)state;
    rig.facts.reserved_end = 0x80000;
    rig_restart(&rig);
    uint32_t end = 0x90000000 + SIZE - 0x80000;
    assert_int_equal(rig_begin(&rig, ID, end, image, 0x1000, 0), 6);
    assert_int_equal(rig_begin(&rig, ID, end - 0x1000, image, 0x1001, 0), 6);
    assert_int_equal(rig_begin(&rig, ID, end - 0x1000, image, 0x1000, 0), 0);
}

static void the_block_of_a_second_stage_is_replaced_as_a_whole(void **state)
{
    (void)state;
    enum { BLOCK = 0x3000 };
    uint32_t first = 0x90000000 + SIZE - BLOCK;
    rig.facts.reserved_end = 0x80000;
    rig_restart(&rig);
    assert_int_equal(rig_begin(&rig, ID, first, image, BLOCK, 0), 6);
    rig.facts.image_area = first;
    rig.facts.image_area_size = BLOCK;
    rig_restart(&rig);
    assert_int_equal(rig_begin(&rig, ID, first, image, BLOCK - 1, 0), 6);
    assert_int_equal(rig_begin(&rig, ID, first - 0x1000, image, BLOCK, 0), 6);
    assert_int_equal(rig_begin(&rig, ID, first + 0x1000, image, BLOCK - 0x1000, 0), 6);
    ql_store_u32(image, 0x20001000);
    ql_store_u32(image + 4, first + 0x101);
    assert_int_equal(rig_begin(&rig, ID, first, image, BLOCK, 1), 6);
    assert_int_equal(rig_begin(&rig, ID, first, image, BLOCK, 0), 0);
}

static void operations_outside_the_run_fail_the_update(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        uint32_t address, size;
        uint16_t status;
        uint32_t detail;
    } cases[] = {
        {0x40, AT, 0x1000, 5, AT},                     // before the run
        {0x40, AT + 0x13000, 0x1000, 5, AT + 0x13000}, // behind it
        {0x40, AT + 0x10000, 0x8000, 5, AT + 0x13000}, // across its end
        {0x40, AT + 0x10000, 0x2000, 2, 12},           // no erase size
        {0x40, AT + 0x10800, 0x1000, 7, AT + 0x10800},
        {0x41, AT + 0xFF00, 256, 5, AT + 0xFF00},
        {0x41, AT + 0x12F00, 512, 5, AT + 0x13000},
        {0x41, AT + 0x12F80, 256, 7, AT + 0x12F80},
        {0x41, AT + 0x10000, 0, 2, 12},
        {0x41, AT + 0x10000, 128, 2, 12},
        {0x41, 0x50100000, 256, 5, 0x50100000},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rig_restart(&rig);
        // A run of 10001 bytes from AT + 10000h: widened it ends at AT + 13000h.
        assert_int_equal(rig_begin(&rig, ID, AT + 0x10000, image, 10001, 0), 0);
        if (cases[i].kind == 0x40)
            rig_erase(&rig, ID, 0, cases[i].address, cases[i].size);
        else
            rig_write(&rig, ID, 0, cases[i].address, image, cases[i].size);
        expect_failure(cases[i].status, cases[i].detail);
    }
    assert_int_equal(rig.fake.erases + rig.fake.programs, 0);
}

static void the_last_sector_of_the_run_may_be_filled(void **state)
{
    (void)state;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 1000, 0), 0);
    rig_write(&rig, ID, 0, AT, image, 4096);
    assert_int_equal(rig_end(&rig, ID, 1, 1000), 0);
}

static void an_unknown_stream_operation_fails_the_update(void **state)
{
    (void)state;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 0), 0);
    rig_receive_frame(&rig, 0x4A, 0, "abc", 3);
    struct ql_frame progress = rig_wait(&rig, 0xC0, 0);
    assert_int_equal(progress.payload[4], 4);
    expect_failure(1, 0x4A);
    assert_int_equal(rig_end(&rig, ID, 0, 100), 1);
}

static void a_failed_erase_is_told(void **state)
{
    (void)state;
    memset(rig.fake.array + 0x100000, 0, 0x20000);
    rig.fake.erase_leaves_bit = true;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x20000, 0), 0);
    rig_erase(&rig, ID, 0, AT + 0x10000, 0x10000);
    rig_write(&rig, ID, 1, AT, image, 4096);
    assert_int_equal(rig_end(&rig, ID, 2, 1000), 14);
    expect_failure(14, AT + 0x10000);
    assert_int_equal(rig.fake.programs, 0);
}

static void a_hanging_erase_and_a_hanging_program_are_told(void **state)
{
    (void)state;
    rig.fake.array[0x100000] = 0;
    rig.fake.erase_hangs = true;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 0), 0);
    rig_erase(&rig, ID, 0, AT, 0x1000);
    assert_int_equal(rig_end(&rig, ID, 1, 2000), 14);
    rig.fake.busy_until_us = 0;
    rig.fake.program_hangs = true;
    assert_int_equal(rig_begin(&rig, ID + 1, AT, image, 0x1000, 0), 0);
    rig_write(&rig, ID + 1, 0, AT, image, 4096);
    assert_int_equal(rig_end(&rig, ID + 1, 1, 2000), 15);
    expect_failure(15, AT);
}

static void what_was_not_erased_ends_in_verify(void **state)
{
    (void)state;
    rig.fake.array[0x100010] = 0;
    image[0x10] = 0x55;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 0), 0);
    rig_write(&rig, ID, 0, AT, image, 4096);
    uint8_t payload[8];
    ql_store_u32(payload, ID);
    ql_store_u32(payload + 4, 1);
    struct ql_frame answer;
    assert_int_equal(rig_request(&rig, 0x11, payload, 8, &answer), 16);
    assert_int_equal(rig_word(&answer, 4), AT);
    // The answer tells the hash of what is in the chip.
    uint8_t digest[32];
    rig_sha256(rig_chip_at(&rig, AT), 0x1000, digest);
    assert_int_equal(answer.length, 40);
    assert_memory_equal(answer.payload + 8, digest, 32);
    expect_failure(16, AT);
}

static void end_before_all_operations_is_incomplete(void **state)
{
    (void)state;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x2000, 0), 0);
    rig_write(&rig, ID, 0, AT, image, 4096);
    assert_int_equal(rig_end(&rig, ID, 2, 0), 17);
    rig_write(&rig, ID, 1, AT + 0x1000, image + 0x1000, 4096);
    assert_int_equal(rig_end(&rig, ID, 1, 0), 2);
    assert_int_equal(rig_end(&rig, ID, 2, 1000), 0);
    // Its answer got lost: the same again.
    assert_int_equal(rig_end(&rig, ID, 2, 0), 0);
    assert_int_equal(rig_end(&rig, ID + 5, 2, 0), 11);
}

static void abort_ends_the_update_and_the_chip_is_free_again(void **state)
{
    (void)state;
    memset(rig.fake.array + 0x100000, 0, 0x20000);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x20000, 0), 0);
    rig_erase(&rig, ID, 0, AT, 0x10000);
    rig_erase(&rig, ID, 1, AT + 0x10000, 0x10000);
    rig_run_ms(&rig, 5);
    uint8_t id[4] = {0};
    struct ql_frame answer;
    assert_int_equal(rig_request(&rig, 0x12, id, 4, &answer), 0);
    assert_int_equal(answer.payload[8 + 4], 5);
    assert_int_equal(rig_request(&rig, 0x12, id, 4, NULL), 0);
    ql_store_u32(id, ID);
    assert_int_equal(rig_request(&rig, 0x12, id, 4, NULL), 0);
    ql_store_u32(id, ID + 1);
    assert_int_equal(rig_request(&rig, 0x12, id, 4, NULL), 11);
    // A READ waits for the erase under way and sees its result; the second erase does not come.
    uint8_t read[8];
    ql_store_u32(read, AT + 0xFFF8);
    ql_store_u32(read + 4, 16);
    assert_int_equal(rig_request(&rig, 0x04, read, 8, &answer), 0);
    assert_memory_equal(answer.payload + 8, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(rig.fake.erases, 1);
}

static void protection_is_taken_away_first(void **state)
{
    (void)state;
    rig.fake.status[0] = 0x1C;
    rig_restart(&rig);
    assert_int_equal(rig.fake.status_writes, 0);
    rig.fake.array[0x100000] = 0;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 0), 0);
    rig_erase(&rig, ID, 0, AT, 0x1000);
    rig_write(&rig, ID, 1, AT, image, 4096);
    assert_int_equal(rig_end(&rig, ID, 2, 1000), 0);
    assert_int_equal(rig.fake.status[0], 0);
}

static void a_new_update_goes_on_taking_protection_away(void **state)
{
    (void)state;
    rig.fake.status[0] = 0x1C;
    rig.fake.status[1] = 0x42;
    rig_restart(&rig);
    rig.fake.array[0x100000] = 0;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 0), 0);
    rig_run_ms(&rig, 5);
    assert_true(fake_nor_is_busy(&rig.fake));
    assert_int_equal(rig_begin(&rig, ID + 1, AT, image, 0x1000, 0), 0);
    rig_erase(&rig, ID + 1, 0, AT, 0x1000);
    rig_write(&rig, ID + 1, 1, AT, image, 4096);
    assert_int_equal(rig_end(&rig, ID + 1, 2, 1000), 0);
    assert_int_equal(rig.fake.status[1], 0x02);
}

static void protection_that_stays_fails_the_update(void **state)
{
    (void)state;
    rig.fake.status[0] = 0x1C;
    rig.fake.status_locked = true;
    rig_restart(&rig);
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x1000, 0), 0);
    rig_run_ms(&rig, 100);
    expect_failure(13, AT);
}

static void progress_comes_every_250_ms_and_every_16_kib(void **state)
{
    (void)state;
    rig.fake.array[0x100000] = 0;
    assert_int_equal(rig_begin(&rig, ID, AT, image, 0x40000, 0), 0);
    uint64_t start_us = rig.fake.now_us;
    for (int i = 0; i < 3; i++) {
        struct ql_frame progress = rig_wait(&rig, 0xC0, 300);
        assert_int_equal(progress.kind, 0xC0);
    }
    assert_true(rig.fake.now_us - start_us <= 760000);
    for (uint32_t i = 0; i < 16; i++)
        rig_write(&rig, ID, i, AT + i * 4096, image + i * 4096, 4096);
    unsigned count = 0;
    uint32_t executed = 0;
    while (executed < 16) {
        struct ql_frame progress = rig_wait(&rig, 0xC0, 300);
        assert_int_equal(progress.kind, 0xC0);
        assert_true(rig_word(&progress, 16) - executed <= 4);
        executed = rig_word(&progress, 16);
        count++;
    }
    assert_true(count >= 4 && count <= 6);
}

// 16 MiB take a while to hash: PROGRESS and requests go on meanwhile.
static void the_board_answers_while_it_verifies(void **state)
{
    (void)state;
    static uint8_t blank[0x300000];
    memset(blank, 0xFF, sizeof blank);
    assert_int_equal(rig_begin(&rig, ID, AT, blank, sizeof blank, 0), 0);
    uint8_t payload[8];
    ql_store_u32(payload, ID);
    ql_store_u32(payload + 4, 0);
    rig_receive_frame(&rig, 0x11, 9, payload, 8);
    unsigned rounds = 0;
    while (server_run(&rig.server)) {
        if (++rounds == 10) {
            rig_receive_frame(&rig, 0x03, 5, NULL, 0);
            rig_receive_frame(&rig, 0x11, 9, payload, 8);
        }
    }
    // One slice a call.
    assert_true(rounds >= sizeof blank / 16384 && rounds < sizeof blank / 16384 + 10);
    rig_run(&rig);
    struct ql_frame frame, seen[3];
    unsigned answers = 0;
    while ((frame = rig_next(&rig)).kind != 0)
        if (frame.kind >= 0x80 && frame.kind < 0xC0 && answers < 3)
            seen[answers++] = frame;
    assert_int_equal(answers, 2);
    assert_int_equal(seen[0].kind, 0x83);
    assert_int_equal(seen[1].kind, 0x91);
}

#define UPDATE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UPDATE_TEST(a_mebibyte_arrives_at_the_chips_own_speed),
        UPDATE_TEST(blank_areas_are_skipped),
        UPDATE_TEST(a_sector_erase_leaves_its_neighbours),
        UPDATE_TEST(a_lost_operation_is_told_at_once_and_sent_again),
        UPDATE_TEST(a_repeated_operation_has_no_effect),
        UPDATE_TEST(a_damaged_frame_counts_as_a_fault),
        UPDATE_TEST(more_than_the_window_is_dropped_and_may_come_again),
        UPDATE_TEST(the_ring_keeps_every_byte),
        UPDATE_TEST(an_operation_that_misses_the_rings_end_by_16_bytes_goes_to_its_start),
        UPDATE_TEST(resumes_after_the_cable_was_away),
        UPDATE_TEST(resumes_after_the_answer_to_end_was_lost),
        UPDATE_TEST(a_new_update_closes_the_old_one),
        UPDATE_TEST(a_refused_begin_leaves_the_open_update),
        UPDATE_TEST(what_begin_refuses),
        UPDATE_TEST(the_end_of_the_chip_may_be_reserved),
        UPDATE_TEST(the_block_of_a_second_stage_is_replaced_as_a_whole),
        UPDATE_TEST(operations_outside_the_run_fail_the_update),
        UPDATE_TEST(the_last_sector_of_the_run_may_be_filled),
        UPDATE_TEST(an_unknown_stream_operation_fails_the_update),
        UPDATE_TEST(a_failed_erase_is_told),
        UPDATE_TEST(a_hanging_erase_and_a_hanging_program_are_told),
        UPDATE_TEST(what_was_not_erased_ends_in_verify),
        UPDATE_TEST(end_before_all_operations_is_incomplete),
        UPDATE_TEST(abort_ends_the_update_and_the_chip_is_free_again),
        UPDATE_TEST(protection_is_taken_away_first),
        UPDATE_TEST(a_new_update_goes_on_taking_protection_away),
        UPDATE_TEST(protection_that_stays_fails_the_update),
        UPDATE_TEST(progress_comes_every_250_ms_and_every_16_kib),
        UPDATE_TEST(the_board_answers_while_it_verifies),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
