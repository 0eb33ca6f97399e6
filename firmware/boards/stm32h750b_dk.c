// STMicroelectronics STM32H750B-DK: STM32H750XB and 128 MiB in two chips (or two dies in one) in
// dual-flash mode.
//
// Sources for the pins: ST's BSP for the board and Zephyr's stm32h750b_dk. The clock of 25 MHz
// comes from an oscillator (bypass). The connector CN13 is OTG_FS; no pin is known to see its 5 V.
//
// SPDX-License-Identifier: MIT
#include "firmware/board.h"
#include "firmware/loader/tables.h"
#include "firmware/marker.h"

enum { FUNCTION_9 = 9, FUNCTION_10 = 10 }; // the alternate functions of QUADSPI

#define NAME "stm32h750b_dk"

enum { CHIP_SIZE = 128 << 20 };

MARKER_BOARD const char marker_board[QL_MARKER_BOARD_SIZE] = NAME;
LOADER_TABLES(NAME, CHIP_SIZE, true);

const struct board board = {
    .name = marker_board,
    .chip_size = CHIP_SIZE,
    .crystal = {.hz = 25000000, .bypass = true},
    .qspi =
        {
            .clk = {GPIO_PIN('F', 10), FUNCTION_9},
            .ncs = {GPIO_PIN('G', 6), FUNCTION_10},
            .io = {{GPIO_PIN('D', 11), FUNCTION_9},
                   {GPIO_PIN('F', 9), FUNCTION_10},
                   {GPIO_PIN('F', 7), FUNCTION_9},
                   {GPIO_PIN('F', 6), FUNCTION_9}},
            .dual = true,
            .bank2_io = {{GPIO_PIN('H', 2), FUNCTION_9},
                         {GPIO_PIN('H', 3), FUNCTION_9},
                         {GPIO_PIN('G', 9), FUNCTION_9},
                         {GPIO_PIN('G', 14), FUNCTION_9}},
        },
    .led = {.present = true, .active_low = true, .pin = GPIO_PIN('I', 13)},
    .button = {.present = true, .pin = GPIO_PIN('C', 13)},
    .px4_id = 20005,
};
