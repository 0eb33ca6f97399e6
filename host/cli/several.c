// Several boards at once: finding them, and waiting for all of their processes.
//
// Virtual boards that answer, and USB boards, are each asked once; whatever happens to one of them,
// the others go on.
//
// SPDX-License-Identifier: MIT
#include "host/cli/several.h"

#include "host/discovery.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

#define LOOK_NS (100 * QL_NS_PER_MS) // between two looks for boards
#define POLL_MS 50

static struct several_board *add(struct several *several, const char *port, const char *serial)
{
    if (several->count == QL_FOUND_MAX)
        return NULL;
    struct several_board *board = &several->boards[several->count++];
    snprintf(board->port, sizeof board->port, "%s", port);
    snprintf(board->serial, sizeof board->serial, "%s", serial);
    return board;
}

static bool is_known(const struct several *several, const char *port)
{
    for (size_t i = 0; i < several->count; i++) {
        if (strcmp(several->boards[i].port, port) == 0)
            return true;
    }
    return false;
}

static struct several_board *by_serial(struct several *several, const char *serial, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(several->boards[i].serial, serial) == 0)
            return &several->boards[i];
    }
    return NULL;
}

// Those that the user has named, each once.
static void add_named(struct several *several)
{
    const struct cli_boards *named = &several->cli->boards;
    for (size_t i = 0; i < named->port_count; i++) {
        if (!is_known(several, named->ports[i]))
            add(several, named->ports[i], "");
    }
    for (size_t i = 0; i < named->serial_count; i++) {
        if (by_serial(several, named->serials[i], several->count) == NULL)
            add(several, "", named->serials[i]);
    }
}

// A board was found. `before`: how many were known before this look; of one that was taken by then
// this may be the return under another name.
static int take(struct several *several, const struct ql_found *found, size_t before)
{
    struct several_board *board = by_serial(several, found->serial, before);
    if (!cli_has(several->cli, CLI_ALL)) {
        if (board == NULL || board->outcome != NULL)
            return 0;
        if (board->port[0] == '\0') {
            memcpy(board->port, found->port, sizeof board->port);
            return 0;
        }
        if (board->process > 0)
            return 0;
        struct ql_failure failure;
        ql_fail(&failure, QL_SEVERAL_BOARDS,
                "two boards have the serial number %s: %.90s and %.90s", board->serial, board->port,
                found->port);
        ql_hint(&failure, "name their ports: --port PORT --port PORT");
        several_fail(board, &failure);
        return 0;
    }
    if (found->serial[0] != '\0' && board != NULL)
        return 0;
    return add(several, found->port, found->serial) != NULL ? 0 : -QL_SEVERAL_BOARDS;
}

static int start_found(struct several *several)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < several->count; i++) {
        struct several_board *board = &several->boards[i];
        if (board->process == 0 && board->outcome == NULL && board->port[0] != '\0')
            result = several_start(several, board);
    }
    return result;
}

// Real boards by what USB tells of them, virtual ones by asking.
static int look(struct several *several)
{
    struct ql_found found[QL_FOUND_MAX];
    const size_t before = several->count;
    size_t count = 0;
    int result = 0;
    ql_discover_usb(found, &count);
    ql_discover_virtual(found, &count);
    for (size_t i = 0; result == 0 && i < count && !cli_was_interrupted(); i++) {
        if (is_known(several, found[i].port) ||
            (found[i].is_virtual && !ql_found_ask(&found[i], &several->cli->observer)))
            continue;
        // A virtual board whose program runs is like a real one that is not on USB.
        if (found[i].state != QL_FOUND_AWAY)
            result = take(several, &found[i], before);
    }
    return result;
}

// Is there somebody who has not been found?
static bool is_incomplete(const struct several *several)
{
    if (cli_has(several->cli, CLI_ALL))
        return several->count == 0 || cli_was_given(several->cli, CLI_WAIT);
    for (size_t i = 0; i < several->count; i++) {
        if (several->boards[i].port[0] == '\0' && several->boards[i].outcome == NULL)
            return true;
    }
    return false;
}

// Waits a moment for messages. Returns whether a process runs.
static bool attend(struct several *several)
{
    struct pollfd pipes[QL_FOUND_MAX];
    struct several_board *boards[QL_FOUND_MAX];
    nfds_t count = 0;
    for (size_t i = 0; i < several->count; i++) {
        if (several->boards[i].process > 0) {
            boards[count] = &several->boards[i];
            pipes[count++] = (struct pollfd){.fd = several->boards[i].pipe, .events = POLLIN};
        }
    }
    const int ready = poll(pipes, count, POLL_MS);
    for (nfds_t i = 0; ready > 0 && i < count; i++) {
        if (pipes[i].revents != 0)
            several_receive(several, boards[i]);
    }
    several_show(several);
    return count > 0;
}

