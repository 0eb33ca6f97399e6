// Connecting to the board that is meant, waiting for it, and finding it again.
//
// SPDX-License-Identifier: MIT
#include "host/connection.h"

#include "host/discovery.h"
#include "host/touch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RETRY_NS      (100 * QL_NS_PER_MS) // looking for boards takes its time, too
#define RETRY_PORT_NS (20 * QL_NS_PER_MS)  // trying a port that was named costs nothing
// udev gives a new port its permissions a moment after the port appears.
#define PERMISSION_NS      (3 * QL_NS_PER_S)
#define RECONNECT_LIMIT_NS (10 * QL_NS_PER_S)

static int fail_hung_up(const struct ql_link *link, const char *port, struct ql_failure *failure)
{
    const struct ql_transport *transport = &link->transport;
    if (transport->explain != NULL && transport->explain(transport->context) == -QL_PORT_BUSY) {
        ql_fail(failure, QL_PORT_BUSY, "the port %s is used by another program", port);
        ql_hint(failure, "close the other quadlane or terminal that is connected to it");
        return -QL_PORT_BUSY;
    }
    ql_fail(failure, QL_NO_BOARD,
            "no bootloader is there behind %s now (its program runs, or the "
            "cable is out)",
            port);
    ql_hint(failure, "reset the board with its button held, so that it stays in the bootloader; "
                     "--wait 30 waits for it");
    return -QL_NO_BOARD;
}

// What else is known about an attempt to reach a board.
struct attempt {
    bool reached; // the line could be opened
    bool final;   // trying again makes no sense
};

// Opens a port and says HELLO.
static int open_port(struct ql_connection *connection, const char *port, uint64_t wait_ns,
                     struct ql_board *board, struct attempt *attempt, struct ql_failure *failure)
{
    struct ql_transport transport;
    *attempt = (struct attempt){0};
    int result = ql_transport_open(&transport, port, failure);
    if (result != 0)
        return result;
    attempt->reached = true;
    struct ql_link *link = &connection->link;
    ql_link_init(link, &transport, connection->observer);
    if (transport.revive != NULL && transport.revive(transport.context, wait_ns) != 0) {
        ql_fail(failure, QL_NO_BOARD, "no bootloader came up behind %s", port);
        ql_hint(failure, "wait longer (--wait 5), or keep the board in its bootloader");
        attempt->final = true;
        result = -QL_NO_BOARD;
    } else {
        result = ql_board_hello(link, board, failure);
    }
    if (result == 0)
        ql_note(connection->observer, "%s: HELLO of %s, session %08X, window %u bytes", port,
                board->serial, board->session, board->window);
    if (result == -QL_BOARD_LOST && link->bytes_received == 0)
        result = fail_hung_up(link, port, failure);
    if (result == -QL_BOARD_NONSENSE || result == -QL_BOARD_SILENT) {
        char sentence[sizeof failure->sentence];
        snprintf(sentence, sizeof sentence, "%s", failure->sentence);
        snprintf(failure->sentence, sizeof failure->sentence, "%.120s: %.200s", port, sentence);
        if (strchr(port, ':') == NULL)
            ql_hint(
                failure,
                "is it the right port? If a program of yours runs there: --touch %.80s asks it "
                "for the bootloader, if it listens to the 1200-baud touch; else reset the board "
                "with its button held. `quadlane list` shows the boards that are there",
                port);
    }
    if (result != 0)
        ql_link_close(link);
    return result;
}

static bool serial_matches(const char *wanted, const char *serial)
{
    return wanted == NULL || strcasecmp(wanted, serial) == 0;
}

// Collects what is there. `connection` keeps the line to the first virtual board that answered.
struct search {
    struct ql_connection *connection;
    const char *serial;
    const struct ql_touch *touch;
    struct ql_found found[QL_FOUND_MAX];
    size_t count;  // candidates, at the front of found
    size_t opened; // index of the one whose line is open, or QL_FOUND_MAX
    struct ql_board board;
    int problem; // the code of a virtual board that could not be used
    struct ql_failure failure;
};

static enum ql_found_state state_of(int result)
{
    switch (-result) {
    case QL_OK:
        return QL_FOUND_READY;
    case QL_PORT_BUSY:
        return QL_FOUND_BUSY;
    case QL_NO_BOARD:
    case QL_BOARD_LOST:
        return QL_FOUND_AWAY;
    default:
        return QL_FOUND_SILENT;
    }
}

