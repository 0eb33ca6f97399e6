// STM32H750VB with a W25Q128JV on QUADSPI bank 1, wired as on the SP Racing H7 EXTREME (PX4
// edition).
//
// Sources for the pins: the board's target files in Betaflight, ArduPilot and SSBL. The chip's last
// 512 KiB hold data of that board's own firmware when it runs; a bare board has them free.
//
// SPDX-License-Identifier: MIT
#include "firmware/board.h"
#include "firmware/loader/tables.h"
#include "firmware/marker.h"

enum { FUNCTION_QUADSPI = 9 };

#define NAME "h750_w25q128"

enum { CHIP_SIZE = 16 << 20 };

MARKER_BOARD const char marker_board[QL_MARKER_BOARD_SIZE] = NAME;
LOADER_TABLES(NAME, CHIP_SIZE, false);

const struct board board = {
    .name = marker_board,
    .chip_size = CHIP_SIZE,
    .crystal = {.hz = 8000000},
    .qspi =
        {
            .clk = {GPIO_PIN('B', 2), FUNCTION_QUADSPI},
            .ncs = {GPIO_PIN('B', 10), FUNCTION_QUADSPI},
            .io = {{GPIO_PIN('D', 11), FUNCTION_QUADSPI},
                   {GPIO_PIN('D', 12), FUNCTION_QUADSPI},
                   {GPIO_PIN('E', 2), FUNCTION_QUADSPI},
                   {GPIO_PIN('D', 13), FUNCTION_QUADSPI}},
        },
    .led = {.present = true, .active_low = true, .pin = GPIO_PIN('E', 3)},
    .button = {.present = true, .active_low = true, .pin = GPIO_PIN('E', 4)},
    .vbus = {.present = true, .pin = GPIO_PIN('A', 9)},
    .reserved_end = 0,
    .px4_id = 1060, // ArduPilot's
};
