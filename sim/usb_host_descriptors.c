// Strict checks of what a device says of itself, and the search for its serial port.
//
// From USB 2.0 chapter 9 (9.6: descriptors at full speed), the CDC 1.2 specification (5.2:
// functional descriptors) and PSTN 1.2 (5.3). Each complaint names the field and its rule.
//
// SPDX-License-Identifier: MIT
#include "sim/usb_host_parts.h"

#include <string.h>

#define TYPE_CONFIG       2
#define TYPE_INTERFACE    4
#define TYPE_CAPABILITY   16
#define TYPE_ENDPOINT     5
#define TYPE_ASSOCIATION  11
#define TYPE_CS_INTERFACE 0x24
#define INTERFACES_MAX    16u

#define CLASS_CDC      2
#define SUBCLASS_ACM   2
#define CLASS_CDC_DATA 10

enum functional {
    FUNCTIONAL_HEADER = 0,
    FUNCTIONAL_CALL = 1,
    FUNCTIONAL_ACM = 2,
    FUNCTIONAL_UNION = 6
};

static uint16_t read16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

// --- Device descriptor --------------------------------------------------------------------------

bool check_device_descriptor(struct usb_host *host, const uint8_t *data, size_t length)
{
    uint16_t release = length >= 4 ? read16(data + 2) : 0;

    if (length != 18 || data[0] != 18 || data[1] != 1) {
        host_violation(host,
                       "device descriptor: %zu bytes, bLength %u, type %u; must be 18, 18, 1 "
                       "(USB 2.0, 9.6.1)",
                       length, length > 0 ? data[0] : 0, length > 1 ? data[1] : 0);
        return false;
    }
    if (release != 0x0110 && release != 0x0200 && release != 0x0201 && release != 0x0210) {
        host_violation(
            host,
            "device descriptor: bcdUSB %04X, a full-speed device has 0110, 0200, 0201 or 0210",
            release);
    }
    if (data[7] != host->max_packet0) {
        host_violation(host, "device descriptor: bMaxPacketSize0 was %u, now it is %u",
                       host->max_packet0, data[7]);
    }
    if (read16(data + 8) == 0) {
        host_violation(host, "device descriptor: idVendor is 0");
    }
    if (data[4] == 0 && data[5] != 0) {
        host_violation(host, "device descriptor: bDeviceSubClass %u with class 0 (USB 2.0, 9.6.1)",
                       data[5]);
    }
    if (data[17] == 0) {
        host_violation(host, "device descriptor: bNumConfigurations is 0");
        return false;
    }
    return true;
}

// --- Configuration ------------------------------------------------------------------------------

struct survey {
    struct usb_host *host;
    unsigned interfaces;          // distinct numbers seen
    unsigned endpoints_announced; // by the present interface
    unsigned endpoints_seen;
    unsigned interface;
    unsigned alternate;
    uint32_t endpoints_used; // bit number + 16 * IN, of the present alternate's siblings
    bool in_interface;
};

static void close_interface(struct survey *survey)
{
    if (survey->in_interface && survey->endpoints_seen != survey->endpoints_announced) {
        host_violation(survey->host, "interface %u: bNumEndpoints is %u, %u endpoints follow",
                       survey->interface, survey->endpoints_announced, survey->endpoints_seen);
    }
}

static void check_interface(struct survey *survey, const uint8_t *at)
{
    close_interface(survey);
    if (at[0] != 9) {
        host_violation(survey->host, "interface descriptor: bLength %u, must be 9", at[0]);
    }
    if (at[3] == 0) {
        if (at[2] != survey->interfaces) {
            host_violation(
                survey->host,
                "interface number %u where %u was due: numbers rise from 0 without a gap "
                "(USB 2.0, 9.6.5)",
                at[2], survey->interfaces);
        }
        survey->interfaces++;
    }
    survey->in_interface = true;
    survey->interface = at[2];
    survey->alternate = at[3];
    survey->endpoints_announced = at[4];
    survey->endpoints_seen = 0;
}

static bool bulk_size_allowed(unsigned size)
{
    return size == 8 || size == 16 || size == 32 || size == 64;
}

