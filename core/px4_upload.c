// What commands of the PX4 protocol set to work: erases, bytes, CRCs, reads, and BOOT. Written from
// SPEC.md section 20.
//
// SPDX-License-Identifier: MIT
#include <string.h>

#include "abi/bytes.h"
#include "core/px4_parts.h"

enum {
    WAIT_LIMIT_MS = 15000, // for another's update; uploaders give an erase 20 s
    ALIGNMENT = 4,         // of PROG_MULTI
    PERCENT_ALL = 100,
};

static const struct outcome outcome_ok = {QL_STATUS_OK, 0};

static uint32_t area_first(const struct px4 *px4)
{
    return server_boot_address(px4->server);
}

uint32_t px4_area_size(const struct px4 *px4)
{
    const struct update *update = px4->update;
    uint32_t first = area_first(px4);
    if (update->nor->state == NOR_ABSENT || first != nor_sector_down(update->nor, first) ||
        first >= update->program_end)
        return 0;
    return nor_sector_down(update->nor, update->program_end - first);
}

static bool is_open(const struct px4 *px4)
{
    return px4->area != PX4_AREA_NONE && update_is_open(px4->update) && px4->update->holder == px4;
}

void px4_forget(struct px4 *px4)
{
    if (is_open(px4))
        update_close(px4->update);
    server_release(px4->server, px4);
    px4->area = PX4_AREA_NONE;
    px4->empty_internal = false;
    px4->checked = false;
    px4->page_fill = 0;
    px4->work = PX4_WORK_NOT;
    px4->length = 0;
}

static void fail_busy(struct px4 *px4)
{
    px4_fail(px4, (struct outcome){QL_STATUS_BUSY, px4->update->id});
}

static bool has_waited(const struct px4 *px4)
{
    return px4_now_ms(px4) - px4->work_ms > WAIT_LIMIT_MS;
}

// --- Bytes for the engine -----------------------------------------------------------------------

// Has everything below `end` been given to be erased?
static bool erase_until(struct px4 *px4, uint32_t end, uint32_t limit)
{
    while (px4->erased_end < end) {
        uint32_t left = limit - px4->erased_end;
        uint32_t most = left < NOR_ERASE_MAX ? left : NOR_ERASE_MAX;
        uint32_t size = nor_erase_size(px4->update->nor, px4->erased_end, most);
        if (!update_take_erase(px4->update, px4->erased_end, size))
            return false;
        px4->erased_end += size;
    }
    return true;
}

// Gives the page's bytes to the engine. Returns false if it has no room yet.
static bool page_flush(struct px4 *px4)
{
    uint32_t address = px4->end - px4->page_fill;
    uint32_t limit = px4->first + px4_area_size(px4);
    if (px4->page_fill == 0)
        return true;
    // Behind what an external erase was told there is padding at most.
    if (px4->area == PX4_AREA_EXTERNAL)
        limit = nor_sector_up(px4->update->nor, px4->end);
    if (!erase_until(px4, px4->end, limit) ||
        !update_take_write(px4->update, address, px4->page, px4->page_fill))
        return false;
    px4->page_fill = 0;
    return true;
}

static void program_run(struct px4 *px4)
{
    uint32_t length = px4->command[1];
    while (px4->data_done < length) {
        uint32_t at = (px4->end - px4->page_fill) % PX4_PAGE + px4->page_fill;
        uint32_t room = PX4_PAGE - at;
        if (room == 0) {
            if (!page_flush(px4))
                return;
            continue;
        }
        uint32_t size = length - px4->data_done < room ? length - px4->data_done : room;
        memcpy(px4->page + px4->page_fill, px4->command + 2 + px4->data_done, size);
        px4->page_fill += size;
        px4->end += size;
        px4->data_done += size;
    }
    px4_answer(px4, PX4_OK);
}

// --- Erase --------------------------------------------------------------------------------------

static struct outcome erase_check(const struct px4 *px4)
{
    struct outcome outcome = update_write_check(px4->update);
    if (outcome.status == QL_STATUS_OK)
        outcome = update_range_check(px4->update, area_first(px4), 1, true);
    if (outcome.status == QL_STATUS_OK && px4_area_size(px4) == 0)
        outcome = (struct outcome){QL_STATUS_ALIGNMENT, area_first(px4)};
    return outcome;
}

