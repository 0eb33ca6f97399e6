// Names of addresses, from the symbol tables of the programs that were loaded.
//
// SPDX-License-Identifier: MIT
#include "sim/symbols.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A name without a size is believed up to this far behind its address.
#define UNSIZED_REACH 0x1000u

struct symbol {
    char *name;
    uint32_t address;
    uint32_t size;
    bool function;
};

struct symbols {
    struct symbol *entries;
    size_t count;
    size_t room;
    bool sorted;
};

struct symbols *symbols_create(void)
{
    struct symbols *symbols = calloc(1, sizeof(*symbols));

    if (symbols == NULL) {
        abort();
    }
    return symbols;
}

void symbols_destroy(struct symbols *symbols)
{
    for (size_t i = 0; i < symbols->count; i++) {
        free(symbols->entries[i].name);
    }
    free(symbols->entries);
    free(symbols);
}

void symbols_add(struct symbols *symbols, const char *name, uint32_t address, uint32_t size,
                 bool function)
{
    if (symbols->count == symbols->room) {
        symbols->room = symbols->room == 0 ? 1024 : symbols->room * 2;
        symbols->entries = realloc(symbols->entries, symbols->room * sizeof(*symbols->entries));
        if (symbols->entries == NULL) {
            abort();
        }
    }
    symbols->entries[symbols->count++] = (struct symbol){
        .name = strdup(name), .address = address, .size = size, .function = function};
    symbols->sorted = false;
}

static int compare(const void *a, const void *b)
{
    const struct symbol *left = a;
    const struct symbol *right = b;

    if (left->address != right->address) {
        return left->address < right->address ? -1 : 1;
    }
    return (int)left->function - (int)right->function;
}

static bool holds(const struct symbol *symbol, uint32_t address)
{
    uint32_t offset = address - symbol->address;

    return symbol->size != 0 ? offset < symbol->size : offset < UNSIZED_REACH;
}

void symbols_format(struct symbols *symbols, uint32_t address, char *text, size_t size)
{
    size_t low = 0;
    size_t high = symbols->count;

    if (!symbols->sorted) {
        qsort(symbols->entries, symbols->count, sizeof(*symbols->entries), compare);
        symbols->sorted = true;
    }
    while (low < high) { // the first entry above the address
        size_t middle = (low + high) / 2;

        if (symbols->entries[middle].address <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    text[0] = '\0';
    if (low > 0 && holds(&symbols->entries[low - 1], address)) {
        const struct symbol *symbol = &symbols->entries[low - 1];

        snprintf(text, size, "%s+0x%" PRIx32, symbol->name, address - symbol->address);
    }
}

bool symbols_find(const struct symbols *symbols, const char *name, uint32_t *address)
{
    for (size_t i = 0; i < symbols->count; i++) {
        if (strcmp(symbols->entries[i].name, name) == 0) {
            *address = symbols->entries[i].address;
            return true;
        }
    }
    return false;
}
