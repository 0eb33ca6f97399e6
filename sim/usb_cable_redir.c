// The usbredir cable: QEMU's `usb-redir` device, or any other usbredir guest, at the end of a
// stream socket. We are the side that has the device (the protocol's usb-host).
//
// From "USB Network Redirection protocol description" 0.7. All integers are little-endian. A peer
// that breaks the protocol loses its connection. Not served: isochronous endpoints (a stream is
// refused), bulk streams, filters and buffered bulk input (not announced).
//
// SPDX-License-Identifier: MIT
#include "sim/usb_cable_parts.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_HEADER_MAX  16u // type, length, id
#define PACKET_HEADER_MIN  12u // the same with an id of 32 bits
#define HELLO_VERSION_SIZE 64u
#define SPEED_FULL         1u
#define ENDPOINT_TABLE     32u
#define TYPE_INVALID       255u

enum capability {
    CAPABILITY_DEVICE_VERSION = 1u << 1,
    CAPABILITY_MAX_PACKET_SIZE = 1u << 4,
    CAPABILITY_LONG_IDS = 1u << 5,
    CAPABILITY_LONG_BULK = 1u << 6,
};

#define CAPABILITIES                                                                               \
    (CAPABILITY_DEVICE_VERSION | CAPABILITY_MAX_PACKET_SIZE | CAPABILITY_LONG_IDS |                \
     CAPABILITY_LONG_BULK)

enum packet_type {
    PACKET_HELLO = 0,
    PACKET_DEVICE_CONNECT = 1,
    PACKET_DEVICE_DISCONNECT = 2,
    PACKET_RESET = 3,
    PACKET_INTERFACE_INFO = 4,
    PACKET_EP_INFO = 5,
    PACKET_SET_CONFIGURATION = 6,
    PACKET_GET_CONFIGURATION = 7,
    PACKET_CONFIGURATION_STATUS = 8,
    PACKET_SET_ALT_SETTING = 9,
    PACKET_GET_ALT_SETTING = 10,
    PACKET_ALT_SETTING_STATUS = 11,
    PACKET_START_ISO_STREAM = 12,
    PACKET_STOP_ISO_STREAM = 13,
    PACKET_ISO_STREAM_STATUS = 14,
    PACKET_START_INTERRUPT = 15,
    PACKET_STOP_INTERRUPT = 16,
    PACKET_INTERRUPT_STATUS = 17,
    PACKET_CANCEL = 21,
    PACKET_CONTROL = 100,
    PACKET_BULK = 101,
    PACKET_ISO = 102,
    PACKET_INTERRUPT = 103,
};

enum status {
    STATUS_SUCCESS = 0,
    STATUS_CANCELLED = 1,
    STATUS_INVAL = 2,
    STATUS_IOERROR = 3,
    STATUS_STALL = 4,
    STATUS_BABBLE = 6,
};

// A request of the peer that became an URB.
struct redir_request {
    struct urb urb; // first: the one is the other
    struct usb_cable *cable;
    enum packet_type type;
    uint64_t id;
    uint8_t header[10]; // of the packet, for the answer
    bool receiving;     // reads an interrupt endpoint until it is told to stop
    bool stopped;       // it was
};

static bool both_have(const struct usb_cable *cable, enum capability capability)
{
    return (cable->redir.capabilities & capability) != 0;
}

// --- To the peer --------------------------------------------------------------------------------

static void complain(struct usb_cable *cable, const char *reason)
{
    fprintf(stderr, "quadlane-board: usbredir connection closed: %s.\n", reason);
    redir_drop(cable);
}

