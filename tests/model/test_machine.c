// Tests of the machine: virtual time and events, the bus's checks, memory, lines, limits.
//
// SPDX-License-Identifier: MIT
#include "sim/machine_build.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
    struct machine *machine;
    char violation[512];
    unsigned violations;
    uint32_t stored;
    unsigned resets;
    bool clock_on;
};

static void violated(void *context, const char *device, const char *text)
{
    struct bench *bench = context;

    bench->violations++;
    snprintf(bench->violation, sizeof(bench->violation), "%s: %s", device, text);
}

static uint32_t device_read(void *context, uint32_t offset, unsigned size)
{
    struct bench *bench = context;

    (void)size;
    if (offset == 0x10) {
        machine_bus_error(bench->machine);
    }
    return bench->stored;
}

static void device_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct bench *bench = context;

    (void)offset;
    (void)size;
    bench->stored = value;
}

static void device_reset(void *context, enum reset_kind kind)
{
    struct bench *bench = context;

    (void)kind;
    bench->resets++;
}

// CR has 8 bits, 2 of them read-only, and bit 31 reserved at 1.
static const struct register_info registers[] = {
    {"CR", 0x00, 0x80000000, 0x800000FF, 0x0000003F, ACCESS_WORD, 1, 0},
    {"SR", 0x04, 0, 0xFF, 0, ACCESS_WORD, 1, 0},
    {"KR", 0x08, 0, 0, 0xFFFF, ACCESS_WORD, 1, 0},
    {"DR", 0x0C, 0, 0xFFFFFFFF, 0xFFFFFFFF, ACCESS_ANY, 1, 0},
    {"ER", 0x10, 0, 0xFFFFFFFF, 0xFFFFFFFF, ACCESS_WORD, 1, 0},
    {"FR", 0x14, 0, 0xFF, 0xFF, ACCESS_WORD | ACCESS_FREE, 1, 0},
    {"ROW", 0x20, 0, 0xFFFFFFFF, 0xFFFFFFFF, ACCESS_WORD, 3, 8},
    {0},
};

static bool gate_open(void *context, uint16_t offset, uint8_t bit)
{
    const struct bench *bench = context;

    assert_int_equal(offset, 0xD4);
    return bit == 14 && bench->clock_on;
}

static void create(struct bench *bench)
{
    const struct device device = {.name = "DEV",
                                  .base = 0x50000000,
                                  .size = 0x400,
                                  .registers = registers,
                                  .context = bench,
                                  .read = device_read,
                                  .write = device_write,
                                  .reset = device_reset,
                                  .gate_offset = 0xD4,
                                  .gate_bit = 14};
    const struct clock_service service = {.context = bench, .gate_open = gate_open};

    memset(bench, 0, sizeof(*bench));
    bench->clock_on = true;
    bench->machine = machine_create();
    machine_on_violation(bench->machine, violated, bench);
    machine_set_clock_service(bench->machine, &service);
    machine_add_device(bench->machine, &device);
}

// --- Time ---------------------------------------------------------------------------------------

struct note {
    struct machine *machine;
    struct event event;
    char letter;
    char *text;
    uint64_t at_ns;
    uint64_t period_ns;
};

static void note_fire(void *context)
{
    struct note *note = context;

    strncat(note->text, &note->letter, 1);
    note->at_ns = machine_now_ns(note->machine);
    if (note->period_ns != 0) {
        event_arm_in(note->machine, &note->event, note->period_ns);
    }
}

static void test_events_in_order(void **state)
{
    static const uint64_t times[] = {500, 100, 300, 100, 1000, 200};
    struct machine *machine = machine_create();
    struct note notes[6];
    char text[16] = "";

    (void)state;
    for (int i = 0; i < 6; i++) {
        notes[i] = (struct note){.machine = machine, .letter = (char)('a' + i), .text = text};
        notes[i].event = (struct event){.fire = note_fire, .context = &notes[i]};
        event_arm_at(machine, &notes[i].event, times[i]);
    }
    event_cancel(machine, &notes[2].event);
    machine_advance(machine, 500);
    assert_string_equal(text, "bdfa"); // b and d at the same time: in the order of arming
    assert_int_equal(notes[1].at_ns, 100);
    assert_int_equal(notes[0].at_ns, 500);
    assert_int_equal(machine_now_ns(machine), 500);
    assert_true(notes[4].event.armed);
    event_arm_at(machine, &notes[4].event, 600); // re-armed earlier
    machine_advance(machine, 100);
    assert_string_equal(text, "bdfae");
    machine_destroy(machine);
}

