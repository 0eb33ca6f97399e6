// Time: a millisecond counter, short delays, and limits for waits, all from SysTick.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_TIME_H
#define FIRMWARE_CHIP_TIME_H

#include <stdbool.h>
#include <stdint.h>

// Starts the counter for this core clock, or goes on at a new one.
void time_start(uint32_t cpu_hz);
// SysTick as after a reset.
void time_stop(void);

// Milliseconds since the start; wraps. Stands still while interrupts are masked.
uint32_t time_now_ms(void);

// Busy waiting, at least this long, at most 1 s. Works with interrupts masked.
void time_delay_us(uint32_t delay_us);

// Sleeps at least that long. Needs interrupts on.
void time_sleep_ms(uint32_t duration_ms);

// A limit for a wait, at most 1 s. Works with interrupts masked, if it is looked at more than once
// a millisecond; looked at less often it is reached later, never earlier.
struct time_limit {
    uint32_t last;   // SYST_CVR when looked at
    uint32_t cycles; // still left
};

struct time_limit time_limit_us(uint32_t limit_us);
bool time_limit_reached(struct time_limit *limit);

#endif
