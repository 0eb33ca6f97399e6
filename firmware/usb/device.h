// A USB device: standard requests on endpoint 0, for one function (a class driver).
//
// Everything runs in the controller's interrupt unless it says otherwise.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_USB_DEVICE_H
#define FIRMWARE_USB_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct usb_request {
    uint8_t type; // bmRequestType
    uint8_t request;
    uint16_t value, index, length;
};

enum {
    USB_REQUEST_IN = 0x80, // in bmRequestType: data goes to the host
    USB_CONTROL_DATA_MAX = 64,
};

struct usb_function {
    // The host has chosen the configuration (endpoints are to be opened) or left it.
    void (*configured)(bool on);
    // A request to an interface that is not a standard one. `data` and `*length`: what the host has
    // sent, or room for USB_CONTROL_DATA_MAX bytes and to be set. false: not known, stall.
    bool (*request)(const struct usb_request *request, uint8_t *data, size_t *length);
    // Of endpoints other than 0.
    void (*received)(unsigned endpoint, size_t length);
    void (*sent)(unsigned endpoint);
};

struct usb_device_description {
    const uint8_t *device; // device descriptor, 18 bytes
    const uint8_t *configuration;
    size_t configuration_size;
    const char *const *strings; // ASCII, those with index 1 and up, at most 62 characters each
    unsigned string_count;
    const struct usb_function *function;
};

// Starts the controller. Not from an interrupt.
void usb_device_start(const struct usb_device_description *description);

// Leaves the bus and turns the controller off. Not from an interrupt.
void usb_device_stop(void);

// There is a cable with power, or none. May be called again and again. Not from an interrupt.
void usb_device_plug(bool present);

bool usb_device_is_configured(void);

// Counts up at each bus reset, configuration and unplug. What came before a change does not belong
// to what comes after it.
uint32_t usb_device_generation(void);

#endif
