// Looks at the external chip from a program that lies in RAM: `quadlane run from_ram.elf`.
//
// It prints where it runs and a sum over the whole chip (CRC-32, the one of zlib), and leaves the
// chip as it was. The bootloader has mapped the chip, if there is one that it can use: MPU region 1
// tells (SPEC.md sections 8 and 17).
//
// SPDX-License-Identifier: MIT
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "quadlane/bootloader.h"
#include "quadlane/m7.h"
#include "quadlane/uart.h"

#define CHIP 0x90000000u

// What the bootloader has mapped, in bytes; 0: nothing.
static uint32_t chip_size(void)
{
    MPU_RNR = 1;
    const uint32_t attributes = MPU_RASR;
    return attributes & 1u ? 2u << (attributes >> 1 & 31u) : 0;
}

static uint32_t crc32(const uint8_t *bytes, size_t size)
{
    static uint32_t table[256];
    uint32_t sum = UINT32_MAX;

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (unsigned bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (value & 1u ? 0xEDB88320u : 0);
        table[i] = value;
    }
    for (size_t i = 0; i < size; i++)
        sum = table[(sum ^ bytes[i]) & 255] ^ sum >> 8;
    return ~sum;
}

int main(void)
{
    const uint32_t size = chip_size();

    printf("from_ram: main at %p, VTOR at %p\n", (void *)main, (void *)SCB_VTOR);
    if (size == 0)
        printf("from_ram: no chip is mapped\n");
    else
        printf("from_ram: %lu MiB of chip, CRC-32 %08lx\n", (unsigned long)(size >> 20),
               (unsigned long)crc32((const uint8_t *)CHIP, size));
    printf("from_ram: back into the bootloader\n");
    ql_uart_flush();
    ql_stay_in_bootloader_after_reset();
    ql_reset();
}
