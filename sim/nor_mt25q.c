// Micron MT25QL512AB, 64 MiB; two of these dies make an MT25TL01G.
//
// SFDP bytes as published from a real chip's dump. From the MT25Q data sheets: no quad enable bit
// (IO2 and IO3 are data lines in quad commands whatever is set); the flag status register (70h,
// cleared by 50h, which enables no status write here); block protection with BP3 apart in bit 6; 3-
// and 4-byte addresses (B7h and E9h after a write enable, the extended address register, commands
// that take 4 bytes in either mode); ten dummy clocks for EBh, set by the volatile configuration
// register (81h, 85h), whose bit 3 allows XIP: then the first of them tells whether it goes on; the
// quad protocol by 35h and F5h. A command into a protected area sets flags and leaves WEL.
// UNCONFIRMED: times; whether 35h needs a write enable (here: no); clock limits with fewer dummy
// clocks than ten are not modelled. Not modelled: the non-volatile configuration register, the dual
// protocol, sector locks, OTP, wrap (VCR bits 1 and 0).
//
// SPDX-License-Identifier: MIT
#include "sim/nor_rows.h"

// Revision 1.6: the basic table at 0x30, the 4-byte table at 0x80.
static const uint8_t sfdp_headers[] = {
    0x53, 0x46, 0x44, 0x50, 0x06, 0x01, 0x01, 0xFF, 0x00, 0x06, 0x01, 0x10,
    0x30, 0x00, 0x00, 0xFF, 0x84, 0x00, 0x01, 0x02, 0x80, 0x00, 0x00, 0xFF,
};
static const uint8_t sfdp_basic[] = {
    0xE5, 0x20, 0xFB, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0x29, 0xEB, 0x27, 0x6B, 0x27, 0x3B, 0x27, 0xBB,
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x27, 0xBB, 0xFF, 0xFF, 0x29, 0xEB, 0x0C, 0x20, 0x10, 0xD8,
    0x0F, 0x52, 0x00, 0x00, 0x24, 0x4A, 0x99, 0x00, 0x8B, 0x8E, 0x03, 0xE1, 0xAC, 0x01, 0x27, 0x38,
    0x7A, 0x75, 0x7A, 0x75, 0xFB, 0xBD, 0xD5, 0x5C, 0x4A, 0x0F, 0x82, 0xFF, 0x81, 0xBD, 0x3D, 0x36,
};
static const uint8_t sfdp_four_byte[] = {0xFF, 0xE7, 0xFF, 0xFF, 0x21, 0xDC, 0xFF, 0xFF};
static const struct nor_bytes sfdp[] = {
    {0x00, sizeof(sfdp_headers), sfdp_headers},
    {0x30, sizeof(sfdp_basic), sfdp_basic},
    {0x80, sizeof(sfdp_four_byte), sfdp_four_byte},
};

#define XIP (NOR_CONTINUOUS | NOR_XIP_CLOCK | NOR_DUMMY_FIELD)

