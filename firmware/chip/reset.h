// Resets: the cause of the last one, the next one, and what backup registers keep over them
// (SPEC.md sections 9, 16 and 22).
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_RESET_H
#define FIRMWARE_CHIP_RESET_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/fault_dump.h"

// RCC_RSR. It is not cleared, so that the program can read it too.
uint32_t reset_cause(void);

// A debugger is connected: its resets are nobody's presses of a button, and at read-out protection
// level 1 it costs the flash until power was off.
bool reset_has_debugger(void);

_Noreturn void reset_system(void);

// Leaves a stay request (SPEC.md section 9) for the next reset.
void reset_stay_request_leave(void);
// The same, and resets.
_Noreturn void reset_into_bootloader(void);

// What the backup registers held at this start. A stay request and an open window are taken back.
struct reset_words {
    bool stay_requested;
    uint32_t window;
    uint32_t attempts;
    bool has_dump;
    uint32_t dump[QL_DUMP_WORDS]; // of a fault, SPEC.md section 22
};
struct reset_words reset_words_take(void);

void reset_window_write(uint32_t word); // 0: closed
void reset_attempts_write(uint32_t word);
void reset_dump_forget(void);

#endif
