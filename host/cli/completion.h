// What could stand where the cursor is in a command line of the tool.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_COMPLETION_H
#define HOST_CLI_COMPLETION_H

// Prints candidates for the last of the words (the first one is the verb), one a line: the whole
// word, a tab, what it means. The lines `:files` and `:folders` stand for names of these.
void completion_print(char *const *words, int count);

#endif
