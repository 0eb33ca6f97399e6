// The driver for a quad-SPI NOR flash chip behind a `struct nor_bus`, or for two equal ones that
// work as one of twice the size: then sizes, addresses and geometry below are those of both.
//
// The chip is found by its JEDEC id and describes itself by SFDP; core/nor_table.c knows only what
// SFDP leaves out or gets wrong. Erasing, programming and writing status registers are started and
// then polled; everything else ends before the call returns.
//
// Functions that return int give 0 or a negative enum ql_error unless they say otherwise.
// Addresses here count from the start of the chip.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_NOR_H
#define CORE_NOR_H

#include "core/nor_bus.h"
#include "core/sfdp.h"

enum nor_state {
    NOR_ABSENT,  // not started, or no usable chip found
    NOR_IDLE,    // found; takes commands
    NOR_MAPPED,  // found; its contents stand at nor.mapped
    NOR_WORKING, // an operation was started and has not ended
};

struct nor {
    const struct nor_bus *bus;
    const uint8_t *mapped; // where nor_map shows the chip
    enum nor_state state;
    uint8_t jedec_id[3];      // as read, also if no usable chip was found
    uint8_t status[3];        // SR1, SR2, SR3 as last read; 0 for those the chip has not
    uint8_t second_status[3]; // of the second chip
    bool has_sr2, has_sr3;
    uint8_t sr1_protect;     // the bits of SR1 that, set, protect blocks
    uint8_t sr2_protect;     // those of SR2
    uint8_t sr3_locks;       // the bit of SR3 that puts a lock bit at each block in force
    uint8_t unprotect_tried; // a bit for each register written since protection was last looked at
    const char *name;        // NULL: known by SFDP only
    struct nor_geometry geometry;
    bool doubtful; // an operation ran out of time: the chip may still be at work
    uint32_t started_ms;
    uint32_t limit_ms;
};

// Does not touch the chip.
void nor_init(struct nor *nor, const struct nor_bus *bus, const uint8_t *mapped);

// Brings the chip from whatever state an earlier program or a reset in the middle of something
// left it in (continuous reading, QPI, power-down, at work, suspended) into the plain one, finds
// out what it is, and sets its quad enable bit if the bit is needed and not set (the only case in
// which this writes to the chip). Waits for an erase that is still under way (up to NOR_WAIT_MS).
// QL_ERROR_ABSENT, QL_ERROR_UNSUPPORTED: jedec_id holds what was read.
int nor_start(struct nor *nor);

enum {
    NOR_WAIT_MS = 4000,
};

// The fastest read command that the chip can do, as nor_map uses it; its mode byte is FFh, so that
// the chip never stays in continuous reading.
void nor_read_command(const struct nor *nor, struct nor_command *command);

// Shows the chip's contents at nor->mapped, or hides it. Both do nothing if that is so already;
// the functions below hide by themselves. nor_map fails with QL_ERROR_BUSY while the chip works.
int nor_map(struct nor *nor);
int nor_unmap(struct nor *nor);

// The erase type of this size, or NULL.
const struct nor_erase_type *nor_erase_type_find(const struct nor *nor, uint32_t size);

// What updates and records take for a sector (SPEC.md section 4): 4096 bytes, or the chip's
// smallest erase size where that is larger.
uint32_t nor_sector_size(const struct nor *nor);
// The sector's end at or before an address, and that at or behind it. Also for lengths.
uint32_t nor_sector_down(const struct nor *nor, uint32_t address);
uint32_t nor_sector_up(const struct nor *nor, uint32_t address);

// The largest erase size of at most `limit` bytes that begins at `address`, at least a sector.
uint32_t nor_erase_size(const struct nor *nor, uint32_t address, uint32_t limit);

enum {
    NOR_ERASE_MAX = 131072, // for callers that have no limit; two chips as one erase 2 * 64 KiB
};

// The bus's clock.
uint32_t nor_now_ms(const struct nor *nor);

// Starts to erase `size` bytes, one of the chip's erase sizes, at a multiple of it.
int nor_erase_start(struct nor *nor, uint32_t address, uint32_t size);
// Starts to program up to a page; the bytes must not cross the end of a page, and of two chips both
// get as many. They are taken over
// before the call returns.
int nor_program_start(struct nor *nor, uint32_t address, const uint8_t *bytes, size_t length);

// Starts the next write that takes protection away. Returns 1 if it started one (nor_poll, then
// call again), 0 if there is nothing left to take away. QL_ERROR_PROTECTED: the chip refuses.
int nor_unprotect_start(struct nor *nor);

// How the operation under way is getting on: 1 at work, 0 ended, QL_ERROR_TIMEOUT: it took longer
// than the chip may take; QL_ERROR_WORN: the chip says that it failed. With nothing under way: 0.
int nor_poll(struct nor *nor);

// Are these bytes all FF?
bool nor_is_blank(const uint8_t *bytes, size_t length);

#endif
