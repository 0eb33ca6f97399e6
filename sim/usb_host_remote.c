// Requests of a driver elsewhere (URBs), cut into transactions on the wire.
//
// From USB 2.0 chapters 5 (transfers end with a short packet), 8 and 9 (what resets a data toggle:
// 9.1.1.5, 9.4.5), and from how Linux treats a device that it exports: enumerated by itself first,
// put back into its configuration behind a reset. An endpoint that stalls is asked again by the
// next request; clearing the halt is the driver's business.
//
// SPDX-License-Identifier: MIT
#include "sim/usb_host_parts.h"

#include <string.h>

#define CLEAR_FEATURE     1u
#define SET_ADDRESS       5u
#define SET_CONFIGURATION 9u
#define SET_INTERFACE     11u
#define TYPE_INTERFACE    4u
#define TYPE_ENDPOINT     5u
#define TRANSFER_BULK     2u // and 3 is interrupt

static unsigned queue_index(uint8_t endpoint)
{
    return (endpoint & 15u) | (endpoint & URB_DIRECTION_IN) >> 3;
}

static struct urb_queue *pipe_queue(struct usb_host *host, const struct data_pipe *pipe)
{
    return &host->remote.queues[pipe->endpoint | (pipe->in ? 16u : 0)];
}

// --- Queues -------------------------------------------------------------------------------------

static void queue_put(struct urb_queue *queue, struct urb *urb)
{
    urb->next = NULL;
    *queue->end = urb;
    queue->end = &urb->next;
}

static void queue_remove(struct urb_queue *queue, struct urb *urb)
{
    struct urb **link = &queue->first;

    while (*link != urb) {
        link = &(*link)->next;
    }
    *link = urb->next;
    if (urb->next == NULL) {
        queue->end = link;
    }
}

static void finish(struct usb_host *host, struct urb_queue *queue, struct urb *urb,
                   enum urb_status status)
{
    queue_remove(queue, urb);
    urb->status = status;
    host->remote.events.finished(host->remote.events.context, urb);
}

// --- Control ------------------------------------------------------------------------------------

static void control_next(struct usb_host *host);

static uint16_t setup_16(const uint8_t setup[8], unsigned at)
{
    return (uint16_t)(setup[at] | setup[at + 1] << 8);
}

static bool control_is_in(const struct urb *urb)
{
    return (urb->setup[0] & 0x80) != 0 && setup_16(urb->setup, 6) != 0;
}

static void add_found_pipe(void *context, const uint8_t *interface, const uint8_t *endpoint);

// Pipes for the endpoints in use. All toggles start at DATA0, but those of other interfaces than
// `only` stay what they were (-1: all start).
static void build_pipes(struct usb_host *host, int only)
{
    struct remote *remote = &host->remote;
    struct data_pipe old[PIPES_MAX];
    uint8_t old_interfaces[PIPES_MAX];
    unsigned old_count = remote->pipe_count;

    memcpy(old, remote->pipes, sizeof(old));
    memcpy(old_interfaces, remote->pipe_interfaces, sizeof(old_interfaces));
    pipes_remove_all(host);
    remote->pipe_count = 0;
    remote_view_walk(&remote->view, add_found_pipe, host);
    for (unsigned i = 0; i < remote->pipe_count && only >= 0; i++) {
        for (unsigned j = 0; j < old_count; j++) {
            if (old_interfaces[j] != only && old[j].endpoint == remote->pipes[i].endpoint &&
                old[j].in == remote->pipes[i].in) {
                remote->pipes[i].data1 = old[j].data1;
            }
        }
    }
}

static struct data_pipe *find_pipe(struct usb_host *host, uint8_t endpoint)
{
    for (unsigned i = 0; i < host->remote.pipe_count; i++) {
        struct data_pipe *pipe = &host->remote.pipes[i];

        if (pipe->endpoint == (endpoint & 15u) && pipe->in == ((endpoint & 0x80u) != 0)) {
            return pipe;
        }
    }
    return NULL;
}

