// The OTG core driven through its registers, by a small driver of this file and by single accesses:
// what answers the wire gets, what status words and counters say, and which mistakes are
// violations.
//
// Expected values: register tables of the reference for the dwc2 core, USB 2.0 chapters 8 and 9.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_gpio.h"
#include "sim/h750_otg.h"
#include "sim/h750_rcc.h"
#include "sim/machine_build.h"
#include "sim/usb_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE 0x40080000u
#define IRQ  101u

enum {
    GOTGCTL = 0x000,
    GOTGINT = 0x004,
    GAHBCFG = 0x008,
    GUSBCFG = 0x00C,
    GRSTCTL = 0x010,
    GINTSTS = 0x014,
    GINTMSK = 0x018,
    GRXSTSR = 0x01C,
    GRXSTSP = 0x020,
    GRXFSIZ = 0x024,
    DIEPTXF0 = 0x028,
    GCCFG = 0x038,
    CID = 0x03C,
    DCFG = 0x800,
    DCTL = 0x804,
    DSTS = 0x808,
    DIEPMSK = 0x810,
    DOEPMSK = 0x814,
    DAINT = 0x818,
    DAINTMSK = 0x81C,
    DIEPEMPMSK = 0x834,
    PCGCCTL = 0xE00,
    DFIFO = 0x1000,
};
#define DIEPTXF(n)  (0x100u + 4u * (n))
#define DIEPCTL(n)  (0x900u + 0x20u * (n))
#define DIEPINT(n)  (0x908u + 0x20u * (n))
#define DIEPTSIZ(n) (0x910u + 0x20u * (n))
#define DIEPDMA(n)  (0x914u + 0x20u * (n))
#define DTXFSTS(n)  (0x918u + 0x20u * (n))
#define DOEPCTL(n)  (0xB00u + 0x20u * (n))
#define DOEPINT(n)  (0xB08u + 0x20u * (n))
#define DOEPTSIZ(n) (0xB10u + 0x20u * (n))
#define DOEPDMA(n)  (0xB14u + 0x20u * (n))

#define EPENA  0x80000000u
#define EPDIS  0x40000000u
#define SD0PID 0x10000000u
#define SNAK   0x08000000u
#define CNAK   0x04000000u
#define STALL  0x00200000u
#define BULK   (2u << 18)
#define USBAEP 0x8000u

// --- The neighbours: clocks and pins as a test wants them ---------------------------------------

struct rcc {
    uint64_t usb_hz, hclk_hz;
    void (*changed)(void *context);
    void *context;
};

struct gpio {
    unsigned alternate;
    enum pin_mode mode;
    void (*changed)(void *context, struct pin pin);
    void *context;
};

uint64_t rcc_clock_hz(const struct rcc *rcc, enum rcc_clock clock)
{
    return clock == RCC_CLOCK_USB ? rcc->usb_hz : rcc->hclk_hz;
}

void rcc_on_change(struct rcc *rcc, void (*changed)(void *context), void *context)
{
    rcc->changed = changed;
    rcc->context = context;
}

enum pin_mode gpio_pin_mode(const struct gpio *gpio, struct pin pin)
{
    return pin.port == 'A' && (pin.number == 11 || pin.number == 12) ? gpio->mode : PIN_ANALOG;
}

unsigned gpio_pin_alternate(const struct gpio *gpio, struct pin pin)
{
    (void)pin;
    return gpio->alternate;
}

void gpio_on_change(struct gpio *gpio, void (*changed)(void *context, struct pin pin),
                    void *context)
{
    gpio->changed = changed;
    gpio->context = context;
}

// --- Bench --------------------------------------------------------------------------------------

struct bench {
    struct machine *machine;
    struct rcc rcc;
    struct gpio gpio;
    struct otg *otg;
    const struct usb_device_port *port;
    struct usb_host *host;
    uint8_t memory[4096]; // for DMA, at 0x24000000
    uint32_t rcc_words[0x400 / 4];
    bool usb33, sleeping;
    bool vbus_seen;
    char violation[512];
    unsigned violations;
    // the small driver
    uint8_t setup[8];
    const uint8_t *reply;
    size_t reply_left;
    uint8_t bytes[256];
    size_t byte_count;
    unsigned setups, bulk_done;
    bool late_address;
    uint8_t new_address;
    uint8_t received[4096];
    size_t received_count;
};

static uint32_t rcc_read(void *context, uint32_t offset, unsigned size)
{
    struct bench *bench = context;

    (void)size;
    if (offset == 0x40C) { // PWR_CR3
        return bench->usb33 ? 1u << 26 : 0;
    }
    return offset < sizeof(bench->rcc_words) ? bench->rcc_words[offset / 4] : 0;
}

static void rcc_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    (void)size;
    ((struct bench *)context)->rcc_words[offset / 4] = value;
}

static bool cpu_sleeping(void *context)
{
    return ((struct bench *)context)->sleeping;
}

static void vbus_moved(void *context, bool on)
{
    ((struct bench *)context)->vbus_seen = on;
}

static void on_violation(void *context, const char *device, const char *text)
{
    struct bench *bench = context;

    if (bench->violations++ == 0) {
        snprintf(bench->violation, sizeof(bench->violation), "%s: %s", device, text);
    }
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct otg_board board = {.context = bench, .cpu_sleeping = cpu_sleeping, .vbus = vbus_moved};
    struct device rcc = {.name = "RCC",
                         .base = 0x58024400,
                         .size = 0x800, // and PWR behind it
                         .context = bench,
                         .read = rcc_read,
                         .write = rcc_write};

    bench->machine = machine_create();
    machine_on_violation(bench->machine, on_violation, bench);
    bench->rcc = (struct rcc){.usb_hz = 48000000, .hclk_hz = 200000000};
    bench->gpio = (struct gpio){.alternate = 10, .mode = PIN_ALTERNATE};
    bench->usb33 = true;
    bench->rcc_words[0xD8 / 4] = 1u << 27;  // AHB1ENR.USB2OTGEN
    bench->rcc_words[0x100 / 4] = 1u << 27; // AHB1LPENR.USB2OTGLPEN
    machine_add_device(bench->machine, &rcc);
    machine_map_memory(bench->machine, "RAM", 0x24000000, sizeof(bench->memory), bench->memory,
                       true);
    bench->otg = otg_create(bench->machine, &bench->rcc, &bench->gpio, OTG_CORE_OTG2_FS, &board);
    bench->port = otg_port(bench->otg);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    machine_destroy(bench->machine);
    free(bench->otg);
    free(bench->host);
    free(bench);
    return 0;
}

static uint32_t get(struct bench *bench, uint32_t offset)
{
    uint32_t value = 0;

    assert_true(machine_bus_read(bench->machine, BASE + offset, 4, &value));
    return value;
}

static void set(struct bench *bench, uint32_t offset, uint32_t value)
{
    assert_true(machine_bus_write(bench->machine, BASE + offset, 4, value));
}

static void expect_violation(struct bench *bench, const char *text)
{
    if (strstr(bench->violation, text) == NULL) {
        fail_msg("violation \"%s\" does not contain \"%s\"", bench->violation, text);
    }
}

