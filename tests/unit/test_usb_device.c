// The USB device and its serial port, with a controller that this test plays, and with it the host.
//
// Expected bytes: SPEC.md sections 6 and 19, the USB 2.0 specification, chapter 9, DFU 1.1, chapter
// 4.2, and the Microsoft OS 2.0 descriptors specification.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/chip/interrupt.h"
#include "firmware/chip/usb_otg.h"
#include "firmware/usb/cdc.h"
#include "firmware/usb/dfu.h"
#include "firmware/usb/identity.h"

#define LAYOUT                                                                                     \
    "@External Flash /0x90100000/99*064Kg,99*064Kg,99*064Kg,99*064Kg,99*064Kg,99*064Kg,"           \
    "99*064Kg,99*064Kg,99*064Kg,99*064Kg,03*004Kg"

static const uint32_t uid[3] = {0x12345678, 0x9ABCDEF0, 0x0000001F};

// The controller as the firmware sees it.
static struct {
    const struct usb_otg_events *events;
    bool connected;
    int address;
    bool stalled_in[3], stalled_out[3];
    bool open_in[3], open_out[3];
    uint8_t *receive_into[3];
    bool sending[3];
    uint8_t sent[3][USB_OTG_BULK_IN_MAX];
    size_t sent_length[3];
    unsigned masked;
} controller;

uint32_t interrupt_mask(void)
{
    return controller.masked++;
}

void interrupt_restore(uint32_t state)
{
    controller.masked = state;
}

void interrupt_note(void)
{
}

void usb_otg_start(const struct usb_otg_events *events)
{
    controller.events = events;
}

void usb_otg_connect(void)
{
    controller.connected = true;
}

void usb_otg_disconnect(void)
{
    controller.connected = false;
}

void usb_otg_stop(void)
{
    controller.events = NULL;
}

void usb_otg_set_address(uint8_t address)
{
    controller.address = address;
}

void usb_otg_open_in(unsigned endpoint, enum usb_otg_type type, size_t packet_size)
{
    (void)type;
    assert_true(packet_size <= USB_OTG_PACKET_SIZE);
    controller.open_in[endpoint] = true;
    controller.sending[endpoint] = false;
}

void usb_otg_open_out(unsigned endpoint, enum usb_otg_type type, size_t packet_size)
{
    (void)type;
    assert_int_equal(packet_size, USB_OTG_PACKET_SIZE);
    controller.open_out[endpoint] = true;
    controller.receive_into[endpoint] = NULL;
}

void usb_otg_receive(unsigned endpoint, uint8_t *buffer)
{
    assert_null(controller.receive_into[endpoint]);
    controller.receive_into[endpoint] = buffer;
}

void usb_otg_send(unsigned endpoint, const uint8_t *data, size_t length)
{
    assert_false(controller.sending[endpoint]);
    assert_true(length <= (endpoint == 1 ? USB_OTG_BULK_IN_MAX : USB_OTG_PACKET_SIZE));
    controller.sending[endpoint] = true;
    controller.sent_length[endpoint] = length;
    if (length > 0) {
        memcpy(controller.sent[endpoint], data, length);
    }
}

void usb_otg_stall_in(unsigned endpoint, bool stall)
{
    controller.stalled_in[endpoint] = stall;
}

void usb_otg_stall_out(unsigned endpoint, bool stall)
{
    controller.stalled_out[endpoint] = stall;
}

// The board's main loop, with a state machine that this test plays.

static struct {
    bool away; // does not serve
    struct dfu_request request;
    unsigned requests, refused;
    bool stall, holding;
    uint8_t answer[4096];
    size_t answer_length;
} machine;

bool dfu_request(struct dfu *dfu, const struct dfu_request *request, uint8_t small[DFU_STATUS_SIZE],
                 const uint8_t **answer, size_t *length)
{
    (void)dfu;
    (void)small;
    machine.request = *request;
    ++machine.requests;
    *answer = machine.answer;
    *length = machine.answer_length;
    return !machine.stall;
}

