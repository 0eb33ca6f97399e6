// Any bytes as an ELF file, through all that the tool does with it before a board is there.
//
// SPDX-License-Identifier: MIT
#include "host/flash.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct ql_area area = ql_area_unknown();
    const struct ql_flash_options options = {.name = "a.elf", .is_program = size % 2 == 0};
    struct ql_failure failure;
    struct ql_image image;
    if (ql_image_parse(&image, "a.elf", data, size, NULL, &failure) != 0)
        return 0;
    if (image.count == 0 || image.program >= image.count)
        abort();
    for (size_t i = 1; i < image.count; i++) {
        const struct ql_extent *low = &image.extents[i - 1];
        if ((uint64_t)low->address + low->size + QL_SECTOR_SIZE > image.extents[i].address)
            abort();
    }
    (void)ql_flash_check(&area, &image, &options, &failure);
    ql_image_free(&image);
    return 0;
}
