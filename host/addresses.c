// Which function and line of the source an address of a program belongs to.
//
// Written from the DWARF Debugging Information Format, version 5 (sections 3.3.8 "Inlinable and
// Inlined Subroutines", 6.2 "Line Number Information"), and the documentation of elfutils' libdw.
//
// SPDX-License-Identifier: MIT
#include "host/addresses.h"

#include "host/elf_file.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct ql_addresses {
    char *path;
    struct stat stamp; // of the file when it was read
    struct ql_elf_file file;
    Dwarf *dwarf; // a null pointer: no debug information
};

int ql_addresses_open(struct ql_addresses **addresses, const char *path, struct ql_failure *failure)
{
    struct ql_addresses *opened = calloc(1, sizeof *opened);
    *addresses = NULL;
    if (opened == NULL || (opened->path = strdup(path)) == NULL) {
        free(opened);
        return ql_fail_memory(failure);
    }
    if (stat(path, &opened->stamp) != 0)
        opened->stamp = (struct stat){0};
    const int result = ql_elf_file_open(&opened->file, path, failure);
    if (result != 0) {
        ql_addresses_close(opened);
        return result;
    }
    opened->dwarf = dwarf_begin_elf(opened->file.elf, DWARF_C_READ, NULL);
    *addresses = opened;
    return 0;
}

void ql_addresses_close(struct ql_addresses *addresses)
{
    if (addresses == NULL)
        return;
    if (addresses->dwarf != NULL)
        dwarf_end(addresses->dwarf);
    ql_elf_file_close(&addresses->file);
    free(addresses->path);
    free(addresses);
}

void ql_addresses_refresh(struct ql_addresses **addresses)
{
    struct ql_addresses *other = NULL;
    struct ql_failure ignored;
    struct stat stamp;
    if (*addresses == NULL || stat((*addresses)->path, &stamp) != 0)
        return;
    const struct stat *before = &(*addresses)->stamp;
    if (stamp.st_ino == before->st_ino && stamp.st_size == before->st_size &&
        stamp.st_mtim.tv_sec == before->st_mtim.tv_sec &&
        stamp.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
        return;
    if (ql_addresses_open(&other, (*addresses)->path, &ignored) != 0)
        return;
    ql_addresses_close(*addresses);
    *addresses = other;
}

static bool is_code(const struct ql_addresses *addresses, uint32_t address)
{
    for (Elf_Scn *scan = elf_nextscn(addresses->file.elf, NULL); scan != NULL;
         scan = elf_nextscn(addresses->file.elf, scan)) {
        GElf_Shdr section;
        if (gelf_getshdr(scan, &section) != NULL && section.sh_type != SHT_NOBITS &&
            (section.sh_flags & (SHF_ALLOC | SHF_EXECINSTR)) == (SHF_ALLOC | SHF_EXECINSTR) &&
            address >= section.sh_addr && address - section.sh_addr < section.sh_size)
            return true;
    }
    return false;
}

// The compilation unit; where a compiler left no table of addresses, all of them are asked.
static bool find_unit(const struct ql_addresses *addresses, uint32_t address, Dwarf_Die *unit)
{
    if (addresses->dwarf == NULL)
        return false;
    if (dwarf_addrdie(addresses->dwarf, address, unit) != NULL)
        return true;
    Dwarf_CU *scan = NULL;
    while (dwarf_get_units(addresses->dwarf, scan, &scan, NULL, NULL, unit, NULL) == 0) {
        if (dwarf_haspc(unit, address) > 0)
            return true;
    }
    return false;
}

static void set_file(struct ql_place *place, Dwarf_Die *unit, const char *file)
{
    Dwarf_Attribute attribute;
    const char *folder = dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute));
    const int length = file[0] == '/' || folder == NULL
                           ? snprintf(place->file, sizeof place->file, "%s", file)
                           : snprintf(place->file, sizeof place->file, "%s/%s", folder, file);
    if (length < 0 || (size_t)length >= sizeof place->file)
        place->line = 0;
}

static void set_function(struct ql_place *place, const char *name)
{
    snprintf(place->function, sizeof place->function, "%s", name != NULL ? name : "??");
}