void dfu_refuse(struct dfu *dfu)
{
    (void)dfu;
    ++machine.refused;
}

bool dfu_is_holding(const struct dfu *dfu)
{
    (void)dfu;
    return machine.holding;
}

static void machine_serve(void)
{
    if (!machine.away) {
        usb_dfu_serve(NULL);
    }
}

// The host.

static void host_setup(uint8_t type, uint8_t request, uint16_t value, uint16_t index,
                       uint16_t length)
{
    const uint8_t packet[8] = {
        type,          request,
        value & 0xFF,  (uint8_t)(value >> 8),
        index & 0xFF,  (uint8_t)(index >> 8),
        length & 0xFF, (uint8_t)(length >> 8),
    };
    controller.stalled_in[0] = false;
    controller.stalled_out[0] = false;
    controller.receive_into[0] = NULL;
    controller.sending[0] = false;
    controller.events->setup(packet);
}

static size_t host_take_packet(unsigned endpoint, uint8_t *bytes)
{
    assert_true(controller.sending[endpoint]);
    size_t length = controller.sent_length[endpoint];
    memcpy(bytes, controller.sent[endpoint], length);
    controller.sending[endpoint] = false;
    controller.events->sent(endpoint);
    return length;
}

static void host_give_packet(unsigned endpoint, const uint8_t *bytes, size_t length)
{
    assert_non_null(controller.receive_into[endpoint]);
    uint8_t *buffer = controller.receive_into[endpoint];
    controller.receive_into[endpoint] = NULL;
    if (length > 0) {
        memcpy(buffer, bytes, length);
    }
    controller.events->received(endpoint, length);
}

// A control transfer with data to the host. Returns the length, or -1 for STALL.
static int host_ask(uint8_t type, uint8_t request, uint16_t value, uint16_t index, uint16_t length,
                    uint8_t *bytes)
{
    size_t taken = 0, packet;
    host_setup(type, request, value, index, length);
    machine_serve();
    if (controller.stalled_in[0]) {
        return -1;
    }
    do {
        packet = host_take_packet(0, bytes + taken);
        taken += packet;
    } while (packet == USB_OTG_PACKET_SIZE && taken < length);
    assert_false(controller.sending[0]);
    host_give_packet(0, NULL, 0); // the status stage
    return (int)taken;
}

// One without data, or with data to the device. Returns 0, or -1 for STALL.
static int host_tell(uint8_t type, uint8_t request, uint16_t value, uint16_t index,
                     const uint8_t *bytes, uint16_t length)
{
    uint8_t nothing[USB_OTG_PACKET_SIZE];
    host_setup(type, request, value, index, length);
    for (size_t given = 0; given < length && !controller.stalled_out[0];) {
        size_t packet = length - given < USB_OTG_PACKET_SIZE ? length - given : USB_OTG_PACKET_SIZE;
        host_give_packet(0, bytes + given, packet);
        given += packet;
    }
    machine_serve();
    if (controller.stalled_in[0]) {
        return -1;
    }
    assert_int_equal(host_take_packet(0, nothing), 0);
    return 0;
}

static int start(void **state)
{
    (void)state;
    memset(&controller, 0, sizeof controller);
    memset(&machine, 0, sizeof machine);
    usb_device_start(usb_identity("h750_w25q128", uid, "", "", LAYOUT));
    usb_device_plug(true);
    controller.events->reset();
    return 0;
}

static int start_configured(void **state)
{
    (void)start(state);
    return host_tell(0x00, 9, 1, 0, NULL, 0);
}

static void device_descriptor_is_the_specified_one(void **state)
{
    (void)state;
    static const uint8_t expected[18] = {0x12, 0x01, 0x10, 0x02, 0xEF, 0x02, 0x01, 0x40, 0x09,
                                         0x12, 0x01, 0x00, 0x10, 0x00, 0x01, 0x02, 0x03, 0x01};
    uint8_t bytes[64];
    assert_int_equal(host_ask(0x80, 6, 0x0100, 0, 18, bytes), 18);
    assert_memory_equal(bytes, expected, 18);
    assert_int_equal(host_ask(0x80, 6, 0x0100, 0, 64, bytes), 18);
    assert_int_equal(host_ask(0x80, 6, 0x0100, 0, 8, bytes), 8); // a host's first look
    assert_memory_equal(bytes, expected, 8);
}

