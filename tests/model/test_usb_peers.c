// The cables to drivers elsewhere: usbredir and USB/IP, byte by byte.
//
// Expected values: "USB Network Redirection protocol description" 0.7 and "USB/IP protocol" of the
// Linux kernel's documentation; descriptors are the fake device's.
//
// SPDX-License-Identifier: MIT
#include "tests/model/cable_bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static void enumerate(struct bench *bench)
{
    fake_device_attach(bench->device, bench->host, true);
    run_ms(bench, 500);
    bench->device->log_count = 0;
}

static void tell(struct bench *bench, const void *bytes, size_t count)
{
    assert_int_equal(send(bench->fd, bytes, count, MSG_NOSIGNAL), (ssize_t)count);
    run_ms(bench, 3);
}

// Everything that has come, after what was not taken yet.
static void hear(struct bench *bench)
{
    ssize_t count;

    while ((count = recv(bench->fd, bench->got + bench->count, sizeof(bench->got) - bench->count,
                         MSG_DONTWAIT)) > 0) {
        bench->count += (size_t)count;
    }
}

static void take(struct bench *bench, void *bytes, size_t count)
{
    hear(bench);
    assert_true(bench->count >= count);
    memcpy(bytes, bench->got, count);
    bench->count -= count;
    memmove(bench->got, bench->got + count, bench->count);
}

static void expect_silence(struct bench *bench)
{
    run_ms(bench, 5);
    hear(bench);
    assert_int_equal(bench->count, 0);
}

// --- usbredir -----------------------------------------------------------------------------------

static void put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t get32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void send_packet(struct bench *bench, uint32_t type, uint32_t id, const void *body,
                        size_t length)
{
    uint8_t packet[4096] = {0};
    size_t head = bench->short_ids ? 12 : 16;

    put32(packet, type);
    put32(packet + 4, (uint32_t)length);
    put32(packet + 8, id);
    if (length != 0) {
        memcpy(packet + head, body, length);
    }
    tell(bench, packet, head + length);
}

// Takes a packet of this type and id; returns the length of its body.
static size_t take_packet(struct bench *bench, uint32_t type, uint32_t id, uint8_t *body)
{
    uint8_t head[16] = {0};
    uint32_t length;

    take(bench, head, bench->short_ids ? 12 : 16);
    assert_int_equal(get32(head), type);
    assert_int_equal(get32(head + 8), id);
    assert_int_equal(get32(head + 12), 0);
    length = get32(head + 4);
    take(bench, body, length);
    return length;
}

static void send_hello(struct bench *bench, uint32_t capabilities)
{
    uint8_t hello[12 + 64 + 4] = {0};

    put32(hello + 4, 68);
    strcpy((char *)hello + 12, "test");
    put32(hello + 76, capabilities);
    tell(bench, hello, sizeof(hello));
}

#define ALL_CAPABILITIES 0xFEu // all of version 0.7 but bulk streams

// As far as the device_connect packet.
static void greet(struct bench *bench)
{
    uint8_t body[512];

    plug(bench, "usbredir:unix:");
    enumerate(bench);
    bench->fd = dial(bench->path);
    run_ms(bench, 2);
    take(bench, body, 80);
    send_hello(bench, ALL_CAPABILITIES);
    take_packet(bench, 5, 0, body);
    take_packet(bench, 4, 0, body);
    take_packet(bench, 1, 0, body);
    expect_silence(bench);
}

