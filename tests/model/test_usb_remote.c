// Drivers elsewhere: URBs on the host model, against the fake device.
//
// Expected values: USB 2.0 (5.8.3 and 5.8.4: short packets end a transfer, at most 19 bulk packets
// of 64 bytes in a frame; 9.4.5: clearing a halt resets the toggle; 9.1.1.5: so does a
// configuration), and what Linux does with a device it resets (address and configuration again).
//
// SPDX-License-Identifier: MIT
#include "sim/machine_build.h"
#include "sim/usb_host_remote.h"
#include "tests/model/fake_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct bench {
    struct machine *machine;
    struct fake_device *device;
    struct usb_host *host;
    unsigned connects, disconnects, finishes;
    struct urb *last;
    uint64_t finished_ns;
    bool resubmits;
};

static void on_violation(void *context, const char *device, const char *text)
{
    (void)context;
    fail_msg("%s: %s", device, text);
}

static void on_connected(void *context)
{
    ((struct bench *)context)->connects++;
}

static void on_disconnected(void *context)
{
    ((struct bench *)context)->disconnects++;
}

static void on_finished(void *context, struct urb *urb)
{
    struct bench *bench = context;

    bench->finishes++;
    bench->last = urb;
    bench->finished_ns = machine_now_ns(bench->machine);
    if (bench->resubmits && urb->status == URB_OK) {
        usb_host_submit(bench->host, urb);
    }
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct remote_events events = {.context = bench,
                                   .connected = on_connected,
                                   .disconnected = on_disconnected,
                                   .finished = on_finished};

    bench->machine = machine_create();
    machine_on_violation(bench->machine, on_violation, bench);
    bench->device = calloc(1, sizeof(*bench->device));
    fake_device_init(bench->device, bench->machine);
    bench->host = usb_host_create(bench->machine, &bench->device->port, true);
    usb_host_give_away(bench->host, &events);
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

static void run_ms(struct bench *bench, unsigned ms)
{
    machine_advance(bench->machine, ms * NS_PER_MS);
}

static void enumerate(struct bench *bench)
{
    fake_device_attach(bench->device, bench->host, true);
    run_ms(bench, 500);
    assert_int_equal(bench->connects, 1);
    bench->device->log_count = 0;
}

static struct urb control(const char setup[8], void *data, size_t length)
{
    struct urb urb = {.data = data, .length = length};

    memcpy(urb.setup, setup, 8);
    return urb;
}

static void submit_and_run(struct bench *bench, struct urb *urb, enum urb_status expected)
{
    unsigned before = bench->finishes;

    usb_host_submit(bench->host, urb);
    run_ms(bench, 400);
    assert_int_equal(bench->finishes, before + 1);
    assert_ptr_equal(bench->last, urb);
    assert_int_equal(urb->status, expected);
}

// --- Coming and going ---------------------------------------------------------------------------

static void test_offered_after_enumeration(void **state)
{
    struct bench *bench = *state;
    const struct remote_view *view;

    assert_null(usb_host_remote_view(bench->host));
    fake_device_attach(bench->device, bench->host, true);
    run_ms(bench, 500);
    view = usb_host_remote_view(bench->host);
    assert_non_null(view);
    assert_memory_equal(view->device, bench->device->device, 18);
    assert_int_equal(view->configuration_length, 67);
    assert_int_equal(view->value, 1);
    assert_false(usb_host_configured(bench->host)); // the host's own serial driver stays away
    assert_int_equal(bench->device->log[bench->device->log_count - 2].setup[1], 9);
    for (unsigned i = 0; i < bench->device->log_count; i++) {
        assert_int_not_equal(bench->device->log[i].setup[1], 0x20);
    }
}

static void test_unplugged(void **state)
{
    struct bench *bench = *state;
    uint8_t room[64];
    struct urb urb = {.endpoint = 0x81, .data = room, .length = sizeof(room)};

    enumerate(bench);
    usb_host_submit(bench->host, &urb);
    run_ms(bench, 5);
    assert_int_equal(bench->finishes, 0);
    usb_host_plug(bench->host, false);
    assert_int_equal(urb.status, URB_GONE);
    assert_int_equal(bench->finishes, 1);
    assert_int_equal(bench->disconnects, 1);
    assert_null(usb_host_remote_view(bench->host));
    usb_host_submit(bench->host, &urb); // too late
    assert_int_equal(bench->finishes, 2);
    assert_int_equal(urb.status, URB_GONE);
    usb_host_plug(bench->host, true);
    run_ms(bench, 500);
    assert_int_equal(bench->connects, 2);
}

static void test_reset(void **state)
{
    struct bench *bench = *state;
    uint8_t room[64], later[18];
    struct urb urb = {.endpoint = 0x81, .data = room, .length = sizeof(room)};
    struct urb next = control("\x80\x06\x00\x01\x00\x00\x12\x00", later, sizeof(later));
    unsigned resets, set_configurations = 0, set_addresses = 0;

    enumerate(bench);
    resets = bench->device->resets;
    usb_host_submit(bench->host, &urb);
    run_ms(bench, 5);
    usb_host_reset_device(bench->host);
    assert_int_equal(urb.status, URB_CANCELLED);
    usb_host_submit(bench->host, &next); // waits for the device
    assert_int_equal(bench->finishes, 1);
    run_ms(bench, 300);
    assert_int_equal(bench->device->resets, resets + 1);
    assert_int_equal(bench->finishes, 2);
    assert_int_equal(next.status, URB_OK);
    assert_memory_equal(later, bench->device->device, 18);
    for (unsigned i = 0; i < bench->device->log_count; i++) {
        set_addresses += bench->device->log[i].setup[1] == 5;
        set_configurations += bench->device->log[i].setup[1] == 9;
    }
    assert_int_equal(set_addresses, 1);
    assert_int_equal(set_configurations, 1);
    assert_int_equal(bench->connects, 1); // it is the same device
    assert_int_equal(bench->disconnects, 0);
}

static void test_reset_makes_another_device(void **state)
{
    struct bench *bench = *state;

    enumerate(bench);
    bench->device->device[10] = 0x77; // idProduct
    usb_host_reset_device(bench->host);
    run_ms(bench, 300);
    assert_int_equal(bench->disconnects, 1);
    assert_int_equal(bench->connects, 2);
    assert_int_equal(usb_host_remote_view(bench->host)->device[10], 0x77);
}

static void test_reset_and_gone(void **state)
{
    struct bench *bench = *state;

    enumerate(bench);
    usb_host_reset_device(bench->host);
    run_ms(bench, 20);
    fake_device_attach(bench->device, bench->host, false);
    run_ms(bench, 20);
    assert_int_equal(bench->disconnects, 1);
}

// --- Control ------------------------------------------------------------------------------------

static void test_control_in(void **state)
{
    struct bench *bench = *state;
    uint8_t data[255];
    struct urb urb = control("\x80\x06\x00\x02\x00\x00\xFF\x00", data, sizeof(data));

    enumerate(bench);
    submit_and_run(bench, &urb, URB_OK);
    assert_int_equal(urb.actual, 67);
    assert_memory_equal(data, bench->device->configuration, 67);
    urb.length = 20; // less room than the request asks for
    submit_and_run(bench, &urb, URB_OK);
    assert_int_equal(urb.actual, 20);
    urb.length = 0;
    urb.data = NULL;
    submit_and_run(bench, &urb, URB_OK);
    assert_int_equal(urb.actual, 0);
}

static void test_control_out_of_several_packets(void **state)
{
    struct bench *bench = *state;
    uint8_t data[200];
    struct urb urb = control("\x21\x01\x00\x00\x00\x00\xC8\x00", data, sizeof(data));

    memset(data, 0x5A, sizeof(data));
    enumerate(bench);
    submit_and_run(bench, &urb, URB_OK);
    assert_int_equal(urb.actual, 200);
    assert_memory_equal(bench->device->log[0].data, "\x5A\x5A\x5A\x5A\x5A\x5A\x5A\x5A", 8);
}

static void test_control_stall(void **state)
{
    struct bench *bench = *state;
    uint8_t data[10];
    struct urb qualifier = control("\x80\x06\x00\x06\x00\x00\x0A\x00", data, sizeof(data));
    struct urb device = control("\x80\x06\x00\x01\x00\x00\x0A\x00", data, sizeof(data));

    enumerate(bench);
    submit_and_run(bench, &qualifier, URB_STALL);
    submit_and_run(bench, &device, URB_OK);
}

static void test_control_waits_and_is_cancelled(void **state)
{
    struct bench *bench = *state;
    uint8_t data[18];
    struct urb first = control("\x80\x06\x00\x01\x00\x00\x12\x00", data, sizeof(data));
    struct urb second = control("\x80\x06\x00\x01\x00\x00\x12\x00", data, sizeof(data));

    enumerate(bench);
    first.id = 7;
    second.id = 8;
    bench->device->naks_control = true;
    usb_host_submit(bench->host, &first);
    usb_host_submit(bench->host, &second);
    run_ms(bench, 20000); // whoever asks decides how long
    assert_int_equal(bench->finishes, 0);
    assert_true(usb_host_cancel(bench->host, 7));
    assert_int_equal(first.status, URB_CANCELLED);
    assert_false(usb_host_cancel(bench->host, 7));
    bench->device->naks_control = false;
    usb_host_endpoint_ready(bench->host);
    run_ms(bench, 10);
    assert_int_equal(second.status, URB_OK);
    assert_int_equal(second.actual, 18);
}

static void test_control_refused(void **state)
{
    struct bench *bench = *state;
    uint8_t data[4];
    struct urb address = control("\x00\x05\x09\x00\x00\x00\x00\x00", NULL, 0);
    struct urb configuration = control("\x00\x09\x02\x00\x00\x00\x00\x00", NULL, 0);
    struct urb too_few = control("\x21\x01\x00\x00\x00\x00\x05\x00", data, 4);

    enumerate(bench);
    submit_and_run(bench, &address, URB_INVALID);
    submit_and_run(bench, &configuration, URB_INVALID);
    submit_and_run(bench, &too_few, URB_INVALID);
    assert_int_equal(bench->device->log_count, 0);
}

static void test_no_answer(void **state)
{
    struct bench *bench = *state;
    uint8_t data[18];
    struct urb request = control("\x80\x06\x00\x01\x00\x00\x12\x00", data, sizeof(data));
    struct urb in = {.endpoint = 0x81, .data = data, .length = 18};

    enumerate(bench);
    bench->device->silent = true;
    submit_and_run(bench, &request, URB_NO_ANSWER);
    submit_and_run(bench, &in, URB_NO_ANSWER);
}

// --- Bulk and interrupt -------------------------------------------------------------------------

static void test_bulk_in(void **state)
{
    struct bench *bench = *state;
    uint8_t room[256], bytes[256];
    struct urb urb = {.endpoint = 0x81, .data = room, .length = sizeof(room)};

    for (unsigned i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)i;
    }
    enumerate(bench);
    usb_host_submit(bench->host, &urb);
    fake_device_send(bench->device, bench->host, bytes, 128);
    run_ms(bench, 10);
    assert_int_equal(bench->finishes, 0); // full packets only: more may come
    fake_device_send(bench->device, bench->host, bytes + 128, 10);
    run_ms(bench, 10);
    assert_int_equal(bench->finishes, 1); // the short one ends it
    assert_int_equal(urb.status, URB_OK);
    assert_int_equal(urb.actual, 138);
    assert_memory_equal(room, bytes, 138);
    fake_device_send(bench->device, bench->host, bytes, 256);
    submit_and_run(bench, &urb, URB_OK); // exactly full: no empty packet is waited for
    assert_int_equal(urb.actual, 256);
}

