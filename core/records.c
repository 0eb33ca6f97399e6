// The log of records. Written from SPEC.md section 12.
//
// SPDX-License-Identifier: MIT
#include "core/records.h"

#include <string.h>

#include "abi/bytes.h"
#include "abi/crc32.h"
#include "core/error.h"
#include "core/settings.h"

enum {
    PLACES = RECORDS_SECTORS * RECORDS_SLOTS,
    TO_BURN = 2,
    COPIES_MAX = RECORDS_MAX + 1, // in a snapshot: the runs and the settings
};

void records_init(struct records *records, struct nor *nor)
{
    *records = (struct records){.nor = nor, .slot = RECORDS_SLOTS, .to_burn = TO_BURN};
    settings_clear(records->settings);
}

// --- Known runs ---------------------------------------------------------------------------------

static uint32_t first_sector(uint32_t address)
{
    return address / QL_SECTOR_SIZE;
}

static uint32_t last_sector(uint32_t address, uint32_t length)
{
    return (address + (length - 1)) / QL_SECTOR_SIZE;
}

static bool shares_sector(const struct records_run *run, uint32_t address, uint32_t length)
{
    return first_sector(run->address) <= last_sector(address, length) &&
           first_sector(address) <= last_sector(run->address, run->length);
}

const struct records_run *records_find(const struct records *records, uint32_t address)
{
    for (unsigned i = 0; i < records->count; i++)
        if (records->runs[i].address == address)
            return &records->runs[i];
    return NULL;
}

const struct records_run *records_at(const struct records *records, uint32_t address)
{
    for (unsigned i = 0; i < records->count; i++)
        if (shares_sector(&records->runs[i], address, 1))
            return &records->runs[i];
    return NULL;
}

bool records_is_writing(const struct records *records, uint32_t address, uint32_t length)
{
    for (unsigned i = 0; i < records->count; i++)
        if (!records->runs[i].sealed && shares_sector(&records->runs[i], address, length))
            return true;
    return false;
}

// WRITING drops these.
static bool is_overwritten(const struct records_run *known, uint32_t address, uint32_t length,
                           uint32_t owner)
{
    return shares_sector(known, address, length) || (owner != 0 && known->address == owner);
}

bool records_has_room(const struct records *records, uint32_t address, uint32_t length,
                      uint32_t owner)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < records->count; i++)
        if (!is_overwritten(&records->runs[i], address, length, owner))
            kept++;
    return kept < RECORDS_MAX;
}

void records_note_check(struct records *records, uint32_t address, bool changed)
{
    for (unsigned i = 0; i < records->count; i++)
        if (records->runs[i].address == address)
            records->runs[i].changed = changed;
}

static void last_note(struct records *records, enum record_kind kind, const struct records_run *run)
{
    records->last = (struct records_last){kind, run->address, run->length, run->id};
}

// What a record says becomes what is known. Order is kept: in a snapshot, too, a run comes behind
// those whose WRITING would drop it.
static void run_apply(struct records *records, enum record_kind kind, const struct records_run *run)
{
    unsigned kept = 0;
    last_note(records, kind, run);
    for (unsigned i = 0; i < records->count; i++) {
        const struct records_run *known = &records->runs[i];
        bool dropped;
        if (kind == RECORD_WRITING)
            dropped = is_overwritten(known, run->address, run->length, run->owner);
        else
            dropped = shares_sector(known, run->address, run->length) &&
                      (kind == RECORD_SEALED || !known->sealed);
        if (!dropped)
            records->runs[kept++] = *known;
    }
    records->count = kept;
    if (kind == RECORD_CLEARED)
        return;
    if (records->count == RECORDS_MAX) {
        // No board writes that. The oldest is forgotten: what is not known is not started.
        memmove(records->runs, records->runs + 1, (RECORDS_MAX - 1) * sizeof records->runs[0]);
        records->count--;
    }
    struct records_run *added = &records->runs[records->count++];
    *added = *run;
    added->sealed = kind == RECORD_SEALED;
    added->changed = false;
}