static void test_redir_hello(void **state)
{
    struct bench *bench = *state;
    uint8_t body[512];

    plug(bench, "usbredir:unix:");
    bench->fd = dial(bench->path);
    run_ms(bench, 2);
    take(bench, body, 80);
    assert_memory_equal(body, "\0\0\0\0\x44\0\0\0\0\0\0\0quadlane-board ", 27);
    // Device version, packet sizes, ids of 64 bits, lengths of 32 bits; no streams, no filter.
    assert_int_equal(get32(body + 76), 1u << 1 | 1u << 4 | 1u << 5 | 1u << 6);
    expect_silence(bench);
    send_hello(bench, ALL_CAPABILITIES);
    expect_silence(bench); // there is no device
    enumerate(bench);
    assert_int_equal(take_packet(bench, 5, 0, body), 96 + 64);
    for (unsigned i = 0; i < 32; i++) {
        unsigned type = i == 0 || i == 16 ? 0 : i == 1 || i == 17 ? 2 : i == 18 ? 3 : 255;

        assert_int_equal(body[i], type);
    }
    assert_int_equal(body[32 + 18], 16); // bInterval
    assert_int_equal(body[64 + 1], 1);   // the data interface's
    assert_int_equal(body[96 + 2 * 17], 64);
    assert_int_equal(body[96 + 2 * 18], 8);
    assert_int_equal(take_packet(bench, 4, 0, body), 132);
    assert_memory_equal(body, "\2\0\0\0\0\1", 6);
    assert_memory_equal(body + 36, "\x02\x0A", 2);
    assert_memory_equal(body + 68, "\x02\x00", 2);
    assert_memory_equal(body + 100, "\x01\x00", 2);
    assert_int_equal(take_packet(bench, 1, 0, body), 10);
    // Full speed, class of the device, 1209:0001, release 0.10
    assert_memory_equal(body, "\x01\x00\x00\x00\x09\x12\x01\x00\x10\x00", 10);
    expect_silence(bench);
}

static void test_redir_old_peer(void **state)
{
    struct bench *bench = *state;
    uint8_t body[512];

    bench->short_ids = true;
    plug(bench, "usbredir:unix:");
    enumerate(bench);
    bench->fd = dial(bench->path);
    run_ms(bench, 2);
    take(bench, body, 80);
    send_hello(bench, 0);
    assert_int_equal(take_packet(bench, 5, 0, body), 96);
    assert_int_equal(take_packet(bench, 4, 0, body), 132);
    assert_int_equal(take_packet(bench, 1, 0, body), 8);
    send_packet(bench, 101, 9, "\x01\x00\x03\x00\0\0\0\0abc", 11);
    assert_int_equal(take_packet(bench, 101, 9, body), 8);
    assert_memory_equal(body, "\x01\x00\x03\x00\0\0\0\0", 8);
    assert_memory_equal(bench->device->out_bytes, "abc", 3);
}

static void test_redir_control(void **state)
{
    struct bench *bench = *state;
    uint8_t body[512];

    greet(bench);
    send_packet(bench, 100, 5, "\x80\x06\x80\x00\x00\x01\x00\x00\x12\x00", 10);
    assert_int_equal(take_packet(bench, 100, 5, body), 10 + 18);
    assert_memory_equal(body, "\x80\x06\x80\x00\x00\x01\x00\x00\x12\x00", 10);
    assert_memory_equal(body + 10, bench->device->device, 18);
    // A short answer: what came, and how much.
    send_packet(bench, 100, 6, "\x80\x06\x80\x00\x00\x02\x00\x00\xFF\x00", 10);
    assert_int_equal(take_packet(bench, 100, 6, body), 10 + 67);
    assert_int_equal(body[8], 67);
    send_packet(bench, 100, 7, "\x80\x06\x80\x00\x00\x06\x00\x00\x0A\x00", 10);
    assert_int_equal(take_packet(bench, 100, 7, body), 10);
    assert_int_equal(body[3], 4); // stall
    send_packet(bench, 100, 8, "\x00\x20\x21\x00\x00\x00\x00\x00\x07\x00\0\xC2\1\0\0\0\x08", 17);
    assert_int_equal(take_packet(bench, 100, 8, body), 10);
    assert_memory_equal(body, "\x00\x20\x21\x00\x00\x00\x00\x00\x07\x00", 10);
    assert_memory_equal(bench->device->log[bench->device->log_count - 1].data, "\0\xC2\1\0\0\0\x08",
                        7);
}

