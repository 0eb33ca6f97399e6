// What Linux asks of a new device, in its order: descriptor (64 bytes), reset, address,
// descriptors, strings, configuration. Then the CDC-ACM driver looks at it.
//
// From the behaviour of Linux 6.1's hub driver and USB 2.0 chapter 9. A request that Linux can do
// without may be stalled; a required one that is stalled is a violation.
//
// SPDX-License-Identifier: MIT
#include "sim/usb_host_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GET_DESCRIPTOR    6
#define SET_ADDRESS       5
#define SET_CONFIGURATION 9
#define TYPE_DEVICE       1
#define TYPE_CONFIG       2
#define TYPE_STRING       3
#define TYPE_INTERFACE    4
#define TYPE_QUALIFIER    6
#define TYPE_BOS          15
#define BCD_USB_WITH_BOS  0x0201u

enum step {
    STEP_FIRST_LOOK,
    STEP_ADDRESS,
    STEP_DEVICE,
    STEP_BOS_HEAD,
    STEP_BOS,
    STEP_QUALIFIER,
    STEP_CONFIG_HEAD,
    STEP_CONFIG,
    STEP_LANGUAGES,
    STEP_PRODUCT,
    STEP_MANUFACTURER,
    STEP_SERIAL,
    STEP_CONFIGURE,
    STEP_CONFIG_NAME,
    STEP_INTERFACE_NAMES,
    STEP_END,
};

static void step_done(struct usb_host *host, enum control_result result, size_t length);
static void step_ask(struct usb_host *host);

const uint8_t *next_descriptor(const uint8_t *at, const uint8_t *end)
{
    at += at[0];
    return end - at >= 2 && at[0] >= 2 && at[0] <= end - at ? at : NULL;
}

// --- Requests -----------------------------------------------------------------------------------

static void ask(struct usb_host *host, uint8_t type, uint8_t request, uint16_t value,
                uint16_t index, uint16_t length)
{
    struct usb_request asked = {
        .setup = {type, request, (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)index,
                  (uint8_t)(index >> 8), (uint8_t)length, (uint8_t)(length >> 8)},
        .done = step_done,
    };

    control_submit(host, &asked);
}

static void ask_descriptor(struct usb_host *host, uint8_t type, uint8_t index, uint16_t length)
{
    ask(host, 0x80, GET_DESCRIPTOR, (uint16_t)(type << 8 | index),
        type == TYPE_STRING && index != 0 ? host->language : 0, length);
}

// Index of the interface's string; 0 at the end of the interfaces.
static uint8_t interface_string(struct usb_host *host)
{
    const uint8_t *at = host->configuration;
    const uint8_t *end = at + host->configuration_length;
    unsigned count = 0;

    while ((at = next_descriptor(at, end)) != NULL) {
        if (at[1] == TYPE_INTERFACE && at[0] >= 9 && at[8] != 0 &&
            count++ == host->string_interface) {
            return at[8];
        }
    }
    return 0;
}

static uint8_t step_string(struct usb_host *host)
{
    switch ((enum step)host->step) {
    case STEP_PRODUCT:
        return host->device_descriptor[15];
    case STEP_MANUFACTURER:
        return host->device_descriptor[14];
    case STEP_SERIAL:
        return host->device_descriptor[16];
    case STEP_CONFIG_NAME:
        return host->configuration[6];
    default:
        return interface_string(host);
    }
}

static bool any_string(struct usb_host *host)
{
    const uint8_t *device = host->device_descriptor;

    host->string_interface = 0;
    return device[14] != 0 || device[15] != 0 || device[16] != 0 || host->configuration[6] != 0 ||
           interface_string(host) != 0;
}

static void step_next(struct usb_host *host)
{
    host->step++;
    step_ask(host);
}

static void ask_string(struct usb_host *host)
{
    uint8_t index = step_string(host);

    if (index == 0 || host->language == 0) {
        step_next(host);
    } else {
        ask_descriptor(host, TYPE_STRING, index, 255);
    }
}

static unsigned bcd_usb(const struct usb_host *host)
{
    return host->device_descriptor[2] | (unsigned)host->device_descriptor[3] << 8;
}

