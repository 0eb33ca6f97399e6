// The host controller: frames of 1 ms at 12 Mbit/s, transactions on them, control transfers.
//
// From USB 2.0 chapters 5 (bus time of a transaction: 13 bytes beside its data), 8 (packets,
// handshakes, toggles) and 9 (control transfers); order like an xHCI's: periodic first, then
// control and bulk in turn. A refused transaction costs its time on the wire. When all that is
// pending was refused, nobody asks again until the device says that it could answer otherwise:
// asking in between changes nothing but the speed of the simulation; the answer comes when the poll
// would have come.
//
// SPDX-License-Identifier: MIT
#include "sim/usb_host_parts.h"

#include <inttypes.h>
#include <string.h>

#define FRAME_NS         NS_PER_MS
#define BITS_TRANSACTION 104u // token, packet overhead, handshake, turn-around times
#define BITS_REFUSED_IN  70u  // token, handshake, turn-around
#define BITS_SILENT_IN   60u  // token, 18 bit times without an answer
#define BITS_SOF         40u
#define BITS_END_GUARD   19u
#define RETRIES          3u
#define ERROR_PAUSE_NS   (100 * NS_PER_MS)
#define CONTROL_LIMIT_NS (5 * NS_PER_S)
#define TURN_CONTROL     0u

static uint64_t bits_ns(uint64_t bits)
{
    return (bits * 1000 + 11) / 12;
}

static bool control_in(const struct control_pipe *control)
{
    return (control->request.setup[0] & 0x80) != 0;
}

static size_t control_asked(const struct control_pipe *control)
{
    return control->request.setup[6] | (size_t)control->request.setup[7] << 8;
}

// --- Control transfers --------------------------------------------------------------------------

static void control_start(struct usb_host *host)
{
    struct control_pipe *control = &host->control;

    if (control->stage != CONTROL_IDLE || control->queued == 0) {
        return;
    }
    control->request = control->queue[0];
    control->queued--;
    memmove(control->queue, control->queue + 1, control->queued * sizeof(control->queue[0]));
    control->stage = CONTROL_SETUP;
    control->length = 0;
    control->errors = 0;
    control->naked = false;
    if (!control->request.patient) {
        event_arm_in(host->machine, &control->timeout, CONTROL_LIMIT_NS);
    }
    wire_kick(host);
}

// Its transaction on the wire, if any, ends without effect.
static void forget_control_transaction(struct usb_host *host)
{
    if (host->wire.pipe == NULL) {
        host->wire.kind = WIRE_IDLE;
    }
}

static void control_finish(struct usb_host *host, enum control_result result)
{
    struct control_pipe *control = &host->control;
    void (*done)(struct usb_host *, enum control_result, size_t) = control->request.done;
    const uint8_t *setup = control->request.setup;

    machine_trace(host->machine, "usb", "control %02X %02X value %02X%02X index %02X%02X: %s, %zu",
                  setup[0], setup[1], setup[3], setup[2], setup[5], setup[4],
                  result == CONTROL_OK      ? "ok"
                  : result == CONTROL_STALL ? "STALL"
                  : result == CONTROL_ERROR ? "no answer"
                                            : "time-out",
                  control->length);
    event_cancel(host->machine, &control->timeout);
    control->stage = CONTROL_IDLE;
    if (done != NULL) {
        done(host, result, control->length);
    }
    control_start(host);
}

static void control_timed_out(void *context)
{
    struct usb_host *host = context;

    forget_control_transaction(host);
    control_finish(host, CONTROL_TIMEOUT);
}

void control_submit(struct usb_host *host, const struct usb_request *request)
{
    struct control_pipe *control = &host->control;

    if (control->queued == CONTROL_QUEUE_MAX) {
        return; // the oldest ones win; nobody here queues more than four
    }
    control->queue[control->queued++] = *request;
    control_start(host);
}

void control_cancel_all(struct usb_host *host)
{
    forget_control_transaction(host);
    event_cancel(host->machine, &host->control.timeout);
    host->control.stage = CONTROL_IDLE;
    host->control.queued = 0;
}

void control_cancel(struct usb_host *host,
                    void (*done)(struct usb_host *, enum control_result, size_t))
{
    if (host->control.stage == CONTROL_IDLE || host->control.request.done != done) {
        return;
    }
    forget_control_transaction(host);
    event_cancel(host->machine, &host->control.timeout);
    host->control.stage = CONTROL_IDLE;
    control_start(host);
}

