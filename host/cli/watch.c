// quadlane flash --watch: stays, and puts the file into the board whenever that restarts.
//
// A restart is seen by the bootloader being there. What is asked of it is the same as of any
// `quadlane flash`, so an unchanged program costs a tenth of a second and starts again.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include "host/cli/watch_lock.h"
#include "host/discovery.h"
#include "host/watched_file.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_NS (100 * QL_NS_PER_MS) // a start window is open for 700 ms at least
// A board that sits in its bootloader for good shall be reachable for other programs, too.
#define VISIT_NS (500 * QL_NS_PER_MS)
// Whoever asked the board to stay (a debugger's server, `reset --bootloader`) goes first.
#define GRACE_NS (2 * QL_NS_PER_S)
// How long a board that restarted is kept for a file that is being written.
#define HOLD_NS (10 * QL_NS_PER_S)
// udev gives a new port its permissions a moment after the port appears.
#define PERMISSION_NS (3 * QL_NS_PER_S)

struct watch {
    struct cli *cli;
    struct ql_watched_file file;
    struct ql_clock clock;
    enum progress_mode progress_mode;
    struct watch_lock way_lock, board_lock; // nobody else waits this way, or for this board
    char serial[QL_SERIAL_SIZE];            // of the board that is watched; empty before the first
    char port[QL_PORT_SIZE];                // of a virtual one
    // What was done at the board's current start.
    bool met, present;
    uint32_t session;
    uint64_t met_ns;
    unsigned version_tried; // 0: none
    bool released;          // the program in the chip was started instead
    int trouble;            // why the board could not be reached at the last look, once told
    uint64_t trouble_ns;    // since when
    unsigned flashed, failed;
};

static uint64_t now(const struct watch *watch)
{
    return ql_clock_now(&watch->clock);
}

static void tell_file(struct watch *watch)
{
    const struct ql_watched_file *file = &watch->file;
    if (file->state == QL_WATCHED_MISSING)
        cli_say(watch->cli, "%s is not there; waiting for it\n", file->path);
    if (file->state == QL_WATCHED_BAD) {
        cli_print_failure(&file->failure);
        cli_say(watch->cli, "waiting for %s to be built again\n", file->path);
    }
}

// Returns -code for a file that never was a program: that is a mistake in the command.
static int look_at_file(struct watch *watch)
{
    struct ql_watched_file *file = &watch->file;
    const unsigned version = file->version;
    struct timespec today;
    clock_gettime(CLOCK_REALTIME, &today);
    if (!ql_watched_file_look(file, now(watch), &today))
        return 0;
    if (file->state == QL_WATCHED_BAD && version == 0) {
        watch->cli->failure = file->failure;
        return -(int)file->failure.code;
    }
    if (file->version == version) {
        tell_file(watch);
        return 0;
    }
    cli_say(watch->cli, "%s %s: %s for 0x%08X%s\n", file->path, version == 0 ? "read" : "changed",
            cli_size(ql_image_size(&file->image)), file->image.extents[0].address,
            watch->present ? "" : "; it goes in when the board restarts");
    return 0;
}

static void hang_up(struct watch *watch)
{
    if (watch->cli->connected)
        ql_disconnect(&watch->cli->connection);
    watch->cli->connected = false;
}

// A serial port that the user named may be the program's own once the bootloader is gone; nothing
// may be written to that one.
static bool port_is_bootloader(const char *port)
{
    struct ql_found found[QL_FOUND_MAX];
    size_t count = 0;
    if (port == NULL || strchr(port, ':') != NULL)
        return true;
    char *path = realpath(port, NULL); // /dev/serial/by-id/... leads to another name
    ql_discover_usb(found, &count);
    bool ours = false;
    for (size_t i = 0; path != NULL && i < count; i++)
        ours = ours || strcmp(path, found[i].port) == 0;
    free(path);
    return ours;
}