// --- A driver -----------------------------------------------------------------------------------

// Up to the pull-up: the reference's order, without VBUS sensing.
static void core_init(struct bench *bench)
{
    set(bench, GAHBCFG, 0);
    set(bench, GUSBCFG, get(bench, GUSBCFG) | 1u << 6); // PHYSEL
    set(bench, GRSTCTL, 1);                             // CSRST
    assert_int_equal(get(bench, GRSTCTL) & 1, 0);
    assert_int_equal(get(bench, GRSTCTL) >> 31, 1);
    set(bench, GCCFG, 1u << 16);                             // PWRDWN
    set(bench, GUSBCFG, 1u << 30 | 1u << 6 | 6u << 10 | 7u); // FDMOD, TRDT, TOCAL
    set(bench, PCGCCTL, 0);
    set(bench, GOTGCTL, get(bench, GOTGCTL) | 1u << 6 | 1u << 7); // BVALOEN, BVALOVAL
    set(bench, DCFG, get(bench, DCFG) | 3u);
    set(bench, GRXFSIZ, 128);
    set(bench, DIEPTXF0, 16u << 16 | 128);
    set(bench, DIEPTXF(1), 64u << 16 | 144);
    set(bench, DIEPMSK, 1);      // XFRC
    set(bench, DOEPMSK, 1 | 8u); // XFRC, STUP
    set(bench, GINTSTS, 0xBFFFFFFF);
    // USBRST, ENUMDNE, RXFLVL, IEPINT, OEPINT, USBSUSP, WKUINT
    set(bench, GINTMSK, 1u << 12 | 1u << 13 | 1u << 4 | 1u << 18 | 1u << 19 | 1u << 11 | 1u << 31);
    set(bench, GAHBCFG, 1 | 1u << 7);
}

static void pull_up(struct bench *bench, bool on)
{
    set(bench, DCTL, (get(bench, DCTL) & ~2u) | (on ? 0u : 2u));
}

static void driver_reset(struct bench *bench)
{
    set(bench, DOEPCTL(0), SNAK);
    set(bench, GRSTCTL, 0x10u << 6 | 1u << 5);
    set(bench, GRSTCTL, 1u << 4);
    set(bench, DAINTMSK, 0x00010001);
    set(bench, DCFG, get(bench, DCFG) & ~0x7F0u);
    set(bench, DOEPTSIZ(0), 3u << 29);
    bench->byte_count = 0;
}

static void arm_in(struct bench *bench, unsigned n, const uint8_t *data, uint32_t length,
                   uint32_t packets)
{
    set(bench, DIEPTSIZ(n), packets << 19 | length);
    set(bench, DIEPCTL(n), get(bench, DIEPCTL(n)) | EPENA | CNAK);
    for (uint32_t at = 0; at < length; at += 4) {
        uint32_t word = 0;

        memcpy(&word, data + at, length - at < 4 ? length - at : 4);
        set(bench, DFIFO + 0x1000 * n, word);
    }
}

static void arm_out(struct bench *bench, unsigned n, uint32_t length, uint32_t packets)
{
    set(bench, DOEPTSIZ(n), (get(bench, DOEPTSIZ(n)) & (3u << 29)) | packets << 19 | length);
    set(bench, DOEPCTL(n), get(bench, DOEPCTL(n)) | EPENA | CNAK);
}

static void control_next_packet(struct bench *bench)
{
    uint32_t length = bench->reply_left < 64 ? (uint32_t)bench->reply_left : 64;

    arm_in(bench, 0, bench->reply, length, 1);
    bench->reply += length;
    bench->reply_left -= length;
}

static const uint8_t device_descriptor[18] = {18,   1, 0, 2, 0, 0, 0, 64, 0x09,
                                              0x12, 1, 0, 0, 1, 0, 0, 0,  1};
static const uint8_t configuration[] = {
    9, 2, 67,   0, 2,    1,    0,  0x80, 50, 9,  4, 0,    0,    1,  2, 2,  0,
    0, 5, 0x24, 0, 0x20, 1,    5,  0x24, 1,  0,  1, 4,    0x24, 2,  2, 5,  0x24,
    6, 0, 1,    7, 5,    0x82, 3,  8,    0,  16, 9, 4,    1,    0,  2, 10, 0,
    0, 0, 7,    5, 0x01, 2,    64, 0,    0,  7,  5, 0x81, 2,    64, 0, 0};

static void open_data_endpoints(struct bench *bench)
{
    set(bench, DIEPCTL(1), USBAEP | BULK | 64 | 1u << 22 | SD0PID | SNAK);
    set(bench, DOEPCTL(1), USBAEP | BULK | 64 | SD0PID | SNAK);
    set(bench, DIEPTXF(2), 16u << 16 | 208);
    set(bench, DIEPCTL(2), USBAEP | 3u << 18 | 8 | 2u << 22 | SD0PID | SNAK);
    set(bench, DAINTMSK, 0x00030007);
    arm_out(bench, 1, 64, 1);
}

static void handle_setup(struct bench *bench)
{
    const uint8_t *setup = bench->setup;
    size_t asked = setup[6] | (size_t)setup[7] << 8;

    bench->setups++;
    set(bench, DOEPTSIZ(0), get(bench, DOEPTSIZ(0)) | 3u << 29);
    bench->reply_left = 0;
    if (setup[0] == 0x80 && setup[1] == 6 && (setup[3] == 1 || setup[3] == 2)) {
        bench->reply = setup[3] == 1 ? device_descriptor : configuration;
        bench->reply_left = setup[3] == 1 ? 18 : sizeof(configuration);
        bench->reply_left = bench->reply_left < asked ? bench->reply_left : asked;
        control_next_packet(bench);
        return;
    }
    if (setup[0] & 0x80) {
        set(bench, DIEPCTL(0), get(bench, DIEPCTL(0)) | STALL);
        set(bench, DOEPCTL(0), get(bench, DOEPCTL(0)) | STALL);
        return;
    }
    if (setup[1] == 5 && setup[0] == 0) {
        bench->new_address = setup[2];
        if (!bench->late_address) {
            set(bench, DCFG, get(bench, DCFG) | (uint32_t)setup[2] << 4);
        }
    } else if (setup[1] == 9) {
        open_data_endpoints(bench);
    }
    if (asked != 0) {
        arm_out(bench, 0, 64, 1);
    } else {
        arm_in(bench, 0, NULL, 0, 1);
    }
}

static void read_packet(struct bench *bench, uint8_t *data, size_t length)
{
    for (size_t at = 0; at < length; at += 4) {
        uint32_t word = get(bench, DFIFO);

        memcpy(data + at, &word, length - at < 4 ? length - at : 4);
    }
}

static void handle_rx(struct bench *bench)
{
    uint32_t status = get(bench, GRXSTSP);
    size_t length = (status >> 4) & 0x7FF;

    if (((status >> 17) & 15) == 6) {
        read_packet(bench, bench->setup, 8);
    } else if (((status >> 17) & 15) == 2 && (status & 15) == 1) {
        read_packet(bench, bench->received + bench->received_count, length);
        bench->received_count += length;
    } else if (((status >> 17) & 15) == 2) {
        read_packet(bench, bench->bytes, length);
        bench->byte_count = length;
    }
}

