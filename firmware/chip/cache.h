// The instruction and data caches. Nothing that is written to is cacheable here (all variables lie
// in DTCM), so that the data cache never holds anything worth writing back.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_CACHE_H
#define FIRMWARE_CHIP_CACHE_H

void cache_enable(void);
// Off, and empty.
void cache_disable(void);
// Forgets all contents; also needed before the first use after power-on.
void cache_invalidate(void);

#endif
