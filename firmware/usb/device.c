// Endpoint 0, from the Universal Serial Bus Specification 2.0, chapters 8.5.3 and 9.
//
// SPDX-License-Identifier: MIT
#include "firmware/usb/device.h"

#include <string.h>

#include "firmware/chip/interrupt.h"
#include "firmware/chip/usb_otg.h"

// bmRequestType
enum {
    TYPE_MASK = 0x60,
    TYPE_STANDARD = 0x00,
    TYPE_VENDOR = 0x40,
    RECIPIENT_MASK = 0x1F,
    RECIPIENT_DEVICE = 0,
    RECIPIENT_INTERFACE = 1,
    RECIPIENT_ENDPOINT = 2,
};

enum {
    GET_STATUS = 0,
    CLEAR_FEATURE = 1,
    SET_FEATURE = 3,
    SET_ADDRESS = 5,
    GET_DESCRIPTOR = 6,
    GET_CONFIGURATION = 8,
    SET_CONFIGURATION = 9,
    GET_INTERFACE = 10,
    SET_INTERFACE = 11,
};

enum {
    DESCRIPTOR_DEVICE = 1,
    DESCRIPTOR_CONFIGURATION = 2,
    DESCRIPTOR_STRING = 3,
    DESCRIPTOR_BOS = 15
};
enum { FEATURE_ENDPOINT_HALT = 0 };
enum { LANGUAGE_ENGLISH_US = 0x0409 };
enum { CONFIGURATION_ATTRIBUTES = 7, ATTRIBUTE_SELF_POWERED = 0x40 };
enum { STRING_CHARACTERS_MAX = 126 };
enum { INTERFACE_COUNT = 4 }; // offset in the configuration descriptor

enum stage {
    STAGE_IDLE,
    STAGE_DATA_IN,
    STAGE_DATA_OUT,
    STAGE_DEFERRED,
    STAGE_STATUS_IN,
    STAGE_STATUS_OUT,
};

static struct {
    const struct usb_device_description *description;
    volatile enum stage stage;
    struct usb_request request;
    uint32_t number;   // of the request, never 0
    uint8_t *deferred; // where the data stage's bytes go, NULL: into `data`
    size_t received;
    // The data stage: what is left to send, and whether an empty packet has to end it.
    const uint8_t *out_bytes;
    size_t out_length;
    bool out_empty_packet;
    uint8_t data[2 + 2 * STRING_CHARACTERS_MAX]; // built answers, received data
    uint8_t configuration;
    uint16_t halted; // bits 15:8 IN, 7:0 OUT endpoints
    bool plugged;
    volatile bool configured;
    volatile uint32_t generation;
} device;

bool usb_device_is_configured(void)
{
    return device.configured;
}

uint32_t usb_device_generation(void)
{
    return device.generation;
}

static void functions_configured(bool on)
{
    for (unsigned i = 0; i < device.description->function_count; ++i) {
        if (device.description->functions[i]->configured != NULL) {
            device.description->functions[i]->configured(on);
        }
    }
}

static void configuration_leave(void)
{
    ++device.generation;
    device.halted = 0;
    device.configuration = 0;
    if (device.configured) {
        device.configured = false;
        functions_configured(false);
    }
}

static void stall(void)
{
    device.stage = STAGE_IDLE;
    usb_otg_stall_in(0, true);
    usb_otg_stall_out(0, true);
}

static void status_in(void)
{
    device.stage = STAGE_STATUS_IN;
    usb_otg_send(0, NULL, 0);
}

// Sends the next packet of the data stage, or turns to the status stage behind the last one.
static void data_in_next(void)
{
    size_t length = device.out_length;
    if (length == 0 && !device.out_empty_packet) {
        device.stage = STAGE_STATUS_OUT;
        usb_otg_receive(0, device.data);
        return;
    }
    if (length >= USB_OTG_PACKET_SIZE) {
        length = USB_OTG_PACKET_SIZE;
    } else {
        device.out_empty_packet = false; // a short packet ends the stage as well
    }
    usb_otg_send(0, device.out_bytes, length);
    device.out_bytes += length;
    device.out_length -= length;
}

