// An ELF file as debuggers have it, read by libelf: opened, and its functions.
//
// Written from the System V ABI, chapter "Object Files", section "Symbol Table", and the ELF for
// the Arm Architecture (bit 0 of a function's value says Thumb).
//
// SPDX-License-Identifier: MIT
#include "host/elf_file.h"

#include "host/file.h"

#include <stdlib.h>

int ql_elf_file_open(struct ql_elf_file *file, const char *path, struct ql_failure *failure)
{
    size_t size = 0;
    GElf_Ehdr header;
    *file = (struct ql_elf_file){0};
    const int result = ql_file_read(path, &file->bytes, &size, failure);
    if (result != 0)
        return result;
    if (elf_version(EV_CURRENT) != EV_NONE)
        file->elf = elf_memory((char *)file->bytes, size);
    if (file->elf == NULL || gelf_getehdr(file->elf, &header) == NULL) {
        ql_fail(failure, QL_IMAGE_DAMAGED, "%s is no ELF file that can be read", path);
        ql_hint(failure, "it is the file that the linker leaves, not the .bin or .hex made of it");
        return -QL_IMAGE_DAMAGED;
    }
    if (header.e_machine != EM_ARM || header.e_ident[EI_CLASS] != ELFCLASS32)
        return ql_fail(failure, QL_IMAGE_MACHINE, "%s is no 32-bit ARM program", path);
    return 0;
}

void ql_elf_file_close(struct ql_elf_file *file)
{
    if (file->elf != NULL)
        elf_end(file->elf);
    free(file->bytes);
    *file = (struct ql_elf_file){0};
}

static void each_in_table(const struct ql_elf_file *file, Elf_Scn *section,
                          ql_elf_function *function, void *context)
{
    GElf_Shdr header;
    GElf_Sym symbol;
    Elf_Data *data = NULL;
    if (gelf_getshdr(section, &header) == NULL || header.sh_type != SHT_SYMTAB ||
        (data = elf_getdata(section, NULL)) == NULL)
        return;
    for (int i = 0; gelf_getsym(data, i, &symbol) != NULL; i++) {
        if (GELF_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF)
            function(context, elf_strptr(file->elf, header.sh_link, symbol.st_name),
                     symbol.st_value & ~UINT64_C(1), &symbol);
    }
}

void ql_elf_file_functions(const struct ql_elf_file *file, ql_elf_function *function, void *context)
{
    for (Elf_Scn *section = elf_nextscn(file->elf, NULL); section != NULL;
         section = elf_nextscn(file->elf, section))
        each_in_table(file, section, function, context);
}
