// Tests of the composed board: memory map, loading, power, button, USB supply, control lines.
//
// Addresses and bits from RM0433; the board's wiring from its schematic.
//
// SPDX-License-Identifier: MIT
#include "sim/control.h"
#include "sim/virtual_board.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define RCC     0x58024400u
#define AHB2ENR (RCC + 0xDC)
#define AHB4ENR (RCC + 0xE0)
#define GPIOA   0x58020000u
#define GPIOE   0x58021000u
#define IDR     0x10u
#define MODER   0x00u

struct bench {
    struct virtual_board *board;
    struct machine *machine;
    char violation[512];
    char path[64]; // of a scratch file
};

// A board's parts live as long as the process; the leak checker must still find them.
static struct virtual_board *boards[16];
static unsigned board_count;

static void violated(void *context, const char *device, const char *text)
{
    struct bench *bench = context;

    snprintf(bench->violation, sizeof(bench->violation), "%s: %s", device, text);
}

static void create(struct bench *bench)
{
    struct virtual_board_settings settings = {.board = board_find("h750_w25q128"),
                                              .usb_plugged = true};

    memset(bench, 0, sizeof(*bench));
    for (uint8_t i = 0; i < 12; i++) {
        settings.unique_id[i] = (uint8_t)(0x10 + i);
    }
    assert_non_null(settings.board);
    bench->board = virtual_board_create(&settings);
    assert_non_null(bench->board);
    boards[board_count++] = bench->board;
    bench->machine = virtual_board_machine(bench->board);
    machine_on_violation(bench->machine, violated, bench);
    snprintf(bench->path, sizeof(bench->path), "build/test_virtual_board.%d", (int)getpid());
}

static void destroy(struct bench *bench)
{
    unlink(bench->path);
    virtual_board_destroy(bench->board);
}

static uint32_t get(struct bench *bench, uint32_t address)
{
    uint32_t value = 0;

    assert_true(machine_bus_read(bench->machine, address, 4, &value));
    return value;
}

static void set(struct bench *bench, uint32_t address, uint32_t value)
{
    assert_true(machine_bus_write(bench->machine, address, 4, value));
}

static void file_write(struct bench *bench, const char *text, size_t length)
{
    FILE *stream = fopen(bench->path, "wb");

    assert_non_null(stream);
    assert_int_equal(fwrite(text, 1, length, stream), length);
    fclose(stream);
}

// Loads the scratch file; returns NULL or the complaint.
static const char *load(struct bench *bench, const char *suffix)
{
    static char error[512];
    char specification[128];

    snprintf(specification, sizeof(specification), "%s%s", bench->path, suffix);
    return virtual_board_load(bench->board, specification, error, sizeof(error)) ? NULL : error;
}

static void test_memory_map(void **state)
{
    static const uint32_t always[] = {0x00000000, 0x0000FFFC, 0x20000000, 0x2001FFFC,
                                      0x24000000, 0x2407FFFC, 0x38000000, 0x3800FFFC};
    static const uint32_t never[] = {0x00010000, 0x20020000, 0x24080000, 0x30048000, 0x60000000,
                                     0x1FF00000, 0x08020000, 0xC0000000, 0xE0100000};
    struct bench bench;
    uint32_t value;

    (void)state;
    create(&bench);
    virtual_board_power_on(bench.board);
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        set(&bench, always[i], 0xC0FFEE00 + (uint32_t)i);
        assert_int_equal(get(&bench, always[i]), 0xC0FFEE00 + (uint32_t)i);
    }
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        assert_false(machine_bus_read(bench.machine, never[i], 4, &value));
    }
    assert_int_equal(get(&bench, 0x08000000), 0xFFFFFFFF);
    assert_int_equal(get(&bench, 0x1FF1E800), 0x13121110);
    assert_int_equal(get(&bench, 0x1FF1E808), 0x1B1A1918);
    assert_string_equal(bench.violation, "");
    destroy(&bench);
}

