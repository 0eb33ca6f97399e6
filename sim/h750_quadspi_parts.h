// The inside of the QUADSPI model, shared by the files h750_quadspi*.c only.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_QUADSPI_PARTS_H
#define SIM_H750_QUADSPI_PARTS_H

#include "sim/h750_quadspi.h"
#include "sim/h750_rcc.h"
#include "sim/machine.h"
#include "sim/nor_chip.h"

#define QUADSPI_WINDOW_SIZE UINT32_C(0x10000000)
#define QUADSPI_FIFO_SIZE   32u

#define CR_EN        (UINT32_C(1) << 0)
#define CR_ABORT     (UINT32_C(1) << 1)
#define CR_TCEN      (UINT32_C(1) << 3)
#define CR_SSHIFT    (UINT32_C(1) << 4)
#define CR_DFM       (UINT32_C(1) << 6)
#define CR_FSEL      (UINT32_C(1) << 7)
#define CR_TEIE      (UINT32_C(1) << 16)
#define CR_TCIE      (UINT32_C(1) << 17)
#define CR_FTIE      (UINT32_C(1) << 18)
#define CR_SMIE      (UINT32_C(1) << 19)
#define CR_TOIE      (UINT32_C(1) << 20)
#define CR_APMS      (UINT32_C(1) << 22)
#define CR_PMM       (UINT32_C(1) << 23)
#define CR_PRESCALER (UINT32_C(0xFF) << 24)

#define CCR_SIOO (UINT32_C(1) << 28)
#define CCR_FRCM (UINT32_C(1) << 29)
#define CCR_DHHC (UINT32_C(1) << 30)
#define CCR_DDRM (UINT32_C(1) << 31)

enum quadspi_function { FUNCTION_WRITE, FUNCTION_READ, FUNCTION_POLL, FUNCTION_MAPPED };

enum quadspi_activity {
    ACTIVITY_IDLE,
    ACTIVITY_WRITING,
    ACTIVITY_READING,
    ACTIVITY_DRAINING, // the chip is released, the FIFO still holds what was read
    ACTIVITY_POLLING,
    ACTIVITY_FREE_RUNNING, // CCR.FRCM
};

struct quadspi {
    struct machine *machine;
    struct rcc *rcc;
    struct gpio *gpio;
    struct quadspi_wiring wiring;
    struct nor_chip *chips[2];

    uint32_t cr, dcr, dlr, ccr, ar, abr, psmkr, psmar, pir, lptr;
    bool transfer_error, transfer_complete, status_match, timeout;

    uint64_t kernel_hz;    // 0: stopped
    uint64_t divider;      // CLK = kernel / divider
    bool wired;            // the last check of the pins found all in their function
    bool instruction_sent; // since the last write to CCR, for SIOO
    bool select_known;     // last_end_ns means something
    uint64_t last_end_ns;  // NCS rose

    enum quadspi_activity activity;
    struct nor_frame frame;
    struct event bus_event;   // the next thing that happens on the bus
    struct event abort_event; // the end of an abort
    // The data phase moves units of one byte (dual-flash: two). Within a segment, in which CLK runs
    // without a pause, unit n ends lead_cycles + n * unit_cycles after segment_ns.
    uint64_t segment_ns;
    uint64_t segment_units;
    uint64_t lead_cycles;
    uint64_t unit_cycles;
    unsigned unit_bytes;
    uint64_t units_total; // UINT64_MAX: without end
    uint64_t units_moved;
    bool paused;             // CLK stands still: FIFO full (read) or empty (write)
    uint64_t bytes_accepted; // written to DR
    uint8_t fifo[QUADSPI_FIFO_SIZE];
    unsigned fifo_first;
    unsigned fifo_level;

    // Automatic polling: poll n (from 0) ends poll_first_ns + n * poll_period_ns.
    uint64_t poll_first_ns;
    uint64_t poll_period_ns;
    uint64_t polls_taken; // told by a read of DR
    uint32_t poll_status;

    // Memory-mapped mode.
    bool mapped;      // the window is shown
    bool map_running; // accessed since: BUSY, NCS low, prefetching
    bool map_began;   // the first frame has been sent
    char map_refusal[400];
    uint8_t *interleaved; // what the window shows if there are two chips; NULL: chip 1's array
    uint32_t window_size;
    struct event timeout_event;

