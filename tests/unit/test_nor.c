// The chip driver on a fake W25Q128JV.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/nor.h"
#include "tests/unit/fake_nor.h"

#define SIZE 0x1000000u

static struct fake_nor fake;
static struct nor nor;

static int create(void **state)
{
    (void)state;
    fake_nor_create(&fake, SIZE);
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    fake_nor_destroy(&fake);
    return 0;
}

// A powered chip and a driver that has not looked at it yet.
static int setup(void **state)
{
    (void)state;
    fake_nor_reset(&fake);
    nor_init(&nor, &fake.bus, fake.window);
    return 0;
}

static int finish(void)
{
    int result;
    while ((result = nor_poll(&nor)) == 1)
        fake_nor_pass_us(&fake, 100);
    return result;
}

static void a_w25q128jv_is_found(void **state)
{
    (void)state;
    uint64_t start_us = fake.now_us;
    assert_int_equal(nor_start(&nor), 0);
    assert_memory_equal(nor.jedec_id, "\xEF\x40\x18", 3);
    assert_string_equal(nor.name, "W25Q128JV");
    assert_int_equal(nor.geometry.size, SIZE);
    assert_int_equal(fake.set_size, SIZE);
    assert_int_equal(nor.geometry.program_typical_us, 400);
    assert_memory_equal(nor.status, "\x00\x02\x60", 3);
    assert_int_equal(fake.status_writes, 0);
    assert_true(fake.now_us - start_us < 2000);
}

static void the_read_command_is_quad_with_mode_ff(void **state)
{
    (void)state;
    assert_int_equal(nor_start(&nor), 0);
    struct nor_command command;
    nor_read_command(&nor, &command);
    assert_int_equal(command.opcode, 0xEB);
    assert_int_equal(command.opcode_lanes, 1);
    assert_int_equal(command.address_lanes, 4);
    assert_int_equal(command.address_bytes, 3);
    assert_int_equal(command.mode_bits, 0xFF);
    assert_int_equal(command.mode_lanes, 4);
    assert_int_equal(command.dummy_cycles, 4);
    assert_int_equal(command.data_lanes, 4);
}

static void no_chip(void **state)
{
    (void)state;
    fake.absent = true;
    uint64_t start_us = fake.now_us;
    assert_int_equal(nor_start(&nor), QL_ERROR_ABSENT);
    assert_int_equal(nor.state, NOR_ABSENT);
    // A board without a chip is usable at once.
    assert_true(fake.now_us - start_us < 100000);
    assert_int_equal(nor_map(&nor), QL_ERROR_ABSENT);
    assert_int_equal(nor_erase_start(&nor, 0, 0x1000), QL_ERROR_ABSENT);
}

static void recovers_from_each_mode(void **state)
{
    (void)state;
    bool *const modes[] = {&fake.continuous, &fake.qpi, &fake.power_down};
    for (unsigned i = 0; i < 3; i++) {
        setup(NULL);
        *modes[i] = true;
        assert_int_equal(nor_start(&nor), 0);
        assert_false(*modes[i]);
        assert_memory_equal(nor.jedec_id, "\xEF\x40\x18", 3);
    }
}

static void waits_for_an_erase_that_a_reset_left_behind(void **state)
{
    (void)state;
    fake.busy_until_us = fake.now_us + 1500000;
    uint64_t end_us = fake.busy_until_us;
    assert_int_equal(nor_start(&nor), 0);
    assert_true(fake.now_us >= end_us && fake.now_us < end_us + 2000);
}

static void lets_a_suspended_erase_end(void **state)
{
    (void)state;
    fake.suspended = true;
    fake.busy_until_us = fake.now_us + 100000;
    uint64_t end_us = fake.busy_until_us;
    assert_int_equal(nor_start(&nor), 0);
    assert_false(fake.suspended);
    assert_true(fake.now_us >= end_us);
}

static void resets_a_chip_that_works_for_ever(void **state)
{
    (void)state;
    fake.busy_until_us = UINT64_MAX;
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(fake.resets, 1);
}

