// The instruction and data caches. All variables lie in DTCM, which is not cached, so that the data
// cache holds nothing worth writing back but programs that were loaded into other RAM.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_CACHE_H
#define FIRMWARE_CHIP_CACHE_H

#include <stdint.h>

void cache_enable(void);
// Off, and empty.
void cache_disable(void);

// Forgets all contents; also needed before the first use after power-on.
void cache_invalidate(void);

// Writes to memory what the data cache alone knows of these bytes.
void cache_clean(uint32_t address, uint32_t length);

// If the data cache is on: off, and what waits in it is written to memory.
void cache_write_back(void);

#endif
