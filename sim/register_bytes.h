// Parts of a 32-bit register as byte and half-word accesses see them.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_REGISTER_BYTES_H
#define SIM_REGISTER_BYTES_H

#include <stdint.h>

// Bits of the register's word that an access of `size` bytes at `offset` touches.
static inline uint32_t register_mask(uint32_t offset, unsigned size)
{
    uint32_t mask = size == 4 ? UINT32_MAX : (UINT32_C(1) << (8 * size)) - 1;
    return mask << (8 * (offset & 3));
}

// What a read of `size` bytes at `offset` returns of the register's word.
static inline uint32_t register_extract(uint32_t word, uint32_t offset, unsigned size)
{
    return (word & register_mask(offset, size)) >> (8 * (offset & 3));
}

// The register's word after `value` was written to a part of it; `word` gives the other bits.
static inline uint32_t register_merge(uint32_t word, uint32_t offset, unsigned size, uint32_t value)
{
    uint32_t mask = register_mask(offset, size);
    return (word & ~mask) | ((value << (8 * (offset & 3))) & mask);
}

#endif
