// The board h750_w25q128 with the -IM part of the chip: when new it refuses quad commands, as its
// quad enable bit is 0.
//
// SPDX-License-Identifier: MIT
#include "sim/board.h"

static const struct board_description h750_w25q128_im = {
    .name = "h750_w25q128_im",
    .text = "h750_w25q128 with a W25Q128JV-IM, whose quad enable bit is 0 when new",
    .hse_hz = 8000000,
    .quadspi = {.clk = {{'B', 2}, 9},
                .ncs = {{'B', 10}, 9},
                .bank1_io = {{{'D', 11}, 9}, {{'D', 12}, 9}, {{'E', 2}, 9}, {{'D', 13}, 9}}},
    .chip1 = "W25Q128JV-IM",
    .led = {'E', 3},
    .led_active_low = true,
    .button = {'E', 4},
    .button_active_low = true,
    .vbus = {'A', 9},
    .usb = OTG_CORE_OTG2_FS,
    .console = "USART1",
};

BOARD_REGISTER(h750_w25q128_im)
