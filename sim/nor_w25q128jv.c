// Winbond W25Q128JV, 16 MiB: the -IQ part (QE set in the factory, SPI only) and the -IM part (QE
// clear, QPI, double rate).
//
// Written from the Winbond data sheet W25Q128JV-DTR revision C: tables 8.1.2 to 8.1.6 (commands),
// 7.1 (status registers, protection), 9.3 and 9.6 (times). SFDP bytes as published from a real
// chip's dump. The -IQ part is taken to be the same but for id, QE and the missing QPI and DTR
// commands; times are those of 2.7-3.6 V, clock limits those of 3.0-3.6 V.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_model.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

// SFDP revision 1.5: one parameter header, and its 16 words at 0x80; FFh between and behind.
static const uint8_t sfdp_header[] = {
    0x53, 0x46, 0x44, 0x50, 0x05, 0x01, 0x00, 0xFF, 0x00, 0x05, 0x01, 0x10, 0x80, 0x00, 0x00, 0xFF,
};
static const uint8_t sfdp_parameters[] = {
    0xE5, 0x20, 0xF9, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x44, 0xEB, 0x08, 0x6B, 0x08, 0x3B, 0x42, 0xBB,
    0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0xFF, 0xFF, 0x40, 0xEB, 0x0C, 0x20, 0x0F, 0x52,
    0x10, 0xD8, 0x00, 0x00, 0x36, 0x02, 0xA6, 0x00, 0x82, 0xEA, 0x14, 0xC9, 0xE9, 0x63, 0x76, 0x33,
    0x7A, 0x75, 0x7A, 0x75, 0xF7, 0xA2, 0xD5, 0x5C, 0x19, 0xF7, 0x4D, 0xFF, 0xE9, 0x30, 0xF8, 0x80,
};
static const struct nor_bytes sfdp[] = {
    {0x00, sizeof(sfdp_header), sfdp_header},
    {0x80, sizeof(sfdp_parameters), sfdp_parameters},
};

#define NONE NOR_DATA_NONE, 0
#define OUT  NOR_DATA_OUT
#define IN   NOR_DATA_IN