// SRAM1 works with AHB2ENR.SRAM1EN only, and is the same memory at both addresses.
static void test_gated_memory(void **state)
{
    struct bench bench;
    uint32_t value;

    (void)state;
    create(&bench);
    virtual_board_power_on(bench.board);
    assert_false(machine_bus_read(bench.machine, 0x30000000, 4, &value));
    assert_non_null(strstr(bench.violation, "SRAM1"));
    bench.violation[0] = '\0';
    set(&bench, AHB2ENR, UINT32_C(1) << 29);
    set(&bench, 0x30000010, 0x12345678);
    assert_int_equal(get(&bench, 0x10000010), 0x12345678);
    assert_false(machine_bus_read(bench.machine, 0x30020000, 4, &value)); // SRAM2's own gate
    destroy(&bench);
}

static void test_load_raw(void **state)
{
    struct bench bench;

    (void)state;
    create(&bench);
    file_write(&bench, "\x11\x22\x33\x44", 4);
    assert_null(load(&bench, "@0x24000100"));
    assert_null(load(&bench, "@0x08000000"));
    assert_null(load(&bench, "@0x90100000"));
    assert_int_equal(get(&bench, 0x24000100), 0x44332211);
    assert_int_equal(get(&bench, 0x08000000), 0x44332211);
    assert_non_null(strstr(load(&bench, "@0x60000000"), "no memory for the 4 bytes at 0x60000000"));
    assert_non_null(strstr(load(&bench, "@0x0801FFFE"), "no memory"));
    assert_non_null(strstr(load(&bench, ""), "FILE@ADDRESS"));
    file_write(&bench, "", 0);
    assert_non_null(strstr(load(&bench, "@0x24000000"), "empty"));
    destroy(&bench);
}

static void test_load_hex(void **state)
{
    // Four bytes at 0x24000010, by an extended linear address; checksums by hand.
    static const char good[] = ":020000042400D6\r\n:0400100001020304E2\r\n:00000001FF\r\n";
    static const char wrong_sum[] = ":020000042400D6\n:0400100001020304E3\n:00000001FF\n";
    static const char no_end[] = ":020000042400D6\n:0400100001020304E2\n";
    struct bench bench;

    (void)state;
    create(&bench);
    file_write(&bench, good, sizeof(good) - 1);
    assert_null(load(&bench, ""));
    assert_int_equal(get(&bench, 0x24000010), 0x04030201);
    file_write(&bench, wrong_sum, sizeof(wrong_sum) - 1);
    assert_non_null(strstr(load(&bench, ""), "line 2"));
    file_write(&bench, no_end, sizeof(no_end) - 1);
    assert_non_null(strstr(load(&bench, ""), "no end record"));
    destroy(&bench);
}

static void test_load_elf(void **state)
{
    struct bench bench;

    (void)state;
    create(&bench);
    file_write(&bench, "\177ELF garbage", 12);
    assert_non_null(strstr(load(&bench, ""), "damaged ELF file"));
    assert_non_null(strstr(load(&bench, "@0x24000000"), "brings its own addresses"));
    destroy(&bench);
}

// RAM is lost over a power cycle, but not over a reset; flash and chip stay.
static void test_power_cycle(void **state)
{
    struct bench bench;

    (void)state;
    create(&bench);
    file_write(&bench, "\x11\x22\x33\x44", 4);
    assert_null(load(&bench, "@0x08000000"));
    virtual_board_power_on(bench.board);
    set(&bench, 0x24000000, 0xC0FFEE00);
    machine_reset_now(bench.machine, RESET_PIN);
    assert_int_equal(get(&bench, 0x24000000), 0xC0FFEE00);
    virtual_board_power_cycle(bench.board);
    assert_true(machine_reset_asked(bench.machine, NULL));
    machine_reset_now(bench.machine, RESET_POWER_ON);
    assert_int_not_equal(get(&bench, 0x24000000), 0xC0FFEE00);
    assert_int_equal(get(&bench, 0x08000000), 0x44332211);
    destroy(&bench);
}