static void handle_endpoints(struct bench *bench)
{
    uint32_t daint = get(bench, DAINT) & get(bench, DAINTMSK);

    if (daint & 0x10000) {
        uint32_t interrupts = get(bench, DOEPINT(0));

        set(bench, DOEPINT(0), interrupts);
        if (interrupts & 8) {
            handle_setup(bench);
        } else if (interrupts & 1 && !(bench->setup[0] & 0x80)) {
            arm_in(bench, 0, NULL, 0, 1);
        }
    }
    if (daint & 0x20000) {
        set(bench, DOEPINT(1), 1);
        bench->bulk_done++;
        arm_out(bench, 1, 64, 1);
    }
    if (daint & 1) {
        set(bench, DIEPINT(0), 1);
        if (bench->reply_left != 0) {
            control_next_packet(bench);
        } else if (bench->setup[0] & 0x80) {
            arm_out(bench, 0, 0, 1);
        } else if (bench->late_address && bench->new_address != 0) {
            set(bench, DCFG, get(bench, DCFG) | (uint32_t)bench->new_address << 4);
        }
    }
    if (daint & 2) {
        set(bench, DIEPINT(1), 1);
    }
}

// What an interrupt handler does, for as long as the line is up.
static void serve(struct bench *bench)
{
    for (unsigned i = 0; i < 100 && machine_irq_level(bench->machine, IRQ); i++) {
        uint32_t status = get(bench, GINTSTS) & get(bench, GINTMSK);

        if (status & 1u << 12) {
            set(bench, GINTSTS, 1u << 12);
            driver_reset(bench);
        }
        set(bench, GINTSTS, status & (1u << 13 | 1u << 11 | 1u << 31));
        if (status & 1u << 4) {
            handle_rx(bench);
        }
        if (status & (1u << 18 | 1u << 19)) {
            handle_endpoints(bench);
        }
    }
    assert_false(machine_irq_level(bench->machine, IRQ));
}

static void bring_up(struct bench *bench)
{
    core_init(bench);
    pull_up(bench, true);
    assert_string_equal(bench->violation, "");
    assert_true(bench->port->attached(bench->port->context));
    bench->port->bus_reset(bench->port->context);
    serve(bench);
    bench->port->start_of_frame(bench->port->context, 1);
    serve(bench);
}

static enum usb_handshake setup(struct bench *bench, uint8_t address, const uint8_t *packet)
{
    return bench->port->setup(bench->port->context, address, packet);
}

static enum usb_handshake token_in(struct bench *bench, uint8_t address, uint8_t endpoint,
                                   uint8_t *data, size_t *length, bool *data1)
{
    enum usb_handshake handshake;

    *length = 64;
    handshake = bench->port->in(bench->port->context, address, endpoint, data, length, data1);
    if (handshake == USB_ACK) {
        bench->port->in_acknowledged(bench->port->context, endpoint);
    }
    return handshake;
}

static enum usb_handshake token_out(struct bench *bench, uint8_t address, uint8_t endpoint,
                                    const void *data, size_t length, bool data1)
{
    return bench->port->out(bench->port->context, address, endpoint, data, length, data1);
}

static void configure(struct bench *bench)
{
    bring_up(bench);
    open_data_endpoints(bench);
    assert_string_equal(bench->violation, "");
}

// --- Identity and reset -------------------------------------------------------------------------

static void test_identity(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(get(bench, CID), 0x2300);
    assert_int_equal(get(bench, 0x040), 0x4F54330A);
    assert_int_equal(get(bench, 0x044), 0);
    assert_int_equal(get(bench, 0x048), 0x229FE190);
    assert_int_equal(get(bench, 0x04C), 0x03B8D2E8);
    assert_int_equal(get(bench, 0x050), 0xE3F00030);
    assert_int_equal(get(bench, GRXFSIZ), 0x200);
    assert_int_equal(get(bench, DIEPTXF(3)), 0x02000800);
    assert_int_equal(get(bench, DIEPINT(1)) & 0x80, 0x80); // TXFE
    assert_int_equal(get(bench, DCFG), 0x02200000);
    assert_int_equal(get(bench, GOTGCTL) >> 16 & 1, 1); // no A plug: device
    assert_string_equal(bench->violation, "");
}

static void test_registers_read_as_their_table_says(void **state)
{
    struct bench *bench = *state;

    for (const struct register_info *info = otg_registers(); info->name != NULL; info++) {
        if (info->offset != GRXSTSP && get(bench, info->offset) != info->reset) {
            fail_msg("%s reads %08X, not %08X", info->name, get(bench, info->offset), info->reset);
        }
    }
    assert_string_equal(bench->violation, "");
}

static void test_hal_clears_all_fifo_sizes(void **state)
{
    struct bench *bench = *state;

    for (unsigned n = 1; n <= 15; n++) {
        set(bench, DIEPTXF(n), 0);
    }
    for (unsigned n = 0; n < 9; n++) {
        set(bench, DIEPINT(n), 0xFB7F);
        set(bench, DOEPINT(n), 0xFB7F);
    }
    assert_string_equal(bench->violation, "");
}

static void test_pull_up_needs(void **state)
{
    static const char *const needs[] = {
        "kernel clock", "alternate function 10", "USB33DEN", "PHYSEL", "DSPD", "session"};
    (void)state;
    for (unsigned need = 0; need < 6; need++) {
        void *own;
        struct bench *bench;

        set_up(&own);
        bench = own;
        core_init(bench);
        bench->rcc.usb_hz = need == 0 ? 47800000 : 48100000; // 0.25 % is 120 kHz
        bench->gpio.alternate = need == 1 ? 12 : 10;
        bench->usb33 = need != 2;
        if (need == 3) {
            set(bench, GUSBCFG, get(bench, GUSBCFG) & ~(1u << 6));
        } else if (need == 4) {
            set(bench, DCFG, get(bench, DCFG) & ~3u);
        } else if (need == 5) {
            set(bench, GOTGCTL, 0);
        }
        pull_up(bench, true);
        expect_violation(bench, needs[need]);
        tear_down(&own);
    }
}

static void test_clock_lost_while_attached(void **state)
{
    struct bench *bench = *state;

    bring_up(bench);
    bench->rcc.usb_hz = 0;
    bench->rcc.changed(bench->rcc.context);
    expect_violation(bench, "kernel clock is 0 Hz");
}

static void test_pin_lost_while_attached(void **state)
{
    struct bench *bench = *state;

    bring_up(bench);
    bench->gpio.mode = PIN_ANALOG;
    bench->gpio.changed(bench->gpio.context, (struct pin){'A', 11});
    expect_violation(bench, "PA11 is not in alternate function 10");
}

static void test_soft_reset_without_clock(void **state)
{
    struct bench *bench = *state;

    bench->rcc.usb_hz = 0;
    set(bench, GUSBCFG, 0xA00 | 1u << 6);
    set(bench, GRSTCTL, 1);
    expect_violation(bench, "kernel clock");
}

