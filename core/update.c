// The update engine. Written from SPEC.md sections 4, 5, 12, 13 and 14.
//
// SPDX-License-Identifier: MIT
#include "core/update.h"

#include <string.h>

#include "abi/bytes.h"
#include "core/error.h"
#include "core/update_parts.h"

#define RING_NOT_WRAPPED UINT32_MAX

static const struct outcome outcome_ok = {QL_STATUS_OK, 0};

static uint32_t now_ms(const struct update *update)
{
    return nor_now_ms(update->nor);
}

struct outcome update_write_check(const struct update *update)
{
    return lock_check(update->lock, QL_PERMIT_READ | QL_PERMIT_WRITE);
}

static void ring_clear(struct update *update)
{
    update->ring_head = 0;
    update->ring_tail = 0;
    update->ring_wrap = RING_NOT_WRAPPED;
    update->ring_count = 0;
    update->waiting = 0;
}

// Room for one more operation, in one piece. The window is QL_PAYLOAD_MAX smaller than the ring:
// that pays for the piece left unused at the ring's end when an operation does not fit there, so
// an operation within the window always finds room and the tail never meets the head.
uint8_t *update_ring_push(struct update *update, uint32_t length)
{
    if (update->ring_tail + length > update->ring_size) {
        update->ring_wrap = update->ring_tail;
        update->ring_tail = 0;
    }
    uint8_t *operation = update->ring + update->ring_tail;
    update->ring_tail += length;
    update->ring_count++;
    update->waiting += length;
    return operation;
}

static void ring_pop(struct update *update, uint32_t length)
{
    update->ring_count--;
    update->waiting -= length;
    update->ring_head += length;
    if (update->ring_count == 0)
        ring_clear(update);
    else if (update->ring_head == update->ring_wrap) {
        update->ring_head = 0;
        update->ring_wrap = RING_NOT_WRAPPED;
    }
}

void update_init(struct update *update, struct nor *nor, struct records *records,
                 const struct sha256_service *sha256, uint8_t *ring, uint32_t ring_size)
{
    *update = (struct update){
        .nor = nor,
        .records = records,
        .sha256 = sha256,
        .ring = ring,
        .ring_size = ring_size & ~UINT32_C(15),
        .state = QL_UPDATE_NONE,
    };
    update->window = update->ring_size - QL_PAYLOAD_MAX;
    ring_clear(update);
}

void update_set_area(struct update *update, uint32_t program_first, uint32_t program_end)
{
    update->program_first = program_first;
    update->program_end = program_end;
}

void update_set_image(struct update *update, uint32_t first, uint32_t size)
{
    update->image_first = first;
    update->image_size = size;
}

void update_set_lock(struct update *update, const struct lock *lock)
{
    update->lock = lock;
}

bool update_is_open(const struct update *update)
{
    return update->state == QL_UPDATE_OPEN || update->state == QL_UPDATE_VERIFYING;
}

bool update_is_verified_at(const struct update *update, uint32_t address)
{
    return update->state == QL_UPDATE_COMPLETE && update->address == address &&
           (update->flags & QL_BEGIN_FLAG_PROGRAM) != 0;
}

bool update_is_idle(const struct update *update)
{
    return !update_is_open(update) && update->step == UPDATE_STEP_NEXT;
}

struct outcome update_chip_check(const struct update *update)
{
    const struct nor *nor = update->nor;
    if (nor->state == NOR_ABSENT)
        return (struct outcome){QL_STATUS_CHIP_ABSENT, (uint32_t)nor->jedec_id[0] << 16 |
                                                           (uint32_t)nor->jedec_id[1] << 8 |
                                                           nor->jedec_id[2]};
    return outcome_ok;
}

