// The host's CDC-ACM driver: what Linux's cdc_acm sends when a port appears, is opened, written and
// closed.
//
// From the behaviour of cdc_acm in Linux 6.1: line coding 9600 8N1 when the port appears, DTR and
// RTS on open, off behind the last byte on close; bulk IN wanted all the time while open; writes go
// out in packets of wMaxPacketSize without an empty one behind; a halted endpoint is cleared.
//
// SPDX-License-Identifier: MIT
#include "sim/usb_host_parts.h"

#include <string.h>

#define SET_LINE_CODING        0x20
#define SET_CONTROL_LINE_STATE 0x22
#define CLEAR_FEATURE          1
#define DTR_RTS                3
#define CAPABILITY_LINE        2 // line coding, control line state, serial state
#define PROBE_RATE             9600u
#define DRAIN_LIMIT_NS         (30 * NS_PER_S)

// --- Requests -----------------------------------------------------------------------------------

static void class_request_done(struct usb_host *host, enum control_result result, size_t length)
{
    const uint8_t *setup = host->control.request.setup;

    (void)length;
    if (result == CONTROL_STALL && host->acm.capabilities & CAPABILITY_LINE) {
        host_violation(host,
                       "request %02X stalled, but the ACM descriptor's bmCapabilities announce it "
                       "(PSTN 1.2, 5.3.2)",
                       setup[1]);
    } else if (result == CONTROL_ERROR || result == CONTROL_TIMEOUT) {
        machine_trace(host->machine, "usb", "host: class request %02X failed", setup[1]);
    }
}

static void send_line_coding(struct usb_host *host, uint32_t rate,
                             void (*done)(struct usb_host *, enum control_result, size_t))
{
    struct usb_request request = {
        .setup = {0x21, SET_LINE_CODING, 0, 0, host->acm.control_interface, 0, 7, 0},
        .data = {(uint8_t)rate, (uint8_t)(rate >> 8), (uint8_t)(rate >> 16), (uint8_t)(rate >> 24),
                 0, 0, 8},
        .done = done,
    };

    host->line_rate = rate;
    control_submit(host, &request);
}

static void send_lines(struct usb_host *host, uint8_t lines)
{
    struct usb_request request = {
        .setup = {0x21, SET_CONTROL_LINE_STATE, lines, 0, host->acm.control_interface, 0, 0, 0},
        .done = class_request_done,
    };

    control_submit(host, &request);
}

// --- Open and close -----------------------------------------------------------------------------

static void reset_pipe(struct data_pipe *pipe)
{
    pipe->naked = false;
    pipe->due = false;
    pipe->errors = 0;
}

static void port_open(struct usb_host *host)
{
    machine_trace(host->machine, "usb", "host: port opened");
    event_cancel(host->machine, &host->drain_timer);
    host->acm_state = ACM_OPEN;
    host->notification_length = 0;
    reset_pipe(&host->acm.notify);
    reset_pipe(&host->acm.in);
    reset_pipe(&host->acm.out);
    send_lines(host, DTR_RTS);
    if (host->line_rate != host->wanted_rate) {
        send_line_coding(host, host->wanted_rate, class_request_done);
    }
    wire_kick(host);
}

static void port_closed(struct usb_host *host)
{
    machine_trace(host->machine, "usb", "host: port closed");
    event_cancel(host->machine, &host->drain_timer);
    host->acm_state = ACM_CLOSED;
    host->out_count = 0;
    send_lines(host, 0);
}

static void drain_timed_out(void *context)
{
    port_closed(context);
}

// Brings the port to where the cable wants it.
static void port_follow(struct usb_host *host)
{
    if (!host->configured) {
        return;
    }
    if (host->wanted_open && host->acm_state != ACM_OPEN) {
        port_open(host);
    } else if (!host->wanted_open && host->acm_state == ACM_OPEN) {
        if (host->out_count == 0) {
            port_closed(host);
        } else {
            host->acm_state = ACM_DRAINING;
            event_arm_in(host->machine, &host->drain_timer, DRAIN_LIMIT_NS);
        }
    }
}

