// Programs that a host loads into RAM: what may be written, and whether what was announced is there
// and can be started (SPEC.md section 17).
//
// SPDX-License-Identifier: MIT
#ifndef CORE_RAM_PROGRAM_H
#define CORE_RAM_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/boot.h"
#include "core/sha256.h"

struct ram_area {
    uint32_t first, end;
};

// The RAM of a microcontroller that hosts may load: nothing of it is the bootloader's own.
struct ram_service {
    void *context;
    const struct ram_area *areas;
    unsigned count;
    // Writes and reads within an area. Address and length of a write are multiples of 8. What
    // `bytes` returns is valid to the end of the area.
    void (*write)(void *context, uint32_t address, const uint8_t *bytes, uint32_t length);
    const uint8_t *(*bytes)(void *context, uint32_t address);
};

struct ram_piece {
    uint32_t address, length;
};

// A RAM_RUN being checked.
struct ram_check {
    const struct ram_service *ram;
    const struct sha256_service *sha256;
    uint32_t address; // of the vector table
    uint8_t sha256_wanted[QL_SHA256_SIZE];
    struct ram_piece pieces[QL_RAM_PIECES_MAX];
    unsigned count;
    unsigned at;   // piece being hashed
    uint32_t done; // bytes of it
};

// RAM_WRITE with its payload. OK, BAD_REQUEST, ALIGNMENT or NO_RAM.
struct outcome ram_write(const struct ram_service *ram, const uint8_t *payload, uint32_t length);

// RAM_RUN, whose payload has QL_RAM_RUN_SIZE bytes: all checks but the hash, which is begun if they
// find nothing. Then `run` hashes at most `budget` bytes and returns false until it is done. Nobody
// else may use the hash in between.
struct outcome ram_check_begin(struct ram_check *check, const struct ram_service *ram,
                               const struct sha256_service *sha256, const uint8_t *payload);
bool ram_check_run(struct ram_check *check, uint32_t budget, struct outcome *outcome);

#endif
