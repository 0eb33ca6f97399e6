// The keyboard key by key: raw mode of the terminal that stdin is (POSIX termios).
//
// SPDX-License-Identifier: MIT
#include "host/cli/keyboard.h"

#include <unistd.h>

void keyboard_init(struct keyboard *keyboard)
{
    *keyboard = (struct keyboard){0};
    keyboard->is_there = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp() &&
                         tcgetattr(STDIN_FILENO, &keyboard->before) == 0;
}

void keyboard_raw(struct keyboard *keyboard)
{
    if (!keyboard->is_there || keyboard->is_raw)
        return;
    struct termios raw = keyboard->before;
    raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | IGNCR | INLCR | ISTRIP | IXON);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    keyboard->is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void keyboard_restore(struct keyboard *keyboard)
{
    if (keyboard->is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &keyboard->before);
    keyboard->is_raw = false;
}