static void test_vbus_sensing(void **state)
{
    struct bench *bench = *state;
    void *port = bench->port->context;

    core_init(bench);
    set(bench, GOTGCTL, 0);
    set(bench, GCCFG, 1u << 16 | 1u << 21); // PWRDWN, VBDEN
    pull_up(bench, true);
    assert_false(bench->port->attached(port));
    bench->port->vbus(port, true);
    assert_true(bench->vbus_seen);
    assert_true(bench->port->attached(port));
    assert_int_equal(get(bench, GOTGCTL) >> 19 & 1, 1); // BSVLD
    bench->port->vbus(port, false);
    assert_false(bench->port->attached(port));
    assert_int_equal(get(bench, GOTGINT), 4); // SEDET
    assert_int_equal(get(bench, GINTSTS) >> 2 & 1, 1);
    set(bench, GOTGINT, 4);
    assert_int_equal(get(bench, GINTSTS) >> 2 & 1, 0);
    assert_string_equal(bench->violation, "");
}

static void test_unit_reset_detaches(void **state)
{
    struct bench *bench = *state;

    bring_up(bench);
    machine_reset_now(bench->machine, RESET_PIN);
    assert_false(bench->port->attached(bench->port->context));
    assert_int_equal(get(bench, GCCFG), 0);
}

static void test_second_core(void **state)
{
    struct bench *bench = *state;
    struct otg_board board = {0};
    struct otg *other =
        otg_create(bench->machine, &bench->rcc, &bench->gpio, OTG_CORE_OTG1_HS, &board);
    uint32_t value;

    assert_true(machine_bus_read(bench->machine, 0x40040000 + CID, 4, &value));
    assert_int_equal(value, 0x2300);
    assert_true(machine_bus_write(bench->machine, 0x40040000 + GAHBCFG, 4, 1));
    assert_true(machine_bus_write(bench->machine, 0x40040000 + GINTMSK, 4, 1u << 26)); // PTXFE
    assert_true(machine_irq_level(bench->machine, 77));
    assert_false(machine_irq_level(bench->machine, IRQ));
    free(other);
}

static void test_host_mode_is_refused(void **state)
{
    struct bench *bench = *state;

    set(bench, GUSBCFG, 0xA00 | 1u << 29);
    expect_violation(bench, "host mode");
}

// --- Control ------------------------------------------------------------------------------------

static const uint8_t get_device[8] = {0x80, 6, 0, 1, 0, 0, 18, 0};

static void test_setup_sequence(void **state)
{
    struct bench *bench = *state;
    uint8_t data[64];
    size_t length;
    bool data1;

    bring_up(bench);
    assert_int_equal(setup(bench, 5, get_device), USB_NO_ANSWER); // not its address
    assert_int_equal(setup(bench, 0, get_device), USB_ACK);
    assert_int_equal(get(bench, DOEPTSIZ(0)) >> 29, 2);
    assert_int_equal(get(bench, DOEPCTL(0)) >> 17 & 1, 1); // NAKSTS, both ways
    assert_int_equal(get(bench, DIEPCTL(0)) >> 17 & 1, 1);
    assert_int_equal(get(bench, GRXSTSR) & 0x1FFFFF, 6u << 17 | 8u << 4);
    assert_int_equal(get(bench, GRXSTSP) & 0x1FFFFF, 6u << 17 | 8u << 4);
    assert_int_equal(get(bench, DFIFO), 0x01000680);
    assert_int_equal(get(bench, DFIFO), 0x00120000);
    assert_int_equal(get(bench, GINTSTS) >> 4 & 1, 0); // RXFLVL
    assert_int_equal(token_in(bench, 0, 0, data, &length, &data1), USB_NAK);
    assert_int_equal(get(bench, GRXSTSP) & 0x1FFFFF, 4u << 17); // setup done
    assert_int_equal(get(bench, DOEPINT(0)) & 8, 8);            // STUP
    assert_true(machine_irq_level(bench->machine, IRQ));
    set(bench, DOEPINT(0), 8);
    assert_false(machine_irq_level(bench->machine, IRQ));
    arm_in(bench, 0, device_descriptor, 18, 1);
    assert_int_equal(token_in(bench, 0, 0, data, &length, &data1), USB_ACK);
    assert_int_equal(length, 18);
    assert_true(data1);
    assert_memory_equal(data, device_descriptor, 18);
    assert_int_equal(get(bench, DIEPINT(0)) & 1, 1);
    assert_int_equal(get(bench, DIEPCTL(0)) >> 31, 0);
    assert_int_equal(get(bench, DIEPTSIZ(0)), 0);
    assert_int_equal(token_out(bench, 0, 0, NULL, 0, true), USB_NAK);
    arm_out(bench, 0, 0, 1);
    assert_int_equal(token_out(bench, 0, 0, NULL, 0, true), USB_ACK);
    assert_int_equal(get(bench, GRXSTSP) & 0x1FFFFF, 2u << 17 | 2u << 15); // empty, DATA1
    assert_int_equal(get(bench, DOEPINT(0)) & 1, 0);
    assert_int_equal(get(bench, GRXSTSP) & 0x1FFFFF, 3u << 17);
    assert_int_equal(get(bench, DOEPINT(0)) & 1, 1);
    assert_string_equal(bench->violation, "");
}

// NuttX's driver on a SET_LINE_CODING request: its endpoint was armed for nothing but SETUP.
static void test_data_stage_without_arming(void **state)
{
    static const uint8_t set_line_coding[8] = {0x21, 0x20, 0, 0, 0, 0, 7, 0};
    struct bench *bench = *state;

    bring_up(bench);
    assert_int_equal(setup(bench, 0, set_line_coding), USB_ACK);
    assert_int_equal(token_out(bench, 0, 0, "1234567", 7, true), USB_NAK);
    get(bench, GRXSTSP);
    get(bench, DFIFO);
    get(bench, DFIFO);
    assert_int_equal(get(bench, GRXSTSP) & 0x1FFFFF, 4u << 17);
    assert_int_equal(get(bench, DOEPCTL(0)) >> 31, 0); // EPENA has fallen
    set(bench, DOEPCTL(0), get(bench, DOEPCTL(0)) | CNAK);
    expect_violation(bench, "CNAK set for a data stage without EPENA");
    assert_int_equal(token_out(bench, 0, 0, "1234567", 7, true), USB_ACK);
    set(bench, DOEPCTL(0), get(bench, DOEPCTL(0)) | CNAK); // only once
    assert_int_equal(get(bench, DOEPCTL(0)) >> 31, 1);
    assert_int_equal(get(bench, GRXSTSP) & 0x1FFFFF, 2u << 17 | 7u << 4 | 2u << 15);
}

// ChibiOS' status stage.
static void test_status_stage_without_count(void **state)
{
    struct bench *bench = *state;

    bring_up(bench);
    set(bench, DOEPTSIZ(0), 3u << 29);
    set(bench, DOEPCTL(0), EPENA | CNAK);
    expect_violation(bench, "PKTCNT = 0 and XFRSIZ = 0");
    assert_int_equal(token_out(bench, 0, 0, NULL, 0, false), USB_ACK);
    assert_int_equal(get(bench, GRXSTSP) & 0x1E0000, 2u << 17);
    assert_int_equal(get(bench, GRXSTSP) & 0x1E0000, 3u << 17);
    assert_int_equal(get(bench, DOEPINT(0)) & 1, 1);
    assert_int_equal(get(bench, DOEPTSIZ(0)), 3u << 29);
}

