// What a debugger's configuration wants to know of a program: where it starts, and where to stop.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_ELF_SYMBOLS_H
#define HOST_ELF_SYMBOLS_H

#include "host/error.h"

#include <stdbool.h>
#include <stdint.h>

#define QL_SYMBOL_SIZE 128

struct ql_elf_symbols {
    uint32_t entry;                  // without the Thumb bit
    char entry_name[QL_SYMBOL_SIZE]; // the function there; empty: none is named
    bool has_main;
    bool has_symbols; // false: a stripped file
};

// Reads a 32-bit little-endian ARM program.
int ql_elf_symbols_read(struct ql_elf_symbols *symbols, const char *path,
                        struct ql_failure *failure);

#endif
