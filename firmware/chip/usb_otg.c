// The OTG_FS core (RM0433, chapter "USB on-the-go high-speed", second instance) as a full-speed
// device whose FIFOs the processor fills and empties. The embedded PHY is on PA11 and PA12. VBUS is
// sensed by the image, on whatever pin the board has for it: the core is told by its override that
// a session is valid.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/usb_otg.h"

#include <string.h>

#include "firmware/chip/gpio.h"
#include "firmware/chip/interrupt.h"
#include "firmware/chip/panic.h"
#include "firmware/chip/registers.h"
#include "firmware/chip/time.h"
#include "firmware/chip/vectors.h"

enum { FUNCTION_OTG_FS = 10 };
enum { TURNAROUND = 6 };    // GUSBCFG.TRDT for an AHB clock of 32 MHz or more
enum { FULL_SPEED = 3 };    // DCFG.DSPD
enum { ALL_TX_FIFOS = 16 }; // GRSTCTL.TXFNUM
enum { SETUP_PACKETS = 3 }; // that may come back to back
enum { READY_LIMIT_US = 10000, DEVICE_MODE_MS = 25 };

// GRXSTSP.PKTSTS
enum { STATUS_OUT_DATA = 2, STATUS_OUT_DONE = 3, STATUS_SETUP_DONE = 4, STATUS_SETUP_DATA = 6 };

// All flags of DIEPINT and DOEPINT but TXFE, which follows the FIFO and cannot be cleared.
#define INTERRUPTS_CLEARED 0x0000FF7Fu

// The FIFO memory in words, 1024 in all: what is received, then one FIFO for each IN endpoint.
enum {
    RX_WORDS = 128,
    TX0_WORDS = USB_OTG_PACKET_SIZE / 4,
    TX1_WORDS = USB_OTG_BULK_IN_MAX / 4,
    TX2_WORDS = 16,
};

static const struct gpio_pin pin_dm = GPIO_PIN('A', 11);
static const struct gpio_pin pin_dp = GPIO_PIN('A', 12);

static const struct usb_otg_events *events;
static uint8_t setup_packet[USB_OTG_SETUP_SIZE];
static struct {
    uint8_t *buffer;
    size_t length;
} receiving[USB_OTG_ENDPOINTS];

static bool becomes(volatile uint32_t *word, uint32_t mask, uint32_t value)
{
    struct time_limit limit = time_limit_us(READY_LIMIT_US);
    while ((*word & mask) != value) {
        if (time_limit_reached(&limit)) {
            return false;
        }
    }
    return true;
}

// For what the core does by itself in a few cycles.
static void wait_for(volatile uint32_t *word, uint32_t mask, uint32_t value)
{
    if (!becomes(word, mask, value)) {
        panic(PANIC_USB, (uint32_t)(uintptr_t)word);
    }
}

static void fifo_flush(uint32_t tx_number)
{
    OTG_GRSTCTL = FIELD(OTG_GRSTCTL_TXFNUM, tx_number) | OTG_GRSTCTL_TXFFLSH;
    wait_for(&OTG_GRSTCTL, OTG_GRSTCTL_TXFFLSH, 0);
}

static void fifo_flush_all(void)
{
    fifo_flush(ALL_TX_FIFOS);
    OTG_GRSTCTL = OTG_GRSTCTL_RXFFLSH;
    wait_for(&OTG_GRSTCTL, OTG_GRSTCTL_RXFFLSH, 0);
}

static void fifo_push(unsigned endpoint, const uint8_t *data, size_t length)
{
    for (; length >= 4; length -= 4, data += 4) {
        uint32_t word;
        memcpy(&word, data, sizeof word);
        OTG_DFIFO(endpoint) = word;
    }
    if (length > 0) {
        uint32_t word = 0;
        memcpy(&word, data, length);
        OTG_DFIFO(endpoint) = word;
    }
}

static void fifo_drop(size_t length)
{
    for (size_t word = 0; word < (length + 3) / 4; ++word) {
        (void)OTG_DFIFO(0);
    }
}

static void fifo_pop(uint8_t *data, size_t length)
{
    for (; length >= 4; length -= 4, data += 4) {
        uint32_t word = OTG_DFIFO(0);
        memcpy(data, &word, sizeof word);
    }
    if (length > 0) {
        uint32_t word = OTG_DFIFO(0);
        memcpy(data, &word, length);
    }
}