// Requests for endpoints that are no more.
static void finish_orphans(struct usb_host *host)
{
    for (unsigned i = 1; i < URB_ENDPOINTS; i++) {
        struct urb_queue *queue = &host->remote.queues[i];

        while (queue->first != NULL && find_pipe(host, queue->first->endpoint) == NULL) {
            finish(host, queue, queue->first, URB_CANCELLED);
        }
    }
}

// A request that the device has granted changes what the host must know.
static void follow_request(struct usb_host *host, const uint8_t setup[8])
{
    struct remote *remote = &host->remote;
    uint16_t value = setup_16(setup, 2);
    uint16_t index = setup_16(setup, 4);

    if (setup[0] == 0x00 && setup[1] == SET_CONFIGURATION) {
        remote->view.value = (uint8_t)value;
        memset(remote->view.alternate, 0, sizeof(remote->view.alternate));
        build_pipes(host, -1);
    } else if (setup[0] == 0x01 && setup[1] == SET_INTERFACE && index < REMOTE_INTERFACES_MAX) {
        remote->view.alternate[index] = (uint8_t)value;
        build_pipes(host, index);
    } else if (setup[0] == 0x02 && setup[1] == CLEAR_FEATURE && value == 0) {
        struct data_pipe *pipe = find_pipe(host, (uint8_t)index);

        if (pipe != NULL) {
            pipe->data1 = false;
        }
    }
}

static void control_done(struct usb_host *host, enum control_result result, size_t length)
{
    static const enum urb_status statuses[] = {[CONTROL_OK] = URB_OK,
                                               [CONTROL_STALL] = URB_STALL,
                                               [CONTROL_ERROR] = URB_NO_ANSWER,
                                               [CONTROL_TIMEOUT] = URB_NO_ANSWER};
    struct urb_queue *queue = &host->remote.queues[0];
    struct urb *urb = queue->first;
    uint8_t setup[8];

    if (urb == NULL) {
        return;
    }
    memcpy(setup, urb->setup, sizeof(setup));
    urb->actual = length < urb->length ? length : urb->length;
    if (control_is_in(urb) && urb->actual != 0) {
        memcpy(urb->data, host->control.data, urb->actual);
    }
    if (result == CONTROL_OK) {
        follow_request(host, setup);
    }
    finish(host, queue, urb, statuses[result]);
    finish_orphans(host);
    control_next(host);
}

// What would take the device away from this host, or name what it has not got.
static bool control_allowed(const struct usb_host *host, const struct urb *urb)
{
    uint16_t value = setup_16(urb->setup, 2);

    if (!control_is_in(urb) && urb->length < setup_16(urb->setup, 6)) {
        return false;
    }
    if (urb->setup[0] != 0x00) {
        return true;
    }
    return urb->setup[1] != SET_ADDRESS && (urb->setup[1] != SET_CONFIGURATION || value == 0 ||
                                            value == host->remote.view.configuration[5]);
}

static void control_next(struct usb_host *host)
{
    struct urb_queue *queue = &host->remote.queues[0];
    struct usb_request request = {.done = control_done, .patient = true};

    if (!host->remote.ready || queue->first == NULL || control_busy(host)) {
        return;
    }
    memcpy(request.setup, queue->first->setup, sizeof(request.setup));
    request.long_data = queue->first->data;
    control_submit(host, &request);
}

// --- Data ---------------------------------------------------------------------------------------

static bool wanted(const struct usb_host *host, const struct data_pipe *pipe)
{
    return host->remote.ready &&
           host->remote.queues[pipe->endpoint | (pipe->in ? 16u : 0)].first != NULL;
}

static size_t next_packet(struct usb_host *host, struct data_pipe *pipe, uint8_t *packet)
{
    const struct urb *urb = pipe_queue(host, pipe)->first;
    size_t left = urb->length - urb->actual;

    left = left < pipe->max_packet ? left : pipe->max_packet;
    if (left != 0) {
        memcpy(packet, urb->data + urb->actual, left);
    }
    return left;
}

static void sent(struct usb_host *host, struct data_pipe *pipe, size_t length)
{
    struct urb_queue *queue = pipe_queue(host, pipe);
    struct urb *urb = queue->first;

    host->out_bytes += length;
    urb->actual += length;
    if (urb->actual < urb->length) {
        return;
    }
    if (urb->end_with_empty && length == pipe->max_packet && !urb->empty_due) {
        urb->empty_due = true;
        return;
    }
    finish(host, queue, urb, URB_OK);
}

