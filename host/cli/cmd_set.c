// quadlane set: shows and changes what a board keeps of its owner's choices.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include <string.h>

int cli_change_settings(struct cli *cli, const uint8_t *items, size_t size)
{
    struct ql_connection *connection = &cli->connection;
    struct ql_settings kept;
    int result = cli_need(cli, QL_PERMIT_SETTINGS);
    if (result == 0)
        result = ql_board_make_idle(&connection->link, &cli->failure);
    if (result == 0)
        result = ql_board_settings(&connection->link, items, size, &kept, &cli->failure);
    // What else has changed by that: the boot address, the lowest generation.
    if (result == 0)
        result = ql_board_info(&connection->link, &connection->board, &cli->failure);
    if (result == 0)
        connection->board.settings = kept;
    return result;
}

int cli_check_boot_address(struct cli *cli, uint32_t address)
{
    const struct ql_board *board = &cli->connection.board;
    if (!cli_may_read(cli)) // the board looks whether it is in the area
        return 0;
    const int result = ql_area_check_write(&board->area, "boot-address", address, 8, &cli->failure);
    if (result == 0 && address % QL_BOOT_ALIGNMENT != 0)
        return ql_fail(&cli->failure, QL_ALIGNMENT,
                       "boot-address: 0x%08X is not a multiple of 1024 (0x400)", address);
    if (result != 0 || cli_has(cli, CLI_FORCE))
        return result;
    for (size_t i = 0; i < board->run_count; i++) {
        const struct ql_run *run = &board->runs[i];
        if (run->address == address && run->is_program && run->state == QL_RUN_SEALED)
            return 0;
    }
    ql_fail(&cli->failure, QL_SETTING_REFUSED,
            "at 0x%08X is no program that could start, so the board would stay in its bootloader",
            address);
    ql_hint(&cli->failure,
            "`quadlane list --programs` shows the programs; flash one there first, or say --force");
    return -QL_SETTING_REFUSED;
}

// --- Showing ------------------------------------------------------------------------------------

// The default of what is not kept, as the board has it.
static void format_default(const struct ql_board *board, const struct ql_setting_type *type,
                           char text[QL_SETTING_TEXT])
{
    if (type->tag == QL_SETTING_MANUFACTURER)
        snprintf(text, QL_SETTING_TEXT, "%s", QL_MANUFACTURER_DEFAULT);
    else if (type->tag == QL_SETTING_PRODUCT)
        snprintf(text, QL_SETTING_TEXT, "quadlane bootloader (%s)", board->name);
    else if (type->tag == QL_SETTING_GENERATION && board->lock_state == QL_LOCK_OPEN)
        snprintf(text, QL_SETTING_TEXT, "none, the board is open");
    else if (type->tag == QL_SETTING_GENERATION)
        snprintf(text, QL_SETTING_TEXT, "%u", board->generation);
    else
        ql_setting_format(type, NULL, text);
}

static json_t *value_json(const struct ql_setting_type *type, const uint8_t *item, const char *text)
{
    if (type->form == QL_FORM_TEXT || type->form == QL_FORM_CHOICES)
        return json_string(text);
    return json_integer(ql_setting_number(type, item));
}

static void format_kept(const struct ql_board *board, const struct ql_setting_type *type,
                        char text[QL_SETTING_TEXT])
{
    const uint8_t *item = ql_settings_item(&board->settings, (uint8_t)type->tag);
    if (item != NULL)
        ql_setting_format(type, item, text);
    else
        format_default(board, type, text);
}

static json_t *setting_json(const struct ql_board *board, const struct ql_setting_type *type)
{
    const uint8_t *item = ql_settings_item(&board->settings, (uint8_t)type->tag);
    char text[QL_SETTING_TEXT];
    format_kept(board, type, text);
    json_t *value = value_json(type, item, text);
    if (item == NULL && type->tag == QL_SETTING_GENERATION) {
        json_decref(value);
        value = board->lock_state == QL_LOCK_OPEN ? json_null() : json_integer(board->generation);
    }
    return json_pack("{s:o, s:b}", "value", value, "default", item == NULL);
}

json_t *cli_settings_json(const struct ql_board *board, const struct ql_setting_type *only)
{
    json_t *list = json_object();
    for (const struct ql_setting_type *type = ql_setting_types; type->name != NULL; type++) {
        if (only == NULL || only == type)
            json_object_set_new(list, type->name, setting_json(board, type));
    }
    return list;
}

static void show(const struct cli *cli, const struct ql_setting_type *type)
{
    const struct ql_board *board = &cli->connection.board;
    const bool kept = ql_settings_item(&board->settings, (uint8_t)type->tag) != NULL;
    char text[QL_SETTING_TEXT];
    format_kept(board, type, text);
    cli_say(cli, "%-18s %s%s\n", type->name, text, kept ? "" : "  (default)");
}

static void show_unknown(struct cli *cli, const struct ql_settings *settings)
{
    const uint8_t *item;
    size_t at = 0;
    while ((item = ql_settings_next(settings, &at)) != NULL) {
        if (ql_setting_find_tag(item[0]) == NULL)
            cli_say(cli, "setting %-10u %u bytes, which this tool does not know\n", item[0],
                    item[1]);
    }
}

