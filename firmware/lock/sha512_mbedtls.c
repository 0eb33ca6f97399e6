// SHA-512 for libsodium's signature check by mbedTLS's code, whose loop takes a quarter of the
// flash that libsodium's unrolled one takes.
//
// The three functions are those of libsodium that its check calls (crypto_hash_sha512.h); its state
// is mbedTLS's here. Compiled without SHA-384, that fits to the byte.
//
// SPDX-License-Identifier: MIT
#include <mbedtls/platform_util.h>
#include <mbedtls/sha512.h>
#include <sodium/crypto_hash_sha512.h>
#include <sodium/utils.h>

_Static_assert(sizeof(mbedtls_sha512_context) <= sizeof(crypto_hash_sha512_state),
               "mbedTLS's state does not fit into libsodium's");
_Static_assert(_Alignof(mbedtls_sha512_context) <= _Alignof(crypto_hash_sha512_state),
               "mbedTLS's state needs another alignment than libsodium's");

static mbedtls_sha512_context *context(crypto_hash_sha512_state *state)
{
    return (mbedtls_sha512_context *)(void *)state;
}

int crypto_hash_sha512_init(crypto_hash_sha512_state *state)
{
    mbedtls_sha512_init(context(state));
    return mbedtls_sha512_starts_ret(context(state), 0);
}

int crypto_hash_sha512_update(crypto_hash_sha512_state *state, const unsigned char *bytes,
                              unsigned long long length)
{
    return mbedtls_sha512_update_ret(context(state), bytes, (size_t)length);
}

int crypto_hash_sha512_final(crypto_hash_sha512_state *state, unsigned char *digest)
{
    return mbedtls_sha512_finish_ret(context(state), digest);
}

void mbedtls_platform_zeroize(void *bytes, size_t length)
{
    sodium_memzero(bytes, length);
}
