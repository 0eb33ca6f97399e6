// DevEBox STM32H750 (MCUDEV_DEVEBOX_H7XX_M, version 2): STM32H750 and a flash chip of 8 MiB on
// QUADSPI bank 1.
//
// Sources for the pins: the board's MicroPython port (README and mpconfigboard.h) and ArduPilot's
// DevEBoxH7v2 definition. PA9 is USART1's TX, so no pin sees the USB cable's 5 V.
//
// SPDX-License-Identifier: MIT
#include "firmware/board.h"
#include "firmware/loader/tables.h"
#include "firmware/marker.h"

enum { FUNCTION_9 = 9, FUNCTION_10 = 10 }; // the alternate functions of QUADSPI

#define NAME "devebox_h750_v2"

enum { CHIP_SIZE = 8 << 20 };

MARKER_BOARD const char marker_board[QL_MARKER_BOARD_SIZE] = NAME;
LOADER_TABLES(NAME, CHIP_SIZE, false);

const struct board board = {
    .name = marker_board,
    .chip_size = CHIP_SIZE,
    .crystal = {.hz = 25000000},
    .qspi =
        {
            .clk = {GPIO_PIN('B', 2), FUNCTION_9},
            .ncs = {GPIO_PIN('B', 6), FUNCTION_10},
            .io = {{GPIO_PIN('D', 11), FUNCTION_9},
                   {GPIO_PIN('D', 12), FUNCTION_9},
                   {GPIO_PIN('E', 2), FUNCTION_9},
                   {GPIO_PIN('D', 13), FUNCTION_9}},
        },
    .led = {.present = true, .active_low = true, .pin = GPIO_PIN('A', 1)},
    .button = {.present = true, .active_low = true, .pin = GPIO_PIN('E', 3)},
    .px4_id = 1061, // ArduPilot's
};
