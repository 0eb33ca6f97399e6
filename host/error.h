// How the library tells what went wrong: a code for programs, a sentence and a hint for people.
//
// Functions that can fail return 0 or the negative of an enum ql_code, and fill in a struct
// ql_failure. The codes are the tool's exit codes: one for each kind of trouble, so that a script
// can tell them apart; they never change their meaning.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_ERROR_H
#define HOST_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ql_code {
    QL_OK = 0,
    QL_INTERNAL = 1,
    QL_USAGE = 2,

    QL_FILE_MISSING = 10,
    QL_FILE_DIRECTORY = 11,
    QL_FILE_UNREADABLE = 12,
    QL_FILE_EMPTY = 13,
    QL_FILE_UNWRITABLE = 14,
    QL_FILE_EXISTS = 15,

    QL_IMAGE_DAMAGED = 20,
    QL_IMAGE_MACHINE = 21,
    QL_HEX_SYNTAX = 22,
    QL_HEX_CHECKSUM = 23,
    QL_IMAGE_NOTHING = 24,
    QL_IMAGE_OVERLAP = 25,

    QL_OUTSIDE = 30,
    QL_RESERVED = 31,
    QL_ALIGNMENT = 32,
    QL_TOO_LARGE = 33,
    QL_VECTOR_TABLE = 34,

    QL_NO_BOARD = 40,
    QL_SEVERAL_BOARDS = 41,
    QL_PORT_BUSY = 42,
    QL_PORT_PERMISSION = 43,
    QL_BOARD_LOST = 44,
    QL_BOARD_SILENT = 45,
    QL_BOARD_NONSENSE = 46,
    QL_OTHER_PROTOCOL = 47,

    QL_BOARD_REFUSED = 50,
    QL_CHIP_FAILED = 51,
    QL_VERIFY = 52,
    QL_SETTING_BAD = 53,
    QL_SETTING_REFUSED = 54,
    QL_NOT_FOR_RAM = 55,
    QL_RAM_TAKEN = 56,

    QL_BOOTLOADER_FILE = 57,
    QL_BOOTLOADER_KEPT = 58,
    QL_BOOTLOADER_UNSURE = 59,

    QL_LOCKED = 60,
    QL_KEY_WRONG = 61,
    QL_KEY_EXPIRED = 62,
    QL_KEY_WAIT = 63,
    QL_KEYS_FILE = 64,

    QL_SERVER_MISSING = 70,
    QL_SERVER_ENDED = 71,
    QL_SERVER_SILENT = 72,
    QL_LISTEN_BUSY = 73,
    QL_TARGET_STUCK = 74,
    QL_NO_CABLE = 75,
    QL_FOREIGN_PROGRAM = 76,
    QL_NO_BOOTLOADER = 77,

    QL_WATCHED = 80,
    QL_BOARD_UNKNOWN = 81,
    QL_SUPPORT_MISSING = 82,

    QL_DFU_PLAIN = 85,
    QL_DFU_FOREIGN = 86,

    QL_EXST_DAMAGED = 89,
    QL_EXST_UNFIT = 90,
    QL_TOOL_MISSING = 91,
    QL_NO_WAY = 92,
    QL_IMAGE_FOREIGN = 93,
    QL_TOOL_FAILED = 94,
    QL_CONFIGURATION = 95,
    QL_SOME_FAILED = 96,

    QL_TEXT_MISSING = 97,

    QL_INTERRUPTED = 130,
};

struct ql_failure {
    enum ql_code code;
    uint16_t board_status; // SPEC section 3, when a board's answer is the cause; else 0
    uint32_t board_detail;
    char sentence[400]; // what failed and where; without a full stop at its end
    char hint[400];     // what to do next; empty when the sentence says it all
};

// Fills in the failure (may be a null pointer), clears its hint, and returns -code.
int ql_fail(struct ql_failure *failure, enum ql_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ql_hint(struct ql_failure *failure, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int ql_fail_memory(struct ql_failure *failure);

struct ql_code_entry {
    enum ql_code code;
    const char *name; // stable, for machines: "hex-checksum"
    const char *text; // a few words for the help page
};

// The table of all codes, in rising order; ends with an entry whose name is a null pointer.
extern const struct ql_code_entry ql_code_table[];
const char *ql_code_name(enum ql_code code);

#endif
