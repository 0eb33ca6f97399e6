// quadlane info: what a board tells about itself.
//
// Names of reset causes: RM0433 section 8.7.41 (RCC_RSR); revisions: section 60.5.8 (DBGMCU_IDC).
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include <string.h>

// The reset's origin. A reset of any kind also sets the pin's flag, a power-on nearly all of them;
// so the first that fits counts.
static const char *reset_cause_name(uint32_t value)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } causes[] = {
        {23, "power-on"},        {21, "brown-out"}, {26, "watchdog"},
        {28, "window watchdog"}, {24, "software"},  {30, "illegal low-power entry"},
        {22, "reset pin"},       {17, "CPU"},
    };
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        if ((value >> causes[i].bit & 1) != 0)
            return causes[i].name;
    }
    return "none";
}

static const char *revision_name(uint32_t idcode)
{
    switch (idcode >> 16) {
    case 0x1001:
        return "Z";
    case 0x1003:
        return "Y";
    case 0x2001:
        return "X";
    case 0x2003:
        return "V";
    default:
        return "unknown";
    }
}

static const char *protection_text(uint8_t byte)
{
    if (byte == 0xAA)
        return "level 0 (none)";
    return byte == 0xCC ? "level 2 (for good)" : "level 1";
}

static void print_microcontroller(const struct cli *cli, const struct ql_board *board)
{
    if (ql_board_has(board, QL_INFO_IDCODE))
        cli_say(cli, "microcontroller   device %03X revision %s (IDCODE %08X)\n",
                board->idcode & 0xFFF, revision_name(board->idcode), board->idcode);
    if (ql_board_has(board, QL_INFO_CLOCKS))
        cli_say(cli, "clocks            CPU %.4g MHz, QUADSPI %.4g MHz\n", board->cpu_hz / 1e6,
                board->quadspi_hz / 1e6);
    if (ql_board_has(board, QL_INFO_RESET_CAUSE))
        cli_say(cli, "reset cause       %s (RCC_RSR %08X)\n", reset_cause_name(board->reset_cause),
                board->reset_cause);
    if (ql_board_has(board, QL_INFO_READ_PROTECTION))
        cli_say(cli, "read protection   %s\n", protection_text(board->read_protection));
}

