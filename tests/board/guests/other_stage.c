// A second stage that is somebody else's, as a flight controller's firmware is: says so and sleeps.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"

GUEST_VECTORS GUEST_VECTORS_END;

void guest_reset(void)
{
    guest_uart_start(100000000u); // as the first stage leaves the clocks
    guest_print("another second stage\n");
    guest_uart_stop();
    for (;;) {
        __asm volatile("wfi");
    }
}
