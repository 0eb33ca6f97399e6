// Names of addresses, from the symbol tables of the programs that were loaded.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_SYMBOLS_H
#define SIM_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbols;

struct symbols *symbols_create(void);
void symbols_destroy(struct symbols *symbols);

// `name` is copied. Functions win over other names at the same address.
void symbols_add(struct symbols *symbols, const char *name, uint32_t address, uint32_t size,
                 bool function);

// "name+0x12" of the symbol that holds the address, "" if none does.
void symbols_format(struct symbols *symbols, uint32_t address, char *text, size_t size);

// The address of a name.
bool symbols_find(const struct symbols *symbols, const char *name, uint32_t *address);

#endif
