// quadlane: the command line tool. Finds the verb, runs it, prints what came of it.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include "host/cli/config.h"
#include "host/discovery.h"

#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct cli_verb *const cli_verbs[] = {
    &cli_flash,
    &cli_verify,
    &cli_read,
    &cli_erase,
    &cli_boot,
    &cli_run,
    &cli_monitor_verb,
    &cli_info,
    &cli_list,
    &cli_reset,
    &cli_set_verb,
    &cli_id,
    &cli_keys,
    &cli_gdb_server,
    &cli_ide,
    &cli_pack,
    &cli_protect,
    &cli_update_bootloader,
    &cli_install_verb,
    &cli_config,
    &cli_completion,
    &cli_manual,
    NULL,
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

bool cli_was_interrupted(void)
{
    return interrupted != 0;
}

// The first signal ends the work in good order; a second one ends the program. A reader of the
// output that goes away (`| head`) ends nothing: a board would be left half written.
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static uint64_t started_ns;

static bool observer_cancelled(void *context)
{
    (void)context;
    return cli_was_interrupted();
}

static void observer_progress(void *context, const struct ql_progress *progress)
{
    struct cli *cli = context;
    progress_show(&cli->progress, progress);
}

// In one go: several processes may write to the same terminal.
void cli_note(struct cli *cli, const char *text)
{
    const struct ql_clock clock = ql_clock_system();
    progress_finish(&cli->progress);
    fprintf(stderr, "[%7.3f] %s%s%s\n", (double)(ql_clock_now(&clock) - started_ns) / 1e9,
            cli->note_label != NULL ? cli->note_label : "", cli->note_label != NULL ? ": " : "",
            text);
}

static void observer_note(void *context, const char *text)
{
    cli_note(context, text);
}

struct ql_observer cli_observer(struct cli *cli)
{
    return (struct ql_observer){cli, observer_progress, observer_cancelled,
                                cli_has(cli, CLI_VERBOSE) ? observer_note : NULL};
}

json_t *cli_outcome(const struct cli *cli, int result)
{
    json_t *object = json_object();
    json_object_set_new(object, "ok", json_boolean(result == 0));
    if (cli->verb != NULL)
        json_object_set_new(object, "verb", json_string(cli->verb->name));
    json_object_update(object, cli->result);
    if (result != 0) {
        const struct ql_failure *failure = &cli->failure;
        json_t *error = json_pack("{s:s, s:i, s:o, s:o}", "code", ql_code_name(failure->code),
                                  "exit", (int)failure->code, "message",
                                  cli_text(failure->sentence), "hint", cli_text(failure->hint));
        if (failure->board_status != 0) {
            json_object_set_new(error, "board_status",
                                json_string(ql_status_name(failure->board_status)));
            json_object_set_new(error, "board_detail", json_integer(failure->board_detail));
        }
        json_object_set_new(object, "error", error);
    }
    return object;
}

static void print_json(const struct cli *cli, int result)
{
    json_t *object = cli_outcome(cli, result);
    json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(object);
}

static int run(struct cli *cli)
{
    catch_signals();
    const struct ql_clock clock = ql_clock_system();
    started_ns = ql_clock_now(&clock);
    progress_init(&cli->progress, cli_has(cli, CLI_QUIET) || cli_has(cli, CLI_JSON),
                  cli_has(cli, CLI_VERBOSE));
    cli->observer = cli_observer(cli);
    if (sodium_init() < 0)
        return ql_fail(&cli->failure, QL_INTERNAL, "libsodium cannot be used here");
    const int result = cli->verb->run(cli);
    progress_finish(&cli->progress);
    if (cli->connected)
        ql_disconnect(&cli->connection);
    return result;
}

// What came from a file may be news to the user when a board is not found, or words do not fit.
static void print_failure(const struct cli *cli, int result)
{
    cli_print_failure(&cli->failure);
    if (cli->config != NULL &&
        (result == -QL_USAGE || result == -QL_NO_BOARD || result == -QL_SEVERAL_BOARDS))
        config_tell(cli->config, stderr);
}

// Was all of stdout taken? If its reader went away, the tool ends as any other one in a pipe.
static int close_output(int result)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if ((fflush(stdout) == 0 && !ferror(stdout)) || result != 0)
        return result;
    if (poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    fprintf(stderr, "quadlane: the output cannot be written\n");
    return -QL_FILE_UNWRITABLE;
}

int main(int count, char **words)
{
    static struct cli cli; // too large for some stacks
    cli.result = json_object();
    int result = cli_parse(&cli, count, words);
    if (result == 0 && cli_has(&cli, CLI_HELP)) {
        cli_print_help(cli.verb, stdout);
    } else if (result == 0 && cli_has(&cli, CLI_VERSION)) {
        printf("quadlane %s\n", QUADLANE_VERSION);
    } else {
        if (result == 0)
            result = run(&cli);
        if (cli_has(&cli, CLI_JSON))
            print_json(&cli, result);
        if (result != 0)
            print_failure(&cli, result);
    }
    json_decref(cli.result);
    result = close_output(result);
    return result != 0 && cli.exit_code != 0 ? cli.exit_code : -result;
}
