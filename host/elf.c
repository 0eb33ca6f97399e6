// ELF: what a programmer of flash has to write, taken from the program headers (libelf).
//
// Written from the System V ABI, chapters "Object Files" and "Program Loading". Loaded are the file
// bytes of each PT_LOAD segment at its physical address. What of them belongs to no section is not
// the program's: GNU ld puts the file's own headers into the first segment when its page allows,
// and zeros between sections. Such bytes are left out or FF, as `objcopy -O binary --gap-fill 0xFF`
// does, so that ELF and binary give the same chip.
//
// SPDX-License-Identifier: MIT
#include "host/image.h"

#include <gelf.h>
#include <string.h>

static int fail_damaged(struct ql_failure *failure, const char *name, const char *what)
{
    ql_fail(failure, QL_IMAGE_DAMAGED, "%s is truncated or damaged: %s", name, what);
    ql_hint(failure, "copy or build it again; `arm-none-eabi-readelf -l` shows what is left");
    return -QL_IMAGE_DAMAGED;
}

static const char *machine_name(const uint8_t *bytes)
{
    switch (bytes[18] | bytes[19] << 8) {
    case EM_386:
        return "an x86 program";
    case EM_X86_64:
        return "an x86-64 program of a PC";
    case EM_AARCH64:
        return "a 64-bit ARM program";
    case EM_RISCV:
        return "a RISC-V program";
    case EM_XTENSA:
        return "an Xtensa (ESP) program";
    case EM_ARM:
        return "an ARM program, but not 32-bit little-endian";
    default:
        return "a program of another machine";
    }
}

static int check_identity(const char *name, const uint8_t *bytes, size_t size,
                          struct ql_failure *failure)
{
    if (size < 4 || bytes[0] != 0x7F || bytes[1] != 'E' || bytes[2] != 'L' || bytes[3] != 'F') {
        ql_fail(failure, QL_IMAGE_DAMAGED,
                "%s has the name of an ELF file, but does not begin "
                "like one",
                name);
        ql_hint(failure, "a raw binary should be named .bin; or build the file again");
        return -QL_IMAGE_DAMAGED;
    }
    if (size < sizeof(Elf32_Ehdr))
        return fail_damaged(failure, name, "it ends within the ELF header");
    const int machine = bytes[18] | bytes[19] << 8;
    if (bytes[EI_CLASS] != ELFCLASS32 || bytes[EI_DATA] != ELFDATA2LSB || machine != EM_ARM) {
        ql_fail(failure, QL_IMAGE_MACHINE,
                "%s is %s; the STM32H750 needs a 32-bit little-endian "
                "ARM program",
                name, machine_name(bytes));
        ql_hint(failure, "build with an arm-none-eabi compiler and -mcpu=cortex-m7");
        return -QL_IMAGE_MACHINE;
    }
    const int type = bytes[16] | bytes[17] << 8;
    if (type != ET_EXEC) {
        ql_fail(failure, QL_IMAGE_MACHINE, "%s is %s, not a linked program", name,
                type == ET_REL ? "an object file" : "a shared object or a core file");
        ql_hint(failure, "link it with a linker script for 0x90100000, such as the SDK's app.ld");
        return -QL_IMAGE_MACHINE;
    }
    return 0;
}

// A part of the file that belongs to a segment.
struct part {
    size_t offset, size;
};

// What the section has in the file and in the segment; size 0 if nothing.
static struct part section_part(Elf_Scn *scan, const GElf_Phdr *segment)
{
    GElf_Shdr section;
    if (gelf_getshdr(scan, &section) == NULL || (section.sh_flags & SHF_ALLOC) == 0 ||
        section.sh_type == SHT_NOBITS || section.sh_size == 0)
        return (struct part){0};
    const uint64_t segment_end = segment->p_offset + segment->p_filesz;
    const uint64_t end = section.sh_offset + section.sh_size;
    if (section.sh_offset < segment->p_offset || section.sh_offset >= segment_end)
        return (struct part){0};
    return (struct part){section.sh_offset,
                         (end < segment_end ? end : segment_end) - section.sh_offset};
}