static void step_ask(struct usb_host *host)
{
    switch ((enum step)host->step) {
    case STEP_FIRST_LOOK:
        ask_descriptor(host, TYPE_DEVICE, 0, 64);
        break;
    case STEP_ADDRESS:
        ask(host, 0x00, SET_ADDRESS, host->next_address, 0, 0);
        break;
    case STEP_DEVICE:
        ask_descriptor(host, TYPE_DEVICE, 0, 18);
        break;
    case STEP_BOS_HEAD:
        if (bcd_usb(host) >= BCD_USB_WITH_BOS) {
            ask_descriptor(host, TYPE_BOS, 0, 5);
        } else {
            host->step = STEP_BOS;
            step_next(host);
        }
        break;
    case STEP_BOS:
        ask_descriptor(host, TYPE_BOS, 0, host->bos_length);
        break;
    case STEP_QUALIFIER:
        if (host->device_descriptor[3] >= 2) {
            ask_descriptor(host, TYPE_QUALIFIER, 0, 10);
        } else {
            step_next(host);
        }
        break;
    case STEP_CONFIG_HEAD:
        ask_descriptor(host, TYPE_CONFIG, 0, 9);
        break;
    case STEP_CONFIG:
        ask_descriptor(host, TYPE_CONFIG, 0,
                       (uint16_t)(host->configuration[2] | host->configuration[3] << 8));
        break;
    case STEP_LANGUAGES:
        if (any_string(host)) {
            ask_descriptor(host, TYPE_STRING, 0, 255);
        } else {
            step_next(host);
        }
        break;
    case STEP_CONFIGURE:
        ask(host, 0x00, SET_CONFIGURATION, host->configuration[5], 0, 0);
        break;
    case STEP_END:
        host->enumerations++;
        host->enumerated = true;
        if (host->remote.used) {
            remote_probe(host);
        } else {
            find_acm(host);
            acm_probe(host);
        }
        break;
    default:
        ask_string(host);
        break;
    }
}

// --- Answers ------------------------------------------------------------------------------------

static void give_up(struct usb_host *host)
{
    host->hub = HUB_FAILED;
    wire_stop(host);
    remote_gone(host);
}

static void took_first_look(struct usb_host *host, size_t length)
{
    const uint8_t *data = host->control.data;

    if (length < 8 || data[1] != TYPE_DEVICE) {
        host_violation(host, "first 8 bytes of the device descriptor: %zu bytes, type %u", length,
                       length > 1 ? data[1] : 0);
        give_up(host);
        return;
    }
    if (data[7] != 8 && data[7] != 16 && data[7] != 32 && data[7] != 64) {
        host_violation(host, "device descriptor: bMaxPacketSize0 is %u, must be 8, 16, 32 or 64",
                       data[7]);
        give_up(host);
        return;
    }
    host->max_packet0 = data[7];
    host->second_reset = true;
    hub_reset_port(host);
}

static void took_device(struct usb_host *host, size_t length)
{
    const uint8_t *data = host->control.data;

    if (!check_device_descriptor(host, data, length)) {
        give_up(host);
        return;
    }
    memcpy(host->device_descriptor, data, sizeof(host->device_descriptor));
    host->identity = (struct usb_identity){
        .vendor = (uint16_t)(data[8] | data[9] << 8),
        .product = (uint16_t)(data[10] | data[11] << 8),
        .release = (uint16_t)(data[12] | data[13] << 8),
    };
    step_next(host);
}

static void took_bos_head(struct usb_host *host, size_t length)
{
    const uint8_t *data = host->control.data;

    host->bos_length = (uint16_t)(data[2] | data[3] << 8);
    if (length != 5 || data[0] != 5 || data[1] != TYPE_BOS || host->bos_length < 5) {
        host_violation(host, "BOS descriptor: %zu bytes, bLength %u, type %u, wTotalLength %u",
                       length, data[0], data[1], host->bos_length);
        host->step = STEP_BOS;
    }
    step_next(host);
}

static void took_config_head(struct usb_host *host, size_t length)
{
    const uint8_t *data = host->control.data;
    unsigned total = data[2] | (unsigned)data[3] << 8;

    if (length != 9 || data[0] != 9 || data[1] != TYPE_CONFIG || total < 9) {
        host_violation(host,
                       "configuration descriptor: %zu bytes, bLength %u, type %u, wTotalLength %u",
                       length, data[0], data[1], total);
        give_up(host);
        return;
    }
    if (total > sizeof(host->configuration)) {
        host_violation(
            host, "configuration descriptor: wTotalLength %u is more than the host takes", total);
        give_up(host);
        return;
    }
    memcpy(host->configuration, data, 9);
    step_next(host);
}

static void took_config(struct usb_host *host, size_t length)
{
    if (!check_configuration(host, host->control.data, length)) {
        give_up(host);
        return;
    }
    memcpy(host->configuration, host->control.data, length);
    host->configuration_length = length;
    step_next(host);
}

static void took_languages(struct usb_host *host, size_t length)
{
    const uint8_t *data = host->control.data;

    host->language = 0;
    if (length < 4 || data[0] != length || data[1] != TYPE_STRING || length % 2 != 0) {
        host_violation(host, "string descriptor 0: %zu bytes, bLength %u, type %u", length,
                       length > 0 ? data[0] : 0, length > 1 ? data[1] : 0);
    } else {
        host->language = (uint16_t)(data[2] | data[3] << 8);
    }
    step_next(host);
}

static size_t put_utf8(char *text, uint16_t unit)
{
    if (unit < 0x80) {
        text[0] = (char)unit;
        return 1;
    }
    if (unit < 0x800) {
        text[0] = (char)(0xC0 | unit >> 6);
        text[1] = (char)(0x80 | (unit & 0x3F));
        return 2;
    }
    text[0] = (char)(0xE0 | unit >> 12);
    text[1] = (char)(0x80 | ((unit >> 6) & 0x3F));
    text[2] = (char)(0x80 | (unit & 0x3F));
    return 3;
}

