// The inside of the cables, shared by the files usb_cable*.c only.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_USB_CABLE_PARTS_H
#define SIM_USB_CABLE_PARTS_H

#include "sim/machine.h"
#include "sim/usb_cable.h"
#include "sim/usb_host.h"

#include <sys/types.h>
#include <sys/un.h>

#define CABLE_IN_ROOM  65536u // bytes from the device that the peer has not taken
#define CABLE_OUT_ROOM 4096u  // bytes from the peer that the host has not taken

// Bytes on their way; grows up to a limit that its user keeps.
struct cable_bytes {
    uint8_t *data;
    size_t count;
    size_t room;
};

enum cable_kind { CABLE_NONE, CABLE_SOCKET, CABLE_PTY, CABLE_LOCKSTEP };

struct usb_cable {
    struct machine *machine;
    struct usb_host *host;
    enum cable_kind kind;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int listener;
    struct watch *listener_watch;
    int peer; // connection or the pseudo-terminal's master, -1: none
    struct watch *peer_watch;
    bool peer_sends; // false once it has shut down its side
    bool throttled;
    struct cable_bytes to_peer;
    struct cable_bytes from_peer;

    // pty
    int master;
    struct event pty_poll;

    // lockstep
    bool run_pending;               // an answer is owed
    bool control_pending;           // the same, for a control transfer
    bool closing;                   // once the waiting OUT bytes are gone
    bool link_told;                 // link state in the last answer
    struct cable_bytes out_waiting; // OUT bytes for which the host's queue had no room
    struct cable_bytes in_waiting;  // IN bytes since the last answer
};

void cable_append(struct cable_bytes *bytes, const void *data, size_t length);
void cable_consume(struct cable_bytes *bytes, size_t length);
void cable_free(struct cable_bytes *bytes);

// usb_cable_path.c: listening sockets. -1 and a sentence on failure.
int cable_listen_runtime(const char *board_name, char *path, size_t path_size, char *error,
                         size_t error_size);

// usb_cable_lockstep.c
void lockstep_start(struct usb_cable *cable);
void lockstep_accept(struct usb_cable *cable, int fd);
void lockstep_drop(struct usb_cable *cable);

// usb_cable_pty.c
bool pty_open(struct usb_cable *cable, char *error, size_t error_size);
void pty_hung_up(struct usb_cable *cable);

// usb_cable.c
void cable_set_peer(struct usb_cable *cable, int fd,
                    void (*ready)(void *context, int fd, short revents), short events);
void cable_drop_peer(struct usb_cable *cable);
// Hands waiting bytes to the host's driver; true if all are gone.
bool cable_feed_host(struct usb_cable *cable);
// Writes waiting bytes; false if the peer is gone.
bool cable_feed_peer(struct usb_cable *cable);
void cable_update_events(struct usb_cable *cable);
void cable_received(void *context, const uint8_t *data, size_t length);
void cable_sent(void *context);
void cable_attach_stream(struct usb_cable *cable, void (*link)(void *context, bool configured));
void cable_peer_ready(void *context, int fd, short revents);

#endif
