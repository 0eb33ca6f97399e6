// What can be started, and whether to start it: SPEC.md section 7.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/boot.h"

#define AT  0x90100000u
#define END 0x90110000u

static void expect(uint32_t stack, uint32_t entry, enum ql_status status, uint32_t detail)
{
    struct outcome outcome = boot_check(AT, stack, entry, END);
    assert_int_equal(outcome.status, status);
    assert_int_equal(outcome.detail, detail);
}

static void stacks_at_the_edges_of_ram(void **state)
{
    (void)state;
    static const struct {
        uint32_t start, end;
    } areas[] = {{0x20000000, 0x20020000},
                 {0x24000000, 0x24080000},
                 {0x30000000, 0x30048000},
                 {0x38000000, 0x38010000}};
    for (unsigned i = 0; i < 4; i++) {
        uint32_t start = areas[i].start, end = areas[i].end;
        expect(start, AT + 9, QL_STATUS_BAD_STACK, start);
        expect(start + 4, AT + 9, QL_STATUS_OK, 0);
        expect(start + 6, AT + 9, QL_STATUS_BAD_STACK, start + 6);
        expect(end, AT + 9, QL_STATUS_OK, 0);
        expect(end + 4, AT + 9, QL_STATUS_BAD_STACK, end + 4);
    }
    expect(0, AT + 9, QL_STATUS_BAD_STACK, 0);
    expect(0x08020000, AT + 9, QL_STATUS_BAD_STACK, 0x08020000);
    expect(0xFFFFFFFF, AT + 9, QL_STATUS_BAD_STACK, 0xFFFFFFFF);
}

static void entries_at_the_edges_of_the_program(void **state)
{
    (void)state;
    expect(0x24080000, AT + 9, QL_STATUS_OK, 0);
    expect(0x24080000, AT + 8, QL_STATUS_BAD_ENTRY, AT + 8);
    expect(0x24080000, AT + 7, QL_STATUS_BAD_ENTRY, AT + 7);
    expect(0x24080000, END - 1, QL_STATUS_OK, 0);
    expect(0x24080000, END + 1, QL_STATUS_BAD_ENTRY, END + 1);
    expect(0x24080000, 0x08000401, QL_STATUS_BAD_ENTRY, 0x08000401);
    expect(0x24080000, 0, QL_STATUS_BAD_ENTRY, 0);
    expect(0x24080000, 0xFFFFFFFF, QL_STATUS_BAD_ENTRY, 0xFFFFFFFF);
}

static void blank_and_misaligned(void **state)
{
    (void)state;
    expect(0xFFFFFFFF, 0xFFFFFFFF, QL_STATUS_BLANK, AT);
    struct outcome outcome = boot_check(AT + 512, 0x24080000, AT + 521, END);
    assert_int_equal(outcome.status, QL_STATUS_ALIGNMENT);
    assert_int_equal(outcome.detail, AT + 512);
}

static struct boot_facts good(void)
{
    return (struct boot_facts){.chip_usable = true, .window_ms = 1};
}

static void expect_decision(struct boot_facts facts, enum boot_action action,
                            enum ql_stay_reason reason)
{
    for (int power = 0; power < 2; power++) {
        facts.usb_power = power != 0;
        struct boot_decision decision = boot_decide(&facts);
        enum boot_action wanted = action == BOOT_START && power ? BOOT_OFFER : action;
        assert_int_equal(decision.action, wanted);
        assert_int_equal(decision.reason, reason);
    }
}

static void each_reason_to_stay(void **state)
{
    (void)state;
    struct boot_facts facts = good();
    expect_decision(facts, BOOT_START, 0);
    facts.program.status = QL_STATUS_BLANK;
    expect_decision(facts, BOOT_STAY, 1);
    facts.program.status = QL_STATUS_BAD_STACK;
    expect_decision(facts, BOOT_STAY, 2);
    facts.program.status = QL_STATUS_BAD_ENTRY;
    expect_decision(facts, BOOT_STAY, 2);
    facts = good();
    facts.button_held = true;
    expect_decision(facts, BOOT_STAY, 3);
    facts = good();
    facts.stay_requested = true;
    expect_decision(facts, BOOT_STAY, 4);
    facts = good();
    facts.chip_usable = false;
    expect_decision(facts, BOOT_STAY, 5);
    facts = good();
    facts.program.status = QL_STATUS_INCOMPLETE;
    expect_decision(facts, BOOT_STAY, 7);
    facts.program.status = QL_STATUS_NOT_SEALED;
    expect_decision(facts, BOOT_STAY, 8);
    facts.program.status = QL_STATUS_CHANGED;
    expect_decision(facts, BOOT_STAY, 8);
}

