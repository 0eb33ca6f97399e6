// Finding boards, connecting to the one that is meant, and finding it again when its cable went.
//
// Real boards are found by VID:PID, product name and serial number of USB serial ports (SPEC.md
// section 6); virtual ones by the sockets in the runtime folder (section 10). Nothing is ever
// written to a port that does not say it is ours, unless the user names it.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CONNECTION_H
#define HOST_CONNECTION_H

#include "host/unlock.h"

#define QL_PORT_SIZE 256

struct ql_touch;

struct ql_connection {
    struct ql_link link;
    struct ql_board board;
    const struct ql_observer *observer;
    char port[QL_PORT_SIZE];
    bool by_serial; // a USB board: found again by its serial number
    bool has_key;   // shown to the board again whenever it comes back
    struct ql_key key;
    // Opens the line to the same board again, says HELLO and shows the key; gives up after some
    // seconds.
    int (*reconnect)(struct ql_connection *connection, struct ql_failure *failure);
};

struct ql_connect_options {
    const char *port;             // a null pointer: look for a board
    const char *serial;           // a null pointer: any board, if there is only one
    const struct ql_touch *touch; // look for the USB board that it has brought; or a null pointer
    uint64_t wait_ns;             // how long to wait for a board that is not there
    const struct ql_observer *observer;
};

// Up to and including HELLO; INFO is the caller's.
int ql_connect(struct ql_connection *connection, const struct ql_connect_options *options,
               struct ql_failure *failure);
void ql_disconnect(struct ql_connection *connection);

enum ql_found_state {
    QL_FOUND_READY,
    QL_FOUND_BUSY,   // another program is connected
    QL_FOUND_AWAY,   // a virtual board whose bootloader is not there now: its program runs
    QL_FOUND_SILENT, // does not answer
};

struct ql_found {
    char port[QL_PORT_SIZE];
    char serial[QL_SERIAL_SIZE]; // empty when not known
    char name[QL_TEXT_SIZE];
    bool is_virtual;
    enum ql_found_state state;
};

#define QL_FOUND_MAX 32

// Lists at most QL_FOUND_MAX boards. Virtual boards are asked for their serial number, which keeps
// one that has just started in its bootloader; real ones are not touched.
void ql_list(struct ql_found *found, size_t *count);

// Asks a virtual board that ql_discover_virtual has found who it is, and sets its state and serial
// number. Returns false for a socket behind which nobody listens.
bool ql_found_ask(struct ql_found *found, const struct ql_observer *observer);

// The folder of virtual boards' sockets.
void ql_runtime_folder(char *path, size_t size);

#endif
