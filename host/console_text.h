// What a program prints, on its way to a terminal or a log: time stamps before its lines, and under
// lines with addresses what lies there (SPEC.md section 22 tells how a fault dump is known).
//
// Bytes go on as they come; nothing waits for the end of a line.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CONSOLE_TEXT_H
#define HOST_CONSOLE_TEXT_H

#include "host/addresses.h"

#define QL_CONSOLE_LINE_MAX 1024 // what is behind that in a line is not looked at

struct ql_console_text {
    // Takes what shall be shown, piece by piece.
    void (*put)(void *context, const char *text, size_t size);
    void *context;
    struct ql_addresses **addresses; // a null pointer, or one behind it: addresses stay numbers
    bool stamps;                     // before each line

    char line[QL_CONSOLE_LINE_MAX];
    size_t length;
    bool stamped; // the line under way has its stamp
    bool in_dump;
};

void ql_console_text_take(struct ql_console_text *text, const uint8_t *bytes, size_t size);
// A line of somebody else's, on a line of its own.
void ql_console_text_note(struct ql_console_text *text, const char *note);

#endif
