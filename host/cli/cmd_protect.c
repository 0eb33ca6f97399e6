// quadlane protect: the protection of the microcontroller's internal flash, where the bootloader
// lies.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include "host/bootloader.h"

#include <string.h>

static const struct choice {
    const char *words[2];
    enum ql_protect what;
    const char *warning;
} choices[] = {
    {{"read", "on"},
     QL_PROTECT_READ,
     "Level 1 of the read-out protection:\n"
     "- A debugger or the ROM's loader can no longer read or change the internal flash. When one\n"
     "  connects, the microcontroller blocks its flash: the board does nothing more until its "
     "power\n"
     "  was off. Debugging programs with a probe ends here.\n"
     "- It says nothing about the flash chip, which can still be read and written with a clip.\n"
     "- The way back to level 0, by a probe or the ROM's loader only, erases the whole internal\n"
     "  flash with the bootloader in it. Programs in the chip stay.\n"
     "- Afterwards take the board's power away once.\n"},
    {{"write", "on"},
     QL_PROTECT_WRITE,
     "Write protection of the internal flash:\n"
     "- Nothing erases or programs it until the protection is taken off: no stray program, and\n"
     "  neither update-bootloader, dfu-util nor a probe.\n"
     "- `quadlane protect write off` takes it off; so can any program that means to.\n"},
    {{"write", "off"},
     QL_PROTECT_WRITE_OFF,
     "No write protection of the internal flash:\n"
     "- A program gone astray can erase the bootloader, and it can be replaced.\n"},
};

#define CHOICE_COUNT (sizeof choices / sizeof choices[0])

static int fail_choice(struct cli *cli)
{
    const char *first = cli->arguments[0];
    const char *second = cli->argument_count > 1 ? cli->arguments[1] : "";
    if (strcmp(first, "read") == 0 && strcmp(second, "2") == 0) {
        ql_fail(&cli->failure, QL_USAGE,
                "level 2 can never be taken back, by nobody; this tool cannot set it");
    } else if (strcmp(first, "read") == 0 && strcmp(second, "off") == 0) {
        ql_fail(&cli->failure, QL_USAGE,
                "only a probe or the ROM's loader takes the read-out protection off, and that "
                "erases the whole internal flash");
        ql_hint(&cli->failure, "how: docs/protecting.md");
    } else {
        ql_fail(&cli->failure, QL_USAGE, "\"%s%s%s\" is no protection", first,
                second[0] != '\0' ? " " : "", second);
        ql_hint(&cli->failure, "read on, write on or write off; nothing at all shows what is set");
    }
    return -QL_USAGE;
}

static const struct choice *choice_of(const struct cli *cli)
{
    for (size_t i = 0; i < CHOICE_COUNT; i++) {
        if (cli->argument_count == 2 && strcmp(cli->arguments[0], choices[i].words[0]) == 0 &&
            strcmp(cli->arguments[1], choices[i].words[1]) == 0)
            return &choices[i];
    }
    return NULL;
}

static void show(struct cli *cli)
{
    static const char *const levels[] = {
        "level 0: a debugger and the ROM's loader read and replace the bootloader as they like",
        "level 1: a debugger or the ROM's loader can only erase all of the internal flash",
        "level 2: closed to debuggers and the ROM's loader for good",
    };
    const struct ql_board *board = &cli->connection.board;
    const unsigned level = ql_read_level(board);
    cli_set(cli, "read_protection_level", json_integer(level));
    cli_set(cli, "write_protected", json_boolean(board->write_protected));
    cli_say(cli, "read-out protection  %s\n", levels[level]);
    cli_say(cli, "write protection     %s\n",
            board->write_protected ? "on: the bootloader can be neither erased nor replaced"
                                   : "off: the bootloader can be replaced");
    cli_say(cli, "the flash chip       is not covered by either\n");
}

// The words of the command and the board's serial number, so that it is meant, and this board.
static int confirm(struct cli *cli, const struct choice *choice)
{
    char phrase[80];
    snprintf(phrase, sizeof phrase, "protect %s %s %s", choice->words[0], choice->words[1],
             cli->connection.board.serial);
    if (cli->confirm != NULL && strcmp(cli->confirm, phrase) == 0)
        return 0;
    if (cli->confirm != NULL || !cli_can_ask()) {
        ql_fail(&cli->failure, QL_USAGE,
                cli->confirm != NULL ? "--confirm \"%s\" is not the phrase; nothing was changed"
                                     : "%s needs a confirmation; nothing was changed",
                cli->confirm != NULL ? cli->confirm : "protect");
        ql_hint(&cli->failure, "read `quadlane protect --help`; if it is meant: --confirm \"%s\"",
                phrase);
        return -QL_USAGE;
    }
    return cli_ask(cli, phrase, "%sTo go on, type: %s\n> ", choice->warning, phrase);
}

static bool is_so(const struct ql_board *board, enum ql_protect what)
{
    switch (what) {
    case QL_PROTECT_READ:
        return ql_read_level(board) > 0;
    case QL_PROTECT_WRITE:
        return board->write_protected;
    default:
        return !board->write_protected;
    }
}

static int change(struct cli *cli, const struct choice *choice)
{
    struct ql_connection *connection = &cli->connection;
    if (is_so(&connection->board, choice->what)) {
        cli_set(cli, "changed", json_false());
        cli_say(cli, "it is so already; nothing was changed\n");
        return 0;
    }
    int result = confirm(cli, choice);
    if (result == 0)
        result =
            ql_board_protect(&connection->link, &connection->board, choice->what, &cli->failure);
    if (result == 0)
        cli_set(cli, "changed", json_true());
    return result;
}

static int run(struct cli *cli)
{
    const struct choice *choice = choice_of(cli);
    if (cli->argument_count > 0 && choice == NULL)
        return fail_choice(cli);
    int result = cli_connect(cli, false);
    if (result == 0)
        result = cli_need(cli, QL_PERMIT_READ | (choice != NULL ? QL_PERMIT_PROTECT : 0U));
    progress_finish(&cli->progress);
    if (result == 0)
        result = ql_board_check_own_flash(&cli->connection.board, &cli->failure);
    if (result == 0 && !ql_board_has(&cli->connection.board, QL_INFO_OWN_FLASH))
        result = ql_fail(&cli->failure, QL_BOARD_REFUSED,
                         "the board's bootloader (%s) does not tell how its flash is protected",
                         cli->connection.board.bootloader);
    if (result == 0 && choice != NULL)
        result = change(cli, choice);
    if (result == 0)
        show(cli);
    return result;
}

const struct cli_verb cli_protect = {
    .name = "protect",
    .arguments = "[read on | write on | write off]",
    .summary = "show or set the protection of the bootloader's flash",
    .text =
        "Without arguments: shows how the microcontroller's internal flash is protected.\n"
        "\n"
        "read on    level 1 of the read-out protection: debuggers and the ROM's loader can no "
        "longer read\n"
        "           or change the internal flash. When a debugger connects, the board stops until "
        "its\n"
        "           power was off. The way back (by a probe or the ROM's loader) erases all of "
        "the\n"
        "           internal flash. Level 2, which nobody can take back, cannot be set.\n"
        "write on   nothing erases or programs the internal flash until `write off`.\n"
        "\n"
        "Neither protects the flash chip. A change asks for a typed confirmation; scripts give it "
        "with\n"
        "--confirm \"protect read on SERIAL\" (the command's words and the board's serial number).",
    .words = "read write",
    .options = CLI_BOARD | CLI_CONFIRM,
    .arguments_min = 0,
    .arguments_max = 2,
    .run = run,
};
