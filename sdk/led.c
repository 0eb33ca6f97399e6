// The board's LED. Its own object, built from what app.mk knows of the board.
//
// Written from RM0433 (GPIO, RCC_AHB4ENR).
//
// SPDX-License-Identifier: MIT
#include "quadlane/led.h"

#include "quadlane/h750.h"

#define PORT       ((unsigned)(QL_LED_PORT - 'A'))
#define GPIO_MODER QL_REGISTER(0x58020000u + 0x400u * PORT)
#define GPIO_BSRR  QL_REGISTER(0x58020018u + 0x400u * PORT)

void ql_led_set(bool lit)
{
    const bool high = lit != (QL_LED_ACTIVE_LOW != 0);

    RCC_AHB4ENR |= 1u << PORT;
    (void)RCC_AHB4ENR; // the port has its clock when this read has returned
    GPIO_BSRR = high ? 1u << QL_LED_PIN : 1u << (QL_LED_PIN + 16);
    GPIO_MODER = (GPIO_MODER & ~(3u << (2 * QL_LED_PIN))) | (1u << (2 * QL_LED_PIN));
}