static void test_redir_bulk(void **state)
{
    struct bench *bench = *state;
    uint8_t body[512];

    greet(bench);
    send_packet(bench, 101, 1, "\x81\x00\x00\x01\0\0\0\0\0\0", 10);
    send_packet(bench, 101, 2, "\x81\x00\x00\x01\0\0\0\0\0\0", 10);
    expect_silence(bench);
    fake_device_send(bench->device, bench->host, "answer", 6);
    run_ms(bench, 2);
    assert_int_equal(take_packet(bench, 101, 1, body), 10 + 6);
    assert_memory_equal(body, "\x81\x00\x06\x00\0\0\0\0\0\0answer", 16);
    send_packet(bench, 21, 2, NULL, 0); // cancel
    assert_int_equal(take_packet(bench, 101, 2, body), 10);
    assert_memory_equal(body, "\x81\x01\x00\x00\0\0\0\0\0\0", 10);
    send_packet(bench, 21, 2, NULL, 0); // again: too late, no answer
    expect_silence(bench);
    send_packet(bench, 101, 3, "\x02\x00\x01\x00\0\0\0\0\0\0x", 11);
    assert_int_equal(take_packet(bench, 101, 3, body), 10);
    assert_int_equal(body[1], 2); // no such endpoint: inval
    bench->device->stalls_in = true;
    usb_host_endpoint_ready(bench->host);
    send_packet(bench, 101, 4, "\x81\x00\x40\x00\0\0\0\0\0\0", 10);
    assert_int_equal(take_packet(bench, 101, 4, body), 10);
    assert_int_equal(body[1], 4); // stall
}

static void test_redir_interrupt(void **state)
{
    struct bench *bench = *state;
    uint8_t body[512];

    greet(bench);
    send_packet(bench, 15, 3, "\x82", 1);
    assert_int_equal(take_packet(bench, 17, 3, body), 2);
    assert_memory_equal(body, "\x00\x82", 2);
    memcpy(bench->device->notification, "\xA1\x20\0\0\0\0\2\0", 8);
    bench->device->notification_length = 8;
    run_ms(bench, 20);
    assert_int_equal(take_packet(bench, 103, 0, body), 4 + 8);
    assert_memory_equal(body, "\x82\x00\x08\x00\xA1\x20\0\0\0\0\2\0", 12);
    send_packet(bench, 16, 4, "\x82", 1);
    assert_int_equal(take_packet(bench, 17, 4, body), 2);
    assert_memory_equal(body, "\x00\x82", 2);
    bench->device->notify_polls = 0;
    run_ms(bench, 50);
    assert_int_equal(bench->device->notify_polls, 0);
    send_packet(bench, 15, 5, "\x81", 1); // a bulk endpoint
    assert_int_equal(take_packet(bench, 17, 5, body), 2);
    assert_int_equal(body[0], 2);
    send_packet(bench, 12, 6, "\x83\x04\x04", 3); // isochronous streams are refused
    assert_int_equal(take_packet(bench, 14, 6, body), 2);
    assert_memory_equal(body, "\x02\x83", 2);
}

static void test_redir_configuration(void **state)
{
    struct bench *bench = *state;
    uint8_t body[512];

    greet(bench);
    send_packet(bench, 6, 1, "\x00", 1);
    assert_int_equal(take_packet(bench, 5, 0, body), 160); // endpoints, interfaces, then status
    assert_int_equal(body[1], 255);
    assert_int_equal(take_packet(bench, 4, 0, body), 132);
    assert_int_equal(body[0], 0);
    assert_int_equal(take_packet(bench, 8, 1, body), 2);
    assert_memory_equal(body, "\0\0", 2);
    send_packet(bench, 6, 2, "\x01", 1);
    take_packet(bench, 5, 0, body);
    assert_int_equal(body[1], 2);
    take_packet(bench, 4, 0, body);
    assert_int_equal(take_packet(bench, 8, 2, body), 2);
    assert_memory_equal(body, "\0\1", 2);
    send_packet(bench, 7, 3, NULL, 0);
    assert_int_equal(take_packet(bench, 8, 3, body), 2);
    assert_memory_equal(body, "\0\1", 2);
    send_packet(bench, 6, 4, "\x05", 1); // there is no such configuration
    assert_int_equal(take_packet(bench, 8, 4, body), 2);
    assert_memory_equal(body, "\2\1", 2);
    send_packet(bench, 10, 5, "\x01", 1);
    assert_int_equal(take_packet(bench, 11, 5, body), 3);
    assert_memory_equal(body, "\0\1\0", 3);
    send_packet(bench, 9, 6, "\x01\x00", 2);
    take_packet(bench, 5, 0, body);
    take_packet(bench, 4, 0, body);
    assert_int_equal(take_packet(bench, 11, 6, body), 3);
    assert_memory_equal(body, "\0\1\0", 3);
    assert_memory_equal(bench->device->log[bench->device->log_count - 1].setup,
                        "\x01\x0B\0\0\x01\0\0\0", 8);
}

