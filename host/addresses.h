// Which function and line of the source an address of a program belongs to (DWARF, by libdw).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_ADDRESSES_H
#define HOST_ADDRESSES_H

#include "host/error.h"

#include <limits.h>

#define QL_PLACES_MAX      8
#define QL_PLACE_TEXT_SIZE (PATH_MAX + 256)

struct ql_place {
    char function[128]; // "??": not known
    char file[PATH_MAX];
    unsigned line; // 0: file and line are not known
};

// "main at /path/main.c:12", or only the function.
void ql_place_format(const struct ql_place *place, char text[QL_PLACE_TEXT_SIZE]);

struct ql_addresses;

// Reads a linked ARM program. One without debug information has functions' names at best.
int ql_addresses_open(struct ql_addresses **addresses, const char *path,
                      struct ql_failure *failure);
// A null pointer is fine.
void ql_addresses_close(struct ql_addresses *addresses);
// Opens the file anew if it is not the one that was read; if that cannot be done nothing changes.
void ql_addresses_refresh(struct ql_addresses **addresses);

// What is at this address, a function that was inlined before the one it was inlined into. Returns
// how many places; 0: it is not in the program's code.
size_t ql_addresses_find(const struct ql_addresses *addresses, uint32_t address,
                         struct ql_place places[QL_PLACES_MAX]);
// The same for the call that returns to this address.
size_t ql_addresses_find_call(const struct ql_addresses *addresses, uint32_t return_address,
                              struct ql_place places[QL_PLACES_MAX]);

#endif
