// What a NOR chip keeps without power: the array, the status registers, the security registers,
// the wear of its sectors. In memory, or in a file that another run can take up.
//
// The file is the array, byte for byte as the chip shows it, then one record. A file of exactly the
// array's size is a plain image and gets its record.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_NOR_STORE_H
#define SIM_NOR_STORE_H

#include "sim/nor_model.h"

#include <stdbool.h>

#define NOR_SECTOR_SIZE    4096u
#define NOR_SECURITY_COUNT 3u
#define NOR_SECURITY_SIZE  256u

struct nor_record {
    char magic[16];
    char model[32];
    uint8_t status[3]; // the non-volatile copies
    uint8_t reserved[5];
    uint8_t unique_id[8];
    uint8_t security[NOR_SECURITY_COUNT][NOR_SECURITY_SIZE];
    uint32_t wear[]; // erases of each sector
};

struct nor_store {
    uint8_t *array;
    struct nor_record *record;
    size_t mapped;
    int fd; // -1: memory only
};

// `path` NULL: memory only. `name` decides the unique id of a new chip. False: a message is on
// stderr.
bool nor_store_open(struct nor_store *store, const struct nor_model *model, const char *name,
                    const char *path);
void nor_store_close(struct nor_store *store);

#endif
