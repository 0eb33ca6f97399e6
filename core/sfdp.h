// What a flash chip says about itself: the basic flash parameter table and the 4-byte address
// instruction table of JESD216 (SFDP), decoded.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_SFDP_H
#define CORE_SFDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NOR_ERASE_TYPES = 4,
};

struct nor_erase_type {
    uint8_t size_log2; // 0: this type does not exist
    uint8_t opcode;
    uint32_t typical_ms;
    uint32_t maximum_ms;
};

// A read command that the chip offers beside plain reading.
struct nor_read_type {
    uint8_t opcode; // 0: not offered
    uint8_t mode_clocks;
    uint8_t wait_clocks;
};

// How the quad enable bit is read and set (JESD216 dword 15, bits 22:20, same numbers).
enum nor_quad_enable {
    NOR_QUAD_ALWAYS = 0,            // no such bit
    NOR_QUAD_SR2_BIT1_01H_BOTH = 1, // SR2 bit 1 by 01h with two bytes; 01h with one byte clears SR2
    NOR_QUAD_SR1_BIT6 = 2,          // SR1 bit 6 by 01h with one byte
    NOR_QUAD_SR2_BIT7_3EH = 3,      // SR2 bit 7, read by 3Fh, written by 3Eh
    NOR_QUAD_SR2_BIT1_01H = 4,      // as 1, but 01h with one byte leaves SR2 alone
    NOR_QUAD_SR2_BIT1_35H = 5,      // as 1, and reading by 35h is promised
    NOR_QUAD_SR2_BIT1_31H = 6,      // SR2 bit 1, read by 35h, written by 31h
    NOR_QUAD_UNKNOWN = 7,           // not told: quad commands must not be used
};

// How a chip with commands for 3-byte addresses is made to take 4 bytes with them (dword 16).
enum nor_four_byte_entry {
    NOR_FOUR_BYTE_NONE,
    NOR_FOUR_BYTE_B7,    // B7h
    NOR_FOUR_BYTE_06_B7, // write enable, B7h
};

// Everything the driver needs to know about a kind of chip.
struct nor_geometry {
    uint32_t size;
    uint32_t page_size;
    uint8_t address_bytes;                    // 3 or 4
    enum nor_four_byte_entry four_byte_entry; // only if the size needs it
    struct nor_erase_type erase[NOR_ERASE_TYPES];
    uint8_t program_opcode;      // 1-1-1
    uint8_t quad_program_opcode; // 1-1-4, 0: not offered
    uint32_t program_typical_us;
    uint32_t program_maximum_us;
    uint8_t read_opcode;            // 1-1-1 with 8 dummy clocks
    struct nor_read_type quad_io;   // 1-4-4
    struct nor_read_type quad_data; // 1-1-4
    enum nor_quad_enable quad_enable;
    bool flag_status; // busy is bit 7 = 0 of register 70h, which also keeps errors until 50h
    uint8_t sfdp_major, sfdp_minor; // FF FF: from the defaults
};

struct sfdp_source {
    void *context;
    // Reads `length` bytes at `address` of the SFDP space. 0 or a negative enum ql_error.
    int (*read)(void *context, uint32_t address, uint8_t *bytes, size_t length);
};

// Fills what an unknown chip without SFDP is taken for: 3-byte addresses, 256-byte pages, erase of
// 4 KiB and 64 KiB, no quad reading. The size stays 0.
void sfdp_defaults(struct nor_geometry *geometry);

// Reads and decodes the tables; what they leave out keeps sfdp_defaults's values. A chip above
// 16 MiB that tells no way to 4-byte addresses is used up to 16 MiB. Returns 0, the source's error,
// or QL_ERROR_UNSUPPORTED if there are no usable tables (geometry then holds the defaults).
int sfdp_parse(const struct sfdp_source *source, struct nor_geometry *geometry);

// Takes over the two words of a 4-byte address instruction table. False: there is too little in it.
bool sfdp_four_byte_apply(const uint32_t words[2], struct nor_geometry *geometry);

#endif
