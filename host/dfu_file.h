// DfuSe files (SPEC.md section 19).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_DFU_FILE_H
#define HOST_DFU_FILE_H

#include "host/image.h"

bool ql_dfu_begins(const uint8_t *bytes, size_t size);

// Appends the file's elements to the image. QL_IMAGE_DAMAGED, QL_DFU_PLAIN, QL_DFU_FOREIGN.
int ql_dfu_read(struct ql_image *image, const char *name, const uint8_t *bytes, size_t size,
                struct ql_failure *failure);

// The whole file for an image; its bytes are the caller's to free.
int ql_dfu_make(const struct ql_image *image, uint8_t **bytes, size_t *size,
                struct ql_failure *failure);

#endif
