// What the tool does with a connected board: flash a file, erase, compare, read.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_FLASH_H
#define HOST_FLASH_H

#include "host/connection.h"
#include "host/image.h"

struct ql_flash_options {
    const char *name; // of the file, for messages
    bool is_program;  // the image's program extent must begin with a vector table
    bool full;        // also send what the chip holds already
};

struct ql_flash_result {
    uint64_t bytes; // of the image
    uint32_t sectors;
    uint32_t sectors_unchanged;
    uint64_t write_bytes, erase_bytes; // sent, planned
    uint64_t duration_ns;              // from BEGIN to the last verified END
    uint32_t rewinds, reconnects, restarts;
};

// Checks that need no board: addresses, alignment, vector table. Aligns the image's extents.
int ql_flash_check(const struct ql_area *area, struct ql_image *image,
                   const struct ql_flash_options *options, struct ql_failure *failure);
// Compares, writes, verifies. INFO must have been read; the image checked. The program's extent is
// written last. Nothing is erased before all refusals are known.
int ql_flash(struct ql_connection *connection, const struct ql_image *image,
             const struct ql_flash_options *options, struct ql_flash_result *result,
             struct ql_failure *failure);

struct ql_difference {
    bool differs;
    uint32_t address; // the first differing byte
    uint8_t chip, file;
    uint32_t sectors; // how many sectors differ
};

// Compares the chip with the image: by hashes made by the board, and where they differ by reading.
int ql_verify(struct ql_connection *connection, const struct ql_image *image,
              struct ql_difference *difference, struct ql_failure *failure);

int ql_read(struct ql_connection *connection, uint32_t address, uint8_t *data, uint32_t size,
            struct ql_failure *failure);

#endif
