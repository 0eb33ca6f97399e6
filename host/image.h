// A file turned into runs of bytes at addresses of the chip: raw binary, 32-bit ARM ELF, Intel HEX,
// DfuSe.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_IMAGE_H
#define HOST_IMAGE_H

#include "abi/protocol.h"
#include "host/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ql_format { QL_FORMAT_BIN, QL_FORMAT_ELF, QL_FORMAT_HEX, QL_FORMAT_DFU };

struct ql_extent {
    uint32_t address;
    uint32_t size; // >= 1; address + size <= 2^32
    uint8_t *data;
};

// After loading: extents in rising order, never closer to each other than a sector, so that no two
// share one. Bytes of the gaps that were closed are FF.
struct ql_image {
    enum ql_format format;
    struct ql_extent *extents;
    size_t count;
    bool has_entry; // the file names an entry point
    uint32_t entry;
    size_t program; // index of the extent that begins with the vector table
};

// Reads the file. `address` says where a raw binary goes; a null pointer stands for
// 0x90100000. ELF and HEX files carry their own addresses: with them it must be a null pointer.
int ql_image_load(struct ql_image *image, const char *path, const uint32_t *address,
                  struct ql_failure *failure);
// The same from memory; `name` appears in messages and tells by its suffix what is expected.
int ql_image_parse(struct ql_image *image, const char *name, const uint8_t *bytes, size_t size,
                   const uint32_t *address, struct ql_failure *failure);
// One run of `size` bytes FF, for erasing.
int ql_image_blank(struct ql_image *image, uint32_t address, uint32_t size,
                   struct ql_failure *failure);
// Widens each extent downwards to the start of its sector, with FF; where sectors are larger than
// 4096 bytes also up to the end of its last one. Extents that share a sector become one.
// `sector_size`: a power of 2, >= 4096.
int ql_image_align(struct ql_image *image, uint32_t sector_size, struct ql_failure *failure);
void ql_image_free(struct ql_image *image);

uint64_t ql_image_size(const struct ql_image *image);
const char *ql_format_name(enum ql_format format);

// For the readers: appends a copy of the bytes (size >= 1) as an extent, unsorted.
int ql_image_add(struct ql_image *image, const char *name, uint64_t address, const uint8_t *data,
                 size_t size, struct ql_failure *failure);
// Sorts and joins what was appended, and finds the program, as after reading a file.
int ql_image_finish(struct ql_image *image, const char *name, struct ql_failure *failure);
int ql_elf_read(struct ql_image *image, const char *name, const uint8_t *bytes, size_t size,
                struct ql_failure *failure);
int ql_hex_read(struct ql_image *image, const char *name, const uint8_t *bytes, size_t size,
                struct ql_failure *failure);

#endif
