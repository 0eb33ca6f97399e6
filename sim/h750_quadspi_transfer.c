// QUADSPI's indirect transfers and automatic polling, with their time on the bus.
//
// From RM0399 revision 4, chapter 24. The bus is computed when somebody looks: between two looks
// nothing but CLK happens. Events are armed only for what others notice by themselves: the end of a
// transfer (chip select rises, TCF), interrupts of the FIFO threshold, a poll that can see a
// change.
//
// Not in the manual, and chosen here: a transfer that would pass the end of the flash (TEF) is not
// run; an abort ends at the next byte's end; an abort of nothing sets TCF at once; CLK restarts
// when 4 bytes of a full FIFO are free. With FMODE 0, bytes behind DLR + 1 are dropped, as the
// manual says.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_quadspi_parts.h"

#include "sim/clock_math.h"

#include <inttypes.h>
#include <string.h>

#define RESTART_FREE   4u // bytes that must be free before CLK restarts
#define RELEASE_CYCLES 1u // from the last edge of CLK to NCS's rise
#define POLL_BYTES_MAX 4u

// --- FIFO ---------------------------------------------------------------------------------------

static unsigned fifo_free(const struct quadspi *quadspi)
{
    return QUADSPI_FIFO_SIZE - quadspi->fifo_level;
}

static void fifo_push(struct quadspi *quadspi, uint8_t byte)
{
    quadspi->fifo[(quadspi->fifo_first + quadspi->fifo_level) % QUADSPI_FIFO_SIZE] = byte;
    quadspi->fifo_level++;
}

static uint8_t fifo_pop(struct quadspi *quadspi)
{
    uint8_t byte = quadspi->fifo[quadspi->fifo_first];

    quadspi->fifo_first = (quadspi->fifo_first + 1) % QUADSPI_FIFO_SIZE;
    quadspi->fifo_level--;
    return byte;
}

static unsigned threshold(const struct quadspi *quadspi)
{
    return ((quadspi->cr >> 8) & 31u) + 1;
}

bool quadspi_threshold_flag(const struct quadspi *quadspi)
{
    uint64_t now_ns = machine_now_ns(quadspi->machine);
    bool data = ((quadspi->ccr >> 24) & 3u) != 0;

    if ((quadspi->cr & CR_EN) == 0) {
        return false;
    }
    switch (quadspi->activity) {
    case ACTIVITY_POLLING:
        return now_ns >= quadspi->poll_first_ns &&
               (now_ns - quadspi->poll_first_ns) / quadspi->poll_period_ns + 1 >
                   quadspi->polls_taken;
    case ACTIVITY_READING:
        return quadspi->fifo_level >= threshold(quadspi);
    case ACTIVITY_DRAINING:
        return quadspi->fifo_level > 0;
    default:
        return quadspi_function(quadspi) == FUNCTION_WRITE && data &&
               fifo_free(quadspi) >= threshold(quadspi);
    }
}

unsigned quadspi_shown_level(const struct quadspi *quadspi)
{
    return quadspi->activity == ACTIVITY_POLLING ? 0 : quadspi->fifo_level;
}

// --- Time on the bus ----------------------------------------------------------------------------

// When unit `units` of this segment ends (0: when its first phases do).
static uint64_t unit_end_ns(const struct quadspi *quadspi, uint64_t units)
{
    return time_after(
        quadspi->segment_ns,
        quadspi_cycles_to_ns(quadspi, quadspi->lead_cycles + units * quadspi->unit_cycles));
}

// Chip select's rise if `units` of this segment are its last ones.
static uint64_t release_ns(const struct quadspi *quadspi, uint64_t units)
{
    return time_after(
        quadspi->segment_ns,
        quadspi_cycles_to_ns(quadspi,
                             quadspi->lead_cycles + units * quadspi->unit_cycles + RELEASE_CYCLES));
}

