// FANKE FK750M1-VBT6.
//
// From Zephyr's device tree of the board, the only source found. Whether a 32 kHz crystal is fitted
// is not known: none here.
//
// SPDX-License-Identifier: MIT
#include "sim/board.h"

static const struct board_description fanke_fk750m1 = {
    .name = "fanke_fk750m1",
    .text = "FANKE FK750M1-VBT6, 25 MHz crystal, W25Q64JV-IQ (8 MiB) on QUADSPI bank 1",
    .hse_hz = 25000000,
    .quadspi = {.clk = {{'B', 2}, 9},
                .ncs = {{'B', 6}, 10},
                .bank1_io = {{{'D', 11}, 9}, {{'D', 12}, 9}, {{'E', 2}, 9}, {{'D', 13}, 9}}},
    .chip1 = "W25Q64JV-IQ",
    .led = {'C', 13},
    .led_active_low = true,
    .usb = OTG_CORE_OTG2_FS,
    .console = "USART1",
};

BOARD_REGISTER(fanke_fk750m1)
