// Sleeps with nothing that could wake it.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"

GUEST_VECTORS GUEST_VECTORS_END;

void guest_reset(void)
{
    guest_uart_start(64000000u);
    guest_print("good night\n");
    guest_uart_stop();
    for (;;) {
        __asm volatile("wfi");
    }
}
