// DevEBox STM32H750 (MCUDEV_DEVEBOX_H7XX_M, version 2).
//
// From the maker's pin table. The MicroSD socket is not there.
//
// SPDX-License-Identifier: MIT
#include "sim/board.h"

static const struct board_description devebox_h750_v2 = {
    .name = "devebox_h750_v2",
    .text = "DevEBox STM32H750, 25 MHz crystal, W25Q64JV-IQ (8 MiB) on QUADSPI bank 1",
    .hse_hz = 25000000,
    .lse_hz = 32768,
    .quadspi = {.clk = {{'B', 2}, 9},
                .ncs = {{'B', 6}, 10},
                .bank1_io = {{{'D', 11}, 9}, {{'D', 12}, 9}, {{'E', 2}, 9}, {{'D', 13}, 9}}},
    .chip1 = "W25Q64JV-IQ",
    .led = {'A', 1},
    .led_active_low = true,
    .button = {'E', 3},
    .button_active_low = true,
    .usb = OTG_CORE_OTG2_FS,
    .console = "USART1",
};

BOARD_REGISTER(devebox_h750_v2)
