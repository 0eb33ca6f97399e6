// One watcher for a board: two that write different files would undo each other's work.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_WATCH_LOCK_H
#define HOST_CLI_WATCH_LOCK_H

#include "host/error.h"

struct watch_lock {
    int descriptor;
};

#define WATCH_LOCK_NONE                                                                            \
    {                                                                                              \
        .descriptor = -1                                                                           \
    }

// Takes the lock for what is watched: `kind` and `name` tell it from others ("serial", "3B00...").
// Fails only if another process has it; where locks cannot be made there is none.
int watch_lock_take(struct watch_lock *lock, const char *kind, const char *name,
                    struct ql_failure *failure);
void watch_lock_drop(struct watch_lock *lock);

#endif
