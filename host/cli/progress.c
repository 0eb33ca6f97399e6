// Progress for people: a bar on a terminal, lines elsewhere; both on stderr.
//
// SPDX-License-Identifier: MIT
#include "host/cli/progress.h"

#include "host/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DRAW_NS       (80 * QL_NS_PER_MS)
#define WIDTH_MAX     100
#define NAME_WIDTH    10
#define FIGURES       30 // columns for percent, rate and time left
#define SHORT_WAIT_MS 1500
#define BAR_MIN       8
#define TRUST_US      300000 // measured times count from here on

static const char *const phase_names[QL_PHASES] = {
    [QL_PHASE_WAITING] = "waiting",     [QL_PHASE_RECONNECTING] = "waiting",
    [QL_PHASE_COMPARING] = "comparing", [QL_PHASE_WRITING] = "writing",
    [QL_PHASE_VERIFYING] = "verifying", [QL_PHASE_READING] = "reading",
    [QL_PHASE_LOADING] = "loading",
};

void progress_init(struct progress *progress, bool quiet)
{
    *progress = (struct progress){.mode = PROGRESS_LINES};
    const char *terminal = getenv("TERM");
    if (quiet)
        progress->mode = PROGRESS_NONE;
    else if (isatty(STDERR_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0)
        progress->mode = PROGRESS_BAR;
}

static bool is_waiting(enum ql_phase phase)
{
    return phase == QL_PHASE_WAITING || phase == QL_PHASE_RECONNECTING;
}

static unsigned percent_of(const struct ql_progress *now)
{
    const uint64_t done = now->total_us > 0 ? now->done_us : now->done;
    const uint64_t total = now->total_us > 0 ? now->total_us : now->total;
    if (total == 0)
        return 0;
    return done >= total ? 100 : (unsigned)(done * 100 / total);
}

// Bytes a second since the phase began; 0 when it is too early to say.
static uint64_t rate_of(const struct progress *progress)
{
    const uint64_t elapsed_ns = progress->last.now_ns - progress->phase_start_ns;
    const uint64_t bytes = progress->last.done - progress->phase_start_bytes;
    if (elapsed_ns < 50 * QL_NS_PER_MS || bytes == 0)
        return 0;
    return (uint64_t)((double)bytes * 1e9 / (double)elapsed_ns);
}

// By the chip's typical times for what is left, stretched by how they have held so far; negative
// when it is too early to say.
static double seconds_left(const struct progress *progress)
{
    const struct ql_progress *now = &progress->last;
    const double elapsed_us = (double)(now->now_ns - progress->phase_start_ns) / 1000;
    if (now->total_us == 0) {
        const uint64_t rate = rate_of(progress);
        return rate > 0 ? (double)(now->total - now->done) / (double)rate : -1;
    }
    const double done_us = (double)(now->done_us - progress->phase_start_us);
    const double stretch = done_us > TRUST_US ? elapsed_us / done_us : 1;
    return (double)(now->total_us - now->done_us) * stretch / 1e6;
}

static int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

static void format_figures(const struct progress *progress, char *text, size_t size)
{
    char rate[24] = "";
    char left[24] = "";
    const uint64_t bytes_per_s = rate_of(progress);
    if (bytes_per_s > 0)
        snprintf(rate, sizeof rate, "%llu KiB/s", (unsigned long long)(bytes_per_s / 1024));
    const double seconds = seconds_left(progress);
    if (seconds >= 60)
        snprintf(left, sizeof left, "%d:%02d left", (int)seconds / 60, (int)seconds % 60);
    else if (seconds >= 0 && percent_of(&progress->last) < 100)
        snprintf(left, sizeof left, "%d s left", (int)(seconds + 0.9));
    snprintf(text, size, "%3u %% %12s %11s", percent_of(&progress->last), rate, left);
}

static void draw_bar(const struct progress *progress)
{
    const struct ql_progress *now = &progress->last;
    const int width = terminal_width() - 1;
    char figures[80];
    char bar[WIDTH_MAX + 1] = "";
    const char *name = phase_names[now->phase];
    if (is_waiting(now->phase)) {
        const unsigned left = (unsigned)((now->total - now->done) / 1000) + 1;
        fprintf(stderr, "\r\033[K%.*s", width, "");
        fprintf(stderr, "%s for the board, %u s more", name, left);
        return;
    }
    if (now->total == 0 && now->total_us == 0)
        snprintf(figures, sizeof figures, "...");
    else if (now->phase == QL_PHASE_VERIFYING)
        snprintf(figures, sizeof figures, "the board reads back");
    else
        format_figures(progress, figures, sizeof figures);
    const int room = width - NAME_WIDTH - FIGURES - 4;
    if (room >= BAR_MIN && now->phase != QL_PHASE_VERIFYING) {
        const int filled = room * (int)percent_of(now) / 100;
        memset(bar, '#', (size_t)filled);
        memset(bar + filled, '.', (size_t)(room - filled));
        bar[room] = '\0';
        fprintf(stderr, "\r\033[K%-*s [%s] %s", NAME_WIDTH, name, bar, figures);
    } else {
        char line[160];
        snprintf(line, sizeof line, "%-*s %s", NAME_WIDTH, name, figures);
        fprintf(stderr, "\r\033[K%.*s", width, line);
    }
}

static void print_line(const struct progress *progress)
{
    const struct ql_progress *now = &progress->last;
    if (now->phase == QL_PHASE_VERIFYING)
        fprintf(stderr, "%s: the board reads back\n", phase_names[now->phase]);
    else if (is_waiting(now->phase))
        fprintf(stderr, "%s for the board, up to %u s\n", phase_names[now->phase],
                (unsigned)((now->total + 999) / 1000));
    else
        fprintf(stderr, "%s: %u %%\n", phase_names[now->phase], percent_of(now) / 10 * 10);
}

static void begin_phase(struct progress *progress, const struct ql_progress *now)
{
    progress_finish(progress);
    progress->active = true;
    progress->phase = now->phase;
    progress->phase_start_ns = now->now_ns;
    progress->phase_start_bytes = now->done;
    progress->phase_start_us = now->done_us;
    progress->percent_shown = percent_of(now);
    progress->drawn_ns = 0;
}

void progress_show(struct progress *progress, const struct ql_progress *now)
{
    const struct ql_clock clock = ql_clock_system();
    const bool changed = !progress->active || progress->phase != now->phase;
    // A short wait is not worth a word.
    if (progress->mode == PROGRESS_NONE || (is_waiting(now->phase) && now->total < SHORT_WAIT_MS))
        return;
    if (changed)
        begin_phase(progress, now);
    progress->last = *now;
    const unsigned percent = percent_of(now);
    if (progress->mode == PROGRESS_LINES) {
        const bool step = !is_waiting(now->phase) && percent / 10 > progress->percent_shown / 10;
        if (changed || step)
            print_line(progress);
        progress->percent_shown =
            percent > progress->percent_shown ? percent : progress->percent_shown;
        return;
    }
    const uint64_t now_ns = ql_clock_now(&clock);
    if (!changed && percent < 100 && now_ns < progress->drawn_ns + DRAW_NS)
        return;
    progress->drawn_ns = now_ns;
    draw_bar(progress);
    fflush(stderr);
}

void progress_finish(struct progress *progress)
{
    if (progress->active && progress->mode == PROGRESS_BAR) {
        draw_bar(progress);
        // The time spent waiting is of no interest afterwards.
        fputs(is_waiting(progress->phase) ? "\r\033[K" : "\n", stderr);
        fflush(stderr);
    }
    progress->active = false;
}
