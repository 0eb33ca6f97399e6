// Winbond W25Q64JV (8 MiB), W25Q128JV (16 MiB) and W25Q256JV (32 MiB): -IQ parts (QE set in the
// factory, SPI only), and of the W25Q128JV also the -IM part (QE clear, QPI, double rate).
//
// Written from the Winbond data sheet W25Q128JV-DTR revision C: tables 8.1.2 to 8.1.6 (commands),
// 7.1 (status registers, protection), 9.3 and 9.6 (times). SFDP bytes as published from real chips'
// dumps. The -IQ parts are taken to be the same but for id, QE and the missing QPI and DTR
// commands; times are those of 2.7-3.6 V, clock limits those of 3.0-3.6 V. The W25Q256JV adds the
// address modes: ADS and ADP, the extended address register, commands that take 4 address bytes in
// either mode. Its SFDP (revision 1.5) has no 4-byte address table.
// UNCONFIRMED: page program and 4 KB erase times of the W25Q256JV (its own sheet was not at hand).
//
// SPDX-License-Identifier: MIT
#include "sim/nor_rows.h"

// SFDP revision 1.5: one parameter header, and its 16 words at 0x80; FFh between and behind.
static const uint8_t sfdp_header[] = {
    0x53, 0x46, 0x44, 0x50, 0x05, 0x01, 0x00, 0xFF, 0x00, 0x05, 0x01, 0x10, 0x80, 0x00, 0x00, 0xFF,
};
static const uint8_t parameters_64[] = {
    0xE5, 0x20, 0xF9, 0xFF, 0xFF, 0xFF, 0xFF, 0x03, 0x44, 0xEB, 0x08, 0x6B, 0x08, 0x3B, 0x42, 0xBB,
    0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0xFF, 0xFF, 0x40, 0xEB, 0x0C, 0x20, 0x0F, 0x52,
    0x10, 0xD8, 0x00, 0x00, 0x36, 0x02, 0xA6, 0x00, 0x82, 0xEA, 0x14, 0xC4, 0xE9, 0x63, 0x76, 0x33,
    0x7A, 0x75, 0x7A, 0x75, 0xF7, 0xA2, 0xD5, 0x5C, 0x19, 0xF7, 0x4D, 0xFF, 0xE9, 0x30, 0xF8, 0x80,
};
static const uint8_t parameters_128[] = {
    0xE5, 0x20, 0xF9, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x44, 0xEB, 0x08, 0x6B, 0x08, 0x3B, 0x42, 0xBB,
    0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0xFF, 0xFF, 0x40, 0xEB, 0x0C, 0x20, 0x0F, 0x52,
    0x10, 0xD8, 0x00, 0x00, 0x36, 0x02, 0xA6, 0x00, 0x82, 0xEA, 0x14, 0xC9, 0xE9, 0x63, 0x76, 0x33,
    0x7A, 0x75, 0x7A, 0x75, 0xF7, 0xA2, 0xD5, 0x5C, 0x19, 0xF7, 0x4D, 0xFF, 0xE9, 0x30, 0xF8, 0x80,
};
static const uint8_t parameters_256[] = {
    0xE5, 0x20, 0xFB, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x44, 0xEB, 0x08, 0x6B, 0x08, 0x3B, 0x42, 0xBB,
    0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0xFF, 0xFF, 0x40, 0xEB, 0x0C, 0x20, 0x0F, 0x52,
    0x10, 0xD8, 0x00, 0x00, 0x36, 0x02, 0xA6, 0x00, 0x82, 0xEA, 0x14, 0xD3, 0xE9, 0x63, 0x76, 0x33,
    0x7A, 0x75, 0x7A, 0x75, 0xF7, 0xA2, 0xD5, 0x5C, 0x19, 0xF7, 0x4D, 0xFF, 0xE9, 0x70, 0xF9, 0xA5,
};
#define SFDP_PIECES(parameters)                                                                    \
    {                                                                                              \
        {0x00, sizeof(sfdp_header), sfdp_header},                                                  \
        {                                                                                          \
            0x80, sizeof(parameters), parameters                                                   \
        }                                                                                          \
    }
static const struct nor_bytes sfdp_64[] = SFDP_PIECES(parameters_64);
static const struct nor_bytes sfdp_128[] = SFDP_PIECES(parameters_128);
static const struct nor_bytes sfdp_256[] = SFDP_PIECES(parameters_256);

