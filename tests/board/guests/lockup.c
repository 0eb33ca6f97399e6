// Locks the core up: a fault whose handler faults.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"

static void hard_fault(void);

GUEST_VECTORS, [3] = hard_fault GUEST_VECTORS_END;

static void hard_fault(void)
{
    __asm volatile("udf #1");
}

void guest_reset(void)
{
    __asm volatile("udf #0");
}
