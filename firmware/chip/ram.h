// The RAM that a host may load: all of it but what this image uses itself.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_RAM_H
#define FIRMWARE_CHIP_RAM_H

#include <stdbool.h>
#include <stdint.h>

struct ram_range {
    uint32_t first, end; // address behind the last byte
};

enum { RAM_RANGES_MAX = 6 };

// Where the ranges are; returns how many. What is the image's own is known only to the linker.
unsigned ram_ranges(struct ram_range ranges[RAM_RANGES_MAX]);

// Writes within a range, so that processor and everything else on the bus read it. Address and
// length are multiples of 8.
void ram_store(uint32_t address, const uint8_t *bytes, uint32_t length);
// For reading within a range.
const uint8_t *ram_pointer(uint32_t address);

// Clocks as after reset, but D2 SRAM's stay on if `keep` and a program may lie there.
void ram_stop(bool keep);

#endif