static void test_event_arms_event(void **state)
{
    struct machine *machine = machine_create();
    char text[64] = "";
    struct note note = {.machine = machine, .letter = 'x', .text = text, .period_ns = 7};

    (void)state;
    note.event = (struct event){.fire = note_fire, .context = &note};
    event_arm_at(machine, &note.event, 7);
    machine_advance(machine, 70);
    assert_int_equal(strlen(text), 10);
    assert_int_equal(note.at_ns, 70);
    machine_destroy(machine);
}

// A second of virtual time has as many cycles as the clock says, also over changes and long times.
static void test_cycles_follow_clock(void **state)
{
    struct machine *machine = machine_create();

    (void)state;
    machine_advance(machine, NS_PER_S);
    assert_int_equal(machine_cycles(machine), 64000000);
    machine_set_cpu_hz(machine, 480000000);
    machine_advance(machine, 2 * NS_PER_S);
    assert_int_equal(machine_cycles(machine), 64000000 + 960000000);
    assert_int_equal(machine_now_ns(machine), 3 * NS_PER_S);
    machine_advance(machine, 100000 * NS_PER_S);
    assert_int_equal(machine_now_ns(machine), 100003 * NS_PER_S);
    machine_destroy(machine);
}

static void limit_reached(void *context)
{
    (*(unsigned *)context)++;
}

static void test_limit(void **state)
{
    struct machine *machine = machine_create();
    unsigned reached = 0;

    (void)state;
    machine_set_limit(machine, 1000, limit_reached, &reached);
    assert_false(machine_at_limit(machine));
    machine_advance(machine, 1000);
    assert_true(machine_at_limit(machine));
    assert_true(machine_at_limit(machine));
    assert_int_equal(reached, 1); // told once
    machine_set_limit(machine, TIME_NEVER, NULL, NULL);
    assert_false(machine_at_limit(machine));
    machine_destroy(machine);
}

// --- Bus ----------------------------------------------------------------------------------------

static void expect_violation(struct bench *bench, const char *text)
{
    if (text == NULL) {
        assert_string_equal(bench->violation, "");
    } else if (strstr(bench->violation, text) == NULL) {
        fail_msg("'%s' is not in '%s'", text, bench->violation);
    }
    bench->violation[0] = '\0';
}

static void test_registers(void **state)
{
    struct bench bench;
    uint32_t value;

    (void)state;
    create(&bench);
    assert_true(machine_bus_write(bench.machine, 0x50000000, 4, 0x800000C1));
    expect_violation(&bench, NULL); // read-only bits may be written back
    assert_true(machine_bus_read(bench.machine, 0x50000000, 4, &value));
    assert_int_equal(value, 0x800000C1);
    machine_bus_write(bench.machine, 0x50000000, 4, 0x80000100);
    expect_violation(&bench, "CR written with 0x80000100, reserved bits 0x00000100");
    machine_bus_write(bench.machine, 0x50000004, 4, 1);
    expect_violation(&bench, "SR written");
    machine_bus_read(bench.machine, 0x50000008, 4, &value);
    expect_violation(&bench, "KR read, but it is write-only");
    machine_bus_read(bench.machine, 0x50000018, 4, &value);
    expect_violation(&bench, "no register is there");
    machine_bus_read(bench.machine, 0x50000000, 2, &value);
    expect_violation(&bench, "half-word access");
    machine_bus_write(bench.machine, 0x5000000D, 1, 0x55);
    expect_violation(&bench, NULL);
    assert_int_equal(bench.stored, 0x55);
    machine_bus_write(bench.machine, 0x5000000D, 2, 0x55);
    expect_violation(&bench, "unaligned");
    machine_destroy(bench.machine);
}

static void test_register_rows(void **state)
{
    struct device device = {.registers = registers};
    struct bench bench;
    uint32_t value;

    (void)state;
    create(&bench);
    machine_bus_read(bench.machine, 0x50000030, 4, &value);
    expect_violation(&bench, NULL);
    machine_bus_read(bench.machine, 0x50000034, 4, &value);
    expect_violation(&bench, "no register");
    machine_bus_read(bench.machine, 0x50000038, 4, &value);
    expect_violation(&bench, "no register");
    assert_string_equal(device_register(&device, 0x2A)->name, "ROW");
    assert_null(device_register(&device, 0x24));
    machine_destroy(bench.machine);
}

static void test_clock_gate(void **state)
{
    struct bench bench;
    uint32_t value;

    (void)state;
    create(&bench);
    bench.stored = 5;
    bench.clock_on = false;
    assert_true(machine_bus_read(bench.machine, 0x50000000, 4, &value));
    assert_int_equal(value, 0);
    expect_violation(&bench, "clock is off (RCC register at offset 0xD4, bit 14");
    machine_bus_write(bench.machine, 0x50000000, 4, 0x80000001);
    assert_int_equal(bench.stored, 5);
    machine_destroy(bench.machine);
}