static void show_all(struct cli *cli, const struct ql_setting_type *only)
{
    for (const struct ql_setting_type *type = ql_setting_types; type->name != NULL; type++) {
        if (only == NULL || only == type)
            show(cli, type);
    }
    if (only == NULL)
        show_unknown(cli, &cli->connection.board.settings);
    cli_set(cli, "settings", cli_settings_json(&cli->connection.board, only));
}

// --- The verb -----------------------------------------------------------------------------------

static int find_type(struct cli *cli, const struct ql_setting_type **type)
{
    *type = ql_setting_find(cli->arguments[0]);
    if (*type != NULL)
        return 0;
    ql_fail(&cli->failure, QL_SETTING_BAD, "there is no setting \"%.80s\"", cli->arguments[0]);
    ql_hint(&cli->failure, "`quadlane set` shows all of them");
    return -QL_SETTING_BAD;
}

// Takes apart what is asked; *size is 0 if nothing is to be changed.
static int parse(struct cli *cli, const struct ql_setting_type **type,
                 uint8_t item[QL_SETTING_ITEM_MAX], size_t *size)
{
    const bool restore = cli_has(cli, CLI_DEFAULT);
    *size = 0;
    *type = NULL;
    if ((restore && cli->argument_count != 1) || (cli_has(cli, CLI_FORCE) && restore))
        return ql_fail(&cli->failure, QL_USAGE, "--default takes the name of a setting, no value");
    if (cli->argument_count == 0)
        return 0;
    const int result = find_type(cli, type);
    if (result != 0 || (cli->argument_count == 1 && !restore))
        return result;
    if (!restore)
        return ql_setting_parse(*type, cli->arguments[1], item, size, &cli->failure);
    item[0] = (uint8_t)(*type)->tag;
    item[1] = 0;
    *size = 2;
    return 0;
}

// What this very board cannot have.
static int check(struct cli *cli, const struct ql_setting_type *type, const uint8_t *item)
{
    const struct ql_board *board = &cli->connection.board;
    if (type->tag == QL_SETTING_BOOT_ADDRESS && item[1] > 0)
        return cli_check_boot_address(cli, ql_setting_number(type, item));
    if (type->tag != QL_SETTING_GENERATION || !ql_board_has(board, QL_INFO_LOCK) ||
        board->lock_state != QL_LOCK_OPEN)
        return 0;
    ql_fail(&cli->failure, QL_SETTING_REFUSED,
            "lowest-generation is for locked boards; this one is open and asks for no key");
    ql_hint(&cli->failure, "docs/keys.md tells how to build a locked bootloader");
    return -QL_SETTING_REFUSED;
}

static void note(const struct cli *cli, const struct ql_setting_type *type, const uint8_t *item)
{
    if (type->tag == QL_SETTING_WINDOW && item[1] > 0 && ql_setting_number(type, item) == 0)
        cli_say(cli, "note: a program that can start leaves a host no time now; the bootloader is "
                     "reached by the button,\nby reset pressed twice, or when the program asks for "
                     "it\n");
}

// Settings come with INFO; a key that may not read it may still ask for them.
static int fetch(struct cli *cli)
{
    struct ql_connection *connection = &cli->connection;
    if (cli_may_read(cli))
        return 0;
    return ql_board_settings(&connection->link, NULL, 0, &connection->board.settings,
                             &cli->failure);
}

static int run(struct cli *cli)
{
    const struct ql_setting_type *type;
    uint8_t item[QL_SETTING_ITEM_MAX];
    size_t size;
    int result = parse(cli, &type, item, &size);
    if (result == 0)
        result = cli_connect(cli, size > 0);
    if (result == 0 && size > 0)
        result = check(cli, type, item);
    if (result == 0)
        result = size > 0 ? cli_change_settings(cli, item, size) : fetch(cli);
    if (result != 0)
        return result;
    progress_finish(&cli->progress);
    show_all(cli, type);
    if (size > 0)
        note(cli, type, item);
    return 0;
}

const struct cli_verb cli_set_verb = {
    .name = "set",
    .arguments = "[NAME [VALUE]]",
    .summary = "show settings, or change one",
    .text =
        "Without VALUE it shows all settings of the board, or one. With VALUE it changes that "
        "one,\n"
        "with --default it takes it back to its default. What is set is kept in the flash chip,\n"
        "power-safe, and counts from then on (USB strings: from the next start on).\n"
        "\n"
        "  boot-address       the program that the board starts by itself (0x90100000)\n"
        "  window             ms to wait for a host at a start, 0: none (700)\n"
        "  attempts           starts in a row that a program may fail to confirm, 0: any (3)\n"
        "  double-reset       on or off: reset pressed twice stays in the bootloader (on)\n"
        "  led                on, off, or faults: lit only when something is wrong (on)\n"
        "  manufacturer       USB strings of the board's owner, at most 32 characters\n"
        "  product\n"
        "  lowest-generation  on a locked board: keys of lower generations are refused; only rises",
    .options = CLI_BOARD | CLI_DEFAULT | CLI_FORCE,
    .arguments_min = 0,
    .arguments_max = 2,
    .run = run,
};