static void data_in(const uint8_t *bytes, size_t length)
{
    if (device.request.length == 0) {
        status_in(); // no data stage
        return;
    }
    // An answer shorter than asked for ends with a packet that is not full.
    device.out_empty_packet = length < device.request.length;
    device.out_bytes = bytes;
    device.out_length = length < device.request.length ? length : device.request.length;
    device.stage = STAGE_DATA_IN;
    data_in_next();
}

static bool string_descriptor(unsigned index, size_t *size)
{
    uint8_t *data = device.data;
    if (index == 0) {
        *size = 4;
        data[2] = LANGUAGE_ENGLISH_US & 0xFF;
        data[3] = LANGUAGE_ENGLISH_US >> 8;
    } else if (index <= device.description->string_count) {
        const char *text = device.description->strings[index - 1];
        *size = 2;
        while (*text != 0 && *size < sizeof device.data) {
            data[(*size)++] = (uint8_t)*text++;
            data[(*size)++] = 0;
        }
    } else {
        return false;
    }
    data[0] = (uint8_t)*size;
    data[1] = DESCRIPTOR_STRING;
    return true;
}

static bool get_descriptor(void)
{
    const struct usb_device_description *description = device.description;
    unsigned index = device.request.value & 0xFF;
    size_t size;

    switch (device.request.value >> 8) {
    case DESCRIPTOR_DEVICE:
        data_in(description->device, description->device[0]);
        return true;
    case DESCRIPTOR_CONFIGURATION:
        if (index != 0) {
            return false;
        }
        data_in(description->configuration, description->configuration_size);
        return true;
    case DESCRIPTOR_STRING:
        if (!string_descriptor(index, &size)) {
            return false;
        }
        data_in(device.data, size);
        return true;
    case DESCRIPTOR_BOS:
        data_in(description->bos, description->bos_size);
        return true;
    default: // a full-speed device has no device qualifier
        return false;
    }
}

static bool set_configuration(void)
{
    uint8_t wanted = (uint8_t)device.request.value;
    if (wanted > 1) {
        return false;
    }
    configuration_leave();
    if (wanted == 1) {
        device.configuration = 1;
        functions_configured(true);
        device.configured = true;
    }
    status_in();
    return true;
}

static bool device_request(void)
{
    switch (device.request.request) {
    case GET_STATUS:
        device.data[0] = (device.description->configuration[CONFIGURATION_ATTRIBUTES] &
                          ATTRIBUTE_SELF_POWERED) != 0;
        device.data[1] = 0;
        data_in(device.data, 2);
        return true;
    case SET_ADDRESS:
        usb_otg_set_address(device.request.value & 0x7F);
        status_in();
        return true;
    case GET_DESCRIPTOR:
        return get_descriptor();
    case GET_CONFIGURATION:
        device.data[0] = device.configuration;
        data_in(device.data, 1);
        return true;
    case SET_CONFIGURATION:
        return set_configuration();
    default:
        return false;
    }
}

static bool interface_request(void)
{
    if (!device.configured ||
        device.request.index >= device.description->configuration[INTERFACE_COUNT]) {
        return false;
    }
    switch (device.request.request) {
    case GET_STATUS:
        device.data[0] = 0;
        device.data[1] = 0;
        data_in(device.data, 2);
        return true;
    case GET_INTERFACE:
        device.data[0] = 0;
        data_in(device.data, 1);
        return true;
    case SET_INTERFACE:
        if (device.request.value != 0) {
            return false;
        }
        status_in();
        return true;
    default:
        return false;
    }
}

