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

// One die for all of these.
static const char *device_name(uint32_t idcode)
{
    return (idcode & 0xFFF) == 0x450 ? "STM32H742/743/750/753" : "unknown";
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
        cli_say(cli, "microcontroller   %s, device %03X revision %s (IDCODE %08X)\n",
                device_name(board->idcode), board->idcode & 0xFFF, revision_name(board->idcode),
                board->idcode);
    if (ql_board_has(board, QL_INFO_CLOCKS))
        cli_say(cli, "clocks            CPU %.4g MHz, QUADSPI %.4g MHz\n", board->cpu_hz / 1e6,
                board->quadspi_hz / 1e6);
    if (ql_board_has(board, QL_INFO_RESET_CAUSE))
        cli_say(cli, "reset cause       %s (RCC_RSR %08X)\n", reset_cause_name(board->reset_cause),
                board->reset_cause);
    if (ql_board_has(board, QL_INFO_READ_PROTECTION))
        cli_say(cli, "read protection   %s\n", protection_text(board->read_protection));
    if (ql_board_has(board, QL_INFO_OWN_FLASH))
        cli_say(cli, "write protection  %s\n", board->write_protected ? "on" : "off");
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

// What is asked for beside INFO.
struct more {
    struct ql_update_progress progress; // of the last update since the board's start
    struct ql_program programs[QL_PROGRAMS_MAX];
    size_t program_count;
};

static int ask_more(struct cli *cli, struct more *more)
{
    const struct ql_board *board = &cli->connection.board;
    struct ql_link *link = &cli->connection.link;
    const int result = ql_board_status(link, &more->progress, &cli->failure);
    const bool open =
        more->progress.state == QL_UPDATE_OPEN || more->progress.state == QL_UPDATE_VERIFYING;
    if (result != 0 || open || board->chip_size == 0)
        return result;
    return ql_board_programs(link, board, false, more->programs, &more->program_count,
                             &cli->failure);
}

static const char *program_name(const struct more *more, uint32_t address)
{
    for (size_t i = 0; i < more->program_count; i++) {
        if (more->programs[i].address == address && more->programs[i].has_header)
            return cli_program_name(&more->programs[i]);
    }
    return NULL;
}

static void print_runs(const struct cli *cli, const struct ql_board *board, const struct more *more)
{
    for (size_t i = 0; i < board->run_count; i++) {
        const struct ql_run *run = &board->runs[i];
        char digest[2 * QL_RUN_DIGEST_SIZE + 1];
        format_digest(run, digest);
        const char *name = program_name(more, run->address);
        cli_say(cli, "%s0x%08X..0x%08X %s %s%s%s, SHA-256 %s...\n",
                i == 0 ? "known             " : "                  ", run->address,
                run->address + (run->length - 1), run_state_name(run->state),
                run->is_program ? "program" : "data", name != NULL ? " " : "",
                name != NULL ? name : "", digest);
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

// What the last update came to: one since the board's start tells more than its record.
static const char *last_outcome(const struct ql_board *board, const struct more *more)
{
    static const char *const states[] = {[QL_UPDATE_OPEN] = "under way",
                                         [QL_UPDATE_VERIFYING] = "under way",
                                         [QL_UPDATE_COMPLETE] = "complete",
                                         [QL_UPDATE_FAILED] = "failed",
                                         [QL_UPDATE_CLOSED] = "unfinished"};
    if (more->progress.id != 0 && more->progress.state < sizeof states / sizeof states[0] &&
        states[more->progress.state] != NULL)
        return states[more->progress.state];
    if (!ql_board_has(board, QL_INFO_LAST_UPDATE))
        return NULL;
    return board->last_kind == QL_LAST_UNFINISHED ? "unfinished" : "complete";
}

static void print_last_update(struct cli *cli, const struct ql_board *board,
                              const struct more *more)
{
    const char *outcome = last_outcome(board, more);
    const bool failed = more->progress.state == QL_UPDATE_FAILED;
    struct ql_failure failure = {0};
    if (failed)
        ql_fail_status(&failure, "", more->progress.status, more->progress.detail);
    cli_say(cli, "last update       %s%s", outcome != NULL ? outcome : "none that is known",
            failure.sentence);
    if (outcome != NULL && ql_board_has(board, QL_INFO_LAST_UPDATE))
        cli_say(cli, "; newest record: %s at 0x%08X", cli_size(board->last_length),
                board->last_address);
    cli_say(cli, "\n");
    cli_set(cli, "last_update",
            json_pack("{s:o, s:o}", "outcome", outcome != NULL ? json_string(outcome) : json_null(),
                      "status",
                      failed ? json_string(ql_status_name(more->progress.status)) : json_null()));
}

static void print_dfu(struct cli *cli, const struct ql_board *board)
{
    struct ql_failure failure = {0};
    if (!ql_board_has(board, QL_INFO_DFU))
        return;
    ql_fail_status(&failure, "", board->dfu_status, board->dfu_detail);
    cli_say(cli, "DFU/PX4 failure   %s\n", failure.sentence + strspn(failure.sentence, ": "));
    cli_set(cli, "dfu_failure", json_string(ql_status_name(board->dfu_status)));
}

// Another id than the one that keys are made for.
static void tell_px4(struct cli *cli, const struct ql_board *board)
{
    if (ql_board_has(board, QL_INFO_PX4))
        cli_set(cli, "px4",
                json_pack("{s:I, s:I}", "board_id", (json_int_t)board->px4_board_id,
                          "board_revision", (json_int_t)board->px4_board_revision));
}

static void print_settings(const struct cli *cli, const struct ql_board *board)
{
    size_t count = 0;
    for (const struct ql_setting_type *type = ql_setting_types; type->name != NULL; type++) {
        const uint8_t *item = ql_settings_item(&board->settings, (uint8_t)type->tag);
        char text[QL_SETTING_TEXT];
        if (item == NULL)
            continue;
        ql_setting_format(type, item, text);
        cli_say(cli, "%s%s %s", count++ == 0 ? "settings          " : ", ", type->name, text);
    }
    cli_say(cli, count == 0 ? "settings          all as by default\n" : "\n");
}

static void print_bootloader(struct cli *cli, const struct ql_board *board)
{
    char build[2 * QL_SHA256_SIZE + 1] = "";
    for (size_t i = 0; i < QL_SHA256_SIZE && ql_board_has(board, QL_INFO_BUILD); i++)
        snprintf(build + 2 * i, 3, "%02x", board->build_sha256[i]);
    cli_say(cli, "bootloader        %s, protocol %u", board->bootloader, board->protocol);
    if (build[0] != '\0') {
        cli_say(cli, ", build %.16s (%u bytes)", build, board->build_size);
        cli_set(cli, "build",
                json_pack("{s:s, s:I}", "sha256", build, "size", (json_int_t)board->build_size));
    }
    cli_say(cli, "\n");
}

static json_t *programs(const struct more *more)
{
    json_t *list = json_array();
    for (size_t i = 0; i < more->program_count; i++)
        json_array_append_new(list, cli_program_json(&more->programs[i]));
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

static void set_all(struct cli *cli, const struct ql_board *board, const struct more *more)
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
    cli_set(cli, "write_protected", json_boolean(board->write_protected));
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
    cli_set(cli, "programs", programs(more));
    cli_set(cli, "settings", cli_settings_json(board, NULL));
    cli_set_chip(cli, board);
}

static int run(struct cli *cli)
{
    const struct ql_board *board = &cli->connection.board;
    struct more more = {0};
    int result = cli_connect(cli, false);
    if (result == 0 && cli_may_read(cli))
        result = ask_more(cli, &more);
    if (result != 0)
        return result;
    progress_finish(&cli->progress);
    if (cli_may_read(cli))
        set_all(cli, board, &more);
    cli_say(cli, "board             %s at %s\n", board->name, cli->connection.port);
    cli_say(cli, "serial number     %s\n", board->serial);
    print_bootloader(cli, board);
    print_lock(cli, board);
    if (!cli_may_read(cli))
        return 0;
    print_program(cli, board);
    print_runs(cli, board, &more);
    print_last_update(cli, board, &more);
    result = cli_tell_fault(cli);
    if (result != 0)
        return result;
    print_dfu(cli, board);
    tell_px4(cli, board);
    print_settings(cli, board);
    cli_print_chip(cli, board);
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
            "sealed, updates that were not finished, and the last fault of a program; with --elf "
            "its lines "
            "in the\nsource."
            "\nA locked board without a key tells only who it is and by whom it is locked.",
    .options = CLI_BOARD | CLI_ELF,
    .arguments_min = 0,
    .arguments_max = 0,
    .works_locked = true,
    .run = run,
};
