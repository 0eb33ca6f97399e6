// What a NOR chip keeps without power.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[16] = "NOR chip record";

static size_t record_size(const struct nor_model *model)
{
    return sizeof(struct nor_record) + model->size / NOR_SECTOR_SIZE * sizeof(uint32_t);
}

static void record_factory(struct nor_record *record, const struct nor_model *model,
                           const char *name)
{
    uint64_t id = UINT64_C(14695981039346656037); // FNV-1a of the name: each chip its own

    for (const char *character = name; *character != '\0'; character++) {
        id = (id ^ (uint8_t)*character) * UINT64_C(1099511628211);
    }
    memset(record, 0, record_size(model));
    memcpy(record->magic, magic, sizeof(magic));
    snprintf(record->model, sizeof(record->model), "%s", model->name);
    for (unsigned i = 0; i < 3; i++) {
        record->status[i] = model->status[i].factory;
    }
    for (unsigned i = 0; i < sizeof(record->unique_id); i++) {
        record->unique_id[i] = (uint8_t)(id >> (56 - 8 * i));
    }
    memset(record->security, 0xFF, sizeof(record->security));
}

static bool complain(const char *path, const char *why)
{
    fprintf(stderr, "quadlane-board: %s: %s\n", path, why);
    return false;
}

// Opens and locks the file and brings it to its full size. *old_size is what it held before.
static bool file_prepare(struct nor_store *store, const struct nor_model *model, const char *path,
                         size_t *old_size)
{
    struct stat status;

    store->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (store->fd < 0) {
        return complain(path, strerror(errno));
    }
    if (flock(store->fd, LOCK_EX | LOCK_NB) != 0) {
        return complain(path, "in use by another virtual board");
    }
    if (fstat(store->fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return complain(path, "not a regular file");
    }
    *old_size = (size_t)status.st_size;
    if (*old_size != 0 && *old_size != model->size && *old_size != store->mapped) {
        return complain(path, "not of this chip's size: neither its image nor its stored contents");
    }
    if (ftruncate(store->fd, (off_t)store->mapped) != 0) {
        return complain(path, strerror(errno));
    }
    return true;
}

bool nor_store_open(struct nor_store *store, const struct nor_model *model, const char *name,
                    const char *path)
{
    size_t old_size = 0;
    void *memory;

    store->fd = -1;
    store->array = NULL;
    store->mapped = model->size + record_size(model);
    if (path != NULL && !file_prepare(store, model, path, &old_size)) {
        nor_store_close(store);
        return false;
    }
    memory = mmap(NULL, store->mapped, PROT_READ | PROT_WRITE,
                  path != NULL ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, store->fd, 0);
    if (memory == MAP_FAILED) {
        complain(path != NULL ? path : name, strerror(errno));
        nor_store_close(store);
        return false;
    }
    store->array = memory;
    store->record = (struct nor_record *)(void *)(store->array + model->size);
    if (old_size == 0) {
        memset(store->array, 0xFF, model->size);
    }
    if (old_size != store->mapped) {
        record_factory(store->record, model, name);
    }
    if (memcmp(store->record->magic, magic, sizeof(magic)) != 0 ||
        strncmp(store->record->model, model->name, sizeof(store->record->model)) != 0) {
        complain(path, "holds the contents of another type of chip");
        nor_store_close(store);
        return false;
    }
    return true;
}

void nor_store_close(struct nor_store *store)
{
    if (store->array != NULL) {
        munmap(store->array, store->mapped);
        store->array = NULL;
    }
    if (store->fd >= 0) {
        close(store->fd); // the lock goes with it
        store->fd = -1;
    }
}
