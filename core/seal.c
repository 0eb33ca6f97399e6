// Hashes of runs and of their parts. Written from SPEC.md section 12.
//
// SPDX-License-Identifier: MIT
#include "core/seal.h"

#include <string.h>

enum {
    PAGE = QL_SECTOR_SIZE / SEAL_PARTS,
    WHOLE_PIECE = 4096,
    SHIFT_MAX = 4,
};

_Static_assert(SEAL_PARTS *SEAL_PART_DIGEST_SIZE == RECORD_PARTS_SIZE,
               "the parts fill their field");

bool seal_has_parts(uint32_t length)
{
    return length > SEAL_START_MAX;
}

// Every 2^shift-th sector gives a page to a part.
static unsigned part_shift(uint32_t length)
{
    unsigned shift = 0;
    while (shift < SHIFT_MAX && (length / SEAL_PARTS) >> shift > SEAL_START_MAX)
        shift++;
    return shift;
}

void seal_whole_begin(struct seal_hash *hash, const struct sha256_service *sha256,
                      const uint8_t *bytes, uint32_t length)
{
    *hash = (struct seal_hash){.sha256 = sha256,
                               .bytes = bytes,
                               .length = length,
                               .piece = WHOLE_PIECE,
                               .step = WHOLE_PIECE};
    sha256->begin(sha256->context);
}

void seal_part_begin(struct seal_hash *hash, const struct sha256_service *sha256,
                     const uint8_t *bytes, uint32_t length, unsigned part)
{
    unsigned shift = part_shift(length);
    uint32_t first = part & ((1u << shift) - 1);
    *hash = (struct seal_hash){
        .sha256 = sha256,
        .bytes = bytes,
        .length = length,
        .offset = first * QL_SECTOR_SIZE + part * PAGE,
        .piece = PAGE,
        .step = (uint32_t)QL_SECTOR_SIZE << shift,
    };
    sha256->begin(sha256->context);
}

bool seal_hash_run(struct seal_hash *hash, uint32_t *budget)
{
    const struct sha256_service *sha256 = hash->sha256;
    while (hash->offset < hash->length) {
        uint32_t length = hash->length - hash->offset;
        if (length > hash->piece)
            length = hash->piece;
        if (*budget < length)
            return false;
        sha256->update(sha256->context, hash->bytes + hash->offset, length);
        hash->offset += hash->step;
        *budget -= length;
    }
    return true;
}

static bool whole_holds(const struct sha256_service *sha256, const uint8_t *bytes,
                        const struct records_run *run)
{
    struct seal_hash hash;
    uint8_t digest[QL_SHA256_SIZE];
    uint32_t budget = run->length;
    seal_whole_begin(&hash, sha256, bytes, run->length);
    (void)seal_hash_run(&hash, &budget);
    sha256->finish(sha256->context, digest);
    return memcmp(digest, run->sha256, sizeof digest) == 0;
}

// How many parts are SEAL_START_MAX bytes at most; but one is read always.
static unsigned parts_at_start(uint32_t length)
{
    uint32_t sectors = length / QL_SECTOR_SIZE + 1;
    uint32_t size = ((sectors >> part_shift(length)) + 1) * PAGE;
    uint32_t count = SEAL_START_MAX / size;
    return count == 0 ? 1 : count < SEAL_PARTS ? count : SEAL_PARTS;
}

bool seal_start_check(const struct sha256_service *sha256, const uint8_t *bytes,
                      const struct records_run *run, uint32_t random)
{
    if (!seal_has_parts(run->length))
        return whole_holds(sha256, bytes, run);
    unsigned count = parts_at_start(run->length);
    for (unsigned i = 0; i < count; i++) {
        unsigned part = (random + i) % SEAL_PARTS;
        struct seal_hash hash;
        uint8_t digest[QL_SHA256_SIZE];
        uint32_t budget = run->length;
        seal_part_begin(&hash, sha256, bytes, run->length, part);
        (void)seal_hash_run(&hash, &budget);
        sha256->finish(sha256->context, digest);
        if (memcmp(digest, run->parts + part * SEAL_PART_DIGEST_SIZE, SEAL_PART_DIGEST_SIZE) != 0)
            return false;
    }
    return true;
}
