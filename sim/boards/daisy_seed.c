// Electrosmith Daisy Seed.
//
// From libDaisy. USB is the socket on the board (PA11, PA12).
//
// SPDX-License-Identifier: MIT
#include "sim/board.h"

static const struct board_description daisy_seed = {
    .name = "daisy_seed",
    .text = "Electrosmith Daisy Seed, 16 MHz crystal, IS25LP064A (8 MiB) on QUADSPI bank 1",
    .hse_hz = 16000000,
    .quadspi = {.clk = {{'F', 10}, 9},
                .ncs = {{'G', 6}, 10},
                .bank1_io = {{{'F', 8}, 10}, {{'F', 9}, 10}, {{'F', 7}, 9}, {{'F', 6}, 9}}},
    .chip1 = "IS25LP064A",
    .led = {'C', 7},
    .usb = OTG_CORE_OTG2_FS,
    .console = "USART1",
};

BOARD_REGISTER(daisy_seed)
