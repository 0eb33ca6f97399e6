// The log of records: hand-made logs read, written logs looked at byte by byte, worn places, other
// data in its place. The rules are SPEC.md section 12; power cuts are in test_power_cuts.c.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/records.h"
#include "tests/unit/fake_nor.h"

#define CHIP 0x400000u
#define LOG  0xF0000u
#define AT   0x90100000u

enum { HEAD = 1, WRITING = 2, SEALED = 3, CLEARED = 4, SETTINGS = 5 };

static struct fake_nor fake;
static struct nor nor;
static struct records records;

static uint8_t *place(uint32_t serial)
{
    return fake.array + LOG + serial % 256 * 256;
}

// --- Records made by hand -----------------------------------------------------------------------

static uint32_t crc32_slow(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
    }
    return ~crc;
}

static void put32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_crc(uint8_t *page)
{
    put32(page + 252, crc32_slow(page, 252));
}

// The digest is the byte `digest` 32 times.
static void make(uint8_t page[256], uint32_t serial, uint8_t kind, uint32_t address,
                 uint32_t length, uint8_t digest)
{
    memset(page, 0xFF, 256);
    memset(page + 8, 0, 56);
    memcpy(page, "QDLR", 4);
    put32(page + 4, serial);
    page[8] = 1;
    page[9] = kind;
    put32(page + 12, address);
    put32(page + 16, length);
    if (kind == WRITING || kind == SEALED) {
        put32(page + 28, 1);
        memset(page + 32, digest, 32);
    }
    put_crc(page);
}

static void put(uint32_t serial, uint8_t kind, uint32_t address, uint32_t length, uint8_t digest)
{
    make(place(serial), serial, kind, address, length, digest);
}

// Settings whose bytes are all `value`.
static void make_settings(uint8_t page[256], uint32_t serial, uint8_t value)
{
    make(page, serial, SETTINGS, 0, 0, 0);
    memset(page + 12, value, 240);
    put_crc(page);
}

static void put_settings(uint32_t serial, uint8_t value)
{
    make_settings(place(serial), serial, value);
}

static void put_head(uint32_t serial, uint8_t live)
{
    put(serial, HEAD, 0, 0, 0);
    place(serial)[10] = live;
    put_crc(place(serial));
}

// --- The board ----------------------------------------------------------------------------------

static void start(void)
{
    fake.bus.unmap(&fake);
    nor_init(&nor, &fake.bus, fake.window);
    assert_int_equal(nor_start(&nor), 0);
    records_init(&records, &nor);
    records_load(&records);
}

static int setup(void **state)
{
    (void)state;
    fake_nor_create(&fake, CHIP);
    fake.allowed_first = LOG;
    fake.allowed_end = LOG + 0x10000;
    fake.fault_first = 0;
    fake.fault_end = 0;
    start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_nor_destroy(&fake);
    return 0;
}

static int finish(void)
{
    int result;
    while ((result = records_poll(&records)) == 1)
        fake_nor_pass_us(&fake, 100);
    return result;
}

static struct records_run run_of(uint32_t address, uint32_t length, uint8_t digest)
{
    struct records_run run = {.address = address, .length = length, .id = 77, .flags = 1};
    memset(run.sha256, digest, sizeof run.sha256);
    memset(run.parts, digest ^ 0xFF, sizeof run.parts);
    return run;
}

static int write_one(uint8_t kind, uint32_t address, uint32_t length, uint8_t digest)
{
    struct records_run run = run_of(address, length, digest);
    records_write(&records, (enum record_kind)kind, &run);
    return finish();
}

// An update in a session of its own.
static void session(uint32_t address, uint32_t length, uint8_t digest)
{
    start();
    assert_int_equal(write_one(WRITING, address, length, digest), 0);
    assert_int_equal(write_one(SEALED, address, length, digest), 0);
}

static void expect_sealed(uint32_t address, uint32_t length, uint8_t digest)
{
    const struct records_run *run = records_find(&records, address);
    assert_non_null(run);
    assert_true(run->sealed);
    assert_int_equal(run->length, length);
    assert_int_equal(run->flags, 1);
    assert_int_equal(run->sha256[0], digest);
    assert_int_equal(run->sha256[31], digest);
}

