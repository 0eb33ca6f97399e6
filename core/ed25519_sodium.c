// The signature check by libsodium's own code, which is compiled from its sources into images that
// need it (firmware/firmware.mk). It refuses what RFC 8032 calls malleable, and keys and points of
// small order.
//
// SPDX-License-Identifier: MIT
#include "core/ed25519.h"

// As libsodium's crypto_sign_ed25519.h declares it. The header itself would pull in the C library.
int crypto_sign_ed25519_verify_detached(const unsigned char *signature,
                                        const unsigned char *message, unsigned long long length,
                                        const unsigned char *key);

bool ed25519_verify(const uint8_t signature[64], const uint8_t *message, size_t length,
                    const uint8_t key[32])
{
    return crypto_sign_ed25519_verify_detached(signature, message, length, key) == 0;
}
