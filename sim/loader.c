// Files with programs: ELF (by libelf), Intel HEX, raw bytes.
//
// Written from the ELF specification (segments are loaded at their physical addresses) and Intel's
// Hexadecimal Object File Format Specification of 1988.
//
// SPDX-License-Identifier: MIT
#include "sim/loader.h"

#include "sim/symbols.h"

#include <errno.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_SIZE_MAX (512u * 1024u * 1024u)

// A load under way.
struct load {
    const char *path;
    const struct loader_target *target;
    struct symbols *symbols;
    uint8_t *bytes;
    size_t length;
    uint32_t lowest;
    bool any;
    char *error;
    size_t error_size;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct load *load, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    snprintf(load->error, load->error_size, "%s: %s", load->path, text);
    return false;
}

static bool put(struct load *load, uint32_t address, const uint8_t *data, size_t length)
{
    char reason[160];

    if (length == 0) {
        return true;
    }
    if (!load->target->write(load->target->context, address, data, length, reason,
                             sizeof(reason))) {
        return fail(load, "%s", reason);
    }
    if (!load->any || address < load->lowest) {
        load->lowest = address;
    }
    load->any = true;
    return true;
}

// --- Reading the file ---------------------------------------------------------------------------

static bool read_stream(struct load *load, FILE *stream)
{
    struct stat status;

    if (fstat(fileno(stream), &status) != 0 || !S_ISREG(status.st_mode)) {
        return fail(load, "not a regular file");
    }
    if (status.st_size == 0) {
        return fail(load, "the file is empty");
    }
    if ((uint64_t)status.st_size > FILE_SIZE_MAX) {
        return fail(load, "larger than anything that could be loaded");
    }
    load->length = (size_t)status.st_size;
    load->bytes = malloc(load->length + 1);
    if (load->bytes == NULL || fread(load->bytes, 1, load->length, stream) != load->length) {
        return fail(load, "cannot be read: %s", strerror(errno));
    }
    load->bytes[load->length] = '\0';
    return true;
}

static bool read_file(struct load *load)
{
    FILE *stream = fopen(load->path, "rb");
    bool good;

    if (stream == NULL) {
        return fail(load, "%s", strerror(errno));
    }
    good = read_stream(load, stream);
    fclose(stream);
    return good;
}

// --- ELF ----------------------------------------------------------------------------------------

static bool load_segments(struct load *load, Elf *elf)
{
    size_t count = 0;

    if (elf_getphdrnum(elf, &count) != 0) {
        return fail(load, "damaged ELF file: %s", elf_errmsg(-1));
    }
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;

        if (gelf_getphdr(elf, (int)i, &segment) == NULL) {
            return fail(load, "damaged ELF file: %s", elf_errmsg(-1));
        }
        if (segment.p_type != PT_LOAD || segment.p_filesz == 0) {
            continue;
        }
        if (segment.p_offset > load->length || segment.p_filesz > load->length - segment.p_offset) {
            return fail(load, "the ELF file is cut off");
        }
        if (!put(load, (uint32_t)segment.p_paddr, load->bytes + segment.p_offset,
                 (size_t)segment.p_filesz)) {
            return false;
        }
    }
    return load->any || fail(load, "the ELF file holds nothing to load");
}

static void load_symbol_table(struct load *load, Elf *elf, Elf_Scn *section,
                              const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = header->sh_entsize != 0 ? (size_t)(header->sh_size / header->sh_entsize) : 0;

    for (size_t i = 0; data != NULL && i < count; i++) {
        GElf_Sym symbol;
        const char *name;
        int type;

        if (gelf_getsym(data, (int)i, &symbol) == NULL || symbol.st_shndx == SHN_UNDEF) {
            continue;
        }
        type = GELF_ST_TYPE(symbol.st_info);
        name = elf_strptr(elf, header->sh_link, symbol.st_name);
        if (name == NULL || name[0] == '\0' || name[0] == '$' ||
            (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE)) {
            continue;
        }
        symbols_add(load->symbols, name,
                    (uint32_t)symbol.st_value & (type == STT_FUNC ? ~UINT32_C(1) : UINT32_MAX),
                    (uint32_t)symbol.st_size, type == STT_FUNC);
    }
}

