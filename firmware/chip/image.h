// The running image itself, as its .bin file holds it.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_IMAGE_H
#define FIRMWARE_CHIP_IMAGE_H

#include <stdint.h>

const uint8_t *image_start(void);
uint32_t image_size(void);

#endif
