// From the reset to main: vector table, memory, and what happens on a fault.
//
// Written from the Armv7-M Architecture Reference Manual, B1.5, and RM0433's interrupt table. The
// FPU stays off: nothing here computes with fractions.
//
// SPDX-License-Identifier: MIT
#include <stdint.h>

#include "firmware/chip/cache.h"
#include "firmware/chip/clock.h"
#include "firmware/chip/interrupt.h"
#include "firmware/chip/mpu.h"
#include "firmware/chip/panic.h"
#include "firmware/chip/registers.h"
#include "firmware/chip/startup.h"
#include "firmware/chip/time.h"
#include "firmware/chip/vectors.h"

// From link/sections.ld.
extern uint32_t link_stack_start[], link_stack_end[];
extern uint32_t link_data_start[], link_data_end[], link_data_load[];
extern uint32_t link_bss_start[], link_bss_end[];

int main(void);
void reset_handler(void);
void fault_handler(void);
_Noreturn void fault_record(const uint32_t *frame);
_Noreturn void startup_run(void);
static void unexpected_handler(void);

typedef void (*vector)(void);

// Places in the table behind the stack pointer.
enum {
    VECTOR_RESET = 0,
    VECTOR_HARD_FAULT = 2, // the other faults are not enabled and end there
    VECTOR_SYSTICK = 14,
    VECTOR_QUADSPI = 15 + INTERRUPT_QUADSPI,
    VECTOR_OTG_FS = 15 + INTERRUPT_OTG_FS,
    VECTOR_COUNT = 15 + INTERRUPT_COUNT,
};

static const struct {
    uint32_t *stack;
    vector handlers[VECTOR_COUNT];
} vectors __attribute__((section(".vectors"), used)) = {
    .stack = link_stack_end,
    .handlers =
        {
            [VECTOR_RESET] = reset_handler,
            [VECTOR_RESET + 1 ... VECTOR_HARD_FAULT - 1] = unexpected_handler,
            [VECTOR_HARD_FAULT] = fault_handler,
            [VECTOR_HARD_FAULT + 1 ... VECTOR_SYSTICK - 1] = unexpected_handler,
            [VECTOR_SYSTICK] = systick_handler,
            [VECTOR_SYSTICK + 1 ... VECTOR_QUADSPI - 1] = unexpected_handler,
            [VECTOR_QUADSPI] = quadspi_handler,
            [VECTOR_QUADSPI + 1 ... VECTOR_OTG_FS - 1] = unexpected_handler,
            [VECTOR_OTG_FS] = otg_fs_handler,
            [VECTOR_OTG_FS + 1 ... VECTOR_COUNT - 1] = unexpected_handler,
        },
};

static void unexpected_handler(void)
{
    uint32_t exception;
    __asm volatile("mrs %0, ipsr" : "=r"(exception));
    panic(PANIC_INTERRUPT, exception);
}

// The stack may be what went wrong: the frame's place is kept, and the stack begun anew.
__attribute__((naked)) void fault_handler(void)
{
    __asm volatile("mov r0, sp\n"
                   "ldr sp, =link_stack_end\n"
                   "b fault_record\n");
}

__attribute__((used)) void fault_record(const uint32_t *frame)
{
    enum { FRAME_WORDS = 8, FRAME_PC = 6 };
    uint32_t pc = 0;
    if (frame >= link_stack_start && frame + FRAME_WORDS <= link_stack_end) {
        pc = frame[FRAME_PC];
    }
    panic(PANIC_FAULT, pc);
}

// Whoever jumps here has not always set the stack pointer, nor masked interrupts.
__attribute__((naked)) void reset_handler(void)
{
    __asm volatile("cpsid i\n"
                   "ldr r0, =link_stack_end\n"
                   "msr msp, r0\n"
                   "mov r0, #0\n"
                   "msr control, r0\n"
                   "isb\n"
                   "b startup_run\n");
}

__attribute__((used)) void startup_run(void)
{
    cache_write_back(); // whoever was here before may have left this image in there
    mpu_start();
    mpu_traps_set();
    cache_enable(); // the loops below would wait for the flash at each turn
    SCB_VTOR = (uint32_t)(uintptr_t)&vectors;
    for (uint32_t *to = link_data_start, *from = link_data_load; to < link_data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = link_bss_start; to < link_bss_end;) {
        *to++ = 0;
    }
    startup_settle();
    time_start(CLOCK_RESET_HZ);
    __asm volatile("cpsie i" ::: "memory");
    (void)main();
    panic(PANIC_RETURNED, 0);
}
