// From the bootloader into a program; the processor's state is that of SPEC.md section 8.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/jump.h"

#include "firmware/chip/barrier.h"
#include "firmware/chip/cache.h"
#include "firmware/chip/interrupt.h"
#include "firmware/chip/mpu.h"
#include "firmware/chip/registers.h"
#include "firmware/chip/time.h"

void jump(uint32_t address)
{
    const volatile uint32_t *table = (const volatile uint32_t *)(uintptr_t)address;
    uint32_t stack = table[0];
    uint32_t entry = table[1];

    (void)interrupt_mask();
    time_stop();
    interrupt_disable_all();
    cache_disable();
    mpu_hand_over();
    SCB_VTOR = address;
    barrier_data();
    // From here on nothing is on a stack: the program may place its own where ours is.
    __asm volatile("mov r2, #0\n"
                   "msr basepri, r2\n"
                   "msr msp, %0\n"
                   "msr control, r2\n"
                   "isb\n"
                   "cpsie f\n"
                   "cpsie i\n"
                   "bx %1\n"
                   :
                   : "r"(stack), "r"(entry)
                   : "r2", "memory");
    __builtin_unreachable();
}