static void configuration_has_the_specified_interfaces(void **state)
{
    (void)state;
    uint8_t bytes[256];
    int length = host_ask(0x80, 6, 0x0200, 0, 255, bytes);
    assert_int_equal(length, bytes[2] | bytes[3] << 8);
    assert_int_equal(bytes[4], 3);
    assert_int_equal(host_ask(0x80, 6, 0x0200, 0, 9, bytes), 9);
    assert_int_equal(host_ask(0x80, 6, 0x0200, 0, 64, bytes), 64); // a full packet, not one more
    length = host_ask(0x80, 6, 0x0200, 0, 255, bytes);

    // Each descriptor begins with its length; associations (0B), interfaces (4), endpoints (5) and
    // DFU's own (21) in order.
    static const uint8_t expected[][9] = {
        {8, 11, 0, 2, 0x02, 0x02, 0x01, 0},
        {9, 4, 0, 0, 1, 0x02, 0x02, 0x01, 0},
        {7, 5, 0x82, 3},
        {9, 4, 1, 0, 2, 0x0A, 0x00, 0x00, 0},
        {7, 5, 0x01, 2, 64, 0, 0},
        {7, 5, 0x81, 2, 64, 0, 0},
        {9, 4, 2, 0, 0, 0xFE, 0x01, 0x02, 4},
        {0x09, 0x21, 0x0B, 0xFF, 0x00, 0x00, 0x10, 0x1A, 0x01},
    };
    static const size_t compared[] = {8, 9, 4, 9, 7, 7, 9, 9};
    size_t found = 0;
    int at = 0;
    for (; at < length; at += bytes[at]) {
        assert_true(bytes[at] >= 2);
        if (strchr("\x04\x05\x0B\x21", bytes[at + 1])) {
            assert_true(found < 8);
            assert_memory_equal(bytes + at, expected[found], compared[found]);
            ++found;
        }
    }
    assert_int_equal(at, length);
    assert_int_equal(found, 8);
}

static void assert_string(uint8_t index, const char *expected)
{
    uint8_t bytes[256];
    int length = host_ask(0x80, 6, (uint16_t)(0x0300 | index), 0x0409, 255, bytes);
    assert_int_equal(length, 2 + 2 * strlen(expected));
    assert_int_equal(bytes[0], length);
    assert_int_equal(bytes[1], 3);
    for (size_t i = 0; i < strlen(expected); ++i) {
        assert_int_equal(bytes[2 + 2 * i], expected[i]);
        assert_int_equal(bytes[3 + 2 * i], 0);
    }
}

static void strings_name_maker_board_and_chip(void **state)
{
    (void)state;
    static const uint8_t languages[4] = {4, 3, 0x09, 0x04};
    uint8_t bytes[256];
    assert_int_equal(host_ask(0x80, 6, 0x0300, 0, 255, bytes), 4);
    assert_memory_equal(bytes, languages, 4);
    assert_string(1, "quadlane");
    assert_string(2, "quadlane bootloader (h750_w25q128)");
    assert_string(3, "123456789ABCDEF00000001F");
    assert_string(4, LAYOUT); // 126 characters, more than which no descriptor holds
    assert_string(5, "");
    usb_identity_reason("why");
    assert_string(5, "why");
    usb_identity_reason("");
    assert_int_equal(host_ask(0x80, 6, 0x0306, 0x0409, 255, bytes), -1);
}

