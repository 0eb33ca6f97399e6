// What an output stream can show: columns, redrawing, colours.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_TERMINAL_H
#define HOST_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

enum terminal_color { COLOR_BAD, COLOR_GOOD, COLOR_WARNING, COLOR_NONE };

enum color_mode { COLORS_AUTO, COLORS_ALWAYS, COLORS_NEVER };

// --color. Until it is called: COLORS_AUTO, which is colours on terminals except where TERM is
// "dumb" or NO_COLOR is set and not empty (no-color.org).
void terminal_set_colors(enum color_mode mode);
// What to print in front of text in this colour; COLOR_NONE: behind it. Empty where there are none.
const char *terminal_color(FILE *file, enum terminal_color color);

// Can lines be drawn over? False for pipes, files and dumb terminals.
bool terminal_can_redraw(FILE *file);
// Columns that a line may have without wrapping, 0 or more; rows of the screen.
int terminal_width(FILE *file);
int terminal_height(FILE *file);

#endif
