// keys.json (SPEC.md section 13, "Files").
//
// SPDX-License-Identifier: MIT
#include "host/cli/keys_file.h"

#include "host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void place_add(struct keys_places *places, const char *folder, const char *rest)
{
    char *path = places->paths[places->count];
    const int length = snprintf(path, KEYS_PATH_SIZE, "%s%s" KEYS_FILE_NAME, folder, rest);
    if (length > 0 && length < KEYS_PATH_SIZE)
        places->count++;
}

void keys_places(struct keys_places *places)
{
    char tool[KEYS_PATH_SIZE - 16];
    places->count = 0;
    const ssize_t length = readlink("/proc/self/exe", tool, sizeof tool - 1);
    if (length > 0) {
        tool[length] = '\0';
        char *slash = strrchr(tool, '/');
        if (slash != NULL) {
            slash[1] = '\0';
            place_add(places, tool, "");
        }
    }
    place_add(places, "", "");
    const char *own = getenv("XDG_CONFIG_HOME");
    const char *user = getenv("HOME");
    if (own != NULL && own[0] != '\0')
        place_add(places, own, "/quadlane/");
    else if (user != NULL && user[0] != '\0')
        place_add(places, user, "/.config/quadlane/");
}

int keys_load(const char *path, json_t **object, struct ql_failure *failure)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    json_error_t error;
    int result = ql_file_read(path, &bytes, &size, failure);
    if (result != 0)
        return result;
    *object = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &error);
    free(bytes);
    if (json_is_object(*object))
        return 0;
    if (*object != NULL)
        ql_fail(failure, QL_KEYS_FILE, "%s is no keys file: it holds no JSON object", path);
    else
        ql_fail(failure, QL_KEYS_FILE, "%s is no keys file: line %d: %s", path, error.line,
                error.text);
    ql_hint(failure, "it is left as it is; put it right or move it away");
    json_decref(*object);
    *object = NULL;
    return -QL_KEYS_FILE;
}

static int fail_write(const char *path, int error, struct ql_failure *failure)
{
    return ql_fail(failure, QL_FILE_UNWRITABLE, "%s cannot be written: %s", path, strerror(error));
}

// Writes beside the file, then takes its place.
static int store(const char *path, const json_t *object, mode_t mode, struct ql_failure *failure)
{
    char other[KEYS_PATH_SIZE + 16];
    snprintf(other, sizeof other, "%s.XXXXXX", path);
    const int file = mkstemp(other);
    if (file < 0)
        return fail_write(path, errno, failure);
    bool written = fchmod(file, mode) == 0 && json_dumpfd(object, file, JSON_INDENT(2)) == 0 &&
                   write(file, "\n", 1) == 1 && fsync(file) == 0;
    int error = errno;
    written = close(file) == 0 && written;
    if (written && rename(other, path) == 0)
        return 0;
    error = written ? errno : error;
    unlink(other);
    return fail_write(path, error, failure);
}

// The same board may stand there in upper case.
static const char *name_of(json_t *object, const uint8_t board_id[QL_BOARD_ID_SIZE])
{
    uint8_t id[QL_BOARD_ID_SIZE];
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        const char *name = json_object_iter_key(at);
        if (ql_board_id_parse(name, id) && memcmp(id, board_id, sizeof id) == 0)
            return name;
    }
    return NULL;
}

static int put_locked(const char *path, const char *board_id, const char *key,
                      struct ql_failure *failure)
{
    uint8_t id[QL_BOARD_ID_SIZE];
    struct stat status;
    json_t *object = NULL;
    mode_t mode = 0600;
    int result = 0;
    if (stat(path, &status) == 0) {
        mode = status.st_mode & 0777;
        result = keys_load(path, &object, failure);
    } else {
        object = json_object();
    }
    if (result != 0)
        return result;
    const char *name = ql_board_id_parse(board_id, id) ? name_of(object, id) : NULL;
    json_object_set_new(object, name != NULL ? name : board_id, json_string(key));
    result = store(path, object, mode, failure);
    json_decref(object);
    return result;
}

int keys_put(const char *path, const char *board_id, const char *key, struct ql_failure *failure)
{
    char target[KEYS_PATH_SIZE];
    char folder[KEYS_PATH_SIZE];
    // A link stays a link: the file behind it is replaced.
    char *real = realpath(path, NULL);
    const int length = snprintf(target, sizeof target, "%s", real != NULL ? real : path);
    free(real);
    if (length <= 0 || length >= KEYS_PATH_SIZE)
        return ql_fail(failure, QL_USAGE, "the path of the keys file is too long");
    memcpy(folder, target, (size_t)length + 1);
    char *slash = strrchr(folder, '/');
    snprintf(slash != NULL ? slash + 1 : folder, 2, "%s", slash != NULL ? "" : ".");
    // Two that extend the same file wait for each other.
    const int lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0)
        return fail_write(target, errno, failure);
    flock(lock, LOCK_EX);
    const int result = put_locked(target, board_id, key, failure);
    close(lock);
    return result;
}

// 1: found; 0: not in this file.
static int find_in(const char *path, const uint8_t board_id[QL_BOARD_ID_SIZE], struct ql_key *key,
                   struct ql_failure *failure)
{
    json_t *object = NULL;
    int result = keys_load(path, &object, failure);
    if (result != 0)
        return result;
    const char *name = name_of(object, board_id);
    const char *text = name != NULL ? json_string_value(json_object_get(object, name)) : NULL;
    if (name != NULL) {
        result = 1;
        if (text == NULL || !ql_key_parse(text, key)) {
            result =
                ql_fail(failure, QL_KEYS_FILE, "the key for this board in %s is malformed", path);
            ql_hint(failure, "it may have been cut when it was copied; or this tool is too old");
        }
    }
    json_decref(object);
    return result;
}

int keys_find(const char *named, const uint8_t board_id[QL_BOARD_ID_SIZE], struct ql_key *key,
              char path[KEYS_PATH_SIZE], struct ql_failure *failure)
{
    struct keys_places places = {.count = 1};
    struct ql_failure problem;
    int worst = -QL_LOCKED;
    if (named != NULL)
        snprintf(places.paths[0], KEYS_PATH_SIZE, "%s", named);
    else
        keys_places(&places);
    for (size_t i = 0; i < places.count; i++) {
        const int result = find_in(places.paths[i], board_id, key, &problem);
        if (result > 0) {
            memcpy(path, places.paths[i], KEYS_PATH_SIZE);
            return 0;
        }
        // A file that nobody named need not be there.
        if (result < 0 && worst == -QL_LOCKED && (named != NULL || result != -QL_FILE_MISSING)) {
            worst = result;
            *failure = problem;
        }
    }
    return worst;
}
