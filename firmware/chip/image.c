// Where the image lies: from link/sections.ld.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/image.h"

extern const uint8_t link_image_start[], link_image_end[];

const uint8_t *image_start(void)
{
    return link_image_start;
}

uint32_t image_size(void)
{
    return (uint32_t)(link_image_end - link_image_start);
}
