// The memory protection unit: what keeps speculative reads out of the quad-SPI window, and traps
// for a stack that grows too far and for null pointers.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_MPU_H
#define FIRMWARE_CHIP_MPU_H

#include <stdint.h>

// Closes the window, and switches all other regions off. To be called before anything else touches
// memory.
void mpu_start(void);
// Sets the traps; for images that have link/sections.ld's stack.
void mpu_traps_set(void);

// The window over the mapped chip: opened for `size` bytes (a power of two) or closed.
void mpu_window_open(uint32_t size);
void mpu_window_close(void);

// Gives up the trap for null pointers: ITCM can be used like other memory.
void mpu_null_open(void);

// Leaves only the regions that a started program shall find (SPEC.md section 8): the closed window
// and the open one.
void mpu_hand_over(void);

#endif
