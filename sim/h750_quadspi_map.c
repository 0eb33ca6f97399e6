// QUADSPI's memory-mapped mode: what the window at 0x90000000 shows, and when.
//
// From RM0399 revision 4, chapter 24, and erratum 2.7.5 (ES0392): reading the last bytes that FSIZE
// covers locks the bus, so an FSIZE that ends where the chip ends is a violation.
//
// The window is plain memory, so single reads are not seen. The first one is: it makes BUSY rise
// and sends the frame to the chip, and the frame that would come next is checked as well (SIOO and
// continuous read). From then on the controller prefetches and BUSY stays, until ABORT, EN = 0 or
// the time-out counter. With TCEN the time-out runs from the first read: later ones that would
// push it back are not seen, and the next read starts anew.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_quadspi_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 32u

// --- Contents -----------------------------------------------------------------------------------

// With two chips the window has memory of its own: in dual-flash mode even bytes come from chip 1,
// odd ones from chip 2; else it starts with the selected chip.
static void copy_range(struct quadspi *quadspi, unsigned bank, uint32_t offset, uint32_t length)
{
    const uint8_t *array = nor_chip_array(quadspi->chips[bank]);

    if (quadspi_is_dual(quadspi)) {
        for (uint32_t i = offset; i < offset + length; i++) {
            quadspi->interleaved[2 * i + bank] = array[i];
        }
    } else if (((quadspi->cr & CR_FSEL) != 0) == (bank == 1)) {
        memcpy(quadspi->interleaved + offset, array + offset, length);
    }
}

static void chip_changed(struct quadspi *quadspi, unsigned bank, uint32_t offset, uint32_t length)
{
    unsigned chips = quadspi_chip_count(quadspi);

    if (quadspi->interleaved != NULL) {
        copy_range(quadspi, bank, offset, length);
    }
    machine_memory_changed(quadspi->machine, QUADSPI_WINDOW + offset * chips, length * chips);
}

static void chip1_changed(void *context, uint32_t offset, uint32_t length)
{
    chip_changed(context, 0, offset, length);
}

static void chip2_changed(void *context, uint32_t offset, uint32_t length)
{
    chip_changed(context, 1, offset, length);
}

static void fill_window(struct quadspi *quadspi)
{
    if (quadspi->interleaved == NULL) {
        return;
    }
    for (unsigned bank = 0; bank < 2; bank++) {
        copy_range(quadspi, bank, 0, (uint32_t)nor_chip_size(quadspi->chips[bank]));
    }
    machine_memory_changed(quadspi->machine, QUADSPI_WINDOW, quadspi->window_size);
}

// --- May the window be shown? -------------------------------------------------------------------

static uint64_t chips_size(const struct quadspi *quadspi)
{
    const struct nor_chip *chip = quadspi->chips[(quadspi->cr & CR_FSEL) != 0];

    if (quadspi_is_dual(quadspi)) {
        return 2 * (uint64_t)nor_chip_size(quadspi->chips[0]);
    }
    return chip == NULL ? 0 : nor_chip_size(chip);
}

static struct nor_frame mapped_frame(const struct quadspi *quadspi)
{
    struct nor_frame frame = quadspi_frame(quadspi);

    frame.address = 0;
    frame.select_high_ns = 0;
    return frame;
}

static bool chips_can_map(struct quadspi *quadspi, const struct nor_frame *frame)
{
    char reason[256];

    for (unsigned bank = 0; bank < 2; bank++) {
        bool used = quadspi_is_dual(quadspi) || bank == ((quadspi->cr & CR_FSEL) != 0);

        if (used && !nor_chip_can_map(quadspi->chips[bank], frame, reason, sizeof(reason))) {
            snprintf(quadspi->map_refusal, sizeof(quadspi->map_refusal),
                     "the frame in CCR (0x%08" PRIX32 ") does not read the chip's contents: %s",
                     quadspi->ccr, reason);
            return false;
        }
    }
    return true;
}

