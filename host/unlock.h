// Showing a board its key (SPEC.md section 13).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_UNLOCK_H
#define HOST_UNLOCK_H

#include "host/board.h"

// Sends the key and takes note in `board` of what is permitted. A board that waits after wrong keys
// is waited for if `patient`.
int ql_board_unlock(struct ql_link *link, struct ql_board *board, const struct ql_key *key,
                    bool patient, struct ql_failure *failure);

static inline bool ql_board_is_locked(const struct ql_board *board)
{
    return (board->capabilities & QL_CAPABILITY_LOCKED) != 0;
}

#endif
