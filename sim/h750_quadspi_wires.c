// QUADSPI's side of the wires: kernel clock, pins, the frames that the registers describe, and the
// chips at the other end.
//
// From RM0399 revision 4, chapter 24 (the same peripheral as in RM0433), and the errata sheets
// ES0396 and ES0392 (QUADSPI 2.6.1, 2.6.3, 2.7.6). A pin that is not in its alternate function cuts
// its signal: the chip then sees nothing at all, which is stricter than silicon for a single IO.
// Above 50 MHz the pins used must have at least speed "high" (OSPEEDR 2), after DS12556's table of
// output frequencies (medium: 60 MHz into 50 pF at best).
//
// SPDX-License-Identifier: MIT
#include "sim/h750_quadspi_parts.h"

#include "sim/clock_math.h"

#include <inttypes.h>
#include <string.h>

#define RCC_D1CCIPR      UINT32_C(0x5802444C)
#define SLOW_PIN_HZ      UINT32_C(50000000)
#define OSPEEDR_HIGH     2u
#define MODE_DDR         (CCR_DDRM | CCR_DHHC)
#define SETUP_CYCLES     1u // from NCS's fall to the first rising edge of CLK
#define CCR_FIELD(q, at) (((q)->ccr >> (at)) & 3u)

// --- Clock --------------------------------------------------------------------------------------

uint64_t quadspi_cycles_to_ns(const struct quadspi *quadspi, uint64_t cycles)
{
    if (quadspi->kernel_hz == 0) {
        return cycles == 0 ? 0 : TIME_NEVER;
    }
    return ns_of_ticks(cycles * quadspi->divider, quadspi->kernel_hz);
}

uint64_t quadspi_ns_to_cycles(const struct quadspi *quadspi, uint64_t ns)
{
    return ticks_in_ns(ns, quadspi->kernel_hz) / quadspi->divider;
}

uint64_t quadspi_high_cycles(const struct quadspi *quadspi)
{
    return ((quadspi->dcr >> 8) & 7u) + 1;
}

void quadspi_read_clock(struct quadspi *quadspi)
{
    quadspi->kernel_hz = rcc_clock_hz(quadspi->rcc, RCC_CLOCK_QUADSPI);
    quadspi->divider = (quadspi->cr >> 24) + 1;
}

uint64_t quadspi_start_ns(const struct quadspi *quadspi)
{
    uint64_t now_ns = machine_now_ns(quadspi->machine);
    uint64_t earliest_ns =
        quadspi->last_end_ns + quadspi_cycles_to_ns(quadspi, quadspi_high_cycles(quadspi));

    return quadspi->select_known && earliest_ns > now_ns ? earliest_ns : now_ns;
}

static bool kernel_is_hclk(const struct quadspi *quadspi)
{
    uint32_t value;

    if (!machine_bus_read(quadspi->machine, RCC_D1CCIPR, 4, &value)) {
        return quadspi->kernel_hz == rcc_clock_hz(quadspi->rcc, RCC_CLOCK_HCLK);
    }
    return ((value >> 4) & 3u) == 0; // QSPISEL
}

// --- Frames -------------------------------------------------------------------------------------

bool quadspi_is_dual(const struct quadspi *quadspi)
{
    return (quadspi->cr & CR_DFM) != 0;
}

unsigned quadspi_chip_count(const struct quadspi *quadspi)
{
    return quadspi_is_dual(quadspi) ? 2 : 1;
}

static uint8_t lanes_of(uint32_t mode)
{
    static const uint8_t lanes[4] = {0, 1, 2, 4};

    return lanes[mode];
}

struct nor_frame quadspi_frame(const struct quadspi *quadspi)
{
    bool once = (quadspi->ccr & CCR_SIOO) != 0 && quadspi->instruction_sent;
    uint64_t start_ns = quadspi_start_ns(quadspi);
    uint64_t high_ns = start_ns - quadspi->last_end_ns;
    struct nor_frame frame = {
        .opcode = (uint8_t)quadspi->ccr,
        .opcode_lanes = once ? 0 : lanes_of(CCR_FIELD(quadspi, 8)),
        .address = quadspi_is_dual(quadspi) ? quadspi->ar / 2 : quadspi->ar,
        .address_lanes = lanes_of(CCR_FIELD(quadspi, 10)),
        .mode_lanes = lanes_of(CCR_FIELD(quadspi, 14)),
        .dummy_cycles = (uint8_t)((quadspi->ccr >> 18) & 31u),
        .data_lanes = lanes_of(CCR_FIELD(quadspi, 24)),
        .data_is_read = quadspi_function(quadspi) != FUNCTION_WRITE,
        .clock_hz = (uint32_t)(quadspi->kernel_hz / quadspi->divider),
    };

