// Blinks the LED on PE3 from a program that lies in the external chip.
//
// The LED of the board h750_w25q128 lights when its pin is low.
//
// SPDX-License-Identifier: MIT
#include <stdbool.h>
#include <stdio.h>

#include "quadlane/clock.h"
#include "quadlane/h750.h"
#include "quadlane/m7.h"

#define LED            3u
#define HALF_PERIOD_MS 500u

static void led_set_up(void)
{
    RCC_AHB4ENR |= RCC_AHB4ENR_GPIOEEN;
    (void)RCC_AHB4ENR;
    GPIOE_BSRR = 1u << LED;
    GPIOE_MODER = (GPIOE_MODER & ~(3u << (2 * LED))) | (1u << (2 * LED));
}

static void led_set(bool on)
{
    GPIOE_BSRR = on ? 1u << (LED + 16) : 1u << LED;
}

int main(void)
{
    bool on = false;
    uint32_t next_ms = 0;

    printf("blink: running at %p, CPU at %lu MHz\n", (void *)main,
           (unsigned long)(SystemCoreClock / 1000000));
    led_set_up();
    ql_ticks_start();
    for (;;) {
        while ((int32_t)(ql_ticks_ms() - next_ms) < 0)
            m7_wait_for_interrupt();
        next_ms += HALF_PERIOD_MS;
        on = !on;
        led_set(on);
    }
}
