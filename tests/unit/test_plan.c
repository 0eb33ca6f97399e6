// The planner: coverage, order and cost of erases and writes, with W25Q128JV's typical times.
//
// Expected plans are worked out by hand from the times: 4 KiB 45 ms, 32 KiB 120 ms, 64 KiB 150 ms,
// a page of 256 bytes 0.4 ms.
//
// SPDX-License-Identifier: MIT
#include "host/digest.h"
#include "host/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE    0x90100000U
#define SECTORS 64U

static const struct ql_geometry geometry = {
    .erase = {{4096, 45}, {32768, 120}, {65536, 150}},
    .erase_count = 3,
    .page_size = 256,
    .page_typical_us = 400,
};

static uint8_t wanted[SECTORS * 4096];
static uint8_t held[SECTORS * 4096];
static uint8_t digests[SECTORS][16];
static struct ql_plan plan;

static void start(void)
{
    memset(wanted, 0x5A, sizeof wanted);
    memset(held, 0x5A, sizeof held);
}

static int make(uint32_t address, uint32_t size, bool compare, bool first_page_last)
{
    for (unsigned i = 0; i < SECTORS; i++)
        ql_sector_digest(held + 4096 * i, 4096, digests[i]);
    const struct ql_plan_request request = {
        .address = address,
        .data = wanted,
        .size = size,
        .digests = compare ? (const uint8_t(*)[16])digests : NULL,
        .write_max = 4096,
        .first_page_last = first_page_last,
    };
    return ql_plan_make(&plan, &geometry, &request, NULL);
}

// Carries the plan out as a chip would, and checks that the chip then holds what was wanted.
static void carry_out(uint32_t address, uint32_t size)
{
    for (size_t i = 0; i < plan.count; i++) {
        const struct ql_operation *one = &plan.operations[i];
        const uint32_t at = one->address - address;
        assert_true(one->address >= address);
        assert_true(at + one->size <= (size + 4095) / 4096 * 4096);
        if (one->kind == QL_KIND_ERASE) {
            assert_int_equal(one->address % one->size, 0);
            memset(held + at, 0xFF, one->size);
            continue;
        }
        assert_int_equal(one->size % 256, 0);
        for (uint32_t k = 0; k < one->size; k++)
            held[at + k] &= at + k < size ? wanted[at + k] : 0xFF;
    }
    assert_memory_equal(held, wanted, size);
}

static unsigned count(uint8_t kind, uint32_t size)
{
    unsigned found = 0;
    for (size_t i = 0; i < plan.count; i++)
        found += plan.operations[i].kind == kind && plan.operations[i].size == size;
    return found;
}

static void test_full_uses_large_erases(void **state)
{
    (void)state;
    start();
    memset(held, 0, sizeof held);
    assert_int_equal(make(BASE, 2 * 65536 + 32768 + 8192, false, false), 0);
    assert_int_equal(count(QL_KIND_ERASE, 65536), 2);
    assert_int_equal(count(QL_KIND_ERASE, 32768), 1);
    assert_int_equal(count(QL_KIND_ERASE, 4096), 2);
    assert_int_equal(plan.erase_bytes, 2 * 65536 + 32768 + 8192);
    carry_out(BASE, 2 * 65536 + 32768 + 8192);
    ql_plan_free(&plan);
}

// A run that begins and ends within 64 KiB blocks takes no neighbour with it.
static void test_run_off_the_block_grid(void **state)
{
    (void)state;
    start();
    memset(held, 0, sizeof held);
    assert_int_equal(make(BASE + 0x7000, 0x12000 + 1, false, false), 0);
    // 0x7000..0x8000 one sector, ..0x10000 half a block, ..0x18000 half a block, ..0x1A000 two.
    assert_int_equal(count(QL_KIND_ERASE, 4096), 1 + 2);
    assert_int_equal(count(QL_KIND_ERASE, 32768), 2);
    assert_int_equal(count(QL_KIND_ERASE, 65536), 0);
    carry_out(BASE + 0x7000, 0x12000 + 1);
    ql_plan_free(&plan);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    start();
    assert_int_equal(make(BASE, sizeof wanted, true, true), 0);
    assert_int_equal(plan.count, 0);
    assert_int_equal(plan.sectors_unchanged, SECTORS);
    ql_plan_free(&plan);
}