static void test_redir_unplugged(void **state)
{
    struct bench *bench = *state;
    uint8_t body[512];

    greet(bench);
    send_packet(bench, 101, 1, "\x81\x00\x00\x01\0\0\0\0\0\0", 10);
    usb_host_plug(bench->host, false);
    run_ms(bench, 2);
    // What was under way is answered before the device is gone.
    assert_int_equal(take_packet(bench, 101, 1, body), 10);
    assert_int_equal(body[1], 3); // ioerror
    assert_int_equal(take_packet(bench, 2, 0, body), 0);
    send_packet(bench, 101, 2, "\x81\x00\x00\x01\0\0\0\0\0\0", 10);
    assert_int_equal(take_packet(bench, 101, 2, body), 10);
    assert_int_equal(body[1], 3);
    usb_host_plug(bench->host, true);
    run_ms(bench, 500);
    take_packet(bench, 5, 0, body);
    take_packet(bench, 4, 0, body);
    assert_int_equal(take_packet(bench, 1, 0, body), 10);
    expect_silence(bench);
}

static void test_redir_reset(void **state)
{
    struct bench *bench = *state;
    uint8_t body[512];
    unsigned resets;

    greet(bench);
    resets = bench->device->resets;
    send_packet(bench, 15, 1, "\x82", 1);
    take_packet(bench, 17, 1, body);
    send_packet(bench, 3, 0, NULL, 0);
    assert_int_equal(take_packet(bench, 17, 0, body), 2);
    assert_memory_equal(body, "\x04\x82", 2); // no longer read: stall
    send_packet(bench, 100, 5, "\x80\x06\x80\x00\x00\x01\x00\x00\x12\x00", 10);
    run_ms(bench, 200);
    assert_int_equal(bench->device->resets, resets + 1);
    assert_int_equal(take_packet(bench, 100, 5, body), 28);
    expect_silence(bench);
}

static void test_redir_connection_ends(void **state)
{
    struct bench *bench = *state;
    unsigned resets;
    int second;

    greet(bench);
    second = dial(bench->path);
    run_ms(bench, 2);
    assert_true(is_closed(second)); // one at a time
    close(second);
    send_packet(bench, 101, 1, "\x81\x00\x00\x01\0\0\0\0\0\0", 10);
    resets = bench->device->resets;
    close(bench->fd);
    bench->fd = -1;
    run_ms(bench, 200);
    assert_int_equal(bench->device->resets, resets + 1); // a fresh device for the next one
    bench->fd = dial(bench->path);
    run_ms(bench, 2);
    hear(bench);
    assert_int_equal(bench->count, 80);
}

