// The clock tree: as after reset (HSI, 64 MHz), or fast, for serving a host; and back.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_CLOCK_H
#define FIRMWARE_CHIP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_RESET_HZ = 64000000 };

struct clock_crystal {
    uint32_t hz; // 0: none
    bool bypass; // an oscillator feeds the pin
};

// Whether nobody has touched the clocks since reset.
bool clock_is_reset(void);

// Settles the supply: the internal regulator. Can be done once after power-on; later calls only
// look.
void clock_supply_start(void);

// CPU 400 MHz, buses 200 MHz, peripheral buses 100 MHz, HSI48 on. Without a crystal, or if it does
// not start in time, from HSI.
void clock_fast(const struct clock_crystal *crystal);

// Everything that clock_fast did undone: registers as after reset, supply aside.
void clock_reset(void);

uint32_t clock_cpu_hz(void);
// HCLK3, the QUADSPI's kernel clock.
uint32_t clock_bus_hz(void);

#endif
