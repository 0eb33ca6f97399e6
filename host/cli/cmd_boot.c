// quadlane boot: starts the program that is in the chip, or says which one starts from now on.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

static int parse(struct cli *cli, uint32_t *address)
{
    const bool set = cli_has(cli, CLI_SET);
    const bool restore = cli_has(cli, CLI_DEFAULT);
    if (set && restore)
        return ql_fail(&cli->failure, QL_USAGE, "boot takes --set or --default, not both");
    if (cli_has(cli, CLI_FORCE) && !set)
        return ql_fail(&cli->failure, QL_USAGE, "boot takes --force only with --set");
    if (set && cli->argument_count == 0) {
        ql_fail(&cli->failure, QL_USAGE, "boot --set needs an address");
        ql_hint(&cli->failure, "quadlane boot --set 0x90100000");
        return -QL_USAGE;
    }
    if (restore && cli->argument_count > 0)
        return ql_fail(&cli->failure, QL_USAGE, "boot --default takes no address");
    if (cli->argument_count == 0)
        return 0;
    return cli_parse_number(cli->arguments[0], "address", address, &cli->failure);
}

// `address` 0: the default.
static int keep(struct cli *cli, uint32_t address)
{
    const struct ql_setting_type *type = ql_setting_find_tag(QL_SETTING_BOOT_ADDRESS);
    uint8_t item[QL_SETTING_ITEM_MAX] = {QL_SETTING_BOOT_ADDRESS, 0};
    size_t size = 2;
    char text[QL_SETTING_TEXT];
    int result = 0;
    cli->needs_key = true;
    snprintf(text, sizeof text, "0x%08X", address);
    if (cli_has(cli, CLI_SET))
        result = ql_setting_parse(type, text, item, &size, &cli->failure);
    if (result == 0)
        result = cli_connect(cli, true);
    if (result == 0 && cli_has(cli, CLI_SET))
        result = cli_check_boot_address(cli, address);
    if (result == 0)
        result = cli_change_settings(cli, item, size);
    if (result != 0)
        return result;
    if (address == 0)
        address = QL_PROGRAM_FIRST;
    cli_set(cli, "address", json_integer(address));
    cli_set(cli, "started", json_false());
    cli_say(cli, "from now on the board starts 0x%08X by itself\n", address);
    return 0;
}

static int start(struct cli *cli, uint32_t address)
{
    const struct ql_area *area = &cli->connection.board.area;
    int result = cli_connect(cli, true);
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
    cli_set(cli, "started", json_true());
    if (address == 0) // a locked board does not tell
        cli_say(cli, "started the program\n");
    else
        cli_say(cli, "started the program at 0x%08X\n", address);
    return 0;
}

static int run(struct cli *cli)
{
    uint32_t address = 0;
    const int result = parse(cli, &address);
    if (result != 0)
        return result;
    return cli_has(cli, CLI_SET) || cli_has(cli, CLI_DEFAULT) ? keep(cli, address)
                                                              : start(cli, address);
}

const struct cli_verb cli_boot = {
    .name = "boot",
    .arguments = "[ADDRESS]",
    .summary = "start the program in the chip",
    .text =
        "Starts the program at ADDRESS once, or the one that the board starts by itself. The "
        "board checks\n"
        "first that its vector table can be right and that all of it is what was flashed and "
        "verified;\n"
        "if not, it stays reachable and says why.\n"
        "\n"
        "With --set nothing is started now: from now on the board starts ADDRESS by itself, at\n"
        "each reset and power-on, until --set names another one or --default goes back to\n"
        "0x90100000. The board keeps that power-safe.",
    .options = CLI_BOARD | CLI_SET | CLI_DEFAULT | CLI_FORCE,
    .arguments_min = 0,
    .arguments_max = 1,
    .works_locked = true,
    .run = run,
};
