// EXST blocks: images that SP Racing's first stage copies into RAM and starts (SPEC.md section 21).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_EXST_H
#define HOST_EXST_H

#include "host/image.h"

#define QL_EXST_ADDRESS UINT32_C(0x24010000) // where the first stage copies it

enum { QL_EXST_SIZE = 448 * 1024, QL_EXST_FOOTER_SIZE = 64 };

// The block for an image that is linked for QL_EXST_ADDRESS; its bytes are the caller's to free.
// QL_EXST_UNFIT.
int ql_exst_make(const struct ql_image *image, const char *name, uint8_t **block,
                 struct ql_failure *failure);

// Is this a whole block? QL_EXST_DAMAGED.
int ql_exst_check(const char *name, const uint8_t *bytes, size_t size, struct ql_failure *failure);

#endif
