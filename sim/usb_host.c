// The USB port of the host: cable, pull-up, debounce, resets, suspend; the face of the host model.
//
// Times as Linux has them in its hub driver (100 ms of a stable connection, 50 ms of reset, 50 ms
// behind it, 10 ms behind SET_ADDRESS), detection of a vanished pull-up as USB 2.0 7.1.7.3 has it
// (2.5 us of SE0, noticed with the next frame).
//
// SPDX-License-Identifier: MIT
#include "sim/usb_host_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DEBOUNCE_NS       (100 * NS_PER_MS)
#define BEFORE_RESET_NS   NS_PER_MS
#define RESET_NS          (50 * NS_PER_MS)
#define RECOVERY_NS       (50 * NS_PER_MS)
#define ADDRESS_SETTLE_NS (10 * NS_PER_MS)
#define DETACH_NS         2500u
#define IDLE_NS           (3 * NS_PER_MS)
#define RESUME_NS         (20 * NS_PER_MS)
#define ATTEMPTS          4u

void host_violation(struct usb_host *host, const char *format, ...)
{
    char text[320];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    machine_violation(host->machine, "USB", "%s", text);
}

static bool pull_up(const struct usb_host *host)
{
    return host->plugged && host->port.attached(host->port.context);
}

// --- Connect and disconnect ---------------------------------------------------------------------

static void disconnect(struct usb_host *host)
{
    if (host->hub == HUB_EMPTY) {
        return;
    }
    machine_trace(host->machine, "usb", "host: device disconnected");
    event_cancel(host->machine, &host->hub_timer);
    event_cancel(host->machine, &host->detach);
    event_cancel(host->machine, &host->suspend_timer);
    wire_stop(host);
    control_cancel_all(host);
    host->hub = HUB_EMPTY;
    host->identified = false;
    host->suspended = false;
    host->asleep = false;
    host->enumerated = false;
    acm_gone(host);
    program_gone(host);
    remote_gone(host);
}

static void connect(struct usb_host *host)
{
    machine_trace(host->machine, "usb", "host: device connected");
    host->hub = HUB_DEBOUNCE;
    host->attempts = 0;
    event_arm_in(host->machine, &host->hub_timer, DEBOUNCE_NS);
}

static void detach_fire(void *context)
{
    struct usb_host *host = context;

    disconnect(host);
    if (pull_up(host)) {
        connect(host);
    }
}

void usb_host_pull_up_changed(struct usb_host *host)
{
    uint64_t now_ns = machine_now_ns(host->machine);
    uint64_t next_frame_ns = (now_ns / NS_PER_MS + 1) * NS_PER_MS;

    if (pull_up(host)) {
        if (host->hub == HUB_EMPTY) {
            connect(host);
        } else if (host->detach.armed && now_ns - host->detached_ns < DETACH_NS) {
            event_cancel(host->machine, &host->detach);
        }
        return;
    }
    if (host->hub == HUB_EMPTY || host->detach.armed) {
        return;
    }
    host->detached_ns = now_ns;
    if (next_frame_ns < now_ns + DETACH_NS) {
        next_frame_ns += NS_PER_MS;
    }
    event_arm_at(host->machine, &host->detach, next_frame_ns);
}

void usb_host_plug(struct usb_host *host, bool plugged)
{
    if (host->plugged == plugged) {
        return;
    }
    host->plugged = plugged;
    if (!plugged) {
        disconnect(host);
    }
    host->port.vbus(host->port.context, plugged);
    if (pull_up(host) && host->hub == HUB_EMPTY) {
        connect(host);
    }
}

// --- Resets -------------------------------------------------------------------------------------

// Between a transfer's end and a reset lies the host's software; the device gets to see the end.
void hub_reset_port(struct usb_host *host)
{
    control_cancel_all(host);
    host->hub = HUB_BEFORE_RESET;
    event_arm_in(host->machine, &host->hub_timer, BEFORE_RESET_NS);
}

static void start_reset(struct usb_host *host)
{
    wire_stop(host);
    control_cancel_all(host);
    host->address = 0;
    host->hub = HUB_RESET;
    host->port.bus_reset(host->port.context);
    event_arm_in(host->machine, &host->hub_timer, RESET_NS);
}

