// Several boards at once, for people: a line each while it goes on, a table at the end.
//
// SPDX-License-Identifier: MIT
#include "host/cli/several.h"

#include "host/cli/terminal.h"
#include "host/clock.h"

#include <string.h>

#define DRAW_NS       (80 * QL_NS_PER_MS)
#define LABEL_WIDTH   24
#define LABEL_MIN     6
#define SENTENCE_SIZE 400

static bool is_ok(const struct several_board *board)
{
    return json_is_true(json_object_get(board->outcome, "ok"));
}

static const char *text_of(const json_t *object, const char *member, const char *key)
{
    const char *text = json_string_value(json_object_get(json_object_get(object, member), key));
    return text != NULL ? text : "";
}

// The serial number, or the port while nothing else is known.
static const char *label_of(const struct several_board *board)
{
    const char *told = text_of(board->outcome, "board", "serial");
    if (told[0] != '\0')
        return told;
    return board->serial[0] != '\0' ? board->serial : board->port;
}

// More lines than the screen has rows cannot be drawn over.
static enum progress_mode mode_of(const struct several *several)
{
    const bool fits = (int)several->count < terminal_height(stderr);
    return several->mode == PROGRESS_BAR && !fits ? PROGRESS_LINES : several->mode;
}

// Where nothing can be drawn over: a line for each phase that begins, and for the end.
void several_tell(const struct several *several, const struct several_board *board)
{
    if (mode_of(several) != PROGRESS_LINES)
        return;
    if (board->outcome != NULL)
        fprintf(stderr, "%s: %s\n", label_of(board),
                is_ok(board) ? "ok" : text_of(board->outcome, "error", "code"));
    else if (!ql_phase_is_waiting(board->meter.phase))
        fprintf(stderr, "%s: %s\n", label_of(board), meter_phase_name(&board->meter));
}

static void line_of(const struct several_board *board, int width, char text[METER_TEXT])
{
    if (board->outcome != NULL)
        snprintf(text, METER_TEXT, "%s",
                 is_ok(board) ? "ok" : text_of(board->outcome, "error", "message"));
    else if (board->meter.active)
        meter_text(&board->meter, width, text);
    else
        snprintf(text, METER_TEXT, "%s", board->process > 0 ? "connecting" : "not found yet");
    if (width < METER_TEXT)
        text[width > 0 ? width : 0] = '\0';
}

static void draw_line(const struct several_board *board, int width)
{
    char text[METER_TEXT];
    // The end of a serial number or port tells boards apart better than its beginning.
    const char *label = label_of(board);
    const int length = (int)strlen(label);
    int room = width / 3 < LABEL_WIDTH ? width / 3 : LABEL_WIDTH;
    room = room < LABEL_MIN ? 0 : room;
    label += length > room ? length - room : 0;
    const int used = room > 0 ? room + 2 : 0;
    line_of(board, width - used, text);
    fprintf(stderr, "\r\033[K%-*s%s%s\n", room, label, room > 0 ? "  " : "", text);
}

void several_show(struct several *several)
{
    const struct ql_clock clock = ql_clock_system();
    const uint64_t now_ns = ql_clock_now(&clock);
    const int width = terminal_width(stderr);
    bool over = true;
    for (size_t i = 0; i < several->count; i++)
        over = over && several->boards[i].outcome != NULL;
    if (mode_of(several) != PROGRESS_BAR || (!over && now_ns < several->drawn_ns + DRAW_NS))
        return;
    // Lines that were drawn at another width may have been broken up.
    if (several->lines_drawn > 0 && several->width_drawn == width)
        fprintf(stderr, "\033[%dA", several->lines_drawn);
    for (size_t i = 0; i < several->count; i++)
        draw_line(&several->boards[i], width);
    several->lines_drawn = (int)several->count;
    several->width_drawn = width;
    several->drawn_ns = now_ns;
    fflush(stderr);
}

static void result_of(const struct several_board *board, char text[SENTENCE_SIZE])
{
    const json_t *outcome = board->outcome;
    if (!is_ok(board)) {
        snprintf(text, SENTENCE_SIZE, "%s", text_of(outcome, "error", "code"));
        return;
    }
    const json_t *written = json_object_get(outcome, "bytes_written");
    if (written == NULL)
        snprintf(text, SENTENCE_SIZE, "ok");
    else if (json_integer_value(written) == 0)
        snprintf(text, SENTENCE_SIZE, "ok, held it already");
    else
        snprintf(text, SENTENCE_SIZE, "ok, %s written",
                 cli_size((uint64_t)json_integer_value(written)));
}

void several_table(struct several *several)
{
    const struct cli *cli = several->cli;
    char sentence[SENTENCE_SIZE];
    cli_say(cli, "%-24s  %-24s  %-8s  %s\n", "serial number", "result", "time", "board id");
    for (size_t i = 0; i < several->count; i++) {
        const struct several_board *board = &several->boards[i];
        const char *id = text_of(board->outcome, "board", "id");
        const json_t *seconds = json_object_get(board->outcome, "seconds");
        char time[24] = "-";
        if (seconds != NULL)
            snprintf(time, sizeof time, "%.1f s", json_real_value(seconds));
        result_of(board, sentence);
        cli_say(cli, "%-24s  %s%-24s%s  %-8s  %s\n", label_of(board),
                terminal_color(stdout, is_ok(board) ? COLOR_GOOD : COLOR_BAD), sentence,
                terminal_color(stdout, COLOR_NONE), time, id[0] != '\0' ? id : "-");
    }
    // Why, below: sentences do not fit into a table.
    for (size_t i = 0; i < several->count; i++) {
        const struct several_board *board = &several->boards[i];
        const char *hint = text_of(board->outcome, "error", "hint");
        if (is_ok(board) || cli_has(cli, CLI_JSON))
            continue;
        fflush(stdout);
        fprintf(stderr, "%s: %s\n", label_of(board), text_of(board->outcome, "error", "message"));
        if (hint[0] != '\0')
            fprintf(stderr, "  help: %s\n", hint);
    }
}
