// Reading the chip and comparing it with an image.
//
// SPDX-License-Identifier: MIT
#include "host/digest.h"
#include "host/flash.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE (64U * QL_SECTOR_SIZE) // hashed at once

static void show(const struct ql_connection *connection, enum ql_phase phase, uint64_t done,
                 uint64_t total)
{
    const struct ql_progress progress = {
        .phase = phase, .done = done, .total = total, .now_ns = ql_link_now(&connection->link)};
    ql_observe(connection->observer, &progress);
}

int ql_read(struct ql_connection *connection, uint32_t address, uint8_t *data, uint32_t size,
            struct ql_failure *failure)
{
    int result = ql_board_make_idle(&connection->link, failure);
    for (uint32_t done = 0; result == 0 && done < size;) {
        const uint32_t left = size - done;
        const uint32_t step = left < QL_READ_LENGTH_MAX ? left : QL_READ_LENGTH_MAX;
        show(connection, QL_PHASE_READING, done, size);
        result = ql_board_read(&connection->link, address + done, data + done, step, failure);
        done += step;
    }
    if (result == 0)
        show(connection, QL_PHASE_READING, size, size);
    return result;
}

// Reads sector by sector and notes what differs.
static int compare_by_reading(struct ql_connection *connection, uint32_t address,
                              const uint8_t *wanted, uint32_t size,
                              struct ql_difference *difference, struct ql_failure *failure)
{
    uint8_t held[QL_READ_LENGTH_MAX];
    for (uint32_t done = 0; done < size;) {
        const uint32_t left = size - done;
        const uint32_t step = left < sizeof held ? left : (uint32_t)sizeof held;
        const int result = ql_board_read(&connection->link, address + done, held, step, failure);
        if (result != 0)
            return result;
        if (memcmp(held, wanted + done, step) != 0) {
            uint32_t at = 0;
            while (held[at] == wanted[done + at])
                at++;
            if (!difference->differs)
                *difference = (struct ql_difference){true, address + done + at, held[at],
                                                     wanted[done + at], 0};
            difference->sectors++;
        }
        done += step;
    }
    return 0;
}

static int compare_chunk(struct ql_connection *connection, uint32_t address, const uint8_t *wanted,
                         uint32_t size, struct ql_difference *difference,
                         struct ql_failure *failure)
{
    if ((connection->board.capabilities & QL_CAPABILITY_HASH) != 0) {
        uint8_t held[QL_SHA256_SIZE];
        uint8_t expected[QL_SHA256_SIZE];
        const int result = ql_board_hash(&connection->link, address, size, held, failure);
        if (result != 0)
            return result;
        ql_sha256(wanted, size, expected);
        if (memcmp(held, expected, sizeof held) == 0)
            return 0;
    }
    return compare_by_reading(connection, address, wanted, size, difference, failure);
}

int ql_verify(struct ql_connection *connection, const struct ql_image *image,
              struct ql_difference *difference, struct ql_failure *failure)
{
    const uint64_t total = ql_image_size(image);
    uint64_t before = 0;
    *difference = (struct ql_difference){0};
    int result = ql_board_make_idle(&connection->link, failure);
    for (size_t i = 0; result == 0 && i < image->count; i++) {
        const struct ql_extent *extent = &image->extents[i];
        for (uint32_t done = 0; result == 0 && done < extent->size;) {
            const uint32_t left = extent->size - done;
            const uint32_t step = left < CHUNK_SIZE ? left : CHUNK_SIZE;
            show(connection, QL_PHASE_COMPARING, before + done, total);
            result = compare_chunk(connection, extent->address + done, extent->data + done, step,
                                   difference, failure);
            done += step;
        }
        before += extent->size;
    }
    if (result == 0)
        show(connection, QL_PHASE_COMPARING, total, total);
    return result;
}
