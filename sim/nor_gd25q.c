// GigaDevice GD25Q64C (8 MiB) and GD25Q128E (16 MiB): two generations.
//
// From the data sheets' tables as public drivers use them: status registers as Winbond's, but 01h,
// 31h and 11h take one byte each, QE leaves the factory clear, and a suspended program has a bit of
// its own (SUS2). The C parts' SFDP is the first revision (9 words: no page size, times or way to
// QE); the E parts' is revision 1.6.
// UNCONFIRMED: SFDP of the GD25Q64C (those published for a GD25Q32C) and words 10 to 16 of the
// GD25Q128E (those of the GD25Q32E), both with these chips' densities, times, dummy clocks in QPI.
// Not modelled: security registers, unique id.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_rows.h"

static const uint8_t headers_c[] = {
    0x53, 0x46, 0x44, 0x50, 0x00, 0x01, 0x01, 0xFF, 0x00, 0x00, 0x01, 0x09,
    0x30, 0x00, 0x00, 0xFF, 0xC8, 0x00, 0x01, 0x03, 0x60, 0x00, 0x00, 0xFF,
};
static const uint8_t headers_e[] = {
    0x53, 0x46, 0x44, 0x50, 0x06, 0x01, 0x01, 0xFF, 0x00, 0x06, 0x01, 0x10,
    0x30, 0x00, 0x00, 0xFF, 0xC8, 0x00, 0x01, 0x03, 0x90, 0x00, 0x00, 0xFF,
};
static const uint8_t basic_c[] = {
    WORD(0xFFF120E5), WORD(0x03FFFFFF), WORD(0x6B08EB44), WORD(0xBB423B08), WORD(0xFFFFFFEE),
    WORD(0xFF00FFFF), WORD(0xFF00FFFF), WORD(0x520F200C), WORD(0xFF00D810),
};
static const uint8_t basic_e[] = {
    WORD(0xFFF120E5), WORD(0x07FFFFFF), WORD(0x6B08EB44), WORD(0xBB423B08),
    WORD(0xFFFFFFEE), WORD(0xFF00FFFF), WORD(0xFF00FFFF), WORD(0x520F200C),
    WORD(0xFF00D810), WORD(0xFEBD4A24), WORD(0x42152782), WORD(0x331662EC),
    WORD(0x757A757A), WORD(0x5CD5B304), WORD(0x00640600), WORD(0x00001008),
};
static const uint8_t own[] = {WORD(0x27003600), WORD(0x6477F99E), WORD(0xFFFFCBFC)};
static const struct nor_bytes sfdp_c[] = {
    {0x00, sizeof(headers_c), headers_c},
    {0x30, sizeof(basic_c), basic_c},
    {0x60, sizeof(own), own},
};
static const struct nor_bytes sfdp_e[] = {
    {0x00, sizeof(headers_e), headers_e},
    {0x30, sizeof(basic_e), basic_e},
    {0x90, sizeof(own), own},
};

// clang-format off
static const struct nor_command commands[] = {
    NOR_ROWS_COMMON(0),
    NOR_ROWS_SUSPEND(0x75, 0x7A),
    {0x50, "volatile SR write enable", SPI, NOR_VOLATILE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0},
    {0x35, "read SR2", SPI, NOR_READ_STATUS, 1, 0, 0, 0, 0, OUT, 1, 0, BUSY_TOO},
    {0x15, "read SR3", SPI, NOR_READ_STATUS, 2, 0, 0, 0, 0, OUT, 1, 0, BUSY_TOO},
    {0x31, "write SR2", SPI, NOR_WRITE_STATUS, 1, 0, 0, 0, 0, IN, 1, 0, WEL},
    {0x11, "write SR3", SPI, NOR_WRITE_STATUS, 2, 0, 0, 0, 0, IN, 1, 0, WEL},
    {0xBB, "dual I/O fast read", SPI, NOR_READ_ARRAY, 0, 3, 2, 1, 0, OUT, 2, 0, NOR_CONTINUOUS},
    {0xEB, "quad I/O fast read", SPI, NOR_READ_ARRAY,
     0, 3, 4, 1, 4, OUT, 4, 0, QE | NOR_CONTINUOUS | NOR_SPI_WRAP},
    {0x77, "set burst with wrap", SPI, NOR_SET_WRAP, 0, 3, 4, 1, 0, NONE, 0, QE},
    {0x32, "quad page program", SPI, NOR_PROGRAM, 0, 3, 1, 0, 0, IN, 4, 0, WEL | QE},
    {0x90, "maker and device id", SPI, NOR_READ_MAKER_DEVICE, 0, 3, 1, 0, 0, OUT, 1, 0, 0},
    {0x38, "enable QPI", SPI, NOR_ENTER_QPI, 0, 0, 0, 0, 0, NONE, 0, QE},
    {0xFF, "mode reset", SPI, NOR_NOTHING, 0, 0, 0, 0, 0, NONE, 0, 0},
};
static const struct nor_command qpi_commands[] = {
    NOR_ROWS_QPI_COMMON,
    NOR_ROWS_QPI_SUSPEND(0x75, 0x7A),
    {0x35, "read SR2", QPI, NOR_READ_STATUS, 1, 0, 0, 0, 0, OUT, 4, 0, BUSY_TOO},
    {0x31, "write SR2", QPI, NOR_WRITE_STATUS, 1, 0, 0, 0, 0, IN, 4, 0, WEL},
    {0x0B, "fast read", QPI, NOR_READ_ARRAY, 0, 3, 4, 0, 0, OUT, 4, 0, NOR_DUMMY_SET},
    {0xEB, "quad I/O fast read", QPI, NOR_READ_ARRAY,
     0, 3, 4, 1, 0, OUT, 4, 0, NOR_DUMMY_SET | NOR_CONTINUOUS},
    {0xC0, "set read parameters", QPI, NOR_SET_READ_PARAMETERS, 0, 0, 0, 0, 0, IN, 4, 0, 0},
    {0x9F, "JEDEC id", QPI, NOR_READ_JEDEC, 0, 0, 0, 0, 0, OUT, 4, 0, 0},
    {0xAB, "release from power-down", QPI, NOR_RELEASE, 0, 0, 0, 0, 6, OUT, 4, 0, NOR_BARE_TOO},
    {0xFF, "disable QPI", QPI, NOR_EXIT_QPI, 0, 0, 0, 0, 0, NONE, 0, 0},
};
// clang-format on

