// Interrupt lines on, off, and to another handler.
//
// Written from the ARMv7-M Architecture Reference Manual, section B3.4 (NVIC).
//
// SPDX-License-Identifier: MIT
#include "quadlane/interrupts.h"
#include "quadlane/m7.h"
#include "runtime.h"

#define NVIC_IPR_BASE 0xE000E400u

void ql_interrupt_enable(enum ql_interrupt interrupt, uint32_t priority)
{
    const uint32_t number = (uint32_t)interrupt;

    // Of each priority byte the STM32H7 has the upper four bits.
    *(volatile uint8_t *)(NVIC_IPR_BASE + number) = (uint8_t)(priority << 4);
    (&NVIC_ISER0)[number / 32] = 1u << (number % 32);
}

void ql_interrupt_disable(enum ql_interrupt interrupt)
{
    const uint32_t number = (uint32_t)interrupt;

    (&NVIC_ICER0)[number / 32] = 1u << (number % 32);
    m7_dsb();
    m7_isb();
}

void ql_interrupt_set_handler(enum ql_interrupt interrupt, void (*handler)(void))
{
    ql_vectors_in_dtcm[16u + (uint32_t)interrupt].handler = handler;
    m7_dsb();
}
