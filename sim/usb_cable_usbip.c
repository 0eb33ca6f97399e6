// The USB/IP cable: the board's device exported on a TCP port, for `usbip list` and `usbip attach`
// of a Linux computer. Protocol version 1.1.1.
//
// From "USB/IP protocol" in the documentation of the Linux kernel. All integers are big-endian.
// Each list or attachment is a connection of its own; the one that has attached the device keeps
// it. A peer that breaks the protocol loses its connection, and so does one that asks for
// isochronous transfers: there are none here.
//
// SPDX-License-Identifier: MIT
#include "sim/tcp_socket.h"
#include "sim/usb_cable_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define VERSION         0x0111u
#define OP_REQ_DEVLIST  0x8005u
#define OP_REP_DEVLIST  0x0005u
#define OP_REQ_IMPORT   0x8003u
#define OP_REP_IMPORT   0x0003u
#define OP_SIZE         8u
#define BUSID_SIZE      32u
#define DEVICE_SIZE     312u
#define INTERFACES_SIZE (4u * REMOTE_INTERFACES_MAX)
#define SPEED_FULL      2u

#define CMD_SUBMIT    1u
#define CMD_UNLINK    2u
#define RET_SUBMIT    3u
#define RET_UNLINK    4u
#define URB_SIZE      48u
#define NO_PACKETS    0xFFFFFFFFu // number_of_packets of a transfer that is not isochronous
#define FLAG_NO_SHORT 0x01u       // transfer_flags: a short answer is an error
#define FLAG_EMPTY    0x40u       // a packet without bytes behind a last one that is full

#define PEERS_MAX 8u

enum op_status { ST_OK = 0, ST_NA = 1, ST_DEV_BUSY = 2, ST_NODEV = 4 };

static const char bus_id[] = "1-1";

struct usbip_peer {
    struct usbip *usbip;
    int fd; // -1: dropped, to be freed
    struct watch *watch;
    bool attached;
    bool unlinking; // what is cancelled now is answered by that alone
    struct remote_load load;
    struct cable_bytes in, out;
    struct usbip_peer *next;
};

struct usbip {
    struct usb_cable *cable;
    int listener;
    struct watch *watch;
    struct usbip_peer *peers;
    struct usbip_peer *owner; // has attached the device
    unsigned count;
};

struct usbip_request {
    struct urb urb; // first: the one is the other
    struct usbip_peer *peer;
    uint32_t sequence;
    bool in;
    bool no_short;
};

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t read_u16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static void write_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void write_u32(uint8_t *at, uint32_t value)
{
    write_u16(at, value >> 16);
    write_u16(at + 2, value);
}

// --- Peers --------------------------------------------------------------------------------------

// The storage goes with the next round of the list.
static void drop(struct usbip_peer *peer)
{
    struct usbip *usbip = peer->usbip;
    struct usb_cable *cable = usbip->cable;

    if (peer->fd < 0) {
        return;
    }
    machine_unwatch(cable->machine, peer->watch);
    close(peer->fd);
    peer->fd = -1;
    if (usbip->owner == peer) {
        machine_trace(cable->machine, "usb", "usbip: detached");
        usb_host_cancel_all(cable->host); // its requests
        usbip->owner = NULL;
        usb_host_reset_device(cable->host); // a fresh device for whoever comes next
    }
}

static void complain(struct usbip_peer *peer, const char *reason)
{
    fprintf(stderr, "quadlane-board: USB/IP connection closed: %s.\n", reason);
    drop(peer);
}

static void sweep(struct usbip *usbip)
{
    struct usbip_peer **link = &usbip->peers;

    while (*link != NULL) {
        struct usbip_peer *peer = *link;

        if (peer->fd >= 0) {
            link = &peer->next;
            continue;
        }
        *link = peer->next;
        usbip->count--;
        cable_free(&peer->in);
        cable_free(&peer->out);
        free(peer);
    }
}

static void update_events(struct usbip_peer *peer)
{
    if (peer->fd >= 0) {
        watch_set_events(peer->watch, remote_events_wanted(&peer->out));
    }
}

static void flush(struct usbip_peer *peer)
{
    if (peer->fd >= 0 && !cable_send(peer->fd, &peer->out, false)) {
        drop(peer);
    }
    if (peer->fd >= 0 && peer->out.count > REMOTE_LOST_ROOM) {
        complain(peer, "the peer does not read");
    }
    update_events(peer);
}

