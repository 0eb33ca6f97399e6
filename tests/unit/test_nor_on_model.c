// The chip driver on the virtual board's chip: two readings of the same data sheet, made apart. The
// chip is strict; any mistake of the driver ends the program with a sentence.
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
#include "tests/unit/model_bus.h"

#define MS MODEL_MS

static struct model_bus model_bus;
static struct nor nor;

static void chip_start(const char *model)
{
    model_bus_create(&model_bus, model);
    nor_init(&nor, &model_bus.bus, nor_chip_array(model_bus.chip));
}

static int setup_iq(void **state)
{
    (void)state;
    chip_start("W25Q128JV-IQ");
    return 0;
}

static int setup_im(void **state)
{
    (void)state;
    chip_start("W25Q128JV-IM");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    model_bus_destroy(&model_bus);
    return 0;
}

// The microcontroller is reset, the chip is not.
static void restart(void)
{
    nor_chip_controller_reset(model_bus.chip);
    nor_init(&nor, &model_bus.bus, nor_chip_array(model_bus.chip));
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(nor.geometry.size, 0x1000000);
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

static void found_written_and_erased(void **state)
{
    (void)state;
    restart();
    assert_string_equal(nor.name, "W25Q128JV");
    uint8_t page[256];
    for (unsigned i = 0; i < sizeof page; i++)
        page[i] = (uint8_t)(i ^ 0x5A);
    for (int slow = 0; slow < 2; slow++) {
        nor_chip_set_timing(model_bus.chip, slow ? NOR_TIMING_MAXIMUM : NOR_TIMING_TYPICAL);
        assert_int_equal(nor_program_start(&nor, 0x100000, page, 256), 0);
        assert_int_equal(finish(), 0);
        assert_memory_equal(nor_chip_array(model_bus.chip) + 0x100000, page, 256);
        for (uint32_t size = 0x1000; size <= 0x10000; size *= size == 0x1000 ? 8 : 2) {
            assert_int_equal(nor_erase_start(&nor, 0x100000, size), 0);
            assert_int_equal(finish(), 0);
            assert_true(nor_is_blank(nor_chip_array(model_bus.chip) + 0x100000, size));
        }
    }
    assert_int_equal(nor_map(&nor), 0);
}

static void quad_enable_is_set_on_the_part_that_comes_without(void **state)
{
    (void)state;
    restart();
    assert_string_equal(nor.name, "W25Q128JV-M");
    assert_int_equal(nor_chip_operations(model_bus.chip), 1);
    restart();
    assert_int_equal(nor_chip_operations(model_bus.chip), 1);
}

static void found_in_continuous_reading(void **state)
{
    (void)state;
    restart();
    struct nor_command command;
    nor_read_command(&nor, &command);
    command.mode_bits = 0xA0;
    uint8_t bytes[16];
    model_bus_frame(&model_bus, &command, true, bytes, NULL, sizeof bytes);
    restart();
}

static void found_in_qpi(void **state)
{
    (void)state;
    restart();
    send(0x38, 1);
    restart();
}

static void found_in_power_down(void **state)
{
    (void)state;
    restart();
    send(0xB9, 1);
    machine_advance(model_bus.machine, 10000);
    restart();
}

static void found_in_the_middle_of_an_erase(void **state)
{
    (void)state;
    restart();
    memset(nor_chip_array(model_bus.chip) + 0x200000, 0, 0x10000);
    assert_int_equal(nor_erase_start(&nor, 0x200000, 0x10000), 0);
    machine_advance(model_bus.machine, 20 * MS);
    restart();
    assert_true(nor_is_blank(nor_chip_array(model_bus.chip) + 0x200000, 0x10000));
}

static void found_with_an_erase_suspended(void **state)
{
    (void)state;
    restart();
    memset(nor_chip_array(model_bus.chip) + 0x200000, 0, 0x10000);
    assert_int_equal(nor_erase_start(&nor, 0x200000, 0x10000), 0);
    machine_advance(model_bus.machine, 20 * MS);
    send(0x75, 1);
    machine_advance(model_bus.machine, MS);
    restart();
    assert_true(nor_is_blank(nor_chip_array(model_bus.chip) + 0x200000, 0x10000));
}

static void protection_is_taken_away(void **state)
{
    (void)state;
    restart();
    static const uint8_t sr1 = 0x1C;
    send(0x06, 1);
    struct nor_command command = {.opcode = 0x01, .opcode_lanes = 1, .data_lanes = 1};
    model_bus.bus.write(&model_bus, &command, &sr1, 1);
    machine_advance(model_bus.machine, 20 * MS);
    restart();
    assert_int_equal(nor.status[0], 0x1C);
    int result;
    while ((result = nor_unprotect_start(&nor)) == 1)
        assert_int_equal(finish(), 0);
    assert_int_equal(result, 0);
    assert_int_equal(nor_erase_start(&nor, 0x200000, 0x1000), 0);
    assert_int_equal(finish(), 0);
}

#define IQ(test) cmocka_unit_test_setup_teardown(test, setup_iq, teardown)
#define IM(test) cmocka_unit_test_setup_teardown(test, setup_im, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IQ(found_written_and_erased),      IM(quad_enable_is_set_on_the_part_that_comes_without),
        IQ(found_in_continuous_reading),   IM(found_in_qpi),
        IQ(found_in_power_down),           IQ(found_in_the_middle_of_an_erase),
        IQ(found_with_an_erase_suspended), IQ(protection_is_taken_away),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
