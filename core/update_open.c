// Updates whose length and hash are not known beforehand. Written from SPEC.md section 19.
//
// SPDX-License-Identifier: MIT
#include <string.h>

#include "abi/bytes.h"
#include "core/update_parts.h"

enum {
    WIDEN_STEP = 1 << 20,
};

static const struct outcome outcome_ok = {QL_STATUS_OK, 0};

static uint32_t round_up(uint32_t value, uint32_t step)
{
    return (value + step - 1) / step * step;
}

bool update_is_others(const struct update *update, const void *holder)
{
    if (!update_is_open(update) || update->holder == holder)
        return false;
    return update->open_ended || nor_now_ms(update->nor) - update->active_ms < QL_UPDATE_SILENCE_MS;
}

struct outcome update_open(struct update *update, const void *holder)
{
    struct outcome outcome = update_write_check(update);
    if (outcome.status == QL_STATUS_OK)
        outcome = update_chip_check(update);
    if (outcome.status != QL_STATUS_OK)
        return outcome;
    if (update_is_others(update, holder) || update->step >= UPDATE_STEP_KEEP_UNPROTECT)
        return (struct outcome){QL_STATUS_BUSY, update->id};
    update->id = 0;
    update->address = 0;
    update->length = 0;
    update->flags = 0;
    update->owner = 0;
    update->open_ended = true;
    update->holder = holder;
    update->reach_first = 0;
    update->reach_end = 0;
    memset(update->sha256_wanted, 0, sizeof update->sha256_wanted);
    update_start(update);
    update->doubtful = false;
    return outcome_ok;
}

void update_reach(struct update *update, uint32_t first, uint32_t end)
{
    update->reach_first = first;
    update->reach_end = end;
}

bool update_is_covered(const struct update *update, uint32_t address, uint32_t size)
{
    if (!update->open_ended)
        return update->announced;
    return update->announced && address >= update->address &&
           address + size <= update->address + update->length;
}

// Where the next known run behind `end` begins, or the programs' area ends.
static uint32_t widen_limit(const struct update *update, uint32_t end)
{
    uint32_t limit = update->program_end;
    for (unsigned i = 0; i < update->records->count; i++) {
        uint32_t first = nor_sector_down(update->nor, update->records->runs[i].address);
        if (first >= end && first < limit)
            limit = first;
    }
    return limit;
}

static bool is_doubtful(const struct update *update, uint32_t first, uint32_t end)
{
    return first < end && records_is_writing(update->records, first, end - first);
}

bool update_widen(struct update *update, uint32_t address, uint32_t size)
{
    uint32_t first = nor_sector_down(update->nor, address);
    uint32_t end = nor_sector_up(update->nor, address + size);
    uint32_t old_first = update->address, old_end = update->address + update->length;
    if (!update->open_ended)
        return true;
    if (update->reach_first < first && update->reach_end > 0)
        first = update->reach_first;
    if (update->reach_end > end)
        end = update->reach_end;
    if (update->length == 0)
        old_first = old_end = end;
    if (old_first < first)
        first = old_first;
    if (old_end > end)
        end = old_end;
    uint32_t limit = widen_limit(update, end);
    uint32_t rounded = round_up(end - first, WIDEN_STEP);
    end = limit - first < rounded ? limit : first + rounded;
    if (update->length == 0)
        old_first = old_end = end;
    // What this update has begun itself is no reason for doubt.
    update->doubtful = update->doubtful || is_doubtful(update, first, old_first) ||
                       is_doubtful(update, old_end, end);
    if (!records_has_room(update->records, first, end - first, 0))
        return false;
    update->address = first;
    update->length = end - first;
    return true;
}

static bool operation_take(struct update *update, uint8_t kind, uint32_t address, uint32_t size,
                           uint32_t data)
{
    if (!update_is_open(update) || !update->open_ended || update->ending ||
        QL_STREAM_DATA + data > update->window - update->waiting)
        return false;
    uint8_t *operation = update_ring_push(update, QL_STREAM_DATA + data);
    ql_store_u32(operation + RING_KIND, kind);
    ql_store_u32(operation + RING_SENT, 0);
    ql_store_u32(operation + QL_STREAM_ADDRESS, address);
    ql_store_u32(operation + QL_STREAM_LENGTH, size);
    update->taken++;
    update->newest = operation;
    return true;
}

bool update_take_erase(struct update *update, uint32_t address, uint32_t size)
{
    return operation_take(update, QL_KIND_ERASE, address, size, 0);
}

bool update_take_write(struct update *update, uint32_t address, const uint8_t *bytes,
                       uint32_t length)
{
    uint32_t before = address % QL_WRITE_GRANULE;
    uint32_t size = round_up(before + length, QL_WRITE_GRANULE);
    if (size > QL_WRITE_LENGTH_MAX ||
        !operation_take(update, QL_KIND_WRITE, address - before, size, size))
        return false;
    uint8_t *operation = update->newest;
    ql_store_u16(operation + RING_SENT, (uint16_t)before);
    ql_store_u16(operation + RING_SENT + 2, (uint16_t)length);
    // FF leaves as they are the bytes that the host has not sent.
    memset(operation + QL_STREAM_DATA, 0xFF, size);
    memcpy(operation + QL_STREAM_DATA + before, bytes, length);
    return true;
}

bool update_is_drained(const struct update *update)
{
    return update->ring_count == 0 && update->step == UPDATE_STEP_NEXT;
}

uint32_t update_operation_ms(const struct update *update)
{
    const struct nor *nor = update->nor;
    if (update->step != UPDATE_STEP_ERASE)
        return 1;
    uint32_t size = ql_load_u32(update->ring + update->ring_head + QL_STREAM_LENGTH);
    const struct nor_erase_type *type = nor_erase_type_find(nor, size);
    uint32_t since_ms = nor_now_ms(nor) - nor->started_ms;
    return type && type->typical_ms > since_ms ? type->typical_ms - since_ms : 1;
}

uint32_t update_waiting_ms(const struct update *update)
{
    const struct nor_geometry *geometry = &update->nor->geometry;
    uint32_t pages = update->waiting / geometry->page_size;
    return update_operation_ms(update) + pages * geometry->program_typical_us / 1000;
}

void update_seal(struct update *update, uint32_t address, uint32_t length)
{
    update->address = address;
    update->length = length;
    update->ending = true;
}

void update_close(struct update *update)
{
    if (update->open_ended && update_is_open(update))
        update_stop(update, QL_UPDATE_CLOSED);
}
