// The SHA-256 that the core asks of its surroundings: the HASH unit on silicon, a library on a PC.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_SHA256_H
#define CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

// One message at a time: begin, update any number of times with any lengths, finish.
struct sha256_service {
    void *context;
    void (*begin)(void *context);
    // `bytes` may point into the mapped chip.
    void (*update)(void *context, const uint8_t *bytes, size_t length);
    void (*finish)(void *context, uint8_t digest[32]);
};

#endif