// --- Lists and attachment -----------------------------------------------------------------------

static void put_op(struct usbip_peer *peer, uint32_t code, uint32_t status)
{
    uint8_t op[OP_SIZE];

    write_u16(op, VERSION);
    write_u16(op + 2, code);
    write_u32(op + 4, status);
    cable_append(&peer->out, op, sizeof(op));
}

struct interface_list {
    uint8_t bytes[INTERFACES_SIZE];
    size_t count;
};

static void list_interface(void *context, const uint8_t *interface, const uint8_t *endpoint)
{
    struct interface_list *list = context;

    if (endpoint == NULL && list->count < REMOTE_INTERFACES_MAX) {
        memcpy(list->bytes + 4 * list->count++, interface + 5, 3); // class, subclass, protocol
    }
}

static void put_device(struct usbip_peer *peer, const struct remote_view *view,
                       const struct interface_list *interfaces)
{
    uint8_t device[DEVICE_SIZE] = {0};
    const uint8_t *descriptor = view->device;

    snprintf((char *)device, 256, "/sys/devices/quadlane-board/usb1/%s", bus_id);
    memcpy(device + 256, bus_id, sizeof(bus_id));
    write_u32(device + 288, 1); // bus
    write_u32(device + 292, view->address);
    write_u32(device + 296, SPEED_FULL);
    for (unsigned i = 0; i < 3; i++) { // vendor, product, release
        write_u16(device + 300 + 2 * i,
                  descriptor[8 + 2 * i] | (uint32_t)descriptor[9 + 2 * i] << 8);
    }
    memcpy(device + 306, descriptor + 4, 3); // class, subclass, protocol
    device[309] = view->value;
    device[310] = descriptor[17]; // bNumConfigurations
    device[311] = (uint8_t)interfaces->count;
    cable_append(&peer->out, device, sizeof(device));
}

static void list_devices(struct usbip_peer *peer)
{
    struct usbip *usbip = peer->usbip;
    const struct remote_view *view = usb_host_remote_view(usbip->cable->host);
    struct interface_list interfaces = {0};
    bool shown = view != NULL && usbip->owner == NULL;
    uint8_t count[4] = {0, 0, 0, shown ? 1 : 0};

    put_op(peer, OP_REP_DEVLIST, ST_OK);
    cable_append(&peer->out, count, sizeof(count));
    if (shown) {
        remote_view_walk(view, list_interface, &interfaces);
        put_device(peer, view, &interfaces);
        cable_append(&peer->out, interfaces.bytes, 4 * interfaces.count);
    }
}

static void attach(struct usbip_peer *peer, const uint8_t wanted[BUSID_SIZE])
{
    struct usbip *usbip = peer->usbip;
    const struct remote_view *view = usb_host_remote_view(usbip->cable->host);
    struct interface_list interfaces = {0};

    if (view == NULL || memcmp(wanted, bus_id, sizeof(bus_id)) != 0) {
        put_op(peer, OP_REP_IMPORT, ST_NODEV);
    } else if (usbip->owner != NULL) {
        put_op(peer, OP_REP_IMPORT, ST_DEV_BUSY);
    } else {
        machine_trace(usbip->cable->machine, "usb", "usbip: attached");
        remote_view_walk(view, list_interface, &interfaces);
        put_op(peer, OP_REP_IMPORT, ST_OK);
        put_device(peer, view, &interfaces);
        peer->attached = true;
        usbip->owner = peer;
    }
}

// Returns what it took of the bytes, 0: more are needed.
static size_t take_op(struct usbip_peer *peer, const uint8_t *bytes, size_t count)
{
    if (count < OP_SIZE) {
        return 0;
    }
    if (read_u16(bytes) != VERSION) {
        complain(peer, "its protocol version is not 1.1.1");
        return 0;
    }
    if (read_u16(bytes + 2) == OP_REQ_DEVLIST) {
        list_devices(peer);
        return OP_SIZE;
    }
    if (read_u16(bytes + 2) != OP_REQ_IMPORT) {
        complain(peer, "neither a list nor an attachment was asked for");
        return 0;
    }
    if (count < OP_SIZE + BUSID_SIZE) {
        return 0;
    }
    attach(peer, bytes + OP_SIZE);
    return OP_SIZE + BUSID_SIZE;
}

// --- Requests -----------------------------------------------------------------------------------

