// RT-Thread ART-Pi: STM32H750 and a flash chip of 8 MiB on QUADSPI bank 1.
//
// Sources for the pins: Zephyr's board ruiside/art_pi and RT-Thread's SDK for it. The chip on SPI1
// (16 MiB) cannot be mapped and is not used.
//
// SPDX-License-Identifier: MIT
#include "firmware/board.h"
#include "firmware/loader/tables.h"
#include "firmware/marker.h"

enum { FUNCTION_9 = 9, FUNCTION_10 = 10 }; // the alternate functions of QUADSPI

#define NAME "art_pi"

enum { CHIP_SIZE = 8 << 20 };

MARKER_BOARD const char marker_board[QL_MARKER_BOARD_SIZE] = NAME;
LOADER_TABLES(NAME, CHIP_SIZE, false);

const struct board board = {
    .name = marker_board,
    .chip_size = CHIP_SIZE,
    .crystal = {.hz = 25000000},
    .qspi =
        {
            .clk = {GPIO_PIN('F', 10), FUNCTION_9},
            .ncs = {GPIO_PIN('G', 6), FUNCTION_10},
            .io = {{GPIO_PIN('F', 8), FUNCTION_10},
                   {GPIO_PIN('F', 9), FUNCTION_10},
                   {GPIO_PIN('F', 7), FUNCTION_9},
                   {GPIO_PIN('F', 6), FUNCTION_9}},
        },
    .led = {.present = true, .active_low = true, .pin = GPIO_PIN('I', 8)},
    .button = {.present = true, .pin = GPIO_PIN('H', 4)},
    .px4_id = 20004,
};
