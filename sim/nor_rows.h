// What the data sheets of several families here agree on (commands, status registers, times), and
// short names, so that a command of a family's own is a line.
//
// Columns of a command: opcode, name, bus, action, argument, address bytes, address lanes, mode
// bytes, dummy clocks, data, data lanes, MHz limit (0: the chip's), flags.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_NOR_ROWS_H
#define SIM_NOR_ROWS_H

#include "sim/nor_model.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

#define SPI      NOR_SPI
#define QPI      NOR_QPI
#define NONE     NOR_DATA_NONE, 0
#define OUT      NOR_DATA_OUT
#define IN       NOR_DATA_IN
#define MODE     NOR_ADDRESS_MODE
#define WEL      NOR_NEEDS_WEL
#define QE       NOR_NEEDS_QE
#define BUSY_TOO NOR_WHILE_BUSY

// clang-format off
#define NOR_ROWS_STATUS(number, read, write, bus, lanes)                                           \
    {read, "read SR" #number, bus, NOR_READ_STATUS,                                                \
     (number)-1, 0, 0, 0, 0, OUT, lanes, 0, BUSY_TOO},                                             \
    {write, "write SR" #number, bus, NOR_WRITE_STATUS, (number)-1, 0, 0, 0, 0, IN, lanes, 0, WEL}

// Reads with 8 dummy clocks, page program, erases, ids, reset: one lane, but for the data of 3Bh
// and 6Bh. `field`: NOR_DUMMY_FIELD where the dummy clocks of these reads can be set.
#define NOR_ROWS_COMMON(field)                                                                     \
    {0x06, "write enable", SPI, NOR_WRITE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0},                      \
    {0x04, "write disable", SPI, NOR_WRITE_DISABLE, 0, 0, 0, 0, 0, NONE, 0, 0},                    \
    NOR_ROWS_STATUS(1, 0x05, 0x01, SPI, 1),                                                        \
    {0x03, "read", SPI, NOR_READ_ARRAY, 0, MODE, 1, 0, 0, OUT, 1, 50, 0},                          \
    {0x0B, "fast read", SPI, NOR_READ_ARRAY, 0, MODE, 1, 0, 8, OUT, 1, 0, field},                  \
    {0x3B, "fast read dual output", SPI, NOR_READ_ARRAY, 0, MODE, 1, 0, 8, OUT, 2, 0, field},      \
    {0x6B, "fast read quad output", SPI, NOR_READ_ARRAY,                                           \
     0, MODE, 1, 0, 8, OUT, 4, 0, QE | (field)},                                                   \
    {0x02, "page program", SPI, NOR_PROGRAM, 0, MODE, 1, 0, 0, IN, 1, 0, WEL},                     \
    {0x20, "erase 4 KB", SPI, NOR_ERASE, 12, MODE, 1, 0, 0, NONE, 0, WEL},                         \
    {0x52, "erase 32 KB", SPI, NOR_ERASE, 15, MODE, 1, 0, 0, NONE, 0, WEL},                        \
    {0xD8, "erase 64 KB", SPI, NOR_ERASE, 16, MODE, 1, 0, 0, NONE, 0, WEL},                        \
    {0xC7, "chip erase", SPI, NOR_ERASE_CHIP, 0, 0, 0, 0, 0, NONE, 0, WEL},                        \
    {0x60, "chip erase", SPI, NOR_ERASE_CHIP, 0, 0, 0, 0, 0, NONE, 0, WEL},                        \
    {0xB9, "power-down", SPI, NOR_POWER_DOWN, 0, 0, 0, 0, 0, NONE, 0, 0},                          \
    {0xAB, "release from power-down", SPI, NOR_RELEASE, 0, 0, 0, 0, 24, OUT, 1, 0, NOR_BARE_TOO},  \
    {0x9F, "JEDEC id", SPI, NOR_READ_JEDEC, 0, 0, 0, 0, 0, OUT, 1, 0, 0},                          \
    {0x5A, "read SFDP", SPI, NOR_READ_SFDP, 0, 3, 1, 0, 8, OUT, 1, 0, 0},                          \
    {0x66, "reset enable", SPI, NOR_RESET_ENABLE, 0, 0, 0, 0, 0, NONE, 0, BUSY_TOO},               \
    {0x99, "reset", SPI, NOR_RESET, 0, 0, 0, 0, 0, NONE, 0, BUSY_TOO}

#define NOR_ROWS_SUSPEND(suspend, resume)                                                          \
    {suspend, "suspend", SPI, NOR_SUSPEND, 0, 0, 0, 0, 0, NONE, 0, BUSY_TOO},                      \
    {resume, "resume", SPI, NOR_RESUME, 0, 0, 0, 0, 0, NONE, 0, 0}

// Winbond's own that others took over. `quad_mhz`: limit of EBh.
#define NOR_ROWS_AS_WINBOND(quad_mhz)                                                              \
    {0x50, "volatile SR write enable", SPI, NOR_VOLATILE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0},       \
    NOR_ROWS_STATUS(2, 0x35, 0x31, SPI, 1),                                                        \
    {0xBB, "fast read dual I/O", SPI, NOR_READ_ARRAY,                                              \
     0, MODE, 2, 1, 0, OUT, 2, 0, NOR_CONTINUOUS},                                                 \
    {0xEB, "fast read quad I/O", SPI, NOR_READ_ARRAY,                                              \
     0, MODE, 4, 1, 4, OUT, 4, quad_mhz, QE | NOR_CONTINUOUS | NOR_SPI_WRAP},                      \
    {0x77, "set burst with wrap", SPI, NOR_SET_WRAP, 0, MODE, 4, 1, 0, NONE, 0, QE},               \
    {0x32, "quad page program", SPI, NOR_PROGRAM, 0, MODE, 1, 0, 0, IN, 4, 0, WEL | QE},           \
    {0x90, "maker and device id", SPI, NOR_READ_MAKER_DEVICE, 0, 3, 1, 0, 0, OUT, 1, 0, 0},        \
    {0xFF, "mode reset", SPI, NOR_NOTHING, 0, 0, 0, 0, 0, NONE, 0, 0}

// Address modes, and commands with 4 address bytes in either mode. `latch`: WEL where changing the
// mode takes a write enable; `field` as above.
#define NOR_ROWS_FOUR_BYTE(latch, field)                                                           \
    {0xB7, "enter 4-byte address mode", SPI, NOR_ENTER_4BYTE, 0, 0, 0, 0, 0, NONE, 0, latch},      \
    {0xE9, "exit 4-byte address mode", SPI, NOR_EXIT_4BYTE, 0, 0, 0, 0, 0, NONE, 0, latch},        \
    {0xC8, "read extended address", SPI, NOR_READ_EXTENDED, 0, 0, 0, 0, 0, OUT, 1, 0, 0},          \
    {0xC5, "write extended address", SPI, NOR_WRITE_EXTENDED, 0, 0, 0, 0, 0, IN, 1, 0, WEL},       \
    {0x13, "read, 4-byte", SPI, NOR_READ_ARRAY, 0, 4, 1, 0, 0, OUT, 1, 50, 0},                     \
    {0x0C, "fast read, 4-byte", SPI, NOR_READ_ARRAY, 0, 4, 1, 0, 8, OUT, 1, 0, field},             \
    {0x3C, "fast read dual output, 4-byte", SPI, NOR_READ_ARRAY, 0, 4, 1, 0, 8, OUT, 2, 0, field}, \
    {0x6C, "fast read quad output, 4-byte", SPI, NOR_READ_ARRAY,                                   \
     0, 4, 1, 0, 8, OUT, 4, 0, QE | (field)},                                                      \
    {0x12, "page program, 4-byte", SPI, NOR_PROGRAM, 0, 4, 1, 0, 0, IN, 1, 0, WEL},                \
    {0x34, "quad page program, 4-byte", SPI, NOR_PROGRAM, 0, 4, 1, 0, 0, IN, 4, 0, WEL | QE},      \
    {0x21, "erase 4 KB, 4-byte", SPI, NOR_ERASE, 12, 4, 1, 0, 0, NONE, 0, WEL},                    \
    {0xDC, "erase 64 KB, 4-byte", SPI, NOR_ERASE, 16, 4, 1, 0, 0, NONE, 0, WEL}

// In QPI mode every phase has four lanes.
#define NOR_ROWS_QPI_COMMON                                                                        \
    {0x06, "write enable", QPI, NOR_WRITE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0},                      \
    {0x04, "write disable", QPI, NOR_WRITE_DISABLE, 0, 0, 0, 0, 0, NONE, 0, 0},                    \
    NOR_ROWS_STATUS(1, 0x05, 0x01, QPI, 4),                                                        \
    {0x02, "page program", QPI, NOR_PROGRAM, 0, MODE, 4, 0, 0, IN, 4, 0, WEL},                     \
    {0x20, "erase 4 KB", QPI, NOR_ERASE, 12, MODE, 4, 0, 0, NONE, 0, WEL},                         \
    {0x52, "erase 32 KB", QPI, NOR_ERASE, 15, MODE, 4, 0, 0, NONE, 0, WEL},                        \
    {0xD8, "erase 64 KB", QPI, NOR_ERASE, 16, MODE, 4, 0, 0, NONE, 0, WEL},                        \
    {0xC7, "chip erase", QPI, NOR_ERASE_CHIP, 0, 0, 0, 0, 0, NONE, 0, WEL},                        \
    {0x60, "chip erase", QPI, NOR_ERASE_CHIP, 0, 0, 0, 0, 0, NONE, 0, WEL},                        \
    {0xAB, "release from power-down", QPI, NOR_RELEASE, 0, 0, 0, 0, 6, OUT, 4, 0, NOR_BARE_TOO},   \
    {0x66, "reset enable", QPI, NOR_RESET_ENABLE, 0, 0, 0, 0, 0, NONE, 0, BUSY_TOO},               \
    {0x99, "reset", QPI, NOR_RESET, 0, 0, 0, 0, 0, NONE, 0, BUSY_TOO}

#define NOR_ROWS_QPI_SUSPEND(suspend, resume)                                                      \
    {suspend, "suspend", QPI, NOR_SUSPEND, 0, 0, 0, 0, 0, NONE, 0, BUSY_TOO},                      \
    {resume, "resume", QPI, NOR_RESUME, 0, 0, 0, 0, 0, NONE, 0, 0}

// Into QPI and out of it, and what the way decides: 38h and FFh, with 9Fh and the dummy clocks of
// C0h; or 35h and F5h, with AFh. `needs`: QE where 35h takes it.
#define NOR_ROWS_QPI_BY_38H                                                                        \
    {0x38, "enter QPI", SPI, NOR_ENTER_QPI, 0, 0, 0, 0, 0, NONE, 0, QE},                           \
    {0x0B, "fast read", QPI, NOR_READ_ARRAY, 0, 3, 4, 0, 0, OUT, 4, 0, NOR_DUMMY_SET},             \
    {0x9F, "JEDEC id", QPI, NOR_READ_JEDEC, 0, 0, 0, 0, 0, OUT, 4, 0, 0},                          \
    {0xFF, "exit QPI", QPI, NOR_EXIT_QPI, 0, 0, 0, 0, 0, NONE, 0, 0}
#define NOR_ROWS_QPI_BY_35H(needs)                                                                 \
    {0x35, "enter QPI", SPI, NOR_ENTER_QPI, 0, 0, 0, 0, 0, NONE, 0, needs},                        \
    {0xAF, "JEDEC id", QPI, NOR_READ_JEDEC, 0, 0, 0, 0, 0, OUT, 4, 0, 0},                          \
    {0xF5, "exit QPI", QPI, NOR_EXIT_QPI, 0, 0, 0, 0, 0, NONE, 0, 0}

// The part of a chip's times that differs between typical and maximum.
#define NOR_TIMES(page_us, sector_ms, half_ms, block_ms, chip_ms, status_ms)                       \
    .page_program_ns = (page_us)*US, .erase_4k_ns = (sector_ms)*MS, .erase_32k_ns = (half_ms)*MS,  \
    .erase_64k_ns = (block_ms)*MS, .erase_chip_ns = (chip_ms)*MS, .status_write_ns = (status_ms)*MS

// SR1 and SR2 as Winbond's: SRP SEC TB BP2..0 WEL BUSY, SUS CMP LB3..1 x QE SRL. With four protect
// bits SR1 is another.
#define NOR_LAYOUT_THREE_BITS                                                                      \
    .bottom = {0, 0x20}, .small_units = {0, 0x40}, .protect_bits = {0x04, 0x08, 0x10}
#define NOR_LAYOUT_SR2                                                                             \
    .quad_enable = {1, 0x02}, .suspended_erase = {1, 0x80}, .status_lock = {1, 0x01},              \
    .complement = {1, 0x40}
#define NOR_STATUS_1 {.writable = 0xFC, .volatile_writable = 0xFC}
#define NOR_STATUS_2                                                                               \
    {.writable = 0x7B, .one_time = 0x38, .volatile_writable = 0x43, .power_cycle_clears = 0x01}

// The nine words of SFDP's first revision, of chips of one kind.
#define NOR_SFDP_NINE_WORDS(density)                                                               \
    WORD(0xFFF120E5), WORD(density), WORD(0x6B08EB44), WORD(0xBB423B08), WORD(0xFFFFFFEE),         \
    WORD(0xFF00FFFF), WORD(0xFF00FFFF), WORD(0x520F200C), WORD(0xFF00D810)
// clang-format on

#define NOR_COMMANDS(table)                                                                        \
    {                                                                                              \
        table, sizeof(table) / sizeof(table[0])                                                    \
    }

#define NOR_SFDP(pieces) .sfdp = pieces, .sfdp_count = sizeof(pieces) / sizeof(pieces[0])

// A 32-bit word of a table as its four bytes, lowest first.
#define WORD(value)                                                                                \
    (uint8_t)((value)&0xFF), (uint8_t)((value) >> 8 & 0xFF), (uint8_t)((value) >> 16 & 0xFF),      \
        (uint8_t)((value) >> 24)

#endif