// Linux's error numbers, negative, as they go over the wire.
static uint32_t status_of(const struct usbip_request *request)
{
    static const int statuses[] = {
        [URB_OK] = 0,
        [URB_STALL] = -32 /* EPIPE */,
        [URB_NO_ANSWER] = -71 /* EPROTO */,
        [URB_BABBLE] = -75 /* EOVERFLOW */,
        [URB_CANCELLED] = -104 /* ECONNRESET */,
        [URB_GONE] = -108 /* ESHUTDOWN */,
        [URB_INVALID] = -22 /* EINVAL */,
    };
    const struct urb *urb = &request->urb;

    if (urb->status == URB_OK && request->in && request->no_short && urb->actual < urb->length) {
        return (uint32_t)-121; // EREMOTEIO
    }
    return (uint32_t)statuses[urb->status];
}

static void put_return(struct usbip_peer *peer, uint32_t command, uint32_t sequence,
                       uint32_t status, uint32_t actual)
{
    uint8_t head[URB_SIZE] = {0};

    write_u32(head, command);
    write_u32(head + 4, sequence);
    write_u32(head + 20, status);
    write_u32(head + 24, actual);
    if (command == RET_SUBMIT) {
        write_u32(head + 32, NO_PACKETS);
    }
    cable_append(&peer->out, head, sizeof(head));
}

static void finished(void *context, struct urb *urb)
{
    struct usbip_request *request = (struct usbip_request *)urb;
    struct usbip_peer *peer = request->peer;

    (void)context;
    if (peer->fd >= 0) {
        if (!peer->unlinking) {
            put_return(peer, RET_SUBMIT, request->sequence, status_of(request),
                       (uint32_t)urb->actual);
            if (request->in) {
                cable_append(&peer->out, urb->data, urb->actual);
            }
        }
        flush(peer);
    }
    remote_end(&peer->load, urb);
    free(request);
}

static void submit(struct usbip_peer *peer, const uint8_t *head, size_t length)
{
    struct usbip_request *request = calloc(1, sizeof(*request));
    bool in = read_u32(head + 12) != 0;
    uint32_t endpoint = read_u32(head + 16);
    uint32_t flags = read_u32(head + 20);

    if (request == NULL) {
        abort();
    }
    remote_begin(&peer->load, &request->urb, length);
    request->peer = peer;
    request->sequence = read_u32(head + 4);
    request->in = in;
    request->no_short = (flags & FLAG_NO_SHORT) != 0;
    request->urb.id = request->sequence;
    request->urb.endpoint = (uint8_t)(endpoint | (in && endpoint != 0 ? URB_DIRECTION_IN : 0));
    request->urb.end_with_empty = !in && (flags & FLAG_EMPTY) != 0;
    memcpy(request->urb.setup, head + 40, 8);
    if (!in && length != 0) {
        memcpy(request->urb.data, head + URB_SIZE, length);
    }
    usb_host_submit(peer->usbip->cable->host, &request->urb);
}

static void unlink_urb(struct usbip_peer *peer, const uint8_t *head)
{
    bool found;

    peer->unlinking = true;
    found = usb_host_cancel(peer->usbip->cable->host, read_u32(head + 20));
    peer->unlinking = false;
    if (peer->fd >= 0) {
        put_return(peer, RET_UNLINK, read_u32(head + 4), found ? (uint32_t)-104 : 0, 0);
    }
}

static const char *submit_fault(const struct usbip_peer *peer, const uint8_t *head)
{
    uint32_t packets = read_u32(head + 32);
    uint32_t length = read_u32(head + 24);
    bool in = read_u32(head + 12) != 0;

    if (read_u32(head + 16) > 15) {
        return "a request for an endpoint above 15";
    }
    if (packets != 0 && packets != NO_PACKETS) {
        return "isochronous transfers are not modelled";
    }
    if (length > URB_LENGTH_MAX) {
        return "a transfer of more than 1 MiB";
    }
    if (read_u32(head + 16) == 0 && (head[46] | head[47]) != 0 && in != ((head[40] & 0x80) != 0)) {
        return "a control request whose direction is not that of its SETUP packet";
    }
    return remote_load_fault(&peer->load);
}

