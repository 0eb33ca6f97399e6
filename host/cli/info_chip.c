// quadlane info, the part about the flash chip.
//
// Protection bits: data sheet of the W25Q128JV, chapter "Status and configuration registers".
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include <string.h>

#define PROTECTION_TEXT 160
#define JEDEC_WINBOND   0xEF

enum protection_bit {
    SR1_BP = 0x1C,
    SR1_TB = 0x20,
    SR1_SEC = 0x40,
    SR1_SRP = 0x80,
    SR2_SRL = 0x01,
    SR2_LB = 0x38,
    SR2_CMP = 0x40,
    SR3_WPS = 0x04,
};

// What the bits BP, TB, SEC and CMP protect.
static void format_area(const struct ql_board *board, char *text, size_t size)
{
    const uint8_t sr1 = board->status_registers[0];
    const bool rest = (board->status_registers[1] & SR2_CMP) != 0;
    const bool sectors = (sr1 & SR1_SEC) != 0;
    const unsigned bp = (sr1 & SR1_BP) >> 2;
    const char *end = (sr1 & SR1_TB) != 0 ? "first" : "last";
    if (bp == 0 || bp == 7)
        snprintf(text, size, "%s", (bp == 7) != rest ? "all of it" : "nothing");
    else
        snprintf(text, size, "%s %s", rest ? "all but the" : "the", end);
    if (bp == 0 || bp == 7)
        return;
    const size_t length = strlen(text);
    // Of 64 equal parts the first two powers are BP 1 and 2, and so on; sectors are 4 KiB.
    const uint32_t most = sectors ? 32 * 1024 : board->chip_size / 2;
    uint32_t area = (sectors ? UINT32_C(4096) : board->chip_size / 64) << (bp - 1);
    area = area > most ? most : area;
    snprintf(text + length, size - length, " %s", cli_size(area));
}

static void format_protection(const struct ql_board *board, char text[PROTECTION_TEXT])
{
    const uint8_t *sr = board->status_registers;
    if (board->jedec_id >> 16 != JEDEC_WINBOND) {
        snprintf(text, PROTECTION_TEXT, "bits of another maker's chip, not taken apart here");
        return;
    }
    if ((sr[2] & SR3_WPS) != 0)
        snprintf(text, PROTECTION_TEXT, "a lock for each block (WPS)");
    else
        format_area(board, text, PROTECTION_TEXT);
    const struct {
        bool set;
        const char *text;
    } more[] = {
        {(sr[0] & SR1_SRP) != 0, "; registers locked while /WP is low (SRP)"},
        {(sr[1] & SR2_SRL) != 0, "; registers locked until power-off (SRL)"},
        {(sr[1] & SR2_LB) != 0, "; security registers locked for good (LB)"},
    };
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        const size_t length = strlen(text);
        if (more[i].set)
            snprintf(text + length, PROTECTION_TEXT - length, "%s", more[i].text);
    }
}

void cli_print_chip(const struct cli *cli, const struct ql_board *board)
{
    cli_say(cli, "flash chip        %s%s", board->chip_name, board->chip_name[0] ? ", " : "");
    if (board->chip_size > 0)
        cli_say(cli, "%s, ", cli_size(board->chip_size));
    cli_say(cli, "JEDEC id %02X %02X %02X", board->jedec_id >> 16, board->jedec_id >> 8 & 0xFF,
            board->jedec_id & 0xFF);
    if (ql_board_has(board, QL_INFO_SFDP) && board->sfdp[0] != 0xFF)
        cli_say(cli, ", SFDP %u.%u", board->sfdp[0], board->sfdp[1]);
    cli_say(cli, "\n");
    if (ql_board_has(board, QL_INFO_STATUS_REGISTERS)) {
        char protection[PROTECTION_TEXT];
        cli_say(cli, "  status          SR1 %02X, SR2 %02X, SR3 %02X\n", board->status_registers[0],
                board->status_registers[1], board->status_registers[2]);
        format_protection(board, protection);
        cli_say(cli, "  protected       %s\n", protection);
    }
    if (board->geometry.erase_count > 0) {
        cli_say(cli, "  typical times   erase");
        for (size_t i = 0; i < board->geometry.erase_count; i++)
            cli_say(cli, " %s %u ms,", cli_size(board->geometry.erase[i].size),
                    board->geometry.erase[i].typical_ms);
        cli_say(cli, " page of %u bytes %u us\n", board->geometry.page_size,
                board->geometry.page_typical_us);
    }
    if (ql_board_has(board, QL_INFO_PROGRAM_AREA))
        cli_say(cli, "  for programs    0x%08X..0x%08X (%s)\n", board->area.program_start,
                board->area.program_end - 1,
                cli_size(board->area.program_end - board->area.program_start));
}

static json_t *erase_types(const struct ql_geometry *geometry)
{
    json_t *list = json_array();
    for (size_t i = 0; i < geometry->erase_count; i++)
        json_array_append_new(list,
                              json_pack("{s:I, s:I}", "size", (json_int_t)geometry->erase[i].size,
                                        "typical_ms", (json_int_t)geometry->erase[i].typical_ms));
    return list;
}

void cli_set_chip(struct cli *cli, const struct ql_board *board)
{
    json_t *chip = json_object();
    json_object_set_new(chip, "name", json_string(board->chip_name));
    json_object_set_new(chip, "jedec_id", json_integer(board->jedec_id));
    json_object_set_new(chip, "size", json_integer(board->chip_size));
    json_object_set_new(chip, "base", json_integer(board->area.chip_start));
    json_object_set_new(chip, "program_start", json_integer(board->area.program_start));
    json_object_set_new(chip, "program_end", json_integer(board->area.program_end));
    json_object_set_new(chip, "status_registers",
                        json_pack("[i, i, i]", board->status_registers[0],
                                  board->status_registers[1], board->status_registers[2]));
    if (ql_board_has(board, QL_INFO_STATUS_REGISTERS)) {
        char protection[PROTECTION_TEXT];
        format_protection(board, protection);
        json_object_set_new(chip, "protected", json_string(protection));
    }
    json_object_set_new(chip, "erase_types", erase_types(&board->geometry));
    json_object_set_new(chip, "page_size", json_integer(board->geometry.page_size));
    json_object_set_new(chip, "page_typical_us", json_integer(board->geometry.page_typical_us));
    if (ql_board_has(board, QL_INFO_SFDP) && board->sfdp[0] != 0xFF)
        json_object_set_new(chip, "sfdp", json_pack("[i, i]", board->sfdp[0], board->sfdp[1]));
    cli_set(cli, "chip", chip);
}
