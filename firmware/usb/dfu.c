// The DFU interface, from "USB Device Class Specification for Device Firmware Upgrade" 1.1, chapter
// 4.2, with the version number by which ST's extensions are known; SPEC.md section 19.
//
// The interrupt takes requests in whole; they are answered from the main loop, where the state
// machine runs. Until then the controller answers NAK and the host asks again.
//
// SPDX-License-Identifier: MIT
#include "firmware/usb/dfu.h"

#include "firmware/chip/interrupt.h"

enum { ATTRIBUTES = 0x0B }; // download, upload, will detach
enum { DETACH_TIMEOUT_MS = 255 };
enum { TO_INTERFACE = 0x21, FROM_INTERFACE = 0xA1 };

// clang-format off
const uint8_t usb_dfu_descriptors[USB_DFU_DESCRIPTORS_SIZE] = {
    // interface 2: application specific, device firmware upgrade, in DFU mode
    9, 4, USB_DFU_INTERFACE, 0, 0, 0xFE, 0x01, 0x02, DFU_STRING_LAYOUT,
    // functional descriptor
    9, 0x21, ATTRIBUTES, USB_U16(DETACH_TIMEOUT_MS), USB_U16(QL_DFU_TRANSFER_SIZE), USB_U16(0x011A),
};
// clang-format on

static uint8_t buffer[QL_DFU_TRANSFER_SIZE] __attribute__((section(".noinit.buffer"), aligned(4)));
static volatile bool holding; // the buffer is in use
static volatile bool refused; // a DNLOAD was not let in

uint8_t *usb_dfu_buffer(void)
{
    return buffer;
}

static uint8_t *on_defer(const struct usb_request *request)
{
    bool brings = request->request == DFU_DNLOAD && request->type == TO_INTERFACE;
    if (brings && request->length > 0 && (holding || request->length > QL_DFU_TRANSFER_SIZE)) {
        refused = true;
        interrupt_note();
        return NULL;
    }
    bool takes = request->request == DFU_UPLOAD || request->request == DFU_GETSTATUS ||
                 request->request == DFU_GETSTATE;
    if (request->type != (takes ? FROM_INTERFACE : TO_INTERFACE) ||
        (!takes && !brings && request->length > 0 && request->request != DFU_DETACH)) {
        return NULL;
    }
    return request->length <= QL_DFU_TRANSFER_SIZE ? buffer : NULL;
}

const struct usb_function usb_dfu_function = {
    .interface_first = USB_DFU_INTERFACE,
    .interface_count = 1,
    .defer = on_defer,
};

void usb_dfu_serve(struct dfu *dfu)
{
    static uint8_t small[DFU_STATUS_SIZE];
    struct usb_request request;
    uint32_t number = usb_device_deferred(&request);

    if (refused) {
        refused = false;
        dfu_refuse(dfu);
    }
    if (number != 0) {
        const struct dfu_request asked = {request.request, request.value, request.length};
        const uint8_t *answer;
        size_t length;
        bool good = dfu_request(dfu, &asked, small, &answer, &length);
        holding = dfu_is_holding(dfu);
        // A host that has given up a DNLOAD cannot know what became of it.
        if (!(good ? usb_device_answer(number, answer, length) : usb_device_stall(number)) &&
            request.request == DFU_DNLOAD) {
            dfu_refuse(dfu);
        }
    }
    holding = dfu_is_holding(dfu);
}