// The board is not there, or cannot be used. Says so if it is news; only -QL_SEVERAL_BOARDS and
// what time does not change ends the watch.
static int take_trouble(struct watch *watch, int result)
{
    hang_up(watch);
    watch->present = false;
    if (result == -QL_NO_BOARD || result == -QL_BOARD_LOST || result == -QL_INTERRUPTED) {
        watch->trouble = 0;
        return 0;
    }
    if (result == -QL_SEVERAL_BOARDS || result == -QL_USAGE)
        return result;
    if (watch->trouble != result) {
        watch->trouble = result;
        watch->trouble_ns = now(watch);
    }
    const uint64_t limit_ns = result == -QL_PORT_PERMISSION ? PERMISSION_NS : 0;
    if (watch->trouble_ns != UINT64_MAX && now(watch) - watch->trouble_ns >= limit_ns) {
        cli_print_failure(&watch->cli->failure);
        watch->trouble_ns = UINT64_MAX; // told
    }
    return 0;
}

// The first board that is met is the one; another that comes later keeps its program.
static int keep_to_board(struct watch *watch)
{
    struct cli *cli = watch->cli;
    const struct ql_connection *connection = &cli->connection;
    if (watch->serial[0] != '\0')
        return 0;
    memcpy(watch->serial, connection->board.serial, sizeof watch->serial);
    cli->serial = watch->serial;
    if (cli->port == NULL && !connection->by_serial) {
        memcpy(watch->port, connection->port, sizeof watch->port);
        cli->port = watch->port;
    }
    return watch_lock_take(&watch->board_lock, "serial", watch->serial, &cli->failure);
}

static int meet(struct watch *watch)
{
    const struct ql_board *board = &watch->cli->connection.board;
    const int result = keep_to_board(watch);
    if (result != 0)
        return result;
    watch->present = true;
    watch->trouble = 0;
    if (watch->met && watch->session == board->session)
        return 0;
    watch->met = true;
    watch->session = board->session;
    watch->met_ns = now(watch);
    watch->version_tried = 0;
    watch->released = false;
    cli_say(watch->cli, "board %s %s is in its bootloader\n", board->name, board->serial);
    return 0;
}

// Starts what is in the chip: the board stayed only because it was spoken to.
static void let_go(struct watch *watch)
{
    struct cli *cli = watch->cli;
    const struct ql_board *board = &cli->connection.board;
    struct ql_failure failure;
    if (watch->released || watch->version_tried != 0 || board->verdict != QL_STATUS_OK ||
        (board->stay_reason != QL_STAY_HOST && board->stay_reason != QL_STAY_NOT))
        return;
    watch->released = true;
    if (cli_has(cli, CLI_NO_BOOT) || ql_board_boot(&cli->connection.link, 0, &failure) != 0)
        return;
    cli_say(cli, "%s is not complete; the program that was there before is started\n",
            watch->file.path);
}

static int flash(struct watch *watch)
{
    struct cli *cli = watch->cli;
    struct ql_watched_file *file = &watch->file;
    watch->version_tried = file->version;
    cli->progress.mode = watch->progress_mode;
    int result = cli_unlock(cli);
    if (result == 0 && cli_may_read(cli))
        result = ql_board_check_chip(&cli->connection.board, &cli->failure);
    if (result == 0)
        result = cli_flash_write(cli, &file->image, &file->options);
    const bool written = result == 0;
    // A newer one goes in first: the board stays for it.
    if (written && !ql_watched_file_touched(file))
        result = cli_flash_start(cli, &file->image);
    progress_finish(&cli->progress);
    cli->progress.mode = PROGRESS_NONE;
    if (result == -QL_INTERRUPTED)
        return result;
    watch->flashed += result == 0 ? 1 : 0;
    if (result == 0)
        return 0;
    watch->failed++;
    cli_print_failure(&cli->failure);
    if (result == -QL_BOARD_LOST || result == -QL_BOARD_SILENT)
        watch->met = false; // the same start may be seen again
    return 0;
}

