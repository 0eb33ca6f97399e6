// A USB device without a controller, for the tests of the host model and of the cables.
//
// Descriptors from USB 2.0 chapter 9, CDC 1.2 and PSTN 1.2.
//
// SPDX-License-Identifier: MIT
#include "tests/model/fake_device.h"

#include <string.h>

static const uint8_t good_device[18] = {18,   1,    0x00, 0x02, 0,    0, 0, 64, 0x09,
                                        0x12, 0x01, 0x00, 0x10, 0x00, 1, 2, 3,  1};

static const uint8_t good_configuration[] = {
    9, 2,    67,   0,    2,  1,  0,  0x80, 50, // configuration
    9, 4,    0,    0,    1,  2,  2,  1,    4,  // interface 0: CDC control
    5, 0x24, 0,    0x20, 1,                    // header
    5, 0x24, 1,    0,    1,                    // call management
    4, 0x24, 2,    2,                          // ACM
    5, 0x24, 6,    0,    1,                    // union
    7, 5,    0x82, 3,    8,  0,  16,           // interrupt IN
    9, 4,    1,    0,    2,  10, 0,  0,    0,  // interface 1: CDC data
    7, 5,    0x01, 2,    64, 0,  0,            // bulk OUT
    7, 5,    0x81, 2,    64, 0,  0,            // bulk IN
};

// --- Control endpoint ---------------------------------------------------------------------------

static void answer_string(struct fake_device *device, uint8_t index)
{
    const char *text = index < 6 ? device->strings[index] : NULL;
    uint8_t *data = device->control_data;

    if (index == 0) {
        memcpy(data, (uint8_t[]){4, 3, 0x09, 0x04}, 4);
        device->control_length = 4;
        return;
    }
    if (text == NULL) {
        device->control_stalled = true;
        return;
    }
    device->control_length = 2 + 2 * strlen(text);
    data[0] = (uint8_t)device->control_length;
    data[1] = 3;
    for (size_t i = 0; text[i] != '\0'; i++) {
        data[2 + 2 * i] = (uint8_t)text[i];
        data[3 + 2 * i] = 0;
    }
}

static void answer_descriptor(struct fake_device *device)
{
    switch (device->setup[3]) {
    case 1:
        memcpy(device->control_data, device->device, 18);
        device->control_length = 18;
        break;
    case 2:
        memcpy(device->control_data, device->configuration, device->configuration_length);
        device->control_length = device->configuration_length;
        break;
    case 3:
        answer_string(device, device->setup[2]);
        break;
    case 15:
        device->control_stalled = device->bos_length == 0;
        memcpy(device->control_data, device->bos, device->bos_length);
        device->control_length = device->bos_length;
        break;
    default:
        device->control_stalled = true;
        break;
    }
}

static size_t asked(const struct fake_device *device)
{
    return device->setup[6] | (size_t)device->setup[7] << 8;
}

static bool is_mine(struct fake_device *device, uint8_t address)
{
    return device->attached && !device->silent && address == device->address;
}

static enum usb_handshake fake_setup(void *context, uint8_t address, const uint8_t packet[8])
{
    struct fake_device *device = context;

    if (!is_mine(device, address)) {
        return USB_NO_ANSWER;
    }
    memcpy(device->setup, packet, 8);
    if (device->log_count < FAKE_LOG_MAX) {
        struct fake_request *entry = &device->log[device->log_count++];

        entry->at_ns = machine_now_ns(device->machine);
        memcpy(entry->setup, packet, 8);
    }
    device->control_at = 0;
    device->control_length = 0;
    device->control_stalled = packet[1] == device->stall_request;
    if (packet[0] == 0x80 && packet[1] == 6) {
        answer_descriptor(device);
    } else if (packet[0] == 0x02 && packet[1] == 1) {
        device->stalls_in = device->stalls_in && packet[4] != 0x81;
        device->stalls_out = device->stalls_out && packet[4] != 0x01;
        if (packet[4] == 0x81) {
            device->in_data1 = false;
        } else {
            device->out_data1 = false;
        }
    }
    if (device->control_length > asked(device)) {
        device->control_length = asked(device);
    }
    return USB_ACK;
}

static enum usb_handshake control_in(struct fake_device *device, uint8_t *data, size_t *length,
                                     bool *data1)
{
    size_t left = device->control_length - device->control_at;

    if (device->control_stalled) {
        return USB_STALL;
    }
    if (device->naks_control) {
        return USB_NAK;
    }
    *data1 = true;
    *length = 0;
    if (device->setup[0] & 0x80) {
        *length = left < 64 ? left : 64;
        memcpy(data, device->control_data + device->control_at, *length);
        *data1 = device->control_at / 64 % 2 == 0;
    }
    return USB_ACK;
}