static void check_endpoint_size(struct survey *survey, const uint8_t *at)
{
    unsigned type = at[3] & 3;
    unsigned size = read16(at + 4);

    if (type == 2 && !bulk_size_allowed(size)) {
        host_violation(survey->host,
                       "endpoint %02X: bulk wMaxPacketSize %u, full speed takes 8, 16, 32 or 64 "
                       "(USB 2.0, 5.8.3)",
                       at[2], size);
    }
    if (type == 3 && (size == 0 || size > 64)) {
        host_violation(survey->host,
                       "endpoint %02X: interrupt wMaxPacketSize %u, full speed takes 1..64 "
                       "(USB 2.0, 5.7.3)",
                       at[2], size);
    }
    if (type == 3 && at[6] == 0) {
        host_violation(survey->host, "endpoint %02X: bInterval is 0, must be 1..255", at[2]);
    }
}

static void check_endpoint(struct survey *survey, const uint8_t *at)
{
    unsigned bit = (at[2] & 15u) + (at[2] & 0x80 ? 16u : 0u);

    survey->endpoints_seen++;
    if (at[0] < 7) {
        host_violation(survey->host, "endpoint descriptor: bLength %u, must be 7", at[0]);
        return;
    }
    if (!survey->in_interface) {
        host_violation(survey->host, "endpoint %02X before any interface", at[2]);
    }
    if ((at[2] & 0x70) != 0 || (at[2] & 15) == 0) {
        host_violation(survey->host, "endpoint address %02X: number 1..15, bits 6..4 zero", at[2]);
    }
    if (survey->alternate == 0) {
        if ((survey->endpoints_used >> bit) & 1) {
            host_violation(survey->host, "endpoint %02X described twice", at[2]);
        }
        survey->endpoints_used |= 1u << bit;
    }
    if ((at[3] & 3) == 0 || ((at[3] & 3) != 1 && (at[3] & 0xFC) != 0)) {
        host_violation(survey->host, "endpoint %02X: bmAttributes %02X (USB 2.0, 9.6.6)", at[2],
                       at[3]);
    }
    check_endpoint_size(survey, at);
}

static void check_config_head(struct usb_host *host, const uint8_t *data)
{
    if (data[5] == 0) {
        host_violation(host, "configuration descriptor: bConfigurationValue is 0");
    }
    if ((data[7] & 0x9F) != 0x80) {
        host_violation(host,
                       "configuration descriptor: bmAttributes %02X, bit 7 must be 1 and bits 4..0 "
                       "0 (USB 2.0, 9.6.3)",
                       data[7]);
    }
    if (data[8] > 250) {
        host_violation(host, "configuration descriptor: bMaxPower %u means more than 500 mA",
                       data[8]);
    }
}

// Descriptors must tile the whole length.
static bool check_tiling(struct usb_host *host, const uint8_t *data, size_t length)
{
    for (size_t at = 0; at < length; at += data[at]) {
        if (length - at < 2 || data[at] < 2 || data[at] > length - at) {
            host_violation(host,
                           "configuration descriptor: at offset %zu a descriptor of %u bytes does "
                           "not fit into wTotalLength %zu",
                           at, data[at], length);
            return false;
        }
    }
    return true;
}

bool check_configuration(struct usb_host *host, const uint8_t *data, size_t length)
{
    struct survey survey = {.host = host};
    size_t total = length >= 4 ? read16(data + 2) : 0;
    const uint8_t *end = data + length;

    if (length != total || memcmp(data, host->configuration, 9) != 0) {
        host_violation(
            host,
            "configuration descriptor: %zu bytes came, wTotalLength says %zu, or its head "
            "changed between two requests",
            length, total);
        return false;
    }
    if (!check_tiling(host, data, length)) {
        return false;
    }
    check_config_head(host, data);
    for (const uint8_t *at = data; (at = next_descriptor(at, end)) != NULL;) {
        if (at[1] == TYPE_INTERFACE && at[0] >= 9) {
            check_interface(&survey, at);
        } else if (at[1] == TYPE_ENDPOINT) {
            check_endpoint(&survey, at);
        } else if (at[1] == TYPE_CONFIG || at[1] == 1) {
            host_violation(host, "descriptor of type %u inside a configuration", at[1]);
        }
    }
    close_interface(&survey);
    if (survey.interfaces != data[4]) {
        host_violation(host, "configuration descriptor: bNumInterfaces is %u, %u follow", data[4],
                       survey.interfaces);
    }
    return true;
}

// --- CDC-ACM ------------------------------------------------------------------------------------

struct acm_search {
    struct usb_host *host;
    const uint8_t *control; // interface descriptor
    bool header, call, acm, joined;
    uint8_t capabilities;
    uint8_t union_control, union_data;
    uint8_t call_data; // data interface as the call management descriptor has it
    unsigned functional_count;
};

