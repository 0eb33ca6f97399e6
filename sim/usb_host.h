// The two ends of the USB wire in the virtual board: a device controller below, and above it a host
// model that enumerates as Linux does and moves packets at full-speed pace.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_USB_HOST_H
#define SIM_USB_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;

enum usb_handshake { USB_ACK, USB_NAK, USB_STALL, USB_NO_ANSWER };

// What a device controller model offers to the wire.
struct usb_device_port {
    void *context;
    bool (*attached)(void *context); // pull-up visible
    void (*vbus)(void *context, bool on);
    void (*bus_reset)(
        void *context); // SE0 begins; the first start of frame after it ends the reset
    void (*suspend)(void *context, bool suspended); // true: no traffic for 3 ms
    void (*start_of_frame)(void *context, uint16_t frame);
    enum usb_handshake (*setup)(void *context, uint8_t address, const uint8_t packet[8]);
    enum usb_handshake (*out)(void *context, uint8_t address, uint8_t endpoint, const uint8_t *data,
                              size_t length, bool data1);
    enum usb_handshake (*in)(void *context, uint8_t address, uint8_t endpoint, uint8_t *data,
                             size_t *length, bool *data1); // length: room in, bytes out
    // The host's ACK of the last `in` has arrived; not called if the host dropped the packet.
    void (*in_acknowledged)(void *context, uint8_t endpoint);
};

struct usb_host;

// plugged: the cable is in at start.
struct usb_host *usb_host_create(struct machine *machine, const struct usb_device_port *port,
                                 bool plugged);
void usb_host_plug(struct usb_host *host, bool plugged);
// No more frames, or resume; false: there is no device.
bool usb_host_suspend(struct usb_host *host, bool suspended);

// Called by the controller model: the pull-up came or went; an endpoint that answered NAK may now
// answer otherwise; the device signals remote wake-up.
void usb_host_pull_up_changed(struct usb_host *host);
void usb_host_endpoint_ready(struct usb_host *host);
void usb_host_remote_wakeup(struct usb_host *host);

// The CDC-ACM driver's face towards a cable.
struct usb_serial_events {
    void *context;
    void (*link)(void *context, bool configured);
    void (*received)(void *context, const uint8_t *data, size_t length); // IN bytes, port open
    void (*sent)(void *context); // room in the OUT queue again
};
void usb_host_serial(struct usb_host *host, const struct usb_serial_events *events);
// Holds over the device's coming and going: the port is opened as soon as there is one. Closing
// lets the OUT queue drain first.
void usb_host_open(struct usb_host *host, bool open);
// The baud rate that the port shall have, from its next opening on, or now if it is open.
void usb_host_rate(struct usb_host *host, uint32_t rate);
void usb_host_throttle(struct usb_host *host, bool throttled); // true: take no more IN bytes
size_t usb_host_send(struct usb_host *host, const uint8_t *data, size_t length); // bytes taken
bool usb_host_configured(const struct usb_host *host);
bool usb_host_idle(const struct usb_host *host); // OUT queue empty

// A control transfer of a program, beside the drivers' own; one at a time, while the device is
// configured. `done` gets what came from the device.
enum usb_transfer_result {
    USB_TRANSFER_DONE,
    USB_TRANSFER_STALL,
    USB_TRANSFER_NO_ANSWER, // or the device went away
    USB_TRANSFER_TIMEOUT,   // 5 s, as programs usually have it
};
bool usb_host_control(struct usb_host *host, const uint8_t setup[8], const uint8_t *data,
                      size_t length,
                      void (*done)(void *context, enum usb_transfer_result result,
                                   const uint8_t *data, size_t length),
                      void *context);

// What the device said of itself; NULL while none is enumerated.
struct usb_identity {
    uint16_t vendor, product, release;
    char manufacturer_name[128], product_name[128], serial_number[128]; // UTF-8, "" if absent
};
const struct usb_identity *usb_host_identity(const struct usb_host *host);

#endif
