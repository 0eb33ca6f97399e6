// The SHA-256 that boards in tests hash with: libsodium's. One hash at a time, as on a board.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_UNIT_SODIUM_HASH_H
#define TESTS_UNIT_SODIUM_HASH_H

#include "core/sha256.h"

extern const struct sha256_service sodium_hash;

#endif