static void test_setup_needs_room(void **state)
{
    struct bench *bench = *state;
    unsigned taken = 0;

    core_init(bench);
    pull_up(bench, true);
    bench->port->bus_reset(bench->port->context);
    bench->port->start_of_frame(bench->port->context, 1);
    assert_int_equal(setup(bench, 0, get_device), USB_NO_ANSWER); // STUPCNT was never set
    serve(bench);
    while (setup(bench, 0, get_device) == USB_ACK) {
        taken++;
    }
    assert_int_equal(taken, 42); // 128 words: three for each and one for the end
    assert_int_equal(get(bench, DOEPTSIZ(0)) >> 29, 0);
    assert_int_equal(get(bench, DOEPINT(0)) & 0x40, 0x40); // B2BSTUP
}

static void test_setup_room_may_be_given_while_enabled(void **state)
{
    struct bench *bench = *state;

    bring_up(bench);
    assert_int_equal(setup(bench, 0, get_device), USB_ACK);
    arm_out(bench, 0, 64, 1);
    set(bench, DOEPTSIZ(0), get(bench, DOEPTSIZ(0)) | 3u << 29);
    assert_int_equal(get(bench, DOEPTSIZ(0)), 3u << 29 | 1u << 19 | 64);
    assert_string_equal(bench->violation, "");
}

static void test_flags_are_cleared_one_by_one(void **state)
{
    struct bench *bench = *state;

    core_init(bench);
    pull_up(bench, true);
    bench->port->bus_reset(bench->port->context);
    bench->port->start_of_frame(bench->port->context, 1);
    set(bench, GINTSTS, 1u << 12); // USBRST
    assert_int_equal(get(bench, GINTSTS) & (3u << 12 | 8), 1u << 13 | 8);
}

static void test_stall_ends_with_setup(void **state)
{
    struct bench *bench = *state;
    uint8_t data[64];
    size_t length;
    bool data1;

    bring_up(bench);
    set(bench, DIEPCTL(0), STALL);
    set(bench, DOEPCTL(0), STALL);
    set(bench, DIEPCTL(0), 0); // only a SETUP packet ends it
    assert_int_equal(token_in(bench, 0, 0, data, &length, &data1), USB_STALL);
    assert_int_equal(token_out(bench, 0, 0, NULL, 0, true), USB_STALL);
    assert_int_equal(setup(bench, 0, get_device), USB_ACK);
    assert_int_equal(token_in(bench, 0, 0, data, &length, &data1), USB_NAK);
    assert_int_equal(get(bench, DIEPCTL(0)) & STALL, 0);
}

static void test_wrong_turnaround(void **state)
{
    struct bench *bench = *state;

    bring_up(bench);
    set(bench, GUSBCFG, (get(bench, GUSBCFG) & ~(15u << 10)) | 9u << 10);
    setup(bench, 0, get_device);
    expect_violation(bench, "TRDT = 9, an AHB clock of 200000000 Hz needs 6");
}

static void test_turnaround_of_slow_bus(void **state)
{
    struct bench *bench = *state;

    bench->rcc.hclk_hz = 16000000;
    bring_up(bench);
    set(bench, GUSBCFG, (get(bench, GUSBCFG) & ~(15u << 10)) | 13u << 10);
    assert_int_equal(setup(bench, 0, get_device), USB_ACK);
    assert_string_equal(bench->violation, "");
}

// --- Bulk ---------------------------------------------------------------------------------------

static void test_bulk_out(void **state)
{
    static const uint8_t bytes[64] = {1, 2, 3, 4, 5};
    struct bench *bench = *state;

    configure(bench);
    set(bench, DOEPCTL(1), get(bench, DOEPCTL(1)) | EPDIS | SNAK);
    assert_int_equal(get(bench, DOEPINT(1)) & 2, 2); // EPDISD
    set(bench, DOEPINT(1), 2);
    assert_int_equal(token_out(bench, 0, 1, bytes, 64, false), USB_NAK);
    arm_out(bench, 1, 128, 2);
    assert_int_equal(token_out(bench, 0, 1, bytes, 64, false), USB_ACK);
    assert_int_equal(get(bench, DOEPTSIZ(1)), 1u << 19 | 64);
    assert_int_equal(token_out(bench, 0, 1, bytes, 64, false), USB_ACK); // a repetition
    assert_int_equal(get(bench, DOEPTSIZ(1)), 1u << 19 | 64);
    assert_int_equal(token_out(bench, 0, 1, bytes, 5, true), USB_ACK); // short: the end
    assert_int_equal(get(bench, DOEPTSIZ(1)), 59);
    assert_int_equal(token_out(bench, 0, 1, bytes, 5, false), USB_NAK);
    assert_int_equal(get(bench, GRXSTSP) & 0x1FFFFF, 2u << 17 | 64u << 4 | 1);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(get(bench, DFIFO), i == 0 ? 0x04030201 : i == 1 ? 5 : 0);
    }
    assert_int_equal(get(bench, GRXSTSP) & 0x1FFFFF, 2u << 17 | 2u << 15 | 5u << 4 | 1);
    assert_int_equal(get(bench, DFIFO), 0x04030201);
    assert_int_equal(get(bench, DFIFO), 5);
    assert_int_equal(get(bench, DOEPINT(1)) & 1, 0);
    assert_int_equal(get(bench, GRXSTSP) & 0x1FFFFF, 3u << 17 | 1);
    assert_int_equal(get(bench, DOEPINT(1)) & 1, 1);
    assert_int_equal(get(bench, DOEPCTL(1)) >> 31, 0);
    assert_string_equal(bench->violation, "");
}

static void test_bulk_in(void **state)
{
    struct bench *bench = *state;
    uint8_t bytes[200], data[64];
    size_t length;
    bool data1;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)i;
    }
    configure(bench);
    assert_int_equal(get(bench, DTXFSTS(1)), 64);
    assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_NAK);
    arm_in(bench, 1, bytes, 200, 4);
    assert_int_equal(get(bench, DTXFSTS(1)), 64 - 50);
    assert_int_equal(get(bench, DIEPTSIZ(1)), 4u << 19); // all pushed
    assert_int_equal(get(bench, DIEPINT(1)) & 0x80, 0);  // TXFELVL: empty only
    for (unsigned packet = 0; packet < 4; packet++) {
        assert_int_equal(get(bench, DIEPINT(1)) & 1, 0);
        assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_ACK);
        assert_int_equal(length, packet < 3 ? 64 : 8);
        assert_int_equal(data1, packet % 2);
        assert_memory_equal(data, bytes + 64 * packet, length);
    }
    assert_int_equal(get(bench, DIEPINT(1)) & 0x81, 0x81);
    assert_int_equal(get(bench, DTXFSTS(1)), 64);
    assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_NAK);
    assert_string_equal(bench->violation, "");
}