// Takes back what an IN endpoint has to send.
static void in_cancel(unsigned endpoint)
{
    if ((OTG_DIEPCTL(endpoint) & OTG_DIEPCTL_EPENA) != 0) {
        OTG_DIEPCTL(endpoint) |= OTG_DIEPCTL_SNAK | OTG_DIEPCTL_EPDIS;
        (void)becomes(&OTG_DIEPINT(endpoint), OTG_DIEPINT_EPDISD, OTG_DIEPINT_EPDISD);
        OTG_DIEPINT(endpoint) = OTG_DIEPINT_EPDISD;
    }
    fifo_flush(endpoint);
}

static void setup_arm(void)
{
    OTG_DOEPTSIZ(0) = FIELD(OTG_DOEPTSIZ0_STUPCNT, SETUP_PACKETS);
}

static void bus_reset(void)
{
    for (unsigned endpoint = 0; endpoint < USB_OTG_ENDPOINTS; ++endpoint) {
        OTG_DOEPCTL(endpoint) |= OTG_DOEPCTL_SNAK;
        in_cancel(endpoint);
    }
    OTG_DAINTMSK = FIELD(OTG_DAINTMSK_IEPM, 1) | FIELD(OTG_DAINTMSK_OEPM, 1);
    OTG_DOEPMSK = OTG_DOEPMSK_XFRCM | OTG_DOEPMSK_STUPM;
    OTG_DIEPMSK = OTG_DIEPMSK_XFRCM;
    fifo_flush_all();
    OTG_DCFG &= ~OTG_DCFG_DAD;
    setup_arm();
    memset(receiving, 0, sizeof receiving);
    events->reset();
}

// Takes one entry out of the receive FIFO.
static void receive_entry(void)
{
    uint32_t entry = OTG_GRXSTSP;
    unsigned endpoint = FIELD_GET(OTG_GRXSTSP_EPNUM, entry);
    size_t length = FIELD_GET(OTG_GRXSTSP_BCNT, entry);

    switch (FIELD_GET(OTG_GRXSTSP_PKTSTS, entry)) {
    case STATUS_SETUP_DATA:
        fifo_pop(setup_packet, USB_OTG_SETUP_SIZE); // of several, the last one counts
        break;
    case STATUS_SETUP_DONE:
        setup_arm();
        break;
    case STATUS_OUT_DATA:
        if (endpoint >= USB_OTG_ENDPOINTS || receiving[endpoint].buffer == NULL ||
            length > USB_OTG_PACKET_SIZE) {
            fifo_drop(length); // nobody asked for it
            break;
        }
        fifo_pop(receiving[endpoint].buffer, length);
        receiving[endpoint].length = length;
        break;
    default: // end of an OUT transfer, told again by XFRC; global OUT NAK
        break;
    }
}

static void out_interrupt(unsigned endpoint)
{
    uint32_t flags = OTG_DOEPINT(endpoint) & INTERRUPTS_CLEARED;
    OTG_DOEPINT(endpoint) = flags;
    if ((flags & OTG_DOEPINT_XFRC) != 0 && receiving[endpoint].buffer != NULL) {
        receiving[endpoint].buffer = NULL;
        events->received(endpoint, receiving[endpoint].length);
    }
    if (endpoint == 0 && (flags & OTG_DOEPINT_STUP) != 0) {
        // An answer to an earlier request is not wanted any more.
        if ((OTG_DIEPCTL(0) & OTG_DIEPCTL_EPENA) != 0) {
            in_cancel(0);
        }
        receiving[0].buffer = NULL;
        events->setup(setup_packet);
    }
}

static void in_interrupt(unsigned endpoint)
{
    uint32_t flags = OTG_DIEPINT(endpoint) & INTERRUPTS_CLEARED;
    OTG_DIEPINT(endpoint) = flags;
    if ((flags & OTG_DIEPINT_XFRC) != 0) {
        events->sent(endpoint);
    }
}

void otg_fs_handler(void)
{
    interrupt_note();
    uint32_t status = OTG_GINTSTS & OTG_GINTMSK;

    if ((status & OTG_GINTSTS_USBRST) != 0) {
        OTG_GINTSTS = OTG_GINTSTS_USBRST;
        bus_reset();
    }
    if ((status & OTG_GINTSTS_ENUMDNE) != 0) {
        OTG_GINTSTS = OTG_GINTSTS_ENUMDNE; // always full speed, which is set up already
    }
    while ((OTG_GINTSTS & OTG_GINTSTS_RXFLVL) != 0) {
        receive_entry();
    }
    // IN first: a status stage that has ended comes before the SETUP that follows it.
    uint32_t pending = OTG_DAINT & OTG_DAINTMSK;
    for (unsigned endpoint = 0; endpoint < USB_OTG_ENDPOINTS; ++endpoint) {
        if ((FIELD_GET(OTG_DAINT_IEPINT, pending) >> endpoint & 1) != 0) {
            in_interrupt(endpoint);
        }
        if ((FIELD_GET(OTG_DAINT_OEPINT, pending) >> endpoint & 1) != 0) {
            out_interrupt(endpoint);
        }
    }
}

