// What the fuzz targets of the device's side share: a fake chip, and an end for what is broken.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_FUZZ_DEVICE_CHIP_H
#define TESTS_FUZZ_DEVICE_CHIP_H

#include <stdbool.h>

#include "core/nor.h"
#include "tests/unit/fake_nor.h"

#define CHIP_SIZE 0x200000u

// Ends the program, so that the fuzzer keeps the input.
void check(bool good, const char *what);

// A started chip of CHIP_SIZE bytes with an empty log of records, on which only what lies before
// `reserved_end` may change. Bit 1 of `options`: the programs' area is blank, else it is zeros;
// bits 4..2: what is wrong with the chip.
void chip_start(struct fake_nor *fake, struct nor *nor, uint8_t options, uint32_t reserved_end);

#endif