// --- Reading the log ----------------------------------------------------------------------------

// All from the chip's start.
static uint32_t sector_offset(const struct records *records, unsigned sector)
{
    return RECORDS_END - (RECORDS_SECTORS - sector) * records->sector_size;
}

static uint32_t place_offset(const struct records *records, unsigned place)
{
    return sector_offset(records, place / RECORDS_SLOTS) + place % RECORDS_SLOTS * RECORD_SIZE;
}

static const uint8_t *place_bytes(const struct records *records, unsigned place)
{
    return records->nor->mapped + place_offset(records, place);
}

// The serial number of what claims to be a record at this place, or RECORD_SERIAL_END. Cheap: the
// CRC is not looked at.
static uint32_t place_serial(const struct records *records, unsigned place)
{
    const uint8_t *bytes = place_bytes(records, place);
    if (ql_load_u32(bytes + RECORD_MAGIC) != RECORD_MAGIC_VALUE)
        return RECORD_SERIAL_END;
    uint32_t serial = ql_load_u32(bytes + RECORD_SERIAL);
    return serial < RECORD_SERIAL_END && serial % PLACES == place ? serial : RECORD_SERIAL_END;
}

// The record with this serial number, or NULL if its place does not hold it.
static const uint8_t *record_find(const struct records *records, uint32_t serial)
{
    unsigned place = serial % PLACES;
    const uint8_t *bytes = place_bytes(records, place);
    if (place_serial(records, place) != serial ||
        ql_load_u32(bytes + RECORD_CRC) != ql_crc32(0, bytes, RECORD_CRC))
        return NULL;
    return bytes;
}

static bool record_is_of(const uint8_t *bytes, enum record_kind kind)
{
    return bytes[RECORD_VERSION] == RECORD_VERSION_VALUE && bytes[RECORD_KIND] == kind;
}

static void run_load(struct records_run *run, const uint8_t *bytes)
{
    *run = (struct records_run){
        .address = ql_load_u32(bytes + RECORD_ADDRESS),
        .length = ql_load_u32(bytes + RECORD_LENGTH),
        .id = ql_load_u32(bytes + RECORD_ID),
        .owner = ql_load_u32(bytes + RECORD_OWNER),
        .flags = ql_load_u32(bytes + RECORD_FLAGS),
    };
    memcpy(run->sha256, bytes + RECORD_SHA256, sizeof run->sha256);
    memcpy(run->parts, bytes + RECORD_PARTS, sizeof run->parts);
}

static bool run_is_in_chip(const struct records *records, const struct records_run *run)
{
    uint32_t size = records->nor->geometry.size;
    return run->address >= QL_MAPPED_BASE && run->address - QL_MAPPED_BASE < size &&
           run->length != 0 && run->length <= size - (run->address - QL_MAPPED_BASE);
}

static void record_apply(struct records *records, const uint8_t *bytes)
{
    struct records_run run;
    uint8_t kind = bytes[RECORD_KIND];
    if (record_is_of(bytes, RECORD_HEAD))
        return;
    if (bytes[RECORD_VERSION] != RECORD_VERSION_VALUE || kind < RECORD_HEAD ||
        kind > RECORD_SETTINGS) {
        // A later version of the bootloader was here and did who knows what.
        records->count = 0;
        return;
    }
    if (kind == RECORD_SETTINGS) {
        memcpy(records->settings, bytes + RECORD_SETTINGS_ITEMS, QL_SETTINGS_SIZE);
        return;
    }
    run_load(&run, bytes);
    if (run_is_in_chip(records, &run))
        run_apply(records, (enum record_kind)kind, &run);
}