void usb_otg_set_address(uint8_t address)
{
    OTG_DCFG = (OTG_DCFG & ~OTG_DCFG_DAD) | FIELD(OTG_DCFG_DAD, address);
}

void usb_otg_open_in(unsigned endpoint, enum usb_otg_type type, size_t packet_size)
{
    in_cancel(endpoint);
    OTG_DIEPCTL(endpoint) = FIELD(OTG_DIEPCTL_MPSIZ, packet_size) | OTG_DIEPCTL_USBAEP |
                            FIELD(OTG_DIEPCTL_EPTYP, type) | FIELD(OTG_DIEPCTL_TXFNUM, endpoint) |
                            OTG_DIEPCTL_SD0PID | OTG_DIEPCTL_SNAK;
    OTG_DAINTMSK |= FIELD(OTG_DAINTMSK_IEPM, 1u << endpoint);
}

void usb_otg_open_out(unsigned endpoint, enum usb_otg_type type, size_t packet_size)
{
    OTG_DOEPCTL(endpoint) = FIELD(OTG_DOEPCTL_MPSIZ, packet_size) | OTG_DOEPCTL_USBAEP |
                            FIELD(OTG_DOEPCTL_EPTYP, type) | OTG_DOEPCTL_SD0PID | OTG_DOEPCTL_SNAK;
    OTG_DAINTMSK |= FIELD(OTG_DAINTMSK_OEPM, 1u << endpoint);
}

void usb_otg_receive(unsigned endpoint, uint8_t *buffer)
{
    const uint32_t one_packet =
        FIELD(OTG_DOEPTSIZ_PKTCNT, 1) | FIELD(OTG_DOEPTSIZ_XFRSIZ, USB_OTG_PACKET_SIZE);
    receiving[endpoint].buffer = buffer;
    receiving[endpoint].length = 0;
    if (endpoint == 0) {
        OTG_DOEPTSIZ(0) = one_packet | FIELD(OTG_DOEPTSIZ0_STUPCNT, SETUP_PACKETS);
    } else if ((OTG_DOEPCTL(endpoint) & OTG_DOEPCTL_EPENA) == 0) {
        OTG_DOEPTSIZ(endpoint) = one_packet;
    } // else it is still open for one packet that never came before a bus reset
    OTG_DOEPCTL(endpoint) |= OTG_DOEPCTL_EPENA | OTG_DOEPCTL_CNAK;
}

void usb_otg_send(unsigned endpoint, const uint8_t *data, size_t length)
{
    size_t packets = length == 0 ? 1 : (length + USB_OTG_PACKET_SIZE - 1) / USB_OTG_PACKET_SIZE;
    if (FIELD_GET(OTG_DTXFSTS_INEPTFSAV, OTG_DTXFSTS(endpoint)) * 4 < length) {
        panic(PANIC_USB, endpoint);
    }
    OTG_DIEPTSIZ(endpoint) =
        FIELD(OTG_DIEPTSIZ_PKTCNT, packets) | FIELD(OTG_DIEPTSIZ_XFRSIZ, length);
    OTG_DIEPCTL(endpoint) |= OTG_DIEPCTL_EPENA | OTG_DIEPCTL_CNAK;
    fifo_push(endpoint, data, length);
}

void usb_otg_stall_in(unsigned endpoint, bool stall)
{
    if (stall) {
        OTG_DIEPCTL(endpoint) |= OTG_DIEPCTL_STALL;
    } else {
        OTG_DIEPCTL(endpoint) = (OTG_DIEPCTL(endpoint) & ~OTG_DIEPCTL_STALL) | OTG_DIEPCTL_SD0PID;
    }
}

void usb_otg_stall_out(unsigned endpoint, bool stall)
{
    if (stall) {
        OTG_DOEPCTL(endpoint) |= OTG_DOEPCTL_STALL;
    } else {
        OTG_DOEPCTL(endpoint) = (OTG_DOEPCTL(endpoint) & ~OTG_DOEPCTL_STALL) | OTG_DOEPCTL_SD0PID;
    }
}

