// A file that a build writes again and again: is it there, has it changed, and is it whole?
//
// A linker writes its output in pieces over some time. So a file counts only after nothing of it
// has changed for a moment, if it was the same before and after it was read, and if it then makes
// sense.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_WATCHED_FILE_H
#define HOST_WATCHED_FILE_H

#include "host/flash.h"

#include <sys/stat.h>

enum ql_watched_state {
    QL_WATCHED_NEW, // not looked at yet
    QL_WATCHED_MISSING,
    QL_WATCHED_SETTLING, // being written, or so lately that more may come
    QL_WATCHED_BAD,      // complete, as it seems, and no program; `failure` says why
    QL_WATCHED_READY,    // `image` is what it holds
};

struct ql_watched_file {
    const char *path;
    const uint32_t *address; // as ql_image_load takes it
    struct ql_flash_options options;
    enum ql_watched_state state;
    struct ql_image image; // the last complete one, whatever the state is now; none at version 0
    unsigned version;      // rises with each other content
    struct ql_failure failure;
    struct stat stamp;
    uint64_t stamp_ns; // since when the file has it
};

// Looks once. `now_ns` is of a clock that only rises; `today` the wall clock, against which the
// file's own time is held, so that a file from yesterday needs no waiting.
// Returns whether state or version is another one than before.
bool ql_watched_file_look(struct ql_watched_file *file, uint64_t now_ns,
                          const struct timespec *today);
// Does the file differ from what was last looked at?
bool ql_watched_file_touched(const struct ql_watched_file *file);
void ql_watched_file_free(struct ql_watched_file *file);

#endif
