// The keyboard key by key: raw mode of the terminal that stdin is, and back.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CLI_KEYBOARD_H
#define HOST_CLI_KEYBOARD_H

#include <stdbool.h>
#include <termios.h>

struct keyboard {
    bool is_there; // stdin is a terminal, and this program in front of it
    bool is_raw;
    struct termios before;
};

void keyboard_init(struct keyboard *keyboard);
// Each key comes at once, Ctrl-C too; what is printed is treated as before. Nothing without a
// terminal.
void keyboard_raw(struct keyboard *keyboard);
void keyboard_restore(struct keyboard *keyboard);

#endif
