// Where the image lies: from link/sections.ld, and how long it is: from its marker (SPEC.md section
// 18), since something may have been put behind it after the link.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/image.h"

#include "abi/protocol.h"

extern const uint8_t link_image_start[], link_image_end[];

const uint8_t *image_start(void)
{
    return link_image_start;
}

uint32_t image_size(void)
{
    const uint8_t *field = link_image_start + QL_MARKER_OFFSET + QL_MARKER_LENGTH;
    uint32_t linked = (uint32_t)(link_image_end - link_image_start);
    // The compiler knows the field as it was before the marker was finished.
    uint32_t told = *(const volatile uint32_t *)(const void *)field;
    return told >= linked && told <= QL_BOOTLOADER_MAX ? told : linked;
}