static void received(struct usb_host *host, struct data_pipe *pipe, const uint8_t *data,
                     size_t length)
{
    struct urb_queue *queue = pipe_queue(host, pipe);
    struct urb *urb = queue->first;
    size_t room = urb->length - urb->actual;
    size_t taken = length < room ? length : room;

    host->in_bytes += length;
    if (taken != 0) {
        memcpy(urb->data + urb->actual, data, taken);
        urb->actual += taken;
    }
    if (length > room) {
        finish(host, queue, urb, URB_BABBLE);
    } else if (length < pipe->max_packet || urb->actual == urb->length) {
        finish(host, queue, urb, URB_OK);
    }
}

static void halted(struct usb_host *host, struct data_pipe *pipe)
{
    struct urb_queue *queue = pipe_queue(host, pipe);

    finish(host, queue, queue->first, URB_STALL);
}

static void failed(struct usb_host *host, struct data_pipe *pipe)
{
    struct urb_queue *queue = pipe_queue(host, pipe);

    finish(host, queue, queue->first, URB_NO_ANSWER);
}

static const struct pipe_user remote_user = {.wanted = wanted,
                                             .next_packet = next_packet,
                                             .sent = sent,
                                             .received = received,
                                             .halted = halted,
                                             .failed = failed};

static void add_found_pipe(void *context, const uint8_t *interface, const uint8_t *endpoint)
{
    struct usb_host *host = context;
    struct remote *remote = &host->remote;

    if (endpoint == NULL || (endpoint[3] & 3u) < TRANSFER_BULK || (endpoint[2] & 15u) == 0 ||
        remote->pipe_count == PIPES_MAX || find_pipe(host, endpoint[2]) != NULL) {
        return;
    }
    remote->pipe_interfaces[remote->pipe_count] = interface[2];
    describe_pipe(&remote->pipes[remote->pipe_count], endpoint);
    pipe_add(host, &remote->pipes[remote->pipe_count++], &remote_user);
}

void remote_view_walk(const struct remote_view *view,
                      void (*found)(void *context, const uint8_t *interface,
                                    const uint8_t *endpoint),
                      void *context)
{
    const uint8_t *end = view->configuration + view->configuration_length;
    const uint8_t *interface = NULL;

    if (view->value == 0) {
        return;
    }
    for (const uint8_t *at = view->configuration; (at = next_descriptor(at, end)) != NULL;) {
        if (at[1] == TYPE_INTERFACE && at[0] >= 9) {
            bool used = at[2] < REMOTE_INTERFACES_MAX && view->alternate[at[2]] == at[3];

            interface = used ? at : NULL;
            if (used) {
                found(context, at, NULL);
            }
        } else if (at[1] == TYPE_ENDPOINT && at[0] >= 7 && interface != NULL) {
            found(context, interface, at);
        }
    }
}

// --- Coming and going ---------------------------------------------------------------------------

static void finish_all(struct usb_host *host, enum urb_status status)
{
    for (unsigned i = 0; i < URB_ENDPOINTS; i++) {
        struct urb_queue *queue = &host->remote.queues[i];

        while (queue->first != NULL) {
            finish(host, queue, queue->first, status);
        }
    }
}

static bool same_device(const struct usb_host *host)
{
    const struct remote *remote = &host->remote;

    return remote->view.configuration_length == host->configuration_length &&
           memcmp(remote->device, host->device_descriptor, sizeof(remote->device)) == 0 &&
           memcmp(remote->configuration, host->configuration, host->configuration_length) == 0;
}

void remote_probe(struct usb_host *host)
{
    struct remote *remote = &host->remote;

    if (remote->present && !same_device(host)) {
        remote_gone(host);
    }
    memcpy(remote->device, host->device_descriptor, sizeof(remote->device));
    memcpy(remote->configuration, host->configuration, host->configuration_length);
    remote->view = (struct remote_view){.device = remote->device,
                                        .configuration = remote->configuration,
                                        .configuration_length = host->configuration_length,
                                        .address = host->address,
                                        .value = host->configuration[5]};
    build_pipes(host, -1);
    remote->ready = true;
    if (!remote->present) {
        machine_trace(host->machine, "usb", "host: device ready for a driver elsewhere");
        remote->present = true;
        remote->events.connected(remote->events.context);
    }
    finish_orphans(host);
    control_next(host);
    wire_kick(host);
}

