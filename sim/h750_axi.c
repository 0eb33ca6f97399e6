// AXI interconnect registers of the STM32H750 (GPV at 0x51000000): settings without an effect here.
//
// From STM32H753.svd. Its reset values (4 everywhere, outside the fields) are wrong; they are 0, as
// ST's SystemInit, which writes 1 to TARG7_FN_MOD, takes for granted. The identification registers
// hold what Arm's NIC-400 has; ID_2 (its revision) is unconfirmed.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_axi.h"

#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>

// clang-format off
static const struct register_info registers[] = {
    REGISTER("PERIPH_ID_4", 0x1FD0, 0x00000004, 0x000000FF, 0x00000000),
    REGISTER("PERIPH_ID_0", 0x1FE0, 0x00000000, 0x000000FF, 0x00000000),
    REGISTER("PERIPH_ID_1", 0x1FE4, 0x000000B4, 0x000000FF, 0x00000000),
    REGISTER("PERIPH_ID_2", 0x1FE8, 0x0000002B, 0x000000FF, 0x00000000),
    REGISTER("PERIPH_ID_3", 0x1FEC, 0x00000000, 0x000000FF, 0x00000000),
    REGISTER("COMP_ID_0", 0x1FF0, 0x0000000D, 0x000000FF, 0x00000000),
    REGISTER("COMP_ID_1", 0x1FF4, 0x000000F0, 0x000000FF, 0x00000000),
    REGISTER("COMP_ID_2", 0x1FF8, 0x00000005, 0x000000FF, 0x00000000),
    REGISTER("COMP_ID_3", 0x1FFC, 0x000000B1, 0x000000FF, 0x00000000),
    REGISTER("TARG1_FN_MOD_ISS_BM", 0x2008, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("TARG1_FN_MOD2", 0x2024, 0x00000000, 0x00000001, 0x00000001),
    REGISTER("TARG1_FN_MOD_LB", 0x202C, 0x00000000, 0x00000001, 0x00000001),
    REGISTER("TARG1_FN_MOD", 0x2108, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("TARG2_FN_MOD_ISS_BM", 0x3008, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("TARG2_FN_MOD2", 0x3024, 0x00000000, 0x00000001, 0x00000001),
    REGISTER("TARG2_FN_MOD_LB", 0x302C, 0x00000000, 0x00000001, 0x00000001),
    REGISTER("TARG2_FN_MOD", 0x3108, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("TARG3_FN_MOD_ISS_BM", 0x4008, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("TARG4_FN_MOD_ISS_BM", 0x5008, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("TARG5_FN_MOD_ISS_BM", 0x6008, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("TARG6_FN_MOD_ISS_BM", 0x7008, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("TARG7_FN_MOD_ISS_BM", 0x800C, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("TARG7_FN_MOD2", 0x8024, 0x00000000, 0x00000001, 0x00000001),
    REGISTER("TARG7_FN_MOD", 0x8108, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("INI1_FN_MOD2", 0x42024, 0x00000000, 0x00000001, 0x00000001),
    REGISTER("INI1_FN_MOD_AHB", 0x42028, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("INI1_READ_QOS", 0x42100, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI1_WRITE_QOS", 0x42104, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI1_FN_MOD", 0x42108, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("INI2_READ_QOS", 0x43100, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI2_WRITE_QOS", 0x43104, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI2_FN_MOD", 0x43108, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("INI3_FN_MOD2", 0x44024, 0x00000000, 0x00000001, 0x00000001),
    REGISTER("INI3_FN_MOD_AHB", 0x44028, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("INI3_READ_QOS", 0x44100, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI3_WRITE_QOS", 0x44104, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI3_FN_MOD", 0x44108, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("INI4_READ_QOS", 0x45100, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI4_WRITE_QOS", 0x45104, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI4_FN_MOD", 0x45108, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("INI5_READ_QOS", 0x46100, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI5_WRITE_QOS", 0x46104, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI5_FN_MOD", 0x46108, 0x00000000, 0x00000003, 0x00000003),
    REGISTER("INI6_READ_QOS", 0x47100, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI6_WRITE_QOS", 0x47104, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("INI6_FN_MOD", 0x47108, 0x00000000, 0x00000003, 0x00000003),
    REGISTER_END,
};
// clang-format on
#define REGISTER_COUNT (sizeof(registers) / sizeof(registers[0]))

struct axi {
    uint32_t values[REGISTER_COUNT];
};

// The bus has made sure that the register exists.
static uint32_t *value_at(struct axi *axi, uint32_t offset)
{
    unsigned index = 0;

    while (registers[index].offset != (offset & ~UINT32_C(3))) {
        index++;
    }
    return &axi->values[index];
}

static uint32_t axi_read(void *context, uint32_t offset, unsigned size)
{
    return register_extract(*value_at(context, offset), offset, size);
}

static void axi_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    uint32_t *word = value_at(context, offset);

    *word = register_merge(*word, offset, size, value);
}

static void axi_reset(void *context, enum reset_kind kind)
{
    struct axi *axi = context;

    (void)kind;
    for (unsigned index = 0; index < REGISTER_COUNT; index++) {
        axi->values[index] = registers[index].reset;
    }
}

struct axi *axi_create(struct machine *machine)
{
    struct axi *axi = calloc(1, sizeof(*axi));
    struct device device = {.name = "AXI",
                            .base = UINT32_C(0x51000000),
                            .size = 0x100000,
                            .registers = registers,
                            .context = axi,
                            .read = axi_read,
                            .write = axi_write,
                            .reset = axi_reset};

    if (axi == NULL) {
        abort();
    }
    axi_reset(axi, RESET_POWER_ON);
    machine_add_device(machine, &device);
    return axi;
}