static void strings_of_the_boards_owner(void **state)
{
    (void)state;
    usb_device_start(usb_identity("h750_w25q128", uid, "ACME Birds & Sons",
                                  "Bird 7, 32 characters all in all", LAYOUT));
    assert_string(1, "ACME Birds & Sons");
    assert_string(2, "Bird 7, 32 characters all in all (quadlane)");
    usb_device_start(usb_identity("h750_w25q128", uid, "", "7", LAYOUT));
    assert_string(1, "quadlane");
    assert_string(2, "7 (quadlane)");
}

static void windows_is_told_to_use_winusb(void **state)
{
    (void)state;
    static const uint8_t bos[33] = {
        0x05, 0x0F, 0x21, 0x00, 0x01, // one capability
        0x1C, 0x10, 0x05, 0x00,       // platform
        0xDF, 0x60, 0xDD, 0xD8, 0x89, 0x45, 0xC7, 0x4C, 0x9C, 0xD2, 0x65, 0x9D,
        0x9E, 0x64, 0x8A, 0x9F, 0x00, 0x00, 0x03, 0x06, 0xB2, 0x00, 0x51, 0x00,
    };
    static const uint8_t
        set
            [] =
                {
                    0x0A, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x06, 0xB2, 0x00, // header: 178 bytes
                    0x08, 0x00, 0x01, 0x00, 0x00, 0x00, 0xA8, 0x00, // first configuration
                    0x08, 0x00, 0x02, 0x00, 0x02, 0x00, 0xA0, 0x00, // function of interface 2
                    0x14, 0x00, 0x03, 0x00, 'W',  'I',  'N',  'U',  'S',  'B',
                    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                    0x84, 0x00, 0x04, 0x00, 0x07, 0x00, 0x2A, 0x00, // registry property,
                                                                    // REG_MULTI_SZ
                };
    static const char name[] = "DeviceInterfaceGUIDs";
    static const char guid[] = "{6F9E7C4A-2B1D-4F0E-9A55-51414E455155}";
    uint8_t bytes[256];
    assert_int_equal(host_ask(0x80, 6, 0x0F00, 0, 5, bytes), 5);
    assert_int_equal(host_ask(0x80, 6, 0x0F00, 0, 255, bytes), sizeof bos);
    assert_memory_equal(bytes, bos, sizeof bos);
    assert_int_equal(host_ask(0xC0, 0x51, 0, 7, 178, bytes), 178);
    assert_memory_equal(bytes, set, sizeof set);
    size_t at = sizeof set;
    for (size_t i = 0; i < sizeof name; ++i, at += 2) {
        assert_int_equal(bytes[at] | bytes[at + 1] << 8, name[i]);
    }
    assert_int_equal(bytes[at] | bytes[at + 1] << 8, 80);
    at += 2;
    for (size_t i = 0; i < sizeof guid; ++i, at += 2) {
        assert_int_equal(bytes[at] | bytes[at + 1] << 8, guid[i]);
    }
    assert_int_equal(bytes[at] | bytes[at + 1] << 8, 0); // the end of the list
    assert_int_equal(at + 2, 178);
    assert_int_equal(host_ask(0xC0, 0x51, 0, 8, 178, bytes), -1); // alternate enumeration
    assert_int_equal(host_ask(0xC1, 0x51, 2, 7, 178, bytes), -1);
}

