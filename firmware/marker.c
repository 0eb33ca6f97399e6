// The head of an image's marker. Written from SPEC.md section 18; length and CRC are put in behind
// the link, by tools/bootloader_marker.
//
// SPDX-License-Identifier: MIT
#include <stdint.h>

#include "abi/protocol.h"

// From link/sections.ld.
extern const uint8_t link_image_start[];

extern const struct marker_head marker_head;

struct marker_head {
    uint32_t magic;
    uint16_t version, size;
    const void *address;
    uint32_t length, crc;
    char text[QL_MARKER_TEXT_SIZE];
};

_Static_assert(sizeof(struct marker_head) == QL_MARKER_BOARD, "the board's name follows");
_Static_assert(sizeof QUADLANE_VERSION <= QL_MARKER_TEXT_SIZE, "with the zero at its end");

const struct marker_head marker_head __attribute__((section(".marker.head"), used)) = {
    .magic = QL_MARKER_MAGIC,
    .version = QL_MARKER_VERSION_KNOWN,
    .size = QL_MARKER_SIZE,
    .address = link_image_start,
    .text = QUADLANE_VERSION,
};
