// Frames written by hand: tests/vectors/frames.txt (SPEC.md section 11).
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_UNIT_VECTORS_H
#define TESTS_UNIT_VECTORS_H

#include <stddef.h>
#include <stdint.h>

struct vector {
    char name[64];
    size_t length;
    uint8_t bytes[4608];
};

// The frame of this name; the test fails if there is none. Tests run in the repository's root.
const struct vector *vector_get(const char *name);

// The frame number `index` in the file's order, or NULL behind the last one.
const struct vector *vector_at(size_t index);

#endif
