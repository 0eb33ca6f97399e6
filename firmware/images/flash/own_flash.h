// The internal flash that holds this image.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_IMAGES_FLASH_OWN_FLASH_H
#define FIRMWARE_IMAGES_FLASH_OWN_FLASH_H

#include "core/bootloader.h"

extern const struct bootloader_flash own_flash;

#endif