static void quad_enable_is_set_once_and_nothing_else_changes(void **state)
{
    (void)state;
    fake.jedec_id[1] = 0x70;
    fake.quad_fixed = false;
    fake.status[0] = 0x20;
    fake.status[1] = 0x08;
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(fake.status_writes, 1);
    assert_int_equal(fake.status[0], 0x20);
    assert_int_equal(fake.status[1], 0x0A);
    assert_int_equal(nor.status[1], 0x0A);
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(fake.status_writes, 1);
}

static void quad_enable_by_what_sfdp_says(void **state)
{
    (void)state;
    // An unlisted chip; QER 101b: SR2 bit 1, read by 35h, written by 01h with two bytes.
    fake.jedec_id[0] = 0x01;
    fake.quad_fixed = false;
    fake.status[1] = 0;
    fake.status[0] = 0x80;
    fake.sfdp[0x80 + 56 + 2] = 0x5D;
    assert_int_equal(nor_start(&nor), 0);
    assert_null(nor.name);
    assert_int_equal(fake.status_writes, 1);
    assert_int_equal(fake.status[0], 0x80);
    assert_int_equal(fake.status[1], 0x02);
    assert_int_equal(nor.geometry.program_opcode, 0x02);
}

static void with_locked_registers_one_lane_is_used(void **state)
{
    (void)state;
    fake.quad_fixed = false;
    fake.status[1] = 0;
    fake.status_locked = true;
    assert_int_equal(nor_start(&nor), 0);
    struct nor_command command;
    nor_read_command(&nor, &command);
    assert_int_equal(command.opcode, 0x0B);
    assert_int_equal(command.data_lanes, 1);
    assert_int_equal(command.dummy_cycles, 8);
    assert_int_equal(nor_program_start(&nor, 0, (const uint8_t *)"\x12", 1), 0);
    assert_int_equal(finish(), 0);
    assert_int_equal(fake.array[0], 0x12);
}

static void a_chip_without_sfdp_is_known_by_the_table(void **state)
{
    (void)state;
    memset(fake.sfdp, 0xFF, sizeof fake.sfdp);
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(nor.geometry.size, SIZE);
    assert_int_equal(nor.geometry.sfdp_major, 0xFF);
    struct nor_command command;
    nor_read_command(&nor, &command);
    assert_int_equal(command.opcode, 0x6B);
    assert_int_equal(nor_map(&nor), 0);
    fake.jedec_id[2] = 0x55;
    fake.strict = false;
    nor_unmap(&nor);
    assert_int_equal(nor_start(&nor), QL_ERROR_UNSUPPORTED);
    assert_memory_equal(nor.jedec_id, "\xEF\x40\x55", 3);
}

static void erases_each_size(void **state)
{
    (void)state;
    assert_int_equal(nor_start(&nor), 0);
    static const uint32_t sizes[] = {0x1000, 0x8000, 0x10000};
    static const uint32_t times_us[] = {45000, 120000, 150000};
    for (unsigned i = 0; i < 3; i++) {
        memset(fake.array, 0, SIZE / 16);
        uint64_t start_us = fake.now_us;
        assert_int_equal(nor_erase_start(&nor, 2 * sizes[i], sizes[i]), 0);
        assert_int_equal(nor_poll(&nor), 1);
        assert_int_equal(nor_map(&nor), QL_ERROR_BUSY);
        assert_int_equal(nor_erase_start(&nor, 0, 0x1000), QL_ERROR_BUSY);
        assert_int_equal(finish(), 0);
        assert_true(fake.now_us - start_us < times_us[i] + 300);
        assert_int_equal(fake.array[2 * sizes[i] - 1], 0);
        assert_int_equal(fake.array[2 * sizes[i]], 0xFF);
        assert_int_equal(fake.array[3 * sizes[i] - 1], 0xFF);
        assert_int_equal(fake.array[3 * sizes[i]], 0);
    }
}

