// Endpoint 0 of OTG_FS, one packet at a time. The core sleeps while nothing happens: with
// interrupts masked an enabled one still wakes it.
//
// Written from RM0433 (chapter "USB on-the-go high-speed": device mode without DMA), apart from the
// bootloader's driver.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/loader/control_pipe.h"

#include "tests/board/guests/guest.h"

#include <stddef.h>

#define OTG(offset) REG(0x40080000u + (offset))
#define GRSTCTL     OTG(0x010)
#define GINTSTS     OTG(0x014)
#define GRXSTSP     OTG(0x020)
#define DCFG        OTG(0x800)
#define DCTL        OTG(0x804)
#define DIEPCTL0    OTG(0x900)
#define DIEPINT0    OTG(0x908)
#define DIEPTSIZ0   OTG(0x910)
#define DOEPCTL0    OTG(0xB00)
#define DOEPINT0    OTG(0xB08)
#define DOEPTSIZ0   OTG(0xB10)
#define FIFO        OTG(0x1000)

enum { RXFLVL = 1 << 4, USBRST = 1 << 12, ENUMDNE = 1 << 13 }; // GINTSTS
enum { XFRC = 1 << 0, EPDISD = 1 << 1, STUP = 1 << 3 };        // DxEPINT
#define STALL     (1u << 21)                                   // DxEPCTL
#define CNAK      (1u << 26)
#define SNAK      (1u << 27)
#define EPDIS     (1u << 30)
#define EPENA     (1u << 31)
#define SETUPS    (3u << 29) // DOEPTSIZ0.STUPCNT
#define RX_WORDS  128u
#define TX0_WORDS 16u

static union {
    uint32_t words[2];
    struct pipe_request request;
} setup;
static bool setup_waits, out_done, was_reset;
static uint8_t *out_bytes;
static uint32_t out_room;

static void wait_for(uint32_t offset, uint32_t mask, uint32_t value)
{
    while ((OTG(offset) & mask) != value) {
    }
}

static void fifos_flush(void)
{
    GRSTCTL = 0x10u << 6 | 1u << 5; // all that send
    wait_for(0x010, 1u << 5, 0);
    GRSTCTL = 1u << 4;
    wait_for(0x010, 1u << 4, 0);
}

static void bus_reset(void)
{
    DOEPCTL0 |= SNAK;
    fifos_flush();
    DCFG &= ~(0x7Fu << 4);
    DOEPTSIZ0 = SETUPS;
    setup_waits = false;
    was_reset = true;
}

static void pop(uint32_t length)
{
    for (uint32_t at = 0; at < length; at += 4) {
        uint32_t word = FIFO;
        for (uint32_t i = at; i < at + 4 && i < length; ++i, word >>= 8) {
            if (out_room > 0) {
                *out_bytes++ = (uint8_t)word;
                out_room--;
            }
        }
    }
}

static void take_entry(void)
{
    uint32_t entry = GRXSTSP;
    switch (entry >> 17 & 15u) {
    case 2: // data
        pop(entry >> 4 & 0x7FFu);
        break;
    case 3: // end of a transfer
        DOEPINT0 = XFRC;
        out_done = true;
        break;
    case 4: // end of a SETUP stage
        DOEPINT0 = STUP;
        DOEPTSIZ0 = SETUPS;
        setup_waits = true;
        break;
    case 6: // SETUP packet
        setup.words[0] = FIFO;
        setup.words[1] = FIFO;
        break;
    default:
        break;
    }
}

// Sleeps until something happens; takes one entry of the receive FIFO, or an event of the bus.
static void wait_event(void)
{
    __asm volatile("wfi" ::: "memory");
    uint32_t events = GINTSTS;
    if ((events & (USBRST | ENUMDNE)) != 0) {
        GINTSTS = events & (USBRST | ENUMDNE);
        if ((events & USBRST) != 0) {
            bus_reset();
        }
    }
    if ((GINTSTS & RXFLVL) != 0) {
        take_entry();
    }
    REG(0xE000E28Cu) = 1u << 5; // ICPR3: pending no more, unless there is more
}

static bool is_given_up(void)
{
    return setup_waits || was_reset;
}

void pipe_wait(struct pipe_request *request, bool *reset)
{
    while (!setup_waits) {
        wait_event();
    }
    setup_waits = false;
    *request = setup.request;
    *reset = was_reset;
    was_reset = false;
}

static bool send_packet(const uint8_t *bytes, uint32_t length)
{
    DIEPTSIZ0 = 1u << 19 | length;
    DIEPCTL0 |= EPENA | CNAK;
    for (uint32_t at = 0; at < length; at += 4) {
        uint32_t word = 0;
        for (uint32_t i = 0; i < 4 && at + i < length; ++i) {
            word |= (uint32_t)bytes[at + i] << 8 * i;
        }
        FIFO = word;
    }
    while ((DIEPINT0 & XFRC) == 0) {
        wait_event();
        if (is_given_up()) {
            if ((DIEPCTL0 & EPENA) != 0) {
                DIEPCTL0 |= SNAK | EPDIS;
                wait_for(0x908, EPDISD, EPDISD);
                DIEPINT0 = EPDISD;
            }
            GRSTCTL = 1u << 5;
            wait_for(0x010, 1u << 5, 0);
            return false;
        }
    }
    DIEPINT0 = XFRC;
    return true;
}

