// quadlane reset: resets the board.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

static int run(struct cli *cli)
{
    const bool stay = cli_has(cli, CLI_BOOTLOADER);
    struct ql_connection *connection = &cli->connection;
    int result = cli_connect(cli, false);
    if (result == 0)
        result = ql_board_make_idle(&connection->link, &cli->failure);
    if (result == 0)
        result = ql_board_reset(&connection->link, &connection->board, stay,
                                cli_has(cli, CLI_FORGET), &cli->failure);
    if (result == 0)
        cli_say(cli, stay ? "reset; it comes back into the bootloader\n" : "reset\n");
    return result;
}

const struct cli_verb cli_reset = {
    .name = "reset",
    .arguments = "",
    .summary = "reset the board",
    .text =
        "Resets the board as its reset pin would; a program that can start does so after the "
        "start\n"
        "window of about a second. With --bootloader it comes back into the bootloader and stays.\n"
        "--forget-fault clears what the last fault of a program left for `quadlane info`.",
    .options = CLI_BOARD | CLI_BOOTLOADER | CLI_FORGET,
    .arguments_min = 0,
    .arguments_max = 0,
    .works_locked = true,
    .run = run,
};