static void test_bulk_out(void **state)
{
    struct bench *bench = *state;
    uint8_t bytes[192];
    struct urb urb = {.endpoint = 0x01, .data = bytes, .length = 130};

    memset(bytes, 0xC3, sizeof(bytes));
    enumerate(bench);
    submit_and_run(bench, &urb, URB_OK);
    assert_int_equal(bench->device->out_packets, 3);
    assert_int_equal(bench->device->out_count, 130);
    urb.length = 128;
    submit_and_run(bench, &urb, URB_OK);
    assert_int_equal(bench->device->out_packets, 5);
    urb.end_with_empty = true;
    submit_and_run(bench, &urb, URB_OK);
    assert_int_equal(bench->device->out_packets, 8); // the third one is empty
    urb.length = 100;
    submit_and_run(bench, &urb, URB_OK);
    assert_int_equal(bench->device->out_packets, 10); // short: no empty one
    urb.length = 0;
    submit_and_run(bench, &urb, URB_OK);
    assert_int_equal(bench->device->out_packets, 11); // one, empty
}

static void test_pace(void **state)
{
    struct bench *bench = *state;
    static uint8_t bytes[19 * 64 * 50];
    struct urb urb = {.endpoint = 0x01, .data = bytes, .length = sizeof(bytes)};
    uint64_t start_ns;

    enumerate(bench);
    start_ns = machine_now_ns(bench->machine);
    usb_host_submit(bench->host, &urb);
    run_ms(bench, 200);
    assert_int_equal(urb.status, URB_OK);
    assert_in_range(bench->finished_ns - start_ns, 49 * NS_PER_MS, 53 * NS_PER_MS);
}

