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
#include "sim/machine_build.h"
#include "sim/nor_chip.h"

#define MS UINT64_C(1000000)

static struct machine *machine;
static struct nor_chip *chip;
static struct nor nor;
static struct nor_command polled;

// A chip select period takes the time of a few dozen clocks and is 50 ns apart from the last one.
static void frame_run(const struct nor_command *command, bool is_read, uint8_t *in,
                      const uint8_t *out, size_t length)
{
    struct nor_frame frame = {
        .has_opcode = command->opcode_lanes != 0,
        .opcode = command->opcode,
        .opcode_lanes = command->opcode_lanes,
        .address = command->address,
        .address_bytes = command->address_bytes,
        .address_lanes = command->address_lanes,
        .mode = command->mode_bits,
        .mode_bytes = command->mode_lanes ? 1 : 0,
        .mode_lanes = command->mode_lanes,
        .dummy_cycles = command->dummy_cycles,
        .data_lanes = command->data_lanes,
        .data_is_read = is_read,
        .clock_hz = 100000000,
        .select_high_ns = 60,
    };
    nor_chip_begin(chip, &frame);
    if (in)
        nor_chip_read(chip, in, length);
    if (out)
        nor_chip_write(chip, out, length);
    nor_chip_end(chip);
    machine_advance(machine, 500);
}

static int bus_command(void *context, const struct nor_command *command)
{
    (void)context;
    frame_run(command, false, NULL, NULL, 0);
    return 0;
}

static int bus_read(void *context, const struct nor_command *command, uint8_t *data, size_t length)
{
    (void)context;
    frame_run(command, true, data, NULL, length);
    return 0;
}

static int bus_write(void *context, const struct nor_command *command, const uint8_t *data,
                     size_t length)
{
    (void)context;
    frame_run(command, false, NULL, data, length);
    return 0;
}

static int bus_poll_start(void *context, const struct nor_command *command, uint8_t mask,
                          uint8_t match)
{
    (void)context;
    assert_int_equal(mask, 1);
    assert_int_equal(match, 0);
    polled = *command;
    return 0;
}

static bool bus_poll_done(void *context)
{
    uint8_t status;
    bus_read(context, &polled, &status, 1);
    return (status & 1) == 0;
}

static void bus_poll_stop(void *context)
{
    (void)context;
}

static int bus_map(void *context, const struct nor_command *command)
{
    (void)context;
    uint8_t bytes[16];
    struct nor_command read = *command;
    for (uint32_t address = 0x100000; address <= 0xFFFFF0; address += 0xEFFFF0) {
        read.address = address;
        frame_run(&read, true, bytes, NULL, sizeof bytes);
        assert_memory_equal(bytes, nor_chip_array(chip) + address, sizeof bytes);
    }
    return 0;
}

static int bus_unmap(void *context)
{
    (void)context;
    return 0;
}

static int bus_set_size(void *context, uint32_t size)
{
    (void)context;
    assert_int_equal(size, nor_chip_size(chip));
    return 0;
}

static void bus_delay_us(void *context, uint32_t delay_us)
{
    (void)context;
    machine_advance(machine, delay_us * UINT64_C(1000));
}

static uint32_t bus_now_ms(void *context)
{
    (void)context;
    return (uint32_t)(machine_now_ns(machine) / MS);
}

static const struct nor_bus bus = {NULL,           bus_command,   bus_read,      bus_write,
                                   bus_poll_start, bus_poll_done, bus_poll_stop, bus_map,
                                   bus_unmap,      bus_set_size,  bus_delay_us,  bus_now_ms};

static void chip_start(const char *model)
{
    machine = machine_create();
    chip = nor_chip_create(machine, nor_model_find(model), "nor", NULL);
    assert_non_null(chip);
    machine_advance(machine, 6 * MS);
    nor_init(&nor, &bus, nor_chip_array(chip));
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
    nor_chip_destroy(chip);
    machine_destroy(machine);
    return 0;
}

// The microcontroller is reset, the chip is not.
static void restart(void)
{
    nor_chip_controller_reset(chip);
    nor_init(&nor, &bus, nor_chip_array(chip));
    assert_int_equal(nor_start(&nor), 0);
    assert_int_equal(nor.geometry.size, 0x1000000);
    assert_int_equal(nor_map(&nor), 0);
}

static int finish(void)
{
    int result;
    while ((result = nor_poll(&nor)) == 1)
        machine_advance(machine, 50000);
    return result;
}

static void send(uint8_t opcode, uint8_t lanes)
{
    struct nor_command command = {.opcode = opcode, .opcode_lanes = lanes};
    bus_command(NULL, &command);
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
        nor_chip_set_timing(chip, slow ? NOR_TIMING_MAXIMUM : NOR_TIMING_TYPICAL);
        assert_int_equal(nor_program_start(&nor, 0x100000, page, 256), 0);
        assert_int_equal(finish(), 0);
        assert_memory_equal(nor_chip_array(chip) + 0x100000, page, 256);
        for (uint32_t size = 0x1000; size <= 0x10000; size *= size == 0x1000 ? 8 : 2) {
            assert_int_equal(nor_erase_start(&nor, 0x100000, size), 0);
            assert_int_equal(finish(), 0);
            assert_true(nor_is_blank(nor_chip_array(chip) + 0x100000, size));
        }
    }
    assert_int_equal(nor_map(&nor), 0);
}

static void quad_enable_is_set_on_the_part_that_comes_without(void **state)
{
    (void)state;
    restart();
    assert_string_equal(nor.name, "W25Q128JV-M");
    assert_int_equal(nor_chip_operations(chip), 1);
    restart();
    assert_int_equal(nor_chip_operations(chip), 1);
}

static void found_in_continuous_reading(void **state)
{
    (void)state;
    restart();
    struct nor_command command;
    nor_read_command(&nor, &command);
    command.mode_bits = 0xA0;
    uint8_t bytes[16];
    frame_run(&command, true, bytes, NULL, sizeof bytes);
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
    machine_advance(machine, 10000);
    restart();
}

static void found_in_the_middle_of_an_erase(void **state)
{
    (void)state;
    restart();
    memset(nor_chip_array(chip) + 0x200000, 0, 0x10000);
    assert_int_equal(nor_erase_start(&nor, 0x200000, 0x10000), 0);
    machine_advance(machine, 20 * MS);
    restart();
    assert_true(nor_is_blank(nor_chip_array(chip) + 0x200000, 0x10000));
}

static void found_with_an_erase_suspended(void **state)
{
    (void)state;
    restart();
    memset(nor_chip_array(chip) + 0x200000, 0, 0x10000);
    assert_int_equal(nor_erase_start(&nor, 0x200000, 0x10000), 0);
    machine_advance(machine, 20 * MS);
    send(0x75, 1);
    machine_advance(machine, MS);
    restart();
    assert_true(nor_is_blank(nor_chip_array(chip) + 0x200000, 0x10000));
}

static void protection_is_taken_away(void **state)
{
    (void)state;
    restart();
    static const uint8_t sr1 = 0x1C;
    send(0x06, 1);
    struct nor_command command = {.opcode = 0x01, .opcode_lanes = 1, .data_lanes = 1};
    bus_write(NULL, &command, &sr1, 1);
    machine_advance(machine, 20 * MS);
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
