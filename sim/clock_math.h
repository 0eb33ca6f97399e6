// Counting clock ticks in virtual time without losing fractions of a nanosecond.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_CLOCK_MATH_H
#define SIM_CLOCK_MATH_H

#include <stdint.h>

#include "sim/machine.h"

// Whole ticks of a clock of `hz` that fit into `ns`.
static inline uint64_t ticks_in_ns(uint64_t ns, uint64_t hz)
{
    return (uint64_t)((unsigned __int128)ns * hz / NS_PER_S);
}

// The first nanosecond at which `ticks` ticks of `hz` (> 0) have passed; TIME_NEVER if beyond.
static inline uint64_t ns_of_ticks(uint64_t ticks, uint64_t hz)
{
    unsigned __int128 ns = ((unsigned __int128)ticks * NS_PER_S + hz - 1) / hz;
    return ns >= TIME_NEVER ? TIME_NEVER : (uint64_t)ns;
}

// The moment `delay_ns` after `start_ns`, TIME_NEVER if there is none.
static inline uint64_t time_after(uint64_t start_ns, uint64_t delay_ns)
{
    return delay_ns >= TIME_NEVER - start_ns ? TIME_NEVER : start_ns + delay_ns;
}

#endif
