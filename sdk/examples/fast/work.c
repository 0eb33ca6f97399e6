// Some real work: a block through an FIR filter, a rotation of vectors by a matrix, a CRC of it
// all.
//
// The body is written once and placed twice: `always_inline` puts a copy of it into each of the two
// functions. It calls nothing outside itself.
//
// SPDX-License-Identifier: MIT
#include "work.h"

#include <stddef.h>

#include "quadlane/memory.h"

#define BLOCK   64
#define TAPS    16
#define VECTORS 16

QL_DTCM static const float taps[TAPS] = {0.01f, 0.02f, 0.04f, 0.06f, 0.08f, 0.09f, 0.10f, 0.10f,
                                         0.10f, 0.10f, 0.09f, 0.08f, 0.06f, 0.04f, 0.02f, 0.01f};
QL_DTCM static const float rotation[3][3] = {
    {0.36f, 0.48f, -0.80f}, {-0.80f, 0.60f, 0.00f}, {0.48f, 0.64f, 0.60f}};
QL_DTCM_ZERO static float input[BLOCK + TAPS];
QL_DTCM_ZERO static float output[BLOCK];
QL_DTCM_ZERO static float vectors[VECTORS][3];
QL_DTCM_ZERO static uint32_t noise;

#define PART static inline __attribute__((always_inline))

PART void filter(void)
{
    for (size_t i = 0; i < BLOCK; i++) {
        float sum = 0;
        for (size_t tap = 0; tap < TAPS; tap++)
            sum += taps[tap] * input[i + tap];
        output[i] = sum;
    }
}

PART void rotate(void)
{
    for (size_t i = 0; i < VECTORS; i++) {
        const float x = vectors[i][0], y = vectors[i][1], z = vectors[i][2];
        for (size_t row = 0; row < 3; row++)
            vectors[i][row] = rotation[row][0] * x + rotation[row][1] * y + rotation[row][2] * z;
    }
}

PART uint32_t crc(uint32_t value, const void *bytes, size_t size)
{
    const uint8_t *next = bytes;

    for (; size > 0; size--) {
        value ^= *next++;
        for (unsigned bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ 0xEDB88320u : value >> 1;
    }
    return value;
}

PART uint32_t work(void)
{
    for (size_t i = 0; i < BLOCK + TAPS; i++) {
        noise = noise * 1664525u + 1013904223u;
        input[i] = (float)(noise >> 16) / 65536.0f;
    }
    filter();
    for (size_t i = 0; i < VECTORS * 3; i++)
        vectors[i / 3][i % 3] = output[i];
    rotate();
    return crc(crc(0xFFFFFFFFu, output, sizeof output), vectors, sizeof vectors);
}

__attribute__((noinline)) uint32_t work_in_chip(void)
{
    return work();
}

QL_ITCM uint32_t work_in_itcm(void)
{
    return work();
}

void work_reset(void)
{
    noise = 1;
}
