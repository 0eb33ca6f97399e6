// GDB's memory map: the chip's window as flash, put into what a server says itself.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_GDB_MAP_H
#define HOST_GDB_MAP_H

#include "host/area.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Returns a new document with the server's regions outside the window, and the window as flash. A
// null pointer or a document without regions stands for a server that has no map: then all else is
// RAM, as GDB has it without a map. Returns a null pointer when there is no memory.
char *ql_gdb_map_merge(const char *document);
// The flash region that a server's own document has at the chip's first address. False: none.
bool ql_gdb_map_chip(const char *document, uint32_t *size, uint32_t *block);

#endif
