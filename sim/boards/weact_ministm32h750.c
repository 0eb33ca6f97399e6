// WeAct Studio MiniSTM32H750VBTx (V1.x).
//
// From the maker's pin table. Boards of a later production carry a PY25Q64HA as chip. The second
// chip, on SPI1, is not there.
//
// SPDX-License-Identifier: MIT
#include "sim/board.h"

static const struct board_description weact_ministm32h750 = {
    .name = "weact_ministm32h750",
    .text = "WeAct Studio MiniSTM32H750VBTx, 25 MHz crystal, W25Q64JV-IQ (8 MiB) on QUADSPI bank 1",
    .hse_hz = 25000000,
    .lse_hz = 32768,
    .quadspi = {.clk = {{'B', 2}, 9},
                .ncs = {{'B', 6}, 10},
                .bank1_io = {{{'D', 11}, 9}, {{'D', 12}, 9}, {{'E', 2}, 9}, {{'D', 13}, 9}}},
    .chip1 = "W25Q64JV-IQ",
    .led = {'E', 3},
    .button = {'C', 13},
    .usb = OTG_CORE_OTG2_FS,
    .console = "USART1",
};

BOARD_REGISTER(weact_ministm32h750)