static void probe_virtual(struct search *search, struct ql_found found)
{
    struct ql_connection *scratch = search->connection;
    struct ql_connection *other = NULL;
    struct ql_board board;
    struct ql_failure failure;
    struct attempt attempt;
    if (search->opened < QL_FOUND_MAX) {
        other = calloc(1, sizeof *other);
        if (other == NULL)
            return;
        other->observer = scratch->observer;
        scratch = other;
    }
    const int result = open_port(scratch, found.port, 0, &board, &attempt, &failure);
    found.state = state_of(result);
    if (result == 0)
        snprintf(found.serial, sizeof found.serial, "%s", board.serial);
    const bool candidate = result == 0 && serial_matches(search->serial, found.serial);
    if (candidate && other == NULL) {
        search->opened = search->count;
        search->board = board;
    } else if (result == 0) {
        ql_link_close(&scratch->link);
    } else if (attempt.reached && (search->problem == 0 || result == -QL_PORT_BUSY)) {
        search->problem = result;
        search->failure = failure;
    }
    if (candidate)
        search->found[search->count++] = found;
    free(other);
}

static int search_boards(struct search *search)
{
    struct ql_found all[QL_FOUND_MAX];
    size_t count = 0;
    ql_discover_usb(all, &count);
    const size_t usb_count = count;
    if (search->touch == NULL) // a virtual board cannot be touched
        ql_discover_virtual(all, &count);
    for (size_t i = 0; i < count; i++) {
        if (search->touch != NULL && !ql_touch_brought(search->touch, &all[i]))
            continue;
        if (i < usb_count)
            ql_note(search->connection->observer, "%s: USB board %s %s", all[i].port, all[i].name,
                    all[i].serial);
        if (i < usb_count && serial_matches(search->serial, all[i].serial))
            search->found[search->count++] = all[i];
        else if (i >= usb_count)
            probe_virtual(search, all[i]);
        if (ql_cancelled(search->connection->observer))
            return -QL_INTERRUPTED;
    }
    return 0;
}

static int fail_none(const struct search *search, struct ql_failure *failure)
{
    if (search->problem != 0 && search->serial == NULL) {
        *failure = search->failure;
        return search->problem;
    }
    if (search->touch != NULL) {
        ql_fail(failure, QL_NO_BOARD, "the touch brought no bootloader");
        ql_hint(failure, "does the program listen to it (ql_touch of the SDK), and is it the right "
                         "port? Else reset the board with its button held, or twice");
        return -QL_NO_BOARD;
    }
    if (search->serial != NULL)
        ql_fail(failure, QL_NO_BOARD, "no board with the serial number %s found", search->serial);
    else
        ql_fail(failure, QL_NO_BOARD, "no board found");
    ql_hint(failure,
            "plug it in by USB and reset it (with its button held it stays in the "
            "bootloader); --wait 30 waits for it; a virtual one starts with quadlane-board");
    return -QL_NO_BOARD;
}

static int fail_several(const struct search *search, struct ql_failure *failure)
{
    char list[300] = "";
    size_t length = 0;
    for (size_t i = 0; i < search->count && i < 4; i++) {
        const struct ql_found *found = &search->found[i];
        const int added = snprintf(list + length, sizeof list - length, "%s%s (%s)",
                                   i > 0 ? ", " : "", found->port, found->serial);
        length += added > 0 ? (size_t)added : 0;
        if (length >= sizeof list)
            break;
    }
    ql_fail(failure, QL_SEVERAL_BOARDS, "%zu boards found: %s", search->count, list);
    ql_hint(failure, "say which one is meant with --serial NUMBER or --port PORT");
    return -QL_SEVERAL_BOARDS;
}

