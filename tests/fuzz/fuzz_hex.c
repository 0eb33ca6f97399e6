// Any bytes as an Intel HEX file, through all that the tool does with it before a board is there.
//
// SPDX-License-Identifier: MIT
#include "host/flash.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ql_area area = ql_area_unknown();
    const struct ql_flash_options options = {.name = "a.hex", .is_program = size % 2 == 0};
    struct ql_failure failure;
    struct ql_image image;
    if (ql_image_parse(&image, "a.hex", data, size, NULL, &failure) != 0)
        return 0;
    // Each byte of the image stands as two digits in the file, or was put in to fill a gap.
    if (image.count == 0 || image.program >= image.count)
        abort();
    for (size_t i = 1; i < image.count; i++) {
        if (image.extents[i - 1].address >= image.extents[i].address)
            abort();
    }
    (void)ql_flash_check(&area, &image, &options, &failure);
    ql_image_free(&image);
    return 0;
}