bool control_busy(const struct usb_host *host)
{
    return host->control.stage != CONTROL_IDLE || host->control.queued != 0;
}

void control_init(struct usb_host *host)
{
    host->control.timeout =
        (struct event){.fire = control_timed_out, .context = host, .name = "USB control time-out"};
}

static bool status_is_in(const struct control_pipe *control)
{
    return !control_in(control) || control_asked(control) == 0;
}

static void control_to_status(struct control_pipe *control)
{
    control->stage = CONTROL_STATUS;
    control->data1 = true;
    control->errors = 0;
}

static void control_received(struct usb_host *host, const uint8_t *data, size_t length, bool data1)
{
    struct control_pipe *control = &host->control;
    size_t asked = control_asked(control);

    if (data1 != control->data1) {
        host_violation(host, "endpoint 0 sent DATA%u where DATA%u was due (USB 2.0, 8.5.3)", data1,
                       control->data1);
    }
    if (control->stage == CONTROL_STATUS) {
        if (length != 0) {
            host_violation(host, "status stage with %zu bytes, it must be empty (USB 2.0, 8.5.3.1)",
                           length);
        }
        control_finish(host, CONTROL_OK);
        return;
    }
    if (length > asked - control->length) {
        host_violation(host, "device sent more than the %zu bytes asked for (USB 2.0, 9.3.5)",
                       asked);
        length = asked - control->length;
    }
    if (length > CONTROL_DATA_MAX - control->length) {
        length = CONTROL_DATA_MAX - control->length;
    }
    memcpy(control->data + control->length, data, length);
    control->length += length;
    control->data1 = !control->data1;
    control->errors = 0;
    if (length < host->max_packet0 || control->length == asked) {
        control_to_status(control);
    }
}

static void control_sent(struct usb_host *host, size_t length)
{
    struct control_pipe *control = &host->control;

    control->errors = 0;
    if (control->stage == CONTROL_SETUP) {
        control->data1 = true;
        control->stage = CONTROL_DATA;
        if (control_asked(control) == 0) {
            control_to_status(control);
        }
    } else if (control->stage == CONTROL_DATA) {
        control->length += length;
        control->data1 = !control->data1;
        if (control->length >= control_asked(control)) {
            control_to_status(control);
        }
    } else {
        control_finish(host, CONTROL_OK);
    }
}

static void control_refused(struct usb_host *host, enum usb_handshake handshake)
{
    struct control_pipe *control = &host->control;

    if (handshake == USB_NAK && control->stage != CONTROL_SETUP) {
        control->naked = true;
        host->naks++;
    } else if (handshake == USB_STALL && control->stage != CONTROL_SETUP) {
        control_finish(host, CONTROL_STALL);
    } else if (handshake == USB_NO_ANSWER) {
        host->errors++;
        if (++control->errors >= RETRIES) {
            control_finish(host, CONTROL_ERROR);
        }
    } else {
        host_violation(host, "SETUP packet answered with %s, it must be taken (USB 2.0, 8.5.3)",
                       handshake == USB_NAK ? "NAK" : "STALL");
        control_finish(host, CONTROL_ERROR);
    }
}

// --- Data pipes ---------------------------------------------------------------------------------

static void pipe_refused(struct usb_host *host, struct data_pipe *pipe,
                         enum usb_handshake handshake)
{
    if (handshake == USB_NAK) {
        pipe->naked = true;
        host->naks++;
    } else if (handshake == USB_STALL) {
        pipe->user->halted(host, pipe);
    } else {
        host->errors++;
        if (++pipe->errors >= RETRIES) {
            pipe->errors = 0;
            pipe->user->failed(host, pipe);
        }
    }
}

void pipe_pause(struct usb_host *host, struct data_pipe *pipe)
{
    pipe->resume_ns = machine_now_ns(host->machine) + ERROR_PAUSE_NS;
}

void pipe_add(struct usb_host *host, struct data_pipe *pipe, const struct pipe_user *user)
{
    if (host->wire.pipe_count == PIPES_MAX) {
        return; // there are no more endpoints
    }
    pipe->user = user;
    host->wire.pipes[host->wire.pipe_count++] = pipe;
}

void pipes_remove_all(struct usb_host *host)
{
    host->wire.pipe_count = 0;
    if (host->wire.pipe != NULL) {
        host->wire.pipe = NULL;
        host->wire.kind = WIRE_IDLE;
    }
}

