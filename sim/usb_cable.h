// Cables: what joins the virtual board's USB serial port to a program on this computer.
//
// Specifications (SPEC.md, section 10): `unix:PATH`, `pty`, `lockstep:PATH`, `none`; NULL is the
// socket in the runtime folder where `quadlane` looks for virtual boards. `usbredir:unix:PATH` and
// `usbip:[ADDRESS:]PORT` join the whole USB device to another computer's kernel instead.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_USB_CABLE_H
#define SIM_USB_CABLE_H

#include <stdbool.h>
#include <stddef.h>

struct machine;
struct usb_cable;
struct usb_host;

// Whether a cable of this kind is in the board's socket at start (VBUS on): all but `none`. For
// usb_host_create(), which comes before the cable.
bool usb_cable_plugged(const char *specification);

// Opens the cable. NULL: `error` holds the reason as a sentence. board_name names the default
// socket.
struct usb_cable *usb_cable_create(struct machine *machine, struct usb_host *host,
                                   const char *specification, const char *board_name, char *error,
                                   size_t error_size);

// Where a program connects: the path of the socket or pseudo-terminal, "" for `none`.
const char *usb_cable_path(const struct usb_cable *cable);

// A listening socket at `path`, for the board's other sockets too; one on which nobody listens any
// more is replaced. -1: `error` holds a sentence.
int cable_listen(const char *path, char *error, size_t error_size);

// Closes connections and removes the socket.
void usb_cable_close(struct usb_cable *cable);

#endif