static void erase_run(struct px4 *px4)
{
    struct outcome outcome = erase_check(px4);
    bool external = px4->work == PX4_WORK_EXTERNAL_ERASE;
    if (outcome.status == QL_STATUS_OK) {
        const void *holder = px4->server->holder;
        bool busy = update_is_others(px4->update, px4) || (holder && holder != px4);
        outcome = busy ? (struct outcome){QL_STATUS_BUSY, px4->update->id}
                       : update_open(px4->update, px4);
    }
    if (outcome.status == QL_STATUS_BUSY && !has_waited(px4))
        return;
    if (outcome.status != QL_STATUS_OK) {
        px4_fail(px4, outcome);
        return;
    }
    // CHIP_FULL_ERASE: what looks blank is erased as well.
    px4->update->doubtful = px4->command[0] == PX4_CHIP_FULL_ERASE;
    px4->area = external ? PX4_AREA_EXTERNAL : PX4_AREA_FIRMWARE;
    px4->first = px4->end = px4->erased_end = area_first(px4);
    if (!external) {
        px4_answer(px4, PX4_OK);
        return;
    }
    uint32_t length = ql_load_u32(px4->command + 1);
    px4->erase_target = px4->first + nor_sector_up(px4->update->nor, length);
    update_reach(px4->update, px4->first, px4->erase_target);
    px4_answer(px4, PX4_OK);
    px4->work = PX4_WORK_PERCENT;
    px4->percent_ms = px4_now_ms(px4) - PX4_PERCENT_EVERY_MS;
}

static void percent_run(struct px4 *px4)
{
    const struct update *update = px4->update;
    uint32_t size = px4->erase_target - px4->first;
    uint64_t done = (uint64_t)update->erased + update->skipped;
    bool all = erase_until(px4, px4->erase_target, px4->erase_target) && update_is_drained(update);
    if (px4->out_length > 0 || (!all && px4_now_ms(px4) - px4->percent_ms < PX4_PERCENT_EVERY_MS))
        return;
    uint8_t percent = all ? PERCENT_ALL : (uint8_t)(done * (PERCENT_ALL - 1) / (size + 1));
    px4_put(px4, &percent, 1);
    px4->percent_ms = px4_now_ms(px4);
    if (all)
        px4_answer(px4, PX4_OK);
}

static void erase_begin(struct px4 *px4, enum px4_opcode opcode)
{
    bool external = opcode == PX4_EXTF_ERASE;
    if (external && ql_load_u32(px4->command + 1) > px4_area_size(px4) &&
        erase_check(px4).status == QL_STATUS_OK) {
        px4_answer(px4, PX4_INVALID);
        return;
    }
    if (!external && px4->area == PX4_AREA_EXTERNAL && px4->checked && px4->end > px4->first) {
        px4->empty_internal = true;
        px4_answer(px4, PX4_OK);
        return;
    }
    px4_forget(px4);
    px4->work = external ? PX4_WORK_EXTERNAL_ERASE : PX4_WORK_ERASE;
}

static void program_begin(struct px4 *px4, bool external)
{
    uint32_t length = px4->command[1];
    uint32_t left = px4->first + px4_area_size(px4) - px4->end;
    if (!external && px4->empty_internal) {
        // There is no internal flash for programs.
        px4_fail(px4, (struct outcome){QL_STATUS_NOT_ALLOWED, 0});
    } else if (px4->area != (external ? PX4_AREA_EXTERNAL : PX4_AREA_FIRMWARE) ||
               (!external && length % ALIGNMENT != 0) || length > left) {
        px4_answer(px4, PX4_INVALID);
    } else {
        px4->checked = false;
        px4->data_done = 0;
        px4->work = PX4_WORK_PROGRAM;
    }
}

// --- What is in the chip ------------------------------------------------------------------------

// The chip is mapped, and everything is in it. False: not yet, or failed.
static bool chip_is_ready(struct px4 *px4)
{
    bool ready = is_open(px4) ? page_flush(px4) && update_is_drained(px4->update)
                              : server_hold(px4->server, px4);
    if (!ready) {
        if (!is_open(px4) && has_waited(px4))
            fail_busy(px4);
        return false;
    }
    if (nor_map(px4->server->nor) == 0)
        return true;
    px4_fail(px4, (struct outcome){QL_STATUS_CHIP_ERROR, px4->read_address});
    return false;
}

