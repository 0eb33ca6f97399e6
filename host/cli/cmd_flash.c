// quadlane flash: a file into the chip, verified there, and started.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#define ID_WAIT_NS (24 * 3600 * QL_NS_PER_S)

static void set_extents(struct cli *cli, const struct ql_image *image)
{
    json_t *list = json_array();
    for (size_t i = 0; i < image->count; i++)
        json_array_append_new(list, json_pack("{s:I, s:I}", "address",
                                              (json_int_t)image->extents[i].address, "size",
                                              (json_int_t)image->extents[i].size));
    cli_set(cli, "format", json_string(ql_format_name(image->format)));
    cli_set(cli, "bytes", json_integer((json_int_t)ql_image_size(image)));
    cli_set(cli, "extents", list);
}

static void report(struct cli *cli, const struct ql_image *image,
                   const struct ql_flash_result *result)
{
    const double seconds = (double)result->duration_ns / 1e9;
    progress_finish(&cli->progress);
    cli_set(cli, "sectors", json_integer(result->sectors));
    cli_set(cli, "sectors_unchanged", json_integer(result->sectors_unchanged));
    cli_set(cli, "bytes_written", json_integer((json_int_t)result->write_bytes));
    cli_set(cli, "bytes_erased", json_integer((json_int_t)result->erase_bytes));
    cli_set(cli, "seconds", json_real(seconds));
    cli_set(cli, "rewinds", json_integer(result->rewinds));
    cli_set(cli, "reconnects", json_integer(result->reconnects));
    cli_set(cli, "restarts", json_integer(result->restarts));
    cli_say(cli, "%s at 0x%08X", cli_size(result->bytes), image->extents[0].address);
    if (image->count > 1)
        cli_say(cli, " and above, in %zu pieces", image->count);
    cli_say(cli, ": ");
    if (result->sectors_unchanged == result->sectors)
        cli_say(cli, "the chip held it already, verified in %.1f s\n", seconds);
    else if (result->sectors_unchanged > 0)
        cli_say(cli, "%u of %u sectors changed, written and verified in %.1f s\n",
                result->sectors - result->sectors_unchanged, result->sectors, seconds);
    else
        cli_say(cli, "written and verified in %.1f s (%.0f KiB/s)\n", seconds,
                seconds > 0 ? (double)result->bytes / 1024 / seconds : 0);
    if (result->reconnects > 0)
        cli_say(cli, "the board went away %u time%s in the middle and was found again\n",
                result->reconnects, result->reconnects == 1 ? "" : "s");
}

int cli_flash_start(struct cli *cli, const struct ql_image *image)
{
    const uint32_t address = image->extents[image->program].address;
    const struct ql_board *board = &cli->connection.board;
    if (cli_has(cli, CLI_NO_BOOT) || cli_has(cli, CLI_DATA)) {
        cli_set(cli, "started", json_false());
        return 0;
    }
    const int result = ql_board_boot(&cli->connection.link, address, &cli->failure);
    cli_set(cli, "started", json_boolean(result == 0));
    if (result != 0)
        return result;
    cli_say(cli, "started\n");
    if (ql_board_has(board, QL_INFO_BOOT_ADDRESS) && board->boot_address != address)
        cli_say(
            cli,
            "note: by itself the board starts 0x%08X, not 0x%08X (`quadlane boot --set` changes "
            "that)\n",
            board->boot_address, address);
    return 0;
}

int cli_flash_write(struct cli *cli, struct ql_image *image, const struct ql_flash_options *options)
{
    struct ql_flash_result outcome;
    int result = ql_flash_check(&cli->connection.board.area, image, options, &cli->failure);
    if (result == 0)
        result = ql_flash(&cli->connection, image, options, &outcome, &cli->failure);
    if (result == 0)
        report(cli, image, &outcome);
    return result;
}

struct flash_job {
    struct ql_image image;
    struct ql_flash_options options;
};

