// A file that a build writes again and again: is it there, has it changed, and is it whole?
//
// SPDX-License-Identifier: MIT
#include "host/watched_file.h"

#include "host/clock.h"
#include "host/file.h"

#include <stdlib.h>
#include <string.h>

// Linkers write in bursts; this is longer than the usual pause between them.
#define SETTLE_NS (400 * QL_NS_PER_MS)
// A file that makes no sense may still be one that is being written, after a longer pause.
#define GIVE_UP_NS (2 * QL_NS_PER_S)

static bool same_time(const struct timespec *left, const struct timespec *right)
{
    return left->tv_sec == right->tv_sec && left->tv_nsec == right->tv_nsec;
}

// Size and times, and the inode, since many tools write another file and rename it.
static bool same_stamp(const struct stat *left, const struct stat *right)
{
    return left->st_dev == right->st_dev && left->st_ino == right->st_ino &&
           left->st_size == right->st_size && same_time(&left->st_mtim, &right->st_mtim) &&
           same_time(&left->st_ctim, &right->st_ctim);
}

// For how long the file has been as it is, by what was seen or by its own time.
static uint64_t age_of(const struct ql_watched_file *file, uint64_t now_ns,
                       const struct timespec *today)
{
    const int64_t seconds = (int64_t)today->tv_sec - file->stamp.st_mtim.tv_sec;
    const uint64_t seen_ns = now_ns - file->stamp_ns;
    if (seconds < 2 || seconds > INT32_MAX)
        return seen_ns;
    const uint64_t own_ns = (uint64_t)(seconds - 1) * QL_NS_PER_S;
    return own_ns > seen_ns ? own_ns : seen_ns;
}

static bool same_image(const struct ql_image *left, const struct ql_image *right)
{
    if (left->count != right->count || left->program != right->program)
        return false;
    for (size_t i = 0; i < left->count; i++) {
        const struct ql_extent *a = &left->extents[i];
        const struct ql_extent *b = &right->extents[i];
        if (a->address != b->address || a->size != b->size ||
            memcmp(a->data, b->data, a->size) != 0)
            return false;
    }
    return true;
}

static void take_image(struct ql_watched_file *file, struct ql_image *image)
{
    file->state = QL_WATCHED_READY;
    if (file->version > 0 && same_image(&file->image, image)) {
        ql_image_free(image);
        return;
    }
    ql_image_free(&file->image);
    file->image = *image;
    file->version++;
}

// Reads the file; one that changes meanwhile is still settling.
static void read_file(struct ql_watched_file *file, bool final)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct stat after;
    struct ql_image image = {0};
    int result = ql_file_read(file->path, &bytes, &size, &file->failure);
    if (stat(file->path, &after) != 0 || !same_stamp(&file->stamp, &after)) {
        free(bytes);
        return;
    }
    const struct ql_area widest = ql_area_unknown();
    if (result == 0)
        result = ql_image_parse(&image, file->path, bytes, size, file->address, &file->failure);
    if (result == 0)
        result = ql_flash_check(&widest, &image, &file->options, &file->failure);
    free(bytes);
    if (result == 0) {
        take_image(file, &image);
        return;
    }
    ql_image_free(&image);
    if (final)
        file->state = QL_WATCHED_BAD;
}

bool ql_watched_file_look(struct ql_watched_file *file, uint64_t now_ns,
                          const struct timespec *today)
{
    const enum ql_watched_state state = file->state;
    const unsigned version = file->version;
    struct stat stamp;
    if (stat(file->path, &stamp) != 0) {
        file->state = QL_WATCHED_MISSING;
        return file->state != state;
    }
    const bool appeared = state == QL_WATCHED_NEW || state == QL_WATCHED_MISSING;
    if (appeared || !same_stamp(&stamp, &file->stamp)) {
        file->stamp = stamp;
        file->stamp_ns = now_ns;
        file->state = QL_WATCHED_SETTLING;
    }
    const uint64_t age_ns = age_of(file, now_ns, today);
    if (file->state == QL_WATCHED_SETTLING && age_ns >= SETTLE_NS)
        read_file(file, age_ns >= GIVE_UP_NS);
    return file->state != state || file->version != version;
}

bool ql_watched_file_touched(const struct ql_watched_file *file)
{
    struct stat stamp;
    return stat(file->path, &stamp) != 0 || !same_stamp(&stamp, &file->stamp);
}

void ql_watched_file_free(struct ql_watched_file *file)
{
    ql_image_free(&file->image);
}