static void expect_writing(uint32_t address)
{
    const struct records_run *run = records_find(&records, address);
    assert_non_null(run);
    assert_false(run->sealed);
}

// --- Reading ------------------------------------------------------------------------------------

static void a_blank_log_knows_nothing(void **state)
{
    (void)state;
    assert_int_equal(records.count, 0);
    assert_null(records_find(&records, AT));
    assert_true(records_has_room(&records, AT, 1, 0));
    assert_int_equal(fake.low_erases + fake.low_programs, 0);
}

static void what_each_record_does(void **state)
{
    (void)state;
    put_head(16, 0);
    put(17, WRITING, AT, 0x5000, 1);
    start();
    expect_writing(AT);
    put(18, SEALED, AT, 0x5000, 1);
    start();
    expect_sealed(AT, 0x5000, 1);
    // Its last sector is AT + 4000h: a run in it unseals it, the sector behind does not.
    put(19, WRITING, AT + 0x5000, 0x1000, 2);
    start();
    assert_int_equal(records.count, 2);
    expect_sealed(AT, 0x5000, 1);
    put(20, WRITING, AT + 0x4000, 1, 3);
    start();
    assert_null(records_find(&records, AT));
    assert_int_equal(records.count, 2);
    // CLEARED takes what is being written in its sectors, and nothing sealed.
    put(21, SEALED, AT + 0x5000, 0x1000, 2);
    put(22, CLEARED, AT, 0x6000, 0);
    start();
    assert_int_equal(records.count, 1);
    expect_sealed(AT + 0x5000, 0x1000, 2);
    assert_false(records_is_writing(&records, AT, 0x6000));
}

static void a_run_with_an_owner_unseals_that(void **state)
{
    (void)state;
    put_head(0, 2);
    put(1, SEALED, AT, 0x5000, 1);
    put(2, SEALED, AT + 0x10000, 0x5000, 1);
    put(3, WRITING, AT + 0x20000, 0x1000, 2);
    put32(place(3) + 24, AT + 0x10000);
    put_crc(place(3));
    start();
    expect_sealed(AT, 0x5000, 1);
    assert_null(records_find(&records, AT + 0x10000));
    expect_writing(AT + 0x20000);
    assert_int_equal(records_find(&records, AT + 0x20000)->owner, AT + 0x10000);
}

static void what_is_no_record(void **state)
{
    (void)state;
    put_head(16, 1);
    put(17, SEALED, AT, 0x5000, 1);
    uint8_t good[256];
    make(good, 18, WRITING, AT, 0x5000, 2);
    for (unsigned byte = 0; byte < 256; byte++) { // any byte wrong
        memcpy(place(18), good, 256);
        place(18)[byte] ^= 0x01;
        start();
        expect_sealed(AT, 0x5000, 1);
    }
    memcpy(place(19), good, 256); // in another's place
    memset(place(18), 0xFF, 256);
    start();
    expect_sealed(AT, 0x5000, 1);
    make(place(18), 18 + 0x80000000u, WRITING, AT, 0x5000, 2); // number too high
    start();
    expect_sealed(AT, 0x5000, 1);
    memcpy(place(18), good, 256);
    start();
    expect_writing(AT);
    put_head(0x80000020, 0);
    start();
    expect_writing(AT);
}

static void runs_outside_the_chip_are_passed_over(void **state)
{
    (void)state;
    put_head(16, 0);
    put(17, SEALED, AT, 0x5000, 1);
    put(18, SEALED, 0x8FFFF000, 0x5000, 1);
    put(19, SEALED, AT, 0, 1);
    put(20, SEALED, 0x90000000 + CHIP - 0x1000, 0x1001, 1);
    put(21, SEALED, AT, 0xFFFFFFFF, 1);
    start();
    assert_int_equal(records.count, 1);
    expect_sealed(AT, 0x5000, 1);
}

static void a_later_version_was_here(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        put_head(16, 1);
        put(17, SEALED, AT, 0x5000, 1);
        put(18, WRITING, AT + 0x10000, 0x1000, 2);
        place(18)[8 + kind] = kind == 0 ? 2 : 6;
        put_crc(place(18));
        start();
        assert_int_equal(records.count, 0);
        put(19, SEALED, AT, 0x5000, 3);
        start();
        expect_sealed(AT, 0x5000, 3);
        memset(place(19), 0xFF, 256);
    }
}