// As take_op, for a peer that has attached the device.
static size_t take_command(struct usbip_peer *peer, const uint8_t *bytes, size_t count)
{
    const char *fault;
    size_t length;

    if (count < URB_SIZE) {
        return 0;
    }
    if (read_u32(bytes) == CMD_UNLINK) {
        unlink_urb(peer, bytes);
        return URB_SIZE;
    }
    if (read_u32(bytes) != CMD_SUBMIT) {
        complain(peer, "neither a request nor an unlinking");
        return 0;
    }
    fault = submit_fault(peer, bytes);
    if (fault != NULL) {
        complain(peer, fault);
        return 0;
    }
    length = read_u32(bytes + 24);
    if (read_u32(bytes + 12) != 0) { // IN: the bytes come from the device
        submit(peer, bytes, length);
        return URB_SIZE;
    }
    if (count < URB_SIZE + length) {
        return 0;
    }
    submit(peer, bytes, length);
    return URB_SIZE + length;
}

// --- Connections --------------------------------------------------------------------------------

static void process(struct usbip_peer *peer)
{
    size_t at = 0;

    while (peer->fd >= 0) {
        const uint8_t *bytes = peer->in.data + at;
        size_t count = peer->in.count - at;
        size_t taken =
            peer->attached ? take_command(peer, bytes, count) : take_op(peer, bytes, count);

        if (taken == 0) {
            break;
        }
        at += taken;
    }
    cable_consume(&peer->in, at);
    flush(peer);
}

static void peer_ready(void *context, int fd, short revents)
{
    struct usbip_peer *peer = context;

    if (revents & POLLOUT) {
        flush(peer);
    }
    if (peer->fd >= 0 && revents & (POLLIN | POLLHUP | POLLERR)) {
        if (cable_receive(fd, &peer->in)) {
            process(peer);
        } else {
            drop(peer);
        }
    }
    update_events(peer);
}

static void listener_ready(void *context, int fd, short revents)
{
    struct usbip *usbip = context;
    int connection = tcp_accept(fd);
    struct usbip_peer *peer;

    (void)revents;
    if (connection < 0) {
        return;
    }
    sweep(usbip);
    if (usbip->count == PEERS_MAX) {
        close(connection);
        return;
    }
    peer = calloc(1, sizeof(*peer));
    if (peer == NULL) {
        abort();
    }
    peer->usbip = usbip;
    peer->fd = connection;
    peer->watch = machine_watch(usbip->cable->machine, connection, POLLIN, peer_ready, peer);
    peer->next = usbip->peers;
    usbip->peers = peer;
    usbip->count++;
}

static void connected(void *context)
{
    (void)context; // it shows in the next list
}

// Linux detaches a device whose connection ends.
static void disconnected(void *context)
{
    struct usbip *usbip = context;

    if (usbip->owner != NULL) {
        drop(usbip->owner);
    }
}

// --- Opening and closing ------------------------------------------------------------------------

bool usbip_open(struct usb_cable *cable, const char *where, char *error, size_t error_size)
{
    struct usbip *usbip = calloc(1, sizeof(*usbip));
    struct remote_events events = {.context = usbip,
                                   .connected = connected,
                                   .disconnected = disconnected,
                                   .finished = finished};
    struct sockaddr_in address;
    char text[INET_ADDRSTRLEN];

    if (usbip == NULL) {
        abort();
    }
    if (!tcp_parse(where, &address)) {
        snprintf(error, error_size, "usbip: takes [ADDRESS:]PORT, not \"%s\".", where);
        free(usbip);
        return false;
    }
    usbip->cable = cable;
    usbip->listener = tcp_listen(&address);
    if (usbip->listener < 0) {
        snprintf(error, error_size, "usbip: %s cannot be used: %s.", where, strerror(errno));
        free(usbip);
        return false;
    }
    inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
    snprintf(cable->path, sizeof(cable->path), "%s:%u", text, ntohs(address.sin_port));
    fprintf(stderr, "quadlane-board: USB/IP is on %s\n", cable->path);
    usbip->watch = machine_watch(cable->machine, usbip->listener, POLLIN, listener_ready, usbip);
    cable->usbip = usbip;
    usb_host_give_away(cable->host, &events);
    return true;
}

void usbip_close(struct usb_cable *cable)
{
    struct usbip *usbip = cable->usbip;

    for (struct usbip_peer *peer = usbip->peers; peer != NULL; peer = peer->next) {
        drop(peer);
    }
    sweep(usbip);
    machine_unwatch(cable->machine, usbip->watch);
    close(usbip->listener);
    usb_host_take_back(cable->host);
    free(usbip);
    cable->usbip = NULL;
}