// Units whose clocks have passed and that were not moved yet.
static uint64_t units_clocked(const struct quadspi *quadspi)
{
    uint64_t now_ns = machine_now_ns(quadspi->machine);
    uint64_t cycles;

    if (quadspi->paused || quadspi->unit_cycles == 0 || now_ns <= quadspi->segment_ns ||
        quadspi->kernel_hz == 0) {
        return 0;
    }
    cycles = quadspi_ns_to_cycles(quadspi, now_ns - quadspi->segment_ns);
    if (cycles < quadspi->lead_cycles) {
        return 0;
    }
    cycles = (cycles - quadspi->lead_cycles) / quadspi->unit_cycles;
    return cycles > quadspi->segment_units ? cycles - quadspi->segment_units : 0;
}

static void resume_clock(struct quadspi *quadspi)
{
    uint64_t now_ns = machine_now_ns(quadspi->machine);
    uint64_t reached_ns = unit_end_ns(quadspi, quadspi->segment_units);

    quadspi->segment_ns = now_ns > reached_ns ? now_ns : reached_ns;
    quadspi->segment_units = 0;
    quadspi->lead_cycles = 0;
    quadspi->paused = false;
}

// --- Moving data --------------------------------------------------------------------------------

static uint64_t at_most(uint64_t value, uint64_t limit)
{
    return value < limit ? value : limit;
}

static void count_moved(struct quadspi *quadspi, uint64_t units)
{
    quadspi->units_moved += units;
    quadspi->segment_units += units;
    quadspi->bytes_moved += units * quadspi->unit_bytes;
}

static void move_in(struct quadspi *quadspi)
{
    uint8_t data[QUADSPI_FIFO_SIZE];
    uint64_t units = units_clocked(quadspi);

    units = at_most(units, quadspi->units_total - quadspi->units_moved);
    units = at_most(units, fifo_free(quadspi) / quadspi->unit_bytes);
    quadspi_chips_read(quadspi, data, (size_t)units);
    for (unsigned i = 0; i < units * quadspi->unit_bytes; i++) {
        fifo_push(quadspi, data[i]);
    }
    count_moved(quadspi, units);
    if (quadspi->units_moved < quadspi->units_total && fifo_free(quadspi) < quadspi->unit_bytes) {
        quadspi->paused = true;
    }
}

static void move_out(struct quadspi *quadspi)
{
    uint8_t data[QUADSPI_FIFO_SIZE];
    uint64_t units = units_clocked(quadspi);

    units = at_most(units, quadspi->units_total - quadspi->units_moved);
    units = at_most(units, quadspi->fifo_level / quadspi->unit_bytes);
    for (unsigned i = 0; i < units * quadspi->unit_bytes; i++) {
        data[i] = fifo_pop(quadspi);
    }
    quadspi_chips_write(quadspi, data, (size_t)units);
    count_moved(quadspi, units);
    if (quadspi->units_moved < quadspi->units_total && quadspi->fifo_level < quadspi->unit_bytes) {
        quadspi->paused = true;
    }
}

static void finish(struct quadspi *quadspi, uint64_t end_ns)
{
    bool reading = quadspi->activity == ACTIVITY_READING;

    event_cancel(quadspi->machine, &quadspi->bus_event);
    quadspi->last_end_ns = end_ns;
    quadspi->transfer_complete = true;
    if (!reading) {
        quadspi->fifo_level = 0;
    }
    quadspi->activity = reading && quadspi->fifo_level > 0 ? ACTIVITY_DRAINING : ACTIVITY_IDLE;
    quadspi_chips_end(quadspi);
}

void quadspi_update(struct quadspi *quadspi)
{
    bool reading = quadspi->activity == ACTIVITY_READING;
    uint64_t end_ns;

    if (!reading && quadspi->activity != ACTIVITY_WRITING) {
        return;
    }
    if (reading) {
        move_in(quadspi);
    } else if (quadspi->units_total != 0) {
        move_out(quadspi);
    }
    end_ns = release_ns(quadspi, quadspi->segment_units);
    if (quadspi->units_moved == quadspi->units_total &&
        machine_now_ns(quadspi->machine) >= end_ns) {
        finish(quadspi, end_ns);
    }
    quadspi_update_irq(quadspi);
}

