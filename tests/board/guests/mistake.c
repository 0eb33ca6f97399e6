// Breaks a rule of the hardware: uses a timer whose clock is off. Goes on where it may.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"

GUEST_VECTORS GUEST_VECTORS_END;

void guest_reset(void)
{
    guest_uart_start(64000000u);
    guest_print("before\n");
    guest_uart_stop();
    REG(0x40001000u) = 1; // TIM6_CR1
    guest_uart_start(64000000u);
    guest_print("behind\n");
    guest_end();
}
