// Command rows on which the data sheets of all families here agree, and short names, so that a
// command of a family's own is a line.
//
// Columns: opcode, name, bus, action, argument, address bytes, address lanes, mode bytes, dummy
// clocks, data, data lanes, MHz limit (0: the chip's), flags.
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
// Reads with 8 dummy clocks, page program, erases, ids, reset: one lane, but for the data of 3Bh
// and 6Bh. `field`: NOR_DUMMY_FIELD where the dummy clocks of these reads can be set.
#define NOR_ROWS_COMMON(field)                                                                     \
    {0x06, "write enable", SPI, NOR_WRITE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0},                      \
    {0x04, "write disable", SPI, NOR_WRITE_DISABLE, 0, 0, 0, 0, 0, NONE, 0, 0},                    \
    {0x05, "read SR1", SPI, NOR_READ_STATUS, 0, 0, 0, 0, 0, OUT, 1, 0, BUSY_TOO},                  \
    {0x01, "write SR1", SPI, NOR_WRITE_STATUS, 0, 0, 0, 0, 0, IN, 1, 0, WEL},                      \
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

// In QPI mode every phase has four lanes.
#define NOR_ROWS_QPI_COMMON                                                                        \
    {0x06, "write enable", QPI, NOR_WRITE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0},                      \
    {0x04, "write disable", QPI, NOR_WRITE_DISABLE, 0, 0, 0, 0, 0, NONE, 0, 0},                    \
    {0x05, "read SR1", QPI, NOR_READ_STATUS, 0, 0, 0, 0, 0, OUT, 4, 0, BUSY_TOO},                  \
    {0x01, "write SR1", QPI, NOR_WRITE_STATUS, 0, 0, 0, 0, 0, IN, 4, 0, WEL},                      \
    {0x02, "page program", QPI, NOR_PROGRAM, 0, MODE, 4, 0, 0, IN, 4, 0, WEL},                     \
    {0x20, "erase 4 KB", QPI, NOR_ERASE, 12, MODE, 4, 0, 0, NONE, 0, WEL},                         \
    {0x52, "erase 32 KB", QPI, NOR_ERASE, 15, MODE, 4, 0, 0, NONE, 0, WEL},                        \
    {0xD8, "erase 64 KB", QPI, NOR_ERASE, 16, MODE, 4, 0, 0, NONE, 0, WEL},                        \
    {0xC7, "chip erase", QPI, NOR_ERASE_CHIP, 0, 0, 0, 0, 0, NONE, 0, WEL},                        \
    {0x60, "chip erase", QPI, NOR_ERASE_CHIP, 0, 0, 0, 0, 0, NONE, 0, WEL},                        \
    {0x66, "reset enable", QPI, NOR_RESET_ENABLE, 0, 0, 0, 0, 0, NONE, 0, BUSY_TOO},               \
    {0x99, "reset", QPI, NOR_RESET, 0, 0, 0, 0, 0, NONE, 0, BUSY_TOO}

#define NOR_ROWS_QPI_SUSPEND(suspend, resume)                                                      \
    {suspend, "suspend", QPI, NOR_SUSPEND, 0, 0, 0, 0, 0, NONE, 0, BUSY_TOO},                      \
    {resume, "resume", QPI, NOR_RESUME, 0, 0, 0, 0, 0, NONE, 0, 0}
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
