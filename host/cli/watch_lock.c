// One watcher for a board: a locked file in the runtime folder, which ends with its process.
//
// SPDX-License-Identifier: MIT
#include "host/cli/watch_lock.h"

#include "abi/crc32.h"
#include "host/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

// Opens the lock's file; -1 if it cannot be made, or the folder is somebody else's.
static int open_file(const char *kind, const char *name)
{
    char folder[QL_PORT_SIZE];
    char path[QL_PORT_SIZE + 40];
    struct stat status;
    ql_runtime_folder(folder, sizeof folder);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return -1;
    if (stat(folder, &status) != 0 || status.st_uid != getuid())
        return -1;
    // Names of ports have slashes and any length.
    snprintf(path, sizeof path, "%s/watch-%s-%08x.lock", folder, kind,
             ql_crc32(0, (const uint8_t *)name, strlen(name)));
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int fail_taken(int descriptor, const char *name, struct ql_failure *failure)
{
    char process[16] = "";
    const ssize_t got = pread(descriptor, process, sizeof process - 1, 0);
    process[got > 0 ? got : 0] = '\0';
    process[strspn(process, "0123456789")] = '\0';
    ql_fail(failure, QL_WATCHED, "another quadlane%s%s waits for %s already",
            process[0] != '\0' ? ", process " : "", process,
            strcmp(name, "any") == 0 ? "any board" : name);
    ql_hint(failure, "end it first, or name another board with --serial or --port");
    return -QL_WATCHED;
}

int watch_lock_take(struct watch_lock *lock, const char *kind, const char *name,
                    struct ql_failure *failure)
{
    const int descriptor = open_file(kind, name);
    int result = 0;
    if (descriptor < 0)
        return 0;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
        char process[16];
        const int length = snprintf(process, sizeof process, "%ld\n", (long)getpid());
        if (ftruncate(descriptor, 0) == 0 && pwrite(descriptor, process, (size_t)length, 0) > 0)
            lock->descriptor = descriptor; // open until the end
        else
            close(descriptor);
        return 0;
    }
    if (errno == EWOULDBLOCK)
        result = fail_taken(descriptor, name, failure);
    close(descriptor);
    return result;
}

void watch_lock_drop(struct watch_lock *lock)
{
    if (lock->descriptor >= 0)
        close(lock->descriptor);
    lock->descriptor = -1;
}
