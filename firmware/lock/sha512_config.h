// What of mbedTLS the locked bootloaders take: SHA-512 alone, in its small form.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_LOCK_SHA512_CONFIG_H
#define FIRMWARE_LOCK_SHA512_CONFIG_H

#define MBEDTLS_SHA512_C
#define MBEDTLS_SHA512_SMALLER
#define MBEDTLS_SHA512_NO_SHA384

#endif
