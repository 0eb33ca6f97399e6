// What the bootloader remembers in the chip: which runs of bytes are being written, which are
// complete, and the settings (SPEC.md section 12). A log of records over 16 sectors; power may fail
// at any time.
//
// All functions are called from one context. Writing a record is started and then polled; the
// chip belongs to the log until records_poll says otherwise.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_RECORDS_H
#define CORE_RECORDS_H

#include "abi/protocol.h"
#include "core/nor.h"

enum {
    RECORDS_MAX = 8, // known runs
    RECORDS_SECTORS = 16,
    RECORDS_SLOTS = 16, // of a sector
    RECORD_SIZE = 256,
    RECORDS_END = 0x00100000, // from the start of the chip
};

// Fields of a record.
enum {
    RECORD_MAGIC = 0,
    RECORD_SERIAL = 4,
    RECORD_VERSION = 8,
    RECORD_KIND = 9,
    RECORD_LIVE = 10,
    RECORD_ZERO = 11,
    RECORD_SETTINGS_ITEMS = 12, // of SETTINGS, QL_SETTINGS_SIZE bytes; else
    RECORD_ADDRESS = 12,
    RECORD_LENGTH = 16,
    RECORD_ID = 20,
    RECORD_OWNER = 24,
    RECORD_FLAGS = 28,
    RECORD_SHA256 = 32,
    RECORD_PARTS = 64,
    RECORD_PARTS_SIZE = 128,
    RECORD_CRC = 252,
};

#define RECORD_MAGIC_VALUE UINT32_C(0x524C4451) // the bytes "QDLR"
#define RECORD_SERIAL_END  UINT32_C(0x80000000)

enum {
    RECORD_VERSION_VALUE = 1,
};

enum record_kind {
    RECORD_HEAD = 1,
    RECORD_WRITING = 2,
    RECORD_SEALED = 3,
    RECORD_CLEARED = 4,
    RECORD_SETTINGS = 5,
};

// A run of bytes, as a record tells of it and as it is known.
struct records_run {
    uint32_t address, length;
    uint32_t id;    // of the update
    uint32_t owner; // address of the program that it belongs to, or 0
    uint32_t flags; // of BEGIN
    bool sealed;    // complete; else it was being written
    bool changed;   // not in the chip: since start it was found not to be what was sealed
    uint8_t sha256[QL_SHA256_SIZE];
    uint8_t parts[RECORD_PARTS_SIZE]; // core/seal.h
};

// The newest record of an update, as far back as the log is read.
struct records_last {
    enum record_kind kind; // WRITING, SEALED or CLEARED; 0: none
    uint32_t address, length, id;
};

enum records_step {
    RECORDS_STEP_NOT, // nothing is being written
    RECORDS_STEP_START,
    RECORDS_STEP_ERASE,
    RECORDS_STEP_SNAPSHOT,
    RECORDS_STEP_BURN,
    RECORDS_STEP_RECORD,
};

struct records {
    struct nor *nor;
    struct records_run runs[RECORDS_MAX]; // in the order in which they became known
    unsigned count;
    uint8_t settings[QL_SETTINGS_SIZE]; // core/settings.h
    uint32_t settings_written;          // how often, since start
    struct records_last last;
    // Where the log stands.
    bool present;         // the chip has room for it and could be read
    uint32_t sector_size; // bytes
    bool blank;           // all of it is FF
    bool based;           // there is a complete snapshot
    uint32_t base;        // its generation
    bool used;            // there is any record, or a sector was found bad
    uint32_t generation;  // the newest
    unsigned slot;        // the next one in the sector of `generation`; RECORDS_SLOTS: none is left
    unsigned to_burn;     // free slots that may hold a program that was cut short
    // The record being written.
    enum records_step step;
    enum record_kind kind;
    struct records_run run;
    const uint8_t *settings_next;
    unsigned sectors_tried; // for this record
    uint32_t at;            // place of the chip operation under way or last done, from the chip's
    bool erasing;           // start, and its kind
    uint8_t page[RECORD_SIZE]; // what it programs
};

// `nor` need not have been started.
void records_init(struct records *records, struct nor *nor);

// Reads the log, once the chip was started. Maps the chip. Without a chip nothing is known.
void records_load(struct records *records);

// The known run that begins at `address`, or NULL.
const struct records_run *records_find(const struct records *records, uint32_t address);
// The known run in whose sectors `address` lies, or NULL.
const struct records_run *records_at(const struct records *records, uint32_t address);
// Is any run that shares a sector with this one known as being written?
bool records_is_writing(const struct records *records, uint32_t address, uint32_t length);
// Could this run be added?
bool records_has_room(const struct records *records, uint32_t address, uint32_t length,
                      uint32_t owner);
// Someone has looked whether the sealed run at `address` is unchanged.
void records_note_check(struct records *records, uint32_t address, bool changed);

// Starts to write a record of kind WRITING, SEALED or CLEARED; call records_poll until it is done.
// Only after that the run is known, or forgotten, as the record says.
void records_write(struct records *records, enum record_kind kind, const struct records_run *run);
// The same with a record of kind SETTINGS; what is pointed to must stay until that is done.
void records_write_settings(struct records *records, const uint8_t settings[QL_SETTINGS_SIZE]);
// 1: at work; 0: done, or nothing to do; QL_ERROR_...: given up. Then records->at and
// records->erasing tell where and at what; an error other than QL_ERROR_WORN and QL_ERROR_TIMEOUT
// means that the operation did not start.
int records_poll(struct records *records);

#endif