// Where an inlined function was called.
static void set_call(struct ql_place *place, Dwarf_Die *unit, Dwarf_Die *inlined)
{
    Dwarf_Attribute attribute;
    Dwarf_Word number = 0;
    Dwarf_Word line = 0;
    Dwarf_Files *files = NULL;
    if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &number) != 0 ||
        dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) != 0 ||
        dwarf_getsrcfiles(unit, &files, NULL) != 0)
        return;
    const char *file = dwarf_filesrc(files, number, NULL, NULL);
    place->line = (unsigned)line;
    if (file != NULL)
        set_file(place, unit, file);
    else
        place->line = 0;
}

// The function of the symbol table that the address lies in; one written in assembly may have no
// size.
struct nearest {
    uint32_t wanted;
    uint64_t address;
    const char *name;
};

static void take_nearer(void *context, const char *name, uint64_t address, const GElf_Sym *symbol)
{
    struct nearest *nearest = context;
    const bool holds = nearest->wanted >= address &&
                       (symbol->st_size == 0 || nearest->wanted - address < symbol->st_size);
    if (holds && address >= nearest->address) {
        nearest->address = address;
        nearest->name = name;
    }
}

static const char *find_symbol(const struct ql_addresses *addresses, uint32_t address)
{
    struct nearest nearest = {.wanted = address};
    ql_elf_file_functions(&addresses->file, take_nearer, &nearest);
    return nearest.name;
}

// From the innermost function outwards, as far as they were inlined. Returns how many places.
static size_t name_functions(Dwarf_Die *unit, uint32_t address, struct ql_place *places)
{
    Dwarf_Die *innermost = NULL;
    Dwarf_Die *scopes = NULL;
    size_t count = 0;
    // The other scopes that the first call finds are those of the source, not of the call.
    const int found = dwarf_getscopes(unit, address, &innermost);
    const int scope_count = found > 0 ? dwarf_getscopes_die(&innermost[0], &scopes) : 0;
    for (int i = 0; i < scope_count && count < QL_PLACES_MAX; i++) {
        const int tag = dwarf_tag(&scopes[i]);
        if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
            continue;
        set_function(&places[count++], dwarf_diename(&scopes[i]));
        if (tag == DW_TAG_subprogram)
            break;
        if (count < QL_PLACES_MAX) {
            places[count] = (struct ql_place){0};
            set_call(&places[count], unit, &scopes[i]);
        }
    }
    free(innermost);
    free(scopes);
    return count;
}

size_t ql_addresses_find(const struct ql_addresses *addresses, uint32_t address,
                         struct ql_place places[QL_PLACES_MAX])
{
    Dwarf_Die unit;
    size_t count = 0;
    if (!is_code(addresses, address))
        return 0;
    places[0] = (struct ql_place){0};
    if (find_unit(addresses, address, &unit)) {
        Dwarf_Line *line = dwarf_getsrc_die(&unit, address);
        const char *file = line != NULL ? dwarf_linesrc(line, NULL, NULL) : NULL;
        int number = 0;
        if (file != NULL && dwarf_lineno(line, &number) == 0 && number > 0) {
            places[0].line = (unsigned)number;
            set_file(&places[0], &unit, file);
        }
        count = name_functions(&unit, address, places);
    }
    if (count > 0)
        return count;
    set_function(&places[0], find_symbol(addresses, address));
    return 1;
}

size_t ql_addresses_find_call(const struct ql_addresses *addresses, uint32_t return_address,
                              struct ql_place places[QL_PLACES_MAX])
{
    // The last bytes of the call, which are its own in either length.
    return ql_addresses_find(addresses, (return_address & ~UINT32_C(1)) - 2, places);
}

void ql_place_format(const struct ql_place *place, char text[QL_PLACE_TEXT_SIZE])
{
    const int length = snprintf(text, QL_PLACE_TEXT_SIZE, "%s", place->function);
    if (place->line > 0 && length > 0)
        snprintf(text + length, QL_PLACE_TEXT_SIZE - (size_t)length, " at %s:%u", place->file,
                 place->line);
}