// From the segment's first section to its last; the whole segment if the file has no sections.
static struct part used_part(Elf *elf, const GElf_Phdr *segment)
{
    size_t start = SIZE_MAX;
    size_t end = 0;
    for (Elf_Scn *scan = elf_nextscn(elf, NULL); scan != NULL; scan = elf_nextscn(elf, scan)) {
        const struct part part = section_part(scan, segment);
        if (part.size > 0 && part.offset < start)
            start = part.offset;
        if (part.size > 0 && part.offset + part.size > end)
            end = part.offset + part.size;
    }
    if (end == 0)
        return (struct part){segment->p_offset, segment->p_filesz};
    return (struct part){start, end - start};
}

static int add_sections(struct ql_image *image, Elf *elf, const char *name, const uint8_t *bytes,
                        const GElf_Phdr *segment, struct ql_failure *failure)
{
    const struct part used = used_part(elf, segment);
    const int result = ql_image_add(image, name, segment->p_paddr + used.offset - segment->p_offset,
                                    bytes + used.offset, used.size, failure);
    if (result != 0)
        return result;
    uint8_t *data = image->extents[image->count - 1].data;
    bool blank = false;
    for (Elf_Scn *scan = elf_nextscn(elf, NULL); scan != NULL; scan = elf_nextscn(elf, scan)) {
        const struct part part = section_part(scan, segment);
        if (part.size == 0)
            continue;
        if (!blank)
            memset(data, 0xFF, used.size);
        blank = true;
        memcpy(data + (part.offset - used.offset), bytes + part.offset, part.size);
    }
    return 0;
}

static int read_segment(struct ql_image *image, Elf *elf, const char *name, const uint8_t *bytes,
                        size_t size, const GElf_Phdr *segment, struct ql_failure *failure)
{
    if (segment->p_type != PT_LOAD || segment->p_filesz == 0)
        return 0;
    if (segment->p_offset > size || segment->p_filesz > size - segment->p_offset) {
        ql_fail(failure, QL_IMAGE_DAMAGED,
                "%s is truncated: the segment for 0x%08X needs the file's bytes up to %llu, but it "
                "has only %zu",
                name, (uint32_t)segment->p_paddr,
                (unsigned long long)(segment->p_offset + segment->p_filesz), size);
        ql_hint(failure, "copy or build the file again");
        return -QL_IMAGE_DAMAGED;
    }
    return add_sections(image, elf, name, bytes, segment, failure);
}

static int read_segments(struct ql_image *image, Elf *elf, const char *name, const uint8_t *bytes,
                         size_t size, struct ql_failure *failure)
{
    const Elf32_Ehdr *header = elf32_getehdr(elf);
    if (header == NULL)
        return fail_damaged(failure, name, "its ELF header makes no sense");
    // libelf cuts the table short when the file is; so the header is asked, not libelf.
    const size_t count = header->e_phnum;
    if ((uint64_t)header->e_phoff + (uint64_t)count * sizeof(Elf32_Phdr) > size)
        return fail_damaged(failure, name, "its program headers lie behind the end of the file");
    for (size_t i = 0; i < count; i++) {
        // gelf copies it: in the file it may lie at any address.
        GElf_Phdr segment;
        if (gelf_getphdr(elf, (int)i, &segment) == NULL)
            return fail_damaged(failure, name, "its program headers cannot be read");
        const int result = read_segment(image, elf, name, bytes, size, &segment, failure);
        if (result != 0)
            return result;
    }
    if (image->count == 0) {
        ql_fail(failure, QL_IMAGE_NOTHING, "%s has no segment with bytes to load", name);
        ql_hint(failure, "the linker may have dropped everything: is the vector table KEEP()ed, "
                         "and is there an ENTRY()?");
        return -QL_IMAGE_NOTHING;
    }
    image->has_entry = header->e_entry != 0;
    image->entry = header->e_entry;
    return 0;
}

int ql_elf_read(struct ql_image *image, const char *name, const uint8_t *bytes, size_t size,
                struct ql_failure *failure)
{
    int result = check_identity(name, bytes, size, failure);
    if (result != 0)
        return result;
    if (elf_version(EV_CURRENT) == EV_NONE)
        return ql_fail(failure, QL_INTERNAL, "libelf does not know this ELF version");
    Elf *elf = elf_memory((char *)(uintptr_t)bytes, size); // libelf reads it only
    if (elf == NULL)
        return fail_damaged(failure, name, elf_errmsg(-1));
    result = read_segments(image, elf, name, bytes, size, failure);
    elf_end(elf);
    return result;
}
