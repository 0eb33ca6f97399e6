// An ELF file as debuggers have it, read by libelf: opened, and its functions.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_ELF_FILE_H
#define HOST_ELF_FILE_H

#include "host/error.h"

#include <gelf.h>
#include <stdint.h>

struct ql_elf_file {
    uint8_t *bytes;
    Elf *elf;
};

// Called for each function that is in the file; `name` may be a null pointer, `address` is without
// the Thumb bit.
typedef void ql_elf_function(void *context, const char *name, uint64_t address,
                             const GElf_Sym *symbol);

// Opens a 32-bit ARM program; QL_IMAGE_DAMAGED, QL_IMAGE_MACHINE or what ql_file_read says. It may
// be closed also when that failed.
int ql_elf_file_open(struct ql_elf_file *file, const char *path, struct ql_failure *failure);
void ql_elf_file_close(struct ql_elf_file *file);

void ql_elf_file_functions(const struct ql_elf_file *file, ql_elf_function *function,
                           void *context);

#endif
