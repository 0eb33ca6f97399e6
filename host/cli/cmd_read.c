// quadlane read: bytes of the chip into a file.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"
#include "host/file.h"

#include <stdlib.h>

static int read_range(struct cli *cli, uint32_t address, uint32_t length, const char *file)
{
    const struct ql_area widest = ql_area_unknown();
    int result = ql_area_check_read(&widest, "read", address, length, &cli->failure);
    if (result == 0)
        result = ql_file_check_writable(file, &cli->failure);
    if (result == 0)
        result = cli_connect(cli, true);
    if (result == 0)
        result =
            ql_area_check_read(&cli->connection.board.area, "read", address, length, &cli->failure);
    if (result != 0)
        return result;
    uint8_t *data = malloc(length);
    if (data == NULL)
        return ql_fail_memory(&cli->failure);
    result = ql_read(&cli->connection, address, data, length, &cli->failure);
    if (result == 0)
        result = ql_file_write(file, data, length, &cli->failure);
    free(data);
    return result;
}

static int run(struct cli *cli)
{
    uint32_t address = 0;
    uint32_t length = 0;
    const char *file = cli->arguments[2];
    int result = cli_parse_number(cli->arguments[0], "address", &address, &cli->failure);
    if (result == 0)
        result = cli_parse_number(cli->arguments[1], "length", &length, &cli->failure);
    if (result == 0 && length == 0)
        result = ql_fail(&cli->failure, QL_USAGE, "the length is 0; there is nothing to read");
    if (result == 0)
        result = read_range(cli, address, length, file);
    if (result != 0)
        return result;
    progress_finish(&cli->progress);
    cli_set(cli, "file", cli_text(file));
    cli_set(cli, "address", json_integer(address));
    cli_set(cli, "bytes", json_integer(length));
    cli_say(cli, "%s from 0x%08X are in %s\n", cli_size(length), address, file);
    return 0;
}

const struct cli_verb cli_read = {
    .name = "read",
    .arguments = "ADDRESS LENGTH FILE",
    .summary = "copy bytes of the chip into a file",
    .text = "Reads LENGTH bytes from ADDRESS on into FILE, as they are. All of the chip can be "
            "read, the\n"
            "bootloader's first MiB (0x90000000) included.",
    .options = CLI_BOARD,
    .arguments_min = 3,
    .arguments_max = 3,
    .permissions = QL_PERMIT_READ,
    .run = run,
};
