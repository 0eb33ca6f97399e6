// How far one board is, in a line of any width.
//
// SPDX-License-Identifier: MIT
#include "host/cli/progress.h"

#include "host/clock.h"

#include <stdio.h>
#include <string.h>

#define BAR_WIDTH_MAX 46
#define BAR_WIDTH_MIN 8
#define TRUST_US      300000 // measured times count from here on

static const char *const phase_names[QL_PHASES] = {
    [QL_PHASE_WAITING] = "waiting",     [QL_PHASE_RECONNECTING] = "waiting",
    [QL_PHASE_COMPARING] = "comparing", [QL_PHASE_WRITING] = "writing",
    [QL_PHASE_VERIFYING] = "verifying", [QL_PHASE_READING] = "reading",
    [QL_PHASE_LOADING] = "loading",
};

const char *meter_phase_name(const struct meter *meter)
{
    return phase_names[meter->phase];
}

bool meter_take(struct meter *meter, const struct ql_progress *now)
{
    const bool begins = !meter->active || meter->phase != now->phase;
    if (begins)
        *meter = (struct meter){.active = true,
                                .phase = now->phase,
                                .phase_start_ns = now->now_ns,
                                .phase_start_bytes = now->done,
                                .phase_start_us = now->done_us};
    meter->last = *now;
    return begins;
}

// Bytes a second since the phase began; 0 when it is too early to say.
static uint64_t rate_of(const struct meter *meter)
{
    const uint64_t elapsed_ns = meter->last.now_ns - meter->phase_start_ns;
    const uint64_t bytes = meter->last.done - meter->phase_start_bytes;
    if (elapsed_ns < 50 * QL_NS_PER_MS || bytes == 0)
        return 0;
    return (uint64_t)((double)bytes * 1e9 / (double)elapsed_ns);
}

// By the chip's typical times for what is left, stretched by how they have held so far; negative
// when it is too early to say.
static double seconds_left(const struct meter *meter)
{
    const struct ql_progress *now = &meter->last;
    const double elapsed_us = (double)(now->now_ns - meter->phase_start_ns) / 1000;
    if (now->total_us == 0) {
        const uint64_t rate = rate_of(meter);
        return rate > 0 ? (double)(now->total - now->done) / (double)rate : -1;
    }
    const double done_us = (double)(now->done_us - meter->phase_start_us);
    const double stretch = done_us > TRUST_US ? elapsed_us / done_us : 1;
    return (double)(now->total_us - now->done_us) * stretch / 1e6;
}

static void format_left(const struct meter *meter, char *text, size_t size)
{
    const double seconds = seconds_left(meter);
    text[0] = '\0';
    if (seconds >= 60)
        snprintf(text, size, "%d:%02d left", (int)seconds / 60, (int)seconds % 60);
    else if (seconds >= 0 && ql_progress_percent(&meter->last) < 100)
        snprintf(text, size, "%d s left", (int)(seconds + 0.9));
}

static void format_bar(const struct meter *meter, int width, char *text)
{
    const int filled = width * (int)ql_progress_percent(&meter->last) / 100;
    memset(text, '#', (size_t)filled);
    memset(text + filled, '.', (size_t)(width - filled));
    text[width] = '\0';
}

// From the longest to the shortest; the first that fits is shown.
static void format_measured(const struct meter *meter, int width, char text[METER_TEXT])
{
    const char *name = meter_phase_name(meter);
    const unsigned percent = ql_progress_percent(&meter->last);
    const uint64_t bytes_per_s = rate_of(meter);
    char rate[24] = "";
    char left[24];
    char bar[BAR_WIDTH_MAX + 1];
    if (bytes_per_s > 0)
        snprintf(rate, sizeof rate, "%llu KiB/s", (unsigned long long)(bytes_per_s / 1024));
    format_left(meter, left, sizeof left);
    snprintf(text, METER_TEXT, "%-10s %3u %% %12s %11s", name, percent, rate, left);
    const int room = width - (int)strlen(text) - 3;
    if (room >= BAR_WIDTH_MIN) {
        format_bar(meter, room < BAR_WIDTH_MAX ? room : BAR_WIDTH_MAX, bar);
        snprintf(text, METER_TEXT, "%-10s [%s] %3u %% %12s %11s", name, bar, percent, rate, left);
    } else if ((int)strlen(text) > width) {
        snprintf(text, METER_TEXT, "%s %u %% %s", name, percent, left);
        if ((int)strlen(text) > width)
            snprintf(text, METER_TEXT, "%s %u %%", name, percent);
        if ((int)strlen(text) > width)
            snprintf(text, METER_TEXT, "%u %%", percent);
    }
}

void meter_text(const struct meter *meter, int width, char text[METER_TEXT])
{
    const struct ql_progress *now = &meter->last;
    const char *name = meter_phase_name(meter);
    if (ql_phase_is_waiting(now->phase))
        snprintf(text, METER_TEXT, "%s for the board, %u s more", name,
                 (unsigned)((now->total - now->done) / 1000) + 1);
    else if (now->phase == QL_PHASE_VERIFYING)
        snprintf(text, METER_TEXT, "%-10s the board reads back", name);
    else if (now->total == 0 && now->total_us == 0)
        snprintf(text, METER_TEXT, "%-10s ...", name);
    else
        format_measured(meter, width, text);
    if (width < METER_TEXT)
        text[width > 0 ? width : 0] = '\0';
}