static bool endpoint_request(void)
{
    unsigned endpoint = device.request.index & 0x0F;
    bool in = (device.request.index & USB_REQUEST_IN) != 0;
    uint16_t bit = (uint16_t)(1u << (endpoint % 8 + (in ? 8 : 0)));
    bool halt = device.request.request == SET_FEATURE;

    if (endpoint >= USB_OTG_ENDPOINTS || (endpoint != 0 && !device.configured)) {
        return false;
    }
    switch (device.request.request) {
    case GET_STATUS:
        device.data[0] = (device.halted & bit) != 0;
        device.data[1] = 0;
        data_in(device.data, 2);
        return true;
    case SET_FEATURE:
    case CLEAR_FEATURE:
        if (device.request.value != FEATURE_ENDPOINT_HALT) {
            return false;
        }
        if (endpoint != 0) {
            device.halted = (uint16_t)(halt ? device.halted | bit : device.halted & ~bit);
            if (in) {
                usb_otg_stall_in(endpoint, halt);
            } else {
                usb_otg_stall_out(endpoint, halt);
            }
        }
        status_in();
        return true;
    default:
        return false;
    }
}

static bool standard_request(void)
{
    switch (device.request.type & RECIPIENT_MASK) {
    case RECIPIENT_DEVICE:
        return device_request();
    case RECIPIENT_INTERFACE:
        return interface_request();
    case RECIPIENT_ENDPOINT:
        return endpoint_request();
    default:
        return false;
    }
}

// The function that a class request to an interface is for, or NULL.
static const struct usb_function *function_find(void)
{
    const struct usb_device_description *description = device.description;
    unsigned interface = device.request.index & 0xFF;
    if (!device.configured || (device.request.type & RECIPIENT_MASK) != RECIPIENT_INTERFACE) {
        return NULL;
    }
    for (unsigned i = 0; i < description->function_count; ++i) {
        const struct usb_function *function = description->functions[i];
        if (interface >= function->interface_first &&
            interface - function->interface_first < function->interface_count) {
            return function;
        }
    }
    return NULL;
}

static bool vendor_request(void)
{
    const struct usb_device_description *description = device.description;
    if (device.request.type != (USB_REQUEST_IN | TYPE_VENDOR | RECIPIENT_DEVICE) ||
        device.request.request != description->vendor_request ||
        device.request.index != description->vendor_index) {
        return false;
    }
    data_in(description->vendor_bytes, description->vendor_size);
    return true;
}

static bool function_request(size_t length)
{
    const struct usb_function *function = function_find();
    if (function == NULL || function->request == NULL ||
        !function->request(&device.request, device.data, &length)) {
        return false;
    }
    if ((device.request.type & USB_REQUEST_IN) != 0) {
        data_in(device.data, length);
    } else {
        status_in();
    }
    return true;
}

// Takes the next packet of the host's data, wherever it goes.
static void data_out_next(void)
{
    device.stage = STAGE_DATA_OUT;
    usb_otg_receive(0, device.deferred != NULL ? device.deferred + device.received : device.data);
}

static bool class_request(void)
{
    const struct usb_request *request = &device.request;
    const struct usb_function *function = function_find();
    bool brings = (request->type & USB_REQUEST_IN) == 0 && request->length > 0;

    if (function != NULL && function->defer != NULL) {
        device.deferred = function->defer(request);
        if (device.deferred == NULL) {
            return false;
        }
        device.stage = STAGE_DEFERRED;
    } else if (!brings) {
        return function_request(0);
    } else if (request->length > USB_CONTROL_DATA_MAX) {
        return false;
    }
    if (brings) {
        data_out_next();
    }
    return true;
}

static bool setup_request(void)
{
    switch (device.request.type & TYPE_MASK) {
    case TYPE_STANDARD:
        // No standard request that is known here brings data.
        return ((device.request.type & USB_REQUEST_IN) != 0 || device.request.length == 0) &&
               standard_request();
    case TYPE_VENDOR:
        return vendor_request();
    default:
        return class_request();
    }
}

