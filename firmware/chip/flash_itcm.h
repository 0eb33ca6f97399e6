// What runs from ITCM while the flash is erased and programmed.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_FLASH_ITCM_H
#define FIRMWARE_CHIP_FLASH_ITCM_H

// Copies the FLASH_SIZE bytes at FLASH_STAGING into the flash and resets, whether that went well or
// not. Interrupts are masked, caches are off, SysTick counts milliseconds, CR1 is unlocked.
_Noreturn void flash_itcm_replace(void);

#endif