// --- The next event -----------------------------------------------------------------------------

static uint64_t units_for(const struct quadspi *quadspi, unsigned bytes)
{
    return (bytes + quadspi->unit_bytes - 1) / quadspi->unit_bytes;
}

void quadspi_arm(struct quadspi *quadspi)
{
    uint64_t remaining = quadspi->units_total - quadspi->units_moved;
    bool reading = quadspi->activity == ACTIVITY_READING;
    unsigned room = reading ? fifo_free(quadspi) : quadspi->fifo_level; // bytes CLK can go on for
    unsigned reached = reading ? quadspi->fifo_level : fifo_free(quadspi);
    uint64_t next_ns = TIME_NEVER;

    if (!reading && quadspi->activity != ACTIVITY_WRITING) {
        return;
    }
    if (remaining == 0) {
        next_ns = release_ns(quadspi, quadspi->segment_units);
    } else if (!quadspi->paused && room / quadspi->unit_bytes >= remaining) {
        next_ns = release_ns(quadspi, quadspi->segment_units + remaining);
    }
    if ((quadspi->cr & CR_FTIE) != 0 && !quadspi->paused && reached < threshold(quadspi)) {
        uint64_t flag_ns = unit_end_ns(
            quadspi, quadspi->segment_units + units_for(quadspi, threshold(quadspi) - reached));

        next_ns = at_most(next_ns, flag_ns);
    }
    event_cancel(quadspi->machine, &quadspi->bus_event);
    event_arm_at(quadspi->machine, &quadspi->bus_event, next_ns);
}

// --- Starting -----------------------------------------------------------------------------------

static uint64_t data_bytes(const struct quadspi *quadspi)
{
    uint64_t size = quadspi_flash_size(quadspi);

    if (quadspi->frame.data_lanes == 0) {
        return 0;
    }
    if (quadspi->dlr != UINT32_MAX) {
        return (uint64_t)quadspi->dlr + 1;
    }
    if (size > UINT32_MAX) {
        return UINT64_MAX;
    }
    return size - (quadspi->frame.address_lanes != 0 ? quadspi->ar : 0);
}

// Address or length outside the flash: TEF.
static bool passes_end(const struct quadspi *quadspi, uint64_t bytes)
{
    uint64_t size = quadspi_flash_size(quadspi);

    if (quadspi->frame.address_lanes == 0 || bytes == UINT64_MAX) {
        return false;
    }
    if (quadspi_function(quadspi) == FUNCTION_POLL) {
        bytes = 0;
    }
    return quadspi->ar >= size || quadspi->ar + bytes > size;
}

static void poll_start(struct quadspi *quadspi)
{
    uint64_t bytes = at_most((uint64_t)quadspi->dlr + 1, POLL_BYTES_MAX);
    uint64_t frame_cycles = quadspi->lead_cycles +
                            units_for(quadspi, (unsigned)bytes) * quadspi->unit_cycles +
                            RELEASE_CYCLES;
    uint64_t gap_cycles = quadspi_high_cycles(quadspi);

    if (gap_cycles < quadspi->pir) {
        gap_cycles = quadspi->pir;
    }
    quadspi->activity = ACTIVITY_POLLING;
    quadspi->units_total = units_for(quadspi, (unsigned)bytes);
    quadspi->polls_taken = 0;
    quadspi->poll_first_ns =
        time_after(quadspi->segment_ns, quadspi_cycles_to_ns(quadspi, frame_cycles));
    quadspi->poll_period_ns = quadspi_cycles_to_ns(quadspi, frame_cycles + gap_cycles);
    event_arm_at(quadspi->machine, &quadspi->bus_event, quadspi->poll_first_ns);
}