void usb_host_rate(struct usb_host *host, uint32_t rate)
{
    host->wanted_rate = rate;
    if (host->configured && host->acm_state == ACM_OPEN && host->line_rate != rate) {
        send_line_coding(host, rate, class_request_done);
    }
}

static void probe_done(struct usb_host *host, enum control_result result, size_t length)
{
    class_request_done(host, result, length);
    if (host->configured) {
        return;
    }
    host->configured = true;
    machine_trace(host->machine, "usb", "host: serial port ready, serial number %s",
                  host->identity.serial_number);
    if (host->events.link != NULL) {
        host->events.link(host->events.context, true);
    }
    port_follow(host);
}

void acm_gone(struct usb_host *host)
{
    bool was_configured = host->configured;

    event_cancel(host->machine, &host->drain_timer);
    host->configured = false;
    host->acm_state = ACM_CLOSED;
    pipes_remove_all(host);
    host->acm = (struct acm_function){0};
    host->out_head = 0;
    host->out_count = 0;
    host->out_refused = false;
    if (was_configured && host->events.link != NULL) {
        host->events.link(host->events.context, false);
    }
}

void acm_init(struct usb_host *host)
{
    host->drain_timer =
        (struct event){.fire = drain_timed_out, .context = host, .name = "USB serial drain"};
}

// --- Data ---------------------------------------------------------------------------------------

static bool in_wanted(const struct usb_host *host, const struct data_pipe *pipe)
{
    (void)pipe;
    return host->acm_state != ACM_CLOSED && !host->throttled && !control_busy(host);
}

static bool out_wanted(const struct usb_host *host, const struct data_pipe *pipe)
{
    (void)pipe;
    return host->acm_state != ACM_CLOSED && host->out_count != 0 && !control_busy(host);
}

static bool notify_wanted(const struct usb_host *host, const struct data_pipe *pipe)
{
    (void)pipe;
    return host->acm_state == ACM_OPEN;
}

static size_t next_packet(struct usb_host *host, struct data_pipe *pipe, uint8_t *packet)
{
    size_t length = host->out_count;

    if (length > pipe->max_packet) {
        length = pipe->max_packet;
    }
    for (size_t i = 0; i < length; i++) {
        packet[i] = host->out_queue[(host->out_head + i) % OUT_QUEUE_SIZE];
    }
    return length;
}

static void packet_sent(struct usb_host *host, struct data_pipe *pipe, size_t length)
{
    (void)pipe;
    host->out_bytes += length;
    host->out_head = (host->out_head + length) % OUT_QUEUE_SIZE;
    host->out_count -= length < host->out_count ? length : host->out_count;
    if (host->out_count == 0 && host->acm_state == ACM_DRAINING) {
        port_closed(host);
    }
    if (host->out_refused && host->out_count <= OUT_QUEUE_SIZE / 2) {
        host->out_refused = false;
        if (host->events.sent != NULL) {
            host->events.sent(host->events.context);
        }
    }
}

static void packet_received(struct usb_host *host, struct data_pipe *pipe, const uint8_t *data,
                            size_t length)
{
    (void)pipe;
    host->in_bytes += length;
    if (host->acm_state == ACM_OPEN && length != 0 && host->events.received != NULL) {
        host->events.received(host->events.context, data, length);
    }
}

