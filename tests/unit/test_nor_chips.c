// The chip driver on every virtual chip: found, read at both ends, written, erased, with the
// maximum times, protected, and left in each state that a reset of the microcontroller does not
// end; single and two of them in dual-flash mode. The chips are strict: any mistake of the driver
// ends the program with a sentence. What is expected stands in the chips' data sheets (sim/nor_*.c
// names them), not in the driver.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>

#include "core/error.h"
#include "core/nor.h"
#include "tests/unit/model_bus.h"

#define MIB UINT32_C(0x100000)

struct chip_case {
    const char *model;
    uint32_t size;
    uint8_t read;          // the opcode that the contents are shown by
    uint8_t address_bytes; // of it
    uint8_t read_clocks;   // mode and dummy clocks of EBh (ECh)
    uint8_t stay;          // a mode byte that keeps continuous read
    uint8_t status_writes; // at the first start: the quad enable bit
    uint8_t protect;       // SR1: all of the chip
    uint8_t enter_qpi;     // 0: it has none
    uint8_t suspend;
    uint8_t enter_4byte; // 0: it has none
};

static const struct chip_case cases[] = {
    {"W25Q64JV-IQ", 8 * MIB, 0xEB, 3, 6, 0xA0, 0, 0x1C, 0, 0x75, 0},
    {"W25Q128JV-IQ", 16 * MIB, 0xEB, 3, 6, 0xA0, 0, 0x1C, 0, 0x75, 0},
    {"W25Q128JV-IM", 16 * MIB, 0xEB, 3, 6, 0x2F, 1, 0x1C, 0x38, 0x75, 0},
    {"W25Q256JV-IQ", 32 * MIB, 0xEC, 4, 6, 0xA0, 0, 0x3C, 0, 0x75, 0xB7},
    {"IS25LP064A", 8 * MIB, 0xEB, 3, 6, 0xAF, 1, 0x3C, 0x35, 0x75, 0},
    {"IS25LP064A", 8 * MIB, 0xEB, 3, 6, 0xA5, 1, 0x20, 0x35, 0xB0, 0},
    {"MT25QL512AB", 64 * MIB, 0xEC, 4, 10, 0x00, 0, 0x5C, 0x35, 0x75, 0xB7},
    {"GD25Q64C", 8 * MIB, 0xEB, 3, 6, 0xA0, 1, 0x1C, 0x38, 0x75, 0},
    {"GD25Q128E", 16 * MIB, 0xEB, 3, 6, 0xA0, 1, 0x1C, 0x38, 0x75, 0},
    {"MX25L12833F", 16 * MIB, 0x6B, 3, 6, 0xA5, 1, 0x3C, 0x35, 0xB0, 0},
    {"PY25Q64HA", 8 * MIB, 0xEB, 3, 6, 0xA0, 1, 0x1C, 0x38, 0x75, 0},
};

static struct model_bus model_bus;
static struct nor nor;
static const struct chip_case *now;
static uint8_t window;
static uint32_t factor; // 2 with two chips

static void create(const struct chip_case *chip, bool dual)
{
    now = chip;
    factor = dual ? 2 : 1;
    (dual ? model_bus_create_dual : model_bus_create)(&model_bus, chip->model);
}

static int single(void **state)
{
    create(*state, false);
    return 0;
}

