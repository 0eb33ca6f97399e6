// CDC-ACM, from "Universal Serial Bus Class Definitions for Communications Devices" 1.2 and its
// "PSTN Devices" subclass 1.2; interfaces and endpoints as in SPEC.md section 6.
//
// SPDX-License-Identifier: MIT
#include "firmware/usb/cdc.h"

#include <string.h>

#include "firmware/chip/interrupt.h"
#include "firmware/chip/usb_otg.h"

enum { RECEIVE_SIZE = 8192, SEND_SIZE = 4096 }; // powers of two
enum { NOTIFICATION_SIZE = 8 };
enum { SET_LINE_CODING = 0x20, GET_LINE_CODING = 0x21, SET_CONTROL_LINE_STATE = 0x22 };
enum { SEND_BREAK = 0x23, LINE_CODING_SIZE = 7 };

// clang-format off
const uint8_t cdc_descriptors[CDC_DESCRIPTORS_SIZE] = {
    // interface association: both are one function
    8, 11, 0, 2, 0x02, 0x02, 0x01, 0,
    // interface 0: communications, abstract control model, AT commands
    9, 4, 0, 0, 1, 0x02, 0x02, 0x01, 0,
    // header: CDC 1.10; call management: none; abstract control: line coding; union of 0 and 1
    5, 0x24, 0x00, USB_U16(0x0110),
    5, 0x24, 0x01, 0x00, 1,
    4, 0x24, 0x02, 0x02,
    5, 0x24, 0x06, 0, 1,
    // endpoint 82: interrupt, every 255 ms; nothing is ever sent there
    7, 5, 0x80 | CDC_ENDPOINT_NOTIFICATION, 3, USB_U16(NOTIFICATION_SIZE), 255,
    // interface 1: data
    9, 4, 1, 0, 2, 0x0A, 0x00, 0x00, 0,
    // endpoints 01 and 81: bulk
    7, 5, CDC_ENDPOINT_DATA, 2, USB_U16(USB_OTG_PACKET_SIZE), 0,
    7, 5, 0x80 | CDC_ENDPOINT_DATA, 2, USB_U16(USB_OTG_PACKET_SIZE), 0,
};
// clang-format on

// Large and not in need of zeros: left out where start-up clears memory.
#define BUFFER __attribute__((section(".noinit.buffer")))

// Filled and emptied by the interrupt on one side and by cdc_read and cdc_write, which mask it, on
// the other.
struct ring {
    uint8_t *bytes;
    size_t size;
    size_t first; // index of the oldest byte
    size_t count;
};

static uint8_t receive_bytes[RECEIVE_SIZE] BUFFER;
static uint8_t send_bytes[SEND_SIZE] BUFFER;
static struct ring received = {.bytes = receive_bytes, .size = RECEIVE_SIZE};
static struct ring to_send = {.bytes = send_bytes, .size = SEND_SIZE};

static uint8_t packet[USB_OTG_PACKET_SIZE];
static uint8_t transfer[USB_OTG_BULK_IN_MAX];
static bool configured;
static bool receiving;  // the OUT endpoint is open for a packet
static bool sending;    // the IN endpoint is at work
static bool ended_full; // its last packet was full: the host may wait for more
static uint8_t line_coding[LINE_CODING_SIZE] = {0x00, 0xC2, 0x01, 0x00, 0, 0, 8}; // 115200 8N1

static void ring_put(struct ring *ring, const uint8_t *bytes, size_t length)
{
    size_t at = (ring->first + ring->count) % ring->size;
    size_t straight = ring->size - at < length ? ring->size - at : length;
    memcpy(ring->bytes + at, bytes, straight);
    memcpy(ring->bytes, bytes + straight, length - straight);
    ring->count += length;
}

static size_t ring_take(struct ring *ring, uint8_t *bytes, size_t capacity)
{
    size_t length = ring->count < capacity ? ring->count : capacity;
    size_t straight = ring->size - ring->first;
    straight = straight < length ? straight : length;
    memcpy(bytes, ring->bytes + ring->first, straight);
    memcpy(bytes + straight, ring->bytes, length - straight);
    ring->first = (ring->first + length) % ring->size;
    ring->count -= length;
    return length;
}

