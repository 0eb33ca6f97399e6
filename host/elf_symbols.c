// What a debugger's configuration wants to know of a program, from its symbol table (libelf).
//
// Written from the System V ABI, chapter "Object Files", section "Symbol Table", and the ELF for
// the Arm Architecture (bit 0 of a function's value says Thumb).
//
// SPDX-License-Identifier: MIT
#include "host/elf_symbols.h"

#include "host/file.h"

#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_symbol(struct ql_elf_symbols *symbols, const char *name, const GElf_Sym *symbol)
{
    const bool is_function = GELF_ST_TYPE(symbol->st_info) == STT_FUNC;
    if (name == NULL || !is_function || symbol->st_shndx == SHN_UNDEF)
        return;
    symbols->has_symbols = true;
    if (strcmp(name, "main") == 0)
        symbols->has_main = true;
    const bool global = GELF_ST_BIND(symbol->st_info) == STB_GLOBAL;
    if ((symbol->st_value & ~UINT64_C(1)) == symbols->entry && strlen(name) < QL_SYMBOL_SIZE &&
        (symbols->entry_name[0] == '\0' || global))
        snprintf(symbols->entry_name, sizeof symbols->entry_name, "%s", name);
}

static void read_table(struct ql_elf_symbols *symbols, Elf *elf, Elf_Scn *section,
                       const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    const size_t size = gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
    if (data == NULL || size == 0)
        return;
    for (size_t i = 0; i < data->d_size / size; i++) {
        GElf_Sym symbol;
        if (gelf_getsym(data, (int)i, &symbol) != NULL)
            take_symbol(symbols, elf_strptr(elf, header->sh_link, symbol.st_name), &symbol);
    }
}

static void read_tables(struct ql_elf_symbols *symbols, Elf *elf)
{
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section != NULL;
         section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) != NULL && header.sh_type == SHT_SYMTAB)
            read_table(symbols, elf, section, &header);
    }
}

int ql_elf_symbols_read(struct ql_elf_symbols *symbols, const char *path,
                        struct ql_failure *failure)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    *symbols = (struct ql_elf_symbols){0};
    int result = ql_file_read(path, &bytes, &size, failure);
    if (result != 0)
        return result;
    Elf *elf = elf_version(EV_CURRENT) != EV_NONE ? elf_memory((char *)bytes, size) : NULL;
    Elf32_Ehdr *header = elf != NULL ? elf32_getehdr(elf) : NULL;
    if (header == NULL) {
        result = ql_fail(failure, QL_IMAGE_DAMAGED, "%s is no ELF file that can be read", path);
    } else {
        symbols->entry = header->e_entry & ~1U;
        read_tables(symbols, elf);
    }
    if (elf != NULL)
        elf_end(elf);
    free(bytes);
    return result;
}
