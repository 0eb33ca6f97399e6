// From a file to sorted runs of bytes: reading, telling the format, merging, finding the program.
//
// SPDX-License-Identifier: MIT
#include "host/image.h"

#include "host/dfu_file.h"
#include "host/file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define JOINED_SIZE_MAX (UINT64_C(256) << 20) // the mapped window

const char *ql_format_name(enum ql_format format)
{
    static const char *const names[] = {"BIN", "ELF", "HEX", "DFU"};
    return names[format];
}

uint64_t ql_image_size(const struct ql_image *image)
{
    uint64_t size = 0;
    for (size_t i = 0; i < image->count; i++)
        size += image->extents[i].size;
    return size;
}

void ql_image_free(struct ql_image *image)
{
    for (size_t i = 0; i < image->count; i++)
        free(image->extents[i].data);
    free(image->extents);
    *image = (struct ql_image){0};
}

static uint64_t extent_end(const struct ql_extent *extent)
{
    return (uint64_t)extent->address + extent->size;
}

// A new extent at the end of the list, its bytes FF.
static int append(struct ql_image *image, uint64_t address, uint64_t size,
                  struct ql_failure *failure)
{
    struct ql_extent *extents =
        realloc(image->extents, (image->count + 1) * sizeof image->extents[0]);
    if (extents == NULL)
        return ql_fail_memory(failure);
    image->extents = extents;
    uint8_t *data = malloc((size_t)size);
    if (data == NULL)
        return ql_fail_memory(failure);
    memset(data, 0xFF, (size_t)size);
    extents[image->count++] = (struct ql_extent){(uint32_t)address, (uint32_t)size, data};
    return 0;
}

int ql_image_add(struct ql_image *image, const char *name, uint64_t address, const uint8_t *data,
                 size_t size, struct ql_failure *failure)
{
    if (address + size > UINT64_C(0x100000000)) {
        ql_fail(failure, QL_OUTSIDE,
                "%s: %zu bytes at 0x%08llX reach past the end of the 4 GiB "
                "address space",
                name, size, (unsigned long long)address);
        ql_hint(failure, "programs for the flash chip lie at 0x90100000 and above");
        return -QL_OUTSIDE;
    }
    const int result = append(image, address, size, failure);
    if (result == 0)
        memcpy(image->extents[image->count - 1].data, data, size);
    return result;
}

static int compare_extents(const void *left, const void *right)
{
    const uint32_t a = ((const struct ql_extent *)left)->address;
    const uint32_t b = ((const struct ql_extent *)right)->address;
    return a < b ? -1 : a > b;
}

static int sort_extents(struct ql_image *image, const char *name, struct ql_failure *failure)
{
    qsort(image->extents, image->count, sizeof image->extents[0], compare_extents);
    for (size_t i = 1; i < image->count; i++) {
        const struct ql_extent *low = &image->extents[i - 1];
        const struct ql_extent *high = &image->extents[i];
        if (extent_end(low) <= high->address)
            continue;
        ql_fail(failure, QL_IMAGE_OVERLAP,
                "%s: two parts overlap at 0x%08X (one begins at 0x%08X "
                "and has %u bytes, the other begins at 0x%08X)",
                name, high->address, low->address, low->size, high->address);
        ql_hint(failure, "correct the load addresses in the linker script, or the tool that "
                         "joined the file");
        return -QL_IMAGE_OVERLAP;
    }
    return 0;
}