static void put_packet(struct usb_cable *cable, enum packet_type type, uint64_t id,
                       const uint8_t *header, size_t header_size, const uint8_t *data,
                       size_t length)
{
    uint8_t head[PACKET_HEADER_MAX];
    bool long_id = both_have(cable, CAPABILITY_LONG_IDS);

    if (cable->peer < 0) {
        return;
    }
    write_le32(head, type);
    write_le32(head + 4, (uint32_t)(header_size + length));
    write_le32(head + 8, (uint32_t)id);
    write_le32(head + 12, (uint32_t)(id >> 32));
    cable_append(&cable->to_peer, head, long_id ? PACKET_HEADER_MAX : PACKET_HEADER_MIN);
    cable_append(&cable->to_peer, header, header_size);
    cable_append(&cable->to_peer, data, length);
    if (!cable_feed_peer(cable)) {
        redir_drop(cable);
    } else if (cable->to_peer.count > REMOTE_LOST_ROOM) {
        complain(cable, "the peer does not read");
    }
}

static void update_events(struct usb_cable *cable)
{
    if (cable->peer >= 0) {
        watch_set_events(cable->peer_watch, remote_events_wanted(&cable->to_peer));
    }
}

static void put_hello(struct usb_cable *cable)
{
    uint8_t hello[HELLO_VERSION_SIZE + 4] = "quadlane-board " QUADLANE_VERSION;

    write_le32(hello + HELLO_VERSION_SIZE, CAPABILITIES);
    put_packet(cable, PACKET_HELLO, 0, hello, sizeof(hello), NULL, 0);
}

// --- What the device is -------------------------------------------------------------------------

struct endpoint_tables {
    uint8_t packet[3 * ENDPOINT_TABLE + 2 * ENDPOINT_TABLE]; // type, interval, interface, size
};

static void describe_endpoint(void *context, const uint8_t *interface, const uint8_t *endpoint)
{
    struct endpoint_tables *tables = context;
    unsigned index;

    if (endpoint == NULL) {
        return;
    }
    index = (endpoint[2] & 15u) | (endpoint[2] & 0x80u) >> 3;
    tables->packet[index] = endpoint[3] & 3u;
    tables->packet[ENDPOINT_TABLE + index] = endpoint[6];
    tables->packet[2 * ENDPOINT_TABLE + index] = interface[2];
    write_le16(tables->packet + 3 * ENDPOINT_TABLE + 2 * index, read_le16(endpoint + 4));
}

static void put_endpoints(struct usb_cable *cable, const struct remote_view *view)
{
    struct endpoint_tables tables = {0};

    memset(tables.packet, TYPE_INVALID, ENDPOINT_TABLE);
    tables.packet[0] = 0; // the control endpoint's two directions
    tables.packet[16] = 0;
    write_le16(tables.packet + 3 * ENDPOINT_TABLE, view->device[7]);
    write_le16(tables.packet + 3 * ENDPOINT_TABLE + 32, view->device[7]);
    remote_view_walk(view, describe_endpoint, &tables);
    put_packet(cable, PACKET_EP_INFO, 0, tables.packet,
               both_have(cable, CAPABILITY_MAX_PACKET_SIZE) ? 5 * ENDPOINT_TABLE
                                                            : 3 * ENDPOINT_TABLE,
               NULL, 0);
}

struct interface_tables {
    uint32_t count;
    uint8_t number[32], class[32], subclass[32], protocol[32];
};

static void describe_interface(void *context, const uint8_t *interface, const uint8_t *endpoint)
{
    struct interface_tables *tables = context;

    if (endpoint != NULL || tables->count == 32) {
        return;
    }
    tables->number[tables->count] = interface[2];
    tables->class[tables->count] = interface[5];
    tables->subclass[tables->count] = interface[6];
    tables->protocol[tables->count++] = interface[7];
}

static void put_interfaces(struct usb_cable *cable, const struct remote_view *view)
{
    struct interface_tables tables = {0};
    uint8_t packet[4 + 4 * 32];

    remote_view_walk(view, describe_interface, &tables);
    write_le32(packet, tables.count);
    memcpy(packet + 4, tables.number, 32);
    memcpy(packet + 36, tables.class, 32);
    memcpy(packet + 68, tables.subclass, 32);
    memcpy(packet + 100, tables.protocol, 32);
    put_packet(cable, PACKET_INTERFACE_INFO, 0, packet, sizeof(packet), NULL, 0);
}

