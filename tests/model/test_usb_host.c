// The USB host model against a fake device: order and times of an enumeration, pace of the wire,
// refusals, and a violation for each way in which descriptors can be wrong.
//
// Expected values: USB 2.0 (5.8.4: at most 19 bulk packets of 64 bytes in a frame; 9.x: requests
// and descriptors), CDC 1.2, and what Linux's hub and cdc_acm drivers send.
//
// SPDX-License-Identifier: MIT
#include "sim/machine_build.h"
#include "tests/model/fake_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct bench {
    struct machine *machine;
    struct fake_device *device;
    struct usb_host *host;
    char violation[512]; // the first
    unsigned violations;
    bool link;
    unsigned link_changes;
    uint8_t received[65536];
    size_t received_count;
    unsigned sent_calls;
};

static void on_violation(void *context, const char *device, const char *text)
{
    struct bench *bench = context;

    (void)device;
    if (bench->violations++ == 0) {
        snprintf(bench->violation, sizeof(bench->violation), "%s", text);
    }
}

static void on_link(void *context, bool configured)
{
    struct bench *bench = context;

    bench->link = configured;
    bench->link_changes++;
}

static void on_received(void *context, const uint8_t *data, size_t length)
{
    struct bench *bench = context;

    memcpy(bench->received + bench->received_count, data, length);
    bench->received_count += length;
}

static void on_sent(void *context)
{
    ((struct bench *)context)->sent_calls++;
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct usb_serial_events events = {
        .context = bench, .link = on_link, .received = on_received, .sent = on_sent};

    bench->machine = machine_create();
    machine_on_violation(bench->machine, on_violation, bench);
    bench->device = calloc(1, sizeof(*bench->device));
    fake_device_init(bench->device, bench->machine);
    bench->host = usb_host_create(bench->machine, &bench->device->port, true);
    usb_host_serial(bench->host, &events);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    machine_destroy(bench->machine);
    free(bench->device);
    free(bench->host);
    free(bench);
    return 0;
}

static void enumerate(struct bench *bench)
{
    fake_device_attach(bench->device, bench->host, true);
    machine_advance(bench->machine, 500 * NS_PER_MS);
}

static void enumerate_and_open(struct bench *bench)
{
    enumerate(bench);
    usb_host_open(bench->host, true);
    machine_advance(bench->machine, 10 * NS_PER_MS);
    assert_string_equal(bench->violation, "");
    assert_true(bench->link);
}

// --- Enumeration --------------------------------------------------------------------------------

static void test_enumeration_order(void **state)
{
    static const uint8_t expected[][8] = {
        {0x80, 6, 0, 1, 0, 0, 64, 0},        // device, 64 bytes
        {0x00, 5, 1, 0, 0, 0, 0, 0},         // SET_ADDRESS 1
        {0x80, 6, 0, 1, 0, 0, 18, 0},        // device
        {0x80, 6, 0, 6, 0, 0, 10, 0},        // qualifier, stalled
        {0x80, 6, 0, 2, 0, 0, 9, 0},         // configuration
        {0x80, 6, 0, 2, 0, 0, 67, 0},        // all of it
        {0x80, 6, 0, 3, 0, 0, 255, 0},       // languages
        {0x80, 6, 2, 3, 0x09, 0x04, 255, 0}, // product
        {0x80, 6, 1, 3, 0x09, 0x04, 255, 0}, // manufacturer
        {0x80, 6, 3, 3, 0x09, 0x04, 255, 0}, // serial number
        {0x00, 9, 1, 0, 0, 0, 0, 0},         // SET_CONFIGURATION
        {0x80, 6, 4, 3, 0x09, 0x04, 255, 0}, // name of interface 0
        {0x21, 0x20, 0, 0, 0, 0, 7, 0},      // SET_LINE_CODING
    };
    struct bench *bench = *state;
    const struct usb_identity *identity;

    enumerate(bench);
    assert_string_equal(bench->violation, "");
    assert_int_equal(bench->device->log_count, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_memory_equal(bench->device->log[i].setup, expected[i], 8);
    }
    assert_memory_equal(bench->device->log[12].data, "\x80\x25\0\0\0\0\x08", 7); // 9600 8N1
    assert_int_equal(bench->device->resets, 2);
    assert_true(usb_host_configured(bench->host));
    assert_int_equal(bench->link_changes, 1);
    identity = usb_host_identity(bench->host);
    assert_non_null(identity);
    assert_int_equal(identity->vendor, 0x1209);
    assert_int_equal(identity->product, 0x0001);
    assert_string_equal(identity->serial_number, "0123456789AB");
    assert_string_equal(identity->product_name, "fake device");
    assert_string_equal(identity->manufacturer_name, "quadlane");
}