// Columns: opcode, name, bus, action, argument, address bytes, address lanes, mode bytes, dummy
// clocks, data, data lanes, MHz limit (0: 133), flags.
#define SPI_COMMANDS                                                                                 \
    {0x06, "write enable", NOR_SPI, NOR_WRITE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0},                    \
        {0x04, "write disable", NOR_SPI, NOR_WRITE_DISABLE, 0, 0, 0, 0, 0, NONE, 0, 0},              \
        {0x50, "volatile SR write enable", NOR_SPI, NOR_VOLATILE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0}, \
        {0x05, "read SR1", NOR_SPI, NOR_READ_STATUS, 0, 0, 0, 0, 0, OUT, 1, 0, NOR_WHILE_BUSY},      \
        {0x35, "read SR2", NOR_SPI, NOR_READ_STATUS, 1, 0, 0, 0, 0, OUT, 1, 0, NOR_WHILE_BUSY},      \
        {0x15, "read SR3", NOR_SPI, NOR_READ_STATUS, 2, 0, 0, 0, 0, OUT, 1, 0, NOR_WHILE_BUSY},      \
        {0x01, "write SR1", NOR_SPI, NOR_WRITE_STATUS, 0, 0, 0, 0, 0, IN, 1, 0, NOR_NEEDS_WEL},      \
        {0x31, "write SR2", NOR_SPI, NOR_WRITE_STATUS, 1, 0, 0, 0, 0, IN, 1, 0, NOR_NEEDS_WEL},      \
        {0x11, "write SR3", NOR_SPI, NOR_WRITE_STATUS, 2, 0, 0, 0, 0, IN, 1, 0, NOR_NEEDS_WEL},      \
        {0x03, "read", NOR_SPI, NOR_READ_ARRAY, 0, 3, 1, 0, 0, OUT, 1, 50, 0},                       \
        {0x0B, "fast read", NOR_SPI, NOR_READ_ARRAY, 0, 3, 1, 0, 8, OUT, 1, 0, 0},                   \
        {0x3B, "fast read dual output", NOR_SPI, NOR_READ_ARRAY, 0, 3, 1, 0, 8, OUT, 2, 0, 0},       \
        {0xBB, "fast read dual I/O", NOR_SPI, NOR_READ_ARRAY, 0, 3, 2, 1, 0, OUT, 2,                 \
         0,    NOR_CONTINUOUS},                                                                      \
        {0x6B,        "fast read quad output", NOR_SPI, NOR_READ_ARRAY, 0, 3, 1, 0, 8, OUT, 4, 0,    \
         NOR_NEEDS_QE},                                                                              \
        {0xEB,                                                                                       \
         "fast read quad I/O",                                                                       \
         NOR_SPI,                                                                                    \
         NOR_READ_ARRAY,                                                                             \
         0,                                                                                          \
         3,                                                                                          \
         4,                                                                                          \
         1,                                                                                          \
         4,                                                                                          \
         OUT,                                                                                        \
         4,                                                                                          \
         0,                                                                                          \
         NOR_NEEDS_QE | NOR_CONTINUOUS | NOR_SPI_WRAP},                                              \
        {0x77, "set burst with wrap", NOR_SPI, NOR_SET_WRAP, 0, 3, 4, 1, 0, NONE, 0, NOR_NEEDS_QE},  \
        {0x02, "page program", NOR_SPI, NOR_PROGRAM, 0, 3, 1, 0, 0, IN, 1, 0, NOR_NEEDS_WEL},        \
        {0x32, "quad page program",         NOR_SPI, NOR_PROGRAM, 0, 3, 1, 0, 0, IN, 4,              \
         0,    NOR_NEEDS_WEL | NOR_NEEDS_QE},                                                        \
        {0x20, "erase 4 KB", NOR_SPI, NOR_ERASE, 12, 3, 1, 0, 0, NONE, 0, NOR_NEEDS_WEL},            \
        {0x52, "erase 32 KB", NOR_SPI, NOR_ERASE, 15, 3, 1, 0, 0, NONE, 0, NOR_NEEDS_WEL},           \
        {0xD8, "erase 64 KB", NOR_SPI, NOR_ERASE, 16, 3, 1, 0, 0, NONE, 0, NOR_NEEDS_WEL},           \
        {0xC7, "chip erase", NOR_SPI, NOR_ERASE_CHIP, 0, 0, 0, 0, 0, NONE, 0, NOR_NEEDS_WEL},        \
        {0x60, "chip erase", NOR_SPI, NOR_ERASE_CHIP, 0, 0, 0, 0, 0, NONE, 0, NOR_NEEDS_WEL},        \
        {0x75, "suspend", NOR_SPI, NOR_SUSPEND, 0, 0, 0, 0, 0, NONE, 0, NOR_WHILE_BUSY},             \
        {0x7A, "resume", NOR_SPI, NOR_RESUME, 0, 0, 0, 0, 0, NONE, 0, 0},                            \
        {0xB9, "power-down", NOR_SPI, NOR_POWER_DOWN, 0, 0, 0, 0, 0, NONE, 0, 0},                    \
        {0xAB,        "release from power-down", NOR_SPI, NOR_RELEASE, 0, 0, 0, 0, 24, OUT, 1, 0,    \
         NOR_BARE_TOO},                                                                              \
        {0x90, "maker and device id", NOR_SPI, NOR_READ_MAKER_DEVICE, 0, 3, 1, 0, 0, OUT, 1, 0, 0},  \
        {0x92,    "maker and device id dual I/O",                                                    \
         NOR_SPI, NOR_READ_MAKER_DEVICE,                                                             \
         0,       3,                                                                                 \
         2,       1,                                                                                 \
         0,       OUT,                                                                               \
         2,       0,                                                                                 \
         0},                                                                                         \
        {0x94,        "maker and device id quad I/O",                                                \
         NOR_SPI,     NOR_READ_MAKER_DEVICE,                                                         \
         0,           3,                                                                             \
         4,           1,                                                                             \
         4,           OUT,                                                                           \
         4,           0,                                                                             \
         NOR_NEEDS_QE},                                                                              \
        {0x9F, "JEDEC id", NOR_SPI, NOR_READ_JEDEC, 0, 0, 0, 0, 0, OUT, 1, 0, 0},                    \
        {0x5A, "read SFDP", NOR_SPI, NOR_READ_SFDP, 0, 3, 1, 0, 8, OUT, 1, 0, 0},                    \
        {0x4B, "read unique id", NOR_SPI, NOR_READ_UNIQUE, 0, 0, 0, 0, 32, OUT, 1, 0, 0},            \
        {0x48, "read security register", NOR_SPI, NOR_SECURITY_READ, 0, 3, 1, 0, 8, OUT, 1, 0, 0},   \
        {0x42,                                                                                       \
         "program security register",                                                                \
         NOR_SPI,                                                                                    \
         NOR_SECURITY_PROGRAM,                                                                       \
         0,                                                                                          \
         3,                                                                                          \
         1,                                                                                          \
         0,                                                                                          \
         0,                                                                                          \
         IN,                                                                                         \
         1,                                                                                          \
         0,                                                                                          \
         NOR_NEEDS_WEL},                                                                             \
        {0x44,    "erase security register",                                                         \
         NOR_SPI, NOR_SECURITY_ERASE,                                                                \
         0,       3,                                                                                 \
         1,       0,                                                                                 \
         0,       NONE,                                                                              \
         0,       NOR_NEEDS_WEL},                                                                    \
        {0x36, "block lock", NOR_SPI, NOR_LOCK, 0, 3, 1, 0, 0, NONE, 0, NOR_NEEDS_WEL},              \
        {0x39, "block unlock", NOR_SPI, NOR_UNLOCK, 0, 3, 1, 0, 0, NONE, 0, NOR_NEEDS_WEL},          \
        {0x3D, "read block lock", NOR_SPI, NOR_READ_LOCK, 0, 3, 1, 0, 0, OUT, 1, 0, 0},              \
        {0x7E, "global lock", NOR_SPI, NOR_LOCK_ALL, 0, 0, 0, 0, 0, NONE, 0, NOR_NEEDS_WEL},         \
        {0x98, "global unlock", NOR_SPI, NOR_UNLOCK_ALL, 0, 0, 0, 0, 0, NONE, 0, NOR_NEEDS_WEL},     \
        {0x66, "reset enable", NOR_SPI, NOR_RESET_ENABLE, 0, 0, 0, 0, 0, NONE, 0, NOR_WHILE_BUSY},   \
        {0x99, "reset", NOR_SPI, NOR_RESET, 0, 0, 0, 0, 0, NONE, 0, NOR_WHILE_BUSY},                 \
    {                                                                                                \
        0xFF, "mode reset", NOR_SPI, NOR_NOTHING, 0, 0, 0, 0, 0, NONE, 0, 0                          \
    }

