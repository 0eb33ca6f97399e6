// Electrosmith Daisy Seed: STM32H750 and a flash chip of 8 MiB on QUADSPI bank 1.
//
// Sources for the pins: libDaisy (daisy_seed.cpp, qspi.cpp). Its BOOT button is BOOT0, which no
// program reads.
//
// SPDX-License-Identifier: MIT
#include "firmware/board.h"
#include "firmware/loader/tables.h"
#include "firmware/marker.h"

enum { FUNCTION_9 = 9, FUNCTION_10 = 10 }; // the alternate functions of QUADSPI

#define NAME "daisy_seed"

enum { CHIP_SIZE = 8 << 20 };

MARKER_BOARD const char marker_board[QL_MARKER_BOARD_SIZE] = NAME;
LOADER_TABLES(NAME, CHIP_SIZE, false);

const struct board board = {
    .name = marker_board,
    .chip_size = CHIP_SIZE,
    .crystal = {.hz = 16000000},
    .qspi =
        {
            .clk = {GPIO_PIN('F', 10), FUNCTION_9},
            .ncs = {GPIO_PIN('G', 6), FUNCTION_10},
            .io = {{GPIO_PIN('F', 8), FUNCTION_10},
                   {GPIO_PIN('F', 9), FUNCTION_10},
                   {GPIO_PIN('F', 7), FUNCTION_9},
                   {GPIO_PIN('F', 6), FUNCTION_9}},
        },
    .led = {.present = true, .pin = GPIO_PIN('C', 7)},
    .px4_id = 20003,
};