static void test_enumeration_times(void **state)
{
    struct bench *bench = *state;
    const struct fake_request *log = bench->device->log;

    fake_device_attach(bench->device, bench->host, true);
    machine_advance(bench->machine, 99 * NS_PER_MS);
    assert_int_equal(bench->device->resets, 0); // debounce is 100 ms
    machine_advance(bench->machine, 401 * NS_PER_MS);
    assert_int_equal(bench->device->resets, 2);
    assert_true(log[0].at_ns >= 160 * NS_PER_MS); // reset 50 ms, recovery 10 ms at least
    assert_true(log[1].at_ns - log[0].at_ns >= 60 * NS_PER_MS);
    assert_true(log[2].at_ns - log[1].at_ns >= 2 * NS_PER_MS); // USB 2.0 9.2.6.3
    assert_true(log[12].at_ns < 400 * NS_PER_MS);
}

static void test_bounce_starts_debounce_anew(void **state)
{
    struct bench *bench = *state;

    fake_device_attach(bench->device, bench->host, true);
    machine_advance(bench->machine, 80 * NS_PER_MS);
    fake_device_attach(bench->device, bench->host, false);
    machine_advance(bench->machine, 2 * NS_PER_MS);
    fake_device_attach(bench->device, bench->host, true);
    machine_advance(bench->machine, 90 * NS_PER_MS);
    assert_int_equal(bench->device->resets, 0);
    machine_advance(bench->machine, 11 * NS_PER_MS);
    assert_int_equal(bench->device->resets, 1);
}

static void test_silent_device_is_given_up(void **state)
{
    struct bench *bench = *state;

    bench->device->silent = true;
    fake_device_attach(bench->device, bench->host, true);
    machine_advance(bench->machine, 2 * NS_PER_S);
    assert_non_null(strstr(bench->violation, "unable to enumerate"));
    assert_int_equal(bench->device->resets, 4);
}

static void test_control_time_limit(void **state)
{
    struct bench *bench = *state;

    bench->device->naks_control = true;
    fake_device_attach(bench->device, bench->host, true);
    machine_advance(bench->machine, 200 * NS_PER_MS + 4900 * NS_PER_MS);
    assert_int_equal(bench->device->resets, 1);
    machine_advance(bench->machine, 200 * NS_PER_MS);
    assert_int_equal(bench->device->resets, 2);
    bench->device->naks_control = false;
    machine_advance(bench->machine, NS_PER_S);
    assert_true(bench->link);
    assert_string_equal(bench->violation, "");
}

static void test_device_without_serial_port(void **state)
{
    static const uint8_t vendor[] = {9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 0, 0xFF, 0, 0, 0};
    struct bench *bench = *state;

    memcpy(bench->device->configuration, vendor, sizeof(vendor));
    bench->device->configuration_length = sizeof(vendor);
    enumerate(bench);
    assert_string_equal(bench->violation, "");
    assert_false(bench->link);
    assert_non_null(usb_host_identity(bench->host));
}

// NuttX leaves the union descriptor out; Linux then takes the data interface that the call
// management descriptor names.
static void test_no_union_descriptor(void **state)
{
    struct bench *bench = *state;

    bench->device->configuration[34] = 0x15; // OBEX instead of union
    enumerate(bench);
    assert_non_null(strstr(bench->violation, "without a union descriptor"));
    assert_true(bench->link);
}

// --- Descriptors --------------------------------------------------------------------------------

struct bad {
    char table; // 'd' device, 'c' configuration
    uint8_t offset;
    uint8_t value;
    const char *text; // of the violation
};

