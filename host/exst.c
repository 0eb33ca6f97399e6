// EXST blocks, written from SPEC.md section 21. The MD5 is nettle's: it tells chance changes, and
// is what the first stage knows.
//
// SPDX-License-Identifier: MIT
#include "host/exst.h"

#include "abi/bytes.h"

#include <nettle/md5.h>
#include <stdlib.h>
#include <string.h>

enum {
    FOOTER = QL_EXST_SIZE - QL_EXST_FOOTER_SIZE,
    FOOTER_FORMAT = FOOTER,
    FOOTER_METHOD = FOOTER + 1,
    FOOTER_DIGEST = FOOTER + 0x30,
    METHOD_MAX = 1, // 0 is what is found, 1 what the format's description says
};

static void digest_of(const uint8_t *block, uint8_t digest[MD5_DIGEST_SIZE])
{
    static const uint8_t none[MD5_DIGEST_SIZE];
    struct md5_ctx context;
    md5_init(&context);
    md5_update(&context, FOOTER_DIGEST, block);
    md5_update(&context, sizeof none, none);
    md5_digest(&context, MD5_DIGEST_SIZE, digest);
}

static int fail_place(const struct ql_image *image, const char *name, struct ql_failure *failure)
{
    const struct ql_extent *first = &image->extents[0];
    const struct ql_extent *last = &image->extents[image->count - 1];
    ql_fail(failure, QL_EXST_UNFIT,
            "%s: 0x%08X..0x%08X is not what a second stage is linked for (from 0x%08X to 0x%08X)",
            name, first->address, last->address + (last->size - 1), QL_EXST_ADDRESS,
            QL_EXST_ADDRESS + FOOTER - 1);
    ql_hint(failure, "quadlane's own is build/firmware/BOARD-ram.elf");
    return -QL_EXST_UNFIT;
}

int ql_exst_make(const struct ql_image *image, const char *name, uint8_t **block,
                 struct ql_failure *failure)
{
    for (size_t i = 0; i < image->count; i++) {
        const struct ql_extent *extent = &image->extents[i];
        if (extent->address < QL_EXST_ADDRESS ||
            (uint64_t)extent->address + extent->size > QL_EXST_ADDRESS + FOOTER)
            return fail_place(image, name, failure);
    }
    if (image->extents[0].address != QL_EXST_ADDRESS || image->extents[0].size < 8)
        return fail_place(image, name, failure);
    const uint32_t entry = ql_load_u32(image->extents[0].data + 4);
    if (entry % 2 == 0 || entry < QL_EXST_ADDRESS || entry >= QL_EXST_ADDRESS + FOOTER) {
        ql_fail(failure, QL_EXST_UNFIT,
                "%s: the entry 0x%08X lies outside of where the first stage copies it (0x%08X)",
                name, entry, QL_EXST_ADDRESS);
        ql_hint(failure, "link it for 0x%08X, the vector table first", QL_EXST_ADDRESS);
        return -QL_EXST_UNFIT;
    }
    *block = calloc(1, QL_EXST_SIZE);
    if (*block == NULL)
        return ql_fail_memory(failure);
    for (size_t i = 0; i < image->count; i++) {
        const struct ql_extent *extent = &image->extents[i];
        memcpy(*block + (extent->address - QL_EXST_ADDRESS), extent->data, extent->size);
    }
    digest_of(*block, *block + FOOTER_DIGEST);
    return 0;
}

int ql_exst_check(const char *name, const uint8_t *bytes, size_t size, struct ql_failure *failure)
{
    uint8_t digest[MD5_DIGEST_SIZE];
    const char *what = NULL;
    if (size != QL_EXST_SIZE) {
        ql_fail(failure, QL_EXST_DAMAGED, "%s has %zu bytes; a second stage's block has %d", name,
                size, QL_EXST_SIZE);
    } else {
        digest_of(bytes, digest);
        if (bytes[FOOTER_FORMAT] != 0 || bytes[FOOTER_METHOD] > METHOD_MAX)
            what = "its footer is none";
        else if (memcmp(digest, bytes + FOOTER_DIGEST, sizeof digest) != 0)
            what = "its MD5 is wrong";
        if (what == NULL)
            return 0;
        ql_fail(failure, QL_EXST_DAMAGED, "%s is no second stage: %s", name, what);
    }
    ql_hint(failure, "here lies the bootloader that the first stage starts; take a file of "
                     "`quadlane pack --exst`, or the maker's");
    return -QL_EXST_DAMAGED;
}