static int connect_found(struct ql_connection *connection, const struct ql_connect_options *options,
                         struct attempt *attempt, struct ql_failure *failure)
{
    struct search *search = calloc(1, sizeof *search);
    if (search == NULL)
        return ql_fail_memory(failure);
    search->connection = connection;
    search->serial = options->serial;
    search->touch = options->touch;
    search->opened = QL_FOUND_MAX;
    int result = search_boards(search);
    if (result != 0)
        ql_fail(failure, QL_INTERRUPTED, "interrupted");
    else if (search->count == 0)
        result = fail_none(search, failure);
    else if (search->count > 1)
        result = fail_several(search, failure);
    if (result != 0 && search->opened < QL_FOUND_MAX)
        ql_link_close(&connection->link);
    if (result == 0) {
        snprintf(connection->port, sizeof connection->port, "%s", search->found[0].port);
        connection->by_serial = !search->found[0].is_virtual;
        if (search->opened < QL_FOUND_MAX)
            connection->board = search->board;
        else
            result =
                open_port(connection, connection->port, 0, &connection->board, attempt, failure);
    }
    free(search);
    return result;
}

static void tell_waiting(const struct ql_connection *connection, enum ql_phase phase,
                         uint64_t waited_ns, uint64_t limit_ns)
{
    const struct ql_progress progress = {.phase = phase,
                                         .done = waited_ns / QL_NS_PER_MS,
                                         .total = limit_ns / QL_NS_PER_MS,
                                         .now_ns = waited_ns};
    ql_observe(connection->observer, &progress);
}

static bool may_change(int result)
{
    return result == -QL_NO_BOARD || result == -QL_PORT_BUSY || result == -QL_PORT_PERMISSION ||
           result == -QL_BOARD_LOST || result == -QL_BOARD_SILENT;
}

static int reconnect(struct ql_connection *connection, struct ql_failure *failure);

// A USB port that the user named: after a replug it may have another name.
static void note_usb(struct ql_connection *connection)
{
    struct ql_found found[QL_FOUND_MAX];
    size_t count = 0;
    if (strchr(connection->port, ':') != NULL)
        return;
    ql_discover_usb(found, &count);
    for (size_t i = 0; i < count; i++) {
        if (serial_matches(connection->board.serial, found[i].serial))
            connection->by_serial = true;
    }
}

static int connect_once(struct ql_connection *connection, const struct ql_connect_options *options,
                        struct attempt *attempt, struct ql_failure *failure)
{
    if (options->port == NULL)
        return connect_found(connection, options, attempt, failure);
    const int result = open_port(connection, connection->port, options->wait_ns, &connection->board,
                                 attempt, failure);
    if (result == 0)
        note_usb(connection);
    return result;
}

int ql_connect(struct ql_connection *connection, const struct ql_connect_options *options,
               struct ql_failure *failure)
{
    const struct ql_clock clock = ql_clock_system();
    const uint64_t start_ns = ql_clock_now(&clock);
    memset(connection, 0, sizeof *connection);
    connection->observer = options->observer;
    connection->reconnect = reconnect;
    if (options->port != NULL)
        snprintf(connection->port, sizeof connection->port, "%s", options->port);
    uint64_t refused_ns = 0;
    int refused = 0;
    for (;;) {
        struct attempt attempt = {0};
        const int result = connect_once(connection, options, &attempt, failure);
        const uint64_t waited_ns = ql_clock_now(&clock) - start_ns;
        if (result == 0 || attempt.final || !may_change(result) || waited_ns >= options->wait_ns)
            return result;
        if (refused != result)
            ql_note(options->observer, "%s; trying again for up to %.1f s", failure->sentence,
                    (double)options->wait_ns / 1e9);
        refused = result;
        const uint64_t retry_ns = options->port != NULL ? RETRY_PORT_NS : RETRY_NS;
        refused_ns += result == -QL_PORT_PERMISSION ? retry_ns : 0;
        if (refused_ns > PERMISSION_NS)
            return result;
        if (ql_cancelled(options->observer))
            return ql_fail(failure, QL_INTERRUPTED, "interrupted while waiting for a board");
        tell_waiting(connection, QL_PHASE_WAITING, waited_ns, options->wait_ns);
        ql_clock_sleep(&clock, retry_ns);
    }
}

void ql_disconnect(struct ql_connection *connection)
{
    const struct ql_link *link = &connection->link;
    ql_note(connection->observer,
            "the line: %llu frames and %llu bytes came, %llu damaged, %llu requests sent again",
            (unsigned long long)link->frames_received, (unsigned long long)link->bytes_received,
            (unsigned long long)link->frames_damaged, (unsigned long long)link->repetitions);
    ql_link_close(&connection->link);
}

