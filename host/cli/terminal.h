// The keyboard, key by key: the user's terminal in raw mode, and back.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_TERMINAL_H
#define HOST_CLI_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

struct terminal {
    bool is_there; // stdin is a terminal, and this program in front of it
    bool is_raw;
    struct termios before;
};

void terminal_init(struct terminal *terminal);
// Each key comes at once, Ctrl-C too; what is printed is treated as before. Nothing without a
// terminal.
void terminal_raw(struct terminal *terminal);
void terminal_restore(struct terminal *terminal);

#endif