static void announce(struct usb_cable *cable)
{
    const struct remote_view *view = usb_host_remote_view(cable->host);
    uint8_t connect[10] = {SPEED_FULL};

    if (view == NULL || !cable->redir.greeted || cable->redir.announced) {
        return;
    }
    cable->redir.announced = true;
    put_endpoints(cable, view);
    put_interfaces(cable, view);
    memcpy(connect + 1, view->device + 4, 3); // class, subclass, protocol
    memcpy(connect + 4, view->device + 8, 6); // vendor, product, release
    put_packet(cable, PACKET_DEVICE_CONNECT, 0, connect,
               both_have(cable, CAPABILITY_DEVICE_VERSION) ? 10 : 8, NULL, 0);
    update_events(cable);
}

// --- Answers ------------------------------------------------------------------------------------

static uint8_t status_of(enum urb_status status)
{
    static const uint8_t statuses[] = {
        [URB_OK] = STATUS_SUCCESS,          [URB_STALL] = STATUS_STALL,
        [URB_NO_ANSWER] = STATUS_IOERROR,   [URB_BABBLE] = STATUS_BABBLE,
        [URB_CANCELLED] = STATUS_CANCELLED, [URB_GONE] = STATUS_IOERROR,
        [URB_INVALID] = STATUS_INVAL,
    };

    return statuses[status];
}

static void answer_control(struct redir_request *request)
{
    bool in = (request->header[2] & 0x80) != 0;

    request->header[3] = status_of(request->urb.status);
    write_le16(request->header + 8, (uint32_t)request->urb.actual);
    put_packet(request->cable, PACKET_CONTROL, request->id, request->header, 10, request->urb.data,
               in ? request->urb.actual : 0);
}

static void answer_bulk(struct redir_request *request)
{
    bool in = (request->header[0] & 0x80) != 0;
    bool long_length = both_have(request->cable, CAPABILITY_LONG_BULK);

    request->header[1] = status_of(request->urb.status);
    write_le16(request->header + 2, (uint32_t)request->urb.actual & 0xFFFF);
    write_le16(request->header + 8, (uint32_t)request->urb.actual >> 16);
    put_packet(request->cable, PACKET_BULK, request->id, request->header, long_length ? 10 : 8,
               request->urb.data, in ? request->urb.actual : 0);
}

static void answer_interrupt(struct redir_request *request)
{
    bool in = (request->header[0] & 0x80) != 0;

    request->header[1] = status_of(request->urb.status);
    write_le16(request->header + 2, (uint32_t)request->urb.actual);
    put_packet(request->cable, PACKET_INTERRUPT, request->id, request->header, 4, request->urb.data,
               in ? request->urb.actual : 0);
}

// Descriptors first, so that the peer knows the endpoints when it hears that they are there.
static void put_description(struct usb_cable *cable)
{
    const struct remote_view *view = usb_host_remote_view(cable->host);

    if (view != NULL) {
        put_endpoints(cable, view);
        put_interfaces(cable, view);
    }
}

static void put_configuration_status(struct usb_cable *cable, uint64_t id, uint8_t status)
{
    const struct remote_view *view = usb_host_remote_view(cable->host);
    uint8_t packet[2] = {status, view != NULL ? view->value : 0};

    put_packet(cable, PACKET_CONFIGURATION_STATUS, id, packet, sizeof(packet), NULL, 0);
}

static void put_alternate_status(struct usb_cable *cable, uint64_t id, uint8_t status,
                                 uint8_t interface)
{
    const struct remote_view *view = usb_host_remote_view(cable->host);
    uint8_t packet[3] = {status, interface, 0};

    if (view != NULL && interface < REMOTE_INTERFACES_MAX) {
        packet[2] = view->alternate[interface];
    }
    put_packet(cable, PACKET_ALT_SETTING_STATUS, id, packet, sizeof(packet), NULL, 0);
}