static bool may_read(struct px4 *px4)
{
    struct outcome outcome = update_read_check(px4->update, area_first(px4), 1);
    if (outcome.status == QL_STATUS_OK)
        return true;
    px4->server->upload_failure = outcome;
    px4_answer(px4, PX4_FAILED);
    return false;
}

void px4_read_begin(struct px4 *px4, uint32_t offset, uint32_t length)
{
    if (!may_read(px4))
        return;
    uint32_t size = px4_area_size(px4);
    if (offset > size || length > size - offset) {
        px4_answer(px4, PX4_INVALID);
        return;
    }
    px4->read_address = area_first(px4) + offset;
    px4->read_end = px4->read_address + length;
    px4->work = PX4_WORK_READ;
}

static void read_run(struct px4 *px4)
{
    uint32_t length = px4->read_end - px4->read_address;
    if (!chip_is_ready(px4))
        return;
    px4_put(px4, update_chip_bytes(px4->update, px4->read_address), length);
    if (px4->command[0] == PX4_READ_MULTI)
        px4->read_next += length;
    else if (px4->command[0] == PX4_EXTF_READ_MULTI)
        px4->read_ext_next += length;
    px4_answer(px4, PX4_OK);
}

// How many bytes of the chip count; behind them there is FF, for the host.
static uint32_t content_size(const struct px4 *px4, bool external)
{
    if (!external && px4->empty_internal)
        return 0;
    if (px4->area != PX4_AREA_NONE)
        return px4->end - px4->first;
    const struct records_run *run = records_find(&px4->server->records, area_first(px4));
    return run && !external ? run->length : px4_area_size(px4);
}

static void crc_begin(struct px4 *px4, bool external)
{
    uint32_t size = px4_area_size(px4);
    uint32_t total = external ? ql_load_u32(px4->command + 1) : size;
    if (!may_read(px4))
        return;
    if (total > size) {
        px4_answer(px4, PX4_INVALID);
        return;
    }
    uint32_t content = content_size(px4, external);
    content = content < total ? content : total;
    px4->crc = 0;
    px4->read_address = area_first(px4);
    px4->read_end = px4->read_address + content;
    px4->fill = total - content;
    px4->work = PX4_WORK_CRC;
}

static bool crc_run(struct px4 *px4)
{
    bool external = px4->command[0] == PX4_EXTF_GET_CRC;
    if (!chip_is_ready(px4))
        return false;
    uint32_t slice = px4->read_end - px4->read_address;
    if (slice > UPDATE_SLICE)
        slice = UPDATE_SLICE;
    px4->crc = px4_crc(px4->crc, update_chip_bytes(px4->update, px4->read_address), slice);
    px4->read_address += slice;
    if (px4->read_address < px4->read_end)
        return true;
    if (px4->area == (external ? PX4_AREA_EXTERNAL : PX4_AREA_FIRMWARE))
        px4->checked = true;
    px4_put_word(px4, px4_crc_fill(px4->crc, px4->fill));
    px4_answer(px4, PX4_OK);
    return true;
}

// --- BOOT ---------------------------------------------------------------------------------------

static void boot_begin(struct px4 *px4)
{
    struct outcome outcome = lock_check_kind(&px4->server->lock, QL_KIND_BOOT);
    if (outcome.status == QL_STATUS_OK && px4->area != PX4_AREA_NONE && !px4->checked)
        outcome = (struct outcome){QL_STATUS_INCOMPLETE, px4->first};
    if (outcome.status != QL_STATUS_OK) {
        px4->server->upload_failure = outcome;
        px4_answer(px4, PX4_FAILED);
        return;
    }
    px4->begun = false;
    px4->start_address = area_first(px4);
    px4->work = px4->area == PX4_AREA_NONE ? PX4_WORK_START : PX4_WORK_SEAL;
}

static bool seal_run_step(struct px4 *px4)
{
    struct update *update = px4->update;
    if (!px4->begun) {
        uint32_t end = px4->end > px4->first ? px4->end : px4->erased_end;
        if (!page_flush(px4) || !update_is_drained(update))
            return false;
        px4->begun = true;
        if (end > px4->first)
            update_seal(update, px4->first, end - px4->first);
        else
            update_close(update); // nothing was changed
        return true;
    }
    if (update_is_open(update))
        return false;
    px4->area = PX4_AREA_NONE;
    px4->empty_internal = false;
    px4->begun = false;
    px4->work = PX4_WORK_START;
    return true;
}

