// The last step of the hand-over: the processor as after a reset, then the program.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_JUMP_H
#define FIRMWARE_CHIP_JUMP_H

#include <stdint.h>

// Starts the program whose vector table stands at `address` (SPEC.md section 8). Peripherals,
// clocks and pins have been put back before; the chip is mapped.
_Noreturn void jump(uint32_t address);

#endif
