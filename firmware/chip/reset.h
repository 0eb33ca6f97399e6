// Resets: the cause of the last one, the next one, and the request to stay that a reset keeps.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_RESET_H
#define FIRMWARE_CHIP_RESET_H

#include <stdbool.h>
#include <stdint.h>

// RCC_RSR. It is not cleared, so that the program can read it too.
uint32_t reset_cause(void);

_Noreturn void reset_system(void);

// Leaves a stay request (SPEC.md section 9) for the next reset.
void reset_stay_request_leave(void);
// The same, and resets.
_Noreturn void reset_into_bootloader(void);

// Whether a stay request was left; takes it back.
bool reset_stay_request_take(void);

#endif