static void check_size(struct quadspi *quadspi)
{
    uint64_t flash = quadspi_flash_size(quadspi);
    uint64_t chips = chips_size(quadspi);

    if (flash == chips) {
        quadspi_violation(quadspi,
                          "FSIZE %" PRIu32 " ends where the chip ends: reading the last bytes "
                          "locks the bus (erratum 2.7.5); make it one larger",
                          (quadspi->dcr >> 16) & 31u);
    } else if (flash < chips) {
        quadspi_violation(quadspi,
                          "FSIZE %" PRIu32 " covers 0x%" PRIX64 " bytes of the chip's 0x%" PRIX64
                          ": reads behind that end in bus errors",
                          (quadspi->dcr >> 16) & 31u, flash, chips);
    }
}

static void set_timing(struct quadspi *quadspi, const struct nor_frame *frame)
{
    uint64_t line = LINE_BYTES / quadspi_chip_count(quadspi) * quadspi_unit_cycles(frame);
    uint64_t first = quadspi_high_cycles(quadspi) + 1 + quadspi_lead_cycles(frame) + line;

    machine_window_timing(quadspi->machine, QUADSPI_WINDOW,
                          (uint32_t)quadspi_cycles_to_ns(quadspi, first),
                          (uint32_t)quadspi_cycles_to_ns(quadspi, line));
}

void quadspi_map_close(struct quadspi *quadspi, const char *why)
{
    if (why != quadspi->map_refusal) {
        snprintf(quadspi->map_refusal, sizeof(quadspi->map_refusal), "%s", why);
    }
    if (quadspi->map_running) {
        quadspi->map_running = false;
        quadspi->last_end_ns = machine_now_ns(quadspi->machine);
        event_cancel(quadspi->machine, &quadspi->timeout_event);
    }
    if (quadspi->mapped) {
        quadspi->mapped = false;
        machine_window_show(quadspi->machine, QUADSPI_WINDOW, false);
        quadspi_trace(quadspi, "window hidden: %s", quadspi->map_refusal);
    }
}

static void refuse(struct quadspi *quadspi)
{
    quadspi_violation(quadspi, "memory-mapped mode: %s", quadspi->map_refusal);
    quadspi_map_close(quadspi, quadspi->map_refusal);
}

// True if everything is as memory-mapped reads need it; else a violation was raised.
static bool check_mapping(struct quadspi *quadspi, const struct nor_frame *frame)
{
    if (!quadspi_check_frame(quadspi, frame) || !quadspi_check_bus(quadspi, frame) ||
        !quadspi->wired) {
        snprintf(quadspi->map_refusal, sizeof(quadspi->map_refusal),
                 "memory-mapped mode was entered with a wrong frame, clock or pin");
        quadspi_map_close(quadspi, quadspi->map_refusal);
        return false;
    }
    if (!chips_can_map(quadspi, frame)) {
        refuse(quadspi);
        return false;
    }
    return true;
}

void quadspi_map_update(struct quadspi *quadspi)
{
    struct nor_frame frame;

    if ((quadspi->cr & CR_EN) == 0) {
        quadspi_map_close(quadspi, "EN is 0");
        return;
    }
    if (quadspi_function(quadspi) != FUNCTION_MAPPED) {
        quadspi_map_close(quadspi, "the controller is not in memory-mapped mode (FMODE)");
        return;
    }
    frame = mapped_frame(quadspi);
    if (!check_mapping(quadspi, &frame)) {
        return;
    }
    if (!quadspi->mapped) {
        check_size(quadspi);
        fill_window(quadspi);
        quadspi->mapped = true;
        machine_window_show(quadspi->machine, QUADSPI_WINDOW, true);
        quadspi_trace(quadspi, "window shown, CCR 0x%08" PRIX32 ", CLK %" PRIu32 " Hz",
                      quadspi->ccr, frame.clock_hz);
    }
    set_timing(quadspi, &frame);
}

// --- Reads --------------------------------------------------------------------------------------