static const struct bad bad_descriptors[] = {
    {'d', 0, 17, "bLength 17"},
    {'d', 1, 2, "type 2"},
    {'d', 2, 0x50, "bcdUSB 0250"},
    {'d', 5, 1, "bDeviceSubClass 1"},
    {'d', 7, 63, "bMaxPacketSize0 is 63"},
    {'d', 17, 0, "bNumConfigurations is 0"},
    {'c', 0, 8, "bLength 8"},
    {'c', 2, 66, "does not fit"},
    {'c', 2, 68, "wTotalLength says 68"},
    {'c', 4, 1, "bNumInterfaces is 1, 2 follow"},
    {'c', 4, 3, "bNumInterfaces is 3, 2 follow"},
    {'c', 5, 0, "bConfigurationValue is 0"},
    {'c', 7, 0x00, "bmAttributes 00"},
    {'c', 7, 0x81, "bmAttributes 81"},
    {'c', 8, 251, "bMaxPower"},
    {'c', 9, 0, "does not fit"},
    {'c', 11, 1, "interface number 1 where 0"},
    {'c', 13, 2, "bNumEndpoints is 2, 1 endpoints follow"},
    {'c', 16, 0x40, "bInterfaceProtocol 64"},
    {'c', 20, 1, "header"},
    {'c', 21, 0x00, "bcdCDC 0100"},
    {'c', 30, 7, "without an ACM descriptor"},
    {'c', 35, 1, "control interface 1 in interface 0"},
    {'c', 36, 0, "is not a CDC data interface"},
    {'c', 39, 0x02, "endpoint 02 has no use"},
    {'c', 39, 0x92, "endpoint address 92"},
    {'c', 39, 0x80, "endpoint address 80"},
    {'c', 40, 0, "bmAttributes 00"},
    {'c', 40, 0x13, "bmAttributes 13"},
    {'c', 41, 65, "interrupt wMaxPacketSize 65"},
    {'c', 43, 0, "bInterval is 0"},
    {'c', 49, 2, "is not a CDC data interface"},
    {'c', 50, 1, "bInterfaceSubClass 1"},
    {'c', 55, 0x81, "described twice"},
    {'c', 57, 63, "bulk wMaxPacketSize 63"},
    {'c', 58, 2, "bulk wMaxPacketSize 576"},
    {'c', 62, 2, "a second one of its kind"},
    {'c', 63, 3, "endpoint 81: bInterval is 0"},
};

static void check_bad(const struct bad *bad)
{
    void *state;
    struct bench *bench;

    set_up(&state);
    bench = state;
    (bad->table == 'd' ? bench->device->device : bench->device->configuration)[bad->offset] =
        bad->value;
    enumerate(bench);
    if (strstr(bench->violation, bad->text) == NULL) {
        fail_msg("%c[%u] = %u: \"%s\" does not contain \"%s\"", bad->table, bad->offset, bad->value,
                 bench->violation, bad->text);
    }
    tear_down(&state);
}

static void test_bad_descriptors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_descriptors) / sizeof(bad_descriptors[0]); i++) {
        check_bad(&bad_descriptors[i]);
    }
}

static const uint8_t good_bos[] = {5, 15, 15, 0, 2, 7, 16, 2, 0, 0, 0, 0, 3, 16, 9};

static void enumerate_with_bos(struct bench *bench, size_t at, uint8_t value)
{
    bench->device->device[2] = 0x10; // USB 2.10
    memcpy(bench->device->bos, good_bos, sizeof(good_bos));
    bench->device->bos[at] = value;
    bench->device->bos_length = sizeof(good_bos);
    enumerate(bench);
}

static void test_bos(void **state)
{
    struct bench *bench = *state;

    enumerate_with_bos(bench, 0, 5);
    assert_string_equal(bench->violation, "");
    assert_true(bench->link);
    assert_memory_equal(bench->device->log[3].setup, "\x80\6\0\x0F\0\0\5\0", 8);
    assert_memory_equal(bench->device->log[4].setup, "\x80\6\0\x0F\0\0\x0F\0", 8);
}

static void test_bad_bos(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *text;
    } bad[] = {
        {0, 4, "bLength 4"},
        {1, 2, "type 2"},
        {2, 4, "wTotalLength 4"},
        {2, 16, "wTotalLength 16, 15 bytes came"},
        {4, 1, "bNumDeviceCaps 1"},
        {5, 2, "no device capability at byte 5"},
        {6, 5, "capability at byte 5"},
        {12, 4, "no device capability at byte 12"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        void *own;
        struct bench *bench;

        set_up(&own);
        bench = own;
        enumerate_with_bos(bench, bad[i].at, bad[i].value);
        if (strstr(bench->violation, bad[i].text) == NULL) {
            fail_msg("bos[%zu] = %u: \"%s\" does not contain \"%s\"", bad[i].at, bad[i].value,
                     bench->violation, bad[i].text);
        }
        assert_true(bench->link); // Linux goes on without it
        tear_down(&own);
    }
}

