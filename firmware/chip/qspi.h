// The QUADSPI controller as a `struct nor_bus`: one chip on bank 1, or two side by side.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_QSPI_H
#define FIRMWARE_CHIP_QSPI_H

#include "core/nor_bus.h"
#include "firmware/chip/gpio.h"

#define QSPI_WINDOW 0x90000000u

struct qspi_pin {
    struct gpio_pin pin;
    uint8_t function; // the alternate function's number
};

struct qspi_pins {
    struct qspi_pin clk, ncs, io[4];
    bool dual; // two equal chips in dual-flash mode; `ncs` serves both
    struct qspi_pin bank2_io[4];
};

// Turns pins, clock and controller on. To be called with the clocks as after reset; clock_fast and
// clock_reset may be called afterwards while the chip is not mapped.
void qspi_start(const struct qspi_pins *pins);

// The GPIO ports of these pins, bit 0 is A.
uint32_t qspi_ports(const struct qspi_pins *pins);

const struct nor_bus *qspi_bus(void);

// The clock that the chip sees now.
uint32_t qspi_clock_hz(void);

#endif