static void put_interrupt_status(struct usb_cable *cable, uint64_t id, uint8_t status,
                                 uint8_t endpoint)
{
    uint8_t packet[2] = {status, endpoint};

    put_packet(cable, PACKET_INTERRUPT_STATUS, id, packet, sizeof(packet), NULL, 0);
}

static void forget(struct redir_request *request)
{
    struct redir_peer *peer = &request->cable->redir;

    if (request->receiving) {
        peer->receiving[request->urb.endpoint & 15] = NULL;
    }
    remote_end(&peer->load, &request->urb);
    free(request);
}

// What an interrupt endpoint sent, or why it is no longer read.
static bool receive_on(struct redir_request *request)
{
    struct usb_cable *cable = request->cable;

    if (request->urb.status == URB_OK) {
        request->id = cable->redir.interrupt_id++;
        answer_interrupt(request);
        if (cable->peer >= 0) {
            usb_host_submit(cable->host, &request->urb);
            return true;
        }
    } else if (!request->stopped) {
        put_interrupt_status(cable, 0, STATUS_STALL, request->urb.endpoint);
    }
    return false;
}

static void answer(struct redir_request *request)
{
    struct usb_cable *cable = request->cable;
    uint8_t status = status_of(request->urb.status);

    switch (request->type) {
    case PACKET_CONTROL:
        answer_control(request);
        break;
    case PACKET_BULK:
        answer_bulk(request);
        break;
    case PACKET_SET_CONFIGURATION:
        if (status == STATUS_SUCCESS) {
            put_description(cable);
        }
        put_configuration_status(cable, request->id, status);
        break;
    case PACKET_SET_ALT_SETTING:
        if (status == STATUS_SUCCESS) {
            put_description(cable);
        }
        put_alternate_status(cable, request->id, status, request->urb.setup[4]);
        break;
    default:
        answer_interrupt(request);
        break;
    }
}

static void finished(void *context, struct urb *urb)
{
    struct usb_cable *cable = context;
    struct redir_request *request = (struct redir_request *)urb;

    if (cable->peer >= 0) {
        if (request->receiving) {
            if (receive_on(request)) {
                update_events(cable);
                return;
            }
        } else {
            answer(request);
        }
        update_events(cable);
    }
    forget(request);
}

// --- Requests -----------------------------------------------------------------------------------

static struct redir_request *new_request(struct usb_cable *cable, enum packet_type type,
                                         uint64_t id, size_t length)
{
    struct redir_request *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        abort();
    }
    remote_begin(&cable->redir.load, &request->urb, length);
    request->cable = cable;
    request->type = type;
    request->id = id;
    request->urb.id = id;
    return request;
}

static void submit_setup(struct usb_cable *cable, enum packet_type type, uint64_t id,
                         const uint8_t setup[8])
{
    struct redir_request *request = new_request(cable, type, id, 0);

    memcpy(request->urb.setup, setup, 8);
    usb_host_submit(cable->host, &request->urb);
}

static const char *take_control(struct usb_cable *cable, uint64_t id, const uint8_t *header,
                                const uint8_t *data, size_t length)
{
    bool in = (header[2] & 0x80) != 0;
    size_t asked = read_le16(header + 8);
    struct redir_request *request;

    if ((header[0] & 0x7F) != 0) {
        return "a control packet for another endpoint than 0";
    }
    if (length != (in ? 0 : asked)) {
        return "a control packet whose length is not that of its data";
    }
    request = new_request(cable, PACKET_CONTROL, id, asked);
    memcpy(request->header, header, 10);
    request->urb.setup[0] = header[2];
    request->urb.setup[1] = header[1];
    memcpy(request->urb.setup + 2, header + 4, 6);
    if (!in && length != 0) {
        memcpy(request->urb.data, data, length);
    }
    usb_host_submit(cable->host, &request->urb);
    return NULL;
}

