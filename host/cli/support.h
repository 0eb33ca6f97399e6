// Where the debuggers' files are, and which boards they know.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_SUPPORT_H
#define HOST_CLI_SUPPORT_H

#include "host/error.h"

#include <limits.h>
#include <stdbool.h>

// This program's own path, and the folder `debug` of the checkout or of the installation that it
// belongs to.
int cli_find_support(char tool[PATH_MAX], char support[PATH_MAX], struct ql_failure *failure);
// Is there a board of this name (a null pointer: none was given)? Else the hint lists those that
// there are.
int cli_check_board(const char *support, const char *board, struct ql_failure *failure);
// The same for a debug probe's adapter, but none is fine.
int cli_check_adapter(const char *support, const char *adapter, struct ql_failure *failure);
// The names of all of them, with commas between.
void cli_board_names(const char *support, char *list, size_t size);
void cli_adapter_names(const char *support, char *list, size_t size);
bool cli_is_folder(const char *path);

#endif
