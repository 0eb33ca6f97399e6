// ISSI IS25LP064A, 8 MiB.
//
// From what public drivers for it do (libDaisy, u-boot, flashrom) and the data sheets of its
// family: QE in bit 6 of the status register, clear from the factory; 01h takes one byte; the read
// register (C0h or 63h, volatile) sets the dummy clocks of EBh; a mode byte of AXh keeps continuous
// read; QPI by 35h and F5h (35h does not read a status register); suspend 75h or B0h, resume 7Ah or
// 30h, both told by the function register (48h). UNCONFIRMED: SFDP bytes (those published
// for an SK25LP128, which carry ISSI's own table, with this chip's density), times. Not modelled:
// the one-time bit that turns block protection to the bottom, information rows, sector unlock,
// wrap.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_rows.h"

// Revision 1.6: the basic table at 0x30, ISSI's own at 0x80.
static const uint8_t sfdp_headers[] = {
    0x53, 0x46, 0x44, 0x50, 0x06, 0x01, 0x01, 0xFF, 0x00, 0x06, 0x01, 0x10,
    0x30, 0x00, 0x00, 0xFF, 0x9D, 0x05, 0x01, 0x03, 0x80, 0x00, 0x00, 0x02,
};
static const uint8_t sfdp_basic[] = {
    0xE5, 0x20, 0xF9, 0xFF, 0xFF, 0xFF, 0xFF, 0x03, 0x44, 0xEB, 0x08, 0x6B, 0x08, 0x3B, 0x80, 0xBB,
    0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0xFF, 0x44, 0xEB, 0x0C, 0x20, 0x0F, 0x52,
    0x10, 0xD8, 0x00, 0xFF, 0x23, 0x4A, 0xC9, 0x00, 0x82, 0xD8, 0x11, 0xC7, 0xCC, 0xCD, 0x68, 0x46,
    0x7A, 0x75, 0x7A, 0x75, 0xF7, 0xA2, 0xD5, 0x5C, 0x4A, 0x42, 0x2C, 0xFF, 0xF0, 0x30, 0xC0, 0x80,
};
static const uint8_t sfdp_own[] = {
    0x50, 0x19, 0x50, 0x16, 0x9C, 0xF9, 0xC0, 0x64, 0x8F, 0xEC, 0xFF, 0xFF,
};
static const struct nor_bytes sfdp[] = {
    {0x00, sizeof(sfdp_headers), sfdp_headers},
    {0x30, sizeof(sfdp_basic), sfdp_basic},
    {0x80, sizeof(sfdp_own), sfdp_own},
};

// clang-format off
static const struct nor_command commands[] = {
    NOR_ROWS_COMMON(0),
    NOR_ROWS_SUSPEND(0x75, 0x7A),
    NOR_ROWS_SUSPEND(0xB0, 0x30),
    {0x48, "read function register", SPI, NOR_READ_SUSPENDED, 0, 0, 0, 0, 0, OUT, 1, 0, BUSY_TOO},
    {0x61, "read read register", SPI, NOR_READ_STATUS, 2, 0, 0, 0, 0, OUT, 1, 0, 0},
    {0xC0, "set read parameters", SPI, NOR_WRITE_VOLATILE, 2, 0, 0, 0, 0, IN, 1, 0, 0},
    {0x63, "set read parameters", SPI, NOR_WRITE_VOLATILE, 2, 0, 0, 0, 0, IN, 1, 0, 0},
    {0xD7, "erase 4 KB", SPI, NOR_ERASE, 12, 3, 1, 0, 0, NONE, 0, WEL},
    {0xBB, "fast read dual I/O", SPI, NOR_READ_ARRAY, 0, 3, 2, 1, 0, OUT, 2, 0, NOR_CONTINUOUS},
    {0xEB, "fast read quad I/O", SPI, NOR_READ_ARRAY,
     0, 3, 4, 1, 4, OUT, 4, 104, QE | NOR_CONTINUOUS | NOR_DUMMY_FIELD},
    {0x32, "quad page program", SPI, NOR_PROGRAM, 0, 3, 1, 0, 0, IN, 4, 0, WEL | QE},
    {0x38, "quad page program", SPI, NOR_PROGRAM, 0, 3, 1, 0, 0, IN, 4, 0, WEL | QE},
    {0x90, "maker and device id", SPI, NOR_READ_MAKER_DEVICE, 0, 3, 1, 0, 0, OUT, 1, 0, 0},
    {0xFF, "mode reset", SPI, NOR_NOTHING, 0, 0, 0, 0, 0, NONE, 0, 0},
};
static const struct nor_command qpi_commands[] = {
    NOR_ROWS_QPI_COMMON,
    NOR_ROWS_QPI_BY_35H(QE),
    NOR_ROWS_QPI_SUSPEND(0x75, 0x7A),
    NOR_ROWS_QPI_SUSPEND(0xB0, 0x30),
    {0xEB, "fast read quad I/O", QPI, NOR_READ_ARRAY,
     0, 3, 4, 1, 4, OUT, 4, 104, NOR_CONTINUOUS | NOR_DUMMY_FIELD},
};
// clang-format on

#define TIMES(...)                                                                                 \
    {                                                                                              \
        NOR_TIMES(__VA_ARGS__), .suspend_ns = 100 * US, .reset_ns = 100 * US,                      \
                                .power_down_ns = 3 * US, .release_ns = 5 * US,                     \
    }

// SR: SRWD QE BP3..0 WEL WIP. Read register: ODS2..0, dummy clocks in bits 4 and 3.
const struct nor_model nor_is25lp064a = {
    .name = "IS25LP064A",
    .jedec = {0x9D, 0x60, 0x17},
    .device_id = 0x16,
    .size = 0x800000,
    .page_size = 256,
    NOR_SFDP(sfdp),
    .sfdp_size = 256,
    .typical = TIMES(200, 70, 130, 200, 16000, 2),
    .maximum = TIMES(1000, 300, 500, 1000, 45000, 15),
    .power_up_write_ns = 10 * MS,
    .select_high_read_ns = 7,
    .select_high_write_ns = 50,
    .max_mhz = 133,
    .continuous = NOR_CONTINUOUS_M74,
    .layout = {.quad_enable = {0, 0x40},
               .protect_bits = {0x04, 0x08, 0x10, 0x20},
               .dummy_field = {2, 0x18},
               .status_write_max = 1},
    .dummy_clocks = {0, 4, 8, 10},
    .protected_size = NOR_PROTECT_FOUR_BITS(0x800000),
    .status = {{.writable = 0xFC}, {0}, {.factory = 0xE0, .writable = 0xF8, .volatile_only = 0xFF}},
    .commands = {NOR_COMMANDS(commands), NOR_COMMANDS(qpi_commands)},
};