// Do a HEAD and its live records stand there whole, the HEAD being number `serial`?
static bool snapshot_is_complete(const struct records *records, uint32_t serial)
{
    const uint8_t *head = record_find(records, serial);
    if (!head || !record_is_of(head, RECORD_HEAD) || head[RECORD_LIVE] > COPIES_MAX)
        return false;
    for (unsigned i = 1; i <= head[RECORD_LIVE]; i++) {
        const uint8_t *copy = record_find(records, serial + i);
        if (!copy || (!record_is_of(copy, RECORD_WRITING) && !record_is_of(copy, RECORD_SEALED) &&
                      !record_is_of(copy, RECORD_SETTINGS)))
            return false;
    }
    return true;
}

static void base_find(struct records *records)
{
    uint32_t below = RECORD_SERIAL_END;
    for (;;) {
        uint32_t best = RECORD_SERIAL_END;
        for (unsigned sector = 0; sector < RECORDS_SECTORS; sector++) {
            uint32_t serial = place_serial(records, sector * RECORDS_SLOTS);
            if (serial < below && (best == RECORD_SERIAL_END || serial > best))
                best = serial;
        }
        if (best == RECORD_SERIAL_END)
            return;
        if (snapshot_is_complete(records, best)) {
            records->based = true;
            records->base = best / RECORDS_SLOTS;
            return;
        }
        below = best;
    }
}

static void newest_note(struct records *records, uint32_t serial)
{
    uint32_t generation = serial / RECORDS_SLOTS;
    if (!records->used || generation > records->generation)
        records->generation = generation;
    records->used = true;
}

// Replays what was recorded since the newest complete snapshot, wherever it stands.
static void records_replay(struct records *records)
{
    uint32_t serial = records->base * RECORDS_SLOTS;
    newest_note(records, serial);
    for (unsigned i = 1; i < PLACES; i++) {
        const uint8_t *bytes = record_find(records, serial + i);
        if (!bytes)
            continue;
        newest_note(records, serial + i);
        record_apply(records, bytes);
    }
}

// Without a complete snapshot nothing is known; but what will be written must be newer than all
// that stands there.
static void records_without_base(struct records *records)
{
    for (unsigned place = 0; place < PLACES; place++) {
        uint32_t serial = place_serial(records, place);
        if (serial != RECORD_SERIAL_END && record_find(records, serial))
            newest_note(records, serial);
    }
    records->blank = !records->used &&
                     nor_is_blank(place_bytes(records, 0), RECORDS_SECTORS * records->sector_size);
}

// Does it do no harm if what stands there reads otherwise tomorrow? A run may be known at one start
// and not at the next. A SETTINGS may be one whose program was cut short, and so may what is no
// record: settings would change to and fro.
static bool place_is_harmless(const struct records *records, unsigned place)
{
    uint32_t serial = place_serial(records, place);
    if (serial == RECORD_SERIAL_END)
        return false;
    const uint8_t *bytes = record_find(records, serial);
    return bytes && !record_is_of(bytes, RECORD_SETTINGS);
}

// The first slot behind all that are not blank, if the newest sector is the snapshot's own, the
// snapshot not the last thing written (its last page may be one whose program was cut short), and
// that harmless.
static unsigned free_slot(const struct records *records)
{
    if (!records->based || records->generation != records->base)
        return RECORDS_SLOTS;
    unsigned first = records->generation % RECORDS_SECTORS * RECORDS_SLOTS;
    unsigned snapshot = 1u + place_bytes(records, first)[RECORD_LIVE];
    unsigned slot = RECORDS_SLOTS;
    while (slot > snapshot && nor_is_blank(place_bytes(records, first + slot - 1), RECORD_SIZE))
        slot--;
    return slot == snapshot || !place_is_harmless(records, first + slot - 1) ? RECORDS_SLOTS : slot;
}

void records_load(struct records *records)
{
    records_init(records, records->nor);
    if (records->nor->state == NOR_ABSENT || records->nor->geometry.size < RECORDS_END ||
        nor_map(records->nor) != 0)
        return;
    records->sector_size = nor_sector_size(records->nor);
    if (records->sector_size > RECORDS_END / RECORDS_SECTORS)
        return;
    records->present = true;
    base_find(records);
    if (records->based)
        records_replay(records);
    else
        records_without_base(records);
    records->slot = free_slot(records);
}