static void test_both_directions_share_the_wire(void **state)
{
    struct bench *bench = *state;
    static uint8_t bytes[19 * 64 * 20], room[19 * 64 * 20];
    struct urb out = {.endpoint = 0x01, .data = bytes, .length = sizeof(bytes)};
    struct urb in = {.endpoint = 0x81, .data = room, .length = sizeof(room)};

    enumerate(bench);
    fake_device_send(bench->device, bench->host, bytes, sizeof(bytes));
    usb_host_submit(bench->host, &out);
    usb_host_submit(bench->host, &in);
    run_ms(bench, 38);
    assert_int_equal(bench->finishes, 0); // 40 ms are needed for both
    run_ms(bench, 6);
    assert_int_equal(bench->finishes, 2);
}

static void test_babble(void **state)
{
    struct bench *bench = *state;
    uint8_t room[32];
    struct urb urb = {.endpoint = 0x81, .data = room, .length = sizeof(room)};

    enumerate(bench);
    fake_device_send(bench->device, bench->host, "0123456789012345678901234567890123456789", 40);
    submit_and_run(bench, &urb, URB_BABBLE);
    assert_int_equal(urb.actual, 32);
}

static void test_cancel_loses_nothing(void **state)
{
    struct bench *bench = *state;
    uint8_t room[64];
    struct urb first = {.id = 1, .endpoint = 0x81, .data = room, .length = sizeof(room)};
    struct urb second = {.id = 2, .endpoint = 0x81, .data = room, .length = sizeof(room)};

    enumerate(bench);
    // In every phase of the transaction: the packet comes with the next request.
    for (unsigned delay_us = 0; delay_us < 1100; delay_us += delay_us < 60 ? 1 : 97) {
        usb_host_submit(bench->host, &first);
        fake_device_send(bench->device, bench->host, "hello", 5);
        machine_advance(bench->machine, delay_us * NS_PER_US);
        if (!usb_host_cancel(bench->host, 1)) {
            assert_int_equal(first.status, URB_OK);
            continue;
        }
        memset(room, 0, sizeof(room));
        run_ms(bench, 2); // what was on the wire ends with nobody waiting for it
        submit_and_run(bench, &second, URB_OK);
        assert_int_equal(second.actual, 5);
        assert_memory_equal(room, "hello", 5);
    }
}

