// What a board is made of. A board exists because its file boards/NAME.c exists; the file's name is
// the board's.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_BOARD_H
#define FIRMWARE_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/chip/clock.h"
#include "firmware/chip/gpio.h"
#include "firmware/chip/qspi.h"

// A pin that says yes or no, in or out.
struct board_signal {
    bool present;
    bool active_low;
    struct gpio_pin pin;
};

struct board {
    const char *name;
    uint32_t chip_size; // of what the maker fits, a chip or two; only for external loaders
    struct clock_crystal crystal;
    struct qspi_pins qspi;
    struct board_signal led;
    struct board_signal button; // held at reset: stay in the bootloader
    struct board_signal vbus;   // not present: taken as always powered
    // Where the maker's first stage finds a second one in the chip (SPEC.md section 21); boards
    // without a first stage leave it out, boards with it get the image `ram`.
    uint32_t second_stage;
    uint32_t reserved_end; // bytes at the chip's end that are not for programs, multiple of 4096
    uint32_t px4_id, px4_revision; // what uploaders of PX4 and ArduPilot know the board by
};

extern const struct board board;

#endif