struct outcome update_range_check(const struct update *update, uint32_t address, uint32_t length,
                                  bool program)
{
    const struct nor *nor = update->nor;
    struct outcome chip = update_chip_check(update);
    if (chip.status != QL_STATUS_OK)
        return chip;
    uint64_t end = (uint64_t)address + length;
    uint64_t chip_end = (uint64_t)QL_MAPPED_BASE + nor->geometry.size;
    if (address < QL_MAPPED_BASE || address >= chip_end)
        return (struct outcome){QL_STATUS_OUT_OF_RANGE, address};
    if (end > chip_end)
        return (struct outcome){QL_STATUS_OUT_OF_RANGE, (uint32_t)chip_end};
    if (!program)
        return outcome_ok;
    if (address < update->program_first || address >= update->program_end)
        return (struct outcome){QL_STATUS_RESERVED, address};
    if (end > update->program_end)
        return (struct outcome){QL_STATUS_RESERVED, update->program_end};
    return outcome_ok;
}

struct outcome update_read_check(const struct update *update, uint32_t address, uint32_t length)
{
    struct outcome permitted = lock_check(update->lock, QL_PERMIT_READ);
    return permitted.status == QL_STATUS_OK ? update_range_check(update, address, length, false)
                                            : permitted;
}

void update_stop(struct update *update, enum ql_update_state state)
{
    bool busy = update->nor->state == NOR_WORKING || update->records->step != RECORDS_STEP_NOT;
    update->state = state;
    update->ending = false;
    update->progress_due = true;
    ring_clear(update);
    update->step = busy ? UPDATE_STEP_DRAIN : UPDATE_STEP_NEXT;
}

static void update_fail(struct update *update, enum ql_status status, uint32_t detail)
{
    update->failure = (struct outcome){status, detail};
    update_stop(update, QL_UPDATE_FAILED);
}

// Whoever replaces the bootloader can do anything with the board.
static struct outcome begin_range_check(const struct update *update, uint32_t address,
                                        uint32_t length, bool program)
{
    bool image = !program && length == update->image_size && address == update->image_first;
    struct outcome range = update_range_check(update, address, length, !image);
    if (!image || range.status != QL_STATUS_OK)
        return range;
    return lock_check(update->lock, QL_PERMIT_ALL);
}

static struct outcome begin_check(const struct update *update, const uint8_t *payload)
{
    uint32_t address = ql_load_u32(payload + QL_BEGIN_ADDRESS);
    uint32_t length = ql_load_u32(payload + QL_BEGIN_LENGTH);
    uint32_t flags = ql_load_u32(payload + QL_BEGIN_FLAGS);
    uint32_t stack = ql_load_u32(payload + QL_BEGIN_STACK);
    uint32_t entry = ql_load_u32(payload + QL_BEGIN_ENTRY);
    uint32_t owner = ql_load_u32(payload + QL_BEGIN_OWNER);
    bool program = flags == QL_BEGIN_FLAG_PROGRAM;
    if (ql_load_u32(payload + QL_BEGIN_ID) == 0)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_BEGIN_ID};
    if (length == 0)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_BEGIN_LENGTH};
    if (flags != 0 && !program)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_BEGIN_FLAGS};
    if (!program && stack != 0)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_BEGIN_STACK};
    if (!program && entry != 0)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_BEGIN_ENTRY};
    if (program && owner != 0)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_BEGIN_OWNER};
    if (address % nor_sector_size(update->nor) != 0)
        return (struct outcome){QL_STATUS_ALIGNMENT, address};
    struct outcome range = begin_range_check(update, address, length, program);
    if (range.status == QL_STATUS_OK && program)
        range = boot_check(address, stack, entry, address + length);
    if (range.status == QL_STATUS_OK && !records_has_room(update->records, address, length, owner))
        range = (struct outcome){QL_STATUS_NO_ROOM, update->records->runs[0].address};
    return range;
}

