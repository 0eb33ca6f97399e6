// The external loader of STM32CubeProgrammer: the entry points of UM2237, with the arguments and
// results of ST's loader examples (SPEC.md section 23).
//
// SPDX-License-Identifier: MIT
#include <stdint.h>
#include <string.h>

#include "firmware/loader/entry.h"
#include "firmware/loader/loader.h"

enum { FAILED = 0, DONE = 1 };

const uint32_t loader_failed = FAILED;

uint32_t stldr_init(void);
uint32_t stldr_read(uint32_t address, uint32_t size, uint8_t *buffer);
uint32_t stldr_write(uint32_t address, uint32_t size, const uint8_t *buffer);
uint32_t stldr_sector_erase(uint32_t first, uint32_t last);
uint32_t stldr_mass_erase(void);
uint32_t stldr_check_sum(uint32_t address, uint32_t size, uint32_t sum);
uint64_t stldr_verify(uint32_t address, const uint8_t *buffer, uint32_t words, uint32_t outside);

uint32_t stldr_init(void)
{
    return loader_start() ? DONE : FAILED;
}

uint32_t stldr_read(uint32_t address, uint32_t size, uint8_t *buffer)
{
    const uint8_t *bytes = loader_bytes(address, size);
    if (!bytes) {
        return FAILED;
    }
    memcpy(buffer, bytes, size);
    return DONE;
}

uint32_t stldr_write(uint32_t address, uint32_t size, const uint8_t *buffer)
{
    return loader_program(address, buffer, size) ? DONE : FAILED;
}

uint32_t stldr_sector_erase(uint32_t first, uint32_t last)
{
    return loader_erase(first, last) ? DONE : FAILED;
}

uint32_t stldr_mass_erase(void)
{
    return loader_erase_programs() ? DONE : FAILED;
}

static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; ++i) {
        sum += bytes[i];
    }
    return sum;
}

// The size counts from the word that the address lies in.
uint32_t stldr_check_sum(uint32_t address, uint32_t size, uint32_t sum)
{
    uint32_t length = size - address % 4;
    const uint8_t *bytes = size > address % 4 ? loader_bytes(address, length) : NULL;
    return bytes ? sum_add(sum, bytes, length) : sum;
}

// `outside`: how many bytes at the beginning (bits 3..0) and at the end (19..16) of the words are
// not the user's.
uint64_t stldr_verify(uint32_t address, const uint8_t *buffer, uint32_t words, uint32_t outside)
{
    const uint32_t size = words <= UINT32_MAX / 4 ? 4 * words : UINT32_MAX;
    const uint8_t *bytes = loader_bytes(address, size);
    if (!bytes) {
        return address;
    }
    uint32_t tail = outside >> 16 & 0xF;
    uint32_t end = size > tail ? size - tail : 0;
    uint32_t first = (outside & 0xF) < end ? outside & 0xF : end;
    uint64_t sum = sum_add(0, bytes + first, end - first);
    for (uint32_t i = first; i < end; ++i) {
        if (bytes[i] != buffer[i]) {
            return sum << 32 | (address + i);
        }
    }
    return sum << 32;
}

LOADER_ENTRY(Init, stldr_init)
LOADER_ENTRY(Read, stldr_read)
LOADER_ENTRY(Write, stldr_write)
LOADER_ENTRY(SectorErase, stldr_sector_erase)
LOADER_ENTRY(MassErase, stldr_mass_erase)
LOADER_ENTRY(CheckSum, stldr_check_sum)
LOADER_ENTRY(Verify, stldr_verify)
