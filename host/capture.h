// Runs another program to its end, with a limit, and keeps what it said.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CAPTURE_H
#define HOST_CAPTURE_H

#include "host/error.h"
#include "host/observer.h"

#define QL_CAPTURE_SIZE 65536

struct ql_capture {
    char text[QL_CAPTURE_SIZE]; // its outputs' end, both in one; always a string
    size_t length;
    int exit_code;
};

// `words` as for ql_child_start(). Returns 0 when the program ended, with whatever exit code;
// -QL_TOOL_MISSING when it cannot be started, -QL_TOOL_FAILED when it was still there at the limit
// and was ended, -QL_INTERRUPTED when the observer (may be a null pointer) wanted that.
int ql_capture_run(struct ql_capture *capture, const char *const *words, uint64_t limit_ns,
                   const struct ql_observer *observer, struct ql_failure *failure);

#endif