static void gaps_are_read_over(void **state)
{
    (void)state;
    put_head(16, 0);
    memset(place(17), 0, 256);
    memset(place(18), 0x5A, 256);
    put(20, SEALED, AT, 0x5000, 1);
    put(31, SEALED, AT + 0x10000, 0x5000, 2);
    start();
    expect_sealed(AT, 0x5000, 1);
    expect_sealed(AT + 0x10000, 0x5000, 2);
}

// Generation 5 is the newest complete one; generation 6's snapshot lacks its last copy.
static void a_newer_snapshot_that_is_not_complete(void **state)
{
    (void)state;
    put_head(80, 1);
    put(81, SEALED, AT, 0x5000, 1);
    put(95, SEALED, AT + 0x10000, 0x5000, 2);
    put_head(96, 2);
    put(97, SEALED, AT, 0x5000, 1);
    start();
    assert_int_equal(records.count, 2);
    expect_sealed(AT, 0x5000, 1);
    expect_sealed(AT + 0x10000, 0x5000, 2);
    // What comes behind it counts all the same: the copy may have been there when that was written.
    put(99, WRITING, AT, 0x5000, 3);
    start();
    expect_writing(AT);
    put(98, SEALED, AT + 0x10000, 0x5000, 2);
    start();
    expect_writing(AT);
    expect_sealed(AT + 0x10000, 0x5000, 2);
}

// What an old generation says is of no interest, even if it survived an erase cut short.
static void older_generations_do_not_count(void **state)
{
    (void)state;
    put_head(16, 1);
    put(17, SEALED, AT + 0x30000, 0x5000, 9);
    put_head(32, 1);
    put(33, SEALED, AT, 0x5000, 1);
    put(18, SEALED, AT, 0x5000, 8);
    start();
    assert_int_equal(records.count, 1);
    expect_sealed(AT, 0x5000, 1);
}

static void without_a_complete_snapshot_nothing_is_known(void **state)
{
    (void)state;
    put_head(16, 1);
    put(18, SEALED, AT, 0x5000, 1);
    start();
    assert_int_equal(records.count, 0);
    // What is written now is newer than what stands there.
    assert_int_equal(write_one(SEALED, AT, 0x6000, 2), 0);
    start();
    assert_int_equal(records.count, 1);
    expect_sealed(AT, 0x6000, 2);
    assert_true(get32(place(32) + 4) == 32);
}

static void no_log_without_room_or_chip(void **state)
{
    (void)state;
    fake.absent = true;
    fake.bus.unmap(&fake);
    nor_init(&nor, &fake.bus, fake.window);
    nor_start(&nor);
    records_load(&records);
    assert_int_equal(records.count, 0);
    assert_true(write_one(SEALED, AT, 0x5000, 1) < 0);
}

// --- Writing ------------------------------------------------------------------------------------

static void the_bytes_of_an_update(void **state)
{
    (void)state;
    struct records_run run = run_of(AT, 0x12345, 0xA5);
    run.owner = 0;
    records_write(&records, RECORD_WRITING, &run);
    assert_int_equal(finish(), 0);
    expect_writing(AT);
    records_write(&records, RECORD_SEALED, &run);
    assert_int_equal(finish(), 0);
    expect_sealed(AT, 0x12345, 0xA5);
    assert_int_equal(fake.low_erases, 0); // the log was blank
    assert_int_equal(fake.low_programs, 4);
    uint8_t page[256];
    make(page, 0, HEAD, 0, 0, 0);
    page[10] = 1;
    put_crc(page);
    assert_memory_equal(place(0), page, 256);
    make_settings(page, 1, 0xFF);
    assert_memory_equal(place(1), page, 256);
    make(page, 2, WRITING, AT, 0x12345, 0xA5);
    put32(page + 20, 77);
    put_crc(page);
    assert_memory_equal(place(2), page, 256);
    make(page, 3, SEALED, AT, 0x12345, 0xA5);
    put32(page + 20, 77);
    memset(page + 64, 0x5A, 128);
    put_crc(page);
    assert_memory_equal(place(3), page, 256);
    for (unsigned i = 4; i < 256; i++)
        for (unsigned byte = 0; byte < 256; byte++)
            assert_int_equal(place(i)[byte], 0xFF);
}

