// Reset pressed twice, and starts that are not confirmed: SPEC.md sections 15 and 16.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/bytes.h"
#include "core/entry.h"
#include "tests/unit/rig.h"

#define AT 0x90100000u

// RCC_RSR, RM0433: CPURSTF 17, D1RSTF 19, D2RSTF 20, BORRSTF 21, PINRSTF 22, PORRSTF 23, SFTRSTF
// 24, IWDG1RSTF 26, WWDG1RSTF 28, LPWRRSTF 30.
enum {
    PIN = 1 << 22 | 1 << 17,
    POWER_ON = PIN | 1 << 19 | 1 << 20 | 1 << 21 | 1 << 23,
    SOFTWARE = PIN | 1 << 24,
    IWDG = PIN | 1 << 26,
    WWDG = PIN | 1 << 28,
    LOW_POWER = PIN | 1 << 30,
};

static void the_window_word(void **state)
{
    (void)state;
    assert_int_equal(entry_window_word(0x00FE0000), 0x515700FE);
    assert_int_equal(entry_window_word(0x40421234), 0x51574042);
}

static void a_second_press(void **state)
{
    (void)state;
    static const struct {
        uint32_t before, now;
        bool counts;
    } cases[] = {
        {PIN, PIN, true},
        {POWER_ON, POWER_ON, true}, // what the pin adds is there already
        {POWER_ON, PIN, true},      // somebody cleared the flags
        {SOFTWARE, SOFTWARE, true},
        {PIN, SOFTWARE, false},
        {POWER_ON, POWER_ON | SOFTWARE, false},
        {PIN, IWDG, false},
        {PIN, WWDG, false},
        {PIN, LOW_POWER, false},
        {PIN, POWER_ON, false},
        {PIN, 1 << 17, false}, // no pin
        {0, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t word = 0x51570000 | cases[i].before >> 16;
        assert_int_equal(entry_is_second_press(word, cases[i].now), cases[i].counts);
        assert_false(entry_is_second_press(word ^ 0x10000, cases[i].now));
        assert_false(entry_is_second_press(word & 0xFFFF, cases[i].now));
    }
    assert_false(entry_is_second_press(0, PIN));
    assert_false(entry_is_second_press(0xFFFFFFFF, PIN));
}

static void starts_are_counted_for_one_program(void **state)
{
    (void)state;
    static const uint8_t one[32] = {0x11, 0x22, 0x33, 0x44}, other[32] = {0x11, 0x22, 0x34};
    assert_int_equal(entry_attempts(0x33221100, one), 0);
    assert_int_equal(entry_attempts(0x33221107, one), 7);
    assert_int_equal(entry_attempts(0x33221107, other), 0);
    assert_int_equal(entry_attempts(0, one), 0);
    assert_int_equal(entry_attempts(0xFFFFFFFF, one), 0);
    assert_int_equal(entry_attempts_next(0, one), 0x33221101);
    assert_int_equal(entry_attempts_next(0x33221101, one), 0x33221102);
    assert_int_equal(entry_attempts_next(0x33221107, other), 0x34221101);
    assert_int_equal(entry_attempts_next(0x332211FE, one), 0x332211FF);
    assert_int_equal(entry_attempts_next(0x332211FF, one), 0x332211FF);
    // A digest that begins with zeros: nothing there counts as none.
    static const uint8_t zeros[32] = {0};
    assert_int_equal(entry_attempts(0, zeros), 0);
}

// A program of 2 KiB with a header, as section 15 lays it out.
static uint8_t program[2048];

static void program_make(uint32_t flags)
{
    memset(program, 0xFF, sizeof program);
    ql_store_u32(program, 0x20020000);
    ql_store_u32(program + 4, AT + 0x401);
    uint8_t *header = program + 0x2C0;
    memset(header, 0, 80);
    memcpy(header, "QLHEADER", 8);
    ql_store_u16(header + 8, 1);
    ql_store_u16(header + 10, 80);
    ql_store_u32(header + 12, AT);
    ql_store_u32(header + 16, flags);
    memcpy(header + 24, "guest", 5);
    memcpy(header + 56, "1.2", 3);
}

static bool must_confirm(void)
{
    return entry_must_confirm(program, AT, sizeof program);
}

static void the_header_counts_if_all_of_it_is_right(void **state)
{
    (void)state;
    program_make(1);
    assert_true(must_confirm());
    assert_true(entry_must_confirm(program, AT, 0x2C0 + 80));
    assert_false(entry_must_confirm(program, AT, 0x2C0 + 79));
    assert_false(entry_must_confirm(program, AT, 8));
    assert_false(entry_must_confirm(program, AT + 4096, sizeof program));
    program_make(0xFFFFFFFF);
    assert_true(must_confirm());
    program_make(0xFFFFFFFE);
    assert_false(must_confirm());
    // A later version has fields behind.
    program_make(1);
    ql_store_u16(program + 0x2C0 + 8, 7);
    ql_store_u16(program + 0x2C0 + 10, 2048 - 0x2C0);
    assert_true(must_confirm());
    ql_store_u16(program + 0x2C0 + 10, 2049 - 0x2C0);
    assert_false(must_confirm());
    memset(program, 0xFF, sizeof program);
    assert_false(must_confirm());
    static const struct {
        unsigned offset;
        uint8_t value;
    } wrong[] = {{0, 'q'},   {7, 'r'},   {8, 0},    {10, 79},   {12, 1},    {15, 0x91},
                 {20, 1},    {23, 0x80}, {24, 0},   {24, 0x1F}, {25, 0x7F}, {30, 'x'},
                 {55, 0x80}, {56, 0xFF}, {60, 'x'}, {79, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        program_make(1);
        program[0x2C0 + wrong[i].offset] = wrong[i].value;
        assert_false(must_confirm());
    }
    program_make(1);
    memset(program + 0x2C0 + 56, 0, 24); // no version
    assert_true(must_confirm());
    memset(program + 0x2C0 + 24, 'n', 32); // a name without an end
    assert_true(must_confirm());
}

static struct rig rig;

static int create(void **state)
{
    (void)state;
    rig_create(&rig, 0x1000000);
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

static void seal(uint32_t flags)
{
    program_make(flags);
    assert_int_equal(rig_begin(&rig, 5, AT, program, sizeof program, 1), 0);
    rig_erase(&rig, 5, 0, AT, 4096);
    rig_write(&rig, 5, 1, AT, program, sizeof program);
    assert_int_equal(rig_end(&rig, 5, 2, 2000), 0);
}

// INFO's item 1B, or null.
static const uint8_t *info_attempts(void)
{
    struct ql_frame answer;
    assert_int_equal(rig_request(&rig, 0x02, NULL, 0, &answer), 0);
    for (unsigned at = 8; at < answer.length; at += 2u + answer.payload[at + 1]) {
        if (answer.payload[at] != 0x1B)
            continue;
        assert_int_equal(answer.payload[at + 1], 2);
        return answer.payload + at + 2;
    }
    return NULL;
}

static uint32_t word_of(uint8_t count)
{
    uint8_t digest[32];
    rig_sha256(program, sizeof program, digest);
    return count | (uint32_t)digest[0] << 8 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 24;
}

static void the_server_counts(void **state)
{
    (void)state;
    uint32_t word = 0;
    assert_null(info_attempts());
    assert_false(server_attempts_are_spent(&rig.server));
    assert_false(server_attempts_next(&rig.server, AT, false, &word));
    seal(0);
    assert_null(info_attempts());
    assert_false(server_attempts_next(&rig.server, AT, false, &word));
    seal(1);
    for (uint8_t count = 0; count < 6; count++) {
        rig.facts.attempts = word_of(count);
        const uint8_t *told = info_attempts();
        assert_non_null(told);
        assert_int_equal(told[0], count);
        assert_int_equal(told[1], 3); // the setting's default
        assert_int_equal(server_attempts_are_spent(&rig.server), count >= 3);
        assert_true(server_attempts_next(&rig.server, AT, false, &word));
        assert_int_equal(word, word_of((uint8_t)(count + 1)));
        assert_true(server_attempts_next(&rig.server, AT, true, &word));
        assert_int_equal(word, word_of(1));
    }
    rig.facts.attempts = word_of(9) ^ 0x100; // another program's
    assert_false(server_attempts_are_spent(&rig.server));
    assert_int_equal(info_attempts()[0], 0);
}

static void the_setting_is_the_limit(void **state)
{
    (void)state;
    static const struct {
        uint8_t limit, count;
        bool spent;
    } cases[] = {{1, 0, false}, {1, 1, true},    {5, 4, false},
                 {5, 5, true},  {0, 255, false}, {255, 255, true}};
    seal(1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t item[] = {0x03, 1, cases[i].limit};
        assert_int_equal(rig_request(&rig, 0x13, item, sizeof item, NULL), 0);
        rig.facts.attempts = word_of(cases[i].count);
        assert_int_equal(server_attempts_are_spent(&rig.server), cases[i].spent);
        assert_int_equal(info_attempts()[1], cases[i].limit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_word),
        cmocka_unit_test(a_second_press),
        cmocka_unit_test(starts_are_counted_for_one_program),
        cmocka_unit_test(the_header_counts_if_all_of_it_is_right),
        cmocka_unit_test_setup_teardown(the_server_counts, create, destroy),
        cmocka_unit_test_setup_teardown(the_setting_is_the_limit, create, destroy),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
