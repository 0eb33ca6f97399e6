// The device descriptor and the strings of SPEC.md sections 6 and 14.
//
// SPDX-License-Identifier: MIT
#include "firmware/usb/identity.h"

#include <string.h>

#include "abi/protocol.h"
#include "core/dfu.h"
#include "firmware/chip/usb_otg.h"
#include "firmware/usb/cdc.h"
#include "firmware/usb/dfu.h"
#include "firmware/usb/microsoft.h"

enum { TEXT_SIZE = 62 + 1 };
enum {
    STRING_MANUFACTURER = 1,
    STRING_PRODUCT = 2,
    STRING_SERIAL = 3,
    STRING_COUNT = DFU_STRING_REASON,
};
enum {
    HEAD_SIZE = 9,
    CONFIGURATION_SIZE = HEAD_SIZE + CDC_DESCRIPTORS_SIZE + USB_DFU_DESCRIPTORS_SIZE,
    INTERFACES = CDC_INTERFACES + 1,
};

// clang-format off
static uint8_t device_descriptor[18] = {
    18, 1, 0x10, 0x02, // USB 2.10: there is a binary object store
    0xEF, 0x02, 0x01,  // functions are told by interface association
    USB_OTG_PACKET_SIZE,
    USB_U16(QL_USB_VID), USB_U16(QL_USB_PID),
    0, 0, // bcdDevice: the version, filled in
    STRING_MANUFACTURER, STRING_PRODUCT, STRING_SERIAL,
    1, // configuration
};

// Bus-powered, 500 mA at most, as a board may draw. The functions' descriptors follow.
static uint8_t configuration[CONFIGURATION_SIZE] = {
    HEAD_SIZE, 2, USB_U16(CONFIGURATION_SIZE), INTERFACES, 1, 0, 0x80, 250,
};
// clang-format on

static char manufacturer_text[TEXT_SIZE], product_text[TEXT_SIZE];
static char serial[3 * 8 + 1];
static const char *strings[STRING_COUNT] = {manufacturer_text, product_text, serial, "", ""};
static const struct usb_function *const functions[] = {&cdc_function, &usb_dfu_function};

static const struct usb_device_description description = {
    .device = device_descriptor,
    .configuration = configuration,
    .configuration_size = CONFIGURATION_SIZE,
    .strings = strings,
    .string_count = STRING_COUNT,
    .functions = functions,
    .function_count = sizeof functions / sizeof functions[0],
    .bos = microsoft_bos,
    .bos_size = MICROSOFT_BOS_SIZE,
    .vendor_request = MICROSOFT_VENDOR_CODE,
    .vendor_index = MICROSOFT_INDEX,
    .vendor_bytes = microsoft_set,
    .vendor_size = MICROSOFT_SET_SIZE,
};

static size_t text_add(char *text, size_t length, const char *part)
{
    while (*part != 0 && length < TEXT_SIZE - 1) {
        text[length++] = *part++;
    }
    text[length] = 0;
    return length;
}

// "1.2.3" to 0x0123: major in the high byte, then a BCD digit each.
static uint16_t version_bcd(const char *version)
{
    unsigned parts[3] = {0, 0, 0};
    for (unsigned part = 0; *version != 0 && part < 3; ++version) {
        if (*version == '.') {
            ++part;
        } else {
            parts[part] = parts[part] * 10 + (unsigned)(*version - '0');
        }
    }
    return (uint16_t)((parts[0] / 10 << 12) | (parts[0] % 10 << 8) | parts[1] << 4 | parts[2]);
}

const struct usb_device_description *usb_identity(const char *board_name, const uint32_t uid[3],
                                                  const char *manufacturer, const char *product,
                                                  const char *layout)
{
    memcpy(configuration + HEAD_SIZE, cdc_descriptors, CDC_DESCRIPTORS_SIZE);
    memcpy(configuration + HEAD_SIZE + CDC_DESCRIPTORS_SIZE, usb_dfu_descriptors,
           USB_DFU_DESCRIPTORS_SIZE);
    strings[DFU_STRING_LAYOUT - 1] = layout;
    uint16_t version = version_bcd(QUADLANE_VERSION);
    device_descriptor[12] = (uint8_t)version;
    device_descriptor[13] = (uint8_t)(version >> 8);

    (void)text_add(manufacturer_text, 0, *manufacturer ? manufacturer : QL_MANUFACTURER_DEFAULT);
    // By its product's name the tool knows a board.
    if (*product) {
        size_t length = text_add(product_text, 0, product);
        (void)text_add(product_text, length, QL_PRODUCT_SUFFIX);
    } else {
        size_t length = text_add(product_text, 0, "quadlane bootloader (");
        length = text_add(product_text, length, board_name);
        (void)text_add(product_text, length, ")");
    }

    for (unsigned digit = 0; digit < 24; ++digit) {
        serial[digit] = "0123456789ABCDEF"[uid[digit / 8] >> (28 - digit % 8 * 4) & 0xF];
    }
    serial[24] = 0;
    return &description;
}

void usb_identity_reason(const char *reason)
{
    strings[DFU_STRING_REASON - 1] = reason;
}