static void end_all(const struct several *several)
{
    for (size_t i = 0; i < several->count; i++) {
        if (several->boards[i].process > 0)
            kill(several->boards[i].process, SIGTERM);
    }
}

static int serve_all(struct several *several)
{
    const struct ql_clock clock = ql_clock_system();
    const uint64_t limit_ns = ql_clock_now(&clock) + several->cli->wait_ns;
    uint64_t look_ns = 0;
    bool searching = is_incomplete(several);
    bool ended = false;
    int result = 0;
    do {
        if (searching && ql_clock_now(&clock) >= look_ns) {
            result = look(several);
            look_ns = ql_clock_now(&clock) + LOOK_NS;
        }
        if (result == 0 && !cli_was_interrupted())
            result = start_found(several);
        searching = result == 0 && !cli_was_interrupted() && is_incomplete(several) &&
                    ql_clock_now(&clock) < limit_ns;
        if ((result != 0 || cli_was_interrupted()) && !ended) {
            end_all(several);
            ended = true;
        }
    } while (attend(several) || searching);
    return result;
}

// Boards that nobody has found.
static void close_missing(struct several *several)
{
    for (size_t i = 0; i < several->count; i++) {
        struct several_board *board = &several->boards[i];
        struct ql_failure failure;
        if (board->outcome != NULL)
            continue;
        if (cli_was_interrupted())
            ql_fail(&failure, QL_INTERRUPTED, "interrupted before it was found");
        else
            ql_fail(&failure, QL_NO_BOARD, "no board with the serial number %s found",
                    board->serial);
        several_fail(board, &failure);
    }
}

static int report(struct several *several)
{
    struct cli *cli = several->cli;
    json_t *list = json_array();
    size_t failed = 0;
    several_show(several);
    if (several->count > 0)
        several_table(several);
    for (size_t i = 0; i < several->count; i++) {
        json_t *outcome = several->boards[i].outcome;
        json_object_set_new(outcome, "port", cli_text(several->boards[i].port));
        json_object_set_new(outcome, "serial", cli_text(several->boards[i].serial));
        failed += json_is_true(json_object_get(outcome, "ok")) ? 0 : 1;
        json_array_append_new(list, outcome);
    }
    cli_set(cli, "boards", list);
    cli_set(cli, "failed", json_integer((json_int_t)failed));
    if (cli_was_interrupted())
        return ql_fail(&cli->failure, QL_INTERRUPTED, "interrupted; %zu of %zu boards were done",
                       several->count - failed, several->count);
    if (several->count == 0) {
        ql_fail(&cli->failure, QL_NO_BOARD, "no board found");
        ql_hint(&cli->failure, "`quadlane list` shows the boards that are in their bootloader; "
                               "--wait 30 takes all that come within 30 s");
        return -QL_NO_BOARD;
    }
    if (failed > 0)
        return ql_fail(&cli->failure, QL_SOME_FAILED, "%zu of %zu boards failed", failed,
                       several->count);
    cli_say(cli, "%zu board%s done\n", several->count, several->count == 1 ? "" : "s");
    return 0;
}

static int check_options(struct cli *cli)
{
    const struct cli_boards *named = &cli->boards;
    const bool ports = named->port_count > 0;
    const bool serials = named->serial_count > 0;
    if (cli_has(cli, CLI_ALL) ? ports || serials : ports && serials)
        return ql_fail(&cli->failure, QL_USAGE,
                       "several boards are --all, or serial numbers, or ports; not two of these");
    if (cli_was_given(cli, CLI_TOUCH))
        return ql_fail(&cli->failure, QL_USAGE, "--touch works with one board at a time");
    return 0;
}

bool cli_wants_several(const struct cli *cli)
{
    return cli_has(cli, CLI_ALL) || cli->boards.port_count > 1 || cli->boards.serial_count > 1;
}

int cli_several(struct cli *cli, int (*work)(struct cli *cli, void *context), void *context)
{
    static struct several several; // large
    several =
        (struct several){.cli = cli, .work = work, .context = context, .mode = cli->progress.mode};
    int result = check_options(cli);
    if (result != 0)
        return result;
    cli->progress.mode = PROGRESS_NONE;
    add_named(&several);
    result = serve_all(&several);
    close_missing(&several);
    const int reported = report(&several);
    return result != 0 ? result : reported;
}
