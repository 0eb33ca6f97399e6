// The monitor commands of SEGGER's J-Link GDB server, for debuggers that think they talk to one.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_GDB_JLINK_H
#define HOST_GDB_JLINK_H

#include <stddef.h>

enum ql_gdb_jlink_action {
    QL_JLINK_PASS,   // not J-Link's: the server may know it
    QL_JLINK_SEND,   // `text` is OpenOCD's command for the same
    QL_JLINK_ANSWER, // nothing is done; `text` is what the user's console shows
};

#define QL_JLINK_TEXT 300

// `command`: in lower case, single blanks between the words. Resets are not among them.
enum ql_gdb_jlink_action ql_gdb_jlink_translate(const char *command, char text[QL_JLINK_TEXT]);

#endif
