// QUADSPI of the STM32H750, with the pins and chips that the board wires to it.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_QUADSPI_H
#define SIM_H750_QUADSPI_H

#include "sim/h750_gpio.h"

// Where the chips appear in memory-mapped mode.
#define QUADSPI_WINDOW UINT32_C(0x90000000)

struct machine;
struct nor_chip;
struct quadspi;
struct rcc;

// A pin and the alternate function in which it is this signal.
struct pin_function {
    struct pin pin;
    uint8_t alternate;
};

struct quadspi_wiring {
    struct pin_function clk, ncs; // ncs of bank 1, may serve both chips
    struct pin_function bank1_io[4];
    struct pin_function bank2_io[4]; // port 0 where bank 2 is not wired
    struct pin_function bank2_ncs;
};

// chip2 NULL: one chip on bank 1.
struct quadspi *quadspi_create(struct machine *machine, struct rcc *rcc, struct gpio *gpio,
                               const struct quadspi_wiring *wiring, struct nor_chip *chip1,
                               struct nor_chip *chip2);

#endif
