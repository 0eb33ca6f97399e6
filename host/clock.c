// The computer's monotonic clock (POSIX clock_gettime, nanosleep).
//
// SPDX-License-Identifier: MIT
#include "host/clock.h"

#include <time.h>

static uint64_t system_now_ns(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * QL_NS_PER_S + (uint64_t)now.tv_nsec;
}

// A signal may end it early; callers look at their own limit.
static void system_sleep_ns(void *context, uint64_t duration_ns)
{
    (void)context;
    const struct timespec duration = {.tv_sec = (time_t)(duration_ns / QL_NS_PER_S),
                                      .tv_nsec = (long)(duration_ns % QL_NS_PER_S)};
    nanosleep(&duration, NULL);
}

struct ql_clock ql_clock_system(void)
{
    return (struct ql_clock){.now_ns = system_now_ns, .sleep_ns = system_sleep_ns};
}