static void test_halt(void **state)
{
    struct bench *bench = *state;
    uint8_t bytes[64] = {0};
    struct urb urb = {.endpoint = 0x01, .data = bytes, .length = 64};
    struct urb clear = control("\x02\x01\x00\x00\x01\x00\x00\x00", NULL, 0);

    enumerate(bench);
    submit_and_run(bench, &urb, URB_OK); // the next toggle is DATA1
    bench->device->stalls_out = true;
    submit_and_run(bench, &urb, URB_STALL);
    submit_and_run(bench, &urb, URB_STALL);
    submit_and_run(bench, &clear, URB_OK);
    submit_and_run(bench, &urb, URB_OK);
    assert_int_equal(bench->device->out_packets, 2); // taken: it was DATA0 again
}

static void test_interrupt_interval(void **state)
{
    struct bench *bench = *state;
    uint8_t room[8];
    struct urb urb = {.endpoint = 0x82, .data = room, .length = sizeof(room)};

    enumerate(bench);
    run_ms(bench, 100);
    assert_int_equal(bench->device->notify_polls, 0); // nobody asks
    usb_host_submit(bench->host, &urb);
    run_ms(bench, 1600);
    assert_in_range(bench->device->notify_polls, 99, 101); // bInterval 16
    memcpy(bench->device->notification, "\xA1\x20\0\0\0\0\2\0", 8);
    bench->device->notification_length = 8;
    run_ms(bench, 17);
    assert_int_equal(bench->finishes, 1);
    assert_int_equal(urb.actual, 8);
}

static void test_unknown_endpoints(void **state)
{
    struct bench *bench = *state;
    uint8_t room[8];
    static const uint8_t unknown[] = {0x02, 0x83, 0x03, 0x8F, 0x80};

    enumerate(bench);
    for (size_t i = 0; i < sizeof(unknown); i++) {
        struct urb urb = {.endpoint = unknown[i], .data = room, .length = sizeof(room)};

        submit_and_run(bench, &urb, URB_INVALID);
    }
}