// Notifications may be cut into packets; nothing here depends on what they say, only on their form.
static void notified(struct usb_host *host, struct data_pipe *pipe, const uint8_t *data,
                     size_t length)
{
    const uint8_t *kept = host->notification;
    size_t whole;

    if (length > sizeof(host->notification) - host->notification_length) {
        host->notification_length = 0;
    }
    memcpy(host->notification + host->notification_length, data, length);
    host->notification_length += length;
    if (host->notification_length < 8) {
        if (length < pipe->max_packet && length != 0) {
            host_violation(host, "notification of %zu bytes, its header alone has 8 (CDC 1.2, 6.3)",
                           host->notification_length);
            host->notification_length = 0;
        }
        return;
    }
    whole = 8 + (kept[6] | (size_t)kept[7] << 8);
    if (kept[0] != 0xA1 || whole > sizeof(host->notification) ||
        host->notification_length > whole) {
        host_violation(host, "notification %02X %02X with wLength %u in %zu bytes (CDC 1.2, 6.3)",
                       kept[0], kept[1], kept[6] | kept[7] << 8, host->notification_length);
        host->notification_length = 0;
    } else if (host->notification_length == whole) {
        host->notification_length = 0;
    }
}

static void halt_cleared(struct usb_host *host, enum control_result result, size_t length)
{
    struct data_pipe *pipes[] = {&host->acm.notify, &host->acm.in, &host->acm.out};
    const uint8_t *setup = host->control.request.setup;

    (void)length;
    for (size_t i = 0; i < 3; i++) {
        uint8_t address = (uint8_t)(pipes[i]->endpoint | (i < 2 ? 0x80 : 0));

        if (address != setup[4]) {
            continue;
        }
        pipes[i]->halted = false;
        pipes[i]->data1 = false;
        if (result == CONTROL_STALL) {
            host_violation(host, "CLEAR_FEATURE(ENDPOINT_HALT) of %02X stalled (USB 2.0, 9.4.5)",
                           address);
        }
    }
}

static void halted(struct usb_host *host, struct data_pipe *pipe)
{
    uint8_t address = (uint8_t)(pipe->endpoint | (pipe->in ? 0x80 : 0));
    struct usb_request request = {.setup = {0x02, CLEAR_FEATURE, 0, 0, address, 0, 0, 0},
                                  .done = halt_cleared};

    machine_trace(host->machine, "usb", "host: endpoint %02X halted", address);
    pipe->halted = true;
    control_submit(host, &request);
}

static const struct pipe_user notify_user = {
    .wanted = notify_wanted, .received = notified, .halted = halted, .failed = pipe_pause};
static const struct pipe_user in_user = {
    .wanted = in_wanted, .received = packet_received, .halted = halted, .failed = pipe_pause};
static const struct pipe_user out_user = {.wanted = out_wanted,
                                          .next_packet = next_packet,
                                          .sent = packet_sent,
                                          .halted = halted,
                                          .failed = pipe_pause};

void acm_probe(struct usb_host *host)
{
    if (!host->acm.present) {
        machine_trace(host->machine, "usb", "host: the device has no serial port");
        return;
    }
    pipe_add(host, &host->acm.notify, &notify_user);
    pipe_add(host, &host->acm.in, &in_user);
    pipe_add(host, &host->acm.out, &out_user);
    send_line_coding(host, PROBE_RATE, probe_done);
}

// --- Face ---------------------------------------------------------------------------------------

void usb_host_serial(struct usb_host *host, const struct usb_serial_events *events)
{
    host->events = *events;
}

void usb_host_open(struct usb_host *host, bool open)
{
    host->wanted_open = open;
    port_follow(host);
}

void usb_host_throttle(struct usb_host *host, bool throttled)
{
    host->throttled = throttled;
    if (!throttled) {
        wire_kick(host);
    }
}

size_t usb_host_send(struct usb_host *host, const uint8_t *data, size_t length)
{
    size_t room = OUT_QUEUE_SIZE - host->out_count;
    size_t taken = length < room ? length : room;

    if (!host->configured || host->acm_state != ACM_OPEN) {
        return 0;
    }
    for (size_t i = 0; i < taken; i++) {
        host->out_queue[(host->out_head + host->out_count + i) % OUT_QUEUE_SIZE] = data[i];
    }
    host->out_count += taken;
    host->out_refused = taken < length;
    wire_kick(host);
    return taken;
}

bool usb_host_configured(const struct usb_host *host)
{
    return host->configured;
}

bool usb_host_idle(const struct usb_host *host)
{
    return host->out_count == 0;
}
