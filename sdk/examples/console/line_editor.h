// A line from the person at the terminal.
//
// SPDX-License-Identifier: MIT
#ifndef CONSOLE_LINE_EDITOR_H
#define CONSOLE_LINE_EDITOR_H

#include <stddef.h>

// Prints `prompt`, then echoes what is typed until Return: Backspace or Delete takes a character
// back, Ctrl-U the line, Ctrl-C starts an empty one. At most size - 1 bytes, more are refused with
// a bell. Returns the length; the line ends with a zero.
size_t line_read(const char *prompt, char *line, size_t size);

#endif