static void load_symbols(struct load *load, Elf *elf)
{
    Elf_Scn *section = NULL;

    while ((section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;

        if (gelf_getshdr(section, &header) != NULL && header.sh_type == SHT_SYMTAB) {
            load_symbol_table(load, elf, section, &header);
        }
    }
}

static bool load_elf(struct load *load)
{
    Elf *elf;
    GElf_Ehdr header;
    bool good;

    elf_version(EV_CURRENT);
    elf = elf_memory((char *)load->bytes, load->length);
    if (elf == NULL || gelf_getehdr(elf, &header) == NULL) {
        good = fail(load, "damaged ELF file: %s", elf_errmsg(-1));
    } else if (header.e_machine != EM_ARM || gelf_getclass(elf) != ELFCLASS32) {
        good = fail(load, "an ELF file, but not for 32-bit Arm");
    } else {
        good = load_segments(load, elf);
        if (good) {
            load_symbols(load, elf);
        }
    }
    elf_end(elf);
    return good;
}

// --- Intel HEX ----------------------------------------------------------------------------------

static int hex_digit(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    if (character >= 'A' && character <= 'F') {
        return character - 'A' + 10;
    }
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

// Decodes the bytes behind a colon; returns how many, -1 if it is no record with a good checksum.
static int hex_record(const char *line, uint8_t record[260])
{
    int count = 0;
    uint8_t sum = 0;

    while (hex_digit(line[0]) >= 0 && hex_digit(line[1]) >= 0 && count < 260) {
        record[count] = (uint8_t)(hex_digit(line[0]) * 16 + hex_digit(line[1]));
        sum = (uint8_t)(sum + record[count++]);
        line += 2;
    }
    return count >= 5 && record[0] == count - 5 && sum == 0 ? count : -1;
}

static bool load_hex(struct load *load)
{
    const char *line = (const char *)load->bytes;
    uint32_t base = 0;

    for (unsigned number = 1; *line != '\0'; number++) {
        uint8_t record[260];
        uint32_t offset;

        if (line[0] == ':') {
            if (hex_record(line + 1, record) < 0) {
                return fail(load, "line %u is not an Intel HEX record with a good checksum",
                            number);
            }
            offset = (uint32_t)record[1] << 8 | record[2];
            if (record[3] == 0 && !put(load, base + offset, record + 4, record[0])) {
                return false;
            }
            if (record[3] == 1) {
                return load->any || fail(load, "the HEX file holds no bytes");
            }
            if (record[3] == 2 || record[3] == 4) {
                base = ((uint32_t)record[4] << 8 | record[5]) << (record[3] == 4 ? 16 : 4);
            }
        } else if (line[0] != '\r' && line[0] != '\n') {
            return fail(load, "line %u does not begin with a colon", number);
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return fail(load, "the HEX file has no end record");
}

// --- All kinds ----------------------------------------------------------------------------------

static bool load_kind(struct load *load, bool has_address, uint32_t address)
{
    if (load->length >= 4 && memcmp(load->bytes, "\177ELF", 4) == 0) {
        return has_address ? fail(load, "an ELF file brings its own addresses") : load_elf(load);
    }
    if (!has_address && load->bytes[0] == ':') {
        return load_hex(load);
    }
    if (!has_address) {
        return fail(load, "neither ELF nor Intel HEX: say where it goes, FILE@ADDRESS");
    }
    return put(load, address, load->bytes, load->length);
}

bool loader_load(const char *specification, const struct loader_target *target,
                 struct symbols *symbols, uint32_t *lowest, char *error, size_t error_size)
{
    struct load load = {
        .target = target, .symbols = symbols, .error = error, .error_size = error_size};
    char *path = strdup(specification);
    char *at = path != NULL ? strrchr(path, '@') : NULL;
    uint32_t address = 0;
    bool good = true;

    if (path == NULL) {
        abort();
    }
    load.path = path;
    if (at != NULL) {
        char *end;
        unsigned long long value = strtoull(at + 1, &end, 0);

        if (*end == '\0' && end != at + 1 && value <= UINT32_MAX) {
            address = (uint32_t)value;
            *at = '\0';
        } else {
            at = NULL; // the @ belongs to the name
        }
    }
    good = read_file(&load) && load_kind(&load, at != NULL, address);
    *lowest = load.lowest;
    free(load.bytes);
    free(path);
    return good;
}
