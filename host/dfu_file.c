// DfuSe files (.dfu): bytes with their addresses, for dfu-util and ST's tools, read and written.
//
// Written from ST's UM0391, "DfuSe file format specification", and the suffix of "USB Device Class
// Specification for Device Firmware Upgrade" 1.1, appendix B.
//
// SPDX-License-Identifier: MIT
#include "host/dfu_file.h"

#include "abi/bytes.h"
#include "abi/crc32.h"

#include <stdlib.h>
#include <string.h>

enum {
    PREFIX_SIZE = 11,
    PREFIX_VERSION = 5,
    PREFIX_IMAGE_SIZE = 6,
    PREFIX_TARGETS = 10,

    TARGET_SIZE = 274,
    TARGET_SETTING = 6,
    TARGET_NAMED = 7,
    TARGET_NAME = 11,
    TARGET_BYTES = 266,
    TARGET_ELEMENTS = 270,

    ELEMENT_SIZE = 8,

    SUFFIX_SIZE = 16,
    SUFFIX_DEVICE = 0,
    SUFFIX_PRODUCT = 2,
    SUFFIX_VENDOR = 4,
    SUFFIX_DFU = 6,
    SUFFIX_SIGNATURE = 8,
    SUFFIX_LENGTH = 11,
    SUFFIX_CRC = 12,
};

#define DFUSE_VERSION 0x011A
#define ANY           0xFFFF

static const char prefix_signature[] = "DfuSe";
static const char target_signature[] = "Target";
static const char suffix_signature[] = "UFD";
static const char target_name[] = "quadlane";

bool ql_dfu_begins(const uint8_t *bytes, size_t size)
{
    return size >= PREFIX_SIZE && memcmp(bytes, prefix_signature, 5) == 0;
}

// --- Reading ------------------------------------------------------------------------------------

struct reader {
    struct ql_image *image;
    const char *name;
    const uint8_t *at;
    size_t left;
    struct ql_failure *failure;
};

static int fail_damaged(struct reader *reader, const char *what)
{
    ql_fail(reader->failure, QL_IMAGE_DAMAGED, "%s is truncated or damaged: %s", reader->name,
            what);
    ql_hint(reader->failure, "copy or make it again; `dfu-suffix -c` checks such files");
    return -QL_IMAGE_DAMAGED;
}

static const uint8_t *take(struct reader *reader, size_t size)
{
    const uint8_t *at = reader->at;
    if (size > reader->left)
        return NULL;
    reader->at += size;
    reader->left -= size;
    return at;
}

static bool id_is(const uint8_t *suffix, unsigned offset, unsigned ours)
{
    const unsigned found = ql_load_u16(suffix + offset);
    return found == ours || found == ANY;
}

static int check_suffix(struct reader *reader, const uint8_t *bytes, size_t size)
{
    if (size < SUFFIX_SIZE ||
        memcmp(bytes + size - SUFFIX_SIZE + SUFFIX_SIGNATURE, suffix_signature, 3) != 0)
        return fail_damaged(reader, "it does not end with a DFU suffix");
    const uint8_t *suffix = bytes + size - SUFFIX_SIZE;
    if (suffix[SUFFIX_LENGTH] != SUFFIX_SIZE)
        return fail_damaged(reader, "the length of its suffix is not 16");
    if (ql_load_u32(suffix + SUFFIX_CRC) != ~ql_crc32(0, bytes, size - 4))
        return fail_damaged(reader, "its checksum is wrong");
    if (ql_load_u16(suffix + SUFFIX_DFU) != DFUSE_VERSION || !ql_dfu_begins(bytes, size)) {
        ql_fail(reader->failure, QL_DFU_PLAIN,
                "%s is a plain DFU file: it does not say at which address its bytes belong",
                reader->name);
        ql_hint(reader->failure, "give the raw binary and its address, or a file that `quadlane "
                                 "pack --dfu` has made");
        return -QL_DFU_PLAIN;
    }
    if (!id_is(suffix, SUFFIX_VENDOR, QL_USB_VID) || !id_is(suffix, SUFFIX_PRODUCT, QL_USB_PID)) {
        ql_fail(reader->failure, QL_DFU_FOREIGN,
                "%s is for the USB device %04X:%04X, not for %04X:%04X", reader->name,
                ql_load_u16(suffix + SUFFIX_VENDOR), ql_load_u16(suffix + SUFFIX_PRODUCT),
                QL_USB_VID, QL_USB_PID);
        ql_hint(reader->failure, "if its program is meant for this board, give the ELF or binary "
                                 "that it was made from");
        return -QL_DFU_FOREIGN;
    }
    return 0;
}

