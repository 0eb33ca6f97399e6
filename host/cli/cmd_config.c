// quadlane config: what the configuration files say.
//
// SPDX-License-Identifier: MIT
#include "host/cli/config.h"

#include <string.h>

static void show_entry(struct cli *cli, const struct config *config,
                       const struct config_entry *entry, json_t *list)
{
    const struct config_file *file = &config->files[entry->file];
    const char *verb = entry->verb != NULL ? entry->verb->name : NULL;
    char text[200];
    snprintf(text, sizeof text, "%s%s%s%s = %s", verb != NULL ? "[" : "", verb != NULL ? verb : "",
             verb != NULL ? "] " : "", entry->option->name, entry->value);
    cli_say(cli, "%-40s  %s:%u\n", text, file->path, entry->line);
    json_array_append_new(list, json_pack("{s:o, s:s, s:o, s:o, s:i}", "verb",
                                          verb != NULL ? json_string(verb) : json_null(), "name",
                                          entry->option->name, "value", cli_text(entry->value),
                                          "file", cli_text(file->path), "line", (int)entry->line));
}

static void show_files(struct cli *cli, const struct config *config)
{
    json_t *list = json_array();
    for (size_t i = 0; i < config->file_count; i++) {
        const struct config_file *file = &config->files[i];
        cli_say(cli, "%s%s\n", file->path, file->there ? "" : " (not there)");
        json_array_append_new(
            list, json_pack("{s:o, s:b}", "path", cli_text(file->path), "there", file->there));
    }
    cli_set(cli, "files", list);
}

static int run(struct cli *cli)
{
    static struct config config; // large
    static struct cli other;
    const bool for_verb = cli->argument_count > 0;
    int result = config_load(&config, cli, &cli->failure);
    if (result != 0)
        return result;
    if (for_verb) {
        other.verb = cli_find_verb(cli->arguments[0]);
        if (other.verb == NULL)
            return ql_fail(&cli->failure, QL_USAGE, "there is no verb \"%s\"", cli->arguments[0]);
        result = config_apply(&config, &other);
        cli->failure = other.failure;
    }
    if (result != 0)
        return result;
    json_t *list = json_array();
    show_files(cli, &config);
    for (size_t i = 0; i < config.count; i++) {
        if (!for_verb || config.entries[i].used)
            show_entry(cli, &config, &config.entries[i], list);
    }
    cli_set(cli, "entries", list);
    return 0;
}

const struct cli_verb cli_config = {
    .name = "config",
    .arguments = "[VERB]",
    .summary = "show what the configuration files say",
    .text =
        "Options that are the same every day may stand in a file: NAME = VALUE, with the names of\n"
        "long options, yes or no for those without a value; below a line [VERB] for that verb "
        "alone.\n"
        "First counts the command line, then the nearest .quadlane in the working folder or above\n"
        "(your own folders only), then ~/.config/quadlane/config ($XDG_CONFIG_HOME). --config "
        "FILE\n"
        "reads that file in place of both.\n"
        "\n"
        "    serial = 003B002644415551454E414C\n"
        "    wait = 5\n"
        "    [flash]\n"
        "    no-boot = yes\n"
        "\n"
        "Shows the files and their lines; with VERB only those that count for that verb.",
    .options = CLI_COMMON,
    .reads_no_config = true, // by itself
    .arguments_min = 0,
    .arguments_max = 1,
    .run = run,
};