// Where the board is now: USB boards may come back under another name. Should two have the same
// serial number, it is the one whose port has kept its name.
static bool find_again(struct ql_connection *connection)
{
    struct ql_found found[QL_FOUND_MAX];
    const struct ql_found *other = NULL;
    size_t count = 0;
    if (!connection->by_serial)
        return true;
    ql_discover_usb(found, &count);
    for (size_t i = 0; i < count; i++) {
        if (!serial_matches(connection->board.serial, found[i].serial))
            continue;
        if (other == NULL || strcmp(connection->port, found[i].port) == 0)
            other = &found[i];
    }
    if (other != NULL)
        snprintf(connection->port, sizeof connection->port, "%s", other->port);
    return other != NULL;
}

static int revive(struct ql_connection *connection, struct ql_board *board,
                  struct ql_failure *failure)
{
    const struct ql_transport transport = connection->link.transport;
    const int result = transport.revive(transport.context, RECONNECT_LIMIT_NS);
    if (result != 0)
        return ql_fail(failure, QL_BOARD_LOST, "the board went away and did not come back");
    ql_link_init(&connection->link, &transport, connection->observer);
    return ql_board_hello(&connection->link, board, failure);
}

static int reopen(struct ql_connection *connection, struct ql_board *board,
                  struct ql_failure *failure)
{
    const struct ql_clock clock = ql_clock_system();
    const uint64_t start_ns = ql_clock_now(&clock);
    ql_link_close(&connection->link);
    for (;;) {
        struct attempt attempt;
        int result = -QL_NO_BOARD;
        if (find_again(connection))
            result = open_port(connection, connection->port, 0, board, &attempt, failure);
        if (result == 0)
            return 0;
        const uint64_t waited_ns = ql_clock_now(&clock) - start_ns;
        if (ql_cancelled(connection->observer))
            return ql_fail(failure, QL_INTERRUPTED, "interrupted while the board was away");
        if (waited_ns >= RECONNECT_LIMIT_NS)
            return ql_fail(failure, QL_BOARD_LOST,
                           "the board went away and did not come back within %u s",
                           (unsigned)(RECONNECT_LIMIT_NS / QL_NS_PER_S));
        tell_waiting(connection, QL_PHASE_RECONNECTING, waited_ns, RECONNECT_LIMIT_NS);
        ql_clock_sleep(&clock, RETRY_NS);
    }
}

static int reconnect(struct ql_connection *connection, struct ql_failure *failure)
{
    struct ql_board board;
    const int result = connection->link.transport.revive != NULL
                           ? revive(connection, &board, failure)
                           : reopen(connection, &board, failure);
    if (result != 0)
        return result;
    if (strcmp(board.serial, connection->board.serial) != 0)
        return ql_fail(failure, QL_BOARD_LOST,
                       "the board went away, and another one (%s) is there now", board.serial);
    connection->board.session = board.session;
    connection->board.window = board.window;
    connection->board.payload_max = board.payload_max;
    connection->board.capabilities = board.capabilities;
    if (!ql_board_is_locked(&board) || !connection->has_key)
        return 0;
    return ql_board_unlock(&connection->link, &connection->board, &connection->key, true, failure);
}

bool ql_found_ask(struct ql_found *found, const struct ql_observer *observer)
{
    struct ql_connection *connection = calloc(1, sizeof *connection);
    struct ql_board board;
    struct ql_failure ignored;
    struct attempt attempt;
    if (connection == NULL)
        return false;
    connection->observer = observer;
    const int result = open_port(connection, found->port, 0, &board, &attempt, &ignored);
    found->state = state_of(result);
    if (result == 0) {
        snprintf(found->serial, sizeof found->serial, "%s", board.serial);
        ql_link_close(&connection->link);
    }
    free(connection);
    // Else it is left over from a board that ended.
    return attempt.reached || result != -QL_NO_BOARD;
}

void ql_list(struct ql_found *found, size_t *count)
{
    *count = 0;
    ql_discover_usb(found, count);
    size_t kept = *count;
    ql_discover_virtual(found, count);
    for (size_t i = kept; i < *count; i++) {
        if (ql_found_ask(&found[i], NULL))
            found[kept++] = found[i];
    }
    *count = kept;
}