static void what_resets_left_behind(void **state)
{
    (void)state;
    struct boot_facts facts = good();
    facts.unconfirmed = true;
    expect_decision(facts, BOOT_STAY, 10);
    facts.program.status = QL_STATUS_CHANGED; // comes before
    expect_decision(facts, BOOT_STAY, 8);
    // Reset pressed twice: only with USB power, and then only a request and the button come before.
    facts.reset_twice = true;
    facts.usb_power = true;
    assert_int_equal(boot_decide(&facts).reason, 9);
    facts.usb_power = false;
    assert_int_equal(boot_decide(&facts).reason, 8);
    facts.usb_power = true;
    facts.button_held = true;
    assert_int_equal(boot_decide(&facts).reason, 3);
    facts.stay_requested = true;
    assert_int_equal(boot_decide(&facts).reason, 4);
    facts = good();
    facts.reset_twice = true;
    assert_int_equal(boot_decide(&facts).action, BOOT_START);
}

static void no_window_if_it_is_0(void **state)
{
    (void)state;
    struct boot_facts facts = good();
    facts.usb_power = true;
    facts.window_ms = 0;
    assert_int_equal(boot_decide(&facts).action, BOOT_START);
    facts.window_ms = 1;
    assert_int_equal(boot_decide(&facts).action, BOOT_OFFER);
}

static void the_window_is_as_long_as_set(void **state)
{
    (void)state;
    struct boot_window window;
    boot_window_open(&window, 1000, 3);
    assert_int_equal(boot_window_step(&window, 1499, false, 0), BOOT_WINDOW_OPEN);
    assert_int_equal(boot_window_step(&window, 1499, true, 0), BOOT_WINDOW_OPEN);
    assert_int_equal(boot_window_step(&window, 1501, true, 0), BOOT_WINDOW_OPEN);
    assert_int_equal(boot_window_step(&window, 1502, true, 0), BOOT_WINDOW_START);
}

static void nobody_configures_in_500_ms(void **state)
{
    (void)state;
    struct boot_window window;
    uint32_t start = UINT32_MAX - 100; // the clock wraps on the way
    boot_window_open(&window, start, 700);
    assert_int_equal(boot_window_step(&window, start + 499, false, 0), BOOT_WINDOW_OPEN);
    assert_int_equal(boot_window_step(&window, start + 500, false, 0), BOOT_WINDOW_START);
}

static void nobody_speaks_in_700_ms(void **state)
{
    (void)state;
    struct boot_window window;
    boot_window_open(&window, 1000, 700);
    assert_int_equal(boot_window_step(&window, 1400, true, 0), BOOT_WINDOW_OPEN);
    assert_int_equal(boot_window_step(&window, 2099, true, 0), BOOT_WINDOW_OPEN);
    assert_int_equal(boot_window_step(&window, 2100, true, 0), BOOT_WINDOW_START);
}

static void the_host_speaks(void **state)
{
    (void)state;
    struct boot_window window;
    boot_window_open(&window, 1000, 700);
    assert_int_equal(boot_window_step(&window, 1400, true, 0), BOOT_WINDOW_OPEN);
    assert_int_equal(boot_window_step(&window, 1500, true, 1), BOOT_WINDOW_STAY);
}

static void each_configuration_begins_anew(void **state)
{
    (void)state;
    struct boot_window window;
    boot_window_open(&window, 1000, 700);
    assert_int_equal(boot_window_step(&window, 1300, true, 0), BOOT_WINDOW_OPEN);
    assert_int_equal(boot_window_step(&window, 1900, false, 0), BOOT_WINDOW_OPEN); // bus reset
    assert_int_equal(boot_window_step(&window, 2399, false, 0), BOOT_WINDOW_OPEN);
    assert_int_equal(boot_window_step(&window, 2399, true, 0), BOOT_WINDOW_OPEN);
    assert_int_equal(boot_window_step(&window, 3098, true, 0), BOOT_WINDOW_OPEN);
    assert_int_equal(boot_window_step(&window, 3099, true, 0), BOOT_WINDOW_START);
}

static void a_host_that_resets_for_ever(void **state)
{
    (void)state;
    struct boot_window window;
    uint32_t now_ms = 0;
    boot_window_open(&window, 0, 700);
    // First configured, then eight times anew, 400 ms each.
    while (boot_window_step(&window, now_ms, now_ms / 200 % 2 == 1, 0) == BOOT_WINDOW_OPEN) {
        now_ms++;
        assert_true(now_ms < 60000);
    }
    assert_in_range(now_ms, 8 * 400, 9 * 400 + 700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stacks_at_the_edges_of_ram),
        cmocka_unit_test(entries_at_the_edges_of_the_program),
        cmocka_unit_test(blank_and_misaligned),
        cmocka_unit_test(each_reason_to_stay),
        cmocka_unit_test(what_resets_left_behind),
        cmocka_unit_test(no_window_if_it_is_0),
        cmocka_unit_test(the_window_is_as_long_as_set),
        cmocka_unit_test(nobody_configures_in_500_ms),
        cmocka_unit_test(nobody_speaks_in_700_ms),
        cmocka_unit_test(the_host_speaks),
        cmocka_unit_test(each_configuration_begins_anew),
        cmocka_unit_test(a_host_that_resets_for_ever),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
