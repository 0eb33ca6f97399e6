// The internal flash, which the bootloader itself runs from: its protection by option bytes, and
// another image in place of the running one.
//
// Level 2 of the read-out protection cannot be asked for here, and no function writes it.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_FLASH_H
#define FIRMWARE_CHIP_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#define FLASH_ADDRESS 0x08000000u
#define FLASH_SIZE    0x00020000u // one sector

// Where an image waits until it replaces the running one: the AXI SRAM's last 128 KB.
#define FLASH_STAGING 0x24060000u

// FLASH_OPTSR_CUR; its RDP byte is 0xAA at level 0, 0xCC at level 2, anything else at level 1.
uint32_t flash_options(void);
bool flash_is_write_protected(void);

enum flash_change {
    FLASH_READ_LEVEL_1,
    FLASH_WRITE_PROTECT,
    FLASH_WRITE_ALLOW,
};

// Begins to change the option bytes; all others stay. The core may stand still meanwhile. Ignored
// while another change is under way, and where it would change the level in any other way than
// from 0 to 1.
void flash_options_change(enum flash_change change);

enum flash_change_state {
    FLASH_CHANGING,
    FLASH_CHANGED,
    FLASH_NOT_CHANGED, // an error; the option bytes are as they were
};

// How the last change is going. Locks the option bytes again when it has ended.
enum flash_change_state flash_options_state(void);

// Puts the `length` bytes at FLASH_STAGING in the place of the running image and resets. Nothing
// may need interrupts or the running image any more.
_Noreturn void flash_replace(uint32_t length);

#endif