static void impossible_arguments_are_refused(void **state)
{
    (void)state;
    uint8_t page[257] = {0};
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(nor_erase_start(&nor, 0, 0x2000), QL_ERROR_ARGUMENT);
    assert_int_equal(nor_erase_start(&nor, 0x800, 0x1000), QL_ERROR_ARGUMENT);
    assert_int_equal(nor_erase_start(&nor, SIZE, 0x1000), QL_ERROR_ARGUMENT);
    assert_int_equal(nor_program_start(&nor, 0, page, 0), QL_ERROR_ARGUMENT);
    assert_int_equal(nor_program_start(&nor, 0, page, 257), QL_ERROR_ARGUMENT);
    assert_int_equal(nor_program_start(&nor, 1, page, 256), QL_ERROR_ARGUMENT);
    assert_int_equal(nor_program_start(&nor, SIZE, page, 1), QL_ERROR_ARGUMENT);
    assert_int_equal(fake.erases + fake.programs, 0);
}

static void programs_pages(void **state)
{
    (void)state;
    uint8_t page[256];
    for (unsigned i = 0; i < 256; i++)
        page[i] = (uint8_t)(i * 7);
    memset(fake.array + 0x200000, 0xFF, 0x1000);
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(nor_program_start(&nor, 0x200100, page, 256), 0);
    assert_int_equal(finish(), 0);
    assert_memory_equal(fake.array + 0x200100, page, 256);
    assert_int_equal(nor_map(&nor), 0);
    assert_memory_equal(nor.mapped + 0x200100, page, 256);
    // The mapping goes by itself when something else is done.
    assert_int_equal(nor_program_start(&nor, 0x2002F0, page + 16, 16), 0);
    assert_int_equal(finish(), 0);
    assert_memory_equal(fake.array + 0x2002F0, page + 16, 16);
}

static void an_erase_that_does_not_end_is_told_in_time(void **state)
{
    (void)state;
    assert_int_equal(nor_start(&nor), 0);
    fake.fault_first = 0;
    fake.erase_hangs = true;
    uint64_t start_us = fake.now_us;
    assert_int_equal(nor_erase_start(&nor, 0, 0x10000), 0);
    assert_int_equal(finish(), QL_ERROR_TIMEOUT);
    // SFDP: 160 ms typical, at most 14 times that.
    // Twice what the SFDP allows: 2240 ms.
    assert_true(fake.now_us - start_us >= 4480000 && fake.now_us - start_us < 4500000);
    // The chip is still at it: nothing else is tried.
    assert_int_equal(nor_map(&nor), QL_ERROR_BUSY);
    fake.strict = false;
    assert_int_equal(nor_erase_start(&nor, 0, 0x1000), QL_ERROR_BUSY);
    fake.busy_until_us = 0;
    fake.erase_hangs = false;
    assert_int_equal(nor_map(&nor), 0);
    assert_int_equal(nor_erase_start(&nor, 0, 0x1000), 0);
    assert_int_equal(finish(), 0);
}

static void a_write_enable_that_is_not_taken_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(nor_start(&nor), 0);
    fake.write_enable_broken = true;
    assert_int_equal(nor_erase_start(&nor, 0, 0x1000), QL_ERROR_REFUSED);
    assert_int_equal(nor_program_start(&nor, 0, (const uint8_t *)"x", 1), QL_ERROR_REFUSED);
    assert_int_equal(fake.erases + fake.programs, 0);
}

// Calls nor_unprotect_start until it has nothing more to do; its last result.
static int unprotect(void)
{
    int result;
    while ((result = nor_unprotect_start(&nor)) == 1)
        assert_int_equal(finish(), 0);
    return result;
}

static void protection_is_taken_away_and_other_bits_stay(void **state)
{
    (void)state;
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(unprotect(), 0);
    assert_int_equal(fake.status_writes, 0);
    fake.status[0] = 0xBC;
    fake.status[1] = 0x4A;
    assert_int_equal(unprotect(), 0);
    assert_int_equal(fake.status[0], 0xA0);
    assert_int_equal(fake.status[1], 0x0A);
    assert_int_equal(fake.status_writes, 2);
    assert_int_equal(nor.status[0], 0xA0);
}

static void protection_is_taken_away_where_01h_writes_both_registers(void **state)
{
    (void)state;
    fake.jedec_id[0] = 0x01;
    fake.sfdp[0x80 + 56 + 2] = 0x5D; // QER 101b
    fake.status[0] = 0x9C;
    fake.quad_fixed = false;
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(unprotect(), 0);
    assert_int_equal(fake.status[0], 0x80);
    assert_int_equal(fake.status[1], 0x02);
    assert_int_equal(fake.status_writes, 1);
}