static void test_in_waits_for_whole_packet(void **state)
{
    struct bench *bench = *state;
    uint8_t data[64];
    size_t length;
    bool data1;

    configure(bench);
    set(bench, DIEPTSIZ(1), 1u << 19 | 8);
    set(bench, DIEPCTL(1), get(bench, DIEPCTL(1)) | EPENA | CNAK);
    set(bench, DFIFO + 0x1000, 1);
    assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_NAK);
    assert_int_equal(get(bench, DIEPINT(1)) & 0x10, 0x10); // ITTXFE
    set(bench, DFIFO + 0x1000, 2);
    assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_ACK);
    assert_int_equal(length, 8);
}

static void test_in_without_acknowledge_repeats(void **state)
{
    struct bench *bench = *state;
    uint8_t first[64], second[64];
    size_t length = 64;
    bool data1;

    configure(bench);
    arm_in(bench, 1, (const uint8_t *)"abcd", 4, 1);
    assert_int_equal(bench->port->in(bench->port->context, 0, 1, first, &length, &data1), USB_ACK);
    assert_int_equal(token_in(bench, 0, 1, second, &length, &data1), USB_ACK);
    assert_memory_equal(first, second, 4);
    assert_false(data1);
    assert_int_equal(get(bench, DIEPINT(1)) & 1, 1);
}

static void test_trailing_empty_packet(void **state)
{
    struct bench *bench = *state;
    uint8_t bytes[64] = {0}, data[64];
    size_t length;
    bool data1;

    configure(bench);
    arm_in(bench, 1, bytes, 64, 2);
    assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_ACK);
    assert_int_equal(length, 64);
    assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_ACK);
    assert_int_equal(length, 0);
    assert_int_equal(get(bench, DIEPINT(1)) & 1, 1);
    assert_string_equal(bench->violation, "");
}

static void test_nak_and_disable_in(void **state)
{
    struct bench *bench = *state;
    uint8_t bytes[64] = {7}, data[64];
    size_t length;
    bool data1;

    configure(bench);
    arm_in(bench, 1, bytes, 64, 1);
    set(bench, DIEPCTL(1), get(bench, DIEPCTL(1)) | SNAK);
    assert_int_equal(get(bench, DIEPINT(1)) & 0x40, 0x40); // INEPNE
    assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_NAK);
    set(bench, DIEPCTL(1), get(bench, DIEPCTL(1)) | EPDIS);
    assert_int_equal(get(bench, DIEPINT(1)) & 2, 2);
    assert_int_equal(get(bench, DTXFSTS(1)), 48); // still in the FIFO
    set(bench, GRSTCTL, 1u << 6 | 1u << 5);
    assert_int_equal(get(bench, DTXFSTS(1)), 64);
    arm_in(bench, 1, (const uint8_t *)"new!", 4, 1);
    assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_ACK);
    assert_memory_equal(data, "new!", 4);
    assert_string_equal(bench->violation, "");
}

static void test_read_modify_write_keeps_the_transfer(void **state)
{
    static const uint8_t bytes[64];
    struct bench *bench = *state;

    configure(bench);
    assert_int_equal(token_out(bench, 0, 1, bytes, 10, false), USB_ACK); // ends it, NAK is set
    set(bench, DOEPCTL(1), get(bench, DOEPCTL(1)) | SNAK);
    assert_int_equal(get(bench, DOEPTSIZ(1)), 54);
    set(bench, GRSTCTL, 1u << 4); // as behind a bus reset
    assert_int_equal(get(bench, DOEPCTL(1)) >> 31, 1);
    set(bench, DOEPTSIZ(1), 0);
    set(bench, DOEPCTL(1), get(bench, DOEPCTL(1)) | STALL);
    assert_string_equal(bench->violation, "");
}

static void test_txfe_interrupt(void **state)
{
    struct bench *bench = *state;

    configure(bench);
    set(bench, DIEPEMPMSK, 2);
    assert_true(machine_irq_level(bench->machine, IRQ));
    assert_int_equal(get(bench, DAINT), 2);
    set(bench, DIEPINT(1), 0x80); // read-only
    assert_true(machine_irq_level(bench->machine, IRQ));
    set(bench, DIEPTSIZ(1), 1u << 19 | 4);
    set(bench, DIEPCTL(1), get(bench, DIEPCTL(1)) | EPENA | CNAK);
    set(bench, DFIFO + 0x1000, 0);
    assert_false(machine_irq_level(bench->machine, IRQ));
}

static void test_stall_and_toggle(void **state)
{
    struct bench *bench = *state;
    uint8_t data[64];
    size_t length;
    bool data1;

    configure(bench);
    arm_in(bench, 1, (const uint8_t *)"abcd", 4, 1);
    token_in(bench, 0, 1, data, &length, &data1);
    set(bench, DIEPCTL(1), get(bench, DIEPCTL(1)) | STALL);
    assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_STALL);
    set(bench, DIEPCTL(1), (get(bench, DIEPCTL(1)) & ~STALL) | SD0PID);
    arm_in(bench, 1, (const uint8_t *)"efgh", 4, 1);
    assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_ACK);
    assert_false(data1);
}

static void test_global_out_nak(void **state)
{
    struct bench *bench = *state;

    configure(bench);
    set(bench, DCTL, get(bench, DCTL) | 1u << 9);
    assert_int_equal(get(bench, GINTSTS) >> 7 & 1, 1);
    assert_int_equal(get(bench, GRXSTSP) >> 17 & 15, 1);
    assert_int_equal(token_out(bench, 0, 1, "x", 1, false), USB_NAK);
    set(bench, DCTL, get(bench, DCTL) | 1u << 10);
    assert_int_equal(get(bench, GINTSTS) >> 7 & 1, 0);
    assert_int_equal(token_out(bench, 0, 1, "x", 1, false), USB_ACK);
}

static void test_rx_fifo_capacity(void **state)
{
    static const uint8_t bytes[64];
    struct bench *bench = *state;
    unsigned taken = 0;

    bring_up(bench);
    set(bench, GRXFSIZ, 40); // two packets need 2 * (1 + 16) words and one for the end
    set(bench, DOEPCTL(1), USBAEP | BULK | 64 | SD0PID | SNAK);
    arm_out(bench, 1, 640, 10);
    while (token_out(bench, 0, 1, bytes, 64, taken % 2) == USB_ACK) {
        taken++;
    }
    assert_int_equal(taken, 2);
}

static void test_inactive_endpoint_is_silent(void **state)
{
    struct bench *bench = *state;

    configure(bench);
    assert_int_equal(token_out(bench, 0, 3, "x", 1, false), USB_NO_ANSWER);
    bench->port->bus_reset(bench->port->context);
    bench->port->start_of_frame(bench->port->context, 2);
    assert_int_equal(token_out(bench, 0, 1, "x", 1, false), USB_NO_ANSWER); // USBAEP cleared
}

