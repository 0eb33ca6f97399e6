// quadlane verify: does the chip hold what the file says?
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

static int check_ranges(const struct ql_area *area, const char *file, const struct ql_image *image,
                        struct ql_failure *failure)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < image->count; i++)
        result = ql_area_check_read(area, file, image->extents[i].address, image->extents[i].size,
                                    failure);
    return result;
}

static int report(struct cli *cli, const char *file, const struct ql_image *image,
                  const struct ql_difference *difference)
{
    progress_finish(&cli->progress);
    cli_set(cli, "same", json_boolean(!difference->differs));
    if (!difference->differs) {
        cli_say(cli, "the chip holds %s: %s at 0x%08X are the same\n", file,
                cli_size(ql_image_size(image)), image->extents[0].address);
        return 0;
    }
    cli_set(cli, "first_difference", json_integer(difference->address));
    cli_set(cli, "sectors_differing", json_integer(difference->sectors));
    ql_fail(&cli->failure, QL_VERIFY,
            "the chip does not hold %s: first difference at 0x%08X (chip "
            "%02X, file %02X), %u sector%s of 4 KiB differ%s",
            file, difference->address, difference->chip, difference->file, difference->sectors,
            difference->sectors == 1 ? "" : "s", difference->sectors == 1 ? "s" : "");
    ql_hint(&cli->failure, "quadlane flash writes what differs");
    return -QL_VERIFY;
}

struct verify_job {
    struct ql_image image;
    const char *file;
};

static int verify_board(struct cli *cli, void *context)
{
    const struct verify_job *job = context;
    struct ql_difference difference;
    int result = cli_connect(cli, true);
    if (result == 0)
        result = check_ranges(&cli->connection.board.area, job->file, &job->image, &cli->failure);
    if (result == 0)
        result = ql_verify(&cli->connection, &job->image, &difference, &cli->failure);
    return result == 0 ? report(cli, job->file, &job->image, &difference) : result;
}

static int verify_image(struct cli *cli, struct verify_job *job)
{
    const struct ql_area widest = ql_area_unknown();
    const int result = check_ranges(&widest, job->file, &job->image, &cli->failure);
    if (result != 0)
        return result;
    return cli_wants_several(cli) ? cli_several(cli, verify_board, job) : verify_board(cli, job);
}

static int run(struct cli *cli)
{
    uint32_t address = 0;
    bool has_address = false;
    struct verify_job job = {0};
    int result = cli_parse_address_file(cli, &address, &has_address, &job.file);
    if (result == 0)
        result = ql_image_load(&job.image, job.file, has_address ? &address : NULL, &cli->failure);
    if (result != 0)
        return result;
    cli_set(cli, "file", cli_text(job.file));
    cli_set(cli, "bytes", json_integer((json_int_t)ql_image_size(&job.image)));
    result = verify_image(cli, &job);
    ql_image_free(&job.image);
    return result;
}

const struct cli_verb cli_verify = {
    .name = "verify",
    .arguments = "[ADDRESS] FILE",
    .summary = "compare the chip with a file",
    .text =
        "Compares what is in the chip with FILE, without changing anything. The board hashes its\n"
        "chip piece by piece; only pieces that differ are read. Ends with 52 if they differ, and\n"
        "says where. --all and lists of boards are as with flash.",
    .options = CLI_BOARD | CLI_ALL,
    .meanings = {{CLI_ALL, "every board that is there, all at once"}},
    .several = true,
    .arguments_min = 1,
    .arguments_max = 2,
    .permissions = QL_PERMIT_READ,
    .run = run,
};
