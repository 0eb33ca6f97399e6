// Progress for people: a bar on a terminal, lines elsewhere.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_PROGRESS_H
#define HOST_CLI_PROGRESS_H

#include "host/observer.h"

#include <stdbool.h>

#define METER_TEXT 120

// How far one board is.
struct meter {
    bool active; // a phase is being shown
    enum ql_phase phase;
    uint64_t phase_start_ns; // in the line's time
    uint64_t phase_start_bytes;
    uint64_t phase_start_us;
    struct ql_progress last;
};

// Takes note; true when a phase begins.
bool meter_take(struct meter *meter, const struct ql_progress *now);
// The line in at most `width` columns: the less room, the less it says. ASCII, no control
// characters.
void meter_text(const struct meter *meter, int width, char text[METER_TEXT]);
const char *meter_phase_name(const struct meter *meter);

enum progress_mode { PROGRESS_NONE, PROGRESS_LINES, PROGRESS_BAR };

struct progress {
    enum progress_mode mode;
    struct meter meter;
    unsigned percent_shown;
    uint64_t drawn_ns; // wall clock
};

// Nothing at all if quiet. Else a bar if stderr is a terminal that can show one, and nothing else
// is printed between.
void progress_init(struct progress *progress, bool quiet, bool verbose);
void progress_show(struct progress *progress, const struct ql_progress *now);
// Ends the line of a bar, so that other text can follow.
void progress_finish(struct progress *progress);

#endif
