// Is what stands in the chip what was sealed? The whole run by its hash, or at a start, when there
// is no time for that, parts of it by theirs (SPEC.md section 12).
//
// SPDX-License-Identifier: MIT
#ifndef CORE_SEAL_H
#define CORE_SEAL_H

#include "core/records.h"
#include "core/sha256.h"

enum {
    SEAL_START_MAX = 131072, // bytes read at a start
    SEAL_PARTS = 16,
    SEAL_PART_DIGEST_SIZE = 8,
};

// A hash being computed, of the whole run or of one of its parts.
struct seal_hash {
    const struct sha256_service *sha256;
    const uint8_t *bytes;
    uint32_t length;
    uint32_t offset; // of the next piece
    uint32_t piece;  // the most that is read in one go,
    uint32_t step;   // and how far the pieces are apart
};

// `bytes` is where the run begins in the mapped chip.
void seal_whole_begin(struct seal_hash *hash, const struct sha256_service *sha256,
                      const uint8_t *bytes, uint32_t length);
void seal_part_begin(struct seal_hash *hash, const struct sha256_service *sha256,
                     const uint8_t *bytes, uint32_t length, unsigned part);
// Reads up to `budget` bytes, which are taken off it. Returns true when all is read: then
// sha256->finish gives the hash.
bool seal_hash_run(struct seal_hash *hash, uint32_t *budget);

// Has a run of this length parts? A shorter one is hashed whole at a start.
bool seal_has_parts(uint32_t length);

// Is the run unchanged, as far as SEAL_START_MAX bytes can tell? `random` chooses the parts. Takes
// the time of reading those.
bool seal_start_check(const struct sha256_service *sha256, const uint8_t *bytes,
                      const struct records_run *run, uint32_t random);

#endif
