// External loaders: what programs of debug probes call in RAM to change the chip (SPEC.md section
// 23). This is what they share; images/stldr and images/flm give it the names and results that the
// two kinds of tools expect.
//
// Nothing here needs interrupts or the FPU, every wait has a limit. Addresses are those of the
// mapped chip. The functions answer whether all went well; the chip is mapped when they return,
// if it can be.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_LOADER_LOADER_H
#define FIRMWARE_LOADER_LOADER_H

#include <stdbool.h>
#include <stdint.h>

// Makes the microcontroller what it is after a reset, whatever ran on it, and finds the chip. Fails
// if the chip is smaller than the board's struct says. May be called as often as one likes; without
// it the other functions fail.
bool loader_start(void);

// Erases the sectors (LOADER_SECTOR of loader/tables.h) that hold first..last.
bool loader_erase(uint32_t first, uint32_t last);
// Everything that programs may use (SPEC.md section 7), nothing else.
bool loader_erase_programs(void);

// Writes into erased bytes, and compares. Any address and length. Changes nothing where a bit would
// have to be erased.
bool loader_program(uint32_t address, const uint8_t *bytes, uint32_t length);

// Where these bytes of the chip can be read, or null.
const uint8_t *loader_bytes(uint32_t address, uint32_t length);

#endif