static void change(unsigned sector)
{
    held[4096 * sector + 17] = 0;
}

// n changed sectors of one 64 KiB block. One 64 KiB erase costs 150 ms and the writing of what was
// right: (16 - n) * 6.4 ms; n = 5: 225 against 220.4. A 32 KiB one costs 120 + (8 - n) * 6.4 in its
// half.
static void test_cheapest_set_of_erases(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 8; n++) {
        start();
        for (unsigned i = 0; i < n; i++)
            change(i < 4 ? i : i + 4); // sectors 0..3 in one half, the others in the other one
        assert_int_equal(make(BASE, 65536, true, false), 0);
        // n up to 3: single sectors. n = 4: 180 against 32 KiB: 120 + 4 * 6.4 = 145.6. n = 5: that
        // and 45 = 190.6 against 220.4; n = 6: 235.6 against 214.
        const unsigned large = n >= 6;
        const unsigned half = n == 4 || n == 5;
        const unsigned small = n <= 3 ? n : n == 5 ? 1 : 0;
        assert_int_equal(count(QL_KIND_ERASE, 65536), large);
        assert_int_equal(count(QL_KIND_ERASE, 32768), half);
        assert_int_equal(count(QL_KIND_ERASE, 4096), small);
        assert_int_equal(plan.sectors_unchanged, 16 - n);
        carry_out(BASE, 65536);
        ql_plan_free(&plan);
    }
}

static void test_blank_needs_no_erase(void **state)
{
    (void)state;
    start();
    memset(held, 0xFF, sizeof held);
    assert_int_equal(make(BASE, sizeof wanted, true, false), 0);
    assert_int_equal(plan.erase_bytes, 0);
    assert_int_equal(plan.write_bytes, sizeof wanted);
    carry_out(BASE, sizeof wanted);
    ql_plan_free(&plan);
}

// An update was cut short there: what looks blank may not stay so.
static void test_blank_but_unfinished_is_erased(void **state)
{
    (void)state;
    start();
    memset(held, 0xFF, sizeof held);
    memcpy(held + 4096, wanted + 4096, 4096);
    for (unsigned i = 0; i < SECTORS; i++)
        ql_sector_digest(held + 4096 * i, 4096, digests[i]);
    const struct ql_plan_request request = {
        .address = BASE,
        .data = wanted,
        .size = 65536,
        .digests = (const uint8_t(*)[16])digests,
        .unfinished = true,
        .write_max = 4096,
    };
    assert_int_equal(ql_plan_make(&plan, &geometry, &request, NULL), 0);
    // All but one sector: the whole block is cheapest, that one is written again.
    assert_int_equal(count(QL_KIND_ERASE, 65536), 1);
    assert_int_equal(plan.sectors_unchanged, 1);
    carry_out(BASE, 65536);
    ql_plan_free(&plan);
}

static void test_blank_pages_are_not_written(void **state)
{
    (void)state;
    start();
    memset(held, 0, sizeof held);
    memset(wanted + 256, 0xFF, 65536 - 512);
    assert_int_equal(make(BASE, 65536, false, false), 0);
    assert_int_equal(plan.write_bytes, 512);
    assert_int_equal(count(QL_KIND_WRITE, 256), 2);
    carry_out(BASE, 65536);
    // All FF: an erase and nothing else.
    memset(wanted, 0xFF, 65536);
    ql_plan_free(&plan);
    assert_int_equal(make(BASE, 65536, true, false), 0);
    assert_int_equal(count(QL_KIND_WRITE, 256), 0);
    carry_out(BASE, 65536);
    ql_plan_free(&plan);
}