static void start(struct quadspi *quadspi)
{
    uint64_t bytes;

    quadspi->frame = quadspi_frame(quadspi);
    if (!quadspi_check_frame(quadspi, &quadspi->frame)) {
        return;
    }
    bytes = data_bytes(quadspi);
    if (passes_end(quadspi, bytes)) {
        quadspi_trace(quadspi, "0x%08" PRIX32 " passes the end of the flash: TEF", quadspi->ar);
        quadspi->transfer_error = true;
        quadspi_update_irq(quadspi);
        return;
    }
    if (!quadspi_check_bus(quadspi, &quadspi->frame)) {
        return;
    }
    quadspi->segment_ns = quadspi_start_ns(quadspi);
    quadspi->segment_units = 0;
    quadspi->lead_cycles = quadspi_lead_cycles(&quadspi->frame);
    quadspi->unit_cycles = quadspi_unit_cycles(&quadspi->frame);
    quadspi->unit_bytes = quadspi_chip_count(quadspi);
    quadspi->units_moved = 0;
    quadspi->bytes_accepted = 0;
    quadspi->fifo_level = 0;
    quadspi->paused = false;
    if (quadspi_function(quadspi) == FUNCTION_POLL) {
        poll_start(quadspi);
        return;
    }
    quadspi->units_total = bytes == UINT64_MAX ? bytes : bytes / quadspi->unit_bytes;
    quadspi->activity = quadspi->frame.data_is_read ? ACTIVITY_READING : ACTIVITY_WRITING;
    quadspi_chips_begin(quadspi, &quadspi->frame);
    quadspi_arm(quadspi);
}

// True if a frame without data from the program can start as soon as its last register is there.
static bool starts_by_itself(const struct quadspi *quadspi)
{
    enum quadspi_function function = quadspi_function(quadspi);
    bool data = ((quadspi->ccr >> 24) & 3u) != 0;

    return function == FUNCTION_READ || function == FUNCTION_POLL ||
           (function == FUNCTION_WRITE && !data);
}

void quadspi_written_ccr(struct quadspi *quadspi)
{
    bool address = ((quadspi->ccr >> 10) & 3u) != 0;

    if (address || !starts_by_itself(quadspi)) {
        return;
    }
    if ((quadspi->cr & CR_EN) == 0) {
        quadspi_trace(quadspi, "CCR written while EN is 0: nothing starts");
        return;
    }
    start(quadspi);
}

void quadspi_written_ar(struct quadspi *quadspi)
{
    bool address = ((quadspi->ccr >> 10) & 3u) != 0;

    if (!address || (quadspi->cr & CR_EN) == 0) {
        return;
    }
    if (quadspi->ar >= quadspi_flash_size(quadspi)) {
        quadspi->transfer_error = true;
        quadspi_update_irq(quadspi);
    } else if (starts_by_itself(quadspi)) {
        start(quadspi);
    }
}

// --- Automatic polling --------------------------------------------------------------------------

static bool poll_matches(const struct quadspi *quadspi)
{
    uint32_t differs = quadspi->poll_status ^ quadspi->psmar;

    if ((quadspi->cr & CR_PMM) != 0) {
        return (~differs & quadspi->psmkr) != 0;
    }
    return (differs & quadspi->psmkr) == 0;
}

// The next poll that can find anything new: while the chips' status cannot change, polls in between
// are left out unless the program watches each of them.
static uint64_t poll_next_ns(const struct quadspi *quadspi)
{
    uint64_t now_ns = machine_now_ns(quadspi->machine);
    uint64_t done = (now_ns - quadspi->poll_first_ns) / quadspi->poll_period_ns + 1;
    uint64_t next_ns = quadspi->poll_first_ns + done * quadspi->poll_period_ns;
    uint64_t change_ns = TIME_NEVER;

    if ((quadspi->cr & CR_FTIE) != 0 || poll_matches(quadspi)) {
        return next_ns;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (quadspi->chips[i] != NULL) {
            change_ns = at_most(change_ns, nor_chip_busy_until(quadspi->chips[i]));
        }
    }
    if (change_ns == TIME_NEVER) {
        quadspi_trace(quadspi, "polling for a status that cannot come");
        return TIME_NEVER;
    }
    if (change_ns > next_ns) {
        uint64_t skipped =
            (change_ns - next_ns + quadspi->poll_period_ns - 1) / quadspi->poll_period_ns;

        next_ns += skipped * quadspi->poll_period_ns;
    }
    return next_ns;
}