static bool receive_packet(uint8_t *bytes, uint32_t length)
{
    out_bytes = bytes;
    out_room = length;
    out_done = false;
    DOEPTSIZ0 = SETUPS | 1u << 19 | PIPE_PACKET_SIZE;
    DOEPCTL0 |= EPENA | CNAK;
    while (!out_done && !is_given_up()) {
        wait_event();
    }
    out_room = 0;
    return out_done;
}

bool pipe_answer(const struct pipe_request *request, const uint8_t *bytes, uint32_t length)
{
    uint32_t sent = 0, part;
    length = length < request->length ? length : request->length;
    do {
        part = length - sent < PIPE_PACKET_SIZE ? length - sent : PIPE_PACKET_SIZE;
        if (!send_packet(bytes + sent, part)) {
            return false;
        }
        sent += part;
        // An answer shorter than asked for ends with a packet that is not full.
    } while (sent < length || (part == PIPE_PACKET_SIZE && length < request->length));
    return receive_packet(NULL, 0);
}

bool pipe_take(uint8_t *bytes, uint32_t length)
{
    for (uint32_t at = 0; at < length; at += PIPE_PACKET_SIZE) {
        uint32_t left = length - at;
        if (!receive_packet(bytes + at, left < PIPE_PACKET_SIZE ? left : PIPE_PACKET_SIZE)) {
            return false;
        }
    }
    return true;
}

bool pipe_done(void)
{
    return send_packet(NULL, 0);
}

void pipe_stall(void)
{
    DIEPCTL0 |= STALL;
    DOEPCTL0 |= STALL;
}

void pipe_set_address(uint16_t address)
{
    DCFG = (DCFG & ~(0x7Fu << 4)) | (address & 0x7Fu) << 4;
}

static void pin_function_10(uint32_t pin)
{
    REG(0x58020008u) |= 3u << 2 * pin; // GPIOA: very high speed
    REG(0x58020024u) = (REG(0x58020024u) & ~(15u << 4 * (pin - 8))) | 10u << 4 * (pin - 8);
    REG(0x58020000u) = (REG(0x58020000u) & ~(3u << 2 * pin)) | 2u << 2 * pin;
}

void pipe_start(void)
{
    setup_waits = was_reset = false;
    out_room = 0;
    RCC(0x54) |= 3u << 20; // D2CCIP2R: USB from HSI48
    RCC(0xE0) |= 1u;       // GPIOA
    (void)RCC(0xE0);
    pin_function_10(11);
    pin_function_10(12);
    RCC(0xD8) |= 1u << 27; // AHB1ENR: USB2OTG
    (void)RCC(0xD8);
    RCC(0x100) &= ~(1u << 28); // AHB1LPENR: asleep it would wait for an ULPI clock
    OTG(0x038) |= 1u << 16;    // GCCFG: the PHY's power
    OTG(0x00C) |= 1u << 6;     // GUSBCFG: full speed
    wait_for(0x010, 1u << 31, 1u << 31);
    GRSTCTL |= 1u;
    wait_for(0x010, 1u, 0);
    wait_for(0x010, 1u << 31, 1u << 31);
    OTG(0x038) = 1u << 16;
    OTG(0x00C) = 1u << 30 | 6u << 10 | 1u << 6 | 7u; // a device
    for (volatile uint32_t i = 0; i < 25 * 400000 / 4; i = i + 1) {
    }
    OTG(0xE00) = 0;
    DCTL |= 1u << 1;
    OTG(0x000) |= 1u << 6; // GOTGCTL: VBUS is not sensed here
    DCFG = (DCFG & ~(0x7Fu << 4)) | 3u;
    OTG(0x024) = RX_WORDS;
    OTG(0x028) = RX_WORDS | TX0_WORDS << 16;
    fifos_flush();
    OTG(0x810) = XFRC; // DIEPMSK
    OTG(0x81C) = 1u;   // DAINTMSK: IN endpoint 0
    GINTSTS = USBRST | ENUMDNE;
    OTG(0x018) = RXFLVL | USBRST | ENUMDNE | 1u << 18;
    OTG(0x008) |= 1u;           // GAHBCFG
    REG(0xE000E10Cu) = 1u << 5; // ISER3: interrupt 101
    OTG(0x000) |= 1u << 7;
    DCTL &= ~(1u << 1);
}

void pipe_stop(void)
{
    REG(0xE000E18Cu) = 1u << 5;
    DCTL |= 1u << 1;
    OTG(0x000) &= ~(1u << 7);
    RCC(0x80) |= 1u << 27; // AHB1RSTR
    RCC(0x80) &= ~(1u << 27);
    RCC(0xD8) &= ~(1u << 27);
    RCC(0x100) |= 1u << 28;
    RCC(0x54) &= ~(3u << 20);
}