static int dual(void **state)
{
    create(*state, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    model_bus_destroy(&model_bus);
    return 0;
}

// The microcontroller is reset, the chips are not.
static void restart(void)
{
    nor_chip_controller_reset(model_bus.chip);
    if (model_bus.second)
        nor_chip_controller_reset(model_bus.second);
    nor_init(&nor, &model_bus.bus, &window);
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(nor.geometry.size, now->size * factor);
    assert_int_equal(nor_map(&nor), 0);
}

static int finish(void)
{
    int result;
    while ((result = nor_poll(&nor)) == 1)
        machine_advance(model_bus.machine, 50000);
    return result;
}

static void send(uint8_t opcode, uint8_t lanes)
{
    struct nor_command command = {.opcode = opcode, .opcode_lanes = lanes};
    model_bus.bus.command(&model_bus, &command);
}

static void status_write(uint8_t value, uint8_t second_value)
{
    struct nor_command command = {.opcode = 0x01, .opcode_lanes = 1, .data_lanes = 1};
    uint8_t bytes[2] = {value, second_value};
    send(0x06, 1);
    model_bus.bus.write(&model_bus, &command, bytes, factor);
    machine_advance(model_bus.machine, 60 * MODEL_MS);
}

static uint8_t *byte_at(uint32_t address)
{
    struct nor_chip *chip = address % factor ? model_bus.second : model_bus.chip;
    return nor_chip_array(chip) + address / factor;
}

static void fill(uint32_t address, uint32_t size, uint8_t value)
{
    for (uint32_t i = 0; i < size; i++)
        *byte_at(address + i) = value;
}

static void assert_filled(uint32_t address, uint32_t size, uint8_t value)
{
    for (uint32_t i = 0; i < size; i++)
        if (*byte_at(address + i) != value)
            fail_msg("%s: %02X at %X", now->model, *byte_at(address + i), address + i);
}

static void found(void **state)
{
    (void)state;
    restart();
    struct nor_command command;
    nor_read_command(&nor, &command);
    assert_int_equal(command.opcode, now->read);
    assert_int_equal(command.address_bytes, now->address_bytes);
    assert_int_equal(command.data_lanes, 4);
    assert_int_equal(nor.geometry.page_size, 256 * factor);
    assert_int_equal(nor_chip_operations(model_bus.chip), now->status_writes);
    restart();
    assert_int_equal(nor_chip_operations(model_bus.chip), now->status_writes);
}

static void written_and_erased(void **state)
{
    (void)state;
    restart();
    uint8_t page[512];
    for (unsigned i = 0; i < sizeof page; i++)
        page[i] = (uint8_t)(i * 7 ^ i >> 8);
    const uint32_t places[] = {MIB, (now->size - 0x10000) * factor};
    for (unsigned i = 0; i < 4; i++) {
        uint32_t at = places[i % 2];
        enum nor_timing timing = i < 2 ? NOR_TIMING_TYPICAL : NOR_TIMING_MAXIMUM;
        nor_chip_set_timing(model_bus.chip, timing);
        if (model_bus.second)
            nor_chip_set_timing(model_bus.second, timing);
        assert_int_equal(nor_program_start(&nor, at, page, 256 * factor), 0);
        assert_int_equal(finish(), 0);
        for (uint32_t byte = 0; byte < 256 * factor; byte++)
            assert_int_equal(*byte_at(at + byte), page[byte]);
        assert_int_equal(nor_map(&nor), 0);
        for (unsigned type = 0; type < NOR_ERASE_TYPES; type++) {
            if (nor.geometry.erase[type].size_log2 == 0)
                continue;
            uint32_t size = UINT32_C(1) << nor.geometry.erase[type].size_log2;
            uint32_t place = at / size * size;
            fill(place, size, 0x00);
            assert_int_equal(nor_erase_start(&nor, place, size), 0);
            assert_int_equal(finish(), 0);
            assert_filled(place, size, 0xFF);
        }
        // The smallest and the largest erase are always there.
        assert_non_null(nor_erase_type_find(&nor, 0x1000 * factor));
        assert_non_null(nor_erase_type_find(&nor, 0x10000 * factor));
    }
}

// Odd lengths and addresses are no business of two chips.
static void halves_are_refused(void **state)
{
    (void)state;
    restart();
    uint8_t bytes[3] = {0};
    assert_int_equal(nor_program_start(&nor, MIB, bytes, 3), QL_ERROR_ARGUMENT);
    assert_int_equal(nor_program_start(&nor, MIB + 1, bytes, 2), QL_ERROR_ARGUMENT);
    assert_null(nor_erase_type_find(&nor, 0x1000));
    assert_int_equal(nor_program_start(&nor, MIB + 2, bytes, 2), 0);
    assert_int_equal(finish(), 0);
    assert_filled(MIB + 2, 2, 0);
}

static void continuous_read(uint8_t opcode, uint8_t address_bytes)
{
    struct nor_command command = {
        .opcode = opcode,
        .opcode_lanes = 1,
        .address_bytes = address_bytes,
        .address_lanes = 4,
        .mode_lanes = 4,
        .mode_bits = now->stay,
        .dummy_cycles = (uint8_t)(now->read_clocks - 2),
        .data_lanes = 4,
    };
    uint8_t bytes[16];
    model_bus.bus.read(&model_bus, &command, bytes, sizeof bytes);
}

// Micron's chips do so only if a register allows it.
static void xip_allow(void)
{
    struct nor_command command = {.opcode = 0x81, .opcode_lanes = 1, .data_lanes = 1};
    static const uint8_t bytes[2] = {0xF3, 0xF3};
    if (strncmp(now->model, "MT25", 4) != 0)
        return;
    send(0x06, 1);
    model_bus.bus.write(&model_bus, &command, bytes, factor);
}

static bool slow_quad_io(void)
{
    return now->read == 0x6B; // EBh is there, but not at 100 MHz; the chip would complain
}

static void left_in_continuous_reading(void **state)
{
    (void)state;
    restart();
    if (slow_quad_io())
        skip();
    xip_allow();
    continuous_read(now->address_bytes == 4 ? 0xEC : 0xEB, now->address_bytes);
    restart();
    if (now->enter_4byte == 0)
        return;
    xip_allow();
    continuous_read(0xEB, 3);
    restart();
}

static void left_in_qpi(void **state)
{
    (void)state;
    restart();
    if (now->enter_qpi == 0)
        skip();
    send(now->enter_qpi, 1);
    restart();
    // And with a read that goes on by itself: everything has four lanes then.
    send(now->enter_qpi, 1);
    send(0x66, 4);
    restart();
}

static void left_in_four_byte_mode(void **state)
{
    (void)state;
    restart();
    if (now->enter_4byte == 0)
        skip();
    if (strncmp(now->model, "MT25", 4) == 0)
        send(0x06, 1);
    send(now->enter_4byte, 1);
    restart();
    if (strncmp(now->model, "MT25", 4) == 0)
        send(0x06, 1);
    send(now->enter_4byte, 1);
    xip_allow();
    continuous_read(0xEB, 4);
    restart();
}

static void left_in_power_down(void **state)
{
    (void)state;
    restart();
    send(0xB9, 1);
    machine_advance(model_bus.machine, 30000);
    restart();
}

static void left_at_work_or_suspended(void **state)
{
    (void)state;
    uint32_t size = 0x10000 * factor;
    for (int suspended = 0; suspended < 2; suspended++) {
        restart();
        fill(2 * MIB, size, 0);
        assert_int_equal(nor_erase_start(&nor, 2 * MIB, size), 0);
        machine_advance(model_bus.machine, 20 * MODEL_MS);
        if (suspended) {
            send(now->suspend, 1);
            machine_advance(model_bus.machine, MODEL_MS);
        }
        restart();
        assert_filled(2 * MIB, size, 0xFF);
    }
}

static void protection_is_taken_away(void **state)
{
    (void)state;
    restart();
    uint8_t value = (uint8_t)(nor.status[0] | now->protect);
    status_write(value, value);
    restart();
    assert_int_equal(nor.status[0] & 0x7C & now->protect, now->protect);
    uint8_t bytes[2] = {0, 0};
    // Without that nothing is written: the chip ignores it, or says that it failed.
    assert_int_equal(nor_program_start(&nor, now->size * factor - 4096, bytes, 2), 0);
    int result = finish();
    assert_true(result == 0 || result == QL_ERROR_WORN);
    assert_filled(now->size * factor - 4096, 2, 0xFF);
    while ((result = nor_unprotect_start(&nor)) == 1)
        assert_int_equal(finish(), 0);
    assert_int_equal(result, 0);
    assert_int_equal(nor_program_start(&nor, now->size * factor - 4096, bytes, 2), 0);
    assert_int_equal(finish(), 0);
    assert_filled(now->size * factor - 4096, 2, 0);
    // What is not protection stays, quad enable above all.
    struct nor_command command;
    restart();
    nor_read_command(&nor, &command);
    assert_int_equal(command.data_lanes, 4);
}

// The bits of one chip only: the other one's registers keep what they hold.
static void second_chip_alone_is_protected(void **state)
{
    (void)state;
    restart();
    status_write(nor.status[0], (uint8_t)(nor.second_status[0] | now->protect));
    restart();
    assert_int_equal(nor.status[0] & now->protect, 0);
    assert_int_equal(nor.second_status[0] & now->protect, now->protect);
    int result;
    while ((result = nor_unprotect_start(&nor)) == 1)
        assert_int_equal(finish(), 0);
    assert_int_equal(result, 0);
    assert_int_equal(nor_erase_start(&nor, 0, 0x10000 * factor), 0);
    assert_int_equal(finish(), 0);
}

// A W25Q256JV that nobody has a row for: SFDP names B7h, and the usual opcodes take 4 bytes then.
static int unknown(void **state)
{
    now = *state;
    factor = 1;
    model_bus_create_model(&model_bus, model_stranger());
    return 0;
}

static void without_a_row_the_address_mode_is_switched(void **state)
{
    (void)state;
    struct nor_command command;
    const uint8_t byte = 0x5A;
    for (unsigned turn = 0; turn < 2; turn++) {
        restart();
        assert_null(nor.name);
        nor_read_command(&nor, &command);
        assert_int_equal(command.opcode, 0xEB);
        assert_int_equal(command.address_bytes, 4);
        fill(0x1FF0000, 0x10000, 0);
        assert_int_equal(nor_erase_start(&nor, 0x1FF0000, 0x10000), 0);
        assert_int_equal(finish(), 0);
        assert_filled(0x1FF0000, 0x10000, 0xFF);
        assert_int_equal(nor_program_start(&nor, 0x1FFFFFF, &byte, 1), 0);
        assert_int_equal(finish(), 0);
        assert_filled(0x1FFFFFF, 1, 0x5A);
        assert_filled(0xFFFFFF, 1, 0xFF);
    }
}

static struct CMUnitTest tests[sizeof cases / sizeof cases[0] * 24];
static unsigned test_count;

static void add(const struct chip_case *chip, const char *what, CMUnitTestFunction function,
                CMFixtureFunction setup)
{
    char *name = malloc(80);
    snprintf(name, 80, "%s%s: %s", setup == dual ? "two " : "", chip->model, what);
    tests[test_count++] =
        (struct CMUnitTest){name, function, setup, teardown, (void *)(uintptr_t)chip};
}

#define ADD(setup, function) add(&cases[i], #function, function, setup)

int main(void)
{
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ADD(single, found);
        ADD(single, written_and_erased);
        ADD(single, left_in_continuous_reading);
        ADD(single, left_in_qpi);
        ADD(single, left_in_four_byte_mode);
        ADD(single, left_in_power_down);
        ADD(single, left_at_work_or_suspended);
        ADD(single, protection_is_taken_away);
        ADD(dual, found);
        ADD(dual, written_and_erased);
        ADD(dual, halves_are_refused);
        ADD(dual, left_in_continuous_reading);
        ADD(dual, left_in_qpi);
        ADD(dual, left_at_work_or_suspended);
        ADD(dual, protection_is_taken_away);
        ADD(dual, second_chip_alone_is_protected);
    }
    add(&cases[3], "without a row the address mode is switched",
        without_a_row_the_address_mode_is_switched, unknown);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    int failed = _cmocka_run_group_tests("chips", tests, test_count, NULL, NULL);
    for (unsigned i = 0; i < test_count; i++)
        free((void *)(uintptr_t)tests[i].name);
    return failed;
}
