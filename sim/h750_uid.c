// The read-only words in the STM32H750's system memory: unique id, flash size, line name.
//
// Addresses from the CMSIS header (UID_BASE, FLASHSIZE_BASE); the line name's place is unconfirmed.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_uid.h"

#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>

#define UID_BASE      UINT32_C(0x1FF1E800)
#define FLASH_SIZE_KB 128u
#define FLASH_SIZE_AT 0x80u
#define LINE_AT       0xC0u
#define LINE          UINT32_C(0x48373530) // "H750", first letter on top

// clang-format off
static const struct register_info registers[] = {
    REGISTER_ROW("UID",   0x000, 0, 0xFFFFFFFF, 0, 3),
    REGISTER("FLASHSIZE", 0x080, 0, 0x0000FFFF, 0),
    REGISTER("LINE",      0x0C0, 0, 0xFFFFFFFF, 0),
    REGISTER_END,
};
// clang-format on

struct uid {
    uint32_t words[3];
};

static uint32_t uid_read(void *context, uint32_t offset, unsigned size)
{
    const struct uid *uid = context;
    uint32_t word = offset & ~UINT32_C(3);
    uint32_t value = word == FLASH_SIZE_AT ? FLASH_SIZE_KB
                     : word == LINE_AT     ? LINE
                                           : uid->words[word / 4];

    return register_extract(value, offset, size);
}

// Never reached: no register is writable, the bus refuses.
static void uid_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    (void)context;
    (void)offset;
    (void)size;
    (void)value;
}

struct uid *uid_create(struct machine *machine, const uint8_t id[12])
{
    struct uid *uid = calloc(1, sizeof(*uid));
    struct device device = {.name = "UID",
                            .base = UID_BASE,
                            .size = 0x100,
                            .registers = registers,
                            .context = uid,
                            .read = uid_read,
                            .write = uid_write};

    if (uid == NULL) {
        abort();
    }
    for (unsigned i = 0; i < 12; i++) {
        uid->words[i / 4] |= (uint32_t)id[i] << (8 * (i % 4));
    }
    machine_add_device(machine, &device);
    return uid;
}