static void test_missing_bos(void **state)
{
    struct bench *bench = *state;

    bench->device->device[2] = 0x10;
    enumerate(bench);
    assert_non_null(strstr(bench->violation, "GET_DESCRIPTOR BOS stalled"));
    assert_true(bench->link);
}

static void test_announced_string_is_missing(void **state)
{
    struct bench *bench = *state;

    bench->device->strings[3] = NULL;
    enumerate(bench);
    assert_non_null(strstr(bench->violation, "(serial number) stalled"));
}

static void test_required_request_stalled(void **state)
{
    struct bench *bench = *state;

    bench->device->stall_request = 9;
    enumerate(bench);
    assert_non_null(strstr(bench->violation, "SET_CONFIGURATION stalled"));
    assert_false(bench->link);
}

static void test_announced_class_request_stalled(void **state)
{
    struct bench *bench = *state;

    bench->device->stall_request = 0x20;
    enumerate(bench);
    assert_non_null(strstr(bench->violation, "request 20 stalled"));
    assert_true(bench->link); // cdc_acm goes on
}

// --- Port ---------------------------------------------------------------------------------------

static void test_open_and_close(void **state)
{
    struct bench *bench = *state;
    const struct fake_request *log = bench->device->log;
    unsigned before;

    enumerate(bench);
    before = bench->device->log_count;
    usb_host_open(bench->host, true);
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_int_equal(bench->device->log_count, before + 2);
    assert_memory_equal(log[before].setup, "\x21\x22\x03\0\0\0\0\0", 8);     // DTR, RTS
    assert_memory_equal(log[before + 1].setup, "\x21\x20\0\0\0\0\x07\0", 8); // line coding
    assert_memory_equal(log[before + 1].data, "\x00\xC2\x01\0\0\0\x08", 7);  // 115200 8N1
    usb_host_open(bench->host, false);
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_int_equal(bench->device->log_count, before + 3);
    assert_memory_equal(log[before + 2].setup, "\x21\x22\0\0\0\0\0\0", 8);
    usb_host_open(bench->host, true); // the line coding is the same as before
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_int_equal(bench->device->log_count, before + 4);
}

static void test_close_drains_first(void **state)
{
    static uint8_t data[1000];
    struct bench *bench = *state;
    struct fake_device *device = bench->device;

    enumerate_and_open(bench);
    assert_int_equal(usb_host_send(bench->host, data, sizeof(data)), sizeof(data));
    usb_host_open(bench->host, false);
    machine_advance(bench->machine, 10 * NS_PER_MS);
    assert_int_equal(device->out_count, sizeof(data));
    assert_memory_equal(device->log[device->log_count - 1].setup, "\x21\x22\0\0\0\0\0\0", 8);
}

static void test_interrupt_polls_only_while_open(void **state)
{
    struct bench *bench = *state;

    enumerate(bench);
    machine_advance(bench->machine, 100 * NS_PER_MS);
    assert_int_equal(bench->device->notify_polls, 0);
    usb_host_open(bench->host, true);
    machine_advance(bench->machine, 160 * NS_PER_MS);
    assert_in_range(bench->device->notify_polls, 9, 11); // bInterval 16
}

static void test_bad_notification(void **state)
{
    struct bench *bench = *state;

    enumerate_and_open(bench);
    memcpy(bench->device->notification, "\xA1\x20\0\0\0\0\x02", 7);
    bench->device->notification_length = 7;
    machine_advance(bench->machine, 20 * NS_PER_MS);
    assert_non_null(strstr(bench->violation, "notification of 7 bytes"));
}

// --- Pace ---------------------------------------------------------------------------------------

static void test_out_pace(void **state)
{
    static uint8_t data[16384];
    struct bench *bench = *state;
    unsigned before;

    enumerate_and_open(bench);
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7);
    }
    bench->device->naks_out = true; // IN is silent: only OUT is on the wire
    usb_host_throttle(bench->host, true);
    assert_int_equal(usb_host_send(bench->host, data, sizeof(data)), sizeof(data));
    bench->device->naks_out = false;
    machine_advance(bench->machine, 2 * NS_PER_MS);
    before = bench->device->out_packets;
    machine_advance(bench->machine, 10 * NS_PER_MS);
    assert_in_range(bench->device->out_packets - before, 189, 191); // 19 in a frame
    machine_advance(bench->machine, 10 * NS_PER_MS);
    assert_memory_equal(bench->device->out_bytes, data, sizeof(data));
    assert_true(usb_host_idle(bench->host));
}