// --- Port ---------------------------------------------------------------------------------------

static enum usb_handshake fake_in(void *context, uint8_t address, uint8_t endpoint, uint8_t *data,
                                  size_t *length, bool *data1)
{
    struct fake_device *device = context;
    size_t left = device->in_count - device->in_at;

    if (!is_mine(device, address)) {
        return USB_NO_ANSWER;
    }
    if (endpoint == 0) {
        return control_in(device, data, length, data1);
    }
    if (endpoint == 2) {
        device->notify_polls++;
        if (device->notification_length == 0) {
            return USB_NAK;
        }
        *length = device->notification_length;
        memcpy(data, device->notification, *length);
        *data1 = false;
        return USB_ACK;
    }
    if (device->stalls_in) {
        return USB_STALL;
    }
    if (left == 0) {
        return USB_NAK;
    }
    *length = left < 64 ? left : 64;
    memcpy(data, device->in_queue + device->in_at, *length);
    *data1 = device->in_data1 != device->wrong_toggle;
    device->in_flight = *length;
    return USB_ACK;
}

static void fake_in_acknowledged(void *context, uint8_t endpoint)
{
    struct fake_device *device = context;

    if (endpoint == 1) {
        device->in_at += device->in_flight;
        device->in_data1 = !device->in_data1;
        device->in_packets++;
    } else if (endpoint == 2) {
        device->notification_length = 0;
    } else if (device->setup[0] & 0x80) {
        device->control_at += device->control_length - device->control_at < 64
                                  ? device->control_length - device->control_at
                                  : 64;
    } else if (device->setup[1] == 5) {
        device->address = device->setup[2];
    }
}

static enum usb_handshake fake_out(void *context, uint8_t address, uint8_t endpoint,
                                   const uint8_t *data, size_t length, bool data1)
{
    struct fake_device *device = context;

    if (!is_mine(device, address)) {
        return USB_NO_ANSWER;
    }
    if (endpoint == 0) {
        if (device->control_stalled) {
            return USB_STALL;
        }
        if (device->naks_control) {
            return USB_NAK;
        }
        if (length != 0 && length <= 8 && device->log_count != 0) {
            memcpy(device->log[device->log_count - 1].data, data, length);
        }
        return USB_ACK;
    }
    if (device->stalls_out) {
        return USB_STALL;
    }
    if (device->naks_out) {
        return USB_NAK;
    }
    if (data1 == device->out_data1) {
        memcpy(device->out_bytes + device->out_count, data, length);
        device->out_count += length;
        device->out_data1 = !device->out_data1;
        device->out_packets++;
    }
    return USB_ACK;
}

static bool fake_attached(void *context)
{
    return ((struct fake_device *)context)->attached;
}

static void fake_vbus(void *context, bool on)
{
    ((struct fake_device *)context)->vbus = on;
}

static void fake_bus_reset(void *context)
{
    struct fake_device *device = context;

    device->resets++;
    device->address = 0;
    device->in_data1 = false;
    device->out_data1 = false;
}

static void fake_suspend(void *context, bool suspended)
{
    ((struct fake_device *)context)->suspended = suspended;
}

static void fake_frame(void *context, uint16_t frame)
{
    (void)frame;
    ((struct fake_device *)context)->frames++;
}

// --- For the tests ------------------------------------------------------------------------------

void fake_device_init(struct fake_device *device, struct machine *machine)
{
    memset(device, 0, sizeof(*device));
    device->machine = machine;
    device->stall_request = -1;
    memcpy(device->device, good_device, sizeof(good_device));
    memcpy(device->configuration, good_configuration, sizeof(good_configuration));
    device->configuration_length = sizeof(good_configuration);
    device->strings[1] = "quadlane";
    device->strings[2] = "fake device";
    device->strings[3] = "0123456789AB";
    device->strings[4] = "serial";
    device->port = (struct usb_device_port){
        .context = device,
        .attached = fake_attached,
        .vbus = fake_vbus,
        .bus_reset = fake_bus_reset,
        .suspend = fake_suspend,
        .start_of_frame = fake_frame,
        .setup = fake_setup,
        .out = fake_out,
        .in = fake_in,
        .in_acknowledged = fake_in_acknowledged,
    };
}

void fake_device_send(struct fake_device *device, struct usb_host *host, const void *data,
                      size_t length)
{
    memcpy(device->in_queue + device->in_count, data, length);
    device->in_count += length;
    usb_host_endpoint_ready(host);
}

void fake_device_attach(struct fake_device *device, struct usb_host *host, bool attached)
{
    device->attached = attached;
    usb_host_pull_up_changed(host);
}
