// Progress for people: a bar on a terminal, lines elsewhere.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_PROGRESS_H
#define HOST_CLI_PROGRESS_H

#include "host/observer.h"

#include <stdbool.h>

enum progress_mode { PROGRESS_NONE, PROGRESS_LINES, PROGRESS_BAR };

struct progress {
    enum progress_mode mode;
    bool active; // a phase is being shown
    enum ql_phase phase;
    uint64_t phase_start_ns; // in the line's time
    uint64_t phase_start_bytes;
    uint64_t phase_start_us;
    unsigned percent_shown;
    uint64_t drawn_ns; // wall clock
    struct ql_progress last;
};

// quiet: nothing at all. Else a bar if stderr is a terminal that can show one.
void progress_init(struct progress *progress, bool quiet);
void progress_show(struct progress *progress, const struct ql_progress *now);
// Ends the line of a bar, so that other text can follow.
void progress_finish(struct progress *progress);

#endif
