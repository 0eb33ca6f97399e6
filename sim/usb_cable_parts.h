// The inside of the cables, shared by the files usb_cable*.c only.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_USB_CABLE_PARTS_H
#define SIM_USB_CABLE_PARTS_H

#include "sim/machine.h"
#include "sim/usb_cable.h"
#include "sim/usb_host.h"
#include "sim/usb_host_remote.h"

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

// Requests of a peer that are under way.
struct remote_load {
    size_t urbs, bytes;
};

// Bytes for a peer that does not read: from here on it is not read either, and then given up.
#define REMOTE_SLOW_ROOM (1024u * 1024u)
#define REMOTE_LOST_ROOM (32u * 1024u * 1024u)

enum cable_kind {
    CABLE_NONE,
    CABLE_SOCKET,
    CABLE_PTY,
    CABLE_LOCKSTEP,
    CABLE_REDIR,
    CABLE_USBIP,
};

struct usbip;

// The far end of a usbredir connection.
struct redir_peer {
    bool greeted;          // its hello has come
    uint32_t capabilities; // that both sides have
    bool announced;        // it knows of the device
    struct remote_load load;
    uint64_t interrupt_id;               // of the next packet that nobody asked for
    struct redir_request *receiving[16]; // interrupt IN endpoints that are read
};

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

    // drivers elsewhere
    struct redir_peer redir;
    struct usbip *usbip;
};

void cable_append(struct cable_bytes *bytes, const void *data, size_t length);
void cable_consume(struct cable_bytes *bytes, size_t length);
void cable_free(struct cable_bytes *bytes);
// Writes what the descriptor takes; false if its other side is gone.
bool cable_send(int fd, struct cable_bytes *bytes, bool terminal);
// Appends what has come; false if the other side is gone.
bool cable_receive(int fd, struct cable_bytes *bytes);

// Numbers of lockstep and usbredir are little-endian.
static inline uint16_t read_le16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t read_le32(const uint8_t *at)
{
    return read_le16(at) | (uint32_t)read_le16(at + 2) << 16;
}

static inline void write_le16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void write_le32(uint8_t *at, uint32_t value)
{
    write_le16(at, value);
    write_le16(at + 2, value >> 16);
}

// usb_cable_path.c: listening sockets. -1 and a sentence on failure.
int cable_listen_runtime(const char *board_name, char *path, size_t path_size, char *error,
                         size_t error_size);

// usb_cable_lockstep.c
void lockstep_start(struct usb_cable *cable);
void lockstep_accept(struct usb_cable *cable, int fd);

// usb_cable_remote.c
short remote_events_wanted(const struct cable_bytes *to_peer);
// Why a peer may begin no more requests, NULL if it may.
const char *remote_load_fault(const struct remote_load *load);
// Gives the URB room for `length` bytes; the second frees it.
void remote_begin(struct remote_load *load, struct urb *urb, size_t length);
void remote_end(struct remote_load *load, struct urb *urb);

// usb_cable_redir.c
void redir_start(struct usb_cable *cable);
void redir_accept(struct usb_cable *cable, int fd);
void redir_drop(struct usb_cable *cable);

// usb_cable_usbip.c
bool usbip_open(struct usb_cable *cable, const char *where, char *error, size_t error_size);
void usbip_close(struct usb_cable *cable);

// usb_cable_pty.c
bool pty_open(struct usb_cable *cable, char *error, size_t error_size);
void pty_hung_up(struct usb_cable *cable);

// usb_cable.c
void cable_set_peer(struct usb_cable *cable, int fd,
                    void (*ready)(void *context, int fd, short revents), short events);
void cable_drop_peer(struct usb_cable *cable);
// Writes waiting bytes; false if the peer is gone.
bool cable_feed_peer(struct usb_cable *cable);
void cable_update_events(struct usb_cable *cable);
void cable_attach_stream(struct usb_cable *cable, void (*link)(void *context, bool configured));
void cable_peer_ready(void *context, int fd, short revents);

#endif
