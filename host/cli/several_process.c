// One board of several: its process, and the pipe from it (POSIX fork, Linux prctl).
//
// A process each, since the library may wait in any of its functions, and so that whatever one
// board does, the others go on.
//
// SPDX-License-Identifier: MIT
#include "host/cli/several.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int pipe_to_parent; // of a board's process

static bool put(int pipe, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        const ssize_t sent = write(pipe, at, size);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool get(int pipe, void *data, size_t size)
{
    char *at = data;
    while (size > 0) {
        const ssize_t got = read(pipe, at, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static void send_progress(void *context, const struct ql_progress *progress)
{
    const struct several_message message = {.progress = *progress};
    (void)context;
    put(pipe_to_parent, &message, sizeof message);
}

// The life of a board's process. A signal to the first process is passed on by it, and if that is
// gone, the kernel tells.
static void serve(const struct several *several, const struct several_board *board, int pipe,
                  pid_t parent)
{
    struct cli *cli = several->cli;
    pipe_to_parent = pipe;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) // it had ended before
        _exit(QL_INTERRUPTED);
    json_object_clear(cli->result);
    cli->options |= CLI_JSON; // nothing on stdout
    cli->port = board->port;
    cli->serial = NULL;
    cli->touch = NULL;
    cli->progress.mode = PROGRESS_NONE;
    cli->note_label = board->serial[0] != '\0' ? board->serial : board->port;
    cli->observer = cli_observer(cli);
    cli->observer.progress = send_progress;
    const int result = several->work(cli, several->context);
    if (cli->connected)
        ql_disconnect(&cli->connection);
    json_t *outcome = cli_outcome(cli, result);
    char *text = json_dumps(outcome, JSON_COMPACT | JSON_REAL_PRECISION(6));
    const struct several_message message = {.is_outcome = true, .size = (uint32_t)strlen(text)};
    const bool sent = put(pipe, &message, sizeof message) && put(pipe, text, message.size);
    _exit(sent ? 0 : QL_INTERNAL);
}

int several_start(struct several *several, struct several_board *board)
{
    struct ql_failure *failure = &several->cli->failure;
    int ends[2];
    fflush(NULL);
    if (pipe(ends) != 0)
        return ql_fail(failure, QL_INTERNAL, "no pipe can be made: %s", strerror(errno));
    const pid_t parent = getpid();
    const pid_t process = fork();
    if (process == 0) {
        close(ends[0]);
        for (size_t i = 0; i < several->count; i++) {
            if (several->boards[i].process > 0)
                close(several->boards[i].pipe);
        }
        serve(several, board, ends[1], parent);
    }
    close(ends[1]);
    if (process < 0) {
        close(ends[0]);
        return ql_fail(failure, QL_INTERNAL, "no process can be started: %s", strerror(errno));
    }
    board->process = process;
    board->pipe = ends[0];
    return 0;
}

void several_fail(struct several_board *board, const struct ql_failure *failure)
{
    struct cli nobody = {.result = json_object(), .failure = *failure};
    board->outcome = cli_outcome(&nobody, -(int)failure->code);
    json_decref(nobody.result);
}

// The pipe has ended, with the outcome or without.
static void end(struct several *several, struct several_board *board)
{
    struct ql_failure failure;
    int status = 0;
    close(board->pipe);
    waitpid(board->process, &status, 0);
    board->process = 0;
    if (board->outcome == NULL) {
        ql_fail(&failure, QL_INTERNAL,
                "the process that served this board ended without a result (%d)", status);
        several_fail(board, &failure);
    }
    several_tell(several, board);
}

void several_receive(struct several *several, struct several_board *board)
{
    struct several_message message;
    if (!get(board->pipe, &message, sizeof message)) {
        end(several, board);
        return;
    }
    if (!message.is_outcome) {
        if (meter_take(&board->meter, &message.progress))
            several_tell(several, board);
        return;
    }
    char *text = calloc(1, (size_t)message.size + 1);
    if (text != NULL && get(board->pipe, text, message.size))
        board->outcome = json_loads(text, 0, NULL);
    free(text);
    end(several, board);
}