static void take_functional(struct acm_search *search, const uint8_t *at)
{
    struct usb_host *host = search->host;
    static const struct {
        uint8_t subtype, length;
        const char *name;
    } shapes[] = {{FUNCTIONAL_HEADER, 5, "header"},
                  {FUNCTIONAL_CALL, 5, "call management"},
                  {FUNCTIONAL_ACM, 4, "ACM"}};

    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        if (at[2] == shapes[i].subtype && at[0] != shapes[i].length) {
            host_violation(host, "CDC %s descriptor: bFunctionLength %u, must be %u",
                           shapes[i].name, at[0], shapes[i].length);
            return;
        }
    }
    if (search->functional_count++ == 0 && at[2] != FUNCTIONAL_HEADER) {
        host_violation(host,
                       "the first CDC functional descriptor must be the header (CDC 1.2, 5.2.3)");
    }
    if (at[2] == FUNCTIONAL_HEADER) {
        search->header = true;
        if (read16(at + 3) != 0x0110 && read16(at + 3) != 0x0120) {
            host_violation(host, "CDC header descriptor: bcdCDC %04X, must be 0110 or 0120",
                           read16(at + 3));
        }
    } else if (at[2] == FUNCTIONAL_CALL) {
        search->call = true;
        search->call_data = at[4];
    } else if (at[2] == FUNCTIONAL_ACM) {
        search->acm = true;
        search->capabilities = at[3];
    } else if (at[2] == FUNCTIONAL_UNION) {
        if (at[0] < 5) {
            host_violation(host, "CDC union descriptor: bFunctionLength %u, must be 5 at least",
                           at[0]);
            return;
        }
        search->joined = true;
        search->union_control = at[3];
        search->union_data = at[4];
    }
}

// The binary device object store (USB 3.2, 9.6.2; USB 2.0 ECN on link power management).
void check_bos(struct usb_host *host, const uint8_t *data, size_t length)
{
    const uint8_t *end = data + length;
    unsigned count = 0;

    if (length < 5 || read16(data + 2) != length) {
        host_violation(host, "BOS descriptor: wTotalLength %u, %zu bytes came",
                       length < 4 ? 0 : read16(data + 2), length);
        return;
    }
    for (const uint8_t *at = data + 5; at < end; at += at[0]) {
        if (end - at < 3 || at[0] < 3 || at[0] > end - at || at[1] != TYPE_CAPABILITY) {
            host_violation(host, "BOS descriptor: no device capability at byte %zu", at - data);
            return;
        }
        count++;
    }
    if (count != data[4]) {
        host_violation(host, "BOS descriptor: bNumDeviceCaps %u, there are %u", data[4], count);
    }
}

void describe_pipe(struct data_pipe *pipe, const uint8_t *at)
{
    bool periodic = (at[3] & 3) == 3;
    unsigned interval = 1;

    while (periodic && interval * 2 <= at[6]) { // a host polls at powers of two
        interval *= 2;
    }
    *pipe = (struct data_pipe){.present = true,
                               .endpoint = at[2] & 15,
                               .in = (at[2] & 0x80) != 0,
                               .max_packet = (uint16_t)(read16(at + 4) & 0x7FF),
                               .interval = periodic ? (uint16_t)interval : 0};
    if (pipe->max_packet > PACKET_MAX || pipe->max_packet == 0) {
        pipe->max_packet = PACKET_MAX;
    }
}

static void take_pipe(struct usb_host *host, struct data_pipe *pipe, const uint8_t *at)
{
    if (pipe->present) {
        host_violation(host, "endpoint %02X: a second one of its kind in the interface", at[2]);
        return;
    }
    describe_pipe(pipe, at);
}

// Endpoints of an interface into the pipes of the function.
static void take_endpoints(struct usb_host *host, const uint8_t *interface, const uint8_t *end,
                           bool data)
{
    struct acm_function *acm = &host->acm;

    for (const uint8_t *at = interface; (at = next_descriptor(at, end)) != NULL;) {
        if (at[1] == TYPE_INTERFACE) {
            return;
        }
        if (at[1] != TYPE_ENDPOINT || at[0] < 7) {
            continue;
        }
        if (!data && (at[3] & 3) == 3 && at[2] & 0x80) {
            take_pipe(host, &acm->notify, at);
        } else if (data && (at[3] & 3) == 2) {
            take_pipe(host, at[2] & 0x80 ? &acm->in : &acm->out, at);
        } else {
            host_violation(host, "endpoint %02X has no use in a %s interface of CDC-ACM", at[2],
                           data ? "data" : "control");
        }
    }
}

