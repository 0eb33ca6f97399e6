// FANKE FK750M1-VBT6: STM32H750 and a flash chip of 8 MiB on QUADSPI bank 1.
//
// Source for the pins: Zephyr's board fanke/fk750m1_vbt6. No source names a button.
//
// SPDX-License-Identifier: MIT
#include "firmware/board.h"
#include "firmware/loader/tables.h"
#include "firmware/marker.h"

enum { FUNCTION_9 = 9, FUNCTION_10 = 10 }; // the alternate functions of QUADSPI

#define NAME "fanke_fk750m1"

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
    .led = {.present = true, .active_low = true, .pin = GPIO_PIN('C', 13)},
    .px4_id = 20002,
};
