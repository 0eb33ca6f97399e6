// A TCP port of the virtual board that a debugger connects to: one at a time, one after another.
//
// Debuggers ask in small steps and wait for each answer. While the program runs, the board looks at
// its descriptors only now and then, so after an answer the socket waits a moment for the next
// question.
//
// SPDX-License-Identifier: MIT
#include "sim/probe_socket.h"

#include "sim/machine.h"
#include "sim/tcp_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK         65536u
#define LINGER_NS     (100 * NS_PER_US) // for the next question
#define TURN_NS       (3 * NS_PER_MS)   // of questions in a row
#define SEND_LIMIT_MS 1000

struct probe_socket {
    struct machine *machine;
    const char *what;
    struct probe_handler handler;
    int listener;
    int peer; // -1: none
    struct watch *listener_watch;
    struct watch *peer_watch;
    uint8_t *data;
    size_t length;
    size_t room;
};

static uint64_t wall_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void probe_socket_hang_up(struct probe_socket *socket)
{
    if (socket->peer < 0) {
        return;
    }
    machine_unwatch(socket->machine, socket->peer_watch);
    close(socket->peer);
    socket->peer = -1;
    socket->length = 0;
    watch_set_events(socket->listener_watch, POLLIN);
    machine_trace(socket->machine, "debug", "%s: disconnected", socket->what);
    socket->handler.disconnected(socket->handler.context);
}

void probe_socket_send(struct probe_socket *socket, const void *data, size_t length)
{
    const char *bytes = data;

    while (length > 0 && socket->peer >= 0) {
        ssize_t sent = send(socket->peer, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        struct pollfd writable = {.fd = socket->peer, .events = POLLOUT};

        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (sent == 0 || (errno != EAGAIN && errno != EINTR) ||
                   poll(&writable, 1, SEND_LIMIT_MS) == 0) {
            probe_socket_hang_up(socket);
        }
    }
}

static void hand_over(struct probe_socket *socket)
{
    size_t taken = 0;

    while (taken < socket->length && socket->peer >= 0) {
        size_t part = socket->handler.received(socket->handler.context, socket->data + taken,
                                               socket->length - taken);

        if (part == 0) {
            break;
        }
        taken += part;
    }
    if (socket->peer >= 0) {
        socket->length -= taken;
        memmove(socket->data, socket->data + taken, socket->length);
    }
}

static void receive(struct probe_socket *socket)
{
    ssize_t count;

    if (socket->room - socket->length < CHUNK) {
        socket->room = socket->length + 2 * CHUNK;
        socket->data = realloc(socket->data, socket->room);
        if (socket->data == NULL) {
            abort();
        }
    }
    count = recv(socket->peer, socket->data + socket->length, CHUNK, MSG_DONTWAIT);
    if (count > 0) {
        socket->length += (size_t)count;
        hand_over(socket);
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        probe_socket_hang_up(socket);
    }
}

static bool more_soon(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    const struct timespec linger = {.tv_nsec = LINGER_NS};

    return ppoll(&readable, 1, &linger, NULL) > 0;
}

static void peer_ready(void *context, int fd, short revents)
{
    struct probe_socket *socket = context;
    uint64_t start_ns = wall_now_ns();

    (void)revents;
    do {
        receive(socket);
    } while (socket->peer >= 0 && wall_now_ns() - start_ns < TURN_NS && more_soon(fd));
}

static void listener_ready(void *context, int fd, short revents)
{
    struct probe_socket *socket = context;
    int peer = tcp_accept(fd);

    (void)revents;
    if (peer < 0) {
        return;
    }
    socket->peer = peer;
    socket->peer_watch = machine_watch(socket->machine, peer, POLLIN, peer_ready, socket);
    watch_set_events(socket->listener_watch, 0); // the next one waits for its turn
    machine_trace(socket->machine, "debug", "%s: connected", socket->what);
    socket->handler.connected(socket->handler.context);
}

// --- Creation -----------------------------------------------------------------------------------

struct probe_socket *probe_socket_create(struct machine *machine, const char *what,
                                         const char *port, const struct probe_handler *handler,
                                         char *error, size_t error_size)
{
    struct probe_socket *socket;
    struct sockaddr_in address;
    int fd;

    if (strchr(port, ':') != NULL || !tcp_parse(port, &address)) {
        snprintf(error, error_size, "%s takes a TCP port, 0 to 65535, not %s", what, port);
        return NULL;
    }
    fd = tcp_listen(&address);
    if (fd < 0) {
        snprintf(error, error_size, "%s: port %u on 127.0.0.1 cannot be used: %s", what,
                 ntohs(address.sin_port), strerror(errno));
        return NULL;
    }
    socket = calloc(1, sizeof(*socket));
    if (socket == NULL) {
        abort();
    }
    socket->machine = machine;
    socket->what = what;
    socket->handler = *handler;
    socket->listener = fd;
    socket->peer = -1;
    socket->listener_watch = machine_watch(machine, fd, POLLIN, listener_ready, socket);
    fprintf(stderr, "quadlane-board: %s is on 127.0.0.1:%u\n", what, ntohs(address.sin_port));
    return socket;
}

void probe_socket_close(struct probe_socket *socket)
{
    probe_socket_hang_up(socket);
    machine_unwatch(socket->machine, socket->listener_watch);
    close(socket->listener);
    free(socket->data);
    free(socket);
}
