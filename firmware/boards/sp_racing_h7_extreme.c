// SP Racing H7 EXTREME, PX4 edition (NOR flash): STM32H750 and a flash chip of 16 MiB on QUADSPI
// bank 1.
//
// Sources for the pins: the board's target files in Betaflight, ArduPilot and SSBL. The last 512
// KiB of the chip are the maker's: 64 KiB of settings and the 448 KiB that its first stage starts;
// as its second stage this bootloader lies in the latter.
//
// SPDX-License-Identifier: MIT
#include "firmware/board.h"
#include "firmware/loader/tables.h"
#include "firmware/marker.h"

enum { FUNCTION_9 = 9 }; // the alternate functions of QUADSPI

#define NAME "sp_racing_h7_extreme"

enum { CHIP_SIZE = 16 << 20 };

MARKER_BOARD const char marker_board[QL_MARKER_BOARD_SIZE] = NAME;
LOADER_TABLES(NAME, CHIP_SIZE, false);

const struct board board = {
    .name = marker_board,
    .chip_size = CHIP_SIZE,
    .crystal = {.hz = 8000000},
    .qspi =
        {
            .clk = {GPIO_PIN('B', 2), FUNCTION_9},
            .ncs = {GPIO_PIN('B', 10), FUNCTION_9},
            .io = {{GPIO_PIN('D', 11), FUNCTION_9},
                   {GPIO_PIN('D', 12), FUNCTION_9},
                   {GPIO_PIN('E', 2), FUNCTION_9},
                   {GPIO_PIN('D', 13), FUNCTION_9}},
        },
    .led = {.present = true, .active_low = true, .pin = GPIO_PIN('E', 3)},
    .button = {.present = true, .active_low = true, .pin = GPIO_PIN('E', 4)},
    .vbus = {.present = true, .pin = GPIO_PIN('A', 9)},
    .second_stage = 0x90F90000,
    .reserved_end = 512 * 1024,
    .px4_id = 1060, // ArduPilot's
};