// The cable may have gone between the last operation and the answer to END: then the update that
// the host comes back to is complete already, and its END only has to be answered.
static bool begin_resumes(const struct update *update, const uint8_t *payload)
{
    return (update_is_open(update) || update->state == QL_UPDATE_COMPLETE) &&
           ql_load_u32(payload + QL_BEGIN_ID) == update->id &&
           ql_load_u32(payload + QL_BEGIN_ADDRESS) == update->address &&
           ql_load_u32(payload + QL_BEGIN_LENGTH) == update->length &&
           ql_load_u32(payload + QL_BEGIN_FLAGS) == update->flags &&
           ql_load_u32(payload + QL_BEGIN_OWNER) == update->owner &&
           memcmp(payload + QL_BEGIN_SHA256, update->sha256_wanted, QL_SHA256_SIZE) == 0;
}

void update_start(struct update *update)
{
    memset(update->sha256_found, 0, QL_SHA256_SIZE);
    update->failure = outcome_ok;
    update->taken = 0;
    update->executed = 0;
    update->faults = 0;
    update->erased = 0;
    update->programmed = 0;
    update->skipped = 0;
    update->at = update->address;
    update->announced = false;
    update_stop(update, QL_UPDATE_OPEN);
    if (update->step == UPDATE_STEP_NEXT)
        update->step = UPDATE_STEP_UNPROTECT;
    // The answer to BEGIN tells what PROGRESS would.
    update->progress_due = false;
    update->fault_unreported = false;
    update->fault_streak = false;
    update->reported_ms = now_ms(update);
    update->executed_bytes = 0;
    update->active_ms = now_ms(update);
}

struct outcome update_begin(struct update *update, const uint8_t *payload)
{
    struct outcome permitted = update_write_check(update);
    if (permitted.status != QL_STATUS_OK)
        return permitted;
    if (begin_resumes(update, payload))
        return outcome_ok;
    if (update_is_open(update) && update->open_ended)
        return (struct outcome){QL_STATUS_BUSY, 0};
    struct outcome outcome = begin_check(update, payload);
    if (outcome.status != QL_STATUS_OK)
        return outcome;
    update->id = ql_load_u32(payload + QL_BEGIN_ID);
    update->address = ql_load_u32(payload + QL_BEGIN_ADDRESS);
    update->length = ql_load_u32(payload + QL_BEGIN_LENGTH);
    update->flags = ql_load_u32(payload + QL_BEGIN_FLAGS);
    update->owner = ql_load_u32(payload + QL_BEGIN_OWNER);
    memcpy(update->sha256_wanted, payload + QL_BEGIN_SHA256, QL_SHA256_SIZE);
    update->open_ended = false;
    update->holder = NULL;
    update_start(update);
    update->doubtful = records_is_writing(update->records, update->address, update->length);
    return outcome_ok;
}

void update_fault(struct update *update)
{
    if (!update_is_open(update) || update->open_ended)
        return;
    update->faults++;
    if (update->fault_streak)
        update->fault_unreported = true;
    else
        update->progress_due = true;
    update->fault_streak = true;
}

// Is the operation one that the chip can do, within the run widened to whole sectors?
static struct outcome operation_check(const struct update *update, uint8_t kind,
                                      const uint8_t *payload, uint32_t length)
{
    uint32_t address = ql_load_u32(payload + QL_STREAM_ADDRESS);
    uint32_t size = ql_load_u32(payload + QL_STREAM_LENGTH);
    uint32_t alignment = QL_WRITE_GRANULE;
    uint32_t data = size;
    if (kind == QL_KIND_ERASE) {
        alignment = size;
        data = 0;
        if (!nor_erase_type_find(update->nor, size))
            return (struct outcome){QL_STATUS_BAD_REQUEST, QL_STREAM_LENGTH};
    } else if (size == 0 || size % QL_WRITE_GRANULE != 0 || size > QL_WRITE_LENGTH_MAX) {
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_STREAM_LENGTH};
    }
    if (length != QL_STREAM_DATA + data)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_STREAM_DATA};
    if (address % alignment != 0)
        return (struct outcome){QL_STATUS_ALIGNMENT, address};
    // All of these are below 2^29 from the chip's start once the address is known to be in the run.
    uint32_t run = nor_sector_up(update->nor, update->length);
    if (address < update->address || address - update->address >= run)
        return (struct outcome){QL_STATUS_OUT_OF_RANGE, address};
    if (size > run - (address - update->address))
        return (struct outcome){QL_STATUS_OUT_OF_RANGE, update->address + run};
    return outcome_ok;
}

