// CDC-ACM, a serial port over USB, with a buffer in each direction. Line settings are kept and mean
// nothing; DTR and RTS neither.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_USB_CDC_H
#define FIRMWARE_USB_CDC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/usb/device.h"

enum {
    CDC_INTERFACES = 2,
    CDC_DESCRIPTORS_SIZE = 66,
    CDC_ENDPOINT_DATA = 1,
    CDC_ENDPOINT_NOTIFICATION = 2,
};

// The function and its part of the configuration descriptor: interfaces 0 and 1.
extern const struct usb_function cdc_function;
extern const uint8_t cdc_descriptors[CDC_DESCRIPTORS_SIZE];

// Takes up to `capacity` received bytes and returns how many. While the buffer is full the host is
// made to wait.
size_t cdc_read(uint8_t *bytes, size_t capacity);
bool cdc_has_received(void);

// Room for bytes to the host; 0 while no host has configured the device.
size_t cdc_room(void);
// Sends. At most cdc_room() bytes.
void cdc_write(const uint8_t *bytes, size_t length);
// Whether the host has taken everything.
bool cdc_has_sent_all(void);

#endif