static const char *take_data(struct usb_cable *cable, enum packet_type type, uint64_t id,
                             const uint8_t *header, size_t asked, const uint8_t *data,
                             size_t length)
{
    bool in = (header[0] & 0x80) != 0;
    struct redir_request *request;

    if ((header[0] & 15) == 0 || (header[0] & 0x70) != 0) {
        return "a data packet for an endpoint that is none";
    }
    if (length != (in ? 0 : asked)) {
        return "a data packet whose length is not that of its data";
    }
    if (asked > URB_LENGTH_MAX) {
        return "a transfer of more than 1 MiB";
    }
    request = new_request(cable, type, id, asked);
    memcpy(request->header, header, type == PACKET_BULK ? 8 : 4);
    request->urb.endpoint = header[0];
    if (!in && length != 0) {
        memcpy(request->urb.data, data, length);
    }
    usb_host_submit(cable->host, &request->urb);
    return NULL;
}

static void find_size(void *context, const uint8_t *interface, const uint8_t *endpoint)
{
    uint16_t *wanted = context; // the endpoint, then its packet size

    (void)interface;
    if (endpoint != NULL && endpoint[2] == wanted[0] && (endpoint[3] & 3) == 3) {
        wanted[1] = read_le16(endpoint + 4) & 0x7FF;
    }
}

static void start_interrupt(struct usb_cable *cable, uint64_t id, uint8_t endpoint)
{
    const struct remote_view *view = usb_host_remote_view(cable->host);
    uint16_t wanted[2] = {endpoint, 0};
    struct redir_request **place = &cable->redir.receiving[endpoint & 15];
    struct redir_request *request;

    if (view != NULL && endpoint & 0x80) {
        remote_view_walk(view, find_size, wanted);
    }
    if (wanted[1] == 0) {
        put_interrupt_status(cable, id, STATUS_INVAL, endpoint);
        return;
    }
    put_interrupt_status(cable, id, STATUS_SUCCESS, endpoint);
    if (*place != NULL || cable->peer < 0) {
        return;
    }
    request = new_request(cable, PACKET_INTERRUPT, 0, wanted[1]);
    request->urb.id = UINT64_MAX - endpoint; // no name of the peer's
    request->urb.endpoint = endpoint;
    request->header[0] = endpoint;
    request->receiving = true;
    *place = request;
    usb_host_submit(cable->host, &request->urb);
}

static void stop_interrupt(struct usb_cable *cable, uint64_t id, uint8_t endpoint)
{
    struct redir_request *request = cable->redir.receiving[endpoint & 15];

    if (request != NULL && request->urb.endpoint == endpoint) {
        request->stopped = true;
        usb_host_cancel(cable->host, request->urb.id);
    }
    put_interrupt_status(cable, id, STATUS_SUCCESS, endpoint);
}

static void refuse_stream(struct usb_cable *cable, uint64_t id, uint8_t endpoint)
{
    uint8_t packet[2] = {STATUS_INVAL, endpoint};

    put_packet(cable, PACKET_ISO_STREAM_STATUS, id, packet, sizeof(packet), NULL, 0);
}

static const char *take_hello(struct usb_cable *cable, const uint8_t *data, size_t length)
{
    uint32_t theirs = length >= HELLO_VERSION_SIZE + 4 ? read_le32(data + HELLO_VERSION_SIZE) : 0;

    if (cable->redir.greeted) {
        return "a second hello";
    }
    machine_trace(cable->machine, "usb", "usbredir: connected to %.64s", (const char *)data);
    cable->redir.greeted = true;
    cable->redir.capabilities = theirs & CAPABILITIES;
    announce(cable);
    return NULL;
}

