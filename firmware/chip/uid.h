// What the chip says of itself.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_UID_H
#define FIRMWARE_CHIP_UID_H

#include <stdint.h>

enum { UID_WORDS = 3 };

void uid_read(uint32_t words[UID_WORDS]);

// DBGMCU_IDCODE: device and revision.
uint32_t uid_idcode(void);

// The option byte of the read-out protection: AA level 0, CC level 2, else level 1.
uint8_t uid_read_protection(void);

#endif
