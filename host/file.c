// Whole files in and out, with sentences for what can be wrong with them.
//
// SPDX-License-Identifier: MIT
#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE_MAX ((size_t)1 << 30)

static int fail_open(const char *path, int error, struct ql_failure *failure)
{
    if (error == ENOENT || error == ENOTDIR) {
        ql_fail(failure, QL_FILE_MISSING, "there is no file %s", path);
        ql_hint(failure, "check the path; a relative one starts from the current folder");
        return -QL_FILE_MISSING;
    }
    ql_fail(failure, QL_FILE_UNREADABLE, "%s cannot be read: %s", path, strerror(error));
    if (error == EACCES)
        ql_hint(failure, "change its permissions (chmod +r) or run as its owner");
    return -QL_FILE_UNREADABLE;
}

static int read_all(FILE *file, const char *path, uint8_t **bytes, size_t *size,
                    struct ql_failure *failure)
{
    size_t room = 0;
    for (;;) {
        if (*size == room) {
            room = room == 0 ? 65536 : room * 2;
            uint8_t *larger = room <= FILE_SIZE_MAX ? realloc(*bytes, room) : NULL;
            if (larger == NULL && room > FILE_SIZE_MAX)
                return ql_fail(failure, QL_TOO_LARGE,
                               "%s has more than 512 MiB, which no flash "
                               "chip of such a board holds",
                               path);
            if (larger == NULL)
                return ql_fail_memory(failure);
            *bytes = larger;
        }
        const size_t got = fread(*bytes + *size, 1, room - *size, file);
        *size += got;
        if (got == 0 && ferror(file))
            return fail_open(path, errno, failure);
        if (got == 0)
            return 0;
    }
}

int ql_file_read(const char *path, uint8_t **bytes, size_t *size, struct ql_failure *failure)
{
    *bytes = NULL;
    *size = 0;
    struct stat status;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return fail_open(path, errno, failure);
    int result = 0;
    if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
        result = ql_fail(failure, QL_FILE_DIRECTORY, "%s is a directory, not a file", path);
        ql_hint(failure, "give the .elf, .hex or .bin file inside it");
    } else {
        result = read_all(file, path, bytes, size, failure);
    }
    fclose(file);
    if (result != 0) {
        free(*bytes);
        *bytes = NULL;
    }
    return result;
}

static int fail_write(const char *path, int error, struct ql_failure *failure)
{
    if (error == EISDIR)
        return ql_fail(failure, QL_FILE_DIRECTORY, "%s is a directory, not a file", path);
    ql_fail(failure, QL_FILE_UNWRITABLE, "%s cannot be written: %s", path, strerror(error));
    if (error == ENOENT)
        ql_hint(failure, "its folder does not exist; create it first");
    return -QL_FILE_UNWRITABLE;
}

int ql_file_check_writable(const char *path, struct ql_failure *failure)
{
    struct stat status;
    const bool existed = stat(path, &status) == 0;
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
        return fail_write(path, errno, failure);
    close(file);
    if (!existed)
        unlink(path);
    return 0;
}

int ql_file_write(const char *path, const uint8_t *bytes, size_t size, struct ql_failure *failure)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return fail_write(path, errno, failure);
    const bool written = fwrite(bytes, 1, size, file) == size;
    const int error = errno;
    if (fclose(file) != 0)
        return fail_write(path, errno, failure);
    return written ? 0 : fail_write(path, error, failure);
}