// What the -IM part adds. In QPI mode each phase has four lanes; the mode clocks of EBh count as
// dummy clocks, whose number C0h sets.
#define QPI_COMMANDS                                                                                 \
    {0x38, "enter QPI", NOR_SPI, NOR_ENTER_QPI, 0, 0, 0, 0, 0, NONE, 0, NOR_NEEDS_QE},               \
        {0x0D, "DTR fast read", NOR_SPI, NOR_DOUBLE_RATE, 0, 3, 1, 0, 6, OUT, 1, 66, 0},             \
        {0xBD, "DTR fast read dual I/O", NOR_SPI, NOR_DOUBLE_RATE, 0, 3, 2, 1, 4, OUT, 2, 66, 0},    \
        {0xED,        "DTR fast read quad I/O", NOR_SPI, NOR_DOUBLE_RATE, 0, 3, 4, 1, 7, OUT, 4, 66, \
         NOR_NEEDS_QE},                                                                              \
        {0x06, "write enable", NOR_QPI, NOR_WRITE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0},                \
        {0x04, "write disable", NOR_QPI, NOR_WRITE_DISABLE, 0, 0, 0, 0, 0, NONE, 0, 0},              \
        {0x50, "volatile SR write enable", NOR_QPI, NOR_VOLATILE_ENABLE, 0, 0, 0, 0, 0, NONE, 0, 0}, \
        {0x05, "read SR1", NOR_QPI, NOR_READ_STATUS, 0, 0, 0, 0, 0, OUT, 4, 0, NOR_WHILE_BUSY},      \
        {0x35, "read SR2", NOR_QPI, NOR_READ_STATUS, 1, 0, 0, 0, 0, OUT, 4, 0, NOR_WHILE_BUSY},      \
        {0x15, "read SR3", NOR_QPI, NOR_READ_STATUS, 2, 0, 0, 0, 0, OUT, 4, 0, NOR_WHILE_BUSY},      \
        {0x01, "write SR1", NOR_QPI, NOR_WRITE_STATUS, 0, 0, 0, 0, 0, IN, 4, 0, NOR_NEEDS_WEL},      \
        {0x31, "write SR2", NOR_QPI, NOR_WRITE_STATUS, 1, 0, 0, 0, 0, IN, 4, 0, NOR_NEEDS_WEL},      \
        {0x11, "write SR3", NOR_QPI, NOR_WRITE_STATUS, 2, 0, 0, 0, 0, IN, 4, 0, NOR_NEEDS_WEL},      \
        {0x0B, "fast read", NOR_QPI, NOR_READ_ARRAY, 0, 3, 4, 0, 0, OUT, 4, 0, NOR_DUMMY_SET},       \
        {0x0C, "burst read with wrap",        NOR_QPI, NOR_READ_ARRAY, 0, 3, 4, 0, 0, OUT, 4,        \
         0,    NOR_DUMMY_SET | NOR_BURST_WRAP},                                                      \
        {0xEB, "fast read quad I/O",          NOR_QPI, NOR_READ_ARRAY, 0, 3, 4, 1, 0, OUT, 4,        \
         0,    NOR_DUMMY_SET | NOR_CONTINUOUS},                                                      \
        {0x0E, "DTR burst read with wrap", NOR_QPI, NOR_DOUBLE_RATE, 0, 3, 4, 0, 8, OUT, 4, 66, 0},  \
        {0x0D, "DTR fast read", NOR_QPI, NOR_DOUBLE_RATE, 0, 3, 4, 0, 8, OUT, 4, 66, 0},             \
        {0xED, "DTR fast read quad I/O", NOR_QPI, NOR_DOUBLE_RATE, 0, 3, 4, 1, 7, OUT, 4, 66, 0},    \
        {0xC0, "set read parameters", NOR_QPI, NOR_SET_READ_PARAMETERS, 0, 0, 0, 0, 0, IN, 4, 0, 0}, \
        {0x02, "page program", NOR_QPI, NOR_PROGRAM, 0, 3, 4, 0, 0, IN, 4, 0, NOR_NEEDS_WEL},        \
        {0x20, "erase 4 KB", NOR_QPI, NOR_ERASE, 12, 3, 4, 0, 0, NONE, 0, NOR_NEEDS_WEL},            \
        {0x52, "erase 32 KB", NOR_QPI, NOR_ERASE, 15, 3, 4, 0, 0, NONE, 0, NOR_NEEDS_WEL},           \
        {0xD8, "erase 64 KB", NOR_QPI, NOR_ERASE, 16, 3, 4, 0, 0, NONE, 0, NOR_NEEDS_WEL},           \
        {0xC7, "chip erase", NOR_QPI, NOR_ERASE_CHIP, 0, 0, 0, 0, 0, NONE, 0, NOR_NEEDS_WEL},        \
        {0x60, "chip erase", NOR_QPI, NOR_ERASE_CHIP, 0, 0, 0, 0, 0, NONE, 0, NOR_NEEDS_WEL},        \
        {0x75, "suspend", NOR_QPI, NOR_SUSPEND, 0, 0, 0, 0, 0, NONE, 0, NOR_WHILE_BUSY},             \
        {0x7A, "resume", NOR_QPI, NOR_RESUME, 0, 0, 0, 0, 0, NONE, 0, 0},                            \
        {0xB9, "power-down", NOR_QPI, NOR_POWER_DOWN, 0, 0, 0, 0, 0, NONE, 0, 0},                    \
        {0xAB,        "release from power-down", NOR_QPI, NOR_RELEASE, 0, 0, 0, 0, 6, OUT, 4, 0,     \
         NOR_BARE_TOO},                                                                              \
        {0x90, "maker and device id", NOR_QPI, NOR_READ_MAKER_DEVICE, 0, 3, 4, 0, 0, OUT, 4, 0, 0},  \
        {0x9F, "JEDEC id", NOR_QPI, NOR_READ_JEDEC, 0, 0, 0, 0, 0, OUT, 4, 0, 0},                    \
        {0x36, "block lock", NOR_QPI, NOR_LOCK, 0, 3, 4, 0, 0, NONE, 0, NOR_NEEDS_WEL},              \
        {0x39, "block unlock", NOR_QPI, NOR_UNLOCK, 0, 3, 4, 0, 0, NONE, 0, NOR_NEEDS_WEL},          \
        {0x3D, "read block lock", NOR_QPI, NOR_READ_LOCK, 0, 3, 4, 0, 0, OUT, 4, 0, 0},              \
        {0x7E, "global lock", NOR_QPI, NOR_LOCK_ALL, 0, 0, 0, 0, 0, NONE, 0, NOR_NEEDS_WEL},         \
        {0x98, "global unlock", NOR_QPI, NOR_UNLOCK_ALL, 0, 0, 0, 0, 0, NONE, 0, NOR_NEEDS_WEL},     \
        {0x66, "reset enable", NOR_QPI, NOR_RESET_ENABLE, 0, 0, 0, 0, 0, NONE, 0, NOR_WHILE_BUSY},   \
        {0x99, "reset", NOR_QPI, NOR_RESET, 0, 0, 0, 0, 0, NONE, 0, NOR_WHILE_BUSY},                 \
    {                                                                                                \
        0xFF, "exit QPI", NOR_QPI, NOR_EXIT_QPI, 0, 0, 0, 0, 0, NONE, 0, 0                           \
    }

