// The microcontroller's RAM, from RM0433, table "Memory map" and chapter "Reset and clock control"
// (D2 SRAM has clock enable bits, the other memories are always on).
//
// The memories' error correction works on words of 32 and 64 bits, so that only whole ones are
// written: a part of one that was never written would be read first.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/ram.h"

#include <stdbool.h>
#include <string.h>

#include "firmware/chip/barrier.h"
#include "firmware/chip/cache.h"
#include "firmware/chip/image.h"
#include "firmware/chip/mpu.h"
#include "firmware/chip/registers.h"

#define ITCM_END    0x00010000u
#define DTCM_END    0x20020000u
#define AXI_FIRST   0x24000000u
#define AXI_END     0x24080000u
#define D2_FIRST    0x30000000u
#define D2_END      0x30048000u
#define SRAM4_FIRST 0x38000000u
#define SRAM4_END   0x38010000u

#define D2_CLOCKS (RCC_AHB2ENR_SRAM1EN | RCC_AHB2ENR_SRAM2EN | RCC_AHB2ENR_SRAM3EN)

// From link/sections.ld: this image's variables lie below.
extern uint32_t link_bss_end[];

enum { PIECE = 32 }; // ranges begin at a multiple: a line of the cache

static uint32_t piece_end(uint32_t address)
{
    return (address + PIECE - 1) & ~(uint32_t)(PIECE - 1);
}

unsigned ram_ranges(struct ram_range ranges[RAM_RANGES_MAX])
{
    const uint32_t first = (uint32_t)(uintptr_t)image_start();
    const bool in_axi = first >= AXI_FIRST && first < AXI_END;
    unsigned count = 0;

    ranges[count++] = (struct ram_range){0, ITCM_END};
    ranges[count++] = (struct ram_range){piece_end((uint32_t)(uintptr_t)link_bss_end), DTCM_END};
    if (in_axi) {
        ranges[count++] = (struct ram_range){AXI_FIRST, first};
    }
    ranges[count++] =
        (struct ram_range){in_axi ? piece_end(first + image_size()) : AXI_FIRST, AXI_END};
    ranges[count++] = (struct ram_range){D2_FIRST, D2_END};
    ranges[count++] = (struct ram_range){SRAM4_FIRST, SRAM4_END};
    return count;
}

static void range_open(uint32_t address)
{
    if (address < ITCM_END) {
        mpu_null_open();
    } else if (address >= D2_FIRST && address < D2_END) {
        RCC_AHB2ENR |= D2_CLOCKS;
        (void)RCC_AHB2ENR; // a clock needs two bus cycles before the first access behind it
    }
}

void ram_store(uint32_t address, const uint8_t *bytes, uint32_t length)
{
    range_open(address);
    for (uint32_t i = 0; i < length; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, bytes + i, sizeof word);
        *(volatile uint64_t *)(uintptr_t)(address + i) = word;
    }
    // The program starts with caches that were invalidated.
    cache_clean(address, length);
}

const uint8_t *ram_pointer(uint32_t address)
{
    range_open(address);
    return (const uint8_t *)(uintptr_t)address;
}

void ram_stop(bool keep)
{
    if (!keep) {
        RCC_AHB2ENR &= ~D2_CLOCKS;
    }
}
