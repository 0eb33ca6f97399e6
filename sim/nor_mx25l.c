// Macronix MX25L12833F, 16 MiB.
//
// SFDP bytes as published by Macronix from a real chip (linux-mtd). From the data sheets of the
// MX25L12835F family: QE in bit 6 of the status register, which leaves the factory clear; the
// configuration register (15h, written as the second byte of 01h) with the dummy clocks of the
// reads and the one-time bit for the side that block protection begins at; performance enhance
// mode, which a mode byte with each high bit the inverse of its low one keeps; suspend B0h, resume
// 30h; QPI by 35h and F5h. 35h does not read a status register here. With the factory's dummy
// clocks EBh is good for 84 MHz only.
// UNCONFIRMED: erase and program times (the SFDP's typical values are taken, and the maxima of the
// MX25L12835F where they are longer), limits of 3Bh, 6Bh and 0Bh. Not modelled: secured OTP,
// individual sector protection, burst length (C0h); DC = 01 is right for EBh only.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_rows.h"

// Revision 1.6: the basic table at 0x30, Macronix's own at 0x110, a 4-byte table (nothing in it) at
// 0xC0.
static const uint8_t sfdp_headers[] = {
    0x53, 0x46, 0x44, 0x50, 0x06, 0x01, 0x02, 0xFF, 0x00, 0x06, 0x01, 0x10, 0x30, 0x00, 0x00, 0xFF,
    0xC2, 0x00, 0x01, 0x04, 0x10, 0x01, 0x00, 0xFF, 0x84, 0x00, 0x01, 0x02, 0xC0, 0x00, 0x00, 0xFF,
};
static const uint8_t sfdp_basic[] = {
    0xE5, 0x20, 0xF1, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x44, 0xEB, 0x08, 0x6B, 0x08, 0x3B, 0x04, 0xBB,
    0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0xFF, 0x44, 0xEB, 0x0C, 0x20, 0x0F, 0x52,
    0x10, 0xD8, 0x00, 0xFF, 0x82, 0x41, 0xBD, 0x00, 0x81, 0xE5, 0x7B, 0xC6, 0x44, 0x03, 0x67, 0x38,
    0x30, 0xB0, 0x30, 0xB0, 0xF7, 0xBD, 0xD5, 0x5C, 0x4A, 0xBE, 0x29, 0xFF, 0xE1, 0xD0, 0xFF, 0xFF,
};
static const uint8_t sfdp_four_byte[] = {0x00, 0x00, 0xFF, 0xFF};
static const uint8_t sfdp_own[] = {0x00, 0x36, 0x00, 0x27, 0x9D, 0xF9, 0xC0, 0x64, 0x85, 0xCB};
static const struct nor_bytes sfdp[] = {
    {0x00, sizeof(sfdp_headers), sfdp_headers},
    {0x30, sizeof(sfdp_basic), sfdp_basic},
    {0xC0, sizeof(sfdp_four_byte), sfdp_four_byte},
    {0x110, sizeof(sfdp_own), sfdp_own},
};

// clang-format off
static const struct nor_command commands[] = {
    NOR_ROWS_COMMON(NOR_DUMMY_FIELD),
    NOR_ROWS_SUSPEND(0xB0, 0x30),
    {0x15, "read configuration register", SPI, NOR_READ_STATUS, 1, 0, 0, 0, 0, OUT, 1, 0, BUSY_TOO},
    {0x2B, "read security register", SPI, NOR_READ_SUSPENDED, 0, 0, 0, 0, 0, OUT, 1, 0, BUSY_TOO},
    {0xBB, "dual I/O read", SPI, NOR_READ_ARRAY, 0, 3, 2, 0, 4, OUT, 2, 84, NOR_DUMMY_FIELD},
    {0xEB, "quad I/O read", SPI, NOR_READ_ARRAY,
     0, 3, 4, 1, 4, OUT, 4, 84, QE | NOR_CONTINUOUS | NOR_DUMMY_FIELD},
    {0x38, "quad page program", SPI, NOR_PROGRAM, 0, 3, 4, 0, 0, IN, 4, 0, WEL | QE},
    {0x90, "maker and device id", SPI, NOR_READ_MAKER_DEVICE, 0, 3, 1, 0, 0, OUT, 1, 0, 0},
    {0xFF, "leave enhance mode", SPI, NOR_NOTHING, 0, 0, 0, 0, 0, NONE, 0, 0},
};
static const struct nor_command qpi_commands[] = {
    NOR_ROWS_QPI_COMMON,
    NOR_ROWS_QPI_BY_35H(QE),
    NOR_ROWS_QPI_SUSPEND(0xB0, 0x30),
    {0xEB, "quad I/O read", QPI, NOR_READ_ARRAY,
     0, 3, 4, 1, 4, OUT, 4, 84, NOR_CONTINUOUS | NOR_DUMMY_FIELD},
};
// clang-format on

#define TIMES(...)                                                                                 \
    {                                                                                              \
        NOR_TIMES(__VA_ARGS__), .suspend_ns = 25 * US, .reset_ns = 40 * US,                        \
                                .power_down_ns = 10 * US, .release_ns = 30 * US,                   \
    }

// SR: SRWD QE BP3..0 WEL WIP. CR: DC1 DC0 - - TB ODS2..0.
const struct nor_model nor_mx25l12833f = {
    .name = "MX25L12833F",
    .jedec = {0xC2, 0x20, 0x18},
    .device_id = 0x17,
    .size = 0x1000000,
    .page_size = 256,
    NOR_SFDP(sfdp),
    .sfdp_size = 512,
    .typical = TIMES(384, 25, 144, 256, 50000, 40),
    .maximum = TIMES(1500, 200, 1000, 2000, 150000, 40),
    .power_up_write_ns = 5 * MS,
    .select_high_read_ns = 15,
    .select_high_write_ns = 50,
    .max_mhz = 133,
    .continuous = NOR_CONTINUOUS_TOGGLE,
    .layout = {.quad_enable = {0, 0x40},
               .bottom = {1, 0x08},
               .protect_bits = {0x04, 0x08, 0x10, 0x20},
               .dummy_field = {1, 0xC0},
               .status_write_max = 2},
    .dummy_clocks = {0, 4, 8, 10},
    .protected_size = NOR_PROTECT_FOUR_BITS(0x1000000),
    .status = {{.writable = 0xFC},
               {.factory = 0x07, .writable = 0xCF, .one_time = 0x08, .volatile_only = 0xC7}},
    .commands = {NOR_COMMANDS(commands), NOR_COMMANDS(qpi_commands)},
};
