// quadlane id: which board this is.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

int cli_identify(struct cli *cli, char id[QL_BOARD_ID_TEXT])
{
    const int result = cli_reach(cli);
    if (result != 0)
        return result;
    progress_finish(&cli->progress);
    ql_board_id_text(cli->connection.board.id, id);
    cli_set(cli, "board_id", json_string(id));
    return 0;
}

static int run(struct cli *cli)
{
    char id[QL_BOARD_ID_TEXT];
    const int result = cli_identify(cli, id);
    if (result == 0)
        cli_say(cli, "%s\n", id);
    return result;
}

const struct cli_verb cli_id = {
    .name = "id",
    .arguments = "",
    .summary = "print the board id, for which keys are made",
    .text = "Prints the board's id: 64 hexadecimal digits, on each board others and always the "
            "same. It\n"
            "is no secret; a vendor makes keys for it (`quadlane keys grant`). Changes nothing.",
    .options = CLI_BOARD & ~CLI_KEYS,
    .arguments_min = 0,
    .arguments_max = 0,
    .run = run,
};