static void print_chip(const struct cli *cli, const struct ql_board *board)
{
    cli_say(cli, "flash chip        %s%s", board->chip_name, board->chip_name[0] ? ", " : "");
    if (board->chip_size > 0)
        cli_say(cli, "%s, ", cli_size(board->chip_size));
    cli_say(cli, "JEDEC id %02X %02X %02X", board->jedec_id >> 16, board->jedec_id >> 8 & 0xFF,
            board->jedec_id & 0xFF);
    if (ql_board_has(board, QL_INFO_SFDP) && board->sfdp[0] != 0xFF)
        cli_say(cli, ", SFDP %u.%u", board->sfdp[0], board->sfdp[1]);
    cli_say(cli, "\n");
    if (ql_board_has(board, QL_INFO_STATUS_REGISTERS))
        cli_say(cli, "  status          SR1 %02X, SR2 %02X, SR3 %02X\n", board->status_registers[0],
                board->status_registers[1], board->status_registers[2]);
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

static void format_verdict(const struct ql_board *board, struct ql_failure *verdict)
{
    char what[48];
    snprintf(what, sizeof what, "program at 0x%08X", board->boot_address);
    ql_fail_status(verdict, what, board->verdict, board->verdict_detail);
}

// Of a program that promises to confirm its start.
static void print_attempts(const struct cli *cli, const struct ql_board *board)
{
    if (!ql_board_has(board, QL_INFO_ATTEMPTS))
        return;
    cli_say(cli, "                  %u start%s not confirmed, ", board->attempts,
            board->attempts == 1 ? "" : "s");
    if (board->attempts_limit == 0)
        cli_say(cli, "any number is allowed\n");
    else
        cli_say(cli, "%u %s allowed\n", board->attempts_limit,
                board->attempts_limit == 1 ? "is" : "are");
}

static void print_program(const struct cli *cli, const struct ql_board *board)
{
    struct ql_failure verdict;
    if (ql_board_has(board, QL_INFO_STAY_REASON))
        cli_say(cli, "in bootloader     because %s\n", ql_stay_reason_text(board->stay_reason));
    if (!ql_board_has(board, QL_INFO_VERDICT))
        return;
    format_verdict(board, &verdict);
    const char *reason = strchr(verdict.sentence, ':');
    cli_say(cli, "program           at 0x%08X %s%s\n", board->boot_address,
            board->verdict == QL_STATUS_OK ? "can start" : "cannot start",
            board->verdict == QL_STATUS_OK ? ""
            : reason != NULL               ? reason
                                           : "");
    print_attempts(cli, board);
}

static const char *run_state_name(uint8_t state)
{
    return state == QL_RUN_WRITING ? "unfinished" : state == QL_RUN_SEALED ? "sealed" : "unknown";
}

static void format_digest(const struct ql_run *run, char text[2 * QL_RUN_DIGEST_SIZE + 1])
{
    for (size_t i = 0; i < QL_RUN_DIGEST_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", run->digest[i]);
}

static void print_runs(const struct cli *cli, const struct ql_board *board)
{
    for (size_t i = 0; i < board->run_count; i++) {
        const struct ql_run *run = &board->runs[i];
        char digest[2 * QL_RUN_DIGEST_SIZE + 1];
        format_digest(run, digest);
        cli_say(cli, "%s0x%08X..0x%08X %s %s, SHA-256 %s...\n",
                i == 0 ? "known             " : "                  ", run->address,
                run->address + (run->length - 1), run_state_name(run->state),
                run->is_program ? "program" : "data", digest);
    }
}

static json_t *runs(const struct ql_board *board)
{
    json_t *list = json_array();
    for (size_t i = 0; i < board->run_count; i++) {
        const struct ql_run *run = &board->runs[i];
        char digest[2 * QL_RUN_DIGEST_SIZE + 1];
        format_digest(run, digest);
        json_array_append_new(
            list, json_pack("{s:I, s:I, s:s, s:b, s:s}", "address", (json_int_t)run->address,
                            "length", (json_int_t)run->length, "state", run_state_name(run->state),
                            "program", run->is_program, "sha256_begin", digest));
    }
    return list;
}

static const char *lock_name(uint8_t state)
{
    static const char *const names[] = {
        [QL_LOCK_OPEN] = "open", [QL_LOCK_LOCKED] = "locked", [QL_LOCK_UNLOCKED] = "unlocked"};
    return state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

static void print_lock(struct cli *cli, const struct ql_board *board)
{
    char id[QL_BOARD_ID_TEXT];
    char issuer[QL_FINGERPRINT_TEXT];
    ql_board_id_text(board->id, id);
    cli_set(cli, "board_id", json_string(id));
    cli_say(cli, "board id          %s\n", id);
    if (!ql_board_has(board, QL_INFO_LOCK))
        return;
    ql_fingerprint_text(board->issuer, issuer);
    const bool open = board->lock_state == QL_LOCK_OPEN;
    cli_set(cli, "lock",
            json_pack("{s:s, s:I, s:I, s:o}", "state", lock_name(board->lock_state), "permissions",
                      (json_int_t)board->permissions, "lowest_generation",
                      (json_int_t)board->generation, "issuer",
                      open ? json_null() : json_string(issuer)));
    if (open)
        cli_say(cli, "lock              open: it asks for no key\n");
    else if (board->permissions == 0)
        cli_say(cli, "lock              locked by the issuer %s (keys of generation %u and up)\n",
                issuer, board->generation);
    else
        cli_say(cli, "lock              unlocked, permits %s; issuer %s, generation %u and up\n",
                cli_permissions(board->permissions), issuer, board->generation);
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

static void set_chip(struct cli *cli, const struct ql_board *board)
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
    json_object_set_new(chip, "erase_types", erase_types(&board->geometry));
    json_object_set_new(chip, "page_size", json_integer(board->geometry.page_size));
    json_object_set_new(chip, "page_typical_us", json_integer(board->geometry.page_typical_us));
    if (ql_board_has(board, QL_INFO_SFDP) && board->sfdp[0] != 0xFF)
        json_object_set_new(chip, "sfdp", json_pack("[i, i]", board->sfdp[0], board->sfdp[1]));
    cli_set(cli, "chip", chip);
}

static void set_all(struct cli *cli, const struct ql_board *board)
{
    cli_set(cli, "protocol", json_integer(board->protocol));
    cli_set(cli, "session", json_integer(board->session));
    cli_set(cli, "window", json_integer(board->window));
    cli_set(cli, "capabilities", json_integer(board->capabilities));
    cli_set(cli, "stay_reason", json_integer(board->stay_reason));
    cli_set(cli, "stay_reason_text", json_string(ql_stay_reason_text(board->stay_reason)));
    cli_set(cli, "idcode", json_integer(board->idcode));
    cli_set(cli, "reset_cause", json_string(reset_cause_name(board->reset_cause)));
    cli_set(cli, "reset_flags", json_integer(board->reset_cause));
    cli_set(cli, "cpu_hz", json_integer(board->cpu_hz));
    cli_set(cli, "quadspi_hz", json_integer(board->quadspi_hz));
    cli_set(cli, "read_protection", json_integer(board->read_protection));
    cli_set(cli, "frames_taken", json_integer(board->frames_taken));
    cli_set(cli, "frames_damaged", json_integer(board->frames_damaged));
    cli_set(cli, "program",
            json_pack("{s:I, s:b, s:s, s:I}", "address", (json_int_t)board->boot_address,
                      "can_start", board->verdict == QL_STATUS_OK, "verdict",
                      ql_status_name(board->verdict), "detail", (json_int_t)board->verdict_detail));
    cli_set(cli, "runs", runs(board));
    if (ql_board_has(board, QL_INFO_ATTEMPTS))
        cli_set(cli, "unconfirmed_starts",
                json_pack("{s:i, s:i}", "count", board->attempts, "limit", board->attempts_limit));
    set_chip(cli, board);
}

static int run(struct cli *cli)
{
    const struct ql_board *board = &cli->connection.board;
    const int result = cli_connect(cli, false);
    if (result != 0)
        return result;
    progress_finish(&cli->progress);
    if (cli_may_read(cli))
        set_all(cli, board);
    cli_say(cli, "board             %s at %s\n", board->name, cli->connection.port);
    cli_say(cli, "serial number     %s\n", board->serial);
    cli_say(cli, "bootloader        %s, protocol %u\n", board->bootloader, board->protocol);
    print_lock(cli, board);
    if (!cli_may_read(cli))
        return 0;
    print_program(cli, board);
    print_runs(cli, board);
    print_chip(cli, board);
    print_microcontroller(cli, board);
    cli_say(cli, "line              %u frames taken, %u damaged\n", board->frames_taken,
            board->frames_damaged);
    return 0;
}

const struct cli_verb cli_info = {
    .name = "info",
    .arguments = "",
    .summary = "show what is connected, and whether its program can start",
    .text = "Shows board, bootloader, flash chip, clocks, and whether the program in the chip can "
            "start; if\n"
            "it cannot, why. Also what the bootloader keeps account of: programs that it has "
            "verified and\n"
            "sealed, and updates that were not finished."
            "\nA locked board without a key tells only who it is and by whom it is locked.",
    .options = CLI_BOARD,
    .arguments_min = 0,
    .arguments_max = 0,
    .works_locked = true,
    .run = run,
};
