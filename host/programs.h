// The programs in a board's chip: those that its records know and the one that it would start, with
// the names that their headers tell (SPEC.md sections 12 and 15).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_PROGRAMS_H
#define HOST_PROGRAMS_H

#include "abi/program_header.h"
#include "host/board.h"

#define QL_PROGRAMS_MAX (QL_RUNS_MAX + 1)

struct ql_program_header {
    bool confirms; // it promises to confirm its start
    char name[QL_HEADER_NAME_SIZE + 1];
    char version[QL_HEADER_PROGRAM_VERSION_SIZE + 1];
};

enum ql_program_state {
    QL_PROGRAM_UNFINISHED, // its update was
    QL_PROGRAM_SEALED,     // not looked at whether it is unchanged
    QL_PROGRAM_UNCHANGED,  // sealed, and what the chip holds is what was sealed
    QL_PROGRAM_CHANGED,    // sealed, and the chip holds something else
    QL_PROGRAM_NOT_SEALED,
};

struct ql_program {
    uint32_t address;
    uint32_t length; // 0: not known
    enum ql_program_state state;
    bool starts; // the board starts it by itself
    bool has_header;
    struct ql_program_header header;
};

// A header is one only if all of it is right; `address` is the program's.
bool ql_program_header_parse(struct ql_program_header *header, uint32_t address,
                             const uint8_t bytes[QL_HEADER_SIZE]);

// Reads the headers; with `look` has the board hash all of each sealed program. Rising addresses.
int ql_board_programs(struct ql_link *link, const struct ql_board *board, bool look,
                      struct ql_program programs[QL_PROGRAMS_MAX], size_t *count,
                      struct ql_failure *failure);
// "sealed", "unchanged since it was sealed", ...: for people; and a word for machines.
const char *ql_program_state_text(enum ql_program_state state);
const char *ql_program_state_name(enum ql_program_state state);

#endif
