// The USB device controller: endpoints, packets and bus events, nothing of descriptors or classes.
//
// Events come from the interrupt; the functions may be called from there and, with the interrupt
// masked, from elsewhere.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_USB_OTG_H
#define FIRMWARE_CHIP_USB_OTG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    USB_OTG_PACKET_SIZE = 64, // all endpoints but interrupt ones
    USB_OTG_SETUP_SIZE = 8,
    // IN and OUT endpoints 0 to 2 can be used; endpoint 1 takes this much at once, the others one
    // packet.
    USB_OTG_ENDPOINTS = 3,
    USB_OTG_BULK_IN_MAX = 256,
};

enum usb_otg_type { USB_OTG_CONTROL = 0, USB_OTG_BULK = 2, USB_OTG_INTERRUPT = 3 };

struct usb_otg_events {
    // Bus reset: endpoint 0 is ready for requests, all others are closed.
    void (*reset)(void);
    void (*setup)(const uint8_t packet[USB_OTG_SETUP_SIZE]);
    // A packet has come into the buffer given to usb_otg_receive.
    void (*received)(unsigned endpoint, size_t length);
    // What was given to usb_otg_send has arrived at the host.
    void (*sent)(unsigned endpoint);
};

// Turns the controller on, not yet seen by a host. The USB clock must run.
void usb_otg_start(const struct usb_otg_events *events);
// Pull-up on or off.
void usb_otg_connect(void);
void usb_otg_disconnect(void);
// The controller, its pins and its clock as after reset.
void usb_otg_stop(void);

// Takes effect after the status stage of the request under way.
void usb_otg_set_address(uint8_t address);

// Endpoint numbers without the direction bit.
void usb_otg_open_in(unsigned endpoint, enum usb_otg_type type, size_t packet_size);
void usb_otg_open_out(unsigned endpoint, enum usb_otg_type type, size_t packet_size);

// Takes the next packet. `buffer` has room for USB_OTG_PACKET_SIZE bytes and stays until
// `received`.
void usb_otg_receive(unsigned endpoint, uint8_t *buffer);
// Sends; 0 bytes: an empty packet. The bytes are taken over at once. Nothing else may be on its
// way.
void usb_otg_send(unsigned endpoint, const uint8_t *data, size_t length);

// Answers STALL: endpoint 0 until the next SETUP, the others until it is taken back, which also
// restarts the data toggle.
void usb_otg_stall_in(unsigned endpoint, bool stall);
void usb_otg_stall_out(unsigned endpoint, bool stall);

#endif