static void keep_string(char *text, size_t size, const uint8_t *data, size_t length)
{
    size_t used = 0;

    for (size_t at = 2; at + 1 < length && used + 4 < size; at += 2) {
        used += put_utf8(text + used, (uint16_t)(data[at] | data[at + 1] << 8));
    }
    text[used] = '\0';
}

static void took_string(struct usb_host *host, size_t length)
{
    const uint8_t *data = host->control.data;
    struct usb_identity *identity = &host->identity;

    if (length < 2 || data[0] != length || data[1] != TYPE_STRING || length % 2 != 0) {
        host_violation(host, "string descriptor %u: %zu bytes, bLength %u, type %u",
                       step_string(host), length, length > 0 ? data[0] : 0,
                       length > 1 ? data[1] : 0);
    } else if (host->step == STEP_PRODUCT) {
        keep_string(identity->product_name, sizeof(identity->product_name), data, length);
    } else if (host->step == STEP_MANUFACTURER) {
        keep_string(identity->manufacturer_name, sizeof(identity->manufacturer_name), data, length);
    } else if (host->step == STEP_SERIAL) {
        keep_string(identity->serial_number, sizeof(identity->serial_number), data, length);
    }
    if (host->step == STEP_INTERFACE_NAMES) {
        host->string_interface++;
        step_ask(host);
    } else {
        step_next(host);
    }
}

static void step_took(struct usb_host *host, size_t length)
{
    switch ((enum step)host->step) {
    case STEP_FIRST_LOOK:
        took_first_look(host, length);
        break;
    case STEP_ADDRESS:
        host->address = host->next_address;
        host->next_address = (uint8_t)(host->next_address % 127 + 1);
        hub_settle_address(host);
        break;
    case STEP_DEVICE:
        took_device(host, length);
        break;
    case STEP_BOS_HEAD:
        took_bos_head(host, length);
        break;
    case STEP_BOS:
        check_bos(host, host->control.data, length);
        step_next(host);
        break;
    case STEP_CONFIG_HEAD:
        took_config_head(host, length);
        break;
    case STEP_CONFIG:
        took_config(host, length);
        break;
    case STEP_LANGUAGES:
        took_languages(host, length);
        break;
    case STEP_CONFIGURE:
        host->string_interface = 0;
        host->identified = true;
        step_next(host);
        break;
    case STEP_QUALIFIER:
        step_next(host);
        break;
    default:
        took_string(host, length);
        break;
    }
}

static const char *step_name(unsigned step)
{
    static const char *const names[] = {
        "GET_DESCRIPTOR device (first look)",
        "SET_ADDRESS",
        "GET_DESCRIPTOR device",
        "GET_DESCRIPTOR BOS",
        "GET_DESCRIPTOR BOS",
        "GET_DESCRIPTOR device qualifier",
        "GET_DESCRIPTOR configuration",
        "GET_DESCRIPTOR configuration",
        "GET_DESCRIPTOR string 0",
        "GET_DESCRIPTOR string (product)",
        "GET_DESCRIPTOR string (maker)",
        "GET_DESCRIPTOR string (serial number)",
        "SET_CONFIGURATION",
        "GET_DESCRIPTOR string (configuration)",
        "GET_DESCRIPTOR string (interface)",
    };

    return step < sizeof(names) / sizeof(names[0]) ? names[step] : "enumeration";
}

static void step_stalled(struct usb_host *host)
{
    if (host->step == STEP_QUALIFIER) { // a full-speed device has none
        step_next(host);
        return;
    }
    host_violation(host, "%s stalled", step_name(host->step));
    if (host->step == STEP_BOS_HEAD || host->step == STEP_BOS) {
        host->step = STEP_BOS;
        step_next(host);
    } else if (host->step == STEP_LANGUAGES) {
        host->language = 0;
        step_next(host);
    } else if (host->step == STEP_INTERFACE_NAMES) {
        host->string_interface++;
        step_ask(host);
    } else if (host->step > STEP_LANGUAGES && host->step != STEP_CONFIGURE) {
        step_next(host);
    } else {
        give_up(host);
    }
}

static void step_done(struct usb_host *host, enum control_result result, size_t length)
{
    switch (result) {
    case CONTROL_OK:
        step_took(host, length);
        break;
    case CONTROL_STALL:
        step_stalled(host);
        break;
    default:
        hub_port_failed(host, step_name(host->step));
        break;
    }
}

// --- Start --------------------------------------------------------------------------------------

void enumerate_start(struct usb_host *host)
{
    host->identified = false;
    if (!host->second_reset) {
        host->max_packet0 = 64;
        host->step = STEP_FIRST_LOOK;
    } else {
        host->step = STEP_ADDRESS;
    }
    step_ask(host);
}

void enumerate_settled(struct usb_host *host)
{
    step_next(host);
}