static void on_setup(const uint8_t packet[USB_OTG_SETUP_SIZE])
{
    struct usb_request *request = &device.request;
    request->type = packet[0];
    request->request = packet[1];
    request->value = (uint16_t)(packet[2] | packet[3] << 8);
    request->index = (uint16_t)(packet[4] | packet[5] << 8);
    request->length = (uint16_t)(packet[6] | packet[7] << 8);
    device.stage = STAGE_IDLE;
    device.deferred = NULL;
    device.received = 0;
    device.number = device.number == UINT32_MAX ? 1 : device.number + 1;
    if (!setup_request()) {
        stall();
    }
}

static void data_out_received(size_t length)
{
    device.received += length;
    if (device.received > device.request.length) {
        stall();
    } else if (device.deferred != NULL && length == USB_OTG_PACKET_SIZE &&
               device.received < device.request.length) {
        data_out_next();
    } else if (device.received != device.request.length) {
        stall();
    } else if (device.deferred != NULL) {
        device.stage = STAGE_DEFERRED;
    } else if (!function_request(length)) {
        stall();
    }
}

static void on_received(unsigned endpoint, size_t length)
{
    if (endpoint != 0) {
        for (unsigned i = 0; i < device.description->function_count; ++i) {
            if (device.description->functions[i]->received != NULL) {
                device.description->functions[i]->received(endpoint, length);
            }
        }
    } else if (device.stage == STAGE_DATA_OUT) {
        data_out_received(length);
    } else {
        device.stage = STAGE_IDLE;
    }
}

static void on_sent(unsigned endpoint)
{
    if (endpoint != 0) {
        for (unsigned i = 0; i < device.description->function_count; ++i) {
            if (device.description->functions[i]->sent != NULL) {
                device.description->functions[i]->sent(endpoint);
            }
        }
    } else if (device.stage == STAGE_DATA_IN) {
        data_in_next();
    } else {
        device.stage = STAGE_IDLE;
    }
}

static void on_reset(void)
{
    device.stage = STAGE_IDLE;
    configuration_leave();
}

uint32_t usb_device_deferred(struct usb_request *request)
{
    uint32_t state = interrupt_mask();
    uint32_t number = device.stage == STAGE_DEFERRED ? device.number : 0;
    *request = device.request;
    interrupt_restore(state);
    return number;
}

bool usb_device_answer(uint32_t number, const uint8_t *bytes, size_t length)
{
    uint32_t state = interrupt_mask();
    bool waits = device.stage == STAGE_DEFERRED && number == device.number;
    if (waits && (device.request.type & USB_REQUEST_IN) != 0) {
        data_in(bytes, length);
    } else if (waits) {
        status_in();
    }
    interrupt_restore(state);
    return waits;
}

bool usb_device_stall(uint32_t number)
{
    uint32_t state = interrupt_mask();
    bool waits = device.stage == STAGE_DEFERRED && number == device.number;
    if (waits) {
        stall();
    }
    interrupt_restore(state);
    return waits;
}

bool usb_device_is_quiet(void)
{
    return device.stage == STAGE_IDLE;
}

static const struct usb_otg_events events = {
    .reset = on_reset,
    .setup = on_setup,
    .received = on_received,
    .sent = on_sent,
};

void usb_device_start(const struct usb_device_description *description)
{
    memset(&device, 0, sizeof device);
    device.description = description;
    usb_otg_start(&events);
}

void usb_device_plug(bool present)
{
    if (present == device.plugged) {
        return;
    }
    uint32_t state = interrupt_mask();
    device.plugged = present;
    if (present) {
        usb_otg_connect();
    } else {
        usb_otg_disconnect();
        on_reset();
    }
    interrupt_restore(state);
}

void usb_device_stop(void)
{
    usb_device_plug(false);
    usb_otg_stop();
}
