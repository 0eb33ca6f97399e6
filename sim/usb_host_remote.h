// Drivers elsewhere: the kernel of another computer uses the virtual board's device, request by
// request (URBs), as over USB/IP or usbredir. This host enumerates the device before it offers it,
// as a computer does that exports one of its devices; its own serial driver stays away.
//
// Control, bulk and interrupt endpoints of the device's first configuration. Isochronous endpoints
// are not served.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_USB_HOST_REMOTE_H
#define SIM_USB_HOST_REMOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct usb_host;

#define URB_LENGTH_MAX        (1024u * 1024u)
#define REMOTE_INTERFACES_MAX 32u
#define URB_ENDPOINTS         32u // both directions
#define URB_DIRECTION_IN      0x80u

enum urb_status {
    URB_OK,
    URB_STALL,
    URB_NO_ANSWER, // three times
    URB_BABBLE,    // more bytes than asked for
    URB_CANCELLED,
    URB_GONE,    // the device went away
    URB_INVALID, // no such endpoint, or a length that does not fit the request
};

// The submitter keeps the storage until it is finished.
struct urb {
    uint64_t id;         // the submitter's name of it
    uint8_t endpoint;    // with URB_DIRECTION_IN; 0: control, its direction is in `setup`
    uint8_t setup[8];    // control only
    bool end_with_empty; // OUT: a packet without bytes behind a last one that is full
    uint8_t *data;       // to be sent, or room for what comes
    size_t length;       // of `data`, at most URB_LENGTH_MAX
    size_t actual;       // bytes that were moved
    enum urb_status status;
    bool empty_due;   // used inside
    struct urb *next; // used inside
};

struct remote_events {
    void *context;
    void (*connected)(void *context);                 // enumerated, URBs are taken
    void (*disconnected)(void *context);              // its URBs were finished before
    void (*finished)(void *context, struct urb *urb); // is the submitter's again
};

// What the device is now; `device` and `configuration` live until it goes away.
struct remote_view {
    const uint8_t *device;        // descriptor, 18 bytes
    const uint8_t *configuration; // descriptors, checked
    size_t configuration_length;
    uint8_t address;
    uint8_t value;                            // bConfigurationValue, 0: not configured
    uint8_t alternate[REMOTE_INTERFACES_MAX]; // by interface number
};

// Gives the device to a driver elsewhere from now on. Before the board runs.
void usb_host_give_away(struct usb_host *host, const struct remote_events *events);
// Ends that: nobody is called any more.
void usb_host_take_back(struct usb_host *host);
// NULL: there is no device to be used.
const struct remote_view *usb_host_remote_view(const struct usb_host *host);
// May call `finished` before it returns.
void usb_host_submit(struct usb_host *host, struct urb *urb);
// The first URB of that name is finished as URB_CANCELLED; false: there is none.
bool usb_host_cancel(struct usb_host *host, uint64_t id);
void usb_host_cancel_all(struct usb_host *host);
// A bus reset, behind it address and configuration as before. URBs under way are cancelled, new
// ones wait. A device that has become another one goes and comes.
void usb_host_reset_device(struct usb_host *host);

// Calls `found` for each interface in the alternate that is in use (`endpoint` NULL), and for each
// endpoint of it. Nothing while the device is not configured.
void remote_view_walk(const struct remote_view *view,
                      void (*found)(void *context, const uint8_t *interface,
                                    const uint8_t *endpoint),
                      void *context);

#endif
