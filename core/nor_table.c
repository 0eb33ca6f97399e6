// Chips by JEDEC id. Written from W25Q128JV-DTR rev C and from what drivers in the field know about
// the others; chips that are not listed are used as SFDP describes them.
//
// SPDX-License-Identifier: MIT
#include "core/nor_table.h"

#include <stddef.h>

enum {
    MAKER_MICRON = 0x20,
    MAKER_PUYA = 0x85,
    MAKER_MACRONIX = 0xC2,
    MAKER_GIGADEVICE = 0xC8,
    MAKER_WINBOND = 0xEF,
};

// What is special about a chip.
enum {
    QUAD_PROGRAM = 1,  // 32h, 1-1-4
    SLOW_QUAD_IO = 2,  // EBh with the clocks that SFDP tells is too slow for 100 MHz: 6Bh is not
    FOUR_BYTE_SET = 4, // commands with 4-byte addresses that SFDP does not list: four_byte_set
};

struct chip {
    uint8_t id[3];
    uint8_t size_log2;
    const char *name;
    uint16_t program_typical_us; // 0: as SFDP says
    uint8_t special;
    enum nor_quad_enable quad_enable; // NOR_QUAD_UNKNOWN: as SFDP says
};

// W25Q...JV: SFDP promises 704 us for a page, the data sheets 0.4 ms (9.6) but for the largest.
static const struct chip chips[] = {
    {{0xEF, 0x40, 0x18}, 24, "W25Q128JV", 400, QUAD_PROGRAM, NOR_QUAD_SR2_BIT1_31H},
    {{0xEF, 0x70, 0x18}, 24, "W25Q128JV-M", 400, QUAD_PROGRAM, NOR_QUAD_SR2_BIT1_31H},
    {{0xEF, 0x40, 0x17}, 23, "W25Q64JV", 400, QUAD_PROGRAM, NOR_QUAD_SR2_BIT1_31H},
    {{0xEF, 0x70, 0x17}, 23, "W25Q64JV-M", 400, QUAD_PROGRAM, NOR_QUAD_SR2_BIT1_31H},
    {{0xEF, 0x40, 0x19}, 25, "W25Q256JV", 0, FOUR_BYTE_SET, NOR_QUAD_SR2_BIT1_31H},
    {{0xEF, 0x70, 0x19}, 25, "W25Q256JV-M", 0, FOUR_BYTE_SET, NOR_QUAD_SR2_BIT1_31H},
    {{0x9D, 0x60, 0x17}, 23, "IS25LP064A", 0, QUAD_PROGRAM, NOR_QUAD_SR1_BIT6},
    {{0xC2, 0x20, 0x17}, 23, "MX25L6433F", 0, SLOW_QUAD_IO, NOR_QUAD_SR1_BIT6},
    {{0xC2, 0x20, 0x18}, 24, "MX25L12833F", 0, SLOW_QUAD_IO, NOR_QUAD_SR1_BIT6},
    {{0xC8, 0x40, 0x17}, 23, "GD25Q64", 0, QUAD_PROGRAM, NOR_QUAD_SR2_BIT1_31H},
    {{0xC8, 0x40, 0x18}, 24, "GD25Q128", 0, QUAD_PROGRAM, NOR_QUAD_SR2_BIT1_31H},
    {{0x85, 0x20, 0x17}, 23, "PY25Q64HA", 0, QUAD_PROGRAM, NOR_QUAD_SR2_BIT1_31H},
    {{0x20, 0xBA, 0x20}, 26, "MT25QL512AB", 0, 0, NOR_QUAD_ALWAYS},
};

// As a 4-byte address instruction table: 13h 0Ch 3Ch BCh 6Ch ECh 12h 34h, erases of type 1 and 3.
// The same as in the SFDP of the next larger chip, W25Q512JV.
static const uint32_t four_byte_set[2] = {0x00000AFF, 0x00DC0021};

static const struct chip *chip_find(const uint8_t id[3])
{
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++)
        if (chips[i].id[0] == id[0] && chips[i].id[1] == id[1] && chips[i].id[2] == id[2])
            return &chips[i];
    return NULL;
}

// Which status registers there are and which of their bits protect blocks. Opcode 35h reads SR2 on
// some makers' chips and enters QPI on others, so it is used only where it is known to read.
static void registers_apply(struct nor *nor)
{
    nor->has_sr2 = false;
    nor->has_sr3 = false;
    nor->sr2_protect = 0;
    nor->sr3_locks = 0;
    switch (nor->jedec_id[0]) {
    case MAKER_WINBOND:
        nor->has_sr2 = true;
        nor->has_sr3 = true;
        // BP2..0; above 128 Mbit BP3, where the others have TB.
        nor->sr1_protect = nor->geometry.size > UINT32_C(1) << 24 ? 0x3C : 0x1C;
        nor->sr2_protect = 0x40; // CMP
        nor->sr3_locks = 0x04;   // WPS
        break;
    case MAKER_GIGADEVICE:
    case MAKER_PUYA:
        nor->has_sr2 = true;
        nor->sr1_protect = 0x1C; // BP2..0: 000 protects nothing, whatever BP4..3 say
        nor->sr2_protect = 0x40; // CMP
        break;
    case MAKER_MICRON:
        nor->sr1_protect = 0x5C; // BP3 stands apart in bit 6
        break;
    default:
        // Chips with quad enable in SR1 have four block protection bits below it.
        nor->sr1_protect = nor->geometry.quad_enable == NOR_QUAD_SR1_BIT6 ? 0x3C : 0x1C;
        switch (nor->geometry.quad_enable) {
        case NOR_QUAD_SR2_BIT1_01H_BOTH:
        case NOR_QUAD_SR2_BIT1_01H:
        case NOR_QUAD_SR2_BIT1_35H:
        case NOR_QUAD_SR2_BIT1_31H:
            nor->has_sr2 = true;
            break;
        default:
            break;
        }
    }
}

static void chip_apply(const struct chip *chip, struct nor *nor, bool has_sfdp)
{
    struct nor_geometry *geometry = &nor->geometry;
    nor->name = chip->name;
    if (chip->program_typical_us != 0)
        geometry->program_typical_us = chip->program_typical_us;
    if (chip->quad_enable != NOR_QUAD_UNKNOWN)
        geometry->quad_enable = chip->quad_enable;
    if (chip->special & QUAD_PROGRAM)
        geometry->quad_program_opcode = 0x32;
    if (!has_sfdp) {
        // All of these read by 6Bh with eight dummy clocks.
        geometry->quad_data = (struct nor_read_type){.opcode = 0x6B, .wait_clocks = 8};
        geometry->size = UINT32_C(1) << chip->size_log2;
    }
    if (chip->special & SLOW_QUAD_IO)
        geometry->quad_io.opcode = 0;
    if (chip->special & FOUR_BYTE_SET && geometry->address_bytes == 3)
        (void)sfdp_four_byte_apply(four_byte_set, geometry);
    if (geometry->size > UINT32_C(1) << 24 && geometry->address_bytes == 3 &&
        geometry->four_byte_entry == NOR_FOUR_BYTE_NONE)
        geometry->size = UINT32_C(1) << 24;
}

bool nor_table_apply(struct nor *nor, bool has_sfdp)
{
    const struct chip *chip = chip_find(nor->jedec_id);
    nor->name = NULL;
    if (chip)
        chip_apply(chip, nor, has_sfdp);
    registers_apply(nor);
    return nor->geometry.size != 0;
}