static void test_dma(void **state)
{
    struct bench *bench = *state;
    uint8_t data[64];
    size_t length;
    bool data1;

    configure(bench);
    set(bench, DOEPCTL(1), get(bench, DOEPCTL(1)) | EPDIS | SNAK);
    set(bench, GAHBCFG, 1 | 1u << 5); // DMAEN
    set(bench, DOEPDMA(1), 0x24000100);
    arm_out(bench, 1, 64, 1);
    assert_int_equal(token_out(bench, 0, 1, "hello", 5, false), USB_ACK);
    assert_memory_equal(bench->memory + 0x100, "hello", 5);
    assert_int_equal(get(bench, DOEPINT(1)) & 1, 1);
    assert_int_equal(get(bench, DOEPTSIZ(1)) & 0x7F, 59);
    memcpy(bench->memory + 0x200, "world", 5);
    set(bench, DIEPDMA(1), 0x24000200);
    set(bench, DIEPTSIZ(1), 1u << 19 | 5);
    set(bench, DIEPCTL(1), get(bench, DIEPCTL(1)) | EPENA | CNAK);
    assert_int_equal(token_in(bench, 0, 1, data, &length, &data1), USB_ACK);
    assert_int_equal(length, 5);
    assert_memory_equal(data, "world", 5);
    assert_int_equal(get(bench, DIEPINT(1)) & 1, 1);
    assert_string_equal(bench->violation, "");
}

// --- Mistakes -----------------------------------------------------------------------------------

static void push_too_much(struct bench *bench)
{
    set(bench, DIEPTSIZ(1), 6u << 19 | 384);
    set(bench, DIEPCTL(1), get(bench, DIEPCTL(1)) | EPENA | CNAK);
    for (unsigned i = 0; i < 65; i++) {
        set(bench, DFIFO + 0x1000, i);
    }
}

static void push_beyond_transfer(struct bench *bench)
{
    arm_in(bench, 1, (const uint8_t *)"abcd", 4, 1);
    set(bench, DFIFO + 0x1000, 1);
}

static void push_unarmed(struct bench *bench)
{
    set(bench, DFIFO + 0x1000, 1);
}

static void read_empty(struct bench *bench)
{
    get(bench, DFIFO);
}

static void pop_empty(struct bench *bench)
{
    get(bench, GRXSTSP);
}

static void pop_over_data(struct bench *bench)
{
    token_out(bench, 0, 1, "12345678", 8, false);
    get(bench, GRXSTSP);
    get(bench, DFIFO);
    get(bench, GRXSTSP);
}

static void too_few_packets(struct bench *bench)
{
    set(bench, DIEPTSIZ(1), 1u << 19 | 65);
    set(bench, DIEPCTL(1), get(bench, DIEPCTL(1)) | EPENA | CNAK);
}

static void no_packets(struct bench *bench)
{
    set(bench, DIEPTSIZ(1), 0);
    set(bench, DIEPCTL(1), get(bench, DIEPCTL(1)) | EPENA | CNAK);
}

static void too_many_out_packets(struct bench *bench)
{
    set(bench, DOEPCTL(3), USBAEP | BULK | 64 | SD0PID);
    arm_out(bench, 3, 64, 2);
}

static void size_while_enabled(struct bench *bench)
{
    set(bench, DOEPTSIZ(1), 1u << 19 | 32);
}

static void resize_rx(struct bench *bench)
{
    token_out(bench, 0, 1, "x", 1, false);
    set(bench, GRXFSIZ, 200);
}

static void resize_tx(struct bench *bench)
{
    arm_in(bench, 1, (const uint8_t *)"abcd", 4, 1);
    set(bench, DIEPTXF(1), 32u << 16 | 144);
}

static void inactive(struct bench *bench)
{
    arm_out(bench, 4, 64, 1);
}

static void fifo_overlap(struct bench *bench)
{
    set(bench, DIEPTXF(1), 64u << 16 | 140);
    arm_in(bench, 1, NULL, 0, 1);
}

static void fifo_outside(struct bench *bench)
{
    set(bench, DIEPTXF(1), 64u << 16 | 1000);
    arm_in(bench, 1, NULL, 0, 1);
}

static void fifo_too_small(struct bench *bench)
{
    set(bench, DIEPTXF(1), 15u << 16 | 144);
    arm_in(bench, 1, NULL, 0, 1);
}

static void fifo_shared(struct bench *bench)
{
    set(bench, DIEPCTL(1), USBAEP | BULK | 64 | SD0PID | SNAK);
    arm_in(bench, 1, NULL, 0, 1);
}

static void byte_access(struct bench *bench)
{
    machine_bus_write(bench->machine, BASE + DFIFO, 1, 0);
}

static void byte_register(struct bench *bench)
{
    machine_bus_write(bench->machine, BASE + GAHBCFG, 1, 0);
}

static void ulpi_in_sleep(struct bench *bench)
{
    bench->rcc_words[0x100 / 4] |= 1u << 28;
    bench->sleeping = true;
    bench->port->start_of_frame(bench->port->context, 5);
}

static void no_clock_in_sleep(struct bench *bench)
{
    bench->rcc_words[0x100 / 4] = 0;
    bench->sleeping = true;
    bench->port->start_of_frame(bench->port->context, 5);
}

static void supply_lost(struct bench *bench)
{
    bench->usb33 = false;
    bench->port->start_of_frame(bench->port->context, 5);
}

