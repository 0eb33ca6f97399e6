// Configuration files: options that are the same every day (docs/configuration.md).
//
// Lines are `NAME = VALUE` with the names of long options; those below a line `[VERB]` count for
// that verb alone. The nearest `.quadlane` in the working folder or above comes before the user's
// own file, and the command line before both.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_CONFIG_H
#define HOST_CLI_CONFIG_H

#include "host/cli/options.h"

#include <limits.h>

#define CONFIG_ENTRIES_MAX 128
#define CONFIG_FILES_MAX   2

struct config_entry {
    const struct option_text *option;
    const struct cli_verb *verb; // a null pointer: all that take the option
    char *value;
    size_t file; // index
    unsigned line;
    bool used; // by the verb that is run
};

struct config_file {
    char path[PATH_MAX];
    bool is_project;
    bool there;
};

struct config {
    struct config_entry entries[CONFIG_ENTRIES_MAX];
    size_t count;
    struct config_file files[CONFIG_FILES_MAX]; // the first comes before the second
    size_t file_count;
};

// Reads the files there are; with cli->config_file that one alone. Returns 0 or -QL_CONFIGURATION.
int config_load(struct config *config, const struct cli *cli, struct ql_failure *failure);
// Takes the options that the command line has left open for this verb.
int config_apply(struct config *config, struct cli *cli);
// What is wrong with this line.
int config_fail(const struct config *config, const struct config_entry *entry, const char *text,
                struct ql_failure *failure);
// Says which of a failed command's options came from a file.
void config_tell(const struct config *config, FILE *file);

#endif
