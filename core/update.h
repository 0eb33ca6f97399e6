// The update engine: takes stream operations into a ring and executes them on the chip strictly in
// order, then reads back and hashes; and keeps the records of it (SPEC.md sections 4, 5 and 12).
//
// All functions are called from one context (never from an interrupt). Payloads come as in
// SPEC.md; their lengths have been checked by the caller only where that is said.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_UPDATE_H
#define CORE_UPDATE_H

#include "core/boot.h"
#include "core/lock.h"
#include "core/nor.h"
#include "core/records.h"
#include "core/seal.h"
#include "core/sha256.h"

enum {
    // CPU work between two looks at the line: about half a millisecond of hashing at 400 MHz.
    UPDATE_SLICE = 16384,
};

// What update_run is at. In the steps from UNPROTECT to RECORD the update is open.
enum update_step {
    UPDATE_STEP_NEXT,      // nothing under way
    UPDATE_STEP_DRAIN,     // a closed update's last chip operation, or record, has not ended
    UPDATE_STEP_UNPROTECT, // block protection is being taken away
    UPDATE_STEP_ANNOUNCE,  // the record that the run is being written
    UPDATE_STEP_LOOK,      // is the area to erase blank already?
    UPDATE_STEP_ERASE,
    UPDATE_STEP_LOOK_AGAIN, // did the erase leave bits?
    UPDATE_STEP_SKIP,       // between two pages of a WRITE, with blank pages behind
    UPDATE_STEP_PROGRAM,
    UPDATE_STEP_COMPARE, // open-ended: is what was written there?
    UPDATE_STEP_READ_BACK,
    UPDATE_STEP_RECORD, // the record that the run is complete
    // Without an update: settings.
    UPDATE_STEP_KEEP_UNPROTECT,
    UPDATE_STEP_KEEP,
};

struct update {
    struct nor *nor;
    struct records *records;
    const struct sha256_service *sha256;
    const struct lock *lock;
    uint32_t program_first, program_end; // addresses that may be changed
    uint32_t image_first, image_size;    // and these, as a whole (SPEC.md section 21)
    // Ring of operations, each in one piece.
    uint8_t *ring;
    uint32_t ring_size;
    uint32_t ring_head; // the oldest operation
    uint32_t ring_tail; // where the next one goes
    uint32_t ring_wrap; // where operations end before they go on at 0
    uint32_t ring_count;
    uint32_t waiting; // payload bytes taken and not executed
    uint32_t window;
    // The update: what BEGIN said,
    uint32_t id, address, length, flags, owner;
    uint8_t sha256_wanted[QL_SHA256_SIZE];
    uint8_t sha256_found[QL_SHA256_SIZE];
    // and how far it is.
    enum ql_update_state state;
    struct outcome failure;
    uint32_t taken, executed, faults, erased, programmed, skipped, at;
    bool ending;                     // END came: no more operations
    bool announced;                  // the chip tells that the run is being written
    bool open_ended;                 // length, flags and hash are known at the end only
    const void *holder;              // open-ended: whose it is
    uint32_t reach_first, reach_end; // open-ended: what will be changed, as far as is known
    uint8_t *newest;                 // open-ended: the operation taken last
    uint32_t active_ms;              // when its host was heard last
    bool doubtful; // an unfinished update was here: what looks blank may not stay so
    enum update_step step;
    uint32_t offset; // within the operation under way
    struct seal_reading read_back;
    uint8_t keep[QL_SETTINGS_SIZE]; // settings on their way into the records
    struct outcome kept;            // of update_keep, once the engine is idle again
    // When PROGRESS is due.
    bool progress_due;
    bool fault_unreported;
    bool fault_streak; // no good operation since the last reported fault
    uint32_t reported_ms;
    uint32_t executed_bytes;
};

// `ring` is the memory for operations; the window is its size less QL_PAYLOAD_MAX.
void update_init(struct update *update, struct nor *nor, struct records *records,
                 const struct sha256_service *sha256, uint8_t *ring, uint32_t ring_size);

// Which addresses may be changed, once the chip's size is known. Both multiples of 4096.
void update_set_area(struct update *update, uint32_t program_first, uint32_t program_end);

// The block in the chip that holds this bootloader itself: it may be changed by an update of
// exactly these bytes, by whoever may do everything. Size 0: there is none.
void update_set_image(struct update *update, uint32_t first, uint32_t size);