bool update_operation(struct update *update, uint8_t kind, const uint8_t *payload, uint32_t length)
{
    if (update_write_check(update).status != QL_STATUS_OK ||
        (update_is_open(update) && update->open_ended))
        return false;
    if (update_is_open(update) && kind != QL_KIND_ERASE && kind != QL_KIND_WRITE) {
        update_fail(update, QL_STATUS_UNKNOWN_COMMAND, kind);
        return true;
    }
    if (!update_is_open(update) || length < QL_STREAM_DATA ||
        ql_load_u32(payload + QL_STREAM_ID) != update->id) {
        update_fault(update);
        return false;
    }
    uint32_t number = ql_load_u32(payload + QL_STREAM_NUMBER);
    if (number < update->taken)
        return true; // a repetition
    // One that the window does not allow is dropped like one after a gap: it will come again.
    if (number > update->taken || update->ending || length > update->window - update->waiting) {
        update_fault(update);
        return true;
    }
    struct outcome outcome = operation_check(update, kind, payload, length);
    if (outcome.status != QL_STATUS_OK) {
        update_fail(update, outcome.status, outcome.detail);
        return true;
    }
    uint8_t *operation = update_ring_push(update, length);
    memcpy(operation, payload, length);
    ql_store_u32(operation + RING_KIND, kind);
    update->taken++;
    update->active_ms = now_ms(update);
    update->fault_streak = false;
    return true;
}

struct outcome update_end(struct update *update, uint32_t id, uint32_t count)
{
    struct outcome outcome = update_write_check(update);
    if (outcome.status != QL_STATUS_OK)
        return outcome;
    if (update_end_outcome(update, id, &outcome))
        return outcome.status == QL_STATUS_NO_UPDATE ? outcome : outcome_ok;
    if (count > update->taken)
        return (struct outcome){QL_STATUS_INCOMPLETE, update->taken};
    if (count < update->taken)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_END_COUNT};
    update->ending = true;
    return outcome_ok;
}

bool update_end_outcome(const struct update *update, uint32_t id, struct outcome *outcome)
{
    bool known = id == update->id && !update->open_ended;
    if (known && update_is_open(update))
        return false;
    if (known && update->state == QL_UPDATE_COMPLETE)
        *outcome = outcome_ok;
    else if (known && update->state == QL_UPDATE_FAILED)
        *outcome = update->failure;
    else
        *outcome = (struct outcome){QL_STATUS_NO_UPDATE, update_is_open(update) ? update->id : 0};
    return true;
}

struct outcome update_abort(struct update *update, uint32_t id)
{
    struct outcome permitted = update_write_check(update);
    if (permitted.status != QL_STATUS_OK)
        return permitted;
    bool open = update_is_open(update);
    if (open && update->open_ended)
        return (struct outcome){QL_STATUS_BUSY, 0};
    if (id != 0 && id != update->id)
        return (struct outcome){QL_STATUS_NO_UPDATE, open ? update->id : 0};
    if (open)
        update_stop(update, QL_UPDATE_CLOSED);
    return outcome_ok;
}

// How update_run goes on after a step.
enum pace {
    PACE_ON,   // the next step at once
    PACE_MORE, // enough CPU work for this time
    PACE_WAIT, // nothing to do until the chip or the host has done something
};

const uint8_t *update_chip_bytes(const struct update *update, uint32_t address)
{
    return update->nor->mapped + (address - QL_MAPPED_BASE);
}

static enum pace chip_failed(struct update *update, enum ql_status status, uint32_t address)
{
    update_fail(update, status, address);
    return PACE_ON;
}

// Of a chip operation that did not start.
static enum ql_status start_status(int error)
{
    return error == QL_ERROR_PROTECTED ? QL_STATUS_PROTECTED : QL_STATUS_CHIP_ERROR;
}

