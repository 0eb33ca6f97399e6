// Where the debuggers' files are, and which boards they know.
//
// SPDX-License-Identifier: MIT
#include "host/cli/support.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool cli_is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int cli_find_support(char tool[PATH_MAX], char support[PATH_MAX], struct ql_failure *failure)
{
    static const char *const places[] = {"/../debug", "/../share/quadlane/debug"};
    char folder[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", tool, PATH_MAX - 1);
    if (length <= 0)
        return ql_fail(failure, QL_INTERNAL, "this program's own path cannot be found: %s",
                       strerror(errno));
    tool[length] = '\0';
    snprintf(folder, sizeof folder, "%s", tool);
    *strrchr(folder, '/') = '\0';
    for (size_t i = 0; i < 2; i++) {
        char path[PATH_MAX + 40];
        snprintf(path, sizeof path, "%s%s/openocd", folder, places[i]);
        if (!cli_is_folder(path))
            continue;
        *strrchr(path, '/') = '\0';
        if (realpath(path, support) != NULL)
            return 0;
    }
    ql_fail(failure, QL_SUPPORT_MISSING,
            "the folder \"debug\" with the debuggers' files is neither at %s%s nor at %s%s", folder,
            places[0], folder, places[1]);
    ql_hint(failure,
            "run the tool from its checkout, install it with `make install`, or unpack the "
            "archive of its other files beside it (docs/installing.md)");
    return -QL_SUPPORT_MISSING;
}

// The names in a folder of OpenOCD's files: "art_pi, daisy_seed, ...".
static void list_names(const char *folder, char *list, size_t size)
{
    struct dirent **entries = NULL;
    size_t used = 0;
    list[0] = '\0';
    const int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        const size_t length = strlen(name);
        if (length > 4 && strcmp(name + length - 4, ".cfg") == 0 && used + length < size)
            used += (size_t)snprintf(list + used, size - used, "%s%.*s", used > 0 ? ", " : "",
                                     (int)length - 4, name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

void cli_board_names(const char *support, char *list, size_t size)
{
    char folder[PATH_MAX + 16];
    snprintf(folder, sizeof folder, "%s/openocd", support);
    list_names(folder, list, size);
}

void cli_adapter_names(const char *support, char *list, size_t size)
{
    char folder[PATH_MAX + 32];
    snprintf(folder, sizeof folder, "%s/openocd/adapter", support);
    list_names(folder, list, size);
}

static bool has_name(const char *folder, const char *name)
{
    char path[PATH_MAX + 300];
    snprintf(path, sizeof path, "%s/%.200s.cfg", folder, name);
    return strchr(name, '/') == NULL && access(path, R_OK) == 0;
}

int cli_check_board(const char *support, const char *board, struct ql_failure *failure)
{
    char folder[PATH_MAX + 16];
    char list[256];
    snprintf(folder, sizeof folder, "%s/openocd", support);
    if (board != NULL && has_name(folder, board))
        return 0;
    if (board != NULL)
        ql_fail(failure, QL_BOARD_UNKNOWN, "there is no board \"%.100s\"", board);
    else
        ql_fail(failure, QL_BOARD_UNKNOWN, "the board's name is missing");
    cli_board_names(support, list, sizeof list);
    ql_hint(failure, "choose with --board: %s", list);
    return -QL_BOARD_UNKNOWN;
}

int cli_check_adapter(const char *support, const char *adapter, struct ql_failure *failure)
{
    char folder[PATH_MAX + 32];
    char list[256];
    snprintf(folder, sizeof folder, "%s/openocd/adapter", support);
    if (adapter == NULL || has_name(folder, adapter))
        return 0;
    cli_adapter_names(support, list, sizeof list);
    ql_fail(failure, QL_USAGE, "there is no adapter \"%.60s\"", adapter);
    ql_hint(failure, "choose with --adapter: %s", list);
    return -QL_USAGE;
}
