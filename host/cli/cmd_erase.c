// quadlane erase: sectors of the programs' area back to FF.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

static int parse(struct cli *cli, uint32_t *address, uint32_t *length)
{
    if (cli_has(cli, CLI_ALL)) {
        if (cli->argument_count == 0)
            return 0;
        return ql_fail(&cli->failure, QL_USAGE, "erase takes ADDRESS LENGTH or --all, not both");
    }
    if (cli->argument_count != 2) {
        ql_fail(&cli->failure, QL_USAGE, "erase needs ADDRESS and LENGTH, or --all");
        ql_hint(&cli->failure, "quadlane erase 0x90100000 64K");
        return -QL_USAGE;
    }
    int result = cli_parse_number(cli->arguments[0], "address", address, &cli->failure);
    if (result == 0)
        result = cli_parse_number(cli->arguments[1], "length", length, &cli->failure);
    if (result != 0)
        return result;
    if (*length == 0)
        return ql_fail(&cli->failure, QL_USAGE, "the length is 0; there is nothing to erase");
    if (*address % QL_SECTOR_SIZE == 0 && *length % QL_SECTOR_SIZE == 0)
        return 0;
    ql_fail(&cli->failure, QL_ALIGNMENT,
            "%s: %s is not a multiple of 4096 (0x1000), the chip's "
            "smallest erasable unit",
            "erase", *address % QL_SECTOR_SIZE != 0 ? cli->arguments[0] : cli->arguments[1]);
    ql_hint(&cli->failure, "erasing less would take neighbouring bytes with it");
    return -QL_ALIGNMENT;
}

static int ask(struct cli *cli, uint32_t address, uint32_t length)
{
    if (cli_has(cli, CLI_YES) || !cli_can_ask())
        return 0;
    return cli_ask(cli, NULL, "erase %s, 0x%08X..0x%08X, of board %s? [y/N] ", cli_size(length),
                   address, address + (length - 1), cli->connection.board.serial);
}

static int erase(struct cli *cli, uint32_t address, uint32_t length)
{
    const struct ql_flash_options options = {.name = "erase"};
    struct ql_flash_result outcome;
    struct ql_image image;
    int result = ql_image_blank(&image, address, length, &cli->failure);
    if (result != 0)
        return result;
    result = ql_flash(&cli->connection, &image, &options, &outcome, &cli->failure);
    ql_image_free(&image);
    if (result != 0)
        return result;
    progress_finish(&cli->progress);
    const double seconds = (double)outcome.duration_ns / 1e9;
    cli_set(cli, "address", json_integer(address));
    cli_set(cli, "bytes", json_integer(length));
    cli_set(cli, "bytes_erased", json_integer((json_int_t)outcome.erase_bytes));
    cli_set(cli, "seconds", json_real(seconds));
    cli_say(cli, "%s at 0x%08X are blank now, verified in %.1f s", cli_size(length), address,
            seconds);
    if (outcome.sectors_unchanged > 0)
        cli_say(cli, " (%u of %u sectors were blank before)", outcome.sectors_unchanged,
                outcome.sectors);
    cli_say(cli, "\n");
    return 0;
}

static int run(struct cli *cli)
{
    uint32_t address = 0;
    uint32_t length = 0;
    const struct ql_area widest = ql_area_unknown();
    const struct ql_area *area = &cli->connection.board.area;
    int result = parse(cli, &address, &length);
    if (result == 0 && !cli_has(cli, CLI_ALL))
        result = ql_area_check_write(&widest, "erase", address, length, &cli->failure);
    if (result == 0)
        result = cli_connect(cli, true);
    if (result != 0)
        return result;
    if (cli_has(cli, CLI_ALL)) {
        address = area->program_start;
        length = area->program_end - area->program_start;
    }
    result = ql_area_check_write(area, "erase", address, length, &cli->failure);
    if (result == 0)
        result = ask(cli, address, length);
    return result == 0 ? erase(cli, address, length) : result;
}

const struct cli_verb cli_erase = {
    .name = "erase",
    .arguments = "ADDRESS LENGTH | --all",
    .summary = "make a part of the chip blank (FF)",
    .text =
        "Erases whole sectors: ADDRESS and LENGTH are multiples of 4096. --all is the whole area "
        "that\n"
        "programs may use. Sectors that are blank already are left alone; at the end the board\n"
        "reads back and proves that all is FF. On a terminal it asks first, unless --yes.",
    .options = CLI_BOARD | CLI_ALL | CLI_YES,
    .arguments_min = 0,
    .arguments_max = 2,
    .permissions = QL_PERMIT_READ | QL_PERMIT_WRITE,
    .run = run,
};
