// quadlane gdb-server: the piece between an IDE's debugger and its GDB server.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include "host/gdb.h"

#include <unistd.h>

#define USB_WAIT_NS (4 * QL_NS_PER_S)
#define WORDS_MAX   1000

struct server {
    struct cli *cli;
    struct ql_gdb *gdb;
    const char *serial; // --serial
};

static void say(void *context, const char *text, bool is_failure)
{
    const struct server *server = context;
    progress_finish(&server->cli->progress);
    if (is_failure || !cli_has(server->cli, CLI_QUIET))
        fprintf(stderr, "quadlane: %s\n", text);
}

static void note(void *context, const char *text)
{
    cli_note(((struct server *)context)->cli, text);
}

static bool interrupted(void *context)
{
    (void)context;
    return cli_was_interrupted();
}

static void disconnect(void *context)
{
    struct cli *cli = ((struct server *)context)->cli;
    progress_finish(&cli->progress);
    if (cli->connected)
        ql_disconnect(&cli->connection);
    cli->connected = false;
}

static int connect_board(void *context, const char *serial, uint64_t wait_ns, bool unlock,
                         struct ql_connection **connection, struct ql_failure *failure)
{
    const struct server *server = context;
    struct cli *cli = server->cli;
    cli->serial = server->serial != NULL ? server->serial : serial;
    cli->wait_ns = wait_ns;
    const int result = unlock ? cli_connect(cli, true) : cli_reach(cli);
    *connection = &cli->connection;
    if (result != 0) {
        disconnect(context);
        *failure = cli->failure;
    }
    return result;
}

static bool cancelled(void *context)
{
    return ql_gdb_cancelled(((struct server *)context)->gdb);
}

// Only what takes long: an IDE shows all of it in a window of few lines.
static void show_progress(void *context, const struct ql_progress *progress)
{
    if (progress->phase == QL_PHASE_WRITING && progress->total > 0)
        progress_show(&((struct server *)context)->cli->progress, progress);
}

static int check_arguments(struct cli *cli)
{
    if (cli->gdb.connect != NULL && cli->argument_count > 0)
        return ql_fail(&cli->failure, QL_USAGE,
                       "with --connect no server is started, but %.100s was given", cli->words[0]);
    if (cli->gdb.connect != NULL || cli->argument_count > 0)
        return 0;
    ql_fail(&cli->failure, QL_USAGE,
            "gdb-server needs the GDB server's command line, or --connect");
    ql_hint(&cli->failure,
            "quadlane gdb-server -- openocd -f interface/stlink.cfg -f target/stm32h7x.cfg");
    return -QL_USAGE;
}

static int serve(struct cli *cli, const struct ql_gdb_options *options)
{
    struct server server = {.cli = cli, .serial = cli->serial};
    const struct ql_gdb_hooks hooks = {&server, say, connect_board, disconnect, interrupted};
    int result = ql_gdb_open(&server.gdb, options, &hooks, &cli->failure);
    if (result != 0)
        return result;
    cli->observer = (struct ql_observer){&server, show_progress, cancelled,
                                         cli_has(cli, CLI_VERBOSE) ? note : NULL};
    if (!cli_has(cli, CLI_QUIET))
        fprintf(stderr, "quadlane: the debugger connects to %s\n", ql_gdb_address(server.gdb));
    result = ql_gdb_run(server.gdb, &cli->failure);
    disconnect(&server);
    const int code = ql_gdb_server_exit_code(server.gdb);
    ql_gdb_close(server.gdb);
    if (result == -QL_SERVER_ENDED && cli->gdb.exit_as_server && code > 0) {
        fprintf(stderr, "quadlane: %s\n", cli->failure.sentence);
        _exit(code);
    }
    if (result == 0 && cli_was_interrupted())
        return ql_fail(&cli->failure, QL_INTERRUPTED, "interrupted; the GDB server was ended, too");
    return result;
}

// What JLinkGDBServerCLExe would end with: the negative codes that Eclipse has sentences for.
static int jlink_code(int result)
{
    switch (-result) {
    case QL_OK:
    case QL_INTERRUPTED:
        return 0;
    case QL_LISTEN_BUSY:
        return -2 & 0xFF;
    case QL_SERVER_ENDED:
    case QL_SERVER_SILENT:
        return -3 & 0xFF;
    case QL_USAGE:
        return -5 & 0xFF;
    default:
        return -1 & 0xFF;
    }
}

static int run(struct cli *cli)
{
    const struct cli_gdb *wish = &cli->gdb;
    const struct ql_gdb_options options = {.listen = wish->listen,
                                           .connect = wish->connect,
                                           .server_port = wish->server_port,
                                           .kind = wish->kind,
                                           .server = cli->words,
                                           .usb_wait_ns =
                                               cli_has(cli, CLI_WAIT) ? cli->wait_ns : USB_WAIT_NS,
                                           .once = wish->once,
                                           .probe_only = wish->probe,
                                           .as_jlink = wish->as_jlink,
                                           .internal_flash = wish->internal_flash};
    int result = check_arguments(cli);
    if (result == 0)
        result = serve(cli, &options);
    cli->exit_code = wish->as_jlink ? jlink_code(result) : 0;
    return result;
}

const struct cli_verb cli_gdb_server = {
    .name = "gdb-server",
    .arguments = "-- SERVER ARGS...",
    .summary = "debug: your own GDB server, and `load` goes over USB",
    .text = "Starts SERVER (OpenOCD, J-Link, ST-LINK, st-util or pyOCD) and stands between it and "
            "the\n"
            "debugger, on the port that the debugger expects. What `load` writes into the flash "
            "chip\n"
            "goes over USB, only what changed; then the board is halted at the program's first\n"
            "instruction. A reset that halts ends there, too. Everything else passes unchanged.\n"
            "docs/debugging.md shows it with GDB and IDEs.",
    .options = CLI_PORT | CLI_SERIAL | CLI_WAIT | CLI_KEYS | CLI_GDB | CLI_BASIC,
    .arguments_min = 0,
    .arguments_max = WORDS_MAX,
    .run = run,
};