static const struct nor_command iq_commands[] = {SPI_COMMANDS};
static const struct nor_command im_commands[] = {SPI_COMMANDS, QPI_COMMANDS};

#define TYPICAL_TIMES                                                                              \
    {                                                                                              \
        .page_program_ns = 400 * US, .erase_4k_ns = 45 * MS, .erase_32k_ns = 120 * MS,             \
        .erase_64k_ns = 150 * MS, .erase_chip_ns = 40000 * MS, .status_write_ns = 10 * MS,         \
        .suspend_ns = 20 * US, .reset_ns = 30 * US, .power_down_ns = 3 * US, .release_ns = 3 * US, \
    }
#define MAXIMUM_TIMES                                                                              \
    {                                                                                              \
        .page_program_ns = 3 * MS, .erase_4k_ns = 400 * MS, .erase_32k_ns = 1600 * MS,             \
        .erase_64k_ns = 2000 * MS, .erase_chip_ns = 200000 * MS, .status_write_ns = 15 * MS,       \
        .suspend_ns = 20 * US, .reset_ns = 30 * US, .power_down_ns = 3 * US, .release_ns = 3 * US, \
    }

// SEC = 1 with BP = 6 is in no table; all of the chip is the safe reading of it.
#define KB(n) ((uint32_t)(n)*1024u)
#define PROTECTED_SIZES                                                                            \
    {                                                                                              \
        {0, KB(256), KB(512), KB(1024), KB(2048), KB(4096), KB(8192), KB(16384)},                  \
            {0, KB(4), KB(8), KB(16), KB(32), KB(32), KB(16384), KB(16384)},                       \
    }