static void test_in_pace(void **state)
{
    static uint8_t data[32768];
    struct bench *bench = *state;
    size_t before;

    enumerate_and_open(bench);
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 13);
    }
    fake_device_send(bench->device, bench->host, data, sizeof(data));
    machine_advance(bench->machine, 2 * NS_PER_MS);
    before = bench->received_count;
    machine_advance(bench->machine, 10 * NS_PER_MS);
    assert_in_range(bench->received_count - before, 188 * 64, 191 * 64);
    machine_advance(bench->machine, 20 * NS_PER_MS);
    assert_int_equal(bench->received_count, sizeof(data));
    assert_memory_equal(bench->received, data, sizeof(data));
}

static void test_in_and_out_share_the_wire(void **state)
{
    static uint8_t data[16384];
    struct bench *bench = *state;
    unsigned in_before, out_before;

    enumerate_and_open(bench);
    fake_device_send(bench->device, bench->host, data, sizeof(data));
    usb_host_send(bench->host, data, sizeof(data));
    machine_advance(bench->machine, 2 * NS_PER_MS);
    in_before = bench->device->in_packets;
    out_before = bench->device->out_packets;
    machine_advance(bench->machine, 10 * NS_PER_MS);
    assert_in_range(bench->device->in_packets - in_before, 94, 96);
    assert_in_range(bench->device->out_packets - out_before, 94, 96);
}

static void test_refused_until_ready(void **state)
{
    struct bench *bench = *state;
    uint64_t at_ns;

    enumerate_and_open(bench);
    bench->device->naks_out = true;
    usb_host_send(bench->host, (const uint8_t *)"x", 1);
    machine_advance(bench->machine, 50 * NS_PER_MS + 300 * NS_PER_US);
    assert_int_equal(bench->device->out_count, 0);
    bench->device->naks_out = false;
    usb_host_endpoint_ready(bench->host);
    at_ns = machine_now_ns(bench->machine);
    while (bench->device->out_count == 0 && machine_now_ns(bench->machine) < at_ns + NS_PER_MS) {
        machine_advance(bench->machine, NS_PER_US);
    }
    assert_int_equal(bench->device->out_count, 1);
    assert_in_range(machine_now_ns(bench->machine) - at_ns, 8 * NS_PER_US, 40 * NS_PER_US);
}

static void test_queue_is_bounded(void **state)
{
    static uint8_t data[20000];
    struct bench *bench = *state;

    enumerate_and_open(bench);
    assert_int_equal(usb_host_send(bench->host, data, sizeof(data)), 16384);
    assert_int_equal(bench->sent_calls, 0);
    machine_advance(bench->machine, 20 * NS_PER_MS);
    assert_int_equal(bench->sent_calls, 1);
    assert_int_equal(bench->device->out_count, 16384);
}

static void test_short_packet_and_no_empty_one(void **state)
{
    static uint8_t data[128];
    struct bench *bench = *state;

    enumerate_and_open(bench);
    usb_host_send(bench->host, data, 128);
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_int_equal(bench->device->out_packets, 2);
    usb_host_send(bench->host, data, 65);
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_int_equal(bench->device->out_packets, 4);
    assert_int_equal(bench->device->out_count, 193);
}

static void test_throttle(void **state)
{
    static uint8_t data[256];
    struct bench *bench = *state;

    enumerate_and_open(bench);
    usb_host_throttle(bench->host, true);
    fake_device_send(bench->device, bench->host, data, sizeof(data));
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_int_equal(bench->received_count, 0);
    usb_host_throttle(bench->host, false);
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_int_equal(bench->received_count, 256);
}

// --- Faults of the device -----------------------------------------------------------------------

static void test_wrong_toggle(void **state)
{
    struct bench *bench = *state;

    enumerate_and_open(bench);
    bench->device->wrong_toggle = true;
    fake_device_send(bench->device, bench->host, "x", 1);
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_non_null(strstr(bench->violation, "endpoint 81 sent DATA1 where DATA0"));
}

