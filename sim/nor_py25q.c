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
static const uint8_t sfdp_basic[] = {NOR_SFDP_NINE_WORDS(0x03FFFFFF)};
static const struct nor_bytes sfdp[] = {
    {0x00, sizeof(sfdp_headers), sfdp_headers},
    {0x30, sizeof(sfdp_basic), sfdp_basic},
};

// clang-format off
static const struct nor_command commands[] = {
    NOR_ROWS_COMMON(0),
    NOR_ROWS_SUSPEND(0x75, 0x7A),
    NOR_ROWS_AS_WINBOND(104),
};
static const struct nor_command qpi_commands[] = {
    NOR_ROWS_QPI_COMMON,
    NOR_ROWS_QPI_SUSPEND(0x75, 0x7A),
    NOR_ROWS_QPI_BY_38H,
};
// clang-format on

#define TIMES(...)                                                                                 \
    {                                                                                              \
        NOR_TIMES(__VA_ARGS__), .suspend_ns = 30 * US, .reset_ns = 30 * US,                        \
                                .power_down_ns = 3 * US, .release_ns = 20 * US,                    \
    }

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
    .layout = {NOR_LAYOUT_SR2, NOR_LAYOUT_THREE_BITS, .suspended_program = {1, 0x04},
               .status_write_max = 2},
    .protected_size = NOR_PROTECT_THREE_BITS(0x800000, 0x8000),
    .status = {NOR_STATUS_1, NOR_STATUS_2, {0}},
    .commands = {NOR_COMMANDS(commands), NOR_COMMANDS(qpi_commands)},
};