static void boot_end(struct px4 *px4, struct outcome outcome)
{
    if (outcome.status != QL_STATUS_OK) {
        px4_fail(px4, outcome);
        return;
    }
    px4_answer(px4, PX4_OK);
    px4->work = PX4_WORK_LEFT;
    px4->left_ms = px4_now_ms(px4);
}

// Begins the check of what shall start.
static bool start_run(struct px4 *px4)
{
    struct server *server = px4->server;
    if (!server_hold(server, px4)) {
        if (has_waited(px4))
            fail_busy(px4);
        return false;
    }
    // What was just sealed need not be hashed again.
    if (update_is_verified_at(px4->update, px4->start_address)) {
        boot_end(px4, server_program_check(server, px4->start_address));
        return true;
    }
    struct outcome outcome = server_check_begin(server, px4->start_address);
    if (outcome.status != QL_STATUS_OK)
        boot_end(px4, outcome);
    else
        px4->work = PX4_WORK_CHECK;
    return true;
}

static void check_run(struct px4 *px4)
{
    struct outcome outcome = outcome_ok;
    if (server_check_run(px4->server, px4->start_address, &outcome))
        boot_end(px4, outcome);
}

// --- All ----------------------------------------------------------------------------------------

void px4_begin(struct px4 *px4, enum px4_opcode opcode)
{
    px4->work_ms = px4_now_ms(px4);
    switch (opcode) {
    case PX4_PROG_MULTI:
    case PX4_EXTF_PROG_MULTI:
        program_begin(px4, opcode == PX4_EXTF_PROG_MULTI);
        break;
    case PX4_GET_CRC:
    case PX4_EXTF_GET_CRC:
        crc_begin(px4, opcode == PX4_EXTF_GET_CRC);
        break;
    case PX4_READ_MULTI:
        px4_read_begin(px4, px4->read_next, px4->command[1]);
        break;
    case PX4_EXTF_READ_MULTI:
        px4_read_begin(px4, px4->read_ext_next, px4->command[1]);
        break;
    case PX4_BOOT:
        boot_begin(px4);
        break;
    default:
        erase_begin(px4, opcode);
        break;
    }
}

// Has something come between that ends the upload? Returns false then.
static bool watch(struct px4 *px4)
{
    const struct update *update = px4->update;
    if (px4->area == PX4_AREA_NONE || (px4->work == PX4_WORK_SEAL && px4->begun &&
                                       update->holder == px4 && update->state != QL_UPDATE_FAILED))
        return true;
    struct outcome outcome = outcome_ok;
    if (update->holder != px4 || update->state == QL_UPDATE_CLOSED)
        outcome = (struct outcome){QL_STATUS_BUSY, update->id};
    else if (update->state == QL_UPDATE_FAILED)
        outcome = update->failure;
    else if (px4->work == PX4_WORK_NOT && px4_now_ms(px4) - px4->heard_ms > PX4_SILENCE_MS)
        outcome = (struct outcome){QL_STATUS_INCOMPLETE, px4->end};
    if (outcome.status == QL_STATUS_OK)
        return true;
    if (px4->work != PX4_WORK_NOT) {
        px4_fail(px4, outcome);
    } else {
        px4->server->upload_failure = outcome;
        px4_forget(px4);
    }
    return false;
}

bool px4_run(struct px4 *px4)
{
    if (!px4->speaking || px4->work == PX4_WORK_LEFT || !watch(px4))
        return false;
    enum px4_work before = px4->work;
    uint32_t taken = px4->update->taken;
    bool more = false;
    switch (px4->work) {
    case PX4_WORK_ERASE:
    case PX4_WORK_EXTERNAL_ERASE:
        erase_run(px4);
        break;
    case PX4_WORK_PERCENT:
        percent_run(px4);
        break;
    case PX4_WORK_PROGRAM:
        program_run(px4);
        break;
    case PX4_WORK_CRC:
        more = crc_run(px4);
        break;
    case PX4_WORK_READ:
        read_run(px4);
        break;
    case PX4_WORK_SEAL:
        more = seal_run_step(px4);
        break;
    case PX4_WORK_START:
        more = start_run(px4);
        break;
    case PX4_WORK_CHECK:
        check_run(px4);
        more = true;
        break;
    default:
        break;
    }
    return more || px4->work != before || px4->update->taken != taken;
}
