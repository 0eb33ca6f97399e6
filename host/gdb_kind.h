// The GDB servers that are known: how each is told its port, and how it resets a board.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_GDB_KIND_H
#define HOST_GDB_KIND_H

#include "host/error.h"

#include <stddef.h>
#include <stdint.h>

#define QL_GDB_PORT_OPTIONS 4

struct ql_gdb_kind {
    const char *name;    // for --kind
    const char *program; // a part of the program's name, lower case; a null pointer: none
    // Options that carry the port as the next word, or behind `=`; ends with a null pointer.
    const char *port_options[QL_GDB_PORT_OPTIONS];
    const char *port_before; // where a port option goes that is not there: behind this word
    uint16_t port;           // its default
    // Monitor commands that leave the board halted before the bootloader's first instruction.
    const char *reset_halt;
    const char *then_halt; // a null pointer: the first one is enough
    // Does a bare `monitor reset` leave the core halted?
    bool bare_reset_halts;
    bool is_openocd; // the port is set by a command: -c "gdb_port N"
};

// By --kind, or by the program's name. A null pointer: not known.
const struct ql_gdb_kind *ql_gdb_kind_named(const char *name);
const struct ql_gdb_kind *ql_gdb_kind_of_program(const char *program);
// What stands for a server that is not known.
extern const struct ql_gdb_kind ql_gdb_kind_other;
// The names, for messages.
const char *ql_gdb_kind_names(void);

// Copies the server's words with `port` in the place of its own; the copy is the caller's, freed
// by ql_gdb_words_free. *asked: the port that the words name, or the server's default.
char **ql_gdb_words_with_port(const struct ql_gdb_kind *kind, char *const *words, uint16_t port,
                              uint16_t *asked, struct ql_failure *failure);
void ql_gdb_words_free(char **words);

#endif
