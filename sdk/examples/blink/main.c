// Blinks the board's LED from a program that lies in the external chip.
//
// SPDX-License-Identifier: MIT
#include <stdbool.h>
#include <stdio.h>

#include "quadlane/clock.h"
#include "quadlane/led.h"
#include "quadlane/m7.h"

#define HALF_PERIOD_MS 500u

int main(void)
{
    bool on = false;
    uint32_t next_ms = 0;

    printf("blink: running at %p, CPU at %lu MHz\n", (void *)main,
           (unsigned long)(SystemCoreClock / 1000000));
    ql_ticks_start();
    for (;;) {
        while ((int32_t)(ql_ticks_ms() - next_ms) < 0)
            m7_wait_for_interrupt();
        next_ms += HALF_PERIOD_MS;
        on = !on;
        ql_led_set(on);
    }
}