static void the_first_free_slots_of_a_session_are_burnt(void **state)
{
    (void)state;
    session(AT, 0x5000, 1);
    start();
    assert_int_equal(write_one(SEALED, AT, 0x5000, 2), 0);
    static const uint8_t zeros[256];
    assert_memory_equal(place(4), zeros, 256);
    assert_memory_equal(place(5), zeros, 256);
    assert_int_equal(get32(place(6) + 4), 6);
    assert_int_equal(write_one(SEALED, AT, 0x5000, 3), 0);
    assert_int_equal(get32(place(7) + 4), 7);
    start();
    expect_sealed(AT, 0x5000, 3);
}

static void a_record_for_each_run_and_no_ninth(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        session(AT + i * 0x10000, 0x8000, (uint8_t)i);
    start();
    assert_int_equal(records.count, 8);
    assert_false(records_has_room(&records, AT + 0x80000, 1, 0));
    assert_true(records_has_room(&records, AT + 0x80000, 1, AT + 0x30000));
    assert_true(records_has_room(&records, AT + 0x17FFF, 1, 0));
    assert_false(records_has_room(&records, AT + 0x18000, 1, 0));
    for (uint32_t i = 0; i < 8; i++)
        expect_sealed(AT + i * 0x10000, 0x8000, (uint8_t)i);
}

// With 0 to 8 runs known, updates go on over more than two rounds of all sectors, each in a
// session of its own; what is known is right after each, and the sectors wear alike.
static void updates_wear_all_sectors_alike(void **state)
{
    (void)state;
    for (uint32_t runs = 1; runs <= 8; runs++) {
        unsigned erases[16] = {0}, generations = 0;
        memset(fake.array + LOG, 0xFF, 0x10000);
        fake.low_erases = 0;
        for (uint32_t i = 0; i < runs; i++)
            session(AT + i * 0x10000, 0x8000, (uint8_t)i);
        for (unsigned round = 0; generations < 36; round++) {
            uint32_t before = records.base, changed = round % runs;
            start();
            if (round % 3 != 0)
                assert_int_equal(write_one(WRITING, AT + changed * 0x10000, 0x8000, 99), 0);
            assert_int_equal(
                write_one(SEALED, AT + changed * 0x10000, 0x8000, (uint8_t)(round % 250)), 0);
            if (records.base != before) {
                assert_int_equal(records.base, before + 1);
                erases[records.base % 16]++;
                generations++;
            }
            start();
            assert_int_equal(records.count, runs);
            expect_sealed(AT + changed * 0x10000, 0x8000, (uint8_t)(round % 250));
        }
        for (unsigned i = 0; i < 16; i++)
            assert_true(erases[i] >= 2 && erases[i] <= 3);
    }
}

// Behind slot `used` of the sector at place 240, whose next one is at place 0, WRITING and SEALED
// find room with the two burnt slots if there are 4, else in the next sector; there, too, if the
// snapshot itself is the last thing written.
static void turn_over_at_every_slot(void **state)
{
    (void)state;
    for (uint8_t runs = 0; runs <= 8; runs++) {
        for (uint32_t used = runs; used < 16; used++) {
            memset(fake.array + LOG, 0xFF, 0x10000);
            put_head(0x7F0, runs);
            for (uint32_t i = 0; i < runs; i++)
                put(0x7F1 + i, SEALED, AT + i * 0x10000, 0x8000, (uint8_t)(i + 1));
            if (used > runs)
                put(0x7F0 + used, CLEARED, AT + 0x100000, 0x1000, 0);
            start();
            assert_int_equal(records.count, runs);
            assert_int_equal(write_one(WRITING, AT, 0x9000, 99), 0);
            assert_int_equal(records.base, used > runs && used + 4 < 16 ? 0x7F : 0x80);
            uint32_t base = records.base;
            start();
            expect_writing(AT);
            assert_int_equal(records.base, base);
            for (uint32_t i = 1; i < runs; i++)
                expect_sealed(AT + i * 0x10000, 0x8000, (uint8_t)(i + 1));
            assert_int_equal(write_one(SEALED, AT, 0x9000, 98), 0);
            start();
            expect_sealed(AT, 0x9000, 98);
        }
    }
}

