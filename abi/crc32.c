// CRC-32 of ISO-HDLC, four bits at a time: a table of 64 bytes is enough for the line's speed.
//
// Polynomial 04C11DB7, reflected EDB88320 (SPEC.md section 1).
// SPDX-License-Identifier: MIT
#include "abi/crc32.h"

uint32_t ql_crc32(uint32_t crc, const uint8_t *bytes, size_t length)
{
    // Entry n is n shifted right four times through the reflected polynomial.
    static const uint32_t table[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}