static void pipe_received(struct usb_host *host, struct data_pipe *pipe)
{
    struct wire *wire = &host->wire;

    if (wire->data1 != pipe->data1) {
        host_violation(host, "endpoint %02X sent DATA%u where DATA%u was due (USB 2.0, 8.6)",
                       0x80 | pipe->endpoint, wire->data1, pipe->data1);
    }
    if (wire->length > pipe->max_packet) {
        host_violation(host, "endpoint %02X sent %zu bytes, its wMaxPacketSize is %u",
                       0x80 | pipe->endpoint, wire->length, pipe->max_packet);
    }
    pipe->data1 = !wire->data1;
    pipe->errors = 0;
    pipe->user->received(host, pipe, wire->packet, wire->length);
}

// --- Transactions -------------------------------------------------------------------------------

static void wire_busy(struct usb_host *host, uint64_t bits)
{
    event_arm_in(host->machine, &host->wire.event, bits_ns(bits));
}

static void start_out(struct usb_host *host, struct data_pipe *pipe, enum wire_kind kind,
                      size_t length)
{
    host->wire.kind = kind;
    host->wire.pipe = pipe;
    host->wire.length = length;
    wire_busy(host, BITS_TRANSACTION + 8 * length);
}

static void refused(struct usb_host *host, struct data_pipe *pipe, enum usb_handshake handshake)
{
    if (pipe != NULL) {
        pipe_refused(host, pipe, handshake);
    } else {
        control_refused(host, handshake);
    }
}

// True if the wire is busy with it now.
static void start_in(struct usb_host *host, struct data_pipe *pipe)
{
    struct wire *wire = &host->wire;
    uint8_t endpoint = pipe != NULL ? pipe->endpoint : 0;
    enum usb_handshake handshake;

    wire->pipe = pipe;
    wire->length = PACKET_MAX;
    handshake = host->port.in(host->port.context, host->address, endpoint, wire->packet,
                              &wire->length, &wire->data1);
    if (handshake == USB_ACK) {
        wire->kind = WIRE_IN_END;
        wire_busy(host, BITS_TRANSACTION + 8 * wire->length);
        return;
    }
    wire->kind = WIRE_IDLE;
    wire_busy(host, handshake == USB_NO_ANSWER ? BITS_SILENT_IN : BITS_REFUSED_IN);
    refused(host, pipe, handshake);
}

// Something moved: all that was refused is asked again in the next round.
static void forget_refusals(struct usb_host *host)
{
    host->control.naked = false;
    for (unsigned i = 0; i < host->wire.pipe_count; i++) {
        host->wire.pipes[i]->naked = false;
    }
}

static void finish_out(struct usb_host *host, bool setup)
{
    struct wire *wire = &host->wire;
    struct data_pipe *pipe = wire->pipe;
    enum usb_handshake handshake;

    if (setup) {
        handshake =
            host->port.setup(host->port.context, host->address, host->control.request.setup);
    } else {
        handshake = host->port.out(host->port.context, host->address,
                                   pipe != NULL ? pipe->endpoint : 0, wire->packet, wire->length,
                                   pipe != NULL ? pipe->data1 : host->control.data1);
    }
    if (handshake != USB_ACK) {
        refused(host, pipe, handshake);
        return;
    }
    forget_refusals(host);
    if (pipe != NULL) {
        pipe->data1 = !pipe->data1;
        pipe->errors = 0;
        pipe->user->sent(host, pipe, wire->length);
    } else {
        control_sent(host, wire->length);
    }
}

static void finish_in(struct usb_host *host)
{
    struct wire *wire = &host->wire;

    forget_refusals(host);
    if (host->port.in_acknowledged != NULL) {
        host->port.in_acknowledged(host->port.context,
                                   wire->pipe != NULL ? wire->pipe->endpoint : 0);
    }
    if (wire->pipe != NULL) {
        pipe_received(host, wire->pipe);
    } else {
        control_received(host, wire->packet, wire->length, wire->data1);
    }
}

static void finish_transaction(struct usb_host *host)
{
    enum wire_kind kind = host->wire.kind;

    host->wire.kind = WIRE_IDLE;
    if (kind == WIRE_IN_END) {
        finish_in(host);
    } else if (kind != WIRE_IDLE) {
        finish_out(host, kind == WIRE_SETUP);
    }
}

// --- What comes next ----------------------------------------------------------------------------

