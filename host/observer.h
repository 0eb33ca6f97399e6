// What the library tells while it works, and how it is stopped.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_OBSERVER_H
#define HOST_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ql_phase {
    QL_PHASE_WAITING,      // for a board; done and total are milliseconds
    QL_PHASE_RECONNECTING, // the board went away in the middle; done and total are milliseconds
    QL_PHASE_COMPARING,    // the chip with the file
    QL_PHASE_WRITING,      // erasing and writing
    QL_PHASE_VERIFYING,    // the board reads back; total is 0, it ends by itself
    QL_PHASE_READING,
    QL_PHASE_LOADING, // into RAM
    QL_PHASES,
};

struct ql_progress {
    enum ql_phase phase;
    uint64_t done;  // bytes if not said otherwise
    uint64_t total; // 0: not known
    // The chip's part in microseconds of its typical times; 0 when only bytes count.
    uint64_t done_us;
    uint64_t total_us;
    uint64_t now_ns; // in the line's time
};

static inline bool ql_phase_is_waiting(enum ql_phase phase)
{
    return phase == QL_PHASE_WAITING || phase == QL_PHASE_RECONNECTING;
}

static inline unsigned ql_progress_percent(const struct ql_progress *progress)
{
    const bool timed = progress->total_us > 0;
    const uint64_t done = timed ? progress->done_us : progress->done;
    const uint64_t total = timed ? progress->total_us : progress->total;
    if (total == 0)
        return 0;
    return done >= total ? 100 : (unsigned)(done * 100 / total);
}

// Any function may be a null pointer.
struct ql_observer {
    void *context;
    void (*progress)(void *context, const struct ql_progress *progress);
    bool (*cancelled)(void *context);
    void (*note)(void *context, const char *text); // what is done, for who wants to know
};

void ql_note(const struct ql_observer *observer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void ql_observe(const struct ql_observer *observer,
                              const struct ql_progress *progress)
{
    if (observer != NULL && observer->progress != NULL)
        observer->progress(observer->context, progress);
}

static inline bool ql_cancelled(const struct ql_observer *observer)
{
    return observer != NULL && observer->cancelled != NULL &&
           observer->cancelled(observer->context);
}

#endif
