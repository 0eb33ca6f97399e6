// One run of bytes into the chip: BEGIN, the stream of operations, END (SPEC.md sections 4 and 5).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_UPDATE_H
#define HOST_UPDATE_H

#include "host/connection.h"
#include "host/plan.h"

struct ql_update_request {
    uint32_t address;
    const uint8_t *data;
    uint32_t size;
    bool is_program;
    uint32_t owner; // address of the program that these data belong to; 0: none
    uint32_t id;    // 0: a random one
    const struct ql_plan *plan;
    // Where this update stands among all of a command's, for progress.
    uint64_t before_bytes, total_bytes;
    uint64_t before_us, total_us;
};

struct ql_update_outcome {
    uint32_t rewinds;    // times the stream went back because something was lost
    uint32_t reconnects; // times the board was found again
    struct ql_update_progress last;
};

// The board was reset in the middle: what it holds is not known any more, plan anew.
#define QL_UPDATE_AGAIN 1

// Returns 0 when the board has verified the run, QL_UPDATE_AGAIN, or -code. After a failure the
// sentence says what state the chip is in.
int ql_update_run(struct ql_connection *connection, const struct ql_update_request *request,
                  struct ql_update_outcome *outcome, struct ql_failure *failure);

#endif