// The interface descriptor of `number` with class data; its alternate with two endpoints.
static const uint8_t *find_interface(const struct usb_host *host, uint8_t number)
{
    const uint8_t *end = host->configuration + host->configuration_length;

    for (const uint8_t *at = host->configuration; (at = next_descriptor(at, end)) != NULL;) {
        if (at[1] == TYPE_INTERFACE && at[0] >= 9 && at[2] == number && at[3] == 0) {
            return at;
        }
    }
    return NULL;
}

static void check_functional(struct acm_search *search)
{
    struct usb_host *host = search->host;

    if (!search->header) {
        host_violation(host, "CDC-ACM interface without a header descriptor (CDC 1.2, 5.2.3.1)");
    }
    if (!search->acm) {
        host_violation(host, "CDC-ACM interface without an ACM descriptor (PSTN 1.2, 5.3.2)");
    }
    if (!search->call) {
        host_violation(host,
                       "CDC-ACM interface without a call management descriptor (PSTN 1.2, 5.3.1)");
    }
    if (!search->joined) {
        host_violation(host, "CDC-ACM interface without a union descriptor (CDC 1.2, 5.2.3.2)");
    }
}

static void check_protocol(struct usb_host *host, const uint8_t *interface)
{
    if (interface[7] > 6 && interface[7] < 0xFE) {
        host_violation(host, "CDC-ACM interface: bInterfaceProtocol %u (CDC 1.2, 4.4)",
                       interface[7]);
    }
}

static void take_function(struct acm_search *search, const uint8_t *end)
{
    struct usb_host *host = search->host;
    struct acm_function *acm = &host->acm;
    const uint8_t *data;

    check_functional(search);
    check_protocol(host, search->control);
    if (!search->joined && !search->call) {
        return;
    }
    if (!search->joined) { // then Linux believes the call management descriptor
        search->union_control = search->control[2];
        search->union_data = search->call_data;
    }
    if (search->union_control != search->control[2]) {
        host_violation(host, "CDC union descriptor: control interface %u in interface %u",
                       search->union_control, search->control[2]);
    }
    data = find_interface(host, search->union_data);
    if (data == NULL || data[5] != CLASS_CDC_DATA) {
        host_violation(host, "CDC union descriptor: interface %u is not a CDC data interface",
                       search->union_data);
        return;
    }
    if (data[6] != 0) {
        host_violation(host, "CDC data interface: bInterfaceSubClass %u, must be 0 (CDC 1.2, 4.6)",
                       data[6]);
    }
    take_endpoints(host, search->control, end, false);
    take_endpoints(host, data, end, true);
    if (!acm->notify.present || !acm->in.present || !acm->out.present) {
        host_violation(host, "CDC-ACM needs an interrupt IN, a bulk IN and a bulk OUT endpoint");
    }
    acm->present = acm->in.present && acm->out.present;
    acm->control_interface = search->control[2];
    acm->data_interface = search->union_data;
    acm->capabilities = search->capabilities;
}

// More than one function in a device needs associations and the class triple that announces them.
static void check_association(struct usb_host *host)
{
    const uint8_t *end = host->configuration + host->configuration_length;
    bool found = false;

    for (const uint8_t *at = host->configuration; (at = next_descriptor(at, end)) != NULL;) {
        found = found || at[1] == TYPE_ASSOCIATION;
    }
    if (found && (host->device_descriptor[4] != 0xEF || host->device_descriptor[5] != 2 ||
                  host->device_descriptor[6] != 1)) {
        host_violation(host,
                       "interface association in a device of class %02X/%02X/%02X, it must be "
                       "EF/02/01 (IAD ECN)",
                       host->device_descriptor[4], host->device_descriptor[5],
                       host->device_descriptor[6]);
    }
}

void find_acm(struct usb_host *host)
{
    struct acm_search search = {.host = host};
    const uint8_t *end = host->configuration + host->configuration_length;

    host->acm = (struct acm_function){0};
    check_association(host);
    for (const uint8_t *at = host->configuration; (at = next_descriptor(at, end)) != NULL;) {
        if (at[1] == TYPE_INTERFACE && at[0] >= 9) {
            if (search.control != NULL) {
                break; // the first serial port is the one that is carried
            }
            if (at[5] == CLASS_CDC && at[6] == SUBCLASS_ACM) {
                search.control = at;
            }
        } else if (at[1] == TYPE_CS_INTERFACE && search.control != NULL && at[0] >= 3) {
            take_functional(&search, at);
        }
    }
    if (search.control != NULL) {
        take_function(&search, end);
    }
}