// --- Writing the log ----------------------------------------------------------------------------

// How a step of writing ends, beside errors.
enum {
    DONE = 0,
    WORKING = 1, // a chip operation was started
    ON = 2,      // the next step at once
};

// Of a snapshot: the settings, also if there are none, and the runs. A HEAD without a copy would be
// complete as soon as it reads right.
static unsigned copies(const struct records *records)
{
    return 1 + records->count;
}

static void page_begin(struct records *records, enum record_kind kind)
{
    uint8_t *page = records->page;
    memset(page, 0xFF, RECORD_SIZE);
    ql_store_u32(page + RECORD_MAGIC, RECORD_MAGIC_VALUE);
    ql_store_u32(page + RECORD_SERIAL, records->generation * RECORDS_SLOTS + records->slot);
    page[RECORD_VERSION] = RECORD_VERSION_VALUE;
    page[RECORD_KIND] = (uint8_t)kind;
    page[RECORD_LIVE] = kind == RECORD_HEAD ? (uint8_t)copies(records) : 0;
    page[RECORD_ZERO] = 0;
}

static void page_end(struct records *records)
{
    ql_store_u32(records->page + RECORD_CRC, ql_crc32(0, records->page, RECORD_CRC));
}

static void page_fill_settings(struct records *records, const uint8_t settings[QL_SETTINGS_SIZE])
{
    page_begin(records, RECORD_SETTINGS);
    memcpy(records->page + RECORD_SETTINGS_ITEMS, settings, QL_SETTINGS_SIZE);
    page_end(records);
}

static void page_fill(struct records *records, enum record_kind kind, const struct records_run *run)
{
    uint8_t *page = records->page;
    page_begin(records, kind);
    ql_store_u32(page + RECORD_ADDRESS, run->address);
    ql_store_u32(page + RECORD_LENGTH, run->length);
    ql_store_u32(page + RECORD_ID, run->id);
    ql_store_u32(page + RECORD_OWNER, run->owner);
    ql_store_u32(page + RECORD_FLAGS, run->flags);
    memcpy(page + RECORD_SHA256, run->sha256, sizeof run->sha256);
    if (kind == RECORD_SEALED)
        memcpy(page + RECORD_PARTS, run->parts, sizeof run->parts);
    page_end(records);
}

// Programs the page into the next slot.
static int page_start(struct records *records, enum records_step step)
{
    unsigned first = records->generation % RECORDS_SECTORS * RECORDS_SLOTS;
    records->at = place_offset(records, first + records->slot);
    records->erasing = false;
    records->blank = false;
    records->step = step;
    int error = nor_program_start(records->nor, records->at, records->page, RECORD_SIZE);
    return error != 0 ? error : WORKING;
}

// Does the chip hold the page that was programmed last? 1, 0 or an error.
static int page_holds(struct records *records)
{
    int error = nor_map(records->nor);
    if (error != 0)
        return error;
    return memcmp(records->nor->mapped + records->at, records->page, RECORD_SIZE) == 0;
}

// Programs the HEAD or the next live record behind it.
static int snapshot_next(struct records *records)
{
    static const struct records_run none;
    if (records->slot > copies(records)) {
        records->based = true;
        records->base = records->generation;
        records->to_burn = 0;
        records->step = RECORDS_STEP_START;
        return ON;
    }
    if (records->slot == 0) {
        page_fill(records, RECORD_HEAD, &none);
    } else if (records->slot == 1) {
        page_fill_settings(records, records->settings);
    } else {
        const struct records_run *run = &records->runs[records->slot - 2];
        page_fill(records, run->sealed ? RECORD_SEALED : RECORD_WRITING, run);
    }
    return page_start(records, RECORDS_STEP_SNAPSHOT);
}