// Button PE4 low when pressed; PA9 sees the USB cable.
static void test_pins(void **state)
{
    struct bench bench;

    (void)state;
    create(&bench);
    virtual_board_power_on(bench.board);
    set(&bench, AHB4ENR, 1u << 0 | 1u << 4);
    set(&bench, GPIOE + MODER, 0xFFFFFFFF & ~(3u << 8));
    set(&bench, GPIOA + MODER, 0xABFFFFFF & ~(3u << 18));
    assert_int_equal(get(&bench, GPIOE + IDR) >> 4 & 1, 1);
    virtual_board_press(bench.board, true);
    assert_int_equal(get(&bench, GPIOE + IDR) >> 4 & 1, 0);
    virtual_board_press(bench.board, false);
    assert_int_equal(get(&bench, GPIOE + IDR) >> 4 & 1, 1);
    assert_int_equal(get(&bench, GPIOA + IDR) >> 9 & 1, 1);
    virtual_board_plug(bench.board, false);
    machine_advance(bench.machine, NS_PER_S);
    assert_int_equal(get(&bench, GPIOA + IDR) >> 9 & 1, 0);
    destroy(&bench);
}

static void expect_answer(struct bench *bench, const char *line, const char *start)
{
    char *text = NULL;
    size_t length = 0;
    FILE *answer = open_memstream(&text, &length);

    control_execute(bench->board, line, answer);
    fclose(answer);
    if (strncmp(text, start, strlen(start)) != 0 || text[length - 1] != '\n') {
        fail_msg("'%s' was answered '%s'", line, text);
    }
    free(text);
}

static void test_control(void **state)
{
    struct bench bench;
    enum reset_kind kind = RESET_POWER_ON;

    (void)state;
    create(&bench);
    file_write(&bench, "\x00\x00\x02\x20\x09\x00\x00\x08", 8);
    assert_null(load(&bench, "@0x08000000"));
    virtual_board_power_on(bench.board);
    expect_answer(&bench, "reset", "ok\n");
    assert_true(machine_reset_asked(bench.machine, &kind));
    assert_int_equal(kind, RESET_PIN);
    expect_answer(&bench, "power-cycle", "ok\n");
    assert_true(machine_reset_asked(bench.machine, &kind));
    assert_int_equal(kind, RESET_POWER_ON);
    expect_answer(&bench, "power-cut-after 3", "ok\n");
    expect_answer(&bench, "power-cut-after 3 0.25", "ok\n");
    expect_answer(&bench, "power-cut-after 3 1.5", "error: ");
    expect_answer(&bench, "power-cut-after 3 x", "error: ");
    expect_answer(&bench, "power-cut-after -1", "error: ");
    expect_answer(&bench, "power-cut-after", "error: ");
    expect_answer(&bench, "button down", "ok\n");
    expect_answer(&bench, "button sideways", "error: ");
    expect_answer(&bench, "usb unplug", "ok\n");
    expect_answer(&bench, "usb", "error: ");
    expect_answer(&bench, "reset now", "error: ");
    expect_answer(&bench, "stats", "");
    expect_answer(&bench, "", "error: unknown command");
    expect_answer(&bench, "resets", "error: unknown command");
    assert_false(machine_stopped(bench.machine, NULL));
    expect_answer(&bench, "quit", "ok\n");
    assert_true(machine_stopped(bench.machine, NULL));
    destroy(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_map), cmocka_unit_test(test_gated_memory),
        cmocka_unit_test(test_load_raw),   cmocka_unit_test(test_load_hex),
        cmocka_unit_test(test_load_elf),   cmocka_unit_test(test_power_cycle),
        cmocka_unit_test(test_pins),       cmocka_unit_test(test_control),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
