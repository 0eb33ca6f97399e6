// A random number.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_RANDOM_H
#define FIRMWARE_CHIP_RANDOM_H

#include <stdint.h>

// From the RNG, which is on for this call only; HSI48 must run. If the RNG does not deliver, the
// position of the SysTick counter: not random, but another one from start to start.
uint32_t random_word(void);

#endif
