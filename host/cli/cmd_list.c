// quadlane list: which boards are there, or which programs are in one.
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

static void list_boards(struct cli *cli)
{
    static struct ql_found found[QL_FOUND_MAX];
    size_t count = 0;
    ql_list(found, &count);
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
}

json_t *cli_program_json(const struct ql_program *program)
{
    const struct ql_program_header *header = &program->header;
    return json_pack("{s:I, s:o, s:o, s:o, s:s, s:b, s:b}", "address", (json_int_t)program->address,
                     "size", program->length > 0 ? json_integer(program->length) : json_null(),
                     "name", program->has_header ? json_string(header->name) : json_null(),
                     "version", program->has_header ? json_string(header->version) : json_null(),
                     "state", ql_program_state_name(program->state), "starts", program->starts,
                     "confirms", program->has_header && header->confirms);
}

const char *cli_program_name(const struct ql_program *program)
{
    static char name[QL_HEADER_NAME_SIZE + QL_HEADER_PROGRAM_VERSION_SIZE + 2];
    const struct ql_program_header *header = &program->header;
    if (!program->has_header)
        return "-";
    snprintf(name, sizeof name, "%s%s%s", header->name, header->version[0] != '\0' ? " " : "",
             header->version);
    return name;
}

static void say_program(const struct cli *cli, const struct ql_program *program)
{
    cli_say(cli, "0x%08X  %-13s  %-24s  %s%s\n", program->address,
            program->length > 0 ? cli_size(program->length) : "-", cli_program_name(program),
            ql_program_state_text(program->state), program->starts ? "; the board starts it" : "");
}

static int list_programs(struct cli *cli)
{
    struct ql_program programs[QL_PROGRAMS_MAX];
    size_t count;
    int result = cli_connect(cli, true);
    if (result == 0)
        result = cli_need(cli, QL_PERMIT_READ);
    if (result == 0)
        result = ql_board_make_idle(&cli->connection.link, &cli->failure);
    if (result == 0)
        result = ql_board_programs(&cli->connection.link, &cli->connection.board, true, programs,
                                   &count, &cli->failure);
    if (result != 0)
        return result;
    progress_finish(&cli->progress);
    const uint32_t boots = cli->connection.board.boot_address;
    bool starts = false;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, cli_program_json(&programs[i]));
        say_program(cli, &programs[i]);
        starts = starts || programs[i].starts;
    }
    cli_set(cli, "programs", list);
    cli_set(cli, "boot_address", json_integer(boots));
    if (count == 0)
        cli_say(cli, "no program\n");
    else if (!starts)
        cli_say(cli, "the board would start 0x%08X, where no program is\n", boots);
    return 0;
}

static int run(struct cli *cli)
{
    if (cli_has(cli, CLI_PROGRAMS))
        return list_programs(cli);
    if (cli_was_given(cli, CLI_PORT | CLI_SERIAL | CLI_WAIT | CLI_KEYS))
        return ql_fail(&cli->failure, QL_USAGE,
                       "list looks for all boards; it takes a board only with --programs");
    list_boards(cli);
    return 0;
}

const struct cli_verb cli_list = {
    .name = "list",
    .arguments = "",
    .summary = "show the boards that are there, or the programs in one",
    .text = "Shows serial number, name and port of each board in its bootloader, real or virtual. "
            "Finding\n"
            "none is no error. Real boards are not touched; virtual ones are asked who they are.\n"
            "\n"
            "With --programs it shows what is in the chip of one board: address, size, name and\n"
            "version if the program has the SDK's header, whether it is sealed (all of it is read\n"
            "and compared), and which one the board starts by itself.",
    .options = CLI_BOARD | CLI_PROGRAMS,
    .arguments_min = 0,
    .arguments_max = 0,
    .run = run,
};