static void dfu_requests_are_answered_from_the_main_loop(void **state)
{
    (void)state;
    uint8_t bytes[4096], taken[4096];
    for (size_t i = 0; i < sizeof bytes; ++i) {
        bytes[i] = (uint8_t)(i * 5 + i / 256);
    }
    assert_int_equal(host_tell(0x21, 1, 7, 2, bytes, 4096), 0);
    assert_int_equal(machine.request.request, 1);
    assert_int_equal(machine.request.value, 7);
    assert_int_equal(machine.request.length, 4096);
    assert_memory_equal(usb_dfu_buffer(), bytes, 4096);
    assert_int_equal(host_tell(0x21, 1, 8, 2, bytes, 5), 0); // a short one, and none
    assert_memory_equal(usb_dfu_buffer(), bytes, 5);
    assert_int_equal(host_tell(0x21, 1, 2, 2, NULL, 0), 0);
    assert_int_equal(machine.request.length, 0);
    memcpy(machine.answer, bytes, sizeof bytes);
    machine.answer_length = 4096;
    assert_int_equal(host_ask(0xA1, 2, 2, 2, 4096, taken), 4096);
    assert_memory_equal(taken, bytes, 4096);
    machine.answer_length = 128; // ends with an empty packet
    assert_int_equal(host_ask(0xA1, 2, 2, 2, 4096, taken), 128);
    machine.answer_length = 0;
    assert_int_equal(host_ask(0xA1, 2, 2, 2, 4096, taken), 0);
    assert_int_equal(machine.requests, 6);
    machine.stall = true;
    assert_int_equal(host_tell(0x21, 4, 0, 2, NULL, 0), -1);
    assert_int_equal(host_ask(0xA1, 3, 0, 2, 6, taken), -1);
    assert_true(usb_device_is_quiet());
    assert_int_equal(controller.masked, 0);
}

static void dfu_takes_no_block_while_it_holds_one(void **state)
{
    (void)state;
    uint8_t bytes[4096] = {1}, status[6];
    machine.holding = true;
    assert_int_equal(host_tell(0x21, 1, 2, 2, bytes, 4096), 0);
    assert_int_equal(host_tell(0x21, 1, 3, 2, bytes, 8), -1);
    assert_int_equal(machine.refused, 1);
    machine.answer_length = 6;
    assert_int_equal(host_ask(0xA1, 3, 0, 2, 6, status), 6);
    machine.holding = false;
    assert_int_equal(host_ask(0xA1, 3, 0, 2, 6, status), 6);
    assert_int_equal(host_tell(0x21, 1, 3, 2, bytes, 8), 0);
    assert_int_equal(host_tell(0x21, 1, 3, 2, bytes, 4097), -1); // more than wTransferSize
    assert_int_equal(host_ask(0xA1, 1, 3, 2, 64, bytes), -1);    // in the wrong direction
}

static void a_request_that_the_host_gives_up_is_not_answered(void **state)
{
    (void)state;
    uint8_t bytes[64] = {0}, status[6];
    machine.away = true;
    machine.answer_length = 6;
    host_setup(0x21, 1, 2, 2, 0);
    assert_false(controller.sending[0] || controller.stalled_in[0]); // the controller answers NAK
    assert_false(usb_device_is_quiet());
    host_setup(0xA1, 3, 0, 2, 6);
    machine.away = false;
    machine_serve();
    assert_int_equal(machine.requests, 1);
    assert_int_equal(machine.request.request, 3);
    assert_int_equal(host_take_packet(0, status), 6);
    host_give_packet(0, NULL, 0);
    // A half-sent block that a bus reset cuts off never comes to the state machine.
    machine.away = true;
    host_setup(0x21, 1, 2, 2, 128);
    host_give_packet(0, bytes, 64);
    controller.events->reset();
    machine.away = false;
    machine_serve();
    assert_int_equal(machine.requests, 1);
}

static void what_is_not_known_stalls(void **state)
{
    (void)state;
    uint8_t bytes[256] = {0};
    assert_int_equal(host_ask(0x80, 6, 0x0600, 0, 10, bytes), -1);  // device qualifier
    assert_int_equal(host_ask(0x80, 6, 0x0201, 0, 9, bytes), -1);   // a second configuration
    assert_int_equal(host_tell(0x00, 9, 2, 0, NULL, 0), -1);        // likewise
    assert_int_equal(host_tell(0x00, 7, 0x0100, 0, bytes, 18), -1); // SET_DESCRIPTOR
    assert_int_equal(host_ask(0xC0, 1, 0, 0, 8, bytes), -1);        // vendor
    assert_int_equal(host_tell(0x21, 0x20, 0, 0, bytes, 65), -1);   // more than fits
    assert_int_equal(host_ask(0x82, 0, 0, 0x85, 2, bytes), -1);     // no such endpoint
}