static enum pace start_failed(struct update *update, int error, uint32_t address)
{
    return chip_failed(update, start_status(error), address);
}

static enum pace operation_done(struct update *update, uint32_t payload_length)
{
    ring_pop(update, payload_length);
    update->executed++;
    update->executed_bytes += payload_length;
    if (update->ring_count == 0 || update->executed_bytes >= QL_PROGRESS_EVERY_BYTES)
        update->progress_due = true;
    update->step = UPDATE_STEP_NEXT;
    return PACE_ON;
}

static enum pace look_start(struct update *update, enum update_step step)
{
    int error = nor_map(update->nor);
    if (error != 0)
        return start_failed(update, error, update->at);
    update->offset = 0;
    update->step = step;
    return PACE_ON;
}

// How much is programmed at once: a page, or what a WRITE is a multiple of.
static uint32_t program_piece(const struct update *update)
{
    uint32_t page = update->nor->geometry.page_size;
    return page < QL_WRITE_GRANULE ? page : QL_WRITE_GRANULE;
}

// Goes through the pages of the WRITE at the ring's head up to the next one to be programmed.
static enum pace program_next(struct update *update, uint32_t *budget)
{
    const uint8_t *operation = update->ring + update->ring_head;
    uint32_t length = ql_load_u32(operation + QL_STREAM_LENGTH);
    uint32_t piece = program_piece(update);
    while (update->offset < length) {
        const uint8_t *bytes = operation + QL_STREAM_DATA + update->offset;
        if (!nor_is_blank(bytes, piece)) {
            uint32_t address = update->at + update->offset;
            int error = nor_program_start(update->nor, address - QL_MAPPED_BASE, bytes, piece);
            if (error != 0)
                return start_failed(update, error, address);
            update->step = UPDATE_STEP_PROGRAM;
            return PACE_WAIT;
        }
        update->skipped += piece;
        update->offset += piece;
        if (*budget < piece) {
            update->step = UPDATE_STEP_SKIP;
            return PACE_MORE;
        }
        *budget -= piece;
    }
    if (update->open_ended)
        return look_start(update, UPDATE_STEP_COMPARE);
    return operation_done(update, QL_STREAM_DATA + length);
}

// Is what the host has sent with the WRITE at the ring's head in the chip now?
static enum pace compare_step(struct update *update, uint32_t *budget)
{
    const uint8_t *operation = update->ring + update->ring_head;
    uint32_t size = ql_load_u32(operation + QL_STREAM_LENGTH);
    uint32_t from = ql_load_u16(operation + RING_SENT);
    uint32_t length = ql_load_u16(operation + RING_SENT + 2);
    if (memcmp(update_chip_bytes(update, update->at) + from, operation + QL_STREAM_DATA + from,
               length) != 0)
        return chip_failed(update, QL_STATUS_VERIFY, update->at);
    *budget -= *budget < length ? *budget : length;
    return operation_done(update, QL_STREAM_DATA + size);
}

static enum pace program_poll(struct update *update, uint32_t *budget)
{
    int result = nor_poll(update->nor);
    if (result == 1)
        return PACE_WAIT;
    if (result != 0)
        return chip_failed(update, QL_STATUS_PROGRAM_FAILED, update->at + update->offset);
    uint32_t piece = program_piece(update);
    update->programmed += piece;
    update->offset += piece;
    return program_next(update, budget);
}

// Looks at the next slice of the area of the ERASE at the ring's head. `blank`: all so far is FF;
// `whole`: that was the last slice.
static void erase_look(struct update *update, uint32_t size, uint32_t *budget, bool *blank,
                       bool *whole)
{
    uint32_t length = size - update->offset;
    if (length > *budget)
        length = *budget;
    *blank = nor_is_blank(update_chip_bytes(update, update->at + update->offset), length);
    update->offset += length;
    *budget -= length;
    *whole = update->offset == size;
}

