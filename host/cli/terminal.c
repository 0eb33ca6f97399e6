// What an output stream can show (POSIX isatty, TIOCGWINSZ, ECMA-48 SGR, no-color.org).
//
// SPDX-License-Identifier: MIT
#include "host/cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_UNKNOWN 80
#define ROWS_UNKNOWN    24

static enum color_mode colors;

void terminal_set_colors(enum color_mode mode)
{
    colors = mode;
}

bool terminal_can_redraw(FILE *file)
{
    const char *name = getenv("TERM");
    return isatty(fileno(file)) && name != NULL && name[0] != '\0' && strcmp(name, "dumb") != 0;
}

const char *terminal_color(FILE *file, enum terminal_color color)
{
    static const char *const codes[] = {[COLOR_BAD] = "\033[31m",
                                        [COLOR_GOOD] = "\033[32m",
                                        [COLOR_WARNING] = "\033[33m",
                                        [COLOR_NONE] = "\033[0m"};
    const char *unwanted = getenv("NO_COLOR");
    const bool automatic = colors == COLORS_AUTO && (unwanted == NULL || unwanted[0] == '\0');
    const bool shown = colors == COLORS_ALWAYS || (automatic && terminal_can_redraw(file));
    return shown ? codes[color] : "";
}

// Asked anew for each drawing: a window may change its size at any time.
static struct winsize window_size(FILE *file)
{
    struct winsize size = {0};
    if (ioctl(fileno(file), TIOCGWINSZ, &size) != 0)
        size = (struct winsize){0};
    size.ws_col = size.ws_col > 0 ? size.ws_col : COLUMNS_UNKNOWN;
    size.ws_row = size.ws_row > 0 ? size.ws_row : ROWS_UNKNOWN;
    return size;
}

int terminal_width(FILE *file)
{
    return window_size(file).ws_col - 1; // terminals differ in what they do after the last column
}

int terminal_height(FILE *file)
{
    return window_size(file).ws_row;
}
