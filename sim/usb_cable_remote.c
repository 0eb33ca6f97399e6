// What the cables to drivers elsewhere, usbredir and USB/IP, share: how much a peer may ask for.
//
// SPDX-License-Identifier: MIT
#include "sim/usb_cable_parts.h"

#include <poll.h>
#include <stdlib.h>

// Far more than a kernel ever has under way.
#define URBS_MAX  1024u
#define BYTES_MAX (16u * 1024u * 1024u)

short remote_events_wanted(const struct cable_bytes *to_peer)
{
    short events = POLLPRI; // hang-up is reported beside any event asked for

    if (to_peer->count < REMOTE_SLOW_ROOM) {
        events |= POLLIN;
    }
    if (to_peer->count != 0) {
        events |= POLLOUT;
    }
    return events;
}

const char *remote_load_fault(const struct remote_load *load)
{
    return load->urbs >= URBS_MAX || load->bytes >= BYTES_MAX
               ? "more requests than 1024 or 16 MiB are under way"
               : NULL;
}

void remote_begin(struct remote_load *load, struct urb *urb, size_t length)
{
    if (length != 0 && (urb->data = calloc(1, length)) == NULL) {
        abort();
    }
    urb->length = length;
    load->urbs++;
    load->bytes += length;
}

void remote_end(struct remote_load *load, struct urb *urb)
{
    load->urbs--;
    load->bytes -= urb->length;
    free(urb->data);
}
