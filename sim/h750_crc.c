// CRC calculation unit of the STM32H750.
//
// From STM32H753.svd and the CMSIS header. A result is ready with the next access; the few clock
// cycles that silicon stalls the bus are not counted.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_crc.h"

#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>

enum crc_offset {
    CRC_DR = 0x00,
    CRC_IDR = 0x04,
    CRC_CR = 0x08,
    CRC_INIT = 0x10,
    CRC_POL = 0x14,
};

#define CR_RESET   (UINT32_C(1) << 0)
#define CR_REV_OUT (UINT32_C(1) << 7)

// clang-format off
static const struct register_info registers[] = {
    REGISTER("DR",   0x000, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("IDR",  0x004, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("CR",   0x008, 0x00000000, 0x000000F8, 0x000000F9),
    REGISTER("INIT", 0x010, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("POL",  0x014, 0x04C11DB7, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER_END,
};
// clang-format on

struct crc_unit {
    struct machine *machine;
    uint32_t crc; // in its lowest bits, as many as POLYSIZE says
    uint32_t independent;
    uint32_t control;
    uint32_t initial;
    uint32_t polynomial;
};

static unsigned width(const struct crc_unit *unit)
{
    static const uint8_t widths[] = {32, 16, 8, 7};

    return widths[unit->control >> 3 & 3];
}

// The lowest `bits` bits of `value` in the opposite order.
static uint32_t reversed(uint32_t value, unsigned bits)
{
    uint32_t result = 0;

    for (unsigned i = 0; i < bits; i++) {
        result |= (value >> i & 1) << (bits - 1 - i);
    }
    return result;
}

// REV_IN: bits reversed within bytes, half-words or words, but never beyond what was written.
static uint32_t input_reversed(const struct crc_unit *unit, uint32_t value, unsigned bits)
{
    unsigned code = unit->control >> 5 & 3;
    unsigned group = code == 0 ? 0 : 4u << code;
    uint32_t result = 0;

    if (group == 0) {
        return value;
    }
    group = group < bits ? group : bits;
    for (unsigned bit = 0; bit < bits; bit += group) {
        result |= reversed(value >> bit, group) << bit;
    }
    return result;
}

static void feed(struct crc_unit *unit, uint32_t value, unsigned bits)
{
    unsigned top = width(unit) - 1;
    uint32_t mask = UINT32_MAX >> (31 - top);

    value = input_reversed(unit, value, bits);
    for (unsigned bit = bits; bit-- > 0;) {
        uint32_t out = (unit->crc >> top ^ value >> bit) & 1;

        unit->crc = unit->crc << 1 & mask;
        unit->crc ^= out != 0 ? unit->polynomial & mask : 0;
    }
}

static uint32_t read_word(const struct crc_unit *unit, uint32_t word)
{
    switch (word) {
    case CRC_DR:
        return (unit->control & CR_REV_OUT) != 0 ? reversed(unit->crc, width(unit)) : unit->crc;
    case CRC_IDR:
        return unit->independent;
    case CRC_CR:
        return unit->control;
    case CRC_INIT:
        return unit->initial;
    default:
        return unit->polynomial;
    }
}

static uint32_t crc_read(void *context, uint32_t offset, unsigned size)
{
    return register_extract(read_word(context, offset & ~UINT32_C(3)), offset, size);
}

static void load_initial(struct crc_unit *unit)
{
    unit->crc = unit->initial & (UINT32_MAX >> (32 - width(unit)));
}

static void crc_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct crc_unit *unit = context;
    uint32_t word = offset & ~UINT32_C(3);

    if (word == CRC_DR) {
        feed(unit, value, 8 * size);
        return;
    }
    value = register_merge(read_word(unit, word), offset, size, value);
    switch (word) {
    case CRC_IDR:
        unit->independent = value;
        break;
    case CRC_CR:
        unit->control = value & ~CR_RESET;
        if ((value & CR_RESET) != 0) {
            load_initial(unit);
        }
        break;
    case CRC_INIT:
        unit->initial = value;
        load_initial(unit);
        break;
    default:
        if (width(unit) == 32 && (value & 1) == 0) {
            machine_violation(unit->machine, "CRC", "even polynomials do not work");
        }
        unit->polynomial = value;
        break;
    }
}

static void crc_reset(void *context, enum reset_kind kind)
{
    struct crc_unit *unit = context;

    (void)kind;
    unit->independent = 0;
    unit->control = 0;
    unit->initial = UINT32_MAX;
    unit->polynomial = UINT32_C(0x04C11DB7);
    load_initial(unit);
}

struct crc_unit *crc_unit_create(struct machine *machine)
{
    struct crc_unit *unit = calloc(1, sizeof(*unit));
    struct device device = {.name = "CRC",
                            .base = UINT32_C(0x58024C00),
                            .size = 0x400,
                            .registers = registers,
                            .context = unit,
                            .read = crc_read,
                            .write = crc_write,
                            .reset = crc_reset,
                            .gate_offset = 0xE0, // AHB4ENR
                            .gate_bit = 19,
                            .reset_offset = 0x88, // AHB4RSTR
                            .reset_bit = 19};

    if (unit == NULL) {
        abort();
    }
    unit->machine = machine;
    crc_reset(unit, RESET_POWER_ON);
    machine_add_device(machine, &device);
    return unit;
}
