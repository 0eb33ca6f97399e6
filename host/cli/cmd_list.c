// quadlane list: which boards are there.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

static const char *state_name(enum ql_found_state state)
{
    static const char *const names[] = {[QL_FOUND_READY] = "ready",
                                        [QL_FOUND_BUSY] = "busy",
                                        [QL_FOUND_AWAY] = "away",
                                        [QL_FOUND_SILENT] = "silent"};
    return names[state];
}

static const char *state_text(enum ql_found_state state)
{
    static const char *const texts[] = {[QL_FOUND_READY] = "",
                                        [QL_FOUND_BUSY] = "used by another program",
                                        [QL_FOUND_AWAY] = "not in its bootloader",
                                        [QL_FOUND_SILENT] = "does not answer"};
    return texts[state];
}

static int run(struct cli *cli)
{
    static struct ql_found found[QL_FOUND_MAX];
    size_t count = 0;
    const int result = ql_list(found, &count, &cli->failure);
    if (result != 0)
        return result;
    json_t *boards = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct ql_found *one = &found[i];
        json_array_append_new(boards,
                              json_pack("{s:o, s:s, s:s, s:b, s:s}", "port", cli_text(one->port),
                                        "serial", one->serial, "name", one->name, "virtual",
                                        one->is_virtual, "state", state_name(one->state)));
        cli_say(cli, "%-24s  %-16s  %s  %s\n", one->serial[0] != '\0' ? one->serial : "-",
                one->name, one->port, state_text(one->state));
    }
    cli_set(cli, "boards", boards);
    if (count == 0)
        cli_say(cli, "no board found\n");
    return 0;
}

const struct cli_verb cli_list = {
    .name = "list",
    .arguments = "",
    .summary = "show the boards that are there",
    .text = "Shows serial number, name and port of each board in its bootloader, real or virtual. "
            "Finding\n"
            "none is no error. Real boards are not touched; virtual ones are asked who they are.",
    .options = CLI_COMMON,
    .arguments_min = 0,
    .arguments_max = 0,
    .run = run,
};
