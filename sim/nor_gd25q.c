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
static const uint8_t basic_c[] = {NOR_SFDP_NINE_WORDS(0x03FFFFFF)};
// clang-format off
static const uint8_t basic_e[] = {
    NOR_SFDP_NINE_WORDS(0x07FFFFFF),
    WORD(0xFEBD4A24), WORD(0x42152782), WORD(0x331662EC), WORD(0x757A757A), WORD(0x5CD5B304),
    WORD(0x00640600), WORD(0x00001008),
};
// clang-format on
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
    NOR_ROWS_AS_WINBOND(0),
    NOR_ROWS_STATUS(3, 0x15, 0x11, SPI, 1),
};
static const struct nor_command qpi_commands[] = {
    NOR_ROWS_QPI_COMMON,
    NOR_ROWS_QPI_SUSPEND(0x75, 0x7A),
    NOR_ROWS_QPI_BY_38H,
    NOR_ROWS_STATUS(2, 0x35, 0x31, QPI, 4),
    {0xEB, "quad I/O fast read", QPI, NOR_READ_ARRAY,
     0, 3, 4, 1, 0, OUT, 4, 0, NOR_DUMMY_SET | NOR_CONTINUOUS},
    {0xC0, "set read parameters", QPI, NOR_SET_READ_PARAMETERS, 0, 0, 0, 0, 0, IN, 4, 0, 0},
};
// clang-format on

#define TIMES(...)                                                                                 \
    {                                                                                              \
        NOR_TIMES(__VA_ARGS__), .suspend_ns = 30 * US, .reset_ns = 30 * US,                        \
                                .power_down_ns = 20 * US, .release_ns = 20 * US,                   \
    }

#define PROTECTED_SIZES(size) NOR_PROTECT_THREE_BITS(size, 0x8000)

// SR1: SRP0 BP4 BP3 BP2..0 WEL WIP; BP4 makes the units small, BP3 turns to the bottom.
// SR2: SUS1 CMP LB3..1 SUS2 QE SRP1. SR3: HOLD/RST DRV1 DRV0 and nothing else of interest.
#define COMMON_PART                                                                                \
    .page_size = 256, .sfdp_size = 256, .power_up_write_ns = 10 * MS, .select_high_read_ns = 20,   \
    .select_high_write_ns = 50,                                                                    \
    .layout = {NOR_LAYOUT_SR2, NOR_LAYOUT_THREE_BITS, .suspended_program = {1, 0x04},              \
               .status_write_max = 1},                                                             \
    .status = {NOR_STATUS_1,                                                                       \
               NOR_STATUS_2,                                                                       \
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
    .protected_size = PROTECTED_SIZES(0x800000),
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
    .protected_size = PROTECTED_SIZES(0x1000000),
};