void hub_settle_address(struct usb_host *host)
{
    host->hub = HUB_ADDRESS_SETTLES;
    event_arm_in(host->machine, &host->hub_timer, ADDRESS_SETTLE_NS);
}

void hub_port_failed(struct usb_host *host, const char *what)
{
    machine_trace(host->machine, "usb", "host: %s failed", what);
    host->attempts++;
    if (host->attempts < ATTEMPTS) {
        host->second_reset = false;
        hub_reset_port(host);
        return;
    }
    wire_stop(host);
    host->hub = HUB_FAILED;
    remote_gone(host);
    host_violation(host, "unable to enumerate the device: %s got no answer in %u attempts", what,
                   ATTEMPTS);
}

static void hub_timer_fire(void *context)
{
    struct usb_host *host = context;

    switch (host->hub) {
    case HUB_DEBOUNCE:
        host->second_reset = false;
        start_reset(host);
        break;
    case HUB_BEFORE_RESET:
        start_reset(host);
        break;
    case HUB_RESET:
        host->hub = HUB_RECOVERY;
        wire_start(host);
        event_arm_in(host->machine, &host->hub_timer, RECOVERY_NS);
        break;
    case HUB_RECOVERY:
        host->hub = HUB_TALKING;
        enumerate_start(host);
        break;
    case HUB_ADDRESS_SETTLES:
        host->hub = HUB_TALKING;
        enumerate_settled(host);
        break;
    default:
        break;
    }
}

// --- Suspend ------------------------------------------------------------------------------------

static void suspend_timer_fire(void *context)
{
    struct usb_host *host = context;

    if (host->suspended) {
        host->asleep = true;
        host->port.suspend(host->port.context, true);
    } else if (host->hub == HUB_TALKING) {
        wire_start(host);
    }
}

bool usb_host_suspend(struct usb_host *host, bool suspended)
{
    if (host->hub != HUB_TALKING) {
        return false;
    }
    if (host->suspended == suspended) {
        return true;
    }
    host->suspended = suspended;
    if (suspended) {
        wire_stop(host);
        event_arm_in(host->machine, &host->suspend_timer, IDLE_NS);
    } else {
        if (host->asleep) {
            host->asleep = false;
            host->port.suspend(host->port.context, false);
        }
        event_arm_in(host->machine, &host->suspend_timer, RESUME_NS);
    }
    return true;
}

void usb_host_remote_wakeup(struct usb_host *host)
{
    usb_host_suspend(host, false);
}

// --- Face ---------------------------------------------------------------------------------------

static void add_statistics(struct usb_host *host)
{
    machine_add_statistic(host->machine, "usb_enumerations", &host->enumerations);
    machine_add_statistic(host->machine, "usb_frames", &host->frames);
    machine_add_statistic(host->machine, "usb_out_bytes", &host->out_bytes);
    machine_add_statistic(host->machine, "usb_in_bytes", &host->in_bytes);
    machine_add_statistic(host->machine, "usb_naks", &host->naks);
    machine_add_statistic(host->machine, "usb_unanswered", &host->errors);
}

struct usb_host *usb_host_create(struct machine *machine, const struct usb_device_port *port,
                                 bool plugged)
{
    struct usb_host *host = calloc(1, sizeof(*host));

    if (host == NULL) {
        abort();
    }
    host->machine = machine;
    host->port = *port;
    host->next_address = 1;
    host->wanted_rate = 115200;
    host->hub_timer =
        (struct event){.fire = hub_timer_fire, .context = host, .name = "USB hub timer"};
    host->detach = (struct event){.fire = detach_fire, .context = host, .name = "USB detach"};
    host->suspend_timer =
        (struct event){.fire = suspend_timer_fire, .context = host, .name = "USB suspend"};
    wire_init(host);
    control_init(host);
    acm_init(host);
    remote_init(host);
    add_statistics(host);
    usb_host_plug(host, plugged);
    return host;
}

const struct usb_identity *usb_host_identity(const struct usb_host *host)
{
    return host->identified ? &host->identity : NULL;
}