static void test_bus_errors(void **state)
{
    struct bench bench;
    uint32_t value;

    (void)state;
    create(&bench);
    assert_false(machine_bus_read(bench.machine, 0x50000010, 4, &value)); // the device's wish
    assert_false(machine_bus_read(bench.machine, 0x60000000, 4, &value));
    assert_false(machine_bus_write(bench.machine, 0x50000400, 4, 0));
    assert_int_equal(bench.violations, 0);
    machine_destroy(bench.machine);
}

static void test_memory(void **state)
{
    static uint8_t ram[4096];
    static uint8_t rom[4096] = {1, 2, 3, 4};
    struct bench bench;
    uint32_t value;

    (void)state;
    create(&bench);
    machine_map_memory(bench.machine, "ram", 0x20000000, sizeof(ram), ram, true);
    machine_map_memory(bench.machine, "rom", 0x08000000, sizeof(rom), rom, false);
    assert_true(machine_bus_write(bench.machine, 0x20000002, 2, 0xABCD));
    assert_true(machine_bus_read(bench.machine, 0x20000000, 4, &value));
    assert_int_equal(value, 0xABCD0000);
    assert_true(machine_bus_read(bench.machine, 0x08000000, 4, &value));
    assert_int_equal(value, 0x04030201);
    assert_false(machine_bus_write(bench.machine, 0x08000000, 4, 0));
    assert_false(machine_bus_read(bench.machine, 0x20000FFE, 4, &value)); // over the end
    machine_destroy(bench.machine);
}

// A device may lie over read-only memory and take the writes.
static void test_device_over_memory(void **state)
{
    static uint8_t rom[4096] = {9};
    struct bench bench;
    struct device device = {.name = "array",
                            .base = 0x08000000,
                            .size = sizeof(rom),
                            .context = &bench,
                            .write = device_write};
    uint32_t value;

    (void)state;
    create(&bench);
    machine_map_memory(bench.machine, "rom", 0x08000000, sizeof(rom), rom, false);
    machine_add_device(bench.machine, &device);
    assert_true(machine_bus_read(bench.machine, 0x08000000, 1, &value));
    assert_int_equal(value, 9);
    assert_true(machine_bus_write(bench.machine, 0x08000000, 4, 77));
    assert_int_equal(bench.stored, 77);
    machine_destroy(bench.machine);
}

static void refused(void *context, uint32_t address)
{
    struct bench *bench = context;

    bench->stored = address;
}

static void opened(void *context)
{
    struct bench *bench = context;

    bench->resets++;
}

static void test_window(void **state)
{
    static uint8_t chip[4096] = {0x12};
    struct bench bench;
    uint32_t value;

    (void)state;
    create(&bench);
    machine_map_window(bench.machine, "window", 0x90000000, sizeof(chip), chip, refused, &bench);
    machine_window_on_open(bench.machine, 0x90000000, opened);
    assert_false(machine_bus_read(bench.machine, 0x90000008, 4, &value));
    assert_int_equal(bench.stored, 0x90000008);
    machine_window_show(bench.machine, 0x90000000, true);
    assert_int_equal(bench.resets, 0);
    assert_true(machine_bus_read(bench.machine, 0x90000000, 4, &value));
    assert_true(machine_bus_read(bench.machine, 0x90000000, 4, &value));
    assert_int_equal(value, 0x12);
    assert_int_equal(bench.resets, 1); // opened once
    machine_window_rearm(bench.machine, 0x90000000, false);
    machine_bus_read(bench.machine, 0x90000000, 4, &value);
    assert_int_equal(bench.resets, 2);
    assert_false(machine_bus_write(bench.machine, 0x90000000, 4, 0));
    machine_window_show(bench.machine, 0x90000000, false);
    assert_false(machine_bus_read(bench.machine, 0x90000000, 4, &value));
    machine_destroy(bench.machine);
}

// What a program goes on with after a warning.
static void test_reserved_bits(void **state)
{
    struct bench bench;

    (void)state;
    create(&bench);
    machine_bus_write(bench.machine, 0x50000000, 4, 0xFFFFFFFF);
    expect_violation(&bench, "reserved bits 0x7FFFFF00");
    assert_int_equal(bench.stored, 0x800000FF); // as after reset
    machine_bus_write(bench.machine, 0x50000014, 4, ~UINT32_C(1));
    expect_violation(&bench, NULL); // a flag cleared by writing 0
    assert_int_equal(bench.stored, 0xFE);
    machine_destroy(bench.machine);
}

