// Puya PY25Q64HA, 8 MiB, as newer WeAct boards carry it.
//
// From what public drivers do (id 85 20 17, EBh with a mode byte and four dummy clocks, QE in bit 1
// of SR2 by 31h, QPI by 38h and FFh) and from the P25Q family's layout of the status registers.
// UNCONFIRMED, for want of its data sheet: SFDP bytes (the first revision's nine words, which all
// chips of this kind have at least), times, QE at the factory (here: clear), the bytes that 01h
// takes (here: two). Not modelled: page erase (81h), security registers, unique id.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_rows.h"

static const uint8_t sfdp_headers[] = {
    0x53, 0x46, 0x44, 0x50, 0x00, 0x01, 0x00, 0xFF, 0x00, 0x00, 0x01, 0x09, 0x30, 0x00, 0x00, 0xFF,
};
static const uint8_t sfdp_basic[] = {
    WORD(0xFFF120E5), WORD(0x03FFFFFF), WORD(0x6B08EB44), WORD(0xBB423B08), WORD(0xFFFFFFEE),
    WORD(0xFF00FFFF), WORD(0xFF00FFFF), WORD(0x520F200C), WORD(0xFF00D810),
};
static const struct nor_bytes sfdp[] = {
    {0x00, sizeof(sfdp_headers), sfdp_headers},
    {0x30, sizeof(sfdp_basic), sfdp_basic},
};

// clang-format off
static const struct nor_command commands[] = {
    NOR_ROWS_COMMON(0),
    NOR_ROWS_SUSPEND(0x75, 0x7A),
    {0x50, "volatile SR write enable", SPI, NOR_VOLATILE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0},
    {0x35, "read SR2", SPI, NOR_READ_STATUS, 1, 0, 0, 0, 0, OUT, 1, 0, BUSY_TOO},
    {0x31, "write SR2", SPI, NOR_WRITE_STATUS, 1, 0, 0, 0, 0, IN, 1, 0, WEL},
    {0xBB, "dual I/O fast read", SPI, NOR_READ_ARRAY, 0, 3, 2, 1, 0, OUT, 2, 0, NOR_CONTINUOUS},
    {0xEB, "quad I/O fast read", SPI, NOR_READ_ARRAY,
     0, 3, 4, 1, 4, OUT, 4, 104, QE | NOR_CONTINUOUS | NOR_SPI_WRAP},
    {0x77, "set burst with wrap", SPI, NOR_SET_WRAP, 0, 3, 4, 1, 0, NONE, 0, QE},
    {0x32, "quad page program", SPI, NOR_PROGRAM, 0, 3, 1, 0, 0, IN, 4, 0, WEL | QE},
    {0x90, "maker and device id", SPI, NOR_READ_MAKER_DEVICE, 0, 3, 1, 0, 0, OUT, 1, 0, 0},
    {0x38, "enable QPI", SPI, NOR_ENTER_QPI, 0, 0, 0, 0, 0, NONE, 0, QE},
    {0xFF, "mode reset", SPI, NOR_NOTHING, 0, 0, 0, 0, 0, NONE, 0, 0},
};
static const struct nor_command qpi_commands[] = {
    NOR_ROWS_QPI_COMMON,
    NOR_ROWS_QPI_SUSPEND(0x75, 0x7A),
    {0x0B, "fast read", QPI, NOR_READ_ARRAY, 0, 3, 4, 0, 0, OUT, 4, 0, NOR_DUMMY_SET},
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
        .reset_ns = 30 * US, .power_down_ns = 3 * US, .release_ns = 20 * US,                       \
    }

#define KB(n) ((uint32_t)(n)*1024u)

// SR1: SRP0 BP4 BP3 BP2..0 WEL WIP. SR2: SUS1 CMP LB3..1 SUS2 QE SRP1.
const struct nor_model nor_py25q64ha = {
    .name = "PY25Q64HA",
    .jedec = {0x85, 0x20, 0x17},
    .device_id = 0x16,
    .size = 0x800000,
    .page_size = 256,
    NOR_SFDP(sfdp),
    .sfdp_size = 256,
    .typical = TIMES(500, 45, 150, 200, 20000, 5),
    .maximum = TIMES(3000, 400, 1600, 2000, 100000, 15),
    .power_up_write_ns = 10 * MS,
    .select_high_read_ns = 20,
    .select_high_write_ns = 50,
    .max_mhz = 133,
    .layout = {.quad_enable = {1, 0x02},
               .suspended_erase = {1, 0x80},
               .suspended_program = {1, 0x04},
               .status_lock = {1, 0x01},
               .complement = {1, 0x40},
               .bottom = {0, 0x20},
               .small_units = {0, 0x40},
               .protect_bits = {0x04, 0x08, 0x10},
               .status_write_max = 2},
    .protected_size = {{0, KB(128), KB(256), KB(512), KB(1024), KB(2048), KB(4096), KB(8192)},
                       {0, KB(4), KB(8), KB(16), KB(32), KB(32), KB(32), KB(8192)}},
    .status = {{.writable = 0xFC, .volatile_writable = 0xFC},
               {.writable = 0x7B,
                .one_time = 0x38,
                .volatile_writable = 0x43,
                .power_cycle_clears = 0x01},
               {0}},
    .commands = {NOR_COMMANDS(commands), NOR_COMMANDS(qpi_commands)},
};
