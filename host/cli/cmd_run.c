// quadlane run: loads a program into RAM and starts it there.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"
#include "host/ram.h"

static int load(struct cli *cli, const char *file, const uint32_t *address, struct ql_image *image)
{
    const uint32_t fallback = QL_RAM_DEFAULT;
    int result = ql_image_load(image, file, address, &cli->failure);
    // Only a raw binary needs to be told where it goes.
    if (result != 0 || address != NULL || image->format != QL_FORMAT_BIN)
        return result;
    ql_image_free(image);
    return ql_image_load(image, file, &fallback, &cli->failure);
}

static int run_image(struct cli *cli, const char *file, const struct ql_image *image)
{
    struct ql_ram_result outcome;
    int result = ql_ram_check(image, file, &cli->failure);
    if (result == 0)
        result = cli_connect(cli, false);
    if (result == 0)
        result = ql_ram_run(&cli->connection, image, &outcome, &cli->failure);
    if (result != 0)
        return result;
    const uint32_t address = image->extents[image->program].address;
    const double seconds = (double)outcome.duration_ns / 1e9;
    progress_finish(&cli->progress);
    cli_set(cli, "seconds", json_real(seconds));
    cli_say(cli, "%s in RAM, verified in %.1f s\nstarted the program at 0x%08X\n",
            cli_size(outcome.bytes), seconds, address);
    return 0;
}

static int run(struct cli *cli)
{
    uint32_t address = 0;
    bool has_address = false;
    const char *file = NULL;
    struct ql_image image;
    int result = cli_parse_address_file(cli, &address, &has_address, &file);
    if (result == 0)
        result = load(cli, file, has_address ? &address : NULL, &image);
    if (result != 0)
        return result;
    cli_set(cli, "file", cli_text(file));
    cli_set(cli, "format", json_string(ql_format_name(image.format)));
    cli_set(cli, "bytes", json_integer((json_int_t)ql_image_size(&image)));
    cli_set(cli, "address", json_integer(image.extents[image.program].address));
    result = run_image(cli, file, &image);
    ql_image_free(&image);
    return result;
}

const struct cli_verb cli_run = {
    .name = "run",
    .arguments = "[ADDRESS] FILE",
    .summary = "load a program into RAM and start it; the chip stays as it is",
    .text =
        "Loads FILE (ELF, Intel HEX, or a raw binary), which must be linked for RAM, and starts it "
        "once.\n"
        "The chip is not touched; the next reset starts what the board starts by itself. A raw "
        "binary\n"
        "goes to ADDRESS, 0x24000000 if none is given. The board compares hashes before it starts "
        "it.\n"
        "\n"
        "RAM: ITCM 0x00000000, DTCM 0x20000000 (only its end: the rest is the bootloader's), AXI "
        "SRAM\n"
        "0x24000000, D2 SRAM 0x30000000, SRAM4 0x38000000. PLACE := ram in the Makefile links a\n"
        "program of the SDK for it.",
    .options = CLI_BOARD,
    .arguments_min = 1,
    .arguments_max = 2,
    .run = run,
};
