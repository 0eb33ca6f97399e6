// The piece between a debugger and its GDB server: passes everything on, and takes care of programs
// in the flash chip.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_GDB_H
#define HOST_GDB_H

#include "host/connection.h"

struct ql_gdb;

// What it needs from its user. None may be a null pointer.
struct ql_gdb_hooks {
    void *context;
    // A sentence for people, without a line end.
    void (*say)(void *context, const char *text, bool is_failure);
    // Connects to the board over USB and reads INFO; with `unlock` it is also shown its key.
    // *serial: a null pointer if it is not known. A second call comes only after `disconnect`.
    int (*connect)(void *context, const char *serial, uint64_t wait_ns, bool unlock,
                   struct ql_connection **connection, struct ql_failure *failure);
    void (*disconnect)(void *context);
    // Shall everything end?
    bool (*interrupted)(void *context);
};

struct ql_gdb_options {
    const char *listen;      // [HOST:]PORT for the debugger; a null pointer: the server's
    const char *connect;     // HOST:PORT of a server that runs already; a null pointer: none
    const char *server_port; // where the started server listens; a null pointer: chosen
    const char *kind;        // a null pointer: by the server's name
    char *const *server;     // its words; ends with a null pointer
    uint64_t usb_wait_ns;    // how long to wait for the bootloader on USB
    bool once;               // end when the debugger leaves
    bool probe_only;         // never look for USB
    bool as_jlink;           // the debugger speaks to J-Link's server, but OpenOCD is there
    bool internal_flash;     // pass on what is loaded into the internal flash
};

// Starts the server and listens. Returns 0 with *gdb, or -code.
int ql_gdb_open(struct ql_gdb **gdb, const struct ql_gdb_options *options,
                const struct ql_gdb_hooks *hooks, struct ql_failure *failure);
// Serves until `interrupted`, the server's end, or with `once` the debugger's. Returns 0 or -code.
int ql_gdb_run(struct ql_gdb *gdb, struct ql_failure *failure);
// Ends the server, too.
void ql_gdb_close(struct ql_gdb *gdb);

// "127.0.0.1:2331": where the debugger connects.
const char *ql_gdb_address(const struct ql_gdb *gdb);
// The server's exit code, once it ended by itself; else -1.
int ql_gdb_server_exit_code(const struct ql_gdb *gdb);
// Shall work on the board stop, because the debugger or the server is gone or somebody asked so?
// For the observer of the connection that `connect` makes.
bool ql_gdb_cancelled(struct ql_gdb *gdb);

#endif