void remote_gone(struct usb_host *host)
{
    struct remote *remote = &host->remote;

    if (!remote->present) {
        return;
    }
    remote->present = false;
    remote->ready = false;
    pipes_remove_all(host);
    remote->pipe_count = 0;
    finish_all(host, URB_GONE);
    remote->events.disconnected(remote->events.context);
}

void remote_init(struct usb_host *host)
{
    for (unsigned i = 0; i < URB_ENDPOINTS; i++) {
        host->remote.queues[i].end = &host->remote.queues[i].first;
    }
}

// --- Face ---------------------------------------------------------------------------------------

void usb_host_give_away(struct usb_host *host, const struct remote_events *events)
{
    host->remote.used = true;
    host->remote.events = *events;
}

void usb_host_take_back(struct usb_host *host)
{
    usb_host_cancel_all(host);
    pipes_remove_all(host);
    host->remote.used = false;
    host->remote.present = false;
    host->remote.ready = false;
    host->remote.pipe_count = 0;
}

const struct remote_view *usb_host_remote_view(const struct usb_host *host)
{
    return host->remote.present ? &host->remote.view : NULL;
}

static bool fits(struct usb_host *host, const struct urb *urb)
{
    if (!host->remote.present || urb->length > URB_LENGTH_MAX) {
        return false;
    }
    if ((urb->endpoint & 15u) == 0) {
        return urb->endpoint == 0 && control_allowed(host, urb);
    }
    return !host->remote.ready || find_pipe(host, urb->endpoint) != NULL;
}

void usb_host_submit(struct usb_host *host, struct urb *urb)
{
    urb->actual = 0;
    urb->empty_due = false;
    if (!fits(host, urb)) {
        urb->status = host->remote.present ? URB_INVALID : URB_GONE;
        host->remote.events.finished(host->remote.events.context, urb);
        return;
    }
    queue_put(&host->remote.queues[queue_index(urb->endpoint)], urb);
    if (urb->endpoint == 0) {
        control_next(host);
    } else {
        wire_kick(host);
    }
}

// Its transaction on the wire ends without effect: the device sends or gets the packet again.
static void leave_wire(struct usb_host *host, const struct urb *urb)
{
    struct wire *wire = &host->wire;

    if (urb->endpoint == 0) {
        control_cancel(host, control_done);
    } else if (wire->pipe != NULL && wire->pipe == find_pipe(host, urb->endpoint)) {
        wire->kind = WIRE_IDLE;
    }
}

static void cancel(struct usb_host *host, struct urb_queue *queue, struct urb *urb)
{
    if (urb == queue->first) {
        leave_wire(host, urb);
    }
    finish(host, queue, urb, URB_CANCELLED);
}

bool usb_host_cancel(struct usb_host *host, uint64_t id)
{
    for (unsigned i = 0; i < URB_ENDPOINTS; i++) {
        struct urb_queue *queue = &host->remote.queues[i];

        for (struct urb *urb = queue->first; urb != NULL; urb = urb->next) {
            if (urb->id == id) {
                cancel(host, queue, urb);
                control_next(host);
                return true;
            }
        }
    }
    return false;
}

void usb_host_cancel_all(struct usb_host *host)
{
    for (unsigned i = 0; i < URB_ENDPOINTS; i++) {
        struct urb_queue *queue = &host->remote.queues[i];

        while (queue->first != NULL) {
            cancel(host, queue, queue->first);
        }
    }
}

void usb_host_reset_device(struct usb_host *host)
{
    struct remote *remote = &host->remote;

    if (!remote->present || !remote->ready || host->hub != HUB_TALKING) {
        return;
    }
    remote->ready = false;
    usb_host_cancel_all(host);
    pipes_remove_all(host);
    remote->pipe_count = 0;
    host->second_reset = true; // its descriptors are known
    host->attempts = 0;
    hub_reset_port(host);
}
