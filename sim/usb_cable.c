// Cables of the virtual board's USB port: stream sockets, and what all cables share.
//
// From SPEC.md, section 10. A connection is an opened serial port. Bytes wait in two small buffers;
// when the device is slow the socket fills, when the peer is slow the host model takes no more from
// the device.
//
// SPDX-License-Identifier: MIT
#include "sim/usb_cable_parts.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// --- Bytes on their way -------------------------------------------------------------------------

void cable_append(struct cable_bytes *bytes, const void *data, size_t length)
{
    if (bytes->count + length > bytes->room) {
        bytes->room = (bytes->count + length) * 2;
        bytes->data = realloc(bytes->data, bytes->room);
        if (bytes->data == NULL) {
            abort();
        }
    }
    if (length != 0) {
        memcpy(bytes->data + bytes->count, data, length);
        bytes->count += length;
    }
}

void cable_consume(struct cable_bytes *bytes, size_t length)
{
    bytes->count -= length;
    if (bytes->count != 0) {
        memmove(bytes->data, bytes->data + length, bytes->count);
    }
}

void cable_free(struct cable_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct cable_bytes){0};
}

bool cable_send(int fd, struct cable_bytes *bytes, bool terminal)
{
    while (bytes->count != 0) {
        ssize_t written = terminal ? write(fd, bytes->data, bytes->count)
                                   : send(fd, bytes->data, bytes->count, MSG_NOSIGNAL);

        if (written > 0) {
            cable_consume(bytes, (size_t)written);
        } else if (written == 0 || errno != EINTR) {
            return written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        }
    }
    return true;
}

