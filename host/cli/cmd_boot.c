// quadlane boot: starts the program that is in the chip.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

static int run(struct cli *cli)
{
    uint32_t address = 0;
    const struct ql_area *area = &cli->connection.board.area;
    int result = 0;
    if (cli->argument_count == 1)
        result = cli_parse_number(cli->arguments[0], "address", &address, &cli->failure);
    if (result == 0)
        result = cli_connect(cli, true);
    if (result == 0 && cli->argument_count == 1 && cli_may_read(cli))
        result = ql_area_check_write(area, "boot", address, 8, &cli->failure);
    if (result == 0)
        result = ql_board_make_idle(&cli->connection.link, &cli->failure);
    if (result == 0)
        result = ql_board_boot(&cli->connection.link, address, &cli->failure);
    if (result != 0)
        return result;
    if (address == 0)
        address = cli->connection.board.boot_address;
    cli_set(cli, "address", address != 0 ? json_integer(address) : json_null());
    if (address == 0) // a locked board does not tell
        cli_say(cli, "started the program\n");
    else
        cli_say(cli, "started the program at 0x%08X\n", address);
    return 0;
}

const struct cli_verb cli_boot = {
    .name = "boot",
    .arguments = "[ADDRESS]",
    .summary = "start the program in the chip",
    .text = "Starts the program at ADDRESS, or the one that the board starts by itself. The board "
            "checks\n"
            "first that its vector table can be right and that all of it is what was flashed and "
            "verified;\n"
            "if not, it stays reachable and says why.",
    .options = CLI_BOARD,
    .arguments_min = 0,
    .arguments_max = 1,
    .works_locked = true,
    .run = run,
};
