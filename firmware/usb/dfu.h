// The DFU interface: requests of the bus to core/dfu.h and back.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_USB_DFU_H
#define FIRMWARE_USB_DFU_H

#include "core/dfu.h"
#include "firmware/usb/device.h"

enum {
    USB_DFU_INTERFACE = 2,
    USB_DFU_DESCRIPTORS_SIZE = 18,
};

// The function and its part of the configuration descriptor.
extern const struct usb_function usb_dfu_function;
extern const uint8_t usb_dfu_descriptors[USB_DFU_DESCRIPTORS_SIZE];

// Where DNLOAD's bytes go and UPLOAD's come from; for dfu_init.
uint8_t *usb_dfu_buffer(void);

// Hands what has come to the state machine, and its answers to the bus. Not from an interrupt.
void usb_dfu_serve(struct dfu *dfu);

#endif