    frame.has_opcode = frame.opcode_lanes != 0;
    if (frame.address_lanes != 0) {
        frame.address_bytes = (uint8_t)(CCR_FIELD(quadspi, 12) + 1);
    }
    if (frame.mode_lanes != 0) {
        frame.mode_bytes = (uint8_t)(CCR_FIELD(quadspi, 16) + 1);
        frame.mode = quadspi->abr;
    }
    if (quadspi->select_known) {
        frame.select_high_ns = high_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)high_ns;
    }
    return frame;
}

static uint64_t phase_cycles(unsigned bytes, unsigned lanes)
{
    return lanes == 0 ? 0 : 8u * bytes / lanes;
}

uint64_t quadspi_lead_cycles(const struct nor_frame *frame)
{
    return SETUP_CYCLES + phase_cycles(1, frame->opcode_lanes) +
           phase_cycles(frame->address_bytes, frame->address_lanes) +
           phase_cycles(frame->mode_bytes, frame->mode_lanes) + frame->dummy_cycles;
}

uint64_t quadspi_unit_cycles(const struct nor_frame *frame)
{
    return phase_cycles(1, frame->data_lanes);
}

bool quadspi_check_frame(struct quadspi *quadspi, const struct nor_frame *frame)
{
    bool only_data = !frame->has_opcode && frame->address_lanes == 0 && frame->mode_lanes == 0;

    if (only_data && frame->data_lanes == 0) {
        quadspi_violation(quadspi,
                          "a frame without any phase (CCR 0x%08" PRIX32
                          ") hangs the controller with BUSY set (erratum 2.6.2)",
                          quadspi->ccr);
        return false;
    }
    if ((quadspi->ccr & MODE_DDR) != 0) {
        quadspi_violation(quadspi, "double data rate (CCR.DDRM, DHHC) is not supported by this "
                                   "board's model");
        return false;
    }
    if (frame->data_is_read && frame->data_lanes == 0) {
        quadspi_violation(quadspi, "DMODE 0 (no data) is only allowed with FMODE 0");
        return false;
    }
    if (only_data && frame->data_is_read && frame->dummy_cycles < 2) {
        quadspi_violation(quadspi, "a read with a data phase only hangs BUSY; it needs 2 dummy "
                                   "cycles or more (erratum 2.6.3)");
        return false;
    }
    if (!frame->data_is_read && frame->data_lanes != 0 && frame->dummy_cycles != 0) {
        quadspi_violation(quadspi, "an indirect write with dummy cycles loses its first bits on "
                                   "revision Y (erratum 2.6.1): use alternate bytes");
    }
    return true;
}

// --- Pins ---------------------------------------------------------------------------------------

struct signal {
    const char *name;
    const struct pin_function *function;
};

static const char *mode_name(enum pin_mode mode)
{
    static const char *const names[] = {"an input", "an output", "an alternate function", "analog"};

    return names[mode];
}

static bool check_pin(struct quadspi *quadspi, struct signal signal, uint32_t clock_hz)
{
    struct pin pin = signal.function->pin;
    enum pin_mode mode;
    unsigned alternate;

    if (pin.port == 0) {
        quadspi_violation(quadspi, "%s is not wired on this board", signal.name);
        return false;
    }
    mode = gpio_pin_mode(quadspi->gpio, pin);
    alternate = gpio_pin_alternate(quadspi->gpio, pin);
    if (mode != PIN_ALTERNATE) {
        quadspi_violation(quadspi, "%s: P%c%u is %s, not in AF%u: the chip sees nothing",
                          signal.name, pin.port, pin.number, mode_name(mode),
                          signal.function->alternate);
        return false;
    }
    if (alternate != signal.function->alternate) {
        quadspi_violation(quadspi, "%s: P%c%u is in AF%u, not in AF%u: the chip sees nothing",
                          signal.name, pin.port, pin.number, alternate, signal.function->alternate);
        return false;
    }
    if (clock_hz > SLOW_PIN_HZ && gpio_pin_speed(quadspi->gpio, pin) < OSPEEDR_HIGH) {
        quadspi_violation(quadspi, "%s: P%c%u has OSPEEDR %u, too slow for %" PRIu32 " Hz",
                          signal.name, pin.port, pin.number, gpio_pin_speed(quadspi->gpio, pin),
                          clock_hz);
    }
    return true;
}

// IO lines that a frame uses.
static unsigned io_count(const struct nor_frame *frame)
{
    unsigned lanes =
        frame->opcode_lanes | frame->address_lanes | frame->mode_lanes | frame->data_lanes;

    if ((lanes & 4u) != 0) {
        return 4;
    }
    return (lanes & 2u) != 0 || (frame->data_lanes == 1 && frame->data_is_read) ? 2 : 1;
}

