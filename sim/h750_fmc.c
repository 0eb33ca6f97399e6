// FMC of the STM32H750, as far as start-up code touches it: ST's SystemInit switches off bank 1,
// which is on after reset.
//
// From STM32H753.svd (bank control registers). No memory is connected to it: switching a bank on
// says so.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_fmc.h"

#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>

#define BCR_MBKEN     (UINT32_C(1) << 0)
#define REGISTERS_END 0x20u
#define BCR_BITS      UINT32_C(0x833FFB7F)
#define BTR_BITS      UINT32_C(0x3FFFFFFF)

// clang-format off
static const struct register_info registers[] = {
    REGISTER("BCR1", 0x000, 0x000030DB, BCR_BITS, BCR_BITS),
    REGISTER("BTR1", 0x004, 0x0FFFFFFF, BTR_BITS,  BTR_BITS),
    REGISTER("BCR2", 0x008, 0x000030D2, BCR_BITS,  BCR_BITS),
    REGISTER("BTR2", 0x00C, 0x0FFFFFFF, BTR_BITS,  BTR_BITS),
    REGISTER("BCR3", 0x010, 0x000030D2, BCR_BITS,  BCR_BITS),
    REGISTER("BTR3", 0x014, 0x0FFFFFFF, BTR_BITS,  BTR_BITS),
    REGISTER("BCR4", 0x018, 0x000030D2, BCR_BITS,  BCR_BITS),
    REGISTER("BTR4", 0x01C, 0x0FFFFFFF, BTR_BITS,  BTR_BITS),
    REGISTER_END,
};
// clang-format on

struct fmc {
    struct machine *machine;
    uint32_t values[REGISTERS_END / 4];
};

static uint32_t fmc_read(void *context, uint32_t offset, unsigned size)
{
    const struct fmc *fmc = context;

    return register_extract(fmc->values[offset / 4], offset, size);
}

static void fmc_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct fmc *fmc = context;
    uint32_t old = fmc->values[offset / 4];

    value = register_merge(old, offset, size, value);
    if (offset % 8 < 4 && (value & ~old & BCR_MBKEN) != 0) {
        machine_violation(fmc->machine, "FMC", "memories on the FMC are not modelled (MBKEN)");
    }
    fmc->values[offset / 4] = value;
}

static void fmc_reset(void *context, enum reset_kind kind)
{
    struct fmc *fmc = context;

    (void)kind;
    for (unsigned index = 0; index < REGISTERS_END / 4; index++) {
        fmc->values[index] = registers[index].reset;
    }
}

struct fmc *fmc_create(struct machine *machine)
{
    struct fmc *fmc = calloc(1, sizeof(*fmc));
    struct device device = {.name = "FMC",
                            .base = UINT32_C(0x52004000),
                            .size = 0x400,
                            .registers = registers,
                            .context = fmc,
                            .read = fmc_read,
                            .write = fmc_write,
                            .reset = fmc_reset,
                            .gate_offset = 0xD4, // AHB3ENR
                            .gate_bit = 12,
                            .reset_offset = 0x7C, // AHB3RSTR
                            .reset_bit = 12};

    if (fmc == NULL) {
        abort();
    }
    fmc->machine = machine;
    fmc_reset(fmc, RESET_POWER_ON);
    machine_add_device(machine, &device);
    return fmc;
}