static void test_halted_endpoint_is_cleared(void **state)
{
    struct bench *bench = *state;
    struct fake_device *device = bench->device;

    enumerate_and_open(bench);
    fake_device_send(device, bench->host, "1", 1); // the next ones would be DATA1
    usb_host_send(bench->host, (const uint8_t *)"1", 1);
    machine_advance(bench->machine, 5 * NS_PER_MS);
    device->stalls_in = true;
    fake_device_send(device, bench->host, "abc", 3);
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_memory_equal(device->log[device->log_count - 1].setup, "\x02\x01\0\0\x81\0\0\0", 8);
    assert_int_equal(bench->received_count, 4);
    device->stalls_out = true;
    usb_host_send(bench->host, (const uint8_t *)"d", 1);
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_memory_equal(device->log[device->log_count - 1].setup, "\x02\x01\0\0\x01\0\0\0", 8);
    assert_int_equal(device->out_count, 2);
    assert_string_equal(bench->violation, "");
}

// --- Coming and going ---------------------------------------------------------------------------

static void test_detach_is_noticed(void **state)
{
    struct bench *bench = *state;

    enumerate_and_open(bench);
    fake_device_attach(bench->device, bench->host, false);
    machine_advance(bench->machine, NS_PER_MS + 3 * NS_PER_US);
    assert_false(bench->link);
    assert_null(usb_host_identity(bench->host));
    fake_device_attach(bench->device, bench->host, true);
    machine_advance(bench->machine, 500 * NS_PER_MS);
    assert_true(bench->link); // wanted open still: opened anew
    assert_memory_equal(bench->device->log[bench->device->log_count - 2].setup,
                        "\x21\x22\x03\0\0\0\0\0", 8);
}

static void test_short_detach(void **state)
{
    struct bench *bench = *state;

    enumerate(bench);
    fake_device_attach(bench->device, bench->host, false);
    machine_advance(bench->machine, 2 * NS_PER_US);
    fake_device_attach(bench->device, bench->host, true);
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_true(bench->link);
    fake_device_attach(bench->device, bench->host, false);
    machine_advance(bench->machine, 4 * NS_PER_US);
    fake_device_attach(bench->device, bench->host, true);
    machine_advance(bench->machine, 5 * NS_PER_MS);
    assert_false(bench->link);
}

static void test_plug(void **state)
{
    struct bench *bench = *state;

    assert_true(bench->device->vbus);
    enumerate(bench);
    usb_host_plug(bench->host, false);
    assert_false(bench->device->vbus);
    assert_false(bench->link);
    machine_advance(bench->machine, NS_PER_S);
    usb_host_plug(bench->host, true);
    assert_true(bench->device->vbus);
    machine_advance(bench->machine, 500 * NS_PER_MS);
    assert_true(bench->link);
}

static void test_suspend(void **state)
{
    struct bench *bench = *state;
    unsigned frames;

    enumerate(bench);
    usb_host_suspend(bench->host, true);
    frames = bench->device->frames;
    machine_advance(bench->machine, 2 * NS_PER_MS);
    assert_false(bench->device->suspended);
    machine_advance(bench->machine, 2 * NS_PER_MS);
    assert_true(bench->device->suspended);
    assert_int_equal(bench->device->frames, frames);
    usb_host_suspend(bench->host, false);
    machine_advance(bench->machine, 30 * NS_PER_MS);
    assert_false(bench->device->suspended);
    assert_in_range(bench->device->frames - frames, 9, 12); // 20 ms of resume first
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_enumeration_order),
        TEST(test_enumeration_times),
        TEST(test_bounce_starts_debounce_anew),
        TEST(test_silent_device_is_given_up),
        TEST(test_control_time_limit),
        TEST(test_device_without_serial_port),
        TEST(test_no_union_descriptor),
        TEST(test_bad_descriptors),
        TEST(test_bos),
        TEST(test_bad_bos),
        TEST(test_missing_bos),
        TEST(test_announced_string_is_missing),
        TEST(test_required_request_stalled),
        TEST(test_announced_class_request_stalled),
        TEST(test_open_and_close),
        TEST(test_close_drains_first),
        TEST(test_interrupt_polls_only_while_open),
        TEST(test_bad_notification),
        TEST(test_out_pace),
        TEST(test_in_pace),
        TEST(test_in_and_out_share_the_wire),
        TEST(test_refused_until_ready),
        TEST(test_queue_is_bounded),
        TEST(test_short_packet_and_no_empty_one),
        TEST(test_throttle),
        TEST(test_wrong_toggle),
        TEST(test_halted_endpoint_is_cleared),
        TEST(test_detach_is_noticed),
        TEST(test_short_detach),
        TEST(test_plug),
        TEST(test_suspend),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
