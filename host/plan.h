// Which erases and writes turn what the chip holds into what it shall hold, at the least cost.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_PLAN_H
#define HOST_PLAN_H

#include "abi/protocol.h"
#include "host/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QL_ERASE_TYPES_MAX 8

struct ql_erase_type {
    uint32_t size;
    uint32_t typical_ms;
};

// The chip's erase sizes and times, as the board tells them (INFO items 08 and 09).
struct ql_geometry {
    struct ql_erase_type erase[QL_ERASE_TYPES_MAX];
    size_t erase_count;
    uint32_t page_size;
    uint32_t page_typical_us;
};

struct ql_operation {
    uint8_t kind; // QL_KIND_ERASE or QL_KIND_WRITE
    uint32_t address;
    uint32_t size;
    uint32_t typical_us; // how long the chip takes for it
};

struct ql_plan_request {
    uint32_t address; // of the run, multiple of 4096
    const uint8_t *data;
    uint32_t size;
    // Digests of the chip's sectors from `address` on, or a null pointer when all must be written.
    const uint8_t (*digests)[QL_SECTOR_DIGEST_SIZE];
    // An update was cut short here: sectors that look blank may not stay so, and are erased.
    bool unfinished;
    uint32_t write_max;   // most bytes that one WRITE may carry, multiple of 256
    bool first_page_last; // a program: its vector table is written when all else is
};

struct ql_plan {
    struct ql_operation *operations;
    size_t count;
    uint32_t sectors;           // of the run
    uint32_t sectors_unchanged; // hold already what they shall
    uint64_t write_bytes;
    uint64_t erase_bytes;
    uint64_t typical_us;
};

// What is FF in the run is not written. Operations come at rising addresses, each erase before
// the writes into what it erased. No erase reaches outside the run, even where it would be cheaper
// to take neighbours along and write them again: a loss of power would take them for good, and the
// board allows it for that reason nowhere.
int ql_plan_make(struct ql_plan *plan, const struct ql_geometry *geometry,
                 const struct ql_plan_request *request, struct ql_failure *failure);
void ql_plan_free(struct ql_plan *plan);

#endif