// clang-format off
static const struct nor_command spi_commands[] = {
    NOR_ROWS_COMMON(0),
    NOR_ROWS_SUSPEND(0x75, 0x7A),
    NOR_ROWS_AS_WINBOND(0),
    NOR_ROWS_STATUS(3, 0x15, 0x11, SPI, 1),
    {0x92, "maker and device id dual I/O", SPI, NOR_READ_MAKER_DEVICE, 0, 3, 2, 1, 0, OUT, 2, 0, 0},
    {0x94, "maker and device id quad I/O", SPI, NOR_READ_MAKER_DEVICE,
     0, 3, 4, 1, 4, OUT, 4, 0, QE},
    {0x4B, "read unique id", SPI, NOR_READ_UNIQUE, 0, 0, 0, 0, 32, OUT, 1, 0, 0},
    {0x48, "read security register", SPI, NOR_SECURITY_READ, 0, MODE, 1, 0, 8, OUT, 1, 0, 0},
    {0x42, "program security register", SPI, NOR_SECURITY_PROGRAM, 0, MODE, 1, 0, 0, IN, 1, 0, WEL},
    {0x44, "erase security register", SPI, NOR_SECURITY_ERASE, 0, MODE, 1, 0, 0, NONE, 0, WEL},
    {0x36, "block lock", SPI, NOR_LOCK, 0, MODE, 1, 0, 0, NONE, 0, WEL},
    {0x39, "block unlock", SPI, NOR_UNLOCK, 0, MODE, 1, 0, 0, NONE, 0, WEL},
    {0x3D, "read block lock", SPI, NOR_READ_LOCK, 0, MODE, 1, 0, 0, OUT, 1, 0, 0},
    {0x7E, "global lock", SPI, NOR_LOCK_ALL, 0, 0, 0, 0, 0, NONE, 0, WEL},
    {0x98, "global unlock", SPI, NOR_UNLOCK_ALL, 0, 0, 0, 0, 0, NONE, 0, WEL},
};
// clang-format on

// What the W25Q256JV adds: address modes, and commands with 4 address bytes in either mode.
// clang-format off
static const struct nor_command four_byte_commands[] = {
    NOR_ROWS_FOUR_BYTE(0, 0),
    {0xBC, "fast read dual I/O, 4-byte", SPI, NOR_READ_ARRAY,
     0, 4, 2, 1, 0, OUT, 2, 0, NOR_CONTINUOUS},
    {0xEC, "fast read quad I/O, 4-byte", SPI, NOR_READ_ARRAY,
     0, 4, 4, 1, 4, OUT, 4, 0, QE | NOR_CONTINUOUS | NOR_SPI_WRAP},
};
// clang-format on

// What the -IM part adds. In QPI mode each phase has four lanes; the mode clocks of EBh count as
// dummy clocks, whose number C0h sets.
// clang-format off
static const struct nor_command qpi_commands[] = {
    NOR_ROWS_QPI_COMMON,
    NOR_ROWS_QPI_SUSPEND(0x75, 0x7A),
    NOR_ROWS_QPI_BY_38H,
    NOR_ROWS_STATUS(2, 0x35, 0x31, QPI, 4),
    NOR_ROWS_STATUS(3, 0x15, 0x11, QPI, 4),
    {0x0D, "DTR fast read", SPI, NOR_DOUBLE_RATE, 0, 3, 1, 0, 6, OUT, 1, 66, 0},
    {0xBD, "DTR fast read dual I/O", SPI, NOR_DOUBLE_RATE, 0, 3, 2, 1, 4, OUT, 2, 66, 0},
    {0xED, "DTR fast read quad I/O", SPI, NOR_DOUBLE_RATE, 0, 3, 4, 1, 7, OUT, 4, 66, QE},
    {0x50, "volatile SR write enable", QPI, NOR_VOLATILE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0},
    {0x0C, "burst read with wrap", QPI, NOR_READ_ARRAY,
     0, 3, 4, 0, 0, OUT, 4, 0, NOR_DUMMY_SET | NOR_BURST_WRAP},
    {0xEB, "fast read quad I/O", QPI, NOR_READ_ARRAY,
     0, 3, 4, 1, 0, OUT, 4, 0, NOR_DUMMY_SET | NOR_CONTINUOUS},
    {0x0E, "DTR burst read with wrap", QPI, NOR_DOUBLE_RATE, 0, 3, 4, 0, 8, OUT, 4, 66, 0},
    {0x0D, "DTR fast read", QPI, NOR_DOUBLE_RATE, 0, 3, 4, 0, 8, OUT, 4, 66, 0},
    {0xED, "DTR fast read quad I/O", QPI, NOR_DOUBLE_RATE, 0, 3, 4, 1, 7, OUT, 4, 66, 0},
    {0xC0, "set read parameters", QPI, NOR_SET_READ_PARAMETERS, 0, 0, 0, 0, 0, IN, 4, 0, 0},
    {0xB9, "power-down", QPI, NOR_POWER_DOWN, 0, 0, 0, 0, 0, NONE, 0, 0},
    {0x90, "maker and device id", QPI, NOR_READ_MAKER_DEVICE, 0, 3, 4, 0, 0, OUT, 4, 0, 0},
    {0x36, "block lock", QPI, NOR_LOCK, 0, 3, 4, 0, 0, NONE, 0, WEL},
    {0x39, "block unlock", QPI, NOR_UNLOCK, 0, 3, 4, 0, 0, NONE, 0, WEL},
    {0x3D, "read block lock", QPI, NOR_READ_LOCK, 0, 3, 4, 0, 0, OUT, 4, 0, 0},
    {0x7E, "global lock", QPI, NOR_LOCK_ALL, 0, 0, 0, 0, 0, NONE, 0, WEL},
    {0x98, "global unlock", QPI, NOR_UNLOCK_ALL, 0, 0, 0, 0, 0, NONE, 0, WEL},
};
// clang-format on

