// The fake chip of the fuzz targets.
//
// SPDX-License-Identifier: MIT
#include "tests/fuzz/device_chip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

void chip_start(struct fake_nor *fake, struct nor *nor, uint8_t options, uint32_t reserved_end)
{
    uint8_t wrong = options & 0x1C;
    if (!fake->array)
        fake_nor_create(fake, CHIP_SIZE);
    fake_nor_reset(fake);
    memset(fake->array + 0xF0000, 0xFF, 0x10000);
    memset(fake->array + 0x100000, options & 2 ? 0xFF : 0, CHIP_SIZE - 0x100000);
    fake->allowed_first = 0xF0000;
    fake->allowed_end = CHIP_SIZE - reserved_end;
    fake->absent = wrong == 0x1C;
    fake->erase_hangs = wrong == 0x18;
    fake->erase_leaves_bit = wrong == 0x14;
    fake->program_leaves_bit = wrong == 0x0C;
    fake->status[0] = wrong == 0x10 ? 0x1C : 0;
    nor_init(nor, &fake->bus, fake->window);
    nor_start(nor);
}