static void test_vector_table_comes_last(void **state)
{
    (void)state;
    start();
    memset(held, 0, sizeof held);
    assert_int_equal(make(BASE, sizeof wanted, false, true), 0);
    const struct ql_operation *last = &plan.operations[plan.count - 1];
    assert_int_equal(last->kind, QL_KIND_WRITE);
    assert_int_equal(last->address, BASE);
    assert_int_equal(last->size, 256);
    for (size_t i = 0; i + 1 < plan.count; i++)
        assert_false(plan.operations[i].kind == QL_KIND_WRITE &&
                     plan.operations[i].address == BASE);
    carry_out(BASE, sizeof wanted);
    ql_plan_free(&plan);
    // An unchanged first sector that a larger erase takes with it is written again, last.
    start();
    for (unsigned i = 1; i < 16; i++)
        change(i);
    assert_int_equal(make(BASE, 65536, true, true), 0);
    assert_int_equal(count(QL_KIND_ERASE, 65536), 1);
    assert_int_equal(plan.operations[plan.count - 1].address, BASE);
    carry_out(BASE, 65536);
    ql_plan_free(&plan);
    // Untouched, it is not written.
    start();
    change(5);
    assert_int_equal(make(BASE, 65536, true, true), 0);
    for (size_t i = 0; i < plan.count; i++)
        assert_in_range(plan.operations[i].address, BASE + 5 * 4096, BASE + 6 * 4096 - 1);
    carry_out(BASE, 65536);
    ql_plan_free(&plan);
}

// A blank chip gets to work as soon as a page has arrived.
static void test_first_writes_are_short(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {256, 512, 1024, 2048, 4096, 4096};
    start();
    memset(held, 0xFF, sizeof held);
    assert_int_equal(make(BASE, sizeof wanted, true, false), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_int_equal(plan.operations[i].size, sizes[i]);
    carry_out(BASE, sizeof wanted);
    ql_plan_free(&plan);
}

// What stands behind the run in its last sector must be FF, too.
static void test_tail_of_last_sector(void **state)
{
    (void)state;
    start();
    assert_int_equal(make(BASE, 4096 + 100, true, false), 0);
    assert_int_equal(plan.sectors_unchanged, 1);
    assert_int_equal(plan.erase_bytes, 4096);
    assert_int_equal(plan.write_bytes, 256);
    carry_out(BASE, 4096 + 100);
    ql_plan_free(&plan);
}

// Random changes, compared with carrying the plan out; and never dearer than sector by sector.
static void test_random_changes(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (unsigned round = 0; round < 200; round++) {
        start();
        uint64_t dear_us = 0;
        for (unsigned i = 0; i < SECTORS; i++) {
            random = random * 1664525U + 1013904223U;
            if (random >> 24 < round) {
                change(i);
                dear_us += 45000 + 16 * 400;
            } else if (random >> 20 & 1) {
                memset(held + 4096 * i, 0xFF, 4096);
                dear_us += 16 * 400;
            }
        }
        assert_int_equal(make(BASE, sizeof wanted, true, round % 2 == 0), 0);
        assert_true(plan.typical_us <= dear_us);
        carry_out(BASE, sizeof wanted);
        ql_plan_free(&plan);
    }
}

static void test_chip_without_small_erases(void **state)
{
    (void)state;
    struct ql_failure failure;
    const struct ql_geometry coarse = {
        .erase = {{65536, 150}}, .erase_count = 1, .page_size = 256, .page_typical_us = 400};
    const struct ql_plan_request request = {
        .address = BASE, .data = wanted, .size = 4096, .write_max = 4096};
    assert_int_equal(ql_plan_make(&plan, &coarse, &request, &failure), -QL_ALIGNMENT);
    const struct ql_geometry none = {.erase_count = 0};
    assert_int_equal(ql_plan_make(&plan, &none, &request, &failure), -QL_CHIP_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_uses_large_erases),
        cmocka_unit_test(test_run_off_the_block_grid),
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_cheapest_set_of_erases),
        cmocka_unit_test(test_blank_needs_no_erase),
        cmocka_unit_test(test_blank_but_unfinished_is_erased),
        cmocka_unit_test(test_blank_pages_are_not_written),
        cmocka_unit_test(test_vector_table_comes_last),
        cmocka_unit_test(test_first_writes_are_short),
        cmocka_unit_test(test_tail_of_last_sector),
        cmocka_unit_test(test_random_changes),
        cmocka_unit_test(test_chip_without_small_erases),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