static int read_element(struct reader *reader)
{
    const uint8_t *head = take(reader, ELEMENT_SIZE);
    if (head == NULL)
        return fail_damaged(reader, "it ends within an element");
    const uint32_t size = ql_load_u32(head + 4);
    const uint8_t *data = take(reader, size);
    if (data == NULL)
        return fail_damaged(reader, "an element is longer than the file");
    if (size == 0)
        return 0;
    return ql_image_add(reader->image, reader->name, ql_load_u32(head), data, size,
                        reader->failure);
}

static int read_target(struct reader *reader)
{
    const uint8_t *head = take(reader, TARGET_SIZE);
    if (head == NULL || memcmp(head, target_signature, 6) != 0)
        return fail_damaged(reader, "a target is missing");
    if (head[TARGET_SETTING] != 0) {
        ql_fail(reader->failure, QL_DFU_FOREIGN,
                "%s has a target for alternate setting %u; this board has only 0", reader->name,
                head[TARGET_SETTING]);
        ql_hint(reader->failure, "it was made for a device with several memories");
        return -QL_DFU_FOREIGN;
    }
    const uint32_t count = ql_load_u32(head + TARGET_ELEMENTS);
    int result = 0;
    for (uint32_t i = 0; i < count && result == 0; i++)
        result = read_element(reader);
    return result;
}

int ql_dfu_read(struct ql_image *image, const char *name, const uint8_t *bytes, size_t size,
                struct ql_failure *failure)
{
    struct reader reader = {image, name, bytes, size, failure};
    int result = check_suffix(&reader, bytes, size);
    if (result != 0)
        return result;
    reader.left -= SUFFIX_SIZE;
    const uint8_t *prefix = take(&reader, PREFIX_SIZE);
    if (prefix == NULL || prefix[PREFIX_VERSION] != 1 ||
        ql_load_u32(prefix + PREFIX_IMAGE_SIZE) != size - SUFFIX_SIZE)
        return fail_damaged(&reader, "its prefix does not fit the file");
    for (unsigned i = 0; i < prefix[PREFIX_TARGETS] && result == 0; i++)
        result = read_target(&reader);
    if (result == 0 && reader.left > 0)
        result = fail_damaged(&reader, "there are bytes behind its last element");
    if (result == 0 && image->count == 0) {
        ql_fail(failure, QL_IMAGE_NOTHING, "%s holds nothing to write", name);
        result = -QL_IMAGE_NOTHING;
    }
    return result;
}

// --- Writing ------------------------------------------------------------------------------------

static void write_suffix(uint8_t *bytes, size_t size)
{
    uint8_t *suffix = bytes + size - SUFFIX_SIZE;
    ql_store_u16(suffix + SUFFIX_DEVICE, ANY);
    ql_store_u16(suffix + SUFFIX_PRODUCT, QL_USB_PID);
    ql_store_u16(suffix + SUFFIX_VENDOR, QL_USB_VID);
    ql_store_u16(suffix + SUFFIX_DFU, DFUSE_VERSION);
    memcpy(suffix + SUFFIX_SIGNATURE, suffix_signature, 3);
    suffix[SUFFIX_LENGTH] = SUFFIX_SIZE;
    ql_store_u32(suffix + SUFFIX_CRC, ~ql_crc32(0, bytes, size - 4));
}

int ql_dfu_make(const struct ql_image *image, uint8_t **bytes, size_t *size,
                struct ql_failure *failure)
{
    const size_t elements = (size_t)ql_image_size(image) + image->count * ELEMENT_SIZE;
    *size = PREFIX_SIZE + TARGET_SIZE + elements + SUFFIX_SIZE;
    uint8_t *at = *bytes = calloc(1, *size);
    if (at == NULL)
        return ql_fail_memory(failure);
    memcpy(at, prefix_signature, 5);
    at[PREFIX_VERSION] = 1;
    ql_store_u32(at + PREFIX_IMAGE_SIZE, (uint32_t)(*size - SUFFIX_SIZE));
    at[PREFIX_TARGETS] = 1;
    at += PREFIX_SIZE;
    memcpy(at, target_signature, 6);
    ql_store_u32(at + TARGET_NAMED, 1);
    memcpy(at + TARGET_NAME, target_name, sizeof target_name);
    ql_store_u32(at + TARGET_BYTES, (uint32_t)elements);
    ql_store_u32(at + TARGET_ELEMENTS, (uint32_t)image->count);
    at += TARGET_SIZE;
    for (size_t i = 0; i < image->count; i++) {
        const struct ql_extent *extent = &image->extents[i];
        ql_store_u32(at, extent->address);
        ql_store_u32(at + 4, extent->size);
        memcpy(at + ELEMENT_SIZE, extent->data, extent->size);
        at += ELEMENT_SIZE + extent->size;
    }
    write_suffix(*bytes, *size);
    return 0;
}