#define TIMES(page_us, sector_ms, half_ms, block_ms, chip_ms, status_ms)                           \
    {                                                                                              \
        .page_program_ns = (page_us)*US, .erase_4k_ns = (sector_ms)*MS,                            \
        .erase_32k_ns = (half_ms)*MS, .erase_64k_ns = (block_ms)*MS,                               \
        .erase_chip_ns = (chip_ms)*MS, .status_write_ns = (status_ms)*MS, .suspend_ns = 30 * US,   \
        .reset_ns = 30 * US, .power_down_ns = 20 * US, .release_ns = 20 * US,                      \
    }

#define KB(n) ((uint32_t)(n)*1024u)
#define PROTECTED_SIZES(whole)                                                                     \
    {                                                                                              \
        {0,                                                                                        \
         KB(whole) / 64,                                                                           \
         KB(whole) / 32,                                                                           \
         KB(whole) / 16,                                                                           \
         KB(whole) / 8,                                                                            \
         KB(whole) / 4,                                                                            \
         KB(whole) / 2,                                                                            \
         KB(whole)},                                                                               \
            {0, KB(4), KB(8), KB(16), KB(32), KB(32), KB(32), KB(whole)},                          \
    }

// SR1: SRP0 BP4 BP3 BP2..0 WEL WIP; BP4 makes the units small, BP3 turns to the bottom.
// SR2: SUS1 CMP LB3..1 SUS2 QE SRP1. SR3: HOLD/RST DRV1 DRV0 and nothing else of interest.
#define COMMON_PART                                                                                \
    .page_size = 256, .sfdp_size = 256, .power_up_write_ns = 10 * MS, .select_high_read_ns = 20,   \
    .select_high_write_ns = 50,                                                                    \
    .layout = {.quad_enable = {1, 0x02},                                                           \
               .suspended_erase = {1, 0x80},                                                       \
               .suspended_program = {1, 0x04},                                                     \
               .status_lock = {1, 0x01},                                                           \
               .complement = {1, 0x40},                                                            \
               .bottom = {0, 0x20},                                                                \
               .small_units = {0, 0x40},                                                           \
               .protect_bits = {0x04, 0x08, 0x10},                                                 \
               .status_write_max = 1},                                                             \
    .status = {{.writable = 0xFC, .volatile_writable = 0xFC},                                      \
               {.writable = 0x7B,                                                                  \
                .one_time = 0x38,                                                                  \
                .volatile_writable = 0x43,                                                         \
                .power_cycle_clears = 0x01},                                                       \
               {.factory = 0x60, .writable = 0xE0, .volatile_writable = 0xE0}},                    \
    .commands = {NOR_COMMANDS(commands), NOR_COMMANDS(qpi_commands)}

const struct nor_model nor_gd25q64c = {
    .name = "GD25Q64C",
    .jedec = {0xC8, 0x40, 0x17},
    .device_id = 0x16,
    .size = 0x800000,
    NOR_SFDP(sfdp_c),
    COMMON_PART,
    .max_mhz = 120,
    .typical = TIMES(600, 50, 150, 200, 25000, 5),
    .maximum = TIMES(2400, 400, 800, 1200, 60000, 30),
    .protected_size = PROTECTED_SIZES(8192),
};

const struct nor_model nor_gd25q128e = {
    .name = "GD25Q128E",
    .jedec = {0xC8, 0x40, 0x18},
    .device_id = 0x17,
    .size = 0x1000000,
    NOR_SFDP(sfdp_e),
    COMMON_PART,
    .max_mhz = 133,
    .typical = TIMES(500, 50, 150, 250, 50000, 5),
    .maximum = TIMES(3000, 400, 1600, 2000, 120000, 30),
    .protected_size = PROTECTED_SIZES(16384),
};
