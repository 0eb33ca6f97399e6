// A program that is started beside this one and ended with it.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CHILD_H
#define HOST_CHILD_H

#include "host/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct ql_child {
    pid_t pid;  // 0: none was started, or its end was seen
    int status; // of wait(), once it ended
    bool ended;
};

// `words` ends with a null pointer; the first is looked for in $PATH. Input and outputs are this
// program's own. Even if this program is killed, the other one gets SIGTERM.
int ql_child_start(struct ql_child *child, char *const *words, struct ql_failure *failure);
// The same, but what it says goes to the file descriptor `output` (-1: as above), nothing comes in,
// and Ctrl-C does not reach it. A program that cannot be started leaves its errno in *error.
int ql_child_spawn(struct ql_child *child, char *const *words, int output, int *error,
                   struct ql_failure *failure);
// Has it ended? Does not wait.
bool ql_child_has_ended(struct ql_child *child);
// SIGTERM, and SIGKILL when it is still there after 3 s.
void ql_child_stop(struct ql_child *child);
// What a shell would call its exit code.
int ql_child_exit_code(const struct ql_child *child);
// "ended with exit code 1", "was ended by signal 11 (Segmentation fault)". Valid until the next.
const char *ql_child_end_text(const struct ql_child *child);

#endif