// --- Packets ------------------------------------------------------------------------------------

struct packet {
    uint32_t type;
    uint64_t id;
    const uint8_t *body; // header of the type, then data
    size_t length;       // of both
};

// Bytes of a type's header; `data` says whether more may follow. -1: not from a peer of ours.
static int header_size(const struct usb_cable *cable, uint32_t type, bool *data)
{
    *data = type == PACKET_HELLO || type >= PACKET_CONTROL;
    switch (type) {
    case PACKET_HELLO:
        return HELLO_VERSION_SIZE;
    case PACKET_RESET:
    case PACKET_GET_CONFIGURATION:
    case PACKET_CANCEL:
        return 0;
    case PACKET_SET_CONFIGURATION:
    case PACKET_GET_ALT_SETTING:
    case PACKET_STOP_ISO_STREAM:
    case PACKET_START_INTERRUPT:
    case PACKET_STOP_INTERRUPT:
        return 1;
    case PACKET_SET_ALT_SETTING:
        return 2;
    case PACKET_START_ISO_STREAM:
        return 3;
    case PACKET_ISO:
    case PACKET_INTERRUPT:
        return 4;
    case PACKET_BULK:
        return both_have(cable, CAPABILITY_LONG_BULK) ? 10 : 8;
    case PACKET_CONTROL:
        return 10;
    default:
        return -1;
    }
}

static const char *take_transfer(struct usb_cable *cable, const struct packet *packet,
                                 size_t header)
{
    const uint8_t *body = packet->body;
    const uint8_t *data = body + header;
    size_t length = packet->length - header;

    switch (packet->type) {
    case PACKET_CONTROL:
        return take_control(cable, packet->id, body, data, length);
    case PACKET_BULK:
        return take_data(cable, PACKET_BULK, packet->id, body,
                         read_le16(body + 2) |
                             (header == 10 ? (size_t)read_le16(body + 8) << 16 : 0),
                         data, length);
    case PACKET_INTERRUPT:
        return take_data(cable, PACKET_INTERRUPT, packet->id, body, read_le16(body + 2), data,
                         length);
    default:
        return NULL; // isochronous: its stream was refused
    }
}

static const char *take_request(struct usb_cable *cable, const struct packet *packet)
{
    const uint8_t *body = packet->body;
    const struct remote_view *view = usb_host_remote_view(cable->host);

    switch (packet->type) {
    case PACKET_RESET:
        usb_host_reset_device(cable->host);
        break;
    case PACKET_CANCEL:
        usb_host_cancel(cable->host, packet->id);
        break;
    case PACKET_SET_CONFIGURATION:
        submit_setup(cable, PACKET_SET_CONFIGURATION, packet->id,
                     (const uint8_t[8]){0x00, 9, body[0]});
        break;
    case PACKET_GET_CONFIGURATION:
        put_configuration_status(cable, packet->id, view != NULL ? STATUS_SUCCESS : STATUS_IOERROR);
        break;
    case PACKET_SET_ALT_SETTING:
        submit_setup(cable, PACKET_SET_ALT_SETTING, packet->id,
                     (const uint8_t[8]){0x01, 11, body[1], 0, body[0]});
        break;
    case PACKET_GET_ALT_SETTING:
        put_alternate_status(cable, packet->id, view != NULL ? STATUS_SUCCESS : STATUS_IOERROR,
                             body[0]);
        break;
    case PACKET_START_INTERRUPT:
        start_interrupt(cable, packet->id, body[0]);
        break;
    case PACKET_STOP_INTERRUPT:
        stop_interrupt(cable, packet->id, body[0]);
        break;
    default:
        refuse_stream(cable, packet->id, body[0]);
        break;
    }
    return NULL;
}

