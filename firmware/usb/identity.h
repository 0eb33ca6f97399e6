// How the bootloader introduces itself on USB (SPEC.md section 6).
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_USB_IDENTITY_H
#define FIRMWARE_USB_IDENTITY_H

#include "firmware/usb/device.h"

// Descriptors for a serial port on this board, with the unique id as serial number. `manufacturer`
// and `product` are the owner's, empty: ours. Returns the same memory each time.
const struct usb_device_description *usb_identity(const char *board_name, const uint32_t uid[3],
                                                  const char *manufacturer, const char *product);

#endif
