// libsodium's SHA-256 as the core wants to see it.
//
// SPDX-License-Identifier: MIT
#include "tests/unit/sodium_hash.h"

#include <sodium.h>

static crypto_hash_sha256_state hash;

static void hash_begin(void *context)
{
    crypto_hash_sha256_init(context);
}

static void hash_update(void *context, const uint8_t *bytes, size_t length)
{
    crypto_hash_sha256_update(context, bytes, length);
}

static void hash_finish(void *context, uint8_t digest[32])
{
    crypto_hash_sha256_final(context, digest);
}

const struct sha256_service sodium_hash = {&hash, hash_begin, hash_update, hash_finish};
