// SHA-256 and random numbers, from libsodium.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_DIGEST_H
#define HOST_DIGEST_H

#include "abi/protocol.h"

#include <stddef.h>
#include <stdint.h>

void ql_sha256(const uint8_t *data, size_t size, uint8_t digest[QL_SHA256_SIZE]);
// The first bytes of the digest of a whole sector that begins with these `size` bytes (at most
// 4096) and is FF behind them.
void ql_sector_digest(const uint8_t *data, size_t size, uint8_t digest[QL_SECTOR_DIGEST_SIZE]);
// A random number that is not 0.
uint32_t ql_random_id(void);

#endif
