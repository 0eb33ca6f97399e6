// What a debugger's configuration wants to know of a program, from its symbol table.
//
// SPDX-License-Identifier: MIT
#include "host/elf_symbols.h"

#include "host/elf_file.h"

#include <stdio.h>
#include <string.h>

static void take_function(void *context, const char *name, uint64_t address, const GElf_Sym *symbol)
{
    struct ql_elf_symbols *symbols = context;
    if (name == NULL)
        return;
    symbols->has_symbols = true;
    if (strcmp(name, "main") == 0)
        symbols->has_main = true;
    const bool global = GELF_ST_BIND(symbol->st_info) == STB_GLOBAL;
    if (address == symbols->entry && strlen(name) < QL_SYMBOL_SIZE &&
        (symbols->entry_name[0] == '\0' || global))
        snprintf(symbols->entry_name, sizeof symbols->entry_name, "%s", name);
}

int ql_elf_symbols_read(struct ql_elf_symbols *symbols, const char *path,
                        struct ql_failure *failure)
{
    struct ql_elf_file file;
    GElf_Ehdr header;
    *symbols = (struct ql_elf_symbols){0};
    const int result = ql_elf_file_open(&file, path, failure);
    if (result == 0 && gelf_getehdr(file.elf, &header) != NULL) {
        symbols->entry = (uint32_t)header.e_entry & ~1U;
        ql_elf_file_functions(&file, take_function, symbols);
    }
    ql_elf_file_close(&file);
    return result;
}