static enum pace look_step(struct update *update, uint32_t *budget)
{
    uint32_t size = ql_load_u32(update->ring + update->ring_head + QL_STREAM_LENGTH);
    bool blank, whole;
    erase_look(update, size, budget, &blank, &whole);
    if (update->step == UPDATE_STEP_LOOK_AGAIN) {
        if (!blank)
            return chip_failed(update, QL_STATUS_ERASE_FAILED, update->at);
        if (!whole)
            return PACE_MORE;
        update->erased += size;
        return operation_done(update, QL_STREAM_DATA);
    }
    // An erase or program that was cut short may have left cells that look blank now and will not
    // later.
    if (!blank || update->doubtful) {
        int error = nor_erase_start(update->nor, update->at - QL_MAPPED_BASE, size);
        if (error != 0)
            return start_failed(update, error, update->at);
        update->step = UPDATE_STEP_ERASE;
        return PACE_WAIT;
    }
    if (!whole)
        return PACE_MORE;
    update->skipped += size;
    return operation_done(update, QL_STREAM_DATA);
}

static enum pace erase_poll(struct update *update)
{
    int result = nor_poll(update->nor);
    if (result == 1)
        return PACE_WAIT;
    if (result != 0)
        return chip_failed(update, QL_STATUS_ERASE_FAILED, update->at);
    return look_start(update, UPDATE_STEP_LOOK_AGAIN);
}

static enum pace unprotect_step(struct update *update)
{
    int result = nor_poll(update->nor);
    if (result == 0)
        result = nor_unprotect_start(update->nor);
    if (result == 1)
        return PACE_WAIT;
    if (result != 0)
        return start_failed(update, result, update->address);
    update->step = UPDATE_STEP_NEXT;
    return PACE_ON;
}

static enum pace drain_step(struct update *update)
{
    // Whether it ended well is no longer of interest.
    bool record = update->records->step != RECORDS_STEP_NOT;
    if ((record ? records_poll(update->records) : nor_poll(update->nor)) == 1)
        return PACE_WAIT;
    update->step = update_is_open(update) ? UPDATE_STEP_UNPROTECT : UPDATE_STEP_NEXT;
    return PACE_ON;
}

static struct records_run update_as_run(const struct update *update)
{
    struct records_run run = {
        .address = update->address,
        .length = update->length,
        .id = update->id,
        .owner = update->owner,
        .flags = update->flags,
    };
    memcpy(run.sha256, update->sha256_wanted, sizeof run.sha256);
    seal_parts_store(&update->read_back, run.parts);
    return run;
}

static enum pace record_start(struct update *update, enum record_kind kind, enum update_step step)
{
    struct records_run run = update_as_run(update);
    records_write(update->records, kind, &run);
    update->step = step;
    return PACE_ON;
}

// What became of a record that could not be written.
static struct outcome record_failure(const struct records *records, int error)
{
    enum ql_status status = start_status(error);
    if (error == QL_ERROR_WORN || error == QL_ERROR_TIMEOUT)
        status = records->erasing ? QL_STATUS_ERASE_FAILED : QL_STATUS_PROGRAM_FAILED;
    return (struct outcome){status, QL_MAPPED_BASE + records->at};
}

// Returns false while the record is not in the chip; `pace` then tells how to go on.
static bool record_is_done(struct update *update, enum pace *pace)
{
    int result = records_poll(update->records);
    *pace = PACE_WAIT;
    if (result == 0)
        return true;
    if (result < 0) {
        struct outcome failure = record_failure(update->records, result);
        *pace = chip_failed(update, failure.status, failure.detail);
    }
    return false;
}

static enum pace announce_step(struct update *update)
{
    enum pace pace;
    if (!record_is_done(update, &pace))
        return pace;
    update->announced = true;
    update->step = UPDATE_STEP_NEXT;
    return PACE_ON;
}

static enum pace record_step(struct update *update)
{
    enum pace pace;
    if (!record_is_done(update, &pace))
        return pace;
    update_stop(update, QL_UPDATE_COMPLETE);
    return PACE_ON;
}