// Goes on to the next sector in turn. Never to the one that holds the newest complete snapshot.
static int sector_start(struct records *records)
{
    unsigned most = records->based ? RECORDS_SECTORS - 1 : RECORDS_SECTORS;
    if (records->sectors_tried == most)
        return QL_ERROR_WORN;
    records->sectors_tried++;
    records->generation = records->used ? records->generation + 1 : 0;
    records->used = true;
    if (records->based && records->generation % RECORDS_SECTORS == records->base % RECORDS_SECTORS)
        records->generation++;
    records->slot = 0;
    if (records->blank)
        return snapshot_next(records);
    // Even if it looks blank: an erase cut short may have left cells that read otherwise later.
    records->at = sector_offset(records, records->generation % RECORDS_SECTORS);
    records->erasing = true;
    records->step = RECORDS_STEP_ERASE;
    int error = nor_erase_start(records->nor, records->at, records->sector_size);
    return error != 0 ? error : WORKING;
}

static int erase_end(struct records *records)
{
    int error = nor_map(records->nor);
    if (error != 0)
        return error;
    bool blank = nor_is_blank(records->nor->mapped + records->at, records->sector_size);
    return blank ? snapshot_next(records) : sector_start(records);
}

static int snapshot_end(struct records *records)
{
    int holds = page_holds(records);
    if (holds < 0)
        return holds;
    if (holds == 0)
        return sector_start(records);
    records->slot++;
    return snapshot_next(records);
}

static int record_start(struct records *records)
{
    // A SEALED or CLEARED follows each WRITING: both find room in the same sector. The first free
    // slots found at start are burnt, as programs cut short may have left cells there that look
    // blank now and will not later.
    unsigned needed = records->to_burn + (records->kind == RECORD_WRITING ? 2u : 1u);
    if (records->slot + needed > RECORDS_SLOTS)
        return sector_start(records);
    if (records->to_burn > 0) {
        memset(records->page, 0, RECORD_SIZE);
        return page_start(records, RECORDS_STEP_BURN);
    }
    if (records->kind == RECORD_SETTINGS)
        page_fill_settings(records, records->settings_next);
    else
        page_fill(records, records->kind, &records->run);
    return page_start(records, RECORDS_STEP_RECORD);
}

static int burn_end(struct records *records)
{
    records->slot++;
    records->to_burn--;
    return record_start(records);
}

static int record_end(struct records *records)
{
    int holds = page_holds(records);
    if (holds < 0)
        return holds;
    records->slot++;
    if (holds == 0)
        return record_start(records);
    if (records->kind == RECORD_SETTINGS) {
        memcpy(records->settings, records->settings_next, sizeof records->settings);
        records->settings_written++;
    } else {
        run_apply(records, records->kind, &records->run);
    }
    return DONE;
}

// The chip operation of a step has ended.
static int step_end(struct records *records)
{
    switch (records->step) {
    case RECORDS_STEP_START:
        return record_start(records);
    case RECORDS_STEP_ERASE:
        return erase_end(records);
    case RECORDS_STEP_SNAPSHOT:
        return snapshot_end(records);
    case RECORDS_STEP_BURN:
        return burn_end(records);
    case RECORDS_STEP_RECORD:
        return record_end(records);
    default:
        return DONE;
    }
}

void records_write(struct records *records, enum record_kind kind, const struct records_run *run)
{
    records->kind = kind;
    records->run = *run;
    records->sectors_tried = 0;
    records->step = RECORDS_STEP_START;
}

void records_write_settings(struct records *records, const uint8_t settings[QL_SETTINGS_SIZE])
{
    records->kind = RECORD_SETTINGS;
    records->settings_next = settings;
    records->sectors_tried = 0;
    records->step = RECORDS_STEP_START;
}

int records_poll(struct records *records)
{
    if (records->step == RECORDS_STEP_NOT)
        return DONE;
    int result = records->present ? nor_poll(records->nor) : QL_ERROR_ABSENT;
    if (result == 0) {
        do
            result = step_end(records);
        while (result == ON);
    }
    if (result == WORKING)
        return WORKING;
    records->step = RECORDS_STEP_NOT;
    if (result < 0)
        records->slot = RECORDS_SLOTS; // what stands there is not known any more
    return result;
}
