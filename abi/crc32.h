// CRC-32 as in zlib, Ethernet and ISO-HDLC (SPEC.md section 1).
//
// SPDX-License-Identifier: MIT
#ifndef ABI_CRC32_H
#define ABI_CRC32_H

#include <stddef.h>
#include <stdint.h>

// The CRC of the bytes that gave `crc` followed by these; 0 stands for no bytes yet, so that
// ql_crc32(ql_crc32(0, a, m), b, n) is the CRC of a and b in a row.
uint32_t ql_crc32(uint32_t crc, const uint8_t *bytes, size_t length);

#endif
