// Hashes of runs and sums of their parts. Written from SPEC.md section 12.
//
// SPDX-License-Identifier: MIT
#include "core/seal.h"

#include <string.h>

#include "abi/bytes.h"

enum {
    PAGE = QL_SECTOR_SIZE / SEAL_PARTS,
    SHIFT_MAX = 4,
    SUM_SIZE = RECORD_PARTS_SIZE / SEAL_PARTS,
};

#define SUM_START  UINT64_C(0xCBF29CE484222325)
#define SUM_FACTOR UINT64_C(0x100000001B3)

// Every 2^shift-th sector gives a page to a part.
static unsigned part_shift(uint32_t length)
{
    unsigned shift = 0;
    while (shift < SHIFT_MAX && (length / SEAL_PARTS) >> shift > SEAL_START_MAX)
        shift++;
    return shift;
}

// As ql_load_u32, in one access: this goes over megabytes.
static uint32_t word_load(const uint8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(word) : word;
}

// Each step can be undone, so that a change in one word always changes the sum.
static uint64_t sum_add(uint64_t sum, const uint8_t *bytes, uint32_t length)
{
    for (; length >= 4; length -= 4, bytes += 4)
        sum = (sum ^ word_load(bytes)) * SUM_FACTOR;
    if (length > 0) {
        uint8_t word[4] = {0xFF, 0xFF, 0xFF, 0xFF};
        memcpy(word, bytes, length);
        sum = (sum ^ word_load(word)) * SUM_FACTOR;
    }
    return sum;
}

// Adds page `part` of a sector of which `length` bytes belong to the run.
static uint64_t page_add(uint64_t sum, const uint8_t *sector, uint32_t length, unsigned part)
{
    uint32_t from = part * PAGE;
    if (length <= from)
        return sum;
    return sum_add(sum, sector + from, length - from < PAGE ? length - from : PAGE);
}

static void sector_add(struct seal_reading *reading, const uint8_t *sector, uint32_t length)
{
    unsigned step = 1u << part_shift(reading->length);
    unsigned number = reading->offset / QL_SECTOR_SIZE;
    for (unsigned part = number % step; part < SEAL_PARTS; part += step)
        reading->parts[part] = page_add(reading->parts[part], sector, length, part);
}

void seal_begin(struct seal_reading *reading, const struct sha256_service *sha256,
                const uint8_t *bytes, uint32_t length, bool with_parts)
{
    *reading = (struct seal_reading){
        .sha256 = sha256,
        .bytes = bytes,
        .length = length,
        .with_parts = with_parts,
    };
    for (unsigned part = 0; part < SEAL_PARTS; part++)
        reading->parts[part] = SUM_START;
    sha256->begin(sha256->context);
}

bool seal_run(struct seal_reading *reading, uint32_t *budget)
{
    const struct sha256_service *sha256 = reading->sha256;
    while (reading->offset < reading->length) {
        const uint8_t *sector = reading->bytes + reading->offset;
        uint32_t length = reading->length - reading->offset;
        if (length > QL_SECTOR_SIZE)
            length = QL_SECTOR_SIZE;
        if (*budget < length)
            return false;
        sha256->update(sha256->context, sector, length);
        if (reading->with_parts)
            sector_add(reading, sector, length);
        reading->offset += length;
        *budget -= length;
    }
    return true;
}

static void sum_store(uint8_t *bytes, uint64_t sum)
{
    ql_store_u32(bytes, (uint32_t)sum);
    ql_store_u32(bytes + 4, (uint32_t)(sum >> 32));
}

void seal_parts_store(const struct seal_reading *reading, uint8_t parts[RECORD_PARTS_SIZE])
{
    for (unsigned part = 0; part < SEAL_PARTS; part++)
        sum_store(parts + part * SUM_SIZE, reading->parts[part]);
}

static bool part_holds(const uint8_t *bytes, const struct records_run *run, unsigned part)
{
    uint32_t step = (uint32_t)QL_SECTOR_SIZE << part_shift(run->length);
    uint64_t sum = SUM_START;
    uint8_t stored[SUM_SIZE];
    for (uint32_t at = part * QL_SECTOR_SIZE % step; at < run->length; at += step)
        sum = page_add(sum, bytes + at, run->length - at, part);
    sum_store(stored, sum);
    return memcmp(stored, run->parts + part * SUM_SIZE, SUM_SIZE) == 0;
}

// How many parts are SEAL_START_MAX bytes at most; but one is read always.
static unsigned parts_at_start(uint32_t length)
{
    uint32_t step = (uint32_t)QL_SECTOR_SIZE << part_shift(length);
    uint32_t size = (length / step + (length % step != 0)) * PAGE; // of the largest
    uint32_t count = SEAL_START_MAX / size;
    return count == 0 ? 1 : count < SEAL_PARTS ? count : SEAL_PARTS;
}

bool seal_start_check(const uint8_t *bytes, const struct records_run *run, uint32_t random)
{
    for (unsigned i = 0; i < parts_at_start(run->length); i++)
        if (!part_holds(bytes, run, (random + i) % SEAL_PARTS))
            return false;
    return true;
}