static bool pipe_pending(const struct usb_host *host, const struct data_pipe *pipe)
{
    return pipe->present && !pipe->halted && machine_now_ns(host->machine) >= pipe->resume_ns &&
           pipe->user->wanted(host, pipe);
}

// Turns: the control pipe first, then the bulk pipes in their order.
static bool turn_pending(const struct usb_host *host, unsigned turn)
{
    const struct data_pipe *pipe;

    if (turn == TURN_CONTROL) {
        return host->control.stage != CONTROL_IDLE;
    }
    pipe = host->wire.pipes[turn - 1];
    return pipe->interval == 0 && pipe_pending(host, pipe);
}

static bool *turn_naked(struct usb_host *host, unsigned turn)
{
    return turn == TURN_CONTROL ? &host->control.naked : &host->wire.pipes[turn - 1]->naked;
}

static unsigned turn_count(const struct usb_host *host)
{
    return host->wire.pipe_count + 1;
}

static size_t control_packet(struct usb_host *host)
{
    struct control_pipe *control = &host->control;
    size_t left;

    if (control->stage == CONTROL_SETUP) {
        return 8;
    }
    if (control->stage == CONTROL_STATUS) {
        return 0;
    }
    left = control_asked(control) - control->length;
    left = left < host->max_packet0 ? left : host->max_packet0;
    memcpy(
        host->wire.packet,
        (control->request.long_data != NULL ? control->request.long_data : control->request.data) +
            control->length,
        left);
    return left;
}

static bool control_token_is_in(const struct control_pipe *control)
{
    return (control->stage == CONTROL_DATA && control_in(control)) ||
           (control->stage == CONTROL_STATUS && status_is_in(control));
}

static void start_pipe(struct usb_host *host, struct data_pipe *pipe)
{
    if (pipe->in) {
        start_in(host, pipe);
    } else {
        start_out(host, pipe, WIRE_OUT, pipe->user->next_packet(host, pipe, host->wire.packet));
    }
}

static void start_turn(struct usb_host *host, unsigned turn)
{
    *turn_naked(host, turn) = false;
    if (turn != TURN_CONTROL) {
        start_pipe(host, host->wire.pipes[turn - 1]);
    } else if (control_token_is_in(&host->control)) {
        start_in(host, NULL);
    } else {
        start_out(host, NULL, host->control.stage == CONTROL_SETUP ? WIRE_SETUP : WIRE_OUT,
                  control_packet(host));
    }
}

// Time on the wire if this turn is refused, as long as it may take if it is not.
static uint64_t turn_refused_ns(struct usb_host *host, unsigned turn)
{
    struct data_pipe *pipe = turn != TURN_CONTROL ? host->wire.pipes[turn - 1] : NULL;
    uint8_t packet[PACKET_MAX];

    if (pipe != NULL && !pipe->in) {
        return bits_ns(BITS_TRANSACTION + 8 * pipe->user->next_packet(host, pipe, packet));
    }
    return bits_ns(pipe != NULL || control_token_is_in(&host->control) ? BITS_REFUSED_IN
                                                                       : BITS_TRANSACTION);
}

static bool fits_in_frame(const struct usb_host *host)
{
    uint64_t end_ns = machine_now_ns(host->machine) + bits_ns(BITS_TRANSACTION + 8 * PACKET_MAX);

    return end_ns + bits_ns(BITS_END_GUARD) <= host->wire.frame_start_ns + FRAME_NS;
}

static void wait_for_frame(struct usb_host *host)
{
    event_arm_at(host->machine, &host->wire.event, host->wire.frame_start_ns + FRAME_NS);
}

static bool start_periodic(struct usb_host *host)
{
    for (unsigned i = 0; i < host->wire.pipe_count; i++) {
        struct data_pipe *pipe = host->wire.pipes[i];

        if (pipe->due) {
            pipe->due = false;
            if (pipe_pending(host, pipe)) {
                start_pipe(host, pipe);
                return true;
            }
        }
    }
    return false;
}

// Interrupt pipes are asked in one frame of each interval.
static bool mark_periodic(struct usb_host *host)
{
    bool any = false;

    for (unsigned i = 0; i < host->wire.pipe_count; i++) {
        struct data_pipe *pipe = host->wire.pipes[i];

        if (pipe->interval != 0 && host->wire.frame % pipe->interval == 0 &&
            pipe_pending(host, pipe)) {
            pipe->due = true;
            any = true;
        }
    }
    return any;
}