// Who is asked before anything. Without one everything is refused.
void update_set_lock(struct update *update, const struct lock *lock);

bool update_is_open(const struct update *update);

// Was the last update a program at this address, which END has found right in the chip?
bool update_is_verified_at(const struct update *update, uint32_t address);

// Is the chip free for others: no update open and no chip operation of a closed one under way?
bool update_is_idle(const struct update *update);

// Is there a usable chip? OK or CHIP_ABSENT.
struct outcome update_chip_check(const struct update *update);

// Do `length` bytes at `address` lie in the chip, and with `program` in the area that may be
// changed? OK, OUT_OF_RANGE, RESERVED or CHIP_ABSENT.
struct outcome update_range_check(const struct update *update, uint32_t address, uint32_t length,
                                  bool program);

// Where the chip, while it is mapped, shows what stands at this address; it must lie in the chip.
const uint8_t *update_chip_bytes(const struct update *update, uint32_t address);

// May these bytes of the chip be read, by whatever way? The range check, or LOCKED.
struct outcome update_read_check(const struct update *update, uint32_t address, uint32_t length);

// Every way to change the chip begins here: OK, or LOCKED.
struct outcome update_write_check(const struct update *update);

// BEGIN, whose payload has QL_BEGIN_SIZE bytes.
struct outcome update_begin(struct update *update, const uint8_t *payload);

// A stream operation of any kind and length. Returns false if the frame counts as damaged; the
// engine has taken note of the fault itself.
bool update_operation(struct update *update, uint8_t kind, const uint8_t *payload, uint32_t length);

// A damaged frame came.
void update_fault(struct update *update);

// END: OK means that it was accepted; update_end_outcome then tells when it is done.
struct outcome update_end(struct update *update, uint32_t id, uint32_t count);
// Returns true if the accepted END for `id` can be answered, with what.
bool update_end_outcome(const struct update *update, uint32_t id, struct outcome *outcome);

// ABORT; id 0: whichever is open.
struct outcome update_abort(struct update *update, uint32_t id);

// Keeps settings in the records; only while the engine is idle. OK means that it has begun: when
// the engine is idle again, `kept` tells what came of it.
struct outcome update_keep(struct update *update, const uint8_t settings[QL_SETTINGS_SIZE]);

// --- Open-ended updates (SPEC.md section 19), in core/update_open.c ---
//
// Neither length nor hash are known beforehand. Each WRITE is compared with the chip once it is
// programmed; WRITING is recorded for what is known and again where more is touched.

// Is an update open that is not this holder's, and, of a host that sends frames, one that was heard
// lately?
bool update_is_others(const struct update *update, const void *holder);
// LOCKED, CHIP_ABSENT, BUSY: update_is_others. One that is open for longer is closed, unfinished.
struct outcome update_open(struct update *update, const void *holder);
// All that will be changed, as far as it is known; multiples of 4096.
void update_reach(struct update *update, uint32_t first, uint32_t end);
// One operation; false: no room in the window. The caller has checked the range. A write may have
// any address and length that the 4096 bytes of one WRITE hold.
bool update_take_erase(struct update *update, uint32_t address, uint32_t size);
bool update_take_write(struct update *update, uint32_t address, const uint8_t *bytes,
                       uint32_t length);
// Is everything executed?
bool update_is_drained(const struct update *update);
// How long the chip's operation under way, or all that was taken, will typically take from now.
uint32_t update_operation_ms(const struct update *update);
uint32_t update_waiting_ms(const struct update *update);
// Reads these bytes, hashes them and records that they are complete: SEALED if they are a program.
// Like END: the update's state tells when it is done.
void update_seal(struct update *update, uint32_t address, uint32_t length);
// Closes an open-ended update, unfinished.
void update_close(struct update *update);

// Goes on with what is under way: at most one slice of CPU work. Returns true if there is more to
// do at once; false: nothing until bytes come, the chip's interrupt comes or time passes.
bool update_run(struct update *update);

// Should PROGRESS be sent?
bool update_progress_due(const struct update *update);
// The progress record; `as_event` tells that it goes out as PROGRESS.
void update_progress_store(struct update *update, uint8_t record[QL_PROGRESS_SIZE], bool as_event);

#endif