static void test_mistakes(void **state)
{
    static const struct {
        void (*make)(struct bench *bench);
        const char *text;
    } mistakes[] = {
        {push_too_much, "full Tx FIFO"},
        {push_beyond_transfer, "beyond the 4 bytes"},
        {push_unarmed, "not enabled"},
        {read_empty, "it is empty"},
        {pop_empty, "GRXSTSP popped while the Rx FIFO is empty"},
        {pop_over_data, "1 words of the packet before"},
        {too_few_packets, "PKTCNT = 1 and XFRSIZ = 65"},
        {no_packets, "PKTCNT = 0"},
        {too_many_out_packets, "PKTCNT = 2 and XFRSIZ = 64"},
        {size_while_enabled, "DOEPTSIZ1 changed while its endpoint is enabled"},
        {resize_rx, "GRXFSIZ changed while"},
        {resize_tx, "DIEPTXF1 changed while"},
        {inactive, "not active"},
        {fifo_overlap, "overlaps Tx FIFO 0"},
        {fifo_outside, "outside GRXFSIZ"},
        {fifo_too_small, "has 15 words"},
        {fifo_shared, "both use Tx FIFO 0"},
        {byte_access, "words only"},
        {byte_register, "byte access"},
        {ulpi_in_sleep, "bit 28 (ULPI) must be 0"},
        {no_clock_in_sleep, "bit 27 (OTG) must be 1"},
        {supply_lost, "USB33DEN"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        void *own;
        struct bench *bench;

        set_up(&own);
        bench = own;
        configure(bench);
        mistakes[i].make(bench);
        expect_violation(bench, mistakes[i].text);
        tear_down(&own);
    }
}

static void test_clock_gate_silences(void **state)
{
    struct bench *bench = *state;

    bring_up(bench);
    bench->rcc_words[0xD8 / 4] = 0;
    assert_int_equal(setup(bench, 0, get_device), USB_NO_ANSWER);
}

// --- Bus states ---------------------------------------------------------------------------------

static void test_reset_and_enumeration_done(void **state)
{
    struct bench *bench = *state;
    void *port = bench->port->context;

    core_init(bench);
    pull_up(bench, true);
    bench->port->bus_reset(port);
    assert_int_equal(get(bench, GINTSTS) & (3u << 12), 1u << 12);
    assert_int_equal(setup(bench, 0, get_device), USB_NO_ANSWER); // in reset
    driver_reset(bench);
    bench->port->start_of_frame(port, 0x123);
    assert_int_equal(get(bench, GINTSTS) & (3u << 12), 3u << 12);
    assert_int_equal(get(bench, DSTS) & 6, 6);
    assert_int_equal(get(bench, DSTS) >> 8 & 0x3FFF, 0x123);
    assert_int_equal(get(bench, GINTSTS) & 8, 8); // SOF
}

static void test_suspend_and_resume(void **state)
{
    struct bench *bench = *state;
    void *port = bench->port->context;

    bring_up(bench);
    set(bench, GINTMSK, 0);
    set(bench, GINTSTS, 0xFFFFFFFF);
    bench->port->suspend(port, true);
    assert_int_equal(get(bench, GINTSTS) & (3u << 10), 1u << 10); // ESUSP
    machine_advance(bench->machine, 3 * NS_PER_MS);
    assert_int_equal(get(bench, GINTSTS) & (3u << 10), 3u << 10); // USBSUSP
    assert_int_equal(get(bench, DSTS) & 1, 1);
    bench->port->suspend(port, false);
    assert_int_equal(get(bench, GINTSTS) >> 31, 1); // WKUINT
    assert_int_equal(get(bench, DSTS) & 1, 0);
}

static void test_unplugged_without_sensing(void **state)
{
    struct bench *bench = *state;
    void *port = bench->port->context;

    bench->port->vbus(port, true);
    bring_up(bench);
    set(bench, GINTMSK, 0);
    set(bench, GINTSTS, 0xFFFFFFFF);
    bench->port->vbus(port, false);
    machine_advance(bench->machine, 7 * NS_PER_MS);
    assert_int_equal(get(bench, GINTSTS) & (3u << 10), 3u << 10);
}

// --- With the host ------------------------------------------------------------------------------

struct serial {
    bool link;
    uint8_t bytes[4096];
    size_t count;
};

static void on_link(void *context, bool configured)
{
    ((struct serial *)context)->link = configured;
}

static void on_received(void *context, const uint8_t *data, size_t length)
{
    struct serial *serial = context;

    memcpy(serial->bytes + serial->count, data, length);
    serial->count += length;
}

// Time passes in steps of a microsecond with an interrupt handler that is there at once.
static void run_ms(struct bench *bench, unsigned ms)
{
    uint64_t end_ns = machine_now_ns(bench->machine) + ms * NS_PER_MS;

    while (machine_now_ns(bench->machine) < end_ns) {
        uint64_t next_ns = machine_next_event_ns(bench->machine);
        uint64_t now_ns = machine_now_ns(bench->machine);

        next_ns = next_ns < end_ns ? next_ns : end_ns;
        machine_advance(bench->machine, next_ns > now_ns ? next_ns - now_ns : 1);
        serve(bench);
    }
}

static void attach_host(struct bench *bench, struct serial *serial)
{
    struct usb_serial_events events = {.context = serial, .link = on_link, .received = on_received};

    bench->host = usb_host_create(bench->machine, bench->port, true);
    otg_connect(bench->otg, bench->host);
    usb_host_serial(bench->host, &events);
    core_init(bench);
    pull_up(bench, true);
}

static void test_enumerates_and_carries(void **state)
{
    struct bench *bench = *state;
    struct serial serial = {0};
    uint8_t bytes[200];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 3);
    }
    attach_host(bench, &serial);
    run_ms(bench, 400);
    assert_string_equal(bench->violation, "");
    assert_true(serial.link);
    usb_host_open(bench->host, true);
    run_ms(bench, 5);
    assert_int_equal(usb_host_send(bench->host, bytes, sizeof(bytes)), sizeof(bytes));
    run_ms(bench, 5);
    assert_int_equal(bench->received_count, sizeof(bytes));
    assert_memory_equal(bench->received, bytes, sizeof(bytes));
    arm_in(bench, 1, bytes, 200, 4);
    run_ms(bench, 5);
    assert_int_equal(serial.count, 200);
    assert_memory_equal(serial.bytes, bytes, 200);
    pull_up(bench, false);
    run_ms(bench, 2);
    assert_false(serial.link);
    assert_string_equal(bench->violation, "");
}

static void test_late_address(void **state)
{
    struct bench *bench = *state;
    struct serial serial = {0};

    bench->late_address = true;
    attach_host(bench, &serial);
    run_ms(bench, 400);
    expect_violation(bench, "before the status stage");
}

static void test_idle_costs_one_event_a_frame(void **state)
{
    struct bench *bench = *state;
    struct serial serial = {0};
    unsigned events = 0;
    uint64_t end_ns;

    attach_host(bench, &serial);
    run_ms(bench, 400);
    usb_host_open(bench->host, true);
    run_ms(bench, 20);
    end_ns = machine_now_ns(bench->machine) + 160 * NS_PER_MS;
    while (machine_next_event_ns(bench->machine) < end_ns) {
        machine_advance(bench->machine,
                        machine_next_event_ns(bench->machine) - machine_now_ns(bench->machine));
        assert_false(machine_irq_level(bench->machine, IRQ)); // the CPU sleeps on
        events++;
    }
    assert_in_range(events, 160, 230); // and three for each poll of the interrupt endpoint
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_identity),
        TEST(test_registers_read_as_their_table_says),
        TEST(test_hal_clears_all_fifo_sizes),
        TEST(test_pull_up_needs),
        TEST(test_clock_lost_while_attached),
        TEST(test_pin_lost_while_attached),
        TEST(test_soft_reset_without_clock),
        TEST(test_vbus_sensing),
        TEST(test_unit_reset_detaches),
        TEST(test_second_core),
        TEST(test_host_mode_is_refused),
        TEST(test_setup_sequence),
        TEST(test_data_stage_without_arming),
        TEST(test_status_stage_without_count),
        TEST(test_setup_needs_room),
        TEST(test_setup_room_may_be_given_while_enabled),
        TEST(test_flags_are_cleared_one_by_one),
        TEST(test_stall_ends_with_setup),
        TEST(test_wrong_turnaround),
        TEST(test_turnaround_of_slow_bus),
        TEST(test_bulk_out),
        TEST(test_bulk_in),
        TEST(test_in_waits_for_whole_packet),
        TEST(test_in_without_acknowledge_repeats),
        TEST(test_trailing_empty_packet),
        TEST(test_nak_and_disable_in),
        TEST(test_read_modify_write_keeps_the_transfer),
        TEST(test_txfe_interrupt),
        TEST(test_stall_and_toggle),
        TEST(test_global_out_nak),
        TEST(test_rx_fifo_capacity),
        TEST(test_inactive_endpoint_is_silent),
        TEST(test_dma),
        TEST(test_mistakes),
        TEST(test_clock_gate_silences),
        TEST(test_reset_and_enumeration_done),
        TEST(test_suspend_and_resume),
        TEST(test_unplugged_without_sensing),
        TEST(test_enumerates_and_carries),
        TEST(test_late_address),
        TEST(test_idle_costs_one_event_a_frame),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