static void address_and_configuration_are_taken(void **state)
{
    (void)state;
    uint8_t bytes[64];
    assert_int_equal(host_tell(0x00, 5, 42, 0, NULL, 0), 0);
    assert_int_equal(controller.address, 42);
    assert_int_equal(host_ask(0x80, 8, 0, 0, 1, bytes), 1);
    assert_int_equal(bytes[0], 0);
    assert_false(usb_device_is_configured());
    assert_int_equal(host_tell(0x00, 9, 1, 0, NULL, 0), 0);
    assert_true(usb_device_is_configured());
    assert_true(controller.open_in[1] && controller.open_out[1] && controller.open_in[2]);
    assert_non_null(controller.receive_into[1]);
    assert_int_equal(host_ask(0x80, 8, 0, 0, 1, bytes), 1);
    assert_int_equal(bytes[0], 1);
    assert_int_equal(host_tell(0x00, 9, 0, 0, NULL, 0), 0);
    assert_false(usb_device_is_configured());
}

static void line_coding_is_kept(void **state)
{
    (void)state;
    static const uint8_t coding[7] = {0x80, 0x25, 0, 0, 0, 0, 8}; // 9600 8N1
    uint8_t bytes[64];
    assert_int_equal(host_tell(0x21, 0x20, 0, 0, coding, 7), 0);
    assert_int_equal(host_ask(0xA1, 0x21, 0, 0, 7, bytes), 7);
    assert_memory_equal(bytes, coding, 7);
    assert_int_equal(host_tell(0x21, 0x22, 3, 0, NULL, 0), 0); // DTR and RTS
    assert_int_equal(host_tell(0x21, 0x20, 0, 0, coding, 6), -1);
}

static void endpoints_can_be_halted(void **state)
{
    (void)state;
    uint8_t bytes[64];
    assert_int_equal(host_tell(0x02, 3, 0, 0x81, NULL, 0), 0);
    assert_true(controller.stalled_in[1]);
    assert_false(controller.stalled_out[1]);
    assert_int_equal(host_ask(0x82, 0, 0, 0x81, 2, bytes), 2);
    assert_int_equal(bytes[0], 1);
    assert_int_equal(host_tell(0x02, 1, 0, 0x81, NULL, 0), 0);
    assert_false(controller.stalled_in[1]);
    assert_int_equal(host_ask(0x82, 0, 0, 0x81, 2, bytes), 2);
    assert_int_equal(bytes[0], 0);
}

static void received_bytes_come_in_order_and_none_too_many(void **state)
{
    (void)state;
    uint8_t packet[64], bytes[256];
    unsigned given = 0, taken = 0;
    assert_false(cdc_has_received());
    // Without anyone reading, the endpoint closes before the buffer would overflow.
    while (controller.receive_into[1] != NULL) {
        for (size_t i = 0; i < sizeof packet; ++i) {
            packet[i] = (uint8_t)(given++ * 7);
        }
        host_give_packet(1, packet, sizeof packet);
        assert_true(given <= 65536);
    }
    assert_true(given >= 4096);
    assert_true(cdc_has_received());
    for (unsigned turn = 0; turn < 1000; ++turn) {
        size_t length = cdc_read(bytes, 1 + turn % sizeof bytes);
        for (size_t i = 0; i < length; ++i) {
            assert_int_equal(bytes[i], (uint8_t)(taken++ * 7));
        }
        while (controller.receive_into[1] != NULL) {
            size_t size = turn % 65;
            for (size_t i = 0; i < size; ++i) {
                packet[i] = (uint8_t)(given++ * 7);
            }
            host_give_packet(1, packet, size);
            if (size == 0) {
                break;
            }
        }
    }
    assert_true(taken > 65536);
}

