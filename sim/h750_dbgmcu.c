// DBGMCU of the STM32H750: device id (revision V) and debug options.
//
// From STM32H753.svd; the id from the CMSIS header and ES0396 (0x450, revision 0x2003). Of the
// freeze bits only the independent watchdog's has an effect; timers go on while the core is halted.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_dbgmcu.h"

#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>
#include <string.h>

#define IDC UINT32_C(0x20036450)

// clang-format off
static const struct register_info registers[] = {
    REGISTER("IDC",      0x000, IDC,        0xFFFF0FFF, 0x00000000),
    REGISTER("CR",       0x004, 0x00000000, 0x107001BF, 0x107001BF),
    REGISTER("APB3FZ1",  0x034, 0x00000000, 0x00000040, 0x00000040),
    REGISTER("APB1LFZ1", 0x03C, 0x00000000, 0x00E003FF, 0x00E003FF),
    REGISTER("APB2FZ1",  0x04C, 0x00000000, 0x20070003, 0x20070003),
    REGISTER("APB4FZ1",  0x054, 0x00000000, 0x00051E80, 0x00051E80),
    REGISTER_END,
};
// clang-format on

struct dbgmcu {
    uint32_t registers[0x58 / 4];
};

static uint32_t dbgmcu_read(void *context, uint32_t offset, unsigned size)
{
    const struct dbgmcu *dbgmcu = context;

    return register_extract(dbgmcu->registers[offset / 4], offset, size);
}

static void dbgmcu_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct dbgmcu *dbgmcu = context;

    dbgmcu->registers[offset / 4] =
        register_merge(dbgmcu->registers[offset / 4], offset, size, value);
}

static void dbgmcu_reset(void *context, enum reset_kind kind)
{
    struct dbgmcu *dbgmcu = context;

    if (kind == RESET_POWER_ON) { // debug settings outlive a system reset
        memset(dbgmcu->registers, 0, sizeof(dbgmcu->registers));
        dbgmcu->registers[0] = IDC;
    }
}

struct dbgmcu *dbgmcu_create(struct machine *machine)
{
    struct dbgmcu *dbgmcu = calloc(1, sizeof(*dbgmcu));
    struct device device = {.name = "DBGMCU",
                            .base = UINT32_C(0x5C001000),
                            .size = 0x400,
                            .registers = registers,
                            .context = dbgmcu,
                            .read = dbgmcu_read,
                            .write = dbgmcu_write,
                            .reset = dbgmcu_reset};

    if (dbgmcu == NULL) {
        abort();
    }
    dbgmcu_reset(dbgmcu, RESET_POWER_ON);
    machine_add_device(machine, &device);
    return dbgmcu;
}
