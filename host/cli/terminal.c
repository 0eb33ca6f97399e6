// The keyboard, key by key (POSIX termios).
//
// SPDX-License-Identifier: MIT
#include "host/cli/terminal.h"

#include <unistd.h>

void terminal_init(struct terminal *terminal)
{
    *terminal = (struct terminal){0};
    terminal->is_there = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp() &&
                         tcgetattr(STDIN_FILENO, &terminal->before) == 0;
}

void terminal_raw(struct terminal *terminal)
{
    if (!terminal->is_there || terminal->is_raw)
        return;
    struct termios raw = terminal->before;
    raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | IGNCR | INLCR | ISTRIP | IXON);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    terminal->is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void terminal_restore(struct terminal *terminal)
{
    if (terminal->is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
    terminal->is_raw = false;
}
