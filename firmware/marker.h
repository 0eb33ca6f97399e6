// The marker of an image (SPEC.md section 18), put together at the link (link/sections.ld): the
// head from marker.c, the board's name from its file boards/NAME.c, the lock from the image's
// policy.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_MARKER_H
#define FIRMWARE_MARKER_H

#include "abi/protocol.h"

#define MARKER_BOARD __attribute__((section(".marker.board"), used))

// Zeros fill it up.
extern const char marker_board[QL_MARKER_BOARD_SIZE];

#endif
