// Several boards at once: which ones, a process for each, and what came of each.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_SEVERAL_H
#define HOST_CLI_SEVERAL_H

#include "host/cli/cli.h"

#include <poll.h>
#include <sys/types.h>

// A board's process writes these into its pipe, and at the end its outcome as JSON.
struct several_message {
    bool is_outcome; // then `size` bytes of JSON follow
    uint32_t size;
    struct ql_progress progress;
};

struct several_board {
    char port[QL_PORT_SIZE]; // empty: not found yet
    char serial[QL_SERIAL_SIZE + QL_PORT_SIZE];
    pid_t process; // 0: none runs
    int pipe;
    struct meter meter;
    json_t *outcome; // as `quadlane flash --json` prints it; a null pointer: not known yet
};

struct several {
    struct cli *cli;
    int (*work)(struct cli *cli, void *context);
    void *context;
    struct several_board boards[QL_FOUND_MAX];
    size_t count;
    // The lines on the terminal.
    enum progress_mode mode;
    int lines_drawn, width_drawn;
    uint64_t drawn_ns;
};

// Starts a process for the board at this port, which does the work and writes messages.
int several_start(struct several *several, struct several_board *board);
// Takes a message from its pipe; when it is the last, board->outcome is there.
void several_receive(struct several *several, struct several_board *board);
// An outcome that the tool itself knows.
void several_fail(struct several_board *board, const struct ql_failure *failure);

// What people see while it goes on, and the table at the end.
void several_show(struct several *several);
void several_tell(const struct several *several, const struct several_board *board);
void several_table(struct several *several);

#endif