static void test_redir_nonsense(void **state)
{
    static const struct {
        uint32_t type;
        const char *body;
        size_t length;
    } bad[] = {
        {1, "\1\0\0\0\0\0\0\0\0\0", 10}, // a packet of the other direction
        {18, "\1\0\0\0\1\0\0\0", 8},     // streams were not announced
        {77, "", 0},                     // unknown
        {0, "another hello, which has to be the first packet of all, not a later one", 68},
        {6, "", 0},                                  // too short
        {6, "\1\0", 2},                              // too long
        {100, "\x80\x06\x80\0\0\1\0\0\x12\0!", 11},  // IN with bytes
        {100, "\x00\x20\x21\0\0\0\0\0\x07\0\0", 11}, // OUT with too few
        {100, "\x81\x06\x80\0\0\1\0\0\x12\0", 10},   // another endpoint than 0
        {101, "\x81\0\1\0\0\0\0\0\0\0!", 11},        // IN with bytes
        {101, "\x01\0\2\0\0\0\0\0\0\0!", 11},        // OUT with too few
        {101, "\x80\0\1\0\0\0\0\0\0\0", 10},         // endpoint 0
        {101, "\x81\0\1\0\0\0\0\0\x20\0", 10},       // 2 MiB
        {104, "\0\0\0\0\0\0\0\0\0\0", 10},           // buffered bulk input
    };
    struct bench *bench = *state;

    greet(bench);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        send_packet(bench, bad[i].type, 1, bad[i].body, bad[i].length);
        hear(bench);
        assert_true(is_closed(bench->fd));
        close(bench->fd);
        bench->fd = dial(bench->path);
        run_ms(bench, 200);
        bench->count = 0;
        send_hello(bench, ALL_CAPABILITIES);
        hear(bench);
        assert_true(bench->count > 200); // the next one is served
        bench->count = 0;
    }
    close(bench->fd);
    bench->fd = dial(bench->path);
    run_ms(bench, 2);
    tell(bench, "GET / HTTP/1.1\r\n\r\n", 18); // another protocol altogether
    bench->count = 0;
    hear(bench);
    assert_true(is_closed(bench->fd));
}

// Bulk reads that the device does not answer yet, told at once.
static void read_bulk(struct bench *bench, unsigned count, uint32_t length)
{
    static uint8_t bytes[1024 * 26];

    for (unsigned i = 0; i < count; i++) {
        uint8_t *packet = bytes + 26 * i;

        memset(packet, 0, 26);
        put32(packet, 101);
        put32(packet + 4, 10);
        put32(packet + 8, i);
        packet[16] = 0x81;
        packet[18] = (uint8_t)length;
        packet[19] = (uint8_t)(length >> 8);
        packet[24] = (uint8_t)(length >> 16);
    }
    tell(bench, bytes, 26 * (size_t)count);
}

// As many as are allowed; one that is answered makes room for another one, and no more.
static void expect_limit(struct bench *bench,
                         void (*ask)(struct bench *bench, unsigned count, uint32_t length),
                         unsigned count, uint32_t length)
{
    ask(bench, count, length);
    fake_device_send(bench->device, bench->host, "x", 1);
    run_ms(bench, 5);
    ask(bench, 1, length);
    hear(bench);
    assert_true(bench->count > 0); // the answer
    bench->count = 0;
    assert_false(is_closed(bench->fd));
    ask(bench, 1, length);
    hear(bench);
    assert_true(is_closed(bench->fd));
}

static void test_redir_count_of_requests(void **state)
{
    greet(*state);
    expect_limit(*state, read_bulk, 1024, 1);
}

static void test_redir_size_of_requests(void **state)
{
    greet(*state);
    expect_limit(*state, read_bulk, 16, 1024 * 1024);
}

// --- USB/IP -------------------------------------------------------------------------------------

static int dial_port(struct bench *bench)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;

    address.sin_port = htons((uint16_t)atoi(strrchr(usb_cable_path(bench->cable), ':') + 1));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    run_ms(bench, 2);
    return fd;
}

static const uint8_t devlist_request[] = {0x01, 0x11, 0x80, 0x05, 0, 0, 0, 0};

static void send_import(struct bench *bench, const char *bus_id)
{
    uint8_t request[40] = {0x01, 0x11, 0x80, 0x03};

    strcpy((char *)request + 8, bus_id);
    tell(bench, request, sizeof(request));
}