static int flash_board(struct cli *cli, void *context)
{
    struct flash_job *job = context;
    int result = cli_connect(cli, true);
    if (result == 0)
        result = cli_flash_write(cli, &job->image, &job->options);
    return result != 0 ? result : cli_flash_start(cli, &job->image);
}

static int flash_image(struct cli *cli, struct flash_job *job)
{
    // What no board could take is refused before one is looked for.
    const struct ql_area widest = ql_area_unknown();
    const int result = ql_flash_check(&widest, &job->image, &job->options, &cli->failure);
    if (result != 0)
        return result;
    return cli_wants_several(cli) ? cli_several(cli, flash_board, job) : flash_board(cli, job);
}

// An empty path: wait for a board and say which one it is.
static int show_id(struct cli *cli)
{
    char id[QL_BOARD_ID_TEXT];
    if (!cli_has(cli, CLI_WAIT))
        cli->wait_ns = ID_WAIT_NS;
    const int result = cli_identify(cli, id);
    if (result == 0)
        cli_say(cli, "BOARD ID\n\"%s\"\n", id);
    return result;
}

static int run(struct cli *cli)
{
    uint32_t address = 0;
    bool has_address = false;
    const char *file = NULL;
    int result = cli_parse_address_file(cli, &address, &has_address, &file);
    if (result == 0 && file[0] == '\0')
        return show_id(cli);
    if (result != 0)
        return result;
    struct flash_job job = {.options = {.name = file,
                                        .is_program = !cli_has(cli, CLI_DATA),
                                        .full = cli_has(cli, CLI_FULL)}};
    cli_set(cli, "file", cli_text(file));
    if (cli_has(cli, CLI_WATCH))
        return cli_watch(cli, has_address ? &address : NULL, &job.options);
    result = ql_image_load(&job.image, file, has_address ? &address : NULL, &cli->failure);
    if (result != 0)
        return result;
    set_extents(cli, &job.image);
    result = flash_image(cli, &job);
    ql_image_free(&job.image);
    return result;
}

const struct cli_verb cli_flash = {
    .name = "flash",
    .arguments = "[ADDRESS] FILE",
    .summary = "write a program into the chip, verify it there, start it",
    .text =
        "Writes FILE (ELF, Intel HEX, or a raw binary) into the flash chip. The board then reads\n"
        "the chip back and compares hashes; only if they agree the program is started. A raw "
        "binary\n"
        "goes to ADDRESS, 0x90100000 if none is given; the others carry their addresses.\n"
        "\n"
        "What the chip holds already is not written again, sector by sector (4 KiB). Sectors that\n"
        "the file covers in part are FF in the rest. Before anything is erased, addresses and\n"
        "vector table are checked. Ctrl-C stops in good order and says what the chip holds; the\n"
        "same command again finishes the work. A cable that comes back within 10 s does no harm.\n"
        "\n"
        "With --watch it stays and waits: whenever the board restarts, and its bootloader is there "
        "for\n"
        "a moment, the file goes into the chip and the program starts; by whichever debugger or "
        "button\n"
        "it was restarted. A file that a build is just writing is waited for. Ctrl-C ends it.\n"
        "\n"
        "With --all every board that is there is written, with a list of serial numbers (--serial\n"
        "A,B,C) or several --port just these, all at once: a line of progress each, a table at "
        "the\n"
        "end. If one fails, the others go on, and the exit code is 96. With --wait those that "
        "come\n"
        "within that time are taken, too.\n"
        "\n"
        "With an empty path (\"\") it waits for a board and prints the board's id; nothing "
        "changes.",
    .options = CLI_BOARD | CLI_FULL | CLI_NO_BOOT | CLI_DATA | CLI_WATCH | CLI_ALL,
    .meanings = {{CLI_ALL, "every board that is there, all at once"}},
    .several = true,
    .arguments_min = 1,
    .arguments_max = 2,
    .permissions = QL_PERMIT_READ | QL_PERMIT_WRITE,
    .run = run,
};