static bool check_bank(struct quadspi *quadspi, unsigned bank, const struct nor_frame *frame)
{
    static const char *const names[2][4] = {{"BK1_IO0", "BK1_IO1", "BK1_IO2", "BK1_IO3"},
                                            {"BK2_IO0", "BK2_IO1", "BK2_IO2", "BK2_IO3"}};
    const struct quadspi_wiring *wiring = &quadspi->wiring;
    const struct pin_function *io = bank == 0 ? wiring->bank1_io : wiring->bank2_io;
    bool own_select = bank == 1 && wiring->bank2_ncs.pin.port != 0;

    if (quadspi->chips[bank] == NULL) {
        quadspi_violation(quadspi, "bank %u is used, but the board has no chip there", bank + 1);
        return false;
    }
    if (!check_pin(quadspi,
                   (struct signal){own_select ? "BK2_NCS" : "BK1_NCS",
                                   own_select ? &wiring->bank2_ncs : &wiring->ncs},
                   frame->clock_hz)) {
        return false;
    }
    for (unsigned i = 0; i < io_count(frame); i++) {
        if (!check_pin(quadspi, (struct signal){names[bank][i], &io[i]}, frame->clock_hz)) {
            return false;
        }
    }
    return true;
}

static bool check_pins(struct quadspi *quadspi, const struct nor_frame *frame)
{
    bool second = (quadspi->cr & CR_FSEL) != 0;

    if (!check_pin(quadspi, (struct signal){"CLK", &quadspi->wiring.clk}, frame->clock_hz)) {
        return false;
    }
    if (quadspi_is_dual(quadspi)) {
        return check_bank(quadspi, 0, frame) && check_bank(quadspi, 1, frame);
    }
    return check_bank(quadspi, second ? 1 : 0, frame);
}

bool quadspi_check_bus(struct quadspi *quadspi, const struct nor_frame *frame)
{
    quadspi->wired = false;
    if (quadspi->kernel_hz == 0) {
        quadspi_violation(quadspi, "a transfer was started while the kernel clock is stopped "
                                   "(RCC_D1CCIPR.QSPISEL selects a source that is off)");
        return false;
    }
    if (quadspi->divider == 1 && kernel_is_hclk(quadspi)) {
        quadspi_violation(quadspi, "PRESCALER 0 with HCLK3 as kernel clock: the duty cycle is "
                                   "wrong (erratum 2.7.6)");
    }
    quadspi->wired = check_pins(quadspi, frame);
    return true;
}

// --- The chips ----------------------------------------------------------------------------------

static struct nor_chip *selected_chip(const struct quadspi *quadspi)
{
    return quadspi->chips[(quadspi->cr & CR_FSEL) != 0];
}

void quadspi_chips_begin(struct quadspi *quadspi, const struct nor_frame *frame)
{
    quadspi->instruction_sent = true;
    quadspi->transactions++;
    if (!quadspi->wired) {
        return;
    }
    if (quadspi_is_dual(quadspi)) {
        nor_chip_begin(quadspi->chips[0], frame);
        nor_chip_begin(quadspi->chips[1], frame);
    } else {
        nor_chip_begin(selected_chip(quadspi), frame);
    }
}

void quadspi_chips_read(struct quadspi *quadspi, uint8_t *data, size_t units)
{
    if (!quadspi->wired) {
        memset(data, 0xFF, units * quadspi->unit_bytes);
    } else if (quadspi_is_dual(quadspi)) {
        for (size_t i = 0; i < units; i++) {
            nor_chip_read(quadspi->chips[0], data + 2 * i, 1);
            nor_chip_read(quadspi->chips[1], data + 2 * i + 1, 1);
        }
    } else {
        nor_chip_read(selected_chip(quadspi), data, units);
    }
}

void quadspi_chips_write(struct quadspi *quadspi, const uint8_t *data, size_t units)
{
    if (!quadspi->wired) {
        return;
    }
    if (quadspi_is_dual(quadspi)) {
        for (size_t i = 0; i < units; i++) {
            nor_chip_write(quadspi->chips[0], data + 2 * i, 1);
            nor_chip_write(quadspi->chips[1], data + 2 * i + 1, 1);
        }
    } else {
        nor_chip_write(selected_chip(quadspi), data, units);
    }
}

void quadspi_chips_end(struct quadspi *quadspi)
{
    quadspi->select_known = true;
    if (!quadspi->wired) {
        return;
    }
    if (quadspi_is_dual(quadspi)) {
        nor_chip_end(quadspi->chips[0]);
        nor_chip_end(quadspi->chips[1]);
    } else {
        nor_chip_end(selected_chip(quadspi));
    }
}