static void opened(void *context)
{
    struct quadspi *quadspi = context;
    struct nor_frame frame = quadspi_frame(quadspi);
    uint8_t data[2];

    frame.address = 0;
    quadspi->unit_bytes = quadspi_chip_count(quadspi);
    quadspi->map_running = true;
    quadspi_chips_begin(quadspi, &frame);
    quadspi_chips_read(quadspi, data, 1);
    quadspi_chips_end(quadspi);
    if ((quadspi->cr & CR_TCEN) != 0) {
        uint64_t cycles = quadspi_lead_cycles(&frame) +
                          QUADSPI_FIFO_SIZE * quadspi_unit_cycles(&frame) + quadspi->lptr;

        event_arm_in(quadspi->machine, &quadspi->timeout_event,
                     quadspi_cycles_to_ns(quadspi, cycles));
    }
    frame = mapped_frame(quadspi); // the next jump's
    if (chips_can_map(quadspi, &frame)) {
        set_timing(quadspi, &frame);
    } else {
        refuse(quadspi);
    }
}

// Prefetch has ended; the next read starts it anew.
static void stop(struct quadspi *quadspi, bool thorough)
{
    if (!quadspi->map_running) {
        return;
    }
    quadspi->map_running = false;
    quadspi->last_end_ns = machine_now_ns(quadspi->machine);
    event_cancel(quadspi->machine, &quadspi->timeout_event);
    machine_window_rearm(quadspi->machine, QUADSPI_WINDOW, thorough);
}

void quadspi_map_stop(struct quadspi *quadspi)
{
    stop(quadspi, true);
}

// After a time-out further reads of a running program are not watched: BUSY stays 0 for it.
static void timed_out(void *context)
{
    struct quadspi *quadspi = context;

    quadspi->timeout = true;
    stop(quadspi, false);
    quadspi_update_irq(quadspi);
}

void quadspi_map_clock_changed(struct quadspi *quadspi)
{
    struct nor_frame frame;
    bool gate_open;

    if (!quadspi->mapped) {
        return;
    }
    gate_open = rcc_gate_open(quadspi->rcc, 0xD4, 14);
    if (!gate_open || quadspi->kernel_hz == 0) {
        snprintf(quadspi->map_refusal, sizeof(quadspi->map_refusal), "%s",
                 gate_open ? "the kernel clock was stopped while the chip is mapped"
                           : "QSPIEN was cleared while the chip is mapped");
        refuse(quadspi);
        return;
    }
    frame = mapped_frame(quadspi);
    if (check_mapping(quadspi, &frame)) {
        set_timing(quadspi, &frame);
    }
}

static void refused(void *context, uint32_t address)
{
    struct quadspi *quadspi = context;

    quadspi_violation(quadspi, "0x%08" PRIX32 " accessed: %s", address, quadspi->map_refusal);
}

static void refused_behind(void *context, uint32_t address)
{
    struct quadspi *quadspi = context;

    if (quadspi->mapped) {
        quadspi_violation(quadspi, "0x%08" PRIX32 " accessed, the chip ends at 0x%08" PRIX32,
                          address, QUADSPI_WINDOW + quadspi->window_size - 1);
    } else {
        refused(context, address);
    }
}

void quadspi_map_create(struct quadspi *quadspi)
{
    void *memory = nor_chip_array(quadspi->chips[0]);

    quadspi->window_size = (uint32_t)nor_chip_size(quadspi->chips[0]);
    if (quadspi->chips[1] != NULL) {
        quadspi->window_size += (uint32_t)nor_chip_size(quadspi->chips[1]);
        quadspi->interleaved = aligned_alloc(4096, quadspi->window_size);
        if (quadspi->interleaved == NULL) {
            abort();
        }
        memory = quadspi->interleaved;
        nor_chip_on_change(quadspi->chips[1], chip2_changed, quadspi);
    }
    nor_chip_on_change(quadspi->chips[0], chip1_changed, quadspi);
    snprintf(quadspi->map_refusal, sizeof(quadspi->map_refusal), "EN is 0");
    quadspi->timeout_event =
        (struct event){.fire = timed_out, .context = quadspi, .name = "QUADSPI time-out"};
    machine_map_window(quadspi->machine, "QUADSPI window", QUADSPI_WINDOW, quadspi->window_size,
                       memory, refused, quadspi);
    machine_window_on_open(quadspi->machine, QUADSPI_WINDOW, opened);
    if (quadspi->window_size < QUADSPI_WINDOW_SIZE) {
        machine_map_window(
            quadspi->machine, "behind the chip", QUADSPI_WINDOW + quadspi->window_size,
            QUADSPI_WINDOW_SIZE - quadspi->window_size, NULL, refused_behind, quadspi);
    }
}