static void check_device(const uint8_t *device)
{
    assert_memory_equal(device + 256, "1-1\0", 4);
    assert_memory_equal(device + 288, "\0\0\0\1", 4); // bus
    assert_memory_equal(device + 296, "\0\0\0\2", 4); // full speed
    assert_memory_equal(device + 300, "\x12\x09\x00\x01\x00\x10", 6);
    assert_memory_equal(device + 306, "\0\0\0\1\1\2",
                        6); // class, configuration 1 of 1, 2 interfaces
}

static void attach(struct bench *bench)
{
    uint8_t reply[320];

    plug(bench, "usbip:0");
    enumerate(bench);
    bench->fd = dial_port(bench);
    send_import(bench, "1-1");
    take(bench, reply, sizeof(reply));
    assert_memory_equal(reply, "\x01\x11\x00\x03\0\0\0\0", 8);
    check_device(reply + 8);
}

struct submit {
    uint32_t sequence, direction, endpoint, flags, length;
    const char *setup;
    const void *data;
};

static void put_be(uint8_t *at, uint32_t value)
{
    uint32_t swapped = htonl(value);

    memcpy(at, &swapped, 4);
}

static size_t put_submit(uint8_t *bytes, const struct submit *urb)
{
    size_t data = urb->direction == 0 ? urb->length : 0;

    memset(bytes, 0, 48);
    put_be(bytes, 1);
    put_be(bytes + 4, urb->sequence);
    put_be(bytes + 8, 0x00010002);
    put_be(bytes + 12, urb->direction);
    put_be(bytes + 16, urb->endpoint);
    put_be(bytes + 20, urb->flags);
    put_be(bytes + 24, urb->length);
    put_be(bytes + 32, 0xFFFFFFFF);
    if (urb->setup != NULL) {
        memcpy(bytes + 40, urb->setup, 8);
    }
    if (data != 0) {
        memcpy(bytes + 48, urb->data, data);
    }
    return 48 + data;
}

static void submit(struct bench *bench, const struct submit *urb)
{
    uint8_t bytes[1024];

    tell(bench, bytes, put_submit(bytes, urb));
}

// Takes the answer's head; its status and length are checked.
static void take_answer(struct bench *bench, uint32_t command, uint32_t sequence, int status,
                        uint32_t actual)
{
    uint8_t head[48], expected[48] = {0};

    take(bench, head, sizeof(head));
    put_be(expected, command);
    put_be(expected + 4, sequence);
    put_be(expected + 20, (uint32_t)status);
    put_be(expected + 24, actual);
    assert_memory_equal(head, expected, 32);
}

static void test_usbip_list(void **state)
{
    struct bench *bench = *state;
    uint8_t reply[12 + 312 + 8];

    plug(bench, "usbip:127.0.0.1:0");
    bench->fd = dial_port(bench);
    tell(bench, devlist_request, sizeof(devlist_request));
    take(bench, reply, 12);
    assert_memory_equal(reply, "\x01\x11\x00\x05\0\0\0\0\0\0\0\0", 12);
    enumerate(bench);
    tell(bench, devlist_request, sizeof(devlist_request));
    take(bench, reply, sizeof(reply));
    assert_memory_equal(reply, "\x01\x11\x00\x05\0\0\0\0\0\0\0\1", 12);
    check_device(reply + 12);
    assert_memory_equal(reply + 12 + 312, "\x02\x02\x01\0\x0A\0\0\0", 8);
    expect_silence(bench);
}

static void test_usbip_attach(void **state)
{
    struct bench *bench = *state;
    uint8_t reply[12];
    int owner;

    plug(bench, "usbip:0");
    bench->fd = dial_port(bench);
    send_import(bench, "1-1");
    take(bench, reply, 8);
    assert_memory_equal(reply, "\x01\x11\x00\x03\0\0\0\4", 8); // no such device
    enumerate(bench);
    send_import(bench, "1-2");
    take(bench, reply, 8);
    assert_int_equal(reply[7], 4);
    send_import(bench, "1-1");
    hear(bench);
    assert_int_equal(bench->count, 320);
    bench->count = 0;
    owner = bench->fd;
    bench->fd = dial_port(bench);
    send_import(bench, "1-1");
    take(bench, reply, 8);
    assert_int_equal(reply[7], 2); // busy
    tell(bench, devlist_request, sizeof(devlist_request));
    take(bench, reply, 12);
    assert_int_equal(reply[11], 0); // what is in use is not offered
    close(owner);
    run_ms(bench, 200);
    send_import(bench, "1-1");
    hear(bench);
    assert_int_equal(bench->count, 320);
    bench->count = 0;
}

