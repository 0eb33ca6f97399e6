// SP Racing H7 EXTREME, PX4 edition (NOR flash).
//
// From the target files of Betaflight and SSBL. The edition with NAND flash cannot map its chip.
//
// SPDX-License-Identifier: MIT
#include "sim/board.h"

static const struct board_description sp_racing_h7_extreme = {
    .name = "sp_racing_h7_extreme",
    .text = "SP Racing H7 EXTREME, 8 MHz crystal, W25Q128JV-IQ (16 MiB) on QUADSPI bank 1",
    .hse_hz = 8000000,
    .quadspi = {.clk = {{'B', 2}, 9},
                .ncs = {{'B', 10}, 9},
                .bank1_io = {{{'D', 11}, 9}, {{'D', 12}, 9}, {{'E', 2}, 9}, {{'D', 13}, 9}}},
    .chip1 = "W25Q128JV-IQ",
    .led = {'E', 3},
    .led_active_low = true,
    .button = {'E', 4},
    .button_active_low = true,
    .vbus = {'A', 9},
    .usb = OTG_CORE_OTG2_FS,
    .console = "USART1",
};

BOARD_REGISTER(sp_racing_h7_extreme)
