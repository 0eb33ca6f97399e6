// Is what stands in the chip what was sealed? The whole run by its hash, or at a start, when there
// is no time for that, parts of it by their sums (SPEC.md section 12).
//
// SPDX-License-Identifier: MIT
#ifndef CORE_SEAL_H
#define CORE_SEAL_H

#include "core/records.h"
#include "core/sha256.h"

enum {
    SEAL_START_MAX = 131072, // bytes read at a start
    SEAL_PARTS = 16,
};

// A whole run being read: its hash, and the sums of its parts if they are wanted.
struct seal_reading {
    const struct sha256_service *sha256;
    const uint8_t *bytes;
    uint32_t length;
    uint32_t offset; // of the next sector
    bool with_parts;
    uint64_t parts[SEAL_PARTS];
};

// `bytes` is where the run begins in the mapped chip.
void seal_begin(struct seal_reading *reading, const struct sha256_service *sha256,
                const uint8_t *bytes, uint32_t length, bool with_parts);
// Reads up to `budget` bytes, which are taken off it. Returns true when all is read: then
// sha256->finish gives the hash.
bool seal_run(struct seal_reading *reading, uint32_t *budget);
// The field of a SEALED record, once all is read.
void seal_parts_store(const struct seal_reading *reading, uint8_t parts[RECORD_PARTS_SIZE]);

// Is the run unchanged, as far as SEAL_START_MAX bytes can tell? `random` chooses the parts. Takes
// the time of reading those.
bool seal_start_check(const uint8_t *bytes, const struct records_run *run, uint32_t random);

#endif
