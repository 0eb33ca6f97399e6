// The table of options: what the command line, configuration files, help, manual and completion
// know of them.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_OPTIONS_H
#define HOST_CLI_OPTIONS_H

#include "host/cli/cli.h"

struct option_text {
    uint64_t option;   // CLI_...
    const char *name;  // without the dashes
    const char *value; // a null pointer: takes none; FILE and PATH name files
    const char *text;
    size_t place; // in struct cli: of the value, or of a flag; 0: only cli_has() knows
};

// Ends with one whose name is a null pointer.
extern const struct option_text cli_options[];

const struct cli_verb *cli_find_verb(const char *name);
const struct option_text *option_find(const char *name);
// What the option means to the verb, which may be a null pointer.
const char *option_meaning(const struct cli_verb *verb, const struct option_text *option);
// Does what the option says. Returns 0 or -code.
int option_take(struct cli *cli, const struct option_text *option, const char *value);
// The text that comes before all verbs in help and manual.
extern const char cli_general_help[];

#endif