// The board is connected and INFO is read. Returns 0 or what ends the watch.
static int attend(struct watch *watch)
{
    const struct ql_board *board = &watch->cli->connection.board;
    const enum ql_watched_state state = watch->file.state;
    const uint64_t age_ns = now(watch) - watch->met_ns;
    if (board->stay_reason == QL_STAY_REQUESTED && age_ns < GRACE_NS)
        return 0;
    if (state == QL_WATCHED_READY)
        return watch->version_tried != watch->file.version ? flash(watch) : 0;
    if (state != QL_WATCHED_SETTLING || age_ns >= HOLD_NS)
        let_go(watch);
    return 0;
}

// One look at the board. Returns 0 or what ends the watch; *pause_ns is how long to wait then.
static int look_at_board(struct watch *watch, uint64_t *pause_ns)
{
    struct cli *cli = watch->cli;
    const enum ql_watched_state state = watch->file.state;
    *pause_ns = LOOK_NS;
    // Speaking to a board keeps it in its bootloader; without a file there is no reason to.
    if (state != QL_WATCHED_READY && state != QL_WATCHED_SETTLING && !watch->present)
        return 0;
    if (!port_is_bootloader(cli->port))
        return take_trouble(watch, -QL_NO_BOARD);
    int result = cli_reach(cli);
    if (result != 0)
        return take_trouble(watch, result);
    result = meet(watch);
    if (result == 0)
        result = attend(watch);
    hang_up(watch);
    *pause_ns = watch->version_tried == watch->file.version ? VISIT_NS : LOOK_NS;
    return result;
}

static int run(struct watch *watch)
{
    for (;;) {
        uint64_t pause_ns = LOOK_NS;
        int result = look_at_file(watch);
        if (result == 0 && !cli_was_interrupted())
            result = look_at_board(watch, &pause_ns);
        if (result != 0)
            return result;
        // A signal ends the sleep early.
        if (!cli_was_interrupted())
            ql_clock_sleep(&watch->clock, pause_ns);
        if (cli_was_interrupted() || ferror(stdout)) {
            cli_say(watch->cli, "ended\n");
            return 0;
        }
    }
}

static int check_options(struct cli *cli)
{
    if (cli_was_given(cli, CLI_WAIT))
        return ql_fail(&cli->failure, QL_USAGE, "--watch waits without end; leave out --wait");
    if (cli_wants_several(cli))
        return ql_fail(&cli->failure, QL_USAGE, "--watch watches one board");
    if (cli->port != NULL && strncmp(cli->port, "lockstep:", 9) == 0)
        return ql_fail(&cli->failure, QL_USAGE,
                       "--watch needs a board whose time goes on by itself, not %s", cli->port);
    return 0;
}

int cli_watch(struct cli *cli, const uint32_t *address, const struct ql_flash_options *options)
{
    static struct watch watch;
    watch = (struct watch){.cli = cli,
                           .file = {.path = options->name, .address = address, .options = *options},
                           .clock = ql_clock_system(),
                           .way_lock = WATCH_LOCK_NONE,
                           .board_lock = WATCH_LOCK_NONE};
    int result = check_options(cli);
    if (result != 0)
        return result;
    // Whoever reads the output of a program in the background wants each line at once, and no bar.
    setvbuf(stdout, NULL, _IOLBF, 0);
    watch.progress_mode = cli->progress.mode == PROGRESS_BAR ? PROGRESS_BAR : PROGRESS_NONE;
    cli->progress.mode = PROGRESS_NONE;
    cli->wait_ns = 0;
    result = watch_lock_take(&watch.way_lock, cli->serial != NULL ? "serial" : "port",
                             cli->serial != NULL ? cli->serial
                             : cli->port != NULL ? cli->port
                                                 : "any",
                             &cli->failure);
    if (result == 0) {
        cli_say(cli, "waiting for the board to restart; Ctrl-C ends\n");
        result = run(&watch);
    }
    hang_up(&watch);
    cli_set(cli, "flashed", json_integer(watch.flashed));
    cli_set(cli, "failed", json_integer(watch.failed));
    ql_watched_file_free(&watch.file);
    watch_lock_drop(&watch.way_lock);
    watch_lock_drop(&watch.board_lock);
    return result;
}
