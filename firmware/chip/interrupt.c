// Interrupt lines, mask and sleep, from the Armv7-M Architecture Reference Manual, B3.4.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/interrupt.h"

#include "firmware/chip/barrier.h"
#include "firmware/chip/registers.h"

void interrupt_enable(unsigned line)
{
    NVIC_ISER(line / 32) = 1u << line % 32;
}

void interrupt_disable_all(void)
{
    for (unsigned i = 0; i <= (INTERRUPT_COUNT - 1) / 32; ++i) {
        NVIC_ICER(i) = UINT32_MAX;
        NVIC_ICPR(i) = UINT32_MAX;
    }
    SCB_ICSR = SCB_ICSR_PENDSTCLR | SCB_ICSR_PENDSVCLR;
    barrier_instruction();
}

uint32_t interrupt_mask(void)
{
    uint32_t state;
    __asm volatile("mrs %0, primask\n cpsid i" : "=r"(state)::"memory");
    return state;
}

void interrupt_restore(uint32_t state)
{
    __asm volatile("msr primask, %0" ::"r"(state) : "memory");
}

static volatile uint32_t notes;

void interrupt_note(void)
{
    notes = notes + 1;
}

uint32_t interrupt_notes(void)
{
    return notes;
}

void interrupt_wait(uint32_t notes_seen)
{
    // WFI wakes for a masked interrupt too, so that none slips in between the look and the sleep.
    uint32_t state = interrupt_mask();
    if (notes == notes_seen) {
        __asm volatile("dsb\n wfi" ::: "memory");
    }
    interrupt_restore(state);
}
