// SysTick: an interrupt each millisecond, and its down-counter for what is shorter.
//
// Written from the Armv7-M Architecture Reference Manual, B3.3. SysTick rather than a timer or DWT:
// the program finds it off as after a reset, and a debugger keeps DWT for itself.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/time.h"

#include "firmware/chip/interrupt.h"
#include "firmware/chip/registers.h"
#include "firmware/chip/vectors.h"

static volatile uint32_t milliseconds;
static uint32_t cycles_per_us;

void systick_handler(void)
{
    milliseconds = milliseconds + 1;
}

void time_start(uint32_t cpu_hz)
{
    cycles_per_us = cpu_hz / 1000000;
    SYST_CSR = 0;
    SYST_RVR = cpu_hz / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_ENABLE | SYST_CSR_TICKINT | SYST_CSR_CLKSOURCE;
}

void time_stop(void)
{
    SYST_CSR = 0;
    SYST_RVR = 0;
    SYST_CVR = 0;
}

uint32_t time_now_ms(void)
{
    return milliseconds;
}

struct time_limit time_limit_us(uint32_t limit_us)
{
    return (struct time_limit){.last = SYST_CVR, .cycles = limit_us * cycles_per_us};
}

bool time_limit_reached(struct time_limit *limit)
{
    uint32_t now = SYST_CVR;
    uint32_t passed = limit->last >= now ? limit->last - now : limit->last + SYST_RVR + 1 - now;
    limit->last = now;
    if (passed > limit->cycles) {
        limit->cycles = 0;
        return true;
    }
    limit->cycles -= passed;
    return false;
}

void time_delay_us(uint32_t delay_us)
{
    struct time_limit limit = time_limit_us(delay_us);
    while (!time_limit_reached(&limit)) {
    }
}

void time_sleep_ms(uint32_t duration_ms)
{
    uint32_t since_ms = time_now_ms();
    // The present millisecond has begun already.
    while (time_now_ms() - since_ms <= duration_ms) {
        interrupt_wait(interrupt_notes());
    }
}