static void protection_that_stays_is_told(void **state)
{
    (void)state;
    assert_int_equal(nor_start(&nor), 0);
    fake.status[0] = 0x1C;
    fake.status_locked = true;
    assert_int_equal(unprotect(), QL_ERROR_PROTECTED);
    assert_int_equal(fake.status_writes, 1);
    fake.status_locked = false;
    assert_int_equal(unprotect(), 0);
    assert_int_equal(fake.status[0], 0);
}

static void individual_locks_are_opened(void **state)
{
    (void)state;
    fake.status[2] = 0x64;
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(unprotect(), 0);
    assert_int_equal(fake.status_writes, 0);
}

static void blank_is_all_ff(void **state)
{
    (void)state;
    uint8_t bytes[70];
    memset(bytes, 0xFF, sizeof bytes);
    for (size_t from = 0; from < 5; from++)
        assert_true(nor_is_blank(bytes + from, sizeof bytes - from));
    assert_true(nor_is_blank(bytes, 0));
    for (size_t i = 0; i < sizeof bytes; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] = (uint8_t) ~(1 << bit);
            assert_false(nor_is_blank(bytes, sizeof bytes));
            assert_true(nor_is_blank(bytes, i));
        }
        bytes[i] = 0xFF;
    }
}

static void erases_begin_at_their_multiples(void **state)
{
    (void)state;
    assert_int_equal(nor_start(&nor), 0);
    // 4, 32 and 64 KiB.
    assert_int_equal(nor_erase_size(&nor, 0x90110000, NOR_ERASE_MAX), 0x10000);
    assert_int_equal(nor_erase_size(&nor, 0x90118000, NOR_ERASE_MAX), 0x8000);
    assert_int_equal(nor_erase_size(&nor, 0x90119000, NOR_ERASE_MAX), 0x1000);
    assert_int_equal(nor_erase_size(&nor, 0x90110000, 0xFFFF), 0x8000);
    assert_int_equal(nor_erase_size(&nor, 0x90110000, 0x7FFF), 0x1000);
    assert_int_equal(nor_erase_size(&nor, 0x90110000, 0), 0x1000);
    assert_int_equal(nor_sector_down(&nor, 0x90110FFF), 0x90110000);
    assert_int_equal(nor_sector_down(&nor, 0x90111000), 0x90111000);
    assert_int_equal(nor_sector_up(&nor, 0x90111000), 0x90111000);
    assert_int_equal(nor_sector_up(&nor, 0x90111001), 0x90112000);
}

#define NOR_TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NOR_TEST(a_w25q128jv_is_found),
        NOR_TEST(the_read_command_is_quad_with_mode_ff),
        NOR_TEST(no_chip),
        NOR_TEST(recovers_from_each_mode),
        NOR_TEST(waits_for_an_erase_that_a_reset_left_behind),
        NOR_TEST(lets_a_suspended_erase_end),
        NOR_TEST(resets_a_chip_that_works_for_ever),
        NOR_TEST(quad_enable_is_set_once_and_nothing_else_changes),
        NOR_TEST(quad_enable_by_what_sfdp_says),
        NOR_TEST(with_locked_registers_one_lane_is_used),
        NOR_TEST(a_chip_without_sfdp_is_known_by_the_table),
        NOR_TEST(erases_each_size),
        NOR_TEST(impossible_arguments_are_refused),
        NOR_TEST(programs_pages),
        NOR_TEST(an_erase_that_does_not_end_is_told_in_time),
        NOR_TEST(a_write_enable_that_is_not_taken_is_noticed),
        NOR_TEST(protection_is_taken_away_and_other_bits_stay),
        NOR_TEST(protection_is_taken_away_where_01h_writes_both_registers),
        NOR_TEST(protection_that_stays_is_told),
        NOR_TEST(individual_locks_are_opened),
        NOR_TEST(erases_begin_at_their_multiples),
        cmocka_unit_test(blank_is_all_ff),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, create, destroy);
}
