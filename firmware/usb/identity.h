// How the bootloader introduces itself on USB (SPEC.md section 6).
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_USB_IDENTITY_H
#define FIRMWARE_USB_IDENTITY_H

#include "firmware/usb/device.h"

// Descriptors for a serial port and DFU on this board, with the unique id as serial number.
// `manufacturer` and `product` are the owner's, empty: ours; `layout` is the memory's, which stays
// where it is. Returns the same memory each time.
const struct usb_device_description *usb_identity(const char *board_name, const uint32_t uid[3],
                                                  const char *manufacturer, const char *product,
                                                  const char *layout);

// Why DFU failed, for its string; stays where it is.
void usb_identity_reason(const char *reason);

#endif
