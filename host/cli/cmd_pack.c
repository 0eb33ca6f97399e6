// quadlane pack: a file for other people's flashers and first stages.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include "host/area.h"
#include "host/dfu_file.h"
#include "host/exst.h"
#include "host/file.h"

#include <stdlib.h>
#include <string.h>

static int pack(struct cli *cli, const struct ql_image *image, const char *out)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    int result = ql_dfu_make(image, &bytes, &size, &cli->failure);
    if (result == 0)
        result = ql_file_write(out, bytes, size, &cli->failure);
    free(bytes);
    if (result != 0)
        return result;
    cli_set(cli, "file", cli_text(out));
    cli_set(cli, "elements", json_integer((json_int_t)image->count));
    cli_set(cli, "bytes", json_integer((json_int_t)ql_image_size(image)));
    cli_say(cli, "%s: %s in %zu part%s, from 0x%08X\n", out, cli_size(ql_image_size(image)),
            image->count, image->count == 1 ? "" : "s", image->extents[0].address);
    return 0;
}

static int pack_exst(struct cli *cli, const struct ql_image *image, const char *file,
                     const char *out)
{
    uint8_t *block = NULL;
    int result = ql_exst_make(image, file, &block, &cli->failure);
    if (result == 0)
        result = ql_file_write(out, block, QL_EXST_SIZE, &cli->failure);
    free(block);
    if (result != 0)
        return result;
    cli_set(cli, "file", cli_text(out));
    cli_set(cli, "bytes", json_integer((json_int_t)ql_image_size(image)));
    cli_say(cli, "%s: %s in a block of %s, for 0x%08X\n", out, cli_size(ql_image_size(image)),
            cli_size(QL_EXST_SIZE), QL_EXST_ADDRESS);
    return 0;
}

static int check_ranges(struct cli *cli, const char *file, const struct ql_image *image)
{
    const struct ql_area widest = ql_area_unknown();
    int result = 0;
    for (size_t i = 0; i < image->count && result == 0; i++)
        result = ql_area_check_write(&widest, file, image->extents[i].address,
                                     image->extents[i].size, &cli->failure);
    return result;
}

// A raw binary of a second stage can only belong where the first stage copies it.
static bool is_raw(const char *file)
{
    const size_t length = strlen(file);
    return length >= 4 && strcmp(file + length - 4, ".bin") == 0;
}

static int run(struct cli *cli)
{
    const bool exst = cli_has(cli, CLI_EXST);
    const bool with_address = cli->argument_count == 3;
    const char *file = cli->arguments[with_address ? 1 : 0];
    const char *out = cli->arguments[with_address ? 2 : 1];
    uint32_t address = QL_EXST_ADDRESS;
    struct ql_image image;
    int result = 0;
    if (exst == cli_has(cli, CLI_DFU)) {
        ql_fail(&cli->failure, QL_USAGE, "pack does not know which kind of file to make");
        ql_hint(&cli->failure, "quadlane pack --dfu IN OUT, or quadlane pack --exst IN OUT");
        return -QL_USAGE;
    }
    if (with_address)
        result = cli_parse_number(cli->arguments[0], "address", &address, &cli->failure);
    const bool given = with_address || (exst && is_raw(file));
    if (result == 0)
        result = ql_image_load(&image, file, given ? &address : NULL, &cli->failure);
    if (result != 0)
        return result;
    if (exst)
        result = pack_exst(cli, &image, file, out);
    else if ((result = check_ranges(cli, file, &image)) == 0)
        result = pack(cli, &image, out);
    ql_image_free(&image);
    return result;
}

const struct cli_verb cli_pack = {
    .name = "pack",
    .arguments = "--dfu|--exst [ADDRESS] IN OUT",
    .summary = "make a file for dfu-util, or a second stage",
    .text =
        "--dfu makes a DfuSe file of IN (ELF, Intel HEX, or a raw binary at ADDRESS, which is\n"
        "0x90100000 if it is left away). Who gets it needs no quadlane:\n"
        "\n"
        "  dfu-util -a 0 -s :leave -D OUT\n"
        "\n"
        "`quadlane flash OUT` takes such files, too.\n"
        "\n"
        "--exst makes the 448 KB block with its MD5 that the first stage of SP Racing's boards\n"
        "starts, of IN, which is linked for 0x24010000 (build/firmware/BOARD-ram.elf).",
    .options = CLI_COMMON | CLI_DFU | CLI_EXST,
    .arguments_min = 2,
    .arguments_max = 3,
    .run = run,
};
