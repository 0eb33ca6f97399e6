// The flash algorithm of CMSIS-Pack, for Keil, pyOCD, J-Link and others: the entry points of the
// Open-CMSIS-Pack specification, "Algorithm functions" (SPEC.md section 23).
//
// SPDX-License-Identifier: MIT
#include <stdint.h>

#include "firmware/board.h"
#include "firmware/loader/entry.h"
#include "firmware/loader/loader.h"
#include "firmware/loader/tables.h"

enum { DONE = 0, FAILED = 1 };

const uint32_t loader_failed = FAILED;

uint32_t flm_init(uint32_t address, uint32_t clock_hz, uint32_t function);
uint32_t flm_uninit(uint32_t function);
uint32_t flm_erase_sector(uint32_t address);
uint32_t flm_erase_chip(void);
uint32_t flm_program_page(uint32_t address, uint32_t size, const uint8_t *buffer);
uint32_t flm_verify(uint32_t address, uint32_t size, const uint8_t *buffer);
uint32_t flm_blank_check(uint32_t address, uint32_t size, uint32_t pattern);

uint32_t flm_init(uint32_t address, uint32_t clock_hz, uint32_t function)
{
    (void)address;
    (void)clock_hz;
    (void)function;
    return loader_start() ? DONE : FAILED;
}

// The chip stays mapped, since tools read it afterwards.
uint32_t flm_uninit(uint32_t function)
{
    (void)function;
    return DONE;
}

uint32_t flm_erase_sector(uint32_t address)
{
    const uint32_t block = LOADER_BLOCK(board.qspi.dual);
    uint32_t first = address - address % block;
    return loader_erase(first, first + block - 1) ? DONE : FAILED;
}

uint32_t flm_erase_chip(void)
{
    return loader_erase_programs() ? DONE : FAILED;
}

uint32_t flm_program_page(uint32_t address, uint32_t size, const uint8_t *buffer)
{
    return loader_program(address, buffer, size) ? DONE : FAILED;
}

// The address behind the last byte, or that of the first byte that differs.
uint32_t flm_verify(uint32_t address, uint32_t size, const uint8_t *buffer)
{
    const uint8_t *bytes = loader_bytes(address, size);
    uint32_t same = 0;
    while (bytes && same < size && bytes[same] == buffer[same]) {
        ++same;
    }
    return address + same;
}

uint32_t flm_blank_check(uint32_t address, uint32_t size, uint32_t pattern)
{
    const uint8_t *bytes = loader_bytes(address, size);
    uint32_t same = 0;
    while (bytes && same < size && bytes[same] == (uint8_t)pattern) {
        ++same;
    }
    return bytes && same == size ? DONE : FAILED;
}

LOADER_ENTRY(Init, flm_init)
LOADER_ENTRY(UnInit, flm_uninit)
LOADER_ENTRY(EraseSector, flm_erase_sector)
LOADER_ENTRY(EraseChip, flm_erase_chip)
LOADER_ENTRY(ProgramPage, flm_program_page)
LOADER_ENTRY(Verify, flm_verify)
LOADER_ENTRY(BlankCheck, flm_blank_check)