static void poll_take(struct quadspi *quadspi)
{
    uint8_t data[2 * POLL_BYTES_MAX] = {0};
    uint64_t now_ns = machine_now_ns(quadspi->machine);

    quadspi_chips_begin(quadspi, &quadspi->frame);
    quadspi_chips_read(quadspi, data, (size_t)quadspi->units_total);
    quadspi_chips_end(quadspi);
    quadspi->last_end_ns = now_ns;
    quadspi->poll_status = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
                           (uint32_t)data[3] << 24;
    // From the second poll on the gap is the interval's.
    quadspi->frame = quadspi_frame(quadspi);
    quadspi->frame.select_high_ns =
        (uint32_t)at_most(quadspi_cycles_to_ns(quadspi, quadspi->pir > quadspi_high_cycles(quadspi)
                                                            ? quadspi->pir
                                                            : quadspi_high_cycles(quadspi)),
                          UINT32_MAX);
    if (poll_matches(quadspi)) {
        quadspi->status_match = true;
        if ((quadspi->cr & CR_APMS) != 0) {
            quadspi->activity = ACTIVITY_IDLE;
            return;
        }
    }
    event_arm_at(quadspi->machine, &quadspi->bus_event, poll_next_ns(quadspi));
}

void quadspi_rearm_poll(struct quadspi *quadspi)
{
    if (quadspi->activity == ACTIVITY_POLLING &&
        machine_now_ns(quadspi->machine) >= quadspi->poll_first_ns) {
        event_cancel(quadspi->machine, &quadspi->bus_event);
        event_arm_at(quadspi->machine, &quadspi->bus_event, poll_next_ns(quadspi));
    }
}

void quadspi_bus_event(void *context)
{
    struct quadspi *quadspi = context;

    if (quadspi->activity == ACTIVITY_POLLING) {
        poll_take(quadspi);
        quadspi_update_irq(quadspi);
        return;
    }
    quadspi_update(quadspi);
    quadspi_arm(quadspi);
}

// --- DR -----------------------------------------------------------------------------------------

// False: DR cannot take data now.
static bool prepare_write(struct quadspi *quadspi)
{
    bool data = ((quadspi->ccr >> 24) & 3u) != 0;

    if ((quadspi->cr & CR_EN) == 0) {
        quadspi_violation(quadspi, "DR written while EN is 0");
        return false;
    }
    if (quadspi_function(quadspi) != FUNCTION_WRITE || !data) {
        quadspi_violation(
            quadspi, "DR written, but CCR (0x%08" PRIX32 ") describes no indirect write with data",
            quadspi->ccr);
        return false;
    }
    if (quadspi->activity == ACTIVITY_IDLE) {
        start(quadspi);
    }
    return quadspi->activity == ACTIVITY_WRITING;
}

void quadspi_write_data(struct quadspi *quadspi, uint32_t value, unsigned size)
{
    if (!prepare_write(quadspi)) {
        return;
    }
    quadspi_update(quadspi);
    if (fifo_free(quadspi) < size) { // the bus holds the access until there is room
        uint64_t units = units_for(quadspi, size - fifo_free(quadspi));

        machine_stall(quadspi->machine, unit_end_ns(quadspi, quadspi->segment_units + units));
        quadspi_update(quadspi);
    }
    for (unsigned i = 0; i < size; i++) {
        if (quadspi->bytes_accepted / quadspi->unit_bytes < quadspi->units_total &&
            fifo_free(quadspi) > 0) {
            fifo_push(quadspi, (uint8_t)(value >> (8 * i)));
            quadspi->bytes_accepted++;
        } else {
            quadspi_trace(quadspi, "a byte written to DR behind DLR + 1 is dropped");
        }
    }
    if (quadspi->paused && quadspi->fifo_level >= quadspi->unit_bytes) {
        resume_clock(quadspi);
    }
    quadspi_arm(quadspi);
    quadspi_update_irq(quadspi);
}

