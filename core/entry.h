// Getting into the bootloader by what resets leave behind: reset pressed twice, and a program that
// does not confirm its starts (SPEC.md section 16). The words are those of backup registers.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

// The word that tells that the start window is open, at a start with this RCC_RSR.
uint32_t entry_window_word(uint32_t reset_cause);

// Was reset pressed in the window that `word` tells of? `reset_cause`: RCC_RSR now.
bool entry_is_second_press(uint32_t word, uint32_t reset_cause);

// How many starts of the program with this SHA-256 `word` tells of.
unsigned entry_attempts(uint32_t word, const uint8_t *sha256);

// The word for one start more.
uint32_t entry_attempts_next(uint32_t word, const uint8_t *sha256);

// Does the program promise to confirm its start? `program`: its bytes, `length` of them, which
// begin at `address`.
bool entry_must_confirm(const uint8_t *program, uint32_t address, uint32_t length);

#endif