    uint64_t transactions; // statistics
    uint64_t bytes_moved;
};

#define quadspi_violation(quadspi, ...)                                                            \
    machine_violation((quadspi)->machine, "QUADSPI", __VA_ARGS__)
#define quadspi_trace(quadspi, ...) machine_trace((quadspi)->machine, "quadspi", __VA_ARGS__)

// --- h750_quadspi.c -----------------------------------------------------------------------------

bool quadspi_is_busy(const struct quadspi *quadspi);
enum quadspi_function quadspi_function(const struct quadspi *quadspi);
uint64_t quadspi_flash_size(const struct quadspi *quadspi); // 2^(FSIZE+1)
void quadspi_update_irq(struct quadspi *quadspi);
void quadspi_disable(struct quadspi *quadspi); // EN has become 0

// --- h750_quadspi_wires.c: clock, pins, frames --------------------------------------------------

bool quadspi_is_dual(const struct quadspi *quadspi);
unsigned quadspi_chip_count(const struct quadspi *quadspi); // that the next frame goes to
uint64_t quadspi_cycles_to_ns(const struct quadspi *quadspi, uint64_t cycles); // rounded up
uint64_t quadspi_ns_to_cycles(const struct quadspi *quadspi, uint64_t ns);     // whole ones
uint64_t quadspi_high_cycles(const struct quadspi *quadspi);                   // CSHT + 1
void quadspi_read_clock(struct quadspi *quadspi);
// The frame that CCR, AR and ABR describe, as it would be sent now.
struct nor_frame quadspi_frame(const struct quadspi *quadspi);
// NCS setup and all phases before the data.
uint64_t quadspi_lead_cycles(const struct nor_frame *frame);
uint64_t quadspi_unit_cycles(const struct nor_frame *frame);
// Clock and pins are as a frame needs them; else a violation is raised. Sets `wired`.
bool quadspi_check_bus(struct quadspi *quadspi, const struct nor_frame *frame);
// What a frame may not be, whatever the chip (errata, reserved combinations).
bool quadspi_check_frame(struct quadspi *quadspi, const struct nor_frame *frame);
void quadspi_chips_begin(struct quadspi *quadspi, const struct nor_frame *frame);
void quadspi_chips_read(struct quadspi *quadspi, uint8_t *data, size_t units);
void quadspi_chips_write(struct quadspi *quadspi, const uint8_t *data, size_t units);
void quadspi_chips_end(struct quadspi *quadspi);
// When a frame asked for now starts: NCS stays high for CSHT + 1 cycles.
uint64_t quadspi_start_ns(const struct quadspi *quadspi);

// --- h750_quadspi_transfer.c: indirect transfers, polling ---------------------------------------

void quadspi_written_ccr(struct quadspi *quadspi); // its instruction byte was written
void quadspi_written_ar(struct quadspi *quadspi);
void quadspi_update(struct quadspi *quadspi); // brings a transfer to the present
void quadspi_write_data(struct quadspi *quadspi, uint32_t value, unsigned size);
uint32_t quadspi_read_data(struct quadspi *quadspi, unsigned size);
bool quadspi_threshold_flag(const struct quadspi *quadspi); // FTF
unsigned quadspi_shown_level(const struct quadspi *quadspi);
void quadspi_abort(struct quadspi *quadspi);
void quadspi_stop(struct quadspi *quadspi);       // releases the chip now, empties the FIFO
void quadspi_arm(struct quadspi *quadspi);        // re-plans the next event on the bus
void quadspi_rearm_poll(struct quadspi *quadspi); // what the program watches has changed
void quadspi_bus_event(void *context);
void quadspi_abort_event(void *context);

// --- h750_quadspi_map.c: the window -------------------------------------------------------------

void quadspi_map_create(struct quadspi *quadspi);
void quadspi_map_update(struct quadspi *quadspi); // CR or CCR changed
void quadspi_map_stop(struct quadspi *quadspi);   // ABORT or EN: prefetch ends, NCS rises
void quadspi_map_clock_changed(struct quadspi *quadspi);
void quadspi_map_close(struct quadspi *quadspi, const char *why); // no access any more

#endif