static void test_configuration_left(void **state)
{
    struct bench *bench = *state;
    uint8_t room[64];
    struct urb in = {.endpoint = 0x81, .data = room, .length = sizeof(room)};
    struct urb leave = control("\x00\x09\x00\x00\x00\x00\x00\x00", NULL, 0);
    struct urb back = control("\x00\x09\x01\x00\x00\x00\x00\x00", NULL, 0);

    enumerate(bench);
    usb_host_submit(bench->host, &in);
    usb_host_submit(bench->host, &leave);
    run_ms(bench, 10);
    assert_int_equal(leave.status, URB_OK);
    assert_int_equal(in.status, URB_CANCELLED);
    assert_int_equal(usb_host_remote_view(bench->host)->value, 0);
    submit_and_run(bench, &in, URB_INVALID);
    submit_and_run(bench, &back, URB_OK);
    fake_device_send(bench->device, bench->host, "x", 1);
    submit_and_run(bench, &in, URB_OK);
}

static const uint8_t two_alternates[] = {
    9, 2, 50,   0, 1,  1,    0, 0x80, 50, // configuration
    9, 4, 0,    0, 0,  0xFF, 0, 0,    0,  // interface 0, no endpoints
    9, 4, 0,    1, 2,  0xFF, 0, 0,    0,  // alternate 1
    7, 5, 0x01, 2, 64, 0,    0,           // bulk OUT
    7, 5, 0x81, 2, 64, 0,    0,           // bulk IN
};

static void test_alternates(void **state)
{
    struct bench *bench = *state;
    uint8_t bytes[64] = {0};
    struct urb out = {.endpoint = 0x01, .data = bytes, .length = 3};
    struct urb choose = control("\x01\x0B\x01\x00\x00\x00\x00\x00", NULL, 0);

    memcpy(bench->device->configuration, two_alternates, sizeof(two_alternates));
    bench->device->configuration[2] = sizeof(two_alternates);
    bench->device->configuration_length = sizeof(two_alternates);
    enumerate(bench);
    submit_and_run(bench, &out, URB_INVALID);
    submit_and_run(bench, &choose, URB_OK);
    assert_int_equal(usb_host_remote_view(bench->host)->alternate[0], 1);
    submit_and_run(bench, &out, URB_OK);
    submit_and_run(bench, &out, URB_OK);
    assert_int_equal(bench->device->out_packets, 2);
}

static void test_resubmitted_for_ever(void **state)
{
    struct bench *bench = *state;
    static uint8_t bytes[19 * 64];
    struct urb urb = {.endpoint = 0x81, .data = bytes, .length = 64};

    enumerate(bench);
    bench->resubmits = true;
    usb_host_submit(bench->host, &urb);
    fake_device_send(bench->device, bench->host, bytes, sizeof(bytes));
    run_ms(bench, 5);
    assert_int_equal(bench->finishes, 19);
    usb_host_cancel_all(bench->host);
    assert_int_equal(urb.status, URB_CANCELLED);
}

static void test_asleep(void **state)
{
    struct bench *bench = *state;
    uint8_t room[64];
    struct urb in = {.endpoint = 0x81, .data = room, .length = sizeof(room)};

    enumerate(bench);
    usb_host_submit(bench->host, &in);
    usb_host_suspend(bench->host, true);
    run_ms(bench, 50);
    assert_true(bench->device->suspended);
    fake_device_send(bench->device, bench->host, "x", 1);
    run_ms(bench, 50);
    assert_int_equal(bench->finishes, 0);
    usb_host_suspend(bench->host, false);
    run_ms(bench, 50);
    assert_int_equal(in.status, URB_OK);
    assert_int_equal(in.actual, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_offered_after_enumeration),
        TEST(test_unplugged),
        TEST(test_reset),
        TEST(test_reset_makes_another_device),
        TEST(test_reset_and_gone),
        TEST(test_control_in),
        TEST(test_control_out_of_several_packets),
        TEST(test_control_stall),
        TEST(test_control_waits_and_is_cancelled),
        TEST(test_control_refused),
        TEST(test_no_answer),
        TEST(test_bulk_in),
        TEST(test_bulk_out),
        TEST(test_pace),
        TEST(test_both_directions_share_the_wire),
        TEST(test_babble),
        TEST(test_cancel_loses_nothing),
        TEST(test_halt),
        TEST(test_interrupt_interval),
        TEST(test_unknown_endpoints),
        TEST(test_configuration_left),
        TEST(test_alternates),
        TEST(test_resubmitted_for_ever),
        TEST(test_asleep),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
