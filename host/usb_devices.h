// What hangs on this computer's USB, by the kernel's own list; nothing is opened.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_USB_DEVICES_H
#define HOST_USB_DEVICES_H

#include <stddef.h>
#include <stdint.h>

struct ql_usb_device {
    uint16_t vid, pid;
    char path[32]; // "1-2.3", as dfu-util calls it, too
    char serial[64];
    char product[64];
};

// At most `count_max`; returns how many. The list is read from /sys/bus/usb/devices, or from the
// folder in $QUADLANE_USB_DEVICES.
size_t ql_usb_devices(struct ql_usb_device *devices, size_t count_max);

#endif
