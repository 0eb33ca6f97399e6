// J-Link's monitor commands: what becomes of each that IDEs send, and of what users type.
//
// The commands are those of Embedded CDT's and cortex-debug's sources and of SEGGER's UM08001; the
// expected ones are from OpenOCD's User's Guide.
//
// SPDX-License-Identifier: MIT
#include "host/gdb_jlink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *command, enum ql_gdb_jlink_action action, const char *text)
{
    char found[QL_JLINK_TEXT] = "";
    print_message("# %s\n", command);
    assert_int_equal(ql_gdb_jlink_translate(command, found), action);
    if (text != NULL)
        assert_string_equal(found, text);
    if (action == QL_JLINK_ANSWER)
        assert_true(strlen(found) > 5);
}

static void test_eclipse(void **state)
{
    (void)state;
    expect("speed 1000", QL_JLINK_SEND, "adapter speed 1000");
    expect("speed auto", QL_JLINK_ANSWER, NULL);
    expect("speed adaptive", QL_JLINK_ANSWER, NULL);
    expect("clrbp", QL_JLINK_SEND, "rbp all");
    expect("halt", QL_JLINK_SEND, "halt");
    expect("regs", QL_JLINK_SEND, "reg");
    expect("flash breakpoints 1", QL_JLINK_ANSWER, NULL);
    expect("flash breakpoints = 0", QL_JLINK_ANSWER, NULL);
    expect("semihosting enable", QL_JLINK_SEND, "arm semihosting enable");
    expect("semihosting ioclient 3", QL_JLINK_ANSWER, NULL);
    expect("swo disabletarget 0xffffffff", QL_JLINK_ANSWER, NULL);
    expect("swo enabletarget 0 0 0x1 0", QL_JLINK_ANSWER, NULL);
}

static void test_cortex_debug(void **state)
{
    (void)state;
    expect("exec setrttaddr 0x20000400", QL_JLINK_SEND, "rtt setup 0x20000400 24 \"SEGGER RTT\"");
    expect("exec memu32 0x20000400 = 0", QL_JLINK_SEND, "mww 0x20000400 0");
    expect("exec enableflashdl", QL_JLINK_ANSWER, NULL);
}

static void test_typed(void **state)
{
    (void)state;
    expect("go", QL_JLINK_SEND, "resume");
    expect("memu8 0x90100000", QL_JLINK_SEND, "mdb 0x90100000");
    expect("memu16 0x24000000 = 0x1234", QL_JLINK_SEND, "mwh 0x24000000 0x1234");
    expect("memu32 0x24000000=7", QL_JLINK_SEND, "mww 0x24000000 7");
    expect("writeu32 0x24000000 7", QL_JLINK_SEND, "mww 0x24000000 7");
    expect("reg r3", QL_JLINK_SEND, "reg r3");
    expect("reg sp = 0x24080000", QL_JLINK_SEND, "reg sp 0x24080000");
    expect("setbp 0x90100504", QL_JLINK_SEND, "bp 0x90100504 2 hw");
    expect("sleep 100", QL_JLINK_SEND, "sleep 100");
    expect("waithalt 1000", QL_JLINK_SEND, "wait_halt 1000");
    expect("interface swd", QL_JLINK_ANSWER, NULL);
    expect("flash download=1", QL_JLINK_ANSWER, NULL);
    expect("flash download = 1", QL_JLINK_ANSWER, NULL);
    expect("exec device = stm32h750vb", QL_JLINK_ANSWER, NULL);
}

static void test_left_to_the_server(void **state)
{
    (void)state;
    const char *const others[] = {
        "",          "flash probe 1",          "flash banks", "targets",
        "resethalt", "mdw 0x20000000 4",       "gdb_sync",    "speedy",
        "registers", "arm semihosting enable", "memu32",      "setbp main"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        expect(others[i], QL_JLINK_PASS, NULL);
}

// Whatever is typed, the text stays within its size.
static void test_long(void **state)
{
    (void)state;
    static const char *const starts[] = {"speed 1",           "sleep ",        "reg ",
                                         "reg x = ",          "memu32 0x1 = ", "writeu8 ",
                                         "exec setrttaddr 1", "setbp 1"};
    char command[4096];
    char text[QL_JLINK_TEXT];
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        memset(command, '1', sizeof command);
        memcpy(command, starts[i], strlen(starts[i]));
        command[sizeof command - 1] = '\0';
        (void)ql_gdb_jlink_translate(command, text);
        assert_true(strlen(text) < QL_JLINK_TEXT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eclipse), cmocka_unit_test(test_cortex_debug),
        cmocka_unit_test(test_typed),   cmocka_unit_test(test_left_to_the_server),
        cmocka_unit_test(test_long),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
