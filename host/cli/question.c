// Questions to who sits at the terminal.
//
// SPDX-License-Identifier: MIT
#include "host/cli/cli.h"

#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_LOOK_MS 100
#define ANSWER_SIZE    96

bool cli_can_ask(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

// A line from the terminal; Ctrl-C ends the waiting whenever it comes.
static bool read_answer(char *answer, size_t size)
{
    struct pollfd terminal = {.fd = STDIN_FILENO, .events = POLLIN};
    while (!cli_was_interrupted()) {
        if (poll(&terminal, 1, ANSWER_LOOK_MS) > 0)
            return fgets(answer, (int)size, stdin) != NULL;
    }
    return false;
}

int cli_ask(struct cli *cli, const char *phrase, const char *format, ...)
{
    char answer[ANSWER_SIZE] = "";
    va_list arguments;
    fflush(stdout);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    if (read_answer(answer, sizeof answer)) {
        answer[strcspn(answer, "\n")] = '\0';
        if (phrase != NULL ? strcmp(answer, phrase) == 0 : answer[0] == 'y' || answer[0] == 'Y')
            return 0;
    }
    return ql_fail(&cli->failure, QL_INTERRUPTED, "declined; nothing was changed");
}
