// A millisecond counter on SysTick, for programs without an operating system.
//
// In a file of its own: only a program that starts it gets this SysTick_Handler.
//
// SPDX-License-Identifier: MIT
#include "quadlane/clock.h"
#include "quadlane/m7.h"

static volatile uint32_t ticks_ms;

void SysTick_Handler(void);
void SysTick_Handler(void)
{
    ticks_ms++;
}

void ql_ticks_start(void)
{
    SYST_RVR = ql_clock_cpu_hz() / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_CLKSOURCE | SYST_CSR_TICKINT | SYST_CSR_ENABLE;
}

uint32_t ql_ticks_ms(void)
{
    return ticks_ms;
}