static void core_reset(void)
{
    OTG_GAHBCFG &= ~OTG_GAHBCFG_GINT;
    OTG_GCCFG |= OTG_GCCFG_PWRDWN; // 1: the PHY is on; the core needs its clock for the reset
    OTG_GUSBCFG |= OTG_GUSBCFG_PHYSEL;
    wait_for(&OTG_GRSTCTL, OTG_GRSTCTL_AHBIDL, OTG_GRSTCTL_AHBIDL);
    OTG_GRSTCTL |= OTG_GRSTCTL_CSRST;
    wait_for(&OTG_GRSTCTL, OTG_GRSTCTL_CSRST, 0);
    time_delay_us(1); // three PHY clocks
    wait_for(&OTG_GRSTCTL, OTG_GRSTCTL_AHBIDL, OTG_GRSTCTL_AHBIDL);
    OTG_GCCFG = OTG_GCCFG_PWRDWN; // VBUS sensing off
    OTG_GUSBCFG = OTG_GUSBCFG_PHYSEL | FIELD(OTG_GUSBCFG_TRDT, TURNAROUND) |
                  FIELD(OTG_GUSBCFG_TOCAL, 7) | OTG_GUSBCFG_FDMOD;
    time_sleep_ms(DEVICE_MODE_MS);
}

static void fifo_layout(void)
{
    uint32_t start = RX_WORDS;
    OTG_GRXFSIZ = RX_WORDS;
    OTG_DIEPTXF0 = FIELD(OTG_DIEPTXF0_TX0FSA, start) | FIELD(OTG_DIEPTXF0_TX0FD, TX0_WORDS);
    start += TX0_WORDS;
    OTG_DIEPTXF1 = FIELD(OTG_DIEPTXF1_INEPTXSA, start) | FIELD(OTG_DIEPTXF1_INEPTXFD, TX1_WORDS);
    start += TX1_WORDS;
    OTG_DIEPTXF2 = FIELD(OTG_DIEPTXF1_INEPTXSA, start) | FIELD(OTG_DIEPTXF1_INEPTXFD, TX2_WORDS);
    fifo_flush_all();
}

static void power_start(void)
{
    PWR_CR3 |= PWR_CR3_USB33DEN;
    // A board without VDD33USB has no USB, but goes on.
    (void)becomes(&PWR_CR3, PWR_CR3_USB33RDY, PWR_CR3_USB33RDY);
    gpio_alternate(pin_dm, FUNCTION_OTG_FS, GPIO_PULL_NONE);
    gpio_alternate(pin_dp, FUNCTION_OTG_FS, GPIO_PULL_NONE);
    RCC_AHB1ENR |= RCC_AHB1ENR_USB2OTGEN;
    (void)RCC_AHB1ENR;
    // Else the core's clock stops in WFI for want of an ULPI clock.
    RCC_AHB1LPENR &= ~RCC_AHB1LPENR_USB2OTGULPILPEN;
}

void usb_otg_start(const struct usb_otg_events *new_events)
{
    events = new_events;
    power_start();
    core_reset();
    OTG_PCGCCTL = 0;
    OTG_DCTL |= OTG_DCTL_SDIS;
    OTG_GOTGCTL |= OTG_GOTGCTL_BVALOEN;
    OTG_DCFG = (OTG_DCFG & ~(OTG_DCFG_DSPD | OTG_DCFG_DAD)) | FIELD(OTG_DCFG_DSPD, FULL_SPEED);
    fifo_layout();
    OTG_GINTMSK = 0;
    OTG_GINTSTS = OTG_GINTSTS_USBRST | OTG_GINTSTS_ENUMDNE;
    OTG_GINTMSK = OTG_GINTSTS_USBRST | OTG_GINTSTS_ENUMDNE | OTG_GINTSTS_RXFLVL |
                  OTG_GINTSTS_IEPINT | OTG_GINTSTS_OEPINT;
    OTG_GAHBCFG |= OTG_GAHBCFG_GINT;
    interrupt_enable(INTERRUPT_OTG_FS);
}

void usb_otg_connect(void)
{
    OTG_GOTGCTL |= OTG_GOTGCTL_BVALOVAL;
    OTG_DCTL &= ~OTG_DCTL_SDIS;
}

void usb_otg_disconnect(void)
{
    OTG_DCTL |= OTG_DCTL_SDIS;
    OTG_GOTGCTL &= ~OTG_GOTGCTL_BVALOVAL;
}

void usb_otg_stop(void)
{
    usb_otg_disconnect();
    RCC_AHB1RSTR |= RCC_AHB1RSTR_USB2OTGRST;
    RCC_AHB1RSTR &= ~RCC_AHB1RSTR_USB2OTGRST;
    RCC_AHB1LPENR |= RCC_AHB1LPENR_USB2OTGULPILPEN;
    RCC_AHB1ENR &= ~RCC_AHB1ENR_USB2OTGEN;
    PWR_CR3 &= ~PWR_CR3_USB33DEN;
    gpio_pin_reset(pin_dm);
    gpio_pin_reset(pin_dp);
}