static void test_usbip_transfers(void **state)
{
    struct bench *bench = *state;
    uint8_t data[64];

    attach(bench);
    submit(bench, &(struct submit){1, 1, 0, 0, 64, "\x80\x06\0\1\0\0\x40\0", NULL});
    take_answer(bench, 3, 1, 0, 18);
    take(bench, data, 18);
    assert_memory_equal(data, bench->device->device, 18);
    submit(bench, &(struct submit){2, 0, 0, 0, 7, "\x21\x20\0\0\0\0\7\0", "\0\xC2\1\0\0\0\x08"});
    take_answer(bench, 3, 2, 0, 7);
    submit(bench, &(struct submit){3, 1, 0, 0, 10, "\x80\x06\0\6\0\0\x0A\0", NULL});
    take_answer(bench, 3, 3, -32, 0); // EPIPE: a stall
    submit(bench, &(struct submit){4, 0, 1, 0x40, 64, NULL, bench->device->configuration});
    take_answer(bench, 3, 4, 0, 64);
    assert_int_equal(bench->device->out_packets, 2); // URB_ZERO_PACKET
    submit(bench, &(struct submit){5, 1, 1, 0, 64, NULL, NULL});
    expect_silence(bench);
    fake_device_send(bench->device, bench->host, "answer", 6);
    run_ms(bench, 2);
    take_answer(bench, 3, 5, 0, 6);
    take(bench, data, 6);
    assert_memory_equal(data, "answer", 6);
    submit(bench, &(struct submit){6, 1, 1, 1, 64, NULL, NULL}); // URB_SHORT_NOT_OK
    fake_device_send(bench->device, bench->host, "short", 5);
    run_ms(bench, 2);
    take_answer(bench, 3, 6, -121, 5); // EREMOTEIO
    take(bench, data, 5);
    submit(bench, &(struct submit){7, 1, 9, 0, 64, NULL, NULL});
    take_answer(bench, 3, 7, -22, 0); // no such endpoint
    expect_silence(bench);
}

static void test_usbip_unlink(void **state)
{
    struct bench *bench = *state;
    uint8_t unlinking[48] = {0, 0, 0, 2, 0, 0, 0, 9};

    attach(bench);
    submit(bench, &(struct submit){5, 1, 1, 0, 64, NULL, NULL});
    unlinking[23] = 5;
    tell(bench, unlinking, sizeof(unlinking));
    take_answer(bench, 4, 9, -104, 0); // ECONNRESET; the request itself is not answered
    tell(bench, unlinking, sizeof(unlinking));
    take_answer(bench, 4, 9, 0, 0); // it is no more
    expect_silence(bench);
}

static void test_usbip_unplugged(void **state)
{
    struct bench *bench = *state;

    attach(bench);
    submit(bench, &(struct submit){5, 1, 1, 0, 64, NULL, NULL});
    usb_host_plug(bench->host, false);
    run_ms(bench, 2);
    take_answer(bench, 3, 5, -108, 0); // ESHUTDOWN
    hear(bench);
    assert_true(is_closed(bench->fd));
}

