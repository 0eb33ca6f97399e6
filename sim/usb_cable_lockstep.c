// The lockstep cable: its peer owns the board's time.
//
// From SPEC.md, section 10. Between the peer's `R` and the answer the machine runs; otherwise its
// limit is the present, so that it stands still and only watches its descriptors.
//
// SPDX-License-Identifier: MIT
#include "sim/usb_cable_parts.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define HEADER_SIZE 8u
#define ANSWER_SIZE 16u
#define WAITING_MAX (1024u * 1024u)
#define SETUP_SIZE  8u
#define CONTROL_MAX 8192u

static void lockstep_process(struct usb_cable *cable);

static void write_u64(uint8_t *at, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static void stand_still(struct usb_cable *cable)
{
    machine_set_limit(cable->machine, machine_now_ns(cable->machine), NULL, NULL);
}

static void lockstep_drop(struct usb_cable *cable)
{
    stand_still(cable);
    cable->run_pending = false;
    cable->control_pending = false;
    cable->closing = false;
    cable->out_waiting.count = 0;
    cable->in_waiting.count = 0;
    usb_host_open(cable->host, false);
    cable_drop_peer(cable);
}

static void feed_host(struct usb_cable *cable)
{
    size_t taken = usb_host_send(cable->host, cable->out_waiting.data, cable->out_waiting.count);

    cable_consume(&cable->out_waiting, taken);
    if (cable->out_waiting.count == 0 && cable->closing) {
        cable->closing = false;
        usb_host_open(cable->host, false);
    }
}

static void watch_peer(struct usb_cable *cable)
{
    watch_set_events(cable->peer_watch,
                     (short)(POLLIN | (cable->to_peer.count != 0 ? POLLOUT : 0)));
}

// --- Answer -------------------------------------------------------------------------------------

static void put_answer(struct usb_cable *cable, uint8_t second, const uint8_t *data, size_t length)
{
    uint8_t head[ANSWER_SIZE] = {0};

    stand_still(cable);
    cable->link_told = usb_host_configured(cable->host);
    head[0] = cable->link_told ? 1 : 0;
    head[1] = second;
    write_le32(head + 4, (uint32_t)length);
    write_u64(head + 8, machine_now_ns(cable->machine));
    cable_append(&cable->to_peer, head, sizeof(head));
    cable_append(&cable->to_peer, data, length);
    if (!cable_feed_peer(cable)) {
        lockstep_drop(cable);
        return;
    }
    watch_peer(cable);
}

static void answer(struct usb_cable *cable)
{
    bool idle = usb_host_idle(cable->host) && cable->out_waiting.count == 0;

    cable->run_pending = false;
    put_answer(cable, idle ? 1 : 0, cable->in_waiting.data, cable->in_waiting.count);
    cable->in_waiting.count = 0;
}

// Of a control transfer: the device's bytes, not those of the serial port.
static void control_answer(struct usb_cable *cable, enum usb_transfer_result result,
                           const uint8_t *data, size_t length)
{
    cable->control_pending = false;
    put_answer(cable, (uint8_t)result, data, length);
}

static void control_done(void *context, enum usb_transfer_result result, const uint8_t *data,
                         size_t length)
{
    struct usb_cable *cable = context;

    if (cable->control_pending) { // else its peer has gone
        control_answer(cable, result, data, length);
        lockstep_process(cable);
    }
}

static void control(struct usb_cable *cable, const uint8_t *setup, size_t length)
{
    cable->control_pending = true;
    if (!usb_host_control(cable->host, setup, setup + SETUP_SIZE, length, control_done, cable)) {
        control_answer(cable, USB_TRANSFER_NO_ANSWER, NULL, 0);
        return;
    }
    machine_set_limit(cable->machine, TIME_NEVER, NULL, NULL);
}

static bool something_to_tell(const struct usb_cable *cable)
{
    return cable->in_waiting.count != 0 || usb_host_configured(cable->host) != cable->link_told;
}

static void limit_reached(void *context)
{
    struct usb_cable *cable = context;

    if (cable->run_pending) {
        answer(cable);
        lockstep_process(cable);
    }
}

static void run(struct usb_cable *cable, uint64_t limit_ns)
{
    uint64_t now_ns = machine_now_ns(cable->machine);

    if (limit_ns == 0 || something_to_tell(cable)) {
        answer(cable);
        return;
    }
    cable->run_pending = true;
    machine_set_limit(cable->machine,
                      limit_ns > TIME_NEVER - now_ns ? TIME_NEVER : now_ns + limit_ns,
                      limit_reached, cable);
}

// --- Messages -----------------------------------------------------------------------------------

static void send_out(struct usb_cable *cable, const uint8_t *data, size_t length)
{
    if (usb_host_configured(cable->host)) {
        cable_append(&cable->out_waiting, data, length);
        feed_host(cable);
        if (!cable->closing && usb_host_idle(cable->host)) {
            cable->out_waiting.count = 0; // the port is closed
        }
    }
}

// Why a message is wrong, NULL if it is not.
static const char *message_fault(const struct usb_cable *cable, const uint8_t *head)
{
    uint32_t length = read_le32(head + 4);

    if (head[1] != 0 || head[2] != 0 || head[3] != 0) {
        return "a reserved byte is not 0";
    }
    switch (head[0]) {
    case 'W':
        return length > WAITING_MAX - cable->out_waiting.count ? "more than 1 MiB of OUT bytes wait"
                                                               : NULL;
    case 'R':
        return length != 8 ? "the length of R is not 8" : NULL;
    case 'X':
        return length < SETUP_SIZE || length > SETUP_SIZE + CONTROL_MAX
                   ? "the length of X is not 8 to 8200"
                   : NULL;
    case 'O':
    case 'C':
        return length != 0 ? "O and C have no bytes" : NULL;
    default:
        return "the operation is unknown";
    }
}

static void execute(struct usb_cable *cable, const uint8_t *message)
{
    uint32_t length = read_le32(message + 4);
    const uint8_t *data = message + HEADER_SIZE;

    switch (message[0]) {
    case 'W':
        send_out(cable, data, length);
        break;
    case 'R':
        run(cable, read_le32(data) | (uint64_t)read_le32(data + 4) << 32);
        break;
    case 'X':
        control(cable, data, length - SETUP_SIZE);
        break;
    case 'O':
        cable->closing = false;
        usb_host_open(cable->host, true);
        break;
    default:
        cable->closing = cable->out_waiting.count != 0;
        if (!cable->closing) {
            usb_host_open(cable->host, false);
        }
        break;
    }
}

// Executes what has come, up to a run.
static void lockstep_process(struct usb_cable *cable)
{
    struct cable_bytes *bytes = &cable->from_peer;

    while (cable->peer >= 0 && !cable->run_pending && !cable->control_pending &&
           bytes->count >= HEADER_SIZE) {
        const char *fault = message_fault(cable, bytes->data);
        size_t size = HEADER_SIZE + (size_t)read_le32(bytes->data + 4);

        if (fault != NULL) {
            fprintf(stderr, "quadlane-board: lockstep connection closed: %s.\n", fault);
            lockstep_drop(cable);
            return;
        }
        if (bytes->count < size) {
            return;
        }
        execute(cable, bytes->data);
        if (cable->peer >= 0) {
            cable_consume(bytes, size);
        }
    }
}

static void lockstep_ready(void *context, int fd, short revents)
{
    struct usb_cable *cable = context;

    if (revents & POLLOUT && !cable_feed_peer(cable)) {
        lockstep_drop(cable);
        return;
    }
    if (revents & (POLLIN | POLLHUP | POLLERR)) {
        if (cable_receive(fd, &cable->from_peer)) {
            lockstep_process(cable);
        } else {
            lockstep_drop(cable);
        }
    }
    if (cable->peer >= 0) {
        watch_peer(cable);
    }
}

void lockstep_accept(struct usb_cable *cable, int fd)
{
    cable->run_pending = false;
    cable->control_pending = false;
    cable->link_told = usb_host_configured(cable->host);
    cable->in_waiting.count = 0;
    cable->out_waiting.count = 0;
    cable_set_peer(cable, fd, lockstep_ready, POLLIN);
}

// --- The host's driver ---------------------------------------------------------------------------

static void lockstep_link(void *context, bool configured)
{
    struct usb_cable *cable = context;

    if (!configured) {
        cable->out_waiting.count = 0;
        if (cable->closing) {
            cable->closing = false;
            usb_host_open(cable->host, false);
        }
    }
    if (cable->run_pending) {
        answer(cable);
        lockstep_process(cable);
    }
}

static void lockstep_received(void *context, const uint8_t *data, size_t length)
{
    struct usb_cable *cable = context;

    if (cable->peer < 0) {
        return;
    }
    cable_append(&cable->in_waiting, data, length);
    if (cable->run_pending) {
        answer(cable);
        lockstep_process(cable);
    }
}

static void lockstep_sent(void *context)
{
    feed_host(context);
}

void lockstep_start(struct usb_cable *cable)
{
    struct usb_serial_events events = {
        .context = cable,
        .link = lockstep_link,
        .received = lockstep_received,
        .sent = lockstep_sent,
    };

    usb_host_serial(cable->host, &events);
    stand_still(cable);
}
