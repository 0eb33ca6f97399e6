// What the verbs share: connecting, and writing results for people and for programs.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"
#include "host/cli/terminal.h"
#include "host/touch.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define TOUCH_WAIT_NS (10 * QL_NS_PER_S)

// A program that runs is asked for its bootloader, which then takes a moment to appear.
static int touch(struct cli *cli, struct ql_touch *touched, struct ql_connect_options *options)
{
    if (cli->touch == NULL)
        return 0;
    const int result = ql_touch_port(touched, cli->touch, &cli->failure);
    if (!cli_has(cli, CLI_WAIT))
        options->wait_ns = TOUCH_WAIT_NS;
    if (touched->needless && options->port == NULL)
        options->port = cli->touch;
    else
        options->touch = touched;
    cli->touch = NULL; // once
    return result;
}

int cli_reach(struct cli *cli)
{
    struct ql_touch touched;
    struct ql_connect_options options = {.port = cli->port,
                                         .serial = cli->serial,
                                         .wait_ns = cli->wait_ns,
                                         .observer = &cli->observer};
    int result = touch(cli, &touched, &options);
    if (result == 0)
        result = ql_connect(&cli->connection, &options, &cli->failure);
    if (result != 0)
        return result;
    cli->connected = true;
    struct ql_board *board = &cli->connection.board;
    if (cli->serial != NULL && cli->port != NULL && strcasecmp(cli->serial, board->serial) != 0) {
        ql_fail(&cli->failure, QL_NO_BOARD, "the board at %s has the serial number %s, not %s",
                cli->port, board->serial, cli->serial);
        ql_hint(&cli->failure, "leave out --port, and the right one is looked for");
        return -QL_NO_BOARD;
    }
    result = ql_board_info(&cli->connection.link, board, &cli->failure);
    if (result != 0)
        return result;
    cli_set_board(cli);
    return 0;
}

int cli_connect(struct cli *cli, bool need_chip)
{
    int result = cli_reach(cli);
    if (result == 0)
        result = cli_unlock(cli);
    if (result == 0)
        result = cli_need(cli, cli->verb->permissions);
    if (result != 0)
        return result;
    return need_chip && cli_may_read(cli)
               ? ql_board_check_chip(&cli->connection.board, &cli->failure)
               : 0;
}

void cli_say(const struct cli *cli, const char *format, ...)
{
    if (cli_has(cli, CLI_QUIET) || cli_has(cli, CLI_JSON))
        return;
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}

void cli_print_failure(const struct ql_failure *failure)
{
    fprintf(stderr, "%squadlane:%s %s\n", terminal_color(stderr, COLOR_BAD),
            terminal_color(stderr, COLOR_NONE), failure->sentence);
    if (failure->hint[0] != '\0')
        fprintf(stderr, "  help: %s\n", failure->hint);
}

void cli_set(struct cli *cli, const char *key, json_t *value)
{
    json_object_set_new(cli->result, key, value);
}

json_t *cli_text(const char *text)
{
    json_t *value = json_string(text);
    if (value != NULL)
        return value;
    char copy[512];
    size_t length = 0;
    for (; text[length] != '\0' && length < sizeof copy - 1; length++)
        copy[length] = (text[length] & 0x80) != 0 ? '?' : text[length];
    copy[length] = '\0';
    return json_string(copy);
}

void cli_set_board(struct cli *cli)
{
    const struct ql_board *board = &cli->connection.board;
    json_t *object =
        json_pack("{s:s, s:s, s:o, s:s}", "name", board->name, "serial", board->serial, "port",
                  cli_text(cli->connection.port), "bootloader", board->bootloader);
    if (ql_board_has(board, QL_INFO_BOARD_ID)) {
        char id[QL_BOARD_ID_TEXT];
        ql_board_id_text(board->id, id);
        json_object_set_new(object, "id", json_string(id));
    }
    cli_set(cli, "board", object);
}

const char *cli_size(uint64_t size)
{
    static char texts[4][32];
    static unsigned next;
    char *text = texts[next++ % 4];
    const uint64_t mega = 1024 * 1024;
    if (size >= mega && size % mega == 0)
        snprintf(text, sizeof texts[0], "%llu MiB", (unsigned long long)(size / mega));
    else if (size >= mega)
        snprintf(text, sizeof texts[0], "%.2f MiB", (double)size / (double)mega);
    else if (size >= 1024 && size % 1024 == 0)
        snprintf(text, sizeof texts[0], "%llu KiB", (unsigned long long)(size / 1024));
    else
        snprintf(text, sizeof texts[0], "%llu bytes", (unsigned long long)size);
    return text;
}
