// The virtual board's chip behind a `struct nor_bus`.
//
// SPDX-License-Identifier: MIT
#include "tests/unit/model_bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void chips_begin(struct model_bus *model_bus, const struct nor_frame *frame)
{
    nor_chip_begin(model_bus->chip, frame);
    if (model_bus->second)
        nor_chip_begin(model_bus->second, frame);
}

static void chips_end(struct model_bus *model_bus)
{
    nor_chip_end(model_bus->chip);
    if (model_bus->second)
        nor_chip_end(model_bus->second);
}

// The first, third... byte is the first chip's.
static void chips_move(struct model_bus *model_bus, uint8_t *in, const uint8_t *out, size_t length)
{
    for (size_t i = 0; model_bus->second && i < length; i++) {
        struct nor_chip *chip = i % 2 ? model_bus->second : model_bus->chip;
        if (in)
            nor_chip_read(chip, in + i, 1);
        if (out)
            nor_chip_write(chip, out + i, 1);
    }
    if (in && !model_bus->second)
        nor_chip_read(model_bus->chip, in, length);
    if (out && !model_bus->second)
        nor_chip_write(model_bus->chip, out, length);
}

void model_bus_frame(struct model_bus *model_bus, const struct nor_command *command, bool is_read,
                     uint8_t *in, const uint8_t *out, size_t length)
{
    struct nor_frame frame = {
        .has_opcode = command->opcode_lanes != 0,
        .opcode = command->opcode,
        .opcode_lanes = command->opcode_lanes,
        .address = model_bus->second ? command->address / 2 : command->address,
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
    if (model_bus->dead) {
        if (in)
            memset(in, 0xFF, length);
        return;
    }
    // What the controller cannot do with two chips.
    assert_true(!model_bus->second || (length | command->address) % 2 == 0 ||
                command->address_bytes == 0);
    assert_true(!model_bus->second || length % 2 == 0);
    chips_begin(model_bus, &frame);
    chips_move(model_bus, in, out, length);
    chips_end(model_bus);
    machine_advance(model_bus->machine, 500);
}

static int bus_command(void *context, const struct nor_command *command)
{
    struct model_bus *model_bus = context;
    // FFh ends continuous reading, whatever is clocked behind it.
    if (model_bus->watch && !model_bus->dead && command->address_bytes != 0 &&
        command->opcode != 0xFF)
        model_bus->watch(model_bus->context, command, NULL, 0);
    model_bus_frame(model_bus, command, false, NULL, NULL, 0);
    return 0;
}

static int bus_read(void *context, const struct nor_command *command, uint8_t *data, size_t length)
{
    model_bus_frame(context, command, true, data, NULL, length);
    return 0;
}

static int bus_write(void *context, const struct nor_command *command, const uint8_t *data,
                     size_t length)
{
    struct model_bus *model_bus = context;
    if (model_bus->watch && !model_bus->dead && command->address_bytes != 0)
        model_bus->watch(model_bus->context, command, data, length);
    model_bus_frame(model_bus, command, false, NULL, data, length);
    return 0;
}

static int bus_poll_start(void *context, const struct nor_command *command, uint8_t mask,
                          uint8_t match)
{
    struct model_bus *model_bus = context;
    model_bus->polled = *command;
    model_bus->poll_mask = mask;
    model_bus->poll_match = match;
    return 0;
}

static bool bus_poll_done(void *context)
{
    struct model_bus *model_bus = context;
    uint8_t status[2];
    unsigned chips = model_bus->second ? 2 : 1;
    bus_read(context, &model_bus->polled, status, chips);
    for (unsigned i = 0; i < chips; i++)
        if ((status[i] & model_bus->poll_mask) != model_bus->poll_match)
            return false;
    return true;
}

static void bus_poll_stop(void *context)
{
    (void)context;
}

// What is shown is the chip's array itself; a few reads prove that the command gives the same.
static int bus_map(void *context, const struct nor_command *command)
{
    struct model_bus *model_bus = context;
    uint8_t bytes[16];
    struct nor_command read = *command;
    unsigned chips = model_bus->second ? 2 : 1;
    uint32_t size = (uint32_t)nor_chip_size(model_bus->chip) * chips;
    const uint32_t places[] = {0, 0x100000, size - 0x100000, size - sizeof bytes};
    for (unsigned i = 0; !model_bus->dead && i < sizeof places / sizeof places[0]; i++) {
        read.address = places[i];
        model_bus_frame(model_bus, &read, true, bytes, NULL, sizeof bytes);
        for (unsigned byte = 0; byte < sizeof bytes; byte++) {
            struct nor_chip *chip = byte % chips ? model_bus->second : model_bus->chip;
            assert_int_equal(bytes[byte], nor_chip_array(chip)[(places[i] + byte) / chips]);
        }
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
    struct model_bus *model_bus = context;
    assert_int_equal(size, nor_chip_size(model_bus->chip) * (model_bus->second ? 2 : 1));
    return 0;
}

static void bus_delay_us(void *context, uint32_t delay_us)
{
    struct model_bus *model_bus = context;
    machine_advance(model_bus->machine, delay_us * UINT64_C(1000));
}

static uint32_t bus_now_ms(void *context)
{
    struct model_bus *model_bus = context;
    return (uint32_t)(machine_now_ns(model_bus->machine) / MODEL_MS);
}

// The chips are strict: a mistake of the driver ends the test with their sentence.
static void mistake(void *context, const char *device, const char *text)
{
    (void)context;
    fail_msg("%s: %s", device, text);
}

void model_bus_create(struct model_bus *model_bus, const char *model)
{
    model_bus_create_model(model_bus, nor_model_find(model));
}

void model_bus_create_model(struct model_bus *model_bus, const struct nor_model *model)
{
    *model_bus = (struct model_bus){
        .bus = {.context = model_bus,
                .command = bus_command,
                .read = bus_read,
                .write = bus_write,
                .poll_start = bus_poll_start,
                .poll_done = bus_poll_done,
                .poll_stop = bus_poll_stop,
                .map = bus_map,
                .unmap = bus_unmap,
                .set_size = bus_set_size,
                .delay_us = bus_delay_us,
                .now_ms = bus_now_ms},
    };
    model_bus->machine = machine_create();
    machine_on_violation(model_bus->machine, mistake, NULL);
    model_bus->chip = nor_chip_create(model_bus->machine, model, "nor", NULL);
    assert_non_null(model_bus->chip);
    machine_advance(model_bus->machine, 11 * MODEL_MS);
}

void model_bus_create_dual(struct model_bus *model_bus, const char *model)
{
    model_bus_create(model_bus, model);
    model_bus->second =
        nor_chip_create(model_bus->machine, nor_model_find(model), "second nor", NULL);
    assert_non_null(model_bus->second);
    model_bus->bus.dual = true;
    machine_advance(model_bus->machine, 11 * MODEL_MS);
}

void model_bus_destroy(struct model_bus *model_bus)
{
    if (model_bus->second)
        nor_chip_destroy(model_bus->second);
    nor_chip_destroy(model_bus->chip);
    machine_destroy(model_bus->machine);
}
