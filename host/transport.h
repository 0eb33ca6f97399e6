// A byte stream to a board: a serial port, a socket, or the virtual board in lockstep.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_TRANSPORT_H
#define HOST_TRANSPORT_H

#include "host/clock.h"
#include "host/error.h"

#include <stddef.h>
#include <stdint.h>

struct ql_transport {
    void *context;
    struct ql_clock clock; // the time in which this line lives
    // Up to `size` bytes; waits at most timeout_ns for the first. Returns how many, 0 when the time
    // is over or a signal came, -QL_BOARD_LOST when the other end is gone.
    int (*read)(void *context, uint8_t *data, size_t size, uint64_t timeout_ns);
    // All bytes. Returns 0, -QL_BOARD_LOST, or -QL_BOARD_SILENT when they could not be handed over
    // in time.
    int (*write)(void *context, const uint8_t *data, size_t size, uint64_t timeout_ns);
    // Waits on the open line until the board is there (again). A null pointer: the line has to be
    // closed and opened instead.
    int (*revive)(void *context, uint64_t timeout_ns);
    // Why the other end hung up right after opening, if that can be told: -QL_PORT_BUSY or 0.
    int (*explain)(void *context);
    // For poll(). A null pointer: the line has a time of its own and cannot be waited for like
    // this.
    int (*descriptor)(void *context);
    // A null pointer: it has no baud rate.
    int (*set_baud)(void *context, unsigned baud);
    void (*close)(void *context);
};

// `port`: a serial port's name, unix:PATH, tcp:HOST:PORT or lockstep:PATH.
int ql_transport_open(struct ql_transport *transport, const char *port, struct ql_failure *failure);
void ql_transport_close(struct ql_transport *transport);

int ql_serial_open(struct ql_transport *transport, const char *name, struct ql_failure *failure);
// Opens it at 1200 baud with DTR and takes DTR away.
int ql_serial_touch(const char *name, struct ql_failure *failure);
int ql_unix_open(struct ql_transport *transport, const char *path, struct ql_failure *failure);
int ql_tcp_open(struct ql_transport *transport, const char *address, struct ql_failure *failure);
int ql_lockstep_open(struct ql_transport *transport, const char *path, struct ql_failure *failure);

// What the implementations share: bytes through a non-blocking file descriptor.
int ql_descriptor_read(int descriptor, uint8_t *data, size_t size, uint64_t timeout_ns);
int ql_descriptor_write(int descriptor, const uint8_t *data, size_t size, uint64_t timeout_ns);
// A connected, non-blocking stream socket or -code.
int ql_unix_connect(const char *path, struct ql_failure *failure);

#endif