// Joins extents `first`..`last` into one. The gaps become FF.
static int join(struct ql_image *image, size_t first, size_t last, struct ql_failure *failure)
{
    if (first == last)
        return 0;
    struct ql_extent *low = &image->extents[first];
    const uint64_t size = extent_end(&image->extents[last]) - low->address;
    if (size > JOINED_SIZE_MAX)
        return ql_fail(failure, QL_TOO_LARGE,
                       "the program reaches from 0x%08X to 0x%08llX, which "
                       "is more than any flash chip holds",
                       low->address, (unsigned long long)(low->address + size - 1));
    uint8_t *data = malloc((size_t)size);
    if (data == NULL)
        return ql_fail_memory(failure);
    memset(data, 0xFF, (size_t)size);
    for (size_t i = first; i <= last; i++) {
        const struct ql_extent *part = &image->extents[i];
        memcpy(data + (part->address - low->address), part->data, part->size);
        free(part->data);
    }
    low->data = data;
    low->size = (uint32_t)size;
    memmove(low + 1, &image->extents[last + 1],
            (image->count - last - 1) * sizeof image->extents[0]);
    image->count -= last - first;
    return 0;
}

// Neighbours with a gap of less than `gap` bytes, and those that share a sector.
static int join_neighbours(struct ql_image *image, uint32_t gap, uint32_t sector_size,
                           struct ql_failure *failure)
{
    for (size_t first = 0; first < image->count; first++) {
        size_t last = first;
        while (last + 1 < image->count) {
            const uint64_t end = extent_end(&image->extents[last]);
            const uint32_t next = image->extents[last + 1].address;
            if (next - end >= gap && next / sector_size != (end - 1) / sector_size)
                break;
            last++;
        }
        const int result = join(image, first, last, failure);
        if (result != 0)
            return result;
    }
    return 0;
}

static uint32_t word_at(const struct ql_extent *extent, uint32_t offset)
{
    const uint8_t *bytes = extent->data + offset;
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

// The program is the extent whose second word is the file's entry point; without such, the lowest.
// A vector table that stands apart from its code is joined with it, since an entry must lie
// inside the program.
static int find_program(struct ql_image *image, struct ql_failure *failure)
{
    image->program = 0;
    if (!image->has_entry)
        return 0;
    size_t holder = image->count;
    for (size_t i = 0; i < image->count; i++) {
        const struct ql_extent *extent = &image->extents[i];
        if ((image->entry & ~1U) >= extent->address && (image->entry & ~1U) < extent_end(extent))
            holder = i;
    }
    if (holder == image->count)
        return 0;
    for (size_t i = 0; i <= holder; i++) {
        const struct ql_extent *extent = &image->extents[i];
        if (extent->size >= 8 && word_at(extent, 4) == (image->entry | 1U)) {
            image->program = i;
            if (extent->address < QL_MAPPED_BASE)
                return 0; // RAM, where they may lie apart
            return join(image, i, holder, failure);
        }
    }
    image->program = holder;
    return 0;
}

static bool has_suffix(const char *name, const char *suffix)
{
    const size_t length = strlen(name);
    const size_t suffix_length = strlen(suffix);
    return length > suffix_length && strcasecmp(name + length - suffix_length, suffix) == 0;
}

static bool is_hexadecimal(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'F') ||
           (byte >= 'a' && byte <= 'f');
}

static bool begins_as_hex(const uint8_t *bytes, size_t size)
{
    if (size < 11 || bytes[0] != ':')
        return false;
    for (size_t i = 1; i < 11; i++) {
        if (!is_hexadecimal(bytes[i]))
            return false;
    }
    return true;
}

static enum ql_format tell_format(const char *name, const uint8_t *bytes, size_t size)
{
    if ((size >= 4 && memcmp(bytes, "\177ELF", 4) == 0) || has_suffix(name, ".elf") ||
        has_suffix(name, ".axf"))
        return QL_FORMAT_ELF;
    if (has_suffix(name, ".hex") || has_suffix(name, ".ihex") || has_suffix(name, ".ihx") ||
        begins_as_hex(bytes, size))
        return QL_FORMAT_HEX;
    if (has_suffix(name, ".dfu") || ql_dfu_begins(bytes, size))
        return QL_FORMAT_DFU;
    return QL_FORMAT_BIN;
}

