// SHA-256 by the HASH unit, piece by piece. One computation at a time.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_HASH_H
#define FIRMWARE_CHIP_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_DIGEST_SIZE = 32 };

// Begins anew, whatever was under way.
void hash_start(void);
// Bytes from anywhere in memory.
void hash_add(const uint8_t *data, size_t length);
void hash_finish(uint8_t digest[HASH_DIGEST_SIZE]);

// The unit as after reset, without a clock.
void hash_stop(void);

#endif