static const char *take_packet(struct usb_cable *cable, const struct packet *packet)
{
    bool data;
    int header = header_size(cable, packet->type, &data);
    const char *fault = remote_load_fault(&cable->redir.load);

    if (fault != NULL) {
        return fault;
    }
    if (packet->type == PACKET_HELLO) {
        return take_hello(cable, packet->body, packet->length);
    }
    return data ? take_transfer(cable, packet, (size_t)header) : take_request(cable, packet);
}

// Looks at the head of a packet before the rest of it has come.
static const char *packet_fault(const struct usb_cable *cable, uint32_t type, size_t length)
{
    bool data;
    int header = header_size(cable, type, &data);

    if (!cable->redir.greeted && type != PACKET_HELLO) {
        return "the first packet is no hello";
    }
    if (header < 0) {
        return "a packet of a type that nobody announced";
    }
    if (length < (size_t)header || (!data && length != (size_t)header) ||
        length > (size_t)header + URB_LENGTH_MAX || (type == PACKET_HELLO && length > 1024)) {
        return "a packet whose length does not fit its type";
    }
    return NULL;
}

static void process(struct usb_cable *cable)
{
    struct cable_bytes *bytes = &cable->from_peer;
    size_t at = 0;

    while (cable->peer >= 0) {
        bool long_id = both_have(cable, CAPABILITY_LONG_IDS);
        size_t head = long_id ? PACKET_HEADER_MAX : PACKET_HEADER_MIN;
        struct packet packet;
        const char *fault;

        if (bytes->count - at < head) {
            break;
        }
        packet.type = read_le32(bytes->data + at);
        packet.length = read_le32(bytes->data + at + 4);
        packet.id = read_le32(bytes->data + at + 8);
        packet.id |= long_id ? (uint64_t)read_le32(bytes->data + at + 12) << 32 : 0;
        packet.body = bytes->data + at + head;
        fault = packet_fault(cable, packet.type, packet.length);
        if (fault == NULL && bytes->count - at - head < packet.length) {
            break;
        }
        if (fault == NULL) {
            fault = take_packet(cable, &packet);
        }
        if (fault != NULL) {
            complain(cable, fault);
            return;
        }
        at += head + packet.length;
    }
    if (cable->peer >= 0) {
        cable_consume(bytes, at);
    }
}

// --- The connection -----------------------------------------------------------------------------

static void peer_ready(void *context, int fd, short revents)
{
    struct usb_cable *cable = context;

    if (revents & POLLOUT && !cable_feed_peer(cable)) {
        redir_drop(cable);
        return;
    }
    if (revents & (POLLIN | POLLHUP | POLLERR)) {
        if (cable_receive(fd, &cable->from_peer)) {
            process(cable);
        } else {
            redir_drop(cable);
        }
    }
    update_events(cable);
}

void redir_accept(struct usb_cable *cable, int fd)
{
    cable->redir = (struct redir_peer){0};
    cable_set_peer(cable, fd, peer_ready, POLLIN);
    put_hello(cable);
    update_events(cable);
}

// The device is left as a fresh one for whoever comes next.
void redir_drop(struct usb_cable *cable)
{
    if (cable->peer < 0) {
        return;
    }
    machine_trace(cable->machine, "usb", "usbredir: connection closed");
    cable_drop_peer(cable);
    usb_host_cancel_all(cable->host);
    if (cable->redir.announced) {
        usb_host_reset_device(cable->host);
    }
    cable->redir.announced = false;
}

static void connected(void *context)
{
    announce(context);
}

static void disconnected(void *context)
{
    struct usb_cable *cable = context;

    if (cable->redir.announced) {
        cable->redir.announced = false;
        put_packet(cable, PACKET_DEVICE_DISCONNECT, 0, NULL, 0, NULL, 0);
        update_events(cable);
    }
}

void redir_start(struct usb_cable *cable)
{
    struct remote_events events = {.context = cable,
                                   .connected = connected,
                                   .disconnected = disconnected,
                                   .finished = finished};

    usb_host_give_away(cable->host, &events);
}
