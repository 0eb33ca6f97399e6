// The signature check that an image with an issuer is linked with (RFC 8032, Ed25519).
//
// SPDX-License-Identifier: MIT
#ifndef CORE_ED25519_H
#define CORE_ED25519_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Is `signature` the one of `message` by the secret belonging to the public key `key`?
bool ed25519_verify(const uint8_t signature[64], const uint8_t *message, size_t length,
                    const uint8_t key[32]);

#endif
