// What tells one board with an STM32H750 from another, as its schematic shows it.
//
// A board is one file in sim/boards that ends with BOARD_REGISTER(its description).
//
// SPDX-License-Identifier: MIT
#ifndef SIM_BOARD_H
#define SIM_BOARD_H

#include "sim/h750_gpio.h"
#include "sim/h750_otg.h"
#include "sim/h750_quadspi.h"

#include <stdbool.h>
#include <stdint.h>

struct board_description {
    const char *name;
    const char *text; // one line for --list-boards
    uint32_t hse_hz;  // crystals, 0: none
    uint32_t lse_hz;
    struct quadspi_wiring quadspi;
    const char *chip1; // names for nor_model_find
    const char *chip2; // NULL: one chip
    struct pin led;    // port 0: none
    bool led_active_low;
    struct pin button; // with a pull resistor to its idle level
    bool button_active_low;
    struct pin vbus; // sees the USB cable's 5 V
    enum otg_core usb;
    const char *console; // the serial port on the board's connector
};

// board_at(0), board_at(1), ... in order of name; NULL behind the last.
const struct board_description *board_at(unsigned index);
const struct board_description *board_find(const char *name);

void board_register(const struct board_description *description);

// Puts a description on the list before main begins.
#define BOARD_REGISTER(description)                                                                \
    __attribute__((constructor)) static void description##_register(void)                          \
    {                                                                                              \
        board_register(&(description));                                                            \
    }

#endif
