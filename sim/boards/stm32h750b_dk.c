// STMicroelectronics STM32H750B-DK (MB1381): two chips in dual-flash mode.
//
// From ST's BSP headers and Zephyr's device tree of the board. LED LD6 (red); its blue user button.
//
// SPDX-License-Identifier: MIT
#include "sim/board.h"

static const struct board_description stm32h750b_dk = {
    .name = "stm32h750b_dk",
    .text = "STM32H750B-DK, 25 MHz oscillator, 2 x MT25QL512AB (128 MiB) on QUADSPI banks 1 and 2",
    .hse_hz = 25000000,
    .quadspi = {.clk = {{'F', 10}, 9},
                .ncs = {{'G', 6}, 10},
                .bank1_io = {{{'D', 11}, 9}, {{'F', 9}, 10}, {{'F', 7}, 9}, {{'F', 6}, 9}},
                .bank2_io = {{{'H', 2}, 9}, {{'H', 3}, 9}, {{'G', 9}, 9}, {{'G', 14}, 9}}},
    .chip1 = "MT25QL512AB",
    .chip2 = "MT25QL512AB",
    .led = {'I', 13},
    .led_active_low = true,
    .button = {'C', 13},
    .usb = OTG_CORE_OTG2_FS,
    .console = "USART3",
};

BOARD_REGISTER(stm32h750b_dk)
