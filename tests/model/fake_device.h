// A USB device without a controller: a CDC-ACM device whose descriptors and answers a test can
// bend. Its bulk OUT bytes are kept, its bulk IN bytes come from the test.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_MODEL_FAKE_DEVICE_H
#define TESTS_MODEL_FAKE_DEVICE_H

#include "sim/machine.h"
#include "sim/usb_host.h"

#define FAKE_LOG_MAX 256u

struct fake_request {
    uint64_t at_ns;
    uint8_t setup[8];
    uint8_t data[8]; // of the data stage towards the device
};

struct fake_device {
    struct machine *machine;
    struct usb_device_port port;
    bool attached;
    bool vbus;
    bool suspended;
    unsigned resets;
    unsigned frames;
    uint8_t device[18];
    uint8_t configuration[256];
    size_t configuration_length;
    uint8_t bos[64]; // asked for with bcdUSB above 0200; without one that is stalled
    size_t bos_length;
    const char *strings[6]; // by index; NULL stalls
    bool naks_control;      // every data and status stage
    bool silent;            // answers nothing at all
    int stall_request;      // bRequest that is stalled, -1: none
    bool naks_out;
    bool stalls_in, stalls_out;
    bool wrong_toggle;

    uint8_t address;
    uint8_t setup[8];
    uint8_t control_data[512];
    size_t control_length, control_at;
    bool control_stalled;
    bool in_data1, out_data1;
    uint8_t in_queue[65536];
    size_t in_count, in_at, in_flight;
    uint8_t out_bytes[65536];
    size_t out_count;
    unsigned out_packets, in_packets, notify_polls;
    uint8_t notification[16];
    size_t notification_length;
    struct fake_request log[FAKE_LOG_MAX];
    unsigned log_count;
};

// Known-good descriptors: full-speed CDC-ACM, endpoints 82, 01, 81.
void fake_device_init(struct fake_device *device, struct machine *machine);

// Appends bytes that the device sends on its bulk IN endpoint.
void fake_device_send(struct fake_device *device, struct usb_host *host, const void *data,
                      size_t length);

// Pull-up on or off.
void fake_device_attach(struct fake_device *device, struct usb_host *host, bool attached);

#endif