static void test_usbip_nonsense(void **state)
{
    struct bench *bench = *state;
    static const uint8_t not_attached[][8] = {{1, 6, 0x80, 5}, {1, 0x11, 0x80, 4}, "GET / HT"};
    uint8_t bad[4][48] = {{0, 0, 0, 7}, {0, 0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 1}};

    bad[1][35] = 4;    // number_of_packets: isochronous
    bad[2][24] = 0x10; // 256 MiB
    bad[3][16] = 1;    // endpoint 0x01000000
    attach(bench);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        tell(bench, bad[i], sizeof(bad[i]));
        hear(bench);
        assert_true(is_closed(bench->fd));
        close(bench->fd);
        run_ms(bench, 200);
        bench->fd = dial_port(bench);
        send_import(bench, "1-1");
        hear(bench);
        assert_int_equal(bench->count, 320);
        bench->count = 0;
    }
    for (size_t i = 0; i < sizeof(not_attached) / sizeof(not_attached[0]); i++) {
        close(bench->fd);
        bench->fd = dial_port(bench);
        tell(bench, not_attached[i], 8);
        assert_true(is_closed(bench->fd));
    }
}

static void submit_reads(struct bench *bench, unsigned count, uint32_t length)
{
    static uint8_t bytes[1024 * 48];

    for (unsigned i = 0; i < count; i++) {
        put_submit(bytes + 48 * i, &(struct submit){i, 1, 1, 0, length, NULL, NULL});
    }
    tell(bench, bytes, 48 * (size_t)count);
}

static void test_usbip_count_of_requests(void **state)
{
    attach(*state);
    expect_limit(*state, submit_reads, 1024, 1);
}

static void test_usbip_size_of_requests(void **state)
{
    attach(*state);
    expect_limit(*state, submit_reads, 16, 1024 * 1024);
}

// A peer that asks and does not read is not read either; nothing is lost once it does.
static void test_usbip_slow_reader(void **state)
{
    struct bench *bench = *state;
    const size_t answer = 12 + 312 + 2 * 4, requests = 160000; // 53 MB of answers
    size_t sent = 0, received = 0;

    plug(bench, "usbip:0");
    enumerate(bench);
    bench->fd = dial_port(bench);
    for (unsigned round = 0; round < 4000 && received < answer * requests; round++) {
        while (sent < requests * sizeof(devlist_request)) {
            size_t at = sent % sizeof(devlist_request);
            ssize_t count = send(bench->fd, devlist_request + at, sizeof(devlist_request) - at,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);

            if (count < 0) {
                assert_int_equal(errno, EAGAIN); // and not that the connection is gone
                break;
            }
            sent += (size_t)count;
        }
        run_ms(bench, 1);
        for (ssize_t count = 1; round >= 100 && count > 0; received += (size_t)count) {
            count = recv(bench->fd, bench->got, sizeof(bench->got), MSG_DONTWAIT);
            count = count < 0 ? 0 : count;
        }
    }
    assert_int_equal(received, answer * requests);
    assert_false(is_closed(bench->fd));
}

static void test_usbip_bad_places(void **state)
{
    static const char *const bad[] = {"usbip:",          "usbip:x",           "usbip:70000",
                                      "usbip:1.2.3:0",   "usbip:localhost:0", "usbip:-1",
                                      "usbip:127.0.0.1:"};
    struct bench *bench = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(usb_cable_create(bench->machine, bench->host, bad[i], "board", bench->error,
                                     sizeof(bench->error)));
        assert_non_null(strstr(bench->error, "[ADDRESS:]PORT"));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_redir_hello),
        TEST(test_redir_old_peer),
        TEST(test_redir_control),
        TEST(test_redir_bulk),
        TEST(test_redir_interrupt),
        TEST(test_redir_configuration),
        TEST(test_redir_unplugged),
        TEST(test_redir_reset),
        TEST(test_redir_connection_ends),
        TEST(test_redir_nonsense),
        TEST(test_usbip_list),
        TEST(test_usbip_attach),
        TEST(test_usbip_transfers),
        TEST(test_usbip_unlink),
        TEST(test_usbip_unplugged),
        TEST(test_usbip_nonsense),
        TEST(test_usbip_bad_places),
        TEST(test_redir_count_of_requests),
        TEST(test_redir_size_of_requests),
        TEST(test_usbip_count_of_requests),
        TEST(test_usbip_size_of_requests),
        TEST(test_usbip_slow_reader),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