// What may be a program that was cut short is no record to append behind: settings, or nothing.
static void turn_over_behind_what_may_change(void **state)
{
    (void)state;
    static const struct {
        uint8_t fill; // of the last slot; 1: a SETTINGS, 2: a CLEARED
        bool appended;
    } cases[] = {{2, true}, {1, false}, {0, false}, {0x55, false}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(fake.array + LOG, 0xFF, 0x10000);
        put_head(16, 1);
        put(17, SEALED, AT, 0x8000, 1);
        put_settings(18, 0x11);
        put(19, CLEARED, AT + 0x100000, 0x1000, 0);
        if (cases[i].fill == 1)
            put_settings(20, 0x22);
        else if (cases[i].fill == 2)
            put(20, CLEARED, AT + 0x100000, 0x1000, 0);
        else
            memset(place(20), cases[i].fill, 256);
        start();
        assert_int_equal(write_one(WRITING, AT + 0x10000, 0x1000, 3), 0);
        assert_int_equal(records.base, cases[i].appended ? 1 : 2);
        start();
        expect_sealed(AT, 0x8000, 1);
        assert_int_equal(records.settings[0], cases[i].fill == 1 ? 0x22 : 0x11);
        assert_int_equal(records.settings[239], cases[i].fill == 1 ? 0x22 : 0x11);
    }
}

static void no_turn_over_between_writing_and_sealed(void **state)
{
    (void)state;
    for (unsigned first = 1; first < 16; first++) {
        memset(fake.array + LOG, 0xFF, 0x10000);
        start();
        for (unsigned i = 0; i < first; i++)
            assert_int_equal(write_one(SEALED, AT, 0x8000, 1), 0);
        assert_int_equal(write_one(WRITING, AT, 0x8000, 2), 0);
        uint32_t base = records.base;
        assert_int_equal(write_one(SEALED, AT, 0x8000, 2), 0);
        assert_int_equal(records.base, base);
    }
}

static void a_sector_that_was_used_is_erased_though_it_looks_blank(void **state)
{
    (void)state;
    put_head(16, 0);
    for (uint32_t i = 17; i < 32; i++)
        put(i, SEALED, AT, 0x5000, 1);
    start();
    assert_int_equal(write_one(SEALED, AT, 0x5000, 2), 0);
    assert_int_equal(fake.low_erases, 1);
    assert_int_equal(get32(place(32) + 4), 32);
}

static void a_log_of_garbage_and_of_other_peoples_data(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int kind = 0; kind < 4; kind++) {
        for (uint32_t i = 0; i < 0x10000; i++) {
            seed = seed * 1664525 + 1013904223;
            fake.array[LOG + i] = kind == 0   ? (uint8_t)(seed >> 24)
                                  : kind == 1 ? 0
                                  : kind == 2 ? (uint8_t) "QDLR"[i % 4]
                                              : (uint8_t)(i == 0xFFFF ? 0x7F : 0xFF);
        }
        uint32_t erases = fake.low_erases;
        start();
        assert_int_equal(records.count, 0);
        assert_int_equal(fake.low_erases, erases);
        assert_int_equal(write_one(WRITING, AT, 0x5000, 7), 0);
        assert_int_equal(fake.low_erases, erases + 1);
        start();
        expect_writing(AT);
        assert_int_equal(write_one(SEALED, AT, 0x5000, 7), 0);
        start();
        expect_sealed(AT, 0x5000, 7);
    }
}

// --- Worn places --------------------------------------------------------------------------------

static void a_slot_that_does_not_take_its_record(void **state)
{
    (void)state;
    session(AT, 0x5000, 1);
    fake.program_leaves_bit = true;
    fake.fault_first = LOG + 6 * 256; // 4 and 5 are burnt
    fake.fault_end = LOG + 8 * 256;
    start();
    assert_int_equal(write_one(WRITING, AT, 0x5000, 2), 0);
    assert_int_equal(get32(place(8) + 4), 8);
    start();
    expect_writing(AT);
    assert_int_equal(records.base, 0);
}