static int read_format(struct ql_image *image, const char *name, const uint8_t *bytes, size_t size,
                       const uint32_t *address, struct ql_failure *failure)
{
    static const char *const kinds[] = {"", "an ELF", "an Intel HEX", "a DFU"};
    if (address != NULL && image->format != QL_FORMAT_BIN) {
        ql_fail(failure, QL_USAGE,
                "%s is %s file and carries its own addresses; 0x%08X cannot be "
                "applied to it",
                name, kinds[image->format], *address);
        ql_hint(failure, "leave the address away, or make a raw binary (arm-none-eabi-objcopy -O "
                         "binary) and give that");
        return -QL_USAGE;
    }
    switch (image->format) {
    case QL_FORMAT_ELF:
        return ql_elf_read(image, name, bytes, size, failure);
    case QL_FORMAT_HEX:
        return ql_hex_read(image, name, bytes, size, failure);
    case QL_FORMAT_DFU:
        return ql_dfu_read(image, name, bytes, size, failure);
    case QL_FORMAT_BIN:
        break;
    }
    return ql_image_add(image, name, address != NULL ? *address : QL_PROGRAM_FIRST, bytes, size,
                        failure);
}

int ql_image_finish(struct ql_image *image, const char *name, struct ql_failure *failure)
{
    int result = sort_extents(image, name, failure);
    if (result == 0)
        result = join_neighbours(image, QL_SECTOR_SIZE, QL_SECTOR_SIZE, failure);
    return result == 0 ? find_program(image, failure) : result;
}

int ql_image_parse(struct ql_image *image, const char *name, const uint8_t *bytes, size_t size,
                   const uint32_t *address, struct ql_failure *failure)
{
    *image = (struct ql_image){0};
    if (size == 0) {
        ql_fail(failure, QL_FILE_EMPTY, "%s is empty", name);
        ql_hint(failure, "the build may have failed half-way; build it again");
        return -QL_FILE_EMPTY;
    }
    image->format = tell_format(name, bytes, size);
    int result = read_format(image, name, bytes, size, address, failure);
    if (result == 0)
        result = ql_image_finish(image, name, failure);
    if (result != 0)
        ql_image_free(image);
    return result;
}

int ql_image_load(struct ql_image *image, const char *path, const uint32_t *address,
                  struct ql_failure *failure)
{
    *image = (struct ql_image){0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    int result = ql_file_read(path, &bytes, &size, failure);
    if (result == 0)
        result = ql_image_parse(image, path, bytes, size, address, failure);
    free(bytes);
    return result;
}

int ql_image_blank(struct ql_image *image, uint32_t address, uint32_t size,
                   struct ql_failure *failure)
{
    *image = (struct ql_image){0};
    const int result = append(image, address, size, failure);
    if (result != 0)
        ql_image_free(image);
    return result;
}

static int widen(struct ql_extent *extent, uint32_t sector_size, struct ql_failure *failure)
{
    const uint32_t before = extent->address % sector_size;
    const uint32_t over = (uint32_t)(extent_end(extent) % sector_size);
    const uint32_t after = sector_size == QL_SECTOR_SIZE || over == 0 ? 0 : sector_size - over;
    if (before == 0 && after == 0)
        return 0;
    uint8_t *data = malloc((size_t)before + extent->size + after);
    if (data == NULL)
        return ql_fail_memory(failure);
    memset(data, 0xFF, before);
    memcpy(data + before, extent->data, extent->size);
    memset(data + before + extent->size, 0xFF, after);
    free(extent->data);
    *extent = (struct ql_extent){extent->address - before, before + extent->size + after, data};
    return 0;
}

int ql_image_align(struct ql_image *image, uint32_t sector_size, struct ql_failure *failure)
{
    const uint32_t program = image->extents[image->program].address;
    int result = join_neighbours(image, 0, sector_size, failure);
    for (size_t i = 0; i < image->count && result == 0; i++) {
        result = widen(&image->extents[i], sector_size, failure);
        if (image->extents[i].address <= program)
            image->program = i;
    }
    return result;
}
