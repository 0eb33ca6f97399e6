// Files with programs: ELF, Intel HEX, raw bytes.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_LOADER_H
#define SIM_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols;

// Where the bytes go. False: there is no memory, `error` has been filled.
struct loader_target {
    void *context;
    bool (*write)(void *context, uint32_t address, const uint8_t *data, size_t length, char *error,
                  size_t error_size);
};

// Loads "FILE" or "FILE@ADDRESS". What the file is, its content tells: ELF by its magic, Intel HEX
// by a first ':'; else it is raw and needs the address. *lowest is the lowest address written. An
// ELF's symbols go into `symbols`. False: `error` holds a sentence.
bool loader_load(const char *specification, const struct loader_target *target,
                 struct symbols *symbols, uint32_t *lowest, char *error, size_t error_size);

#endif