static void a_sector_that_does_not_take_its_snapshot(void **state)
{
    (void)state;
    for (int erase = 0; erase < 2; erase++) {
        fake.program_leaves_bit = erase == 0;
        fake.erase_leaves_bit = erase == 1;
        fake.fault_first = LOG + 0x1000;
        fake.fault_end = LOG + 0x4000;
        memset(fake.array + LOG, 0xFF, 0x10000);
        put_head(0, 1);
        put(1, SEALED, AT, 0x5000, 1);
        memset(place(15), 0, 256);
        start();
        assert_int_equal(write_one(SEALED, AT + 0x10000, 0x5000, 2), 0);
        assert_int_equal(records.base, 4);
        start();
        expect_sealed(AT, 0x5000, 1);
        expect_sealed(AT + 0x10000, 0x5000, 2);
        assert_int_equal(records.base, 4);
    }
}

static void all_sectors_worn(void **state)
{
    (void)state;
    for (int erase = 0; erase < 2; erase++) {
        fake.program_leaves_bit = false;
        fake.erase_leaves_bit = false;
        memset(fake.array + LOG, 0xFF, 0x10000);
        session(AT, 0x5000, 1);
        memset(place(15), 0, 256);
        start();
        fake.program_leaves_bit = erase == 0;
        fake.erase_leaves_bit = erase == 1;
        fake.fault_first = LOG;
        fake.fault_end = LOG + 0x10000;
        uint32_t erases = fake.low_erases;
        assert_int_equal(write_one(WRITING, AT, 0x5000, 2), QL_ERROR_WORN);
        assert_int_equal(fake.low_erases, erases + 15);
        assert_int_equal(records.erasing, erase);
        // And again; the sector with what is known stays.
        assert_int_equal(write_one(WRITING, AT, 0x5000, 2), QL_ERROR_WORN);
        start();
        expect_sealed(AT, 0x5000, 1);
        assert_int_equal(records.base, 0);
    }
}

static void hanging_operations_end_in_time(void **state)
{
    (void)state;
    for (int erase = 0; erase < 2; erase++) {
        memset(fake.array + LOG, 0xFF, 0x10000);
        put_head(16, 0);
        memset(place(31), 0, 256);
        fake.fault_first = LOG;
        fake.fault_end = LOG + 0x10000;
        fake.erase_hangs = erase == 1;
        fake.program_hangs = erase == 0;
        start();
        assert_int_equal(write_one(WRITING, AT, 0x5000, 2), QL_ERROR_TIMEOUT);
        assert_int_equal(records.erasing, erase);
        assert_int_equal(records.at, LOG + 0x2000);
        fake.busy_until_us = 0;
        fake.erase_hangs = false;
        fake.program_hangs = false;
        assert_int_equal(write_one(WRITING, AT, 0x5000, 2), 0);
        start();
        expect_writing(AT);
    }
}

// --- Settings -----------------------------------------------------------------------------------

static int write_settings(uint8_t value)
{
    static uint8_t settings[240];
    memset(settings, value, sizeof settings);
    records_write_settings(&records, settings);
    return finish();
}

static void expect_settings(uint8_t value)
{
    for (unsigned i = 0; i < 240; i++)
        assert_int_equal(records.settings[i], value);
}

static void the_newest_settings_count(void **state)
{
    (void)state;
    expect_settings(0xFF);
    put_head(16, 2);
    put_settings(17, 0x11);
    put(18, SEALED, AT, 0x5000, 1);
    start();
    expect_settings(0x11);
    put_settings(25, 0x22);
    put(31, CLEARED, AT + 0x100000, 0x1000, 0);
    start();
    expect_settings(0x22);
    expect_sealed(AT, 0x5000, 1);
    put_head(32, 2); // a snapshot that is not complete; what it has counts
    put_settings(33, 0x33);
    start();
    expect_settings(0x33);
    expect_sealed(AT, 0x5000, 1);
    place(33)[100] ^= 1;
    start();
    expect_settings(0x22);
}

