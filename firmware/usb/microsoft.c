// From "Microsoft OS 2.0 Descriptors Specification" (2014): the platform capability in the binary
// object store, and the descriptor set that gives WinUSB to the DFU interface.
//
// SPDX-License-Identifier: MIT
#include "firmware/usb/microsoft.h"

#include "firmware/usb/dfu.h"

enum { SET_HEADER = 0, SUBSET_CONFIGURATION = 1, SUBSET_FUNCTION = 2 };
enum { FEATURE_COMPATIBLE_ID = 3, FEATURE_REGISTRY = 4, REGISTRY_MULTI_SZ = 7 };
enum { HEADER_SIZE = 10, SUBSET_SIZE = 8, COMPATIBLE_SIZE = 20 };
enum { NAME_SIZE = 42, GUIDS_SIZE = 80, REGISTRY_SIZE = 10 + NAME_SIZE + GUIDS_SIZE };
enum {
    FUNCTION_SIZE = SUBSET_SIZE + COMPATIBLE_SIZE + REGISTRY_SIZE,
    CONFIGURATION_SIZE = SUBSET_SIZE + FUNCTION_SIZE,
};

_Static_assert(MICROSOFT_SET_SIZE == HEADER_SIZE + CONFIGURATION_SIZE, "the set's size");

#define WINDOWS_8_1    0x00, 0x00, 0x03, 0x06
#define W4(a, b, c, d) (a), 0, (b), 0, (c), 0, (d), 0

// clang-format off
const uint8_t microsoft_bos[MICROSOFT_BOS_SIZE] = {
    5, 15, USB_U16(MICROSOFT_BOS_SIZE), 1,
    // platform capability D8DD60DF-4589-4CC7-9CD2-659D9E648A9F
    28, 16, 5, 0,
    0xDF, 0x60, 0xDD, 0xD8, 0x89, 0x45, 0xC7, 0x4C,
    0x9C, 0xD2, 0x65, 0x9D, 0x9E, 0x64, 0x8A, 0x9F,
    WINDOWS_8_1, USB_U16(MICROSOFT_SET_SIZE), MICROSOFT_VENDOR_CODE, 0,
};

const uint8_t microsoft_set[MICROSOFT_SET_SIZE] = {
    USB_U16(HEADER_SIZE), USB_U16(SET_HEADER), WINDOWS_8_1, USB_U16(MICROSOFT_SET_SIZE),
    USB_U16(SUBSET_SIZE), USB_U16(SUBSET_CONFIGURATION), 0, 0, USB_U16(CONFIGURATION_SIZE),
    USB_U16(SUBSET_SIZE), USB_U16(SUBSET_FUNCTION), USB_DFU_INTERFACE, 0, USB_U16(FUNCTION_SIZE),
    USB_U16(COMPATIBLE_SIZE), USB_U16(FEATURE_COMPATIBLE_ID),
    'W', 'I', 'N', 'U', 'S', 'B', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    USB_U16(REGISTRY_SIZE), USB_U16(FEATURE_REGISTRY),
    USB_U16(REGISTRY_MULTI_SZ), USB_U16(NAME_SIZE),
    W4('D', 'e', 'v', 'i'), W4('c', 'e', 'I', 'n'), W4('t', 'e', 'r', 'f'),
    W4('a', 'c', 'e', 'G'), W4('U', 'I', 'D', 's'), 0, 0,
    USB_U16(GUIDS_SIZE),
    W4('{', '6', 'F', '9'), W4('E', '7', 'C', '4'), W4('A', '-', '2', 'B'),
    W4('1', 'D', '-', '4'), W4('F', '0', 'E', '-'), W4('9', 'A', '5', '5'),
    W4('-', '5', '1', '4'), W4('1', '4', 'E', '4'), W4('5', '5', '1', '5'),
    '5', 0, '}', 0, 0, 0, 0, 0,
};
// clang-format on
