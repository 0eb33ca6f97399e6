// A TCP port of the virtual board that a debugger connects to: one at a time, one after another.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_PROBE_SOCKET_H
#define SIM_PROBE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;
struct probe_socket;

struct probe_handler {
    void *context;
    void (*connected)(void *context);
    void (*disconnected)(void *context);
    // What has arrived and was not taken yet; returns how much it takes, 0: more is needed.
    size_t (*received)(void *context, const uint8_t *data, size_t length);
};

// Listens on 127.0.0.1; port "0" is any that is free. `what` is for messages: "--gdb".
struct probe_socket *probe_socket_create(struct machine *machine, const char *what,
                                         const char *port, const struct probe_handler *handler,
                                         char *error, size_t error_size);
void probe_socket_close(struct probe_socket *socket);

// Waits with the peer if it does not read; what is too slow for that loses its connection.
void probe_socket_send(struct probe_socket *socket, const void *data, size_t length);
void probe_socket_hang_up(struct probe_socket *socket);

#endif