static void records_of_a_later_bootloader_leave_settings(void **state)
{
    (void)state;
    put_head(16, 2);
    put_settings(17, 0x11);
    put(18, SEALED, AT, 0x5000, 1);
    for (int kind = 0; kind < 2; kind++) {
        put_settings(19, 0x22);
        place(19)[8 + kind] = kind == 0 ? 2 : 6;
        put_crc(place(19));
        start();
        expect_settings(0x11);
        assert_int_equal(records.count, 0);
    }
}

static void the_bytes_of_settings(void **state)
{
    (void)state;
    uint8_t page[256];
    session(AT, 0x5000, 1);
    start();
    assert_int_equal(write_settings(0x44), 0);
    make_settings(page, 6, 0x44); // 4 and 5 are burnt
    assert_memory_equal(place(6), page, 256);
    assert_int_equal(write_settings(0x55), 0);
    make_settings(page, 7, 0x55);
    assert_memory_equal(place(7), page, 256);
    expect_settings(0x55);
    start();
    expect_settings(0x55);
    expect_sealed(AT, 0x5000, 1);
}

// Changes, updates, both, each in a session of its own, over all sectors.
static void settings_survive_what_others_write(void **state)
{
    (void)state;
    for (uint32_t runs = 0; runs <= 8; runs++) {
        memset(fake.array + LOG, 0xFF, 0x10000);
        uint8_t value = 1;
        start();
        assert_int_equal(write_settings(value), 0);
        for (uint32_t i = 0; i < runs; i++)
            session(AT + i * 0x10000, 0x8000, (uint8_t)i);
        for (unsigned round = 0; records.generation < 36; round++) {
            start();
            expect_settings(value);
            assert_int_equal(records.count, runs);
            if (round % 3 != 0)
                assert_int_equal(write_settings(++value), 0);
            if (runs > 0 && round % 3 != 1)
                session(AT + round % runs * 0x10000, 0x8000, (uint8_t)round);
            expect_settings(value);
        }
    }
}

static void a_found_change_is_remembered(void **state)
{
    (void)state;
    session(AT, 0x5000, 1);
    assert_false(records_find(&records, AT)->changed);
    records_note_check(&records, AT, true);
    assert_true(records_find(&records, AT)->changed);
    assert_int_equal(write_one(SEALED, AT, 0x5000, 2), 0);
    assert_false(records_find(&records, AT)->changed);
}

#define RECORDS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECORDS_TEST(a_blank_log_knows_nothing),
        RECORDS_TEST(what_each_record_does),
        RECORDS_TEST(a_run_with_an_owner_unseals_that),
        RECORDS_TEST(what_is_no_record),
        RECORDS_TEST(runs_outside_the_chip_are_passed_over),
        RECORDS_TEST(a_later_version_was_here),
        RECORDS_TEST(gaps_are_read_over),
        RECORDS_TEST(a_newer_snapshot_that_is_not_complete),
        RECORDS_TEST(older_generations_do_not_count),
        RECORDS_TEST(without_a_complete_snapshot_nothing_is_known),
        RECORDS_TEST(no_log_without_room_or_chip),
        RECORDS_TEST(the_bytes_of_an_update),
        RECORDS_TEST(the_first_free_slots_of_a_session_are_burnt),
        RECORDS_TEST(a_record_for_each_run_and_no_ninth),
        RECORDS_TEST(updates_wear_all_sectors_alike),
        RECORDS_TEST(turn_over_at_every_slot),
        RECORDS_TEST(turn_over_behind_what_may_change),
        RECORDS_TEST(no_turn_over_between_writing_and_sealed),
        RECORDS_TEST(the_newest_settings_count),
        RECORDS_TEST(records_of_a_later_bootloader_leave_settings),
        RECORDS_TEST(the_bytes_of_settings),
        RECORDS_TEST(settings_survive_what_others_write),
        RECORDS_TEST(a_sector_that_was_used_is_erased_though_it_looks_blank),
        RECORDS_TEST(a_log_of_garbage_and_of_other_peoples_data),
        RECORDS_TEST(a_slot_that_does_not_take_its_record),
        RECORDS_TEST(a_sector_that_does_not_take_its_snapshot),
        RECORDS_TEST(all_sectors_worn),
        RECORDS_TEST(hanging_operations_end_in_time),
        RECORDS_TEST(a_found_change_is_remembered),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
