// Control transfers of a program on the host's side, beside those of its drivers: what libusb gives
// to programs as libusb_control_transfer().
//
// SPDX-License-Identifier: MIT
#include "sim/usb_host_parts.h"

#include <string.h>

static void end(struct usb_host *host, enum usb_transfer_result result, size_t length)
{
    struct program_transfer *transfer = &host->program;
    bool in = (transfer->setup[0] & 0x80) != 0;

    transfer->under_way = false;
    transfer->done(transfer->context, result, host->control.data, in ? length : 0);
}

static void transfer_done(struct usb_host *host, enum control_result result, size_t length)
{
    static const enum usb_transfer_result results[] = {
        [CONTROL_OK] = USB_TRANSFER_DONE,
        [CONTROL_STALL] = USB_TRANSFER_STALL,
        [CONTROL_ERROR] = USB_TRANSFER_NO_ANSWER,
        [CONTROL_TIMEOUT] = USB_TRANSFER_TIMEOUT,
    };

    end(host, results[result], result == CONTROL_OK ? length : 0);
}

bool usb_host_control(struct usb_host *host, const uint8_t setup[8], const uint8_t *data,
                      size_t length,
                      void (*done)(void *context, enum usb_transfer_result result,
                                   const uint8_t *data, size_t length),
                      void *context)
{
    struct program_transfer *transfer = &host->program;
    struct usb_request request = {.long_data = transfer->data, .done = transfer_done};

    if (transfer->under_way || !host->enumerated || length > sizeof(transfer->data)) {
        return false;
    }
    transfer->under_way = true;
    transfer->done = done;
    transfer->context = context;
    memcpy(transfer->setup, setup, sizeof(transfer->setup));
    memcpy(request.setup, setup, sizeof(request.setup));
    memcpy(transfer->data, data, length);
    control_submit(host, &request);
    return true;
}

void program_gone(struct usb_host *host)
{
    if (host->program.under_way) {
        end(host, USB_TRANSFER_NO_ANSWER, 0);
    }
}
