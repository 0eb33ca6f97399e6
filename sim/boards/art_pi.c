// RT-Thread ART-Pi.
//
// From the board's schematic as Zephyr's device tree gives it: blue LED, key PH4 to the supply.
//
// SPDX-License-Identifier: MIT
#include "sim/board.h"

static const struct board_description art_pi = {
    .name = "art_pi",
    .text = "RT-Thread ART-Pi, 25 MHz crystal, W25Q64JV-IQ (8 MiB) on QUADSPI bank 1",
    .hse_hz = 25000000,
    .quadspi = {.clk = {{'F', 10}, 9},
                .ncs = {{'G', 6}, 10},
                .bank1_io = {{{'F', 8}, 10}, {{'F', 9}, 10}, {{'F', 7}, 9}, {{'F', 6}, 9}}},
    .chip1 = "W25Q64JV-IQ",
    .led = {'I', 8},
    .led_active_low = true,
    .button = {'H', 4},
    .usb = OTG_CORE_OTG2_FS,
    .console = "UART4",
};

BOARD_REGISTER(art_pi)