static uint32_t take_bytes(struct quadspi *quadspi, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size && quadspi->fifo_level > 0; i++) {
        value |= (uint32_t)fifo_pop(quadspi) << (8 * i);
    }
    return value;
}

uint32_t quadspi_read_data(struct quadspi *quadspi, unsigned size)
{
    uint32_t value;

    if (quadspi->activity == ACTIVITY_POLLING) {
        uint64_t now_ns = machine_now_ns(quadspi->machine);

        quadspi->polls_taken =
            now_ns < quadspi->poll_first_ns
                ? 0
                : (now_ns - quadspi->poll_first_ns) / quadspi->poll_period_ns + 1;
        quadspi_update_irq(quadspi);
        return quadspi->poll_status;
    }
    if (quadspi_function(quadspi) == FUNCTION_POLL && quadspi->activity == ACTIVITY_IDLE) {
        return quadspi->poll_status;
    }
    quadspi_update(quadspi);
    if (quadspi->activity == ACTIVITY_READING && quadspi->fifo_level < size &&
        quadspi->units_moved < quadspi->units_total) { // held until the bytes are there
        uint64_t units = at_most(units_for(quadspi, size - quadspi->fifo_level),
                                 quadspi->units_total - quadspi->units_moved);

        machine_stall(quadspi->machine, unit_end_ns(quadspi, quadspi->segment_units + units));
        quadspi_update(quadspi);
    }
    value = take_bytes(quadspi, size);
    if (quadspi->activity == ACTIVITY_DRAINING && quadspi->fifo_level == 0) {
        quadspi->activity = ACTIVITY_IDLE;
    }
    if (quadspi->paused && quadspi->activity == ACTIVITY_READING &&
        fifo_free(quadspi) >= RESTART_FREE) {
        resume_clock(quadspi);
    }
    quadspi_arm(quadspi);
    quadspi_update_irq(quadspi);
    return value;
}

// --- Abort --------------------------------------------------------------------------------------

void quadspi_stop(struct quadspi *quadspi)
{
    bool selected = quadspi->activity == ACTIVITY_READING || quadspi->activity == ACTIVITY_WRITING;

    event_cancel(quadspi->machine, &quadspi->bus_event);
    if (quadspi->activity != ACTIVITY_IDLE && quadspi->activity != ACTIVITY_DRAINING) {
        quadspi->last_end_ns = machine_now_ns(quadspi->machine);
    }
    quadspi->activity = ACTIVITY_IDLE;
    quadspi->fifo_level = 0;
    if (selected) {
        quadspi_chips_end(quadspi);
    }
}

void quadspi_abort_event(void *context)
{
    struct quadspi *quadspi = context;

    quadspi->cr &= ~CR_ABORT;
    quadspi_update(quadspi);
    quadspi_stop(quadspi);
    quadspi_map_stop(quadspi);
    quadspi->transfer_complete = true;
    quadspi_update_irq(quadspi);
}

void quadspi_abort(struct quadspi *quadspi)
{
    bool moving = !quadspi->paused &&
                  (quadspi->activity == ACTIVITY_READING || quadspi->activity == ACTIVITY_WRITING);
    uint64_t cycles = RELEASE_CYCLES + (moving ? quadspi->unit_cycles : 0);

    if (!quadspi_is_busy(quadspi)) {
        quadspi->transfer_complete = true;
        quadspi_update_irq(quadspi);
        return;
    }
    quadspi->cr |= CR_ABORT;
    event_arm_in(quadspi->machine, &quadspi->abort_event, quadspi_cycles_to_ns(quadspi, cycles));
}
