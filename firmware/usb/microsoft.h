// What Windows asks a device for, so that it needs no driver installer (SPEC.md section 6).
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_USB_MICROSOFT_H
#define FIRMWARE_USB_MICROSOFT_H

#include <stdint.h>

enum {
    MICROSOFT_BOS_SIZE = 33,
    MICROSOFT_SET_SIZE = 178,
    MICROSOFT_VENDOR_CODE = 0x51,
    MICROSOFT_INDEX = 7,
};

extern const uint8_t microsoft_bos[MICROSOFT_BOS_SIZE];
extern const uint8_t microsoft_set[MICROSOFT_SET_SIZE];

#endif
