// A USB device: standard requests on endpoint 0, for functions (class drivers).
//
// Everything runs in the controller's interrupt unless it says otherwise.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_USB_DEVICE_H
#define FIRMWARE_USB_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Two bytes of a descriptor.
#define USB_U16(value) (uint8_t)((value)&0xFF), (uint8_t)((value) >> 8)

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
    uint8_t interface_first, interface_count;
    // The host has chosen the configuration (endpoints are to be opened) or left it. May be NULL.
    void (*configured)(bool on);
    // A request to an interface that is not a standard one. `data` and `*length`: what the host has
    // sent, or room for USB_CONTROL_DATA_MAX bytes and to be set. false: not known, stall.
    bool (*request)(const struct usb_request *request, uint8_t *data, size_t *length);
    // A request that is answered later and may bring or take many bytes (then `request` is NULL).
    // Returns where the host's bytes shall go: there is room for request->length, and that is a
    // multiple of the packet size. NULL: stall.
    uint8_t *(*defer)(const struct usb_request *request);
    // Of endpoints other than 0; NULL: it has none.
    void (*received)(unsigned endpoint, size_t length);
    void (*sent)(unsigned endpoint);
};

struct usb_device_description {
    const uint8_t *device; // device descriptor, 18 bytes
    const uint8_t *configuration;
    size_t configuration_size;
    const char *const *strings; // ASCII, those with index 1 and up, at most 126 characters each
    unsigned string_count;
    const struct usb_function *const *functions;
    unsigned function_count;
    const uint8_t *bos; // binary object store
    size_t bos_size;
    // What a vendor request to the device gets, told apart by bRequest and wIndex.
    uint8_t vendor_request;
    uint16_t vendor_index;
    const uint8_t *vendor_bytes;
    size_t vendor_size;
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

// A deferred request that has come whole. Returns a number for its answer, 0: none waits. Not from
// an interrupt, like the answers.
uint32_t usb_device_deferred(struct usb_request *request);
// Answers it; `bytes` stay until the next one. False: the host has given up waiting.
bool usb_device_answer(uint32_t number, const uint8_t *bytes, size_t length);
bool usb_device_stall(uint32_t number);

// Is no request under way?
bool usb_device_is_quiet(void);

#endif