// clang-format off
static const struct nor_command commands[] = {
    NOR_ROWS_COMMON(NOR_DUMMY_FIELD),
    NOR_ROWS_SUSPEND(0x75, 0x7A),
    NOR_ROWS_FOUR_BYTE(WEL, NOR_DUMMY_FIELD),
    {0x70, "read flag status", SPI, NOR_READ_FLAGS, 0, 0, 0, 0, 0, OUT, 1, 0, BUSY_TOO},
    {0x50, "clear flag status", SPI, NOR_CLEAR_FLAGS, 0, 0, 0, 0, 0, NONE, 0, 0},
    {0x85, "read VCR", SPI, NOR_READ_STATUS, 2, 0, 0, 0, 0, OUT, 1, 0, 0},
    {0x81, "write VCR", SPI, NOR_WRITE_VOLATILE, 2, 0, 0, 0, 0, IN, 1, 0, WEL},
    {0x9E, "JEDEC id", SPI, NOR_READ_JEDEC, 0, 0, 0, 0, 0, OUT, 1, 0, 0},
    {0xBB, "dual I/O fast read", SPI, NOR_READ_ARRAY, 0, MODE, 2, 1, 7, OUT, 2, 0, XIP},
    {0xEB, "quad I/O fast read", SPI, NOR_READ_ARRAY, 0, MODE, 4, 1, 9, OUT, 4, 0, XIP},
    {0x32, "quad input program", SPI, NOR_PROGRAM, 0, MODE, 1, 0, 0, IN, 4, 0, WEL},
    {0x38, "extended quad program", SPI, NOR_PROGRAM, 0, MODE, 4, 0, 0, IN, 4, 0, WEL},
    {0xBC, "dual I/O fast read, 4-byte", SPI, NOR_READ_ARRAY, 0, 4, 2, 1, 7, OUT, 2, 0, XIP},
    {0xEC, "quad I/O fast read, 4-byte", SPI, NOR_READ_ARRAY, 0, 4, 4, 1, 9, OUT, 4, 0, XIP},
    {0x3E, "extended quad program, 4-byte", SPI, NOR_PROGRAM, 0, 4, 4, 0, 0, IN, 4, 0, WEL},
    {0x5C, "erase 32 KB, 4-byte", SPI, NOR_ERASE, 15, 4, 1, 0, 0, NONE, 0, WEL},
};
static const struct nor_command quad_commands[] = {
    NOR_ROWS_QPI_COMMON,
    NOR_ROWS_QPI_BY_35H(0),
    NOR_ROWS_QPI_SUSPEND(0x75, 0x7A),
    {0x70, "read flag status", QPI, NOR_READ_FLAGS, 0, 0, 0, 0, 0, OUT, 4, 0, BUSY_TOO},
    {0x50, "clear flag status", QPI, NOR_CLEAR_FLAGS, 0, 0, 0, 0, 0, NONE, 0, 0},
    {0xEB, "quad I/O fast read", QPI, NOR_READ_ARRAY, 0, MODE, 4, 1, 9, OUT, 4, 0, XIP},
    {0xEC, "quad I/O fast read, 4-byte", QPI, NOR_READ_ARRAY, 0, 4, 4, 1, 9, OUT, 4, 0, XIP},
};
// clang-format on

#define TIMES(...)                                                                                 \
    {                                                                                              \
        NOR_TIMES(__VA_ARGS__), .suspend_ns = 30 * US, .reset_ns = 40 * US,                        \
                                .power_down_ns = 3 * US, .release_ns = 30 * US,                    \
    }

// SR: SRWD BP3 TB BP2..0 WEL WIP. VCR: dummy clocks in bits 7..4 (0 and 15: each command's own), no
// XIP in bit 3.
const struct nor_model nor_mt25ql512ab = {
    .name = "MT25QL512AB",
    .jedec = {0x20, 0xBA, 0x20, 0x10, 0x44, 0x00},
    .jedec_length = 6,
    .device_id = 0x19,
    .size = 0x4000000,
    .page_size = 256,
    NOR_SFDP(sfdp),
    .sfdp_size = 256,
    .typical = TIMES(120, 50, 100, 150, 153000, 2),
    .maximum = TIMES(1800, 400, 1000, 1000, 460000, 8),
    .power_up_write_ns = 10 * MS,
    .select_high_read_ns = 20,
    .select_high_write_ns = 50,
    .max_mhz = 133,
    .continuous = NOR_CONTINUOUS_XIP,
    .layout = {.bottom = {0, 0x20},
               .protect_bits = {0x04, 0x08, 0x10, 0x40},
               .no_xip = {2, 0x08},
               .dummy_field = {2, 0xF0},
               .status_write_max = 1,
               .has_flags = 1},
    .dummy_clocks = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0},
    .protected_size = NOR_PROTECT_FOUR_BITS(0x4000000),
    .status = {{.writable = 0xFC}, {0}, {.factory = 0xFB, .writable = 0xF8, .volatile_only = 0xFF}},
    .commands = {NOR_COMMANDS(commands), NOR_COMMANDS(quad_commands)},
};