#define COMMON_PART                                                                                \
    .device_id = 0x17, .size = 0x1000000, .page_size = 256, .sfdp = sfdp,                          \
    .sfdp_count = sizeof(sfdp) / sizeof(sfdp[0]), .sfdp_size = 256, .typical = TYPICAL_TIMES,      \
    .maximum = MAXIMUM_TIMES, .power_up_write_ns = 5 * MS, .select_high_read_ns = 10,              \
    .select_high_write_ns = 50, .max_mhz = 133, .protected_size = PROTECTED_SIZES,                 \
    .security_registers = 3

// SR1: SRP SEC TB BP2 BP1 BP0 WEL BUSY. SR2: SUS CMP LB3 LB2 LB1 - QE SRL. SR3: HOLD/RST DRV1 DRV0
// - - WPS - -. The drive strength leaves the factory at 25 % (both bits 1).
#define STATUS_1                                                                                   \
    {                                                                                              \
        .factory = 0x00, .writable = 0xFC, .volatile_writable = 0xFC                               \
    }
#define STATUS_3                                                                                   \
    {                                                                                              \
        .factory = 0x60, .writable = 0xE4, .volatile_writable = 0xE4                               \
    }

const struct nor_model nor_w25q128jv_iq = {
    .name = "W25Q128JV-IQ",
    .jedec = {0xEF, 0x40, 0x18},
    COMMON_PART,
    // QE is fixed to 1 on this part.
    .status = {STATUS_1,
               {.factory = 0x02,
                .writable = 0x79,
                .one_time = 0x38,
                .volatile_writable = 0x41,
                .power_cycle_clears = 0x01},
               STATUS_3},
    .commands = iq_commands,
    .command_count = sizeof(iq_commands) / sizeof(iq_commands[0]),
};

const struct nor_model nor_w25q128jv_im = {
    .name = "W25Q128JV-IM",
    .jedec = {0xEF, 0x70, 0x18},
    COMMON_PART,
    .status = {STATUS_1,
               {.factory = 0x00,
                .writable = 0x7B,
                .one_time = 0x38,
                .volatile_writable = 0x43,
                .power_cycle_clears = 0x01},
               STATUS_3},
    .commands = im_commands,
    .command_count = sizeof(im_commands) / sizeof(im_commands[0]),
};
