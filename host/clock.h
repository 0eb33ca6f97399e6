// Time as the library sees it: passed in, so that the same code runs on the wall clock and on the
// virtual board's own time.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLOCK_H
#define HOST_CLOCK_H

#include <stdint.h>

#define QL_NS_PER_MS UINT64_C(1000000)
#define QL_NS_PER_S  UINT64_C(1000000000)

struct ql_clock {
    void *context;
    uint64_t (*now_ns)(void *context); // only rises
    void (*sleep_ns)(void *context, uint64_t duration_ns);
};

// The computer's monotonic clock.
struct ql_clock ql_clock_system(void);

static inline uint64_t ql_clock_now(const struct ql_clock *clock)
{
    return clock->now_ns(clock->context);
}

static inline void ql_clock_sleep(const struct ql_clock *clock, uint64_t duration_ns)
{
    clock->sleep_ns(clock->context, duration_ns);
}

#endif