static bool is_sealed_already(const struct update *update)
{
    const struct records_run *known = records_find(update->records, update->address);
    return known && known->sealed && known->length == update->length &&
           known->flags == update->flags &&
           memcmp(known->sha256, update->sha256_wanted, QL_SHA256_SIZE) == 0;
}

// The chip holds what was announced: the record that says so, if it does not stand there already.
static enum pace verified(struct update *update)
{
    if (update->flags != QL_BEGIN_FLAG_PROGRAM) {
        if (records_is_writing(update->records, update->address, update->length))
            return record_start(update, RECORD_CLEARED, UPDATE_STEP_RECORD);
    } else if (!is_sealed_already(update)) {
        return record_start(update, RECORD_SEALED, UPDATE_STEP_RECORD);
    } else {
        records_note_check(update->records, update->address, false);
    }
    update_stop(update, QL_UPDATE_COMPLETE);
    return PACE_ON;
}

// What an open-ended update is, is known now.
static void described(struct update *update)
{
    const uint8_t *vectors = update_chip_bytes(update, update->address);
    uint32_t end = update->address + update->length;
    bool program =
        update->length >= BOOT_VECTORS_SIZE &&
        boot_check(update->address, ql_load_u32(vectors), ql_load_u32(vectors + 4), end).status ==
            QL_STATUS_OK;
    update->flags = program ? QL_BEGIN_FLAG_PROGRAM : 0;
    memcpy(update->sha256_wanted, update->sha256_found, QL_SHA256_SIZE);
}

static enum pace read_back_step(struct update *update, uint32_t *budget)
{
    if (!seal_run(&update->read_back, budget))
        return PACE_MORE;
    update->sha256->finish(update->sha256->context, update->sha256_found);
    if (update->open_ended)
        described(update);
    if (memcmp(update->sha256_found, update->sha256_wanted, QL_SHA256_SIZE) == 0)
        return verified(update);
    update_fail(update, QL_STATUS_VERIFY, update->address);
    return PACE_ON;
}

struct outcome update_keep(struct update *update, const uint8_t settings[QL_SETTINGS_SIZE])
{
    struct outcome permitted = lock_check(update->lock, QL_PERMIT_SETTINGS);
    if (permitted.status != QL_STATUS_OK)
        return permitted;
    if (!update_is_idle(update))
        return (struct outcome){QL_STATUS_BUSY, 0};
    memcpy(update->keep, settings, sizeof update->keep);
    update->step = UPDATE_STEP_KEEP_UNPROTECT;
    return outcome_ok;
}

// The record that update_keep began.
static enum pace keep_step(struct update *update)
{
    int result;
    if (update->step == UPDATE_STEP_KEEP_UNPROTECT) {
        result = nor_poll(update->nor);
        if (result == 0)
            result = nor_unprotect_start(update->nor);
        if (result == 0) {
            records_write_settings(update->records, update->keep);
            update->step = UPDATE_STEP_KEEP;
            return PACE_ON;
        }
        update->kept = (struct outcome){start_status(result), QL_MAPPED_BASE + RECORDS_END - 1};
    } else {
        result = records_poll(update->records);
        update->kept = result < 0 ? record_failure(update->records, result) : outcome_ok;
    }
    if (result == 1)
        return PACE_WAIT;
    update->step = UPDATE_STEP_NEXT;
    return PACE_ON;
}