static bool any_turn_pending(const struct usb_host *host)
{
    for (unsigned turn = 0; turn < turn_count(host); turn++) {
        if (turn_pending(host, turn)) {
            return true;
        }
    }
    return false;
}

// Starts the next transaction, or waits for the next frame.
static void next_transaction(struct usb_host *host)
{
    struct wire *wire = &host->wire;
    bool any = false;

    wire->waiting = false;
    if (!fits_in_frame(host)) {
        wait_for_frame(host);
        return;
    }
    if (start_periodic(host)) {
        return;
    }
    for (unsigned i = 0; i < turn_count(host); i++) {
        unsigned turn = (wire->turn + i) % turn_count(host);

        if (turn_pending(host, turn)) {
            any = true;
            if (!*turn_naked(host, turn)) {
                wire->turn = turn + 1;
                start_turn(host, turn);
                return;
            }
        }
    }
    wire->waiting = any;
    wire->wait_start_ns = machine_now_ns(host->machine);
    wait_for_frame(host);
}

static void start_frame(struct usb_host *host)
{
    struct wire *wire = &host->wire;
    bool was_waiting = wire->waiting;
    bool periodic;

    wire->frame_start_ns = machine_now_ns(host->machine);
    wire->frame = (wire->frame + 1) & 0x7FF;
    host->frames++;
    host->port.start_of_frame(host->port.context, wire->frame);
    if (!wire->running) {
        return;
    }
    periodic = mark_periodic(host);
    if (was_waiting && !periodic) {
        wait_for_frame(host); // refused is refused until the device says otherwise
    } else if (periodic || any_turn_pending(host)) {
        wire_busy(host, BITS_SOF);
    } else {
        wait_for_frame(host);
    }
}

static void wire_fire(void *context)
{
    struct usb_host *host = context;

    finish_transaction(host);
    if (!host->wire.running || host->wire.event.armed) {
        return;
    }
    if (machine_now_ns(host->machine) >= host->wire.frame_start_ns + FRAME_NS) {
        start_frame(host);
    } else {
        next_transaction(host);
    }
}

// Something new is pending: the wire's next free moment is now, unless it is busy.
void wire_kick(struct usb_host *host)
{
    struct wire *wire = &host->wire;
    uint64_t now_ns = machine_now_ns(host->machine);
    uint64_t free_ns = wire->frame_start_ns + bits_ns(BITS_SOF);

    if (!wire->running || wire->kind != WIRE_IDLE || !wire->event.armed) {
        return;
    }
    if (wire->event.at_ns != wire->frame_start_ns + FRAME_NS) {
        return; // busy; it looks by itself
    }
    wire->waiting = false;
    if (now_ns > free_ns) {
        free_ns = now_ns;
    }
    if (free_ns < wire->event.at_ns) {
        event_arm_at(host->machine, &wire->event, free_ns);
    }
}

void usb_host_endpoint_ready(struct usb_host *host)
{
    struct wire *wire = &host->wire;
    uint64_t now_ns = machine_now_ns(host->machine);
    uint64_t period_ns = 0;
    uint64_t at_ns;

    forget_refusals(host);
    if (!wire->waiting) {
        return;
    }
    for (unsigned turn = 0; turn < turn_count(host); turn++) {
        if (turn_pending(host, turn)) {
            period_ns += turn_refused_ns(host, turn);
        }
    }
    wire->waiting = false;
    at_ns = wire->wait_start_ns;
    if (period_ns != 0 && now_ns > at_ns) {
        at_ns += (now_ns - at_ns + period_ns - 1) / period_ns * period_ns;
    }
    if (wire->event.armed && at_ns < wire->event.at_ns) {
        event_arm_at(host->machine, &wire->event, at_ns);
    }
}

void wire_start(struct usb_host *host)
{
    host->wire.running = true;
    host->wire.waiting = false;
    host->wire.kind = WIRE_IDLE;
    host->wire.frame_start_ns = machine_now_ns(host->machine) - FRAME_NS;
    event_arm_in(host->machine, &host->wire.event, 0);
}

void wire_stop(struct usb_host *host)
{
    host->wire.running = false;
    host->wire.waiting = false;
    host->wire.kind = WIRE_IDLE;
    event_cancel(host->machine, &host->wire.event);
}

void wire_init(struct usb_host *host)
{
    host->wire.event =
        (struct event){.fire = wire_fire, .context = host, .name = "USB transaction"};
}
