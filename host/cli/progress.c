// Progress for people: a bar on a terminal, lines elsewhere; both on stderr.
//
// SPDX-License-Identifier: MIT
#include "host/cli/progress.h"

#include "host/cli/terminal.h"
#include "host/clock.h"

#include <stdio.h>

#define DRAW_NS       (80 * QL_NS_PER_MS)
#define SHORT_WAIT_MS 1500

void progress_init(struct progress *progress, bool quiet, bool verbose)
{
    *progress = (struct progress){.mode = PROGRESS_LINES};
    if (quiet)
        progress->mode = PROGRESS_NONE;
    else if (!verbose && terminal_can_redraw(stderr))
        progress->mode = PROGRESS_BAR;
}

static void draw_bar(const struct progress *progress)
{
    char text[METER_TEXT];
    meter_text(&progress->meter, terminal_width(stderr), text);
    fprintf(stderr, "\r\033[K%s", text);
}

static void print_line(const struct progress *progress)
{
    const struct ql_progress *now = &progress->meter.last;
    const char *name = meter_phase_name(&progress->meter);
    if (now->phase == QL_PHASE_VERIFYING)
        fprintf(stderr, "%s: the board reads back\n", name);
    else if (ql_phase_is_waiting(now->phase))
        fprintf(stderr, "%s for the board, up to %u s\n", name,
                (unsigned)((now->total + 999) / 1000));
    else
        fprintf(stderr, "%s: %u %%\n", name, ql_progress_percent(now) / 10 * 10);
}

static void show_line(struct progress *progress, bool begins)
{
    const struct ql_progress *now = &progress->meter.last;
    const unsigned percent = ql_progress_percent(now);
    const bool step =
        !ql_phase_is_waiting(now->phase) && percent / 10 > progress->percent_shown / 10;
    if (begins || step)
        print_line(progress);
    if (begins || percent > progress->percent_shown)
        progress->percent_shown = percent;
}

void progress_show(struct progress *progress, const struct ql_progress *now)
{
    const struct ql_clock clock = ql_clock_system();
    struct meter *meter = &progress->meter;
    // A short wait is not worth a word.
    if (progress->mode == PROGRESS_NONE ||
        (ql_phase_is_waiting(now->phase) && now->total < SHORT_WAIT_MS))
        return;
    if (meter->active && meter->phase != now->phase)
        progress_finish(progress);
    const bool begins = meter_take(meter, now);
    if (progress->mode == PROGRESS_LINES) {
        show_line(progress, begins);
        return;
    }
    const uint64_t now_ns = ql_clock_now(&clock);
    if (!begins && ql_progress_percent(now) < 100 && now_ns < progress->drawn_ns + DRAW_NS)
        return;
    progress->drawn_ns = now_ns;
    draw_bar(progress);
    fflush(stderr);
}

void progress_finish(struct progress *progress)
{
    if (progress->meter.active && progress->mode == PROGRESS_BAR) {
        draw_bar(progress);
        // The time spent waiting is of no interest afterwards.
        fputs(ql_phase_is_waiting(progress->meter.phase) ? "\r\033[K" : "\n", stderr);
        fflush(stderr);
    }
    progress->meter.active = false;
}