bool cable_receive(int fd, struct cable_bytes *bytes)
{
    uint8_t data[65536];
    ssize_t count = read(fd, data, sizeof(data));

    if (count > 0) {
        cable_append(bytes, data, (size_t)count);
    }
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

// --- The peer -----------------------------------------------------------------------------------

void cable_set_peer(struct usb_cable *cable, int fd,
                    void (*ready)(void *context, int fd, short revents), short events)
{
    cable->peer = fd;
    cable->peer_sends = true;
    cable->to_peer.count = 0;
    cable->from_peer.count = 0;
    cable->peer_watch = machine_watch(cable->machine, fd, events, ready, cable);
}

void cable_drop_peer(struct usb_cable *cable)
{
    if (cable->peer < 0) {
        return;
    }
    machine_unwatch(cable->machine, cable->peer_watch);
    if (cable->kind != CABLE_PTY) {
        close(cable->peer);
    }
    cable->peer = -1;
    cable->peer_watch = NULL;
    cable->to_peer.count = 0;
    cable->from_peer.count = 0;
    if (cable->throttled) {
        cable->throttled = false;
        usb_host_throttle(cable->host, false);
    }
}

// Hands waiting bytes to the host's driver.
static void feed_host(struct usb_cable *cable)
{
    size_t taken = usb_host_send(cable->host, cable->from_peer.data, cable->from_peer.count);

    cable_consume(&cable->from_peer, taken);
}

bool cable_feed_peer(struct usb_cable *cable)
{
    return cable->peer < 0 || cable_send(cable->peer, &cable->to_peer, cable->kind == CABLE_PTY);
}

void cable_update_events(struct usb_cable *cable)
{
    bool throttled = cable->to_peer.count >= CABLE_IN_ROOM / 2;
    short events = POLLPRI; // hang-up is reported beside any event asked for

    if (cable->peer < 0) {
        return;
    }
    // Before a device is configured what is written to a terminal waits there.
    if (cable->peer_sends && cable->from_peer.count == 0 &&
        (cable->kind != CABLE_PTY || usb_host_configured(cable->host))) {
        events |= POLLIN;
    }
    if (cable->to_peer.count != 0) {
        events |= POLLOUT;
    }
    watch_set_events(cable->peer_watch, events);
    if (throttled != cable->throttled) {
        cable->throttled = throttled;
        usb_host_throttle(cable->host, throttled);
    }
}

// --- Stream ------------------------------------------------------------------------------------

static void stream_closed(struct usb_cable *cable)
{
    if (cable->kind == CABLE_PTY) {
        pty_hung_up(cable);
        return;
    }
    usb_host_open(cable->host, false);
    cable_drop_peer(cable);
}

// False: the peer is gone.
static bool stream_read(struct usb_cable *cable, short revents)
{
    uint8_t data[CABLE_OUT_ROOM];
    ssize_t count = read(cable->peer, data, sizeof(data));

    if (count > 0) {
        cable_append(&cable->from_peer, data, (size_t)count);
        feed_host(cable);
        return true;
    }
    if (count < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    }
    cable->peer_sends = false; // it may still wait for an answer
    return !(revents & POLLHUP);
}

void cable_peer_ready(void *context, int fd, short revents)
{
    struct usb_cable *cable = context;
    bool alive = true;

    (void)fd;
    if (revents & POLLIN && cable->peer_sends && cable->from_peer.count == 0) {
        alive = stream_read(cable, revents);
    } else if (revents & (POLLHUP | POLLERR) && cable->from_peer.count == 0) {
        alive = false;
    }
    if (alive && revents & POLLOUT) {
        alive = cable_feed_peer(cable);
    }
    if (alive && revents & (POLLHUP | POLLERR) && cable->from_peer.count != 0) {
        // Gone, but what it has sent is still to be delivered: ask again when it is.
        watch_set_events(cable->peer_watch, 0);
        return;
    }
    if (alive) {
        cable_update_events(cable);
    } else {
        stream_closed(cable);
    }
}

static void stream_received(void *context, const uint8_t *data, size_t length)
{
    struct usb_cable *cable = context;

    if (cable->peer < 0) {
        return;
    }
    cable_append(&cable->to_peer, data, length);
    if (cable_feed_peer(cable)) {
        cable_update_events(cable);
    } else {
        stream_closed(cable);
    }
}

static void stream_sent(void *context)
{
    struct usb_cable *cable = context;

    feed_host(cable);
    cable_update_events(cable);
}

// Bytes that nobody will read any more would turn the end of the connection into an error.
static void read_away(int fd)
{
    uint8_t data[CABLE_OUT_ROOM];

    for (unsigned i = 0; i < 64 && recv(fd, data, sizeof(data), MSG_DONTWAIT) > 0; i++) {
    }
}

static void socket_link(void *context, bool configured)
{
    struct usb_cable *cable = context;

    if (configured || cable->peer < 0) {
        return;
    }
    usb_host_open(cable->host, false);
    read_away(cable->peer);
    cable_drop_peer(cable);
}

// The connection of one who only looked whether somebody listens is gone before it is accepted.
static bool peer_is_gone(int fd)
{
    struct pollfd descriptor = {.fd = fd, .events = POLLIN};

    return poll(&descriptor, 1, 0) > 0 && descriptor.revents & POLLHUP &&
           recv(fd, &(uint8_t){0}, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

static void listener_ready(void *context, int fd, short revents)
{
    struct usb_cable *cable = context;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)revents;
    if (peer < 0) {
        return;
    }
    if (cable->peer >= 0 || peer_is_gone(peer) ||
        (cable->kind == CABLE_SOCKET && !usb_host_configured(cable->host))) {
        close(peer);
        return;
    }
    if (cable->kind == CABLE_LOCKSTEP) {
        lockstep_accept(cable, peer);
        return;
    }
    if (cable->kind == CABLE_REDIR) {
        redir_accept(cable, peer);
        return;
    }
    cable_set_peer(cable, peer, cable_peer_ready, POLLIN);
    usb_host_open(cable->host, true);
}

// --- Opening and closing ------------------------------------------------------------------------

bool usb_cable_plugged(const char *specification)
{
    return specification == NULL || strcmp(specification, "none") != 0;
}

static bool open_socket(struct usb_cable *cable, const char *path, const char *board_name,
                        char *error, size_t error_size)
{
    if (path != NULL) {
        cable->listener = cable_listen(path, error, error_size);
        if (cable->listener >= 0) {
            snprintf(cable->path, sizeof(cable->path), "%s", path);
        }
    } else {
        cable->listener =
            cable_listen_runtime(board_name, cable->path, sizeof(cable->path), error, error_size);
    }
    if (cable->listener < 0) {
        return false;
    }
    cable->listener_watch =
        machine_watch(cable->machine, cable->listener, POLLIN, listener_ready, cable);
    return true;
}

void cable_attach_stream(struct usb_cable *cable, void (*link)(void *context, bool configured))
{
    struct usb_serial_events events = {
        .context = cable,
        .link = link,
        .received = stream_received,
        .sent = stream_sent,
    };

    usb_host_serial(cable->host, &events);
}

// Cables to a driver elsewhere. False: it is none of them, or `error` is filled.
static bool remote_open(struct usb_cable *cable, const char *specification, char *error,
                        size_t error_size)
{
    static const char redir[] = "usbredir:unix:", usbip[] = "usbip:";

    if (strncmp(specification, redir, strlen(redir)) == 0) {
        cable->kind = CABLE_REDIR;
        if (!open_socket(cable, specification + strlen(redir), NULL, error, error_size)) {
            return false;
        }
        redir_start(cable);
        return true;
    }
    if (strncmp(specification, usbip, strlen(usbip)) == 0) {
        cable->kind = CABLE_USBIP;
        return usbip_open(cable, specification + strlen(usbip), error, error_size);
    }
    snprintf(error, error_size,
             "There is no USB cable \"%s\"; there are unix:PATH, pty, usbredir:unix:PATH, "
             "usbip:[ADDRESS:]PORT, lockstep:PATH and none.",
             specification);
    return false;
}

static bool cable_open(struct usb_cable *cable, const char *specification, const char *board_name,
                       char *error, size_t error_size)
{
    static const char lockstep[] = "lockstep:", unix_socket[] = "unix:";

    if (specification == NULL || strncmp(specification, unix_socket, strlen(unix_socket)) == 0) {
        cable->kind = CABLE_SOCKET;
        cable_attach_stream(cable, socket_link);
        return open_socket(cable,
                           specification == NULL ? NULL : specification + strlen(unix_socket),
                           board_name, error, error_size);
    }
    if (strncmp(specification, lockstep, strlen(lockstep)) == 0) {
        cable->kind = CABLE_LOCKSTEP;
        if (!open_socket(cable, specification + strlen(lockstep), board_name, error, error_size)) {
            return false;
        }
        lockstep_start(cable);
        return true;
    }
    if (strcmp(specification, "pty") == 0) {
        cable->kind = CABLE_PTY;
        return pty_open(cable, error, error_size);
    }
    if (strcmp(specification, "none") == 0) {
        return true;
    }
    return remote_open(cable, specification, error, error_size);
}

struct usb_cable *usb_cable_create(struct machine *machine, struct usb_host *host,
                                   const char *specification, const char *board_name, char *error,
                                   size_t error_size)
{
    struct usb_cable *cable = calloc(1, sizeof(*cable));

    if (cable == NULL) {
        abort();
    }
    cable->machine = machine;
    cable->host = host;
    cable->listener = -1;
    cable->peer = -1;
    cable->master = -1;
    if (!cable_open(cable, specification, board_name, error, error_size)) {
        free(cable);
        return NULL;
    }
    return cable;
}

const char *usb_cable_path(const struct usb_cable *cable)
{
    return cable->path;
}

void usb_cable_close(struct usb_cable *cable)
{
    struct usb_serial_events nothing = {0};

    if (cable->kind == CABLE_REDIR) {
        redir_drop(cable);
        usb_host_take_back(cable->host);
    } else if (cable->kind == CABLE_USBIP) {
        usbip_close(cable);
    }
    usb_host_serial(cable->host, &nothing);
    event_cancel(cable->machine, &cable->pty_poll);
    cable_drop_peer(cable);
    if (cable->listener >= 0) {
        machine_unwatch(cable->machine, cable->listener_watch);
        close(cable->listener);
        unlink(cable->path);
    }
    if (cable->master >= 0) {
        close(cable->master);
    }
    cable_free(&cable->to_peer);
    cable_free(&cable->from_peer);
    cable_free(&cable->out_waiting);
    cable_free(&cable->in_waiting);
    free(cable);
}
