// A program with a USB serial port of its own: the bootloader's USB code under another identity,
// linked for RAM. It echoes what it gets, and calls the SDK's ql_touch as a program would.
//
// SPDX-License-Identifier: MIT
#include <string.h>

#include "firmware/board.h"
#include "firmware/chip/clock.h"
#include "firmware/chip/interrupt.h"
#include "firmware/chip/startup.h"
#include "firmware/usb/cdc.h"
#include "firmware/usb/device.h"
#include "sdk/include/quadlane/bootloader.h"

int main(void);

// The bootloader that loaded it has left the world of a reset.
void startup_settle(void)
{
}

enum { SET_LINE_CODING = 0x20, SET_CONTROL_LINE_STATE = 0x22 };

// clang-format off
static const uint8_t device_descriptor[18] = {
    18, 1, 0x00, 0x02, 0xEF, 0x02, 0x01, 64, 0x09, 0x12, 0x99, 0x99, 0x00, 0x01, 1, 2, 3, 1,
};
static uint8_t configuration[9 + CDC_DESCRIPTORS_SIZE] = {
    9, 2, 9 + CDC_DESCRIPTORS_SIZE, 0, 2, 1, 0, 0x80, 50,
};
// clang-format on
static const char *const strings[] = {"somebody", "a program", "PROGRAM-42"};

static uint32_t baud = 9600;

static bool on_request(const struct usb_request *request, uint8_t *data, size_t *length)
{
    if (!cdc_function.request(request, data, length)) {
        return false;
    }
    if (request->request == SET_LINE_CODING) {
        memcpy(&baud, data, sizeof baud);
    } else if (request->request == SET_CONTROL_LINE_STATE) {
        ql_touch(baud, (request->value & 1u) != 0);
    }
    return true;
}

static struct usb_function function;
static const struct usb_function *const functions[] = {&function};

static const struct usb_device_description description = {
    .device = device_descriptor,
    .configuration = configuration,
    .configuration_size = sizeof configuration,
    .strings = strings,
    .string_count = 3,
    .functions = functions,
    .function_count = 1,
};

int main(void)
{
    uint8_t bytes[64];

    clock_supply_start();
    clock_fast(&board.crystal);
    function = cdc_function;
    function.request = on_request;
    memcpy(configuration + 9, cdc_descriptors, CDC_DESCRIPTORS_SIZE);
    usb_device_start(&description);
    usb_device_plug(true);
    for (;;) {
        uint32_t notes = interrupt_notes();
        size_t room = cdc_room();
        size_t length = cdc_read(bytes, room < sizeof bytes ? room : sizeof bytes);
        if (length > 0) {
            cdc_write(bytes, length);
        } else {
            interrupt_wait(notes);
        }
    }
}
