// SHA-256 and random numbers, from libsodium.
//
// SPDX-License-Identifier: MIT
#include "host/digest.h"

#include <sodium.h>
#include <string.h>

void ql_sha256(const uint8_t *data, size_t size, uint8_t digest[QL_SHA256_SIZE])
{
    crypto_hash_sha256(digest, data, size);
}

void ql_sector_digest(const uint8_t *data, size_t size, uint8_t digest[QL_SECTOR_DIGEST_SIZE])
{
    uint8_t sector[QL_SECTOR_SIZE];
    uint8_t whole[QL_SHA256_SIZE];
    memcpy(sector, data, size);
    memset(sector + size, 0xFF, sizeof sector - size);
    crypto_hash_sha256(whole, sector, sizeof sector);
    memcpy(digest, whole, QL_SECTOR_DIGEST_SIZE);
}

uint32_t ql_random_id(void)
{
    uint32_t id = 0;
    while (id == 0)
        id = randombytes_random();
    return id;
}
