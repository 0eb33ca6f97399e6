// Which lines of the configuration files count for a command.
//
// SPDX-License-Identifier: MIT
#include "host/cli/config.h"

#include <string.h>

#define WHICH_BOARD (CLI_PORT | CLI_SERIAL | CLI_ALL | CLI_TOUCH)

// Who chooses one of these does not want another one from a weaker place.
static const uint64_t alternatives[] = {WHICH_BOARD, CLI_QUIET | CLI_VERBOSE};

#define ALTERNATIVES (sizeof alternatives / sizeof alternatives[0])

// The options that a chosen one decides. (erase --all is about one board.)
static uint64_t decides(const struct cli *cli, uint64_t option)
{
    uint64_t set = option;
    if (option == CLI_ALL && !cli->verb->several)
        return option;
    for (size_t i = 0; i < ALTERNATIVES; i++)
        set |= (alternatives[i] & option) != 0 ? alternatives[i] : 0;
    return set;
}

// Several options may share a bit: those are told apart by their places.
static bool is_decided(const struct config *config, const struct cli *cli,
                       const struct config_entry *entry, uint64_t decided)
{
    for (size_t i = 0; i < config->count; i++) {
        if (config->entries[i].used && config->entries[i].option == entry->option)
            return true;
    }
    if (cli->given_options[entry->option - cli_options])
        return true;
    const uint64_t option = entry->option->option;
    return decides(cli, option) != option && (decided & option) != 0;
}

static int use(const struct config *config, struct config_entry *entry, struct cli *cli)
{
    char sentence[sizeof cli->failure.sentence];
    entry->used = true;
    if (entry->option->value == NULL && strcmp(entry->value, "no") == 0)
        return 0;
    const int result = option_take(cli, entry->option, entry->value);
    if (result == 0)
        return 0;
    memcpy(sentence, cli->failure.sentence, sizeof sentence);
    return config_fail(config, entry, sentence, &cli->failure);
}

// Where --serial means something else (install: a probe's), the line for all verbs does not count.
static bool is_for(const struct config_entry *entry, const struct cli_verb *verb)
{
    const struct option_text *option = entry->option;
    return (verb->options & option->option) != 0 &&
           (entry->verb != NULL || (option->option & WHICH_BOARD) == 0 ||
            option_meaning(verb, option) == option->text);
}

// The lines of one strength: of a file, for this verb or for all.
static int use_level(struct config *config, struct cli *cli, size_t file, bool for_verb,
                     uint64_t *decided)
{
    uint64_t chosen = 0;
    for (size_t i = 0; i < config->count; i++) {
        struct config_entry *entry = &config->entries[i];
        if (entry->file != file || entry->verb != (for_verb ? cli->verb : NULL) ||
            !is_for(entry, cli->verb) || is_decided(config, cli, entry, *decided))
            continue;
        const int result = use(config, entry, cli);
        if (result != 0)
            return result;
        chosen |= decides(cli, entry->option->option);
    }
    *decided |= chosen;
    return 0;
}

int config_apply(struct config *config, struct cli *cli)
{
    uint64_t decided = 0;
    int result = 0;
    for (size_t i = 0; cli_options[i].name != NULL; i++)
        decided |= cli->given_options[i] ? decides(cli, cli_options[i].option) : 0;
    cli->given = cli->options;
    for (size_t file = 0; result == 0 && file < config->file_count; file++) {
        result = use_level(config, cli, file, true, &decided);
        if (result == 0)
            result = use_level(config, cli, file, false, &decided);
    }
    return result;
}

void config_tell(const struct config *config, FILE *file)
{
    for (size_t i = 0; i < config->count; i++) {
        const struct config_entry *entry = &config->entries[i];
        if (entry->used && (entry->option->option & CLI_BASIC) == 0)
            fprintf(file, "  note: --%s %s comes from %s:%u\n", entry->option->name, entry->value,
                    config->files[entry->file].path, entry->line);
    }
}