static void test_gated_memory(void **state)
{
    static uint8_t ram[4096];
    struct bench bench;
    uint32_t value;

    (void)state;
    create(&bench);
    bench.clock_on = false;
    machine_map_gated_memory(bench.machine, "SRAM1", 0x30000000, sizeof(ram), ram, 0xD4, 14);
    assert_false(machine_bus_read(bench.machine, 0x30000000, 4, &value));
    expect_violation(&bench, "SRAM1: 0x30000000 accessed while its clock is off");
    bench.clock_on = true;
    machine_reset_now(bench.machine, RESET_PIN); // looks at the gates again
    assert_true(machine_bus_read(bench.machine, 0x30000000, 4, &value));
    machine_destroy(bench.machine);
}

// SRAM1 to 3 of real chips answer without the clock that the manual demands.
static void test_memory_without_clock(void **state)
{
    static uint8_t ram[4096];
    struct bench bench;
    uint32_t value;

    (void)state;
    create(&bench);
    bench.clock_on = false;
    machine_map_gated_memory(bench.machine, "SRAM1", 0x30000000, sizeof(ram), ram, 0xD4, 14);
    machine_memory_answers_unclocked(bench.machine, 0x30000000);
    assert_false(machine_bus_write(bench.machine, 0x30000000, 4, 5));
    expect_violation(&bench, "SRAM1: 0x30000000 accessed while its clock is off");
    machine_set_lenient(bench.machine, true);
    assert_true(machine_bus_write(bench.machine, 0x30000000, 4, 7));
    expect_violation(&bench, "SRAM1: 0x30000000 accessed while its clock is off");
    assert_true(machine_bus_read(bench.machine, 0x30000000, 4, &value));
    assert_int_equal(value, 7);
    machine_destroy(bench.machine);
}

// --- Resets, descriptors ------------------------------------------------------------------------

static void test_reset(void **state)
{
    struct bench bench;
    enum reset_kind kind = RESET_PIN;

    (void)state;
    create(&bench);
    assert_false(machine_reset_asked(bench.machine, NULL));
    machine_reset(bench.machine, RESET_IWDG1);
    machine_reset(bench.machine, RESET_POWER_ON); // the stronger one wins
    machine_reset(bench.machine, RESET_SOFTWARE);
    assert_true(machine_reset_asked(bench.machine, &kind));
    assert_int_equal(kind, RESET_POWER_ON);
    machine_reset_now(bench.machine, kind);
    assert_int_equal(bench.resets, 1);
    assert_false(machine_reset_asked(bench.machine, NULL));
    machine_destroy(bench.machine);
}

struct reader {
    struct machine *machine;
    struct watch *watch;
    unsigned calls;
};

static void readable(void *context, int fd, short revents)
{
    struct reader *reader = context;
    char byte;

    assert_int_equal(revents & POLLIN, POLLIN);
    assert_int_equal(read(fd, &byte, 1), 1);
    reader->calls++;
    machine_unwatch(reader->machine, reader->watch); // from inside its own call
}

static void test_descriptors(void **state)
{
    struct machine *machine = machine_create();
    struct reader reader = {.machine = machine};
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_false(machine_watching(machine));
    reader.watch = machine_watch(machine, ends[0], POLLIN, readable, &reader);
    assert_true(machine_watching(machine));
    machine_serve(machine, 0);
    assert_int_equal(reader.calls, 0);
    assert_int_equal(write(ends[1], "xy", 2), 2);
    machine_serve(machine, NS_PER_S);
    machine_serve(machine, 0);
    assert_int_equal(reader.calls, 1);
    assert_false(machine_watching(machine));
    close(ends[0]);
    close(ends[1]);
    machine_destroy(machine);
}

static void test_stop_keeps_first(void **state)
{
    struct machine *machine = machine_create();
    enum machine_exit code = MACHINE_EXIT_OK;

    (void)state;
    assert_false(machine_stopped(machine, &code));
    machine_stop(machine, MACHINE_EXIT_TIMEOUT);
    machine_stop(machine, MACHINE_EXIT_LOCKUP);
    assert_true(machine_stopped(machine, &code));
    assert_int_equal(code, MACHINE_EXIT_TIMEOUT);
    machine_destroy(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_in_order),
        cmocka_unit_test(test_event_arms_event),
        cmocka_unit_test(test_cycles_follow_clock),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_register_rows),
        cmocka_unit_test(test_clock_gate),
        cmocka_unit_test(test_bus_errors),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_device_over_memory),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_gated_memory),
        cmocka_unit_test(test_memory_without_clock),
        cmocka_unit_test(test_reserved_bits),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_stop_keeps_first),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