// Lets the next packet in only if there is room for a full one. Else the controller answers NAK and
// the host tries again.
static void receive_next(void)
{
    if (configured && !receiving && received.size - received.count >= USB_OTG_PACKET_SIZE) {
        receiving = true;
        usb_otg_receive(CDC_ENDPOINT_DATA, packet);
    }
}

static void send_next(void)
{
    if (!configured || sending || (to_send.count == 0 && !ended_full)) {
        return;
    }
    size_t length = ring_take(&to_send, transfer, sizeof transfer);
    ended_full = length > 0 && length % USB_OTG_PACKET_SIZE == 0;
    sending = true;
    usb_otg_send(CDC_ENDPOINT_DATA, transfer, length);
}

static void on_configured(bool on)
{
    configured = on;
    receiving = false;
    sending = false;
    ended_full = false;
    received.count = 0;
    to_send.count = 0;
    if (on) {
        usb_otg_open_in(CDC_ENDPOINT_NOTIFICATION, USB_OTG_INTERRUPT, NOTIFICATION_SIZE);
        usb_otg_open_out(CDC_ENDPOINT_DATA, USB_OTG_BULK, USB_OTG_PACKET_SIZE);
        usb_otg_open_in(CDC_ENDPOINT_DATA, USB_OTG_BULK, USB_OTG_PACKET_SIZE);
        receive_next();
    }
}

static bool on_request(const struct usb_request *request, uint8_t *data, size_t *length)
{
    enum { TO_INTERFACE = 0x21, FROM_INTERFACE = 0xA1 };
    if (request->index != 0) {
        return false;
    }
    if (request->type == FROM_INTERFACE && request->request == GET_LINE_CODING) {
        memcpy(data, line_coding, LINE_CODING_SIZE);
        *length = LINE_CODING_SIZE;
        return true;
    }
    if (request->type != TO_INTERFACE) {
        return false;
    }
    switch (request->request) {
    case SET_LINE_CODING:
        if (*length != LINE_CODING_SIZE) {
            return false;
        }
        memcpy(line_coding, data, LINE_CODING_SIZE);
        return true;
    case SET_CONTROL_LINE_STATE:
    case SEND_BREAK:
        return *length == 0;
    default:
        return false;
    }
}

static void on_received(unsigned endpoint, size_t length)
{
    if (endpoint == CDC_ENDPOINT_DATA) {
        receiving = false;
        ring_put(&received, packet, length);
        receive_next();
    }
}

static void on_sent(unsigned endpoint)
{
    if (endpoint == CDC_ENDPOINT_DATA) {
        sending = false;
        send_next();
    }
}

const struct usb_function cdc_function = {
    .interface_first = 0,
    .interface_count = CDC_INTERFACES,
    .configured = on_configured,
    .request = on_request,
    .received = on_received,
    .sent = on_sent,
};

size_t cdc_read(uint8_t *bytes, size_t capacity)
{
    uint32_t state = interrupt_mask();
    size_t length = ring_take(&received, bytes, capacity);
    receive_next();
    interrupt_restore(state);
    return length;
}

bool cdc_has_received(void)
{
    uint32_t state = interrupt_mask();
    bool any = received.count > 0;
    interrupt_restore(state);
    return any;
}

size_t cdc_room(void)
{
    uint32_t state = interrupt_mask();
    size_t room = configured ? to_send.size - to_send.count : 0;
    interrupt_restore(state);
    return room;
}

void cdc_write(const uint8_t *bytes, size_t length)
{
    uint32_t state = interrupt_mask();
    if (configured) {
        ring_put(&to_send, bytes, length);
        send_next();
    }
    interrupt_restore(state);
}

bool cdc_has_sent_all(void)
{
    uint32_t state = interrupt_mask();
    bool all = to_send.count == 0 && !sending;
    interrupt_restore(state);
    return all;
}
