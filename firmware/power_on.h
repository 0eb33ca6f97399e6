// What the images share: the bootloader from the first line of main on.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_POWER_ON_H
#define FIRMWARE_POWER_ON_H

#include <stdint.h>

#include "core/bootloader.h"

// What an image is, as far as it matters behind start-up.
struct power_on_image {
    // Where in the chip the image itself lies, so that hosts may replace it (SPEC.md section 21);
    // size 0: not in the chip.
    uint32_t area, area_size;
    // The internal flash that holds the image (SPEC.md section 18), and what puts the bytes at
    // FLASH_STAGING there; null: it lies elsewhere.
    const struct bootloader_flash *own_flash;
    void (*own_flash_replace)(uint32_t length);
};

_Noreturn void power_on_run(const struct power_on_image *image);

#endif