#define TIMES(...)                                                                                 \
    {                                                                                              \
        NOR_TIMES(__VA_ARGS__), .suspend_ns = 20 * US, .reset_ns = 30 * US,                        \
                                .power_down_ns = 3 * US, .release_ns = 3 * US,                     \
    }

// SEC = 1 with BP = 6 is in no table; all of the chip is the safe reading of it.
#define PROTECTED_SIZES(size) NOR_PROTECT_THREE_BITS(size, size)

#define COMMON_PART                                                                                \
    .page_size = 256, .sfdp_size = 256, .power_up_write_ns = 5 * MS, .select_high_read_ns = 10,    \
    .select_high_write_ns = 50, .max_mhz = 133, .security_registers = 3

// SR1: SRP SEC TB BP2 BP1 BP0 WEL BUSY. SR2: SUS CMP LB3 LB2 LB1 - QE SRL. SR3: HOLD/RST DRV1 DRV0
// - - WPS - -. The drive strength leaves the factory at 25 % (both bits 1).
#define LAYOUT_SR2_SR3                                                                             \
    NOR_LAYOUT_SR2, .suspended_program = {1, 0x80}, .individual_locks = {2, 0x04},                 \
                    .status_write_max = 2
#define LAYOUT                                                                                     \
    {                                                                                              \
        LAYOUT_SR2_SR3, NOR_LAYOUT_THREE_BITS                                                      \
    }
// QE is fixed to 1 on the -IQ parts.
#define STATUS_2_IQ                                                                                \
    {                                                                                              \
        .factory = 0x02, .writable = 0x79, .one_time = 0x38, .volatile_writable = 0x41,            \
        .power_cycle_clears = 0x01                                                                 \
    }
#define STATUS_3                                                                                   \
    {                                                                                              \
        .factory = 0x60, .writable = 0xE4, .volatile_writable = 0xE4                               \
    }

const struct nor_model nor_w25q64jv_iq = {
    .name = "W25Q64JV-IQ",
    .jedec = {0xEF, 0x40, 0x17},
    .device_id = 0x16,
    .size = 0x800000,
    COMMON_PART,
    NOR_SFDP(sfdp_64),
    .typical = TIMES(400, 45, 120, 150, 20000, 10),
    .maximum = TIMES(3000, 400, 1600, 2000, 100000, 15),
    .layout = LAYOUT,
    .protected_size = PROTECTED_SIZES(0x800000),
    .status = {NOR_STATUS_1, STATUS_2_IQ, STATUS_3},
    .commands = {NOR_COMMANDS(spi_commands)},
};

#define W25Q128JV                                                                                  \
    COMMON_PART, .device_id = 0x17, .size = 0x1000000, NOR_SFDP(sfdp_128),                         \
                 .typical = TIMES(400, 45, 120, 150, 40000, 10),                                   \
                 .maximum = TIMES(3000, 400, 1600, 2000, 200000, 15), .layout = LAYOUT,            \
                 .protected_size = PROTECTED_SIZES(0x1000000)

const struct nor_model nor_w25q128jv_iq = {
    .name = "W25Q128JV-IQ",
    .jedec = {0xEF, 0x40, 0x18},
    W25Q128JV,
    .status = {NOR_STATUS_1, STATUS_2_IQ, STATUS_3},
    .commands = {NOR_COMMANDS(spi_commands)},
};

const struct nor_model nor_w25q128jv_im = {
    .name = "W25Q128JV-IM",
    .jedec = {0xEF, 0x70, 0x18},
    W25Q128JV,
    .status = {NOR_STATUS_1, NOR_STATUS_2, STATUS_3},
    .commands = {NOR_COMMANDS(spi_commands), NOR_COMMANDS(qpi_commands)},
};

// SR1: SRP TB BP3..0 WEL BUSY. SR3 also: ADS (bit 0, what the mode is), ADP (bit 1, what it is
// after power-up and reset).
const struct nor_model nor_w25q256jv_iq = {
    .name = "W25Q256JV-IQ",
    .jedec = {0xEF, 0x40, 0x19},
    .device_id = 0x18,
    .size = 0x2000000,
    COMMON_PART,
    NOR_SFDP(sfdp_256),
    .typical = TIMES(700, 50, 120, 150, 80000, 10),
    .maximum = TIMES(3000, 400, 1600, 2000, 400000, 15),
    .layout = {LAYOUT_SR2_SR3, .bottom = {0, 0x40}, .protect_bits = {0x04, 0x08, 0x10, 0x20},
               .four_byte_now = {2, 0x01}, .four_byte_at_start = {2, 0x02}},
    .protected_size = NOR_PROTECT_FOUR_BITS(0x2000000),
    .status = {NOR_STATUS_1,
               STATUS_2_IQ,
               {.factory = 0x60, .writable = 0xE6, .volatile_writable = 0xE4}},
    .commands = {NOR_COMMANDS(spi_commands), NOR_COMMANDS(four_byte_commands)},
};