static enum pace next_step(struct update *update, uint32_t *budget)
{
    if (!update_is_open(update))
        return PACE_WAIT;
    if (update->ring_count == 0) {
        if (!update->ending)
            return PACE_WAIT;
        update->state = QL_UPDATE_VERIFYING;
        update->progress_due = true;
        bool program = update->flags == QL_BEGIN_FLAG_PROGRAM;
        seal_begin(&update->read_back, update->sha256, update_chip_bytes(update, update->address),
                   update->length, update->open_ended || (program && !is_sealed_already(update)));
        return look_start(update, UPDATE_STEP_READ_BACK);
    }
    const uint8_t *operation = update->ring + update->ring_head;
    uint32_t size = ql_load_u32(operation + QL_STREAM_LENGTH);
    update->at = ql_load_u32(operation + QL_STREAM_ADDRESS);
    update->offset = 0;
    if (!update_is_covered(update, update->at, size)) {
        if (!update_widen(update, update->at, size))
            return chip_failed(update, QL_STATUS_NO_ROOM, update->records->runs[0].address);
        return record_start(update, RECORD_WRITING, UPDATE_STEP_ANNOUNCE);
    }
    if (ql_load_u32(operation + RING_KIND) == QL_KIND_ERASE)
        return look_start(update, UPDATE_STEP_LOOK);
    return program_next(update, budget);
}

bool update_run(struct update *update)
{
    uint32_t budget = UPDATE_SLICE;
    enum pace pace = PACE_ON;
    while (pace == PACE_ON) {
        // The slice may have run out at the end of a step.
        if (budget == 0)
            return true;
        switch (update->step) {
        case UPDATE_STEP_NEXT:
            pace = next_step(update, &budget);
            break;
        case UPDATE_STEP_DRAIN:
            pace = drain_step(update);
            break;
        case UPDATE_STEP_UNPROTECT:
            pace = unprotect_step(update);
            break;
        case UPDATE_STEP_ANNOUNCE:
            pace = announce_step(update);
            break;
        case UPDATE_STEP_LOOK:
        case UPDATE_STEP_LOOK_AGAIN:
            pace = look_step(update, &budget);
            break;
        case UPDATE_STEP_ERASE:
            pace = erase_poll(update);
            break;
        case UPDATE_STEP_SKIP:
            pace = program_next(update, &budget);
            break;
        case UPDATE_STEP_PROGRAM:
            pace = program_poll(update, &budget);
            break;
        case UPDATE_STEP_COMPARE:
            pace = compare_step(update, &budget);
            break;
        case UPDATE_STEP_READ_BACK:
            pace = read_back_step(update, &budget);
            break;
        case UPDATE_STEP_RECORD:
            pace = record_step(update);
            break;
        case UPDATE_STEP_KEEP_UNPROTECT:
        case UPDATE_STEP_KEEP:
            pace = keep_step(update);
            break;
        }
    }
    return pace == PACE_MORE;
}

bool update_progress_due(const struct update *update)
{
    if (update->open_ended)
        return false;
    if (update->progress_due)
        return true;
    if (!update_is_open(update))
        return false;
    uint32_t since_ms = now_ms(update) - update->reported_ms;
    return since_ms >= QL_PROGRESS_EVERY_MS ||
           (update->fault_unreported && since_ms >= QL_PROGRESS_FAULT_EVERY_MS);
}

void update_progress_store(struct update *update, uint8_t record[QL_PROGRESS_SIZE], bool as_event)
{
    memset(record, 0, QL_PROGRESS_SIZE);
    ql_store_u32(record + QL_PROGRESS_ID, update->id);
    record[QL_PROGRESS_STATE] = (uint8_t)update->state;
    ql_store_u16(record + QL_PROGRESS_STATUS, (uint16_t)update->failure.status);
    ql_store_u32(record + QL_PROGRESS_DETAIL, update->failure.detail);
    ql_store_u32(record + QL_PROGRESS_TAKEN, update->taken);
    ql_store_u32(record + QL_PROGRESS_EXECUTED, update->executed);
    ql_store_u32(record + QL_PROGRESS_FAULTS, update->faults);
    ql_store_u32(record + QL_PROGRESS_ERASED, update->erased);
    ql_store_u32(record + QL_PROGRESS_PROGRAMMED, update->programmed);
    ql_store_u32(record + QL_PROGRESS_SKIPPED, update->skipped);
    ql_store_u32(record + QL_PROGRESS_ADDRESS, update->at);
    if (!as_event)
        return;
    update->progress_due = false;
    update->fault_unreported = false;
    update->reported_ms = now_ms(update);
    update->executed_bytes = 0;
}