static void sent_bytes_arrive_and_a_full_packet_is_followed_by_an_empty_one(void **state)
{
    (void)state;
    uint8_t bytes[512], taken[USB_OTG_BULK_IN_MAX];
    for (size_t i = 0; i < sizeof bytes; ++i) {
        bytes[i] = (uint8_t)(i * 3);
    }
    assert_true(cdc_room() >= 512);
    cdc_write(bytes, 300);
    assert_false(cdc_has_sent_all());
    size_t length = host_take_packet(1, taken);
    assert_memory_equal(taken, bytes, length);
    while (!cdc_has_sent_all()) {
        size_t next = host_take_packet(1, taken);
        assert_memory_equal(taken, bytes + length, next);
        length += next;
    }
    assert_int_equal(length, 300);

    cdc_write(bytes, 128);
    assert_int_equal(host_take_packet(1, taken), 128);
    assert_int_equal(host_take_packet(1, taken), 0);
    assert_true(cdc_has_sent_all());
    assert_false(controller.sending[1]);
}

static void a_full_send_buffer_says_so(void **state)
{
    (void)state;
    uint8_t byte = 0x55;
    size_t room = cdc_room();
    for (size_t i = 0; i < 100000 && cdc_room() > 0; ++i) {
        cdc_write(&byte, 1);
    }
    assert_int_equal(cdc_room(), 0);
    assert_true(room >= 4096);
}

static void a_bus_reset_forgets_what_was_under_way(void **state)
{
    (void)state;
    uint8_t bytes[64] = {1, 2, 3};
    uint32_t generation = usb_device_generation();
    host_give_packet(1, bytes, 3);
    cdc_write(bytes, 3);
    controller.receive_into[1] = NULL; // the controller's part of a reset
    controller.events->reset();
    assert_false(usb_device_is_configured());
    assert_int_not_equal(usb_device_generation(), generation);
    assert_int_equal(cdc_room(), 0);
    assert_int_equal(cdc_read(bytes, sizeof bytes), 0);
    assert_int_equal(host_tell(0x00, 9, 1, 0, NULL, 0), 0);
    assert_false(controller.sending[1]);
    assert_non_null(controller.receive_into[1]);
}

static void pulling_the_cable_ends_the_configuration(void **state)
{
    (void)state;
    uint32_t generation = usb_device_generation();
    usb_device_plug(true);
    assert_int_equal(usb_device_generation(), generation);
    usb_device_plug(false);
    assert_false(controller.connected);
    assert_false(usb_device_is_configured());
    assert_int_not_equal(usb_device_generation(), generation);
    usb_device_plug(true);
    assert_true(controller.connected);
    assert_int_equal(controller.masked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(device_descriptor_is_the_specified_one, start),
        cmocka_unit_test_setup(configuration_has_the_specified_interfaces, start),
        cmocka_unit_test_setup(strings_name_maker_board_and_chip, start),
        cmocka_unit_test_setup(strings_of_the_boards_owner, start),
        cmocka_unit_test_setup(windows_is_told_to_use_winusb, start),
        cmocka_unit_test_setup(dfu_requests_are_answered_from_the_main_loop, start_configured),
        cmocka_unit_test_setup(dfu_takes_no_block_while_it_holds_one, start_configured),
        cmocka_unit_test_setup(a_request_that_the_host_gives_up_is_not_answered, start_configured),
        cmocka_unit_test_setup(what_is_not_known_stalls, start),
        cmocka_unit_test_setup(address_and_configuration_are_taken, start),
        cmocka_unit_test_setup(line_coding_is_kept, start_configured),
        cmocka_unit_test_setup(endpoints_can_be_halted, start_configured),
        cmocka_unit_test_setup(received_bytes_come_in_order_and_none_too_many, start_configured),
        cmocka_unit_test_setup(sent_bytes_arrive_and_a_full_packet_is_followed_by_an_empty_one,
                               start_configured),
        cmocka_unit_test_setup(a_full_send_buffer_says_so, start_configured),
        cmocka_unit_test_setup(a_bus_reset_forgets_what_was_under_way, start_configured),
        cmocka_unit_test_setup(pulling_the_cable_ends_the_configuration, start_configured),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
