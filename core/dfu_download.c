// What DNLOAD sets to work: pages to be erased, writes, and at the end the seals. Written from
// SPEC.md section 19.
//
// SPDX-License-Identifier: MIT
#include <string.h>

#include "core/dfu_parts.h"

enum {
    POLL_MAX_MS = 250,
    READ_BYTES_PER_MS = 20000,
};

static uint32_t page_end(const struct dfu *dfu, uint32_t page)
{
    return dfu_page_address(dfu, page + 1);
}

static struct dfu_run *last_run(struct dfu *dfu)
{
    return &dfu->runs[dfu->run_count - 1];
}

bool dfu_is_downloading(const struct dfu *dfu)
{
    return dfu->started && update_is_open(dfu->update) && dfu->update->holder == dfu;
}

bool dfu_is_drained(const struct dfu *dfu)
{
    return dfu->noted_count == 0 && dfu->erase_at == dfu->erase_end &&
           (!dfu_is_downloading(dfu) || update_is_drained(dfu->update));
}

bool dfu_is_holding(const struct dfu *dfu)
{
    return dfu->work == DFU_WORK_WRITE;
}

void dfu_forget(struct dfu *dfu)
{
    if (dfu_is_downloading(dfu))
        update_close(dfu->update);
    server_release(dfu->server, dfu);
    dfu->started = false;
    dfu->run_count = 0;
    dfu->work = DFU_WORK_NOT;
    dfu->sealing = false;
    dfu->parking = false;
    dfu->checking = false;
    dfu->sealed_first = 0;
    dfu->erase_at = dfu->erase_end = 0;
    memset(dfu->noted, 0, sizeof dfu->noted);
    dfu->noted_count = 0;
}

uint32_t dfu_busy_ms(const struct dfu *dfu)
{
    uint32_t all_ms = 1;
    if (dfu->work == DFU_WORK_WRITE && dfu->write_done < dfu->write_length)
        all_ms = update_operation_ms(dfu->update);
    else if (dfu->sealing)
        all_ms += dfu->update->length / READ_BYTES_PER_MS;
    else if (dfu_is_downloading(dfu))
        all_ms = update_waiting_ms(dfu->update);
    if (dfu->work == DFU_WORK_MASS_ERASE || (dfu->noted_count > 0 && dfu->work != DFU_WORK_WRITE))
        all_ms = POLL_MAX_MS;
    return all_ms < POLL_MAX_MS ? all_ms : POLL_MAX_MS;
}

// --- Runs ---------------------------------------------------------------------------------------

// The run that [first, end) touches becomes the last one; a new one if there is none.
static bool run_choose(struct dfu *dfu, uint32_t first, uint32_t end)
{
    for (unsigned i = dfu->run_count; i-- > 0;) {
        struct dfu_run run = dfu->runs[i];
        if (first <= run.pages_end && end >= run.pages_first) {
            dfu->runs[i] = *last_run(dfu);
            *last_run(dfu) = run;
            return true;
        }
    }
    if (dfu->run_count == DFU_RUNS_MAX)
        return false;
    dfu->runs[dfu->run_count++] = (struct dfu_run){.pages_first = first, .pages_end = end};
    return true;
}

// May these pages be changed now? Widens the run that they touch. Between two runs the engine first
// ends what it has. False: not yet, or failed.
static bool run_ready(struct dfu *dfu, uint32_t first, uint32_t end)
{
    bool open = dfu_is_downloading(dfu);
    bool same = dfu->run_count > 0 && first <= last_run(dfu)->pages_end &&
                end >= last_run(dfu)->pages_first;
    if (open && !same) {
        if (!dfu_is_drained(dfu))
            return false;
        update_close(dfu->update);
        open = false;
    }
    if (!open) {
        struct outcome outcome = update_open(dfu->update, dfu);
        if (outcome.status == QL_STATUS_OK && !run_choose(dfu, first, end))
            outcome = (struct outcome){QL_STATUS_NO_ROOM, first};
        if (outcome.status != QL_STATUS_OK) {
            dfu_fail_with(dfu, outcome);
            return false;
        }
        dfu->started = true;
    }
    struct dfu_run *run = last_run(dfu);
    if (first < run->pages_first)
        run->pages_first = first;
    if (end > run->pages_end)
        run->pages_end = end;
    update_reach(dfu->update, run->pages_first, run->pages_end);
    return true;
}

// What was written from `first` on will be gone.
static void run_truncate(struct dfu_run *run, uint32_t first)
{
    if (run->end > first)
        run->end = first > run->first ? first : 0;
    if (run->erased_end > first)
        run->erased_end = first;
}

// --- The commands -------------------------------------------------------------------------------

static void erase_run(struct dfu *dfu)
{
    uint32_t first = dfu_page_address(dfu, dfu->page), end = page_end(dfu, dfu->page);
    if (!run_ready(dfu, first, end))
        return;
    run_truncate(last_run(dfu), first);
    last_run(dfu)->erased_end = end;
    dfu_page_note(dfu, dfu->page, true);
    dfu->work = DFU_WORK_NOT;
}

static void mass_erase_run(struct dfu *dfu)
{
    uint32_t count = dfu->page_count + dfu->tail_count;
    if (dfu->page == UINT32_MAX) {
        if (dfu_is_drained(dfu))
            dfu->work = DFU_WORK_NOT;
        return;
    }
    if (count == 0 || !run_ready(dfu, dfu_page_address(dfu, 0), page_end(dfu, count - 1)))
        return;
    // Everything of this download that was there before is gone.
    dfu->runs[0] = *last_run(dfu);
    dfu->runs[0].end = 0;
    dfu->runs[0].erased_end = 0;
    dfu->run_count = 1;
    for (uint32_t page = 0; page < count; page++)
        dfu_page_note(dfu, page, true);
    dfu->page = UINT32_MAX;
}

// Gives the engine the erases of the page under way. Returns false if some are left.
static bool page_erase_run(struct dfu *dfu)
{
    while (dfu->erase_at < dfu->erase_end) {
        uint32_t size = dfu->page_erase;
        if (dfu_page_find(dfu, dfu->erase_at) >= dfu->page_count)
            size = dfu->tail_size;
        if (!update_take_erase(dfu->update, dfu->erase_at, size))
            return false;
        dfu->erase_at += size;
    }
    return true;
}

static bool page_erase_begin(struct dfu *dfu, uint32_t page)
{
    dfu_page_note(dfu, page, false);
    dfu->erase_at = dfu_page_address(dfu, page);
    dfu->erase_end = page_end(dfu, page);
    return page_erase_run(dfu);
}

// A piece that one WRITE holds, and that lies in one page.
static uint32_t piece_length(const struct dfu *dfu, uint32_t address)
{
    uint32_t left = dfu->write_length - dfu->write_done;
    uint32_t room = QL_WRITE_LENGTH_MAX - address % QL_WRITE_LENGTH_MAX;
    return left < room ? left : room;
}

static void write_end(struct dfu *dfu)
{
    struct dfu_run *run = last_run(dfu);
    uint32_t first = nor_sector_down(dfu->update->nor, dfu->write_address);
    uint32_t end = dfu->write_address + dfu->write_length;
    if (run->end == 0 || first < run->first)
        run->first = first;
    if (end > run->end)
        run->end = end;
    dfu->cursor = end;
    dfu->work = dfu->write_length < QL_DFU_TRANSFER_SIZE ? DFU_WORK_DRAIN : DFU_WORK_NOT;
}

static void write_run(struct dfu *dfu)
{
    while (dfu->write_done < dfu->write_length) {
        uint32_t address = dfu->write_address + dfu->write_done;
        uint32_t length = piece_length(dfu, address);
        const struct nor *nor = dfu->update->nor;
        if (!run_ready(dfu, nor_sector_down(nor, address), nor_sector_up(nor, address + 1)))
            return;
        uint32_t page = dfu_page_find(dfu, address);
        if (!page_erase_run(dfu) ||
            (dfu_page_is_noted(dfu, page) && !page_erase_begin(dfu, page)) ||
            !update_take_write(dfu->update, address, dfu->buffer + dfu->write_done, length))
            return;
        dfu->write_done += length;
    }
    write_end(dfu);
}

// Erases the next page that was noted while the chip has nothing else to do, from behind what was
// written last.
static void erase_ahead(struct dfu *dfu)
{
    uint32_t count = dfu->page_count + dfu->tail_count, start = 0;
    if (!page_erase_run(dfu) || dfu->noted_count == 0 || !update_is_drained(dfu->update))
        return;
    if (dfu->cursor > dfu_page_address(dfu, 0) && dfu->cursor < page_end(dfu, count - 1))
        start = dfu_page_find(dfu, dfu->cursor);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t page = (start + i) % count;
        if (dfu_page_is_noted(dfu, page)) {
            (void)page_erase_begin(dfu, page);
            return;
        }
    }
}

// --- Leave --------------------------------------------------------------------------------------

// Was the host about to write more? Then the page behind the last one written is erased.
static bool run_is_cut_short(const struct dfu *dfu, const struct dfu_run *run)
{
    return run->end != 0 && run->erased_end > page_end(dfu, dfu_page_find(dfu, run->end - 1));
}

// The engine is to seal run `sealed`. Returns false if it cannot yet, or has failed.
static bool seal_begin_run(struct dfu *dfu)
{
    const struct dfu_run *run = &dfu->runs[dfu->sealed];
    bool at_it = dfu_is_downloading(dfu) && run == last_run(dfu);
    if (run_is_cut_short(dfu, run)) {
        dfu_fail_with(dfu, (struct outcome){QL_STATUS_INCOMPLETE, run->end});
        return false;
    }
    if (!at_it) {
        update_close(dfu->update);
        struct outcome outcome = update_open(dfu->update, dfu);
        if (outcome.status != QL_STATUS_OK) {
            dfu_fail_with(dfu, outcome);
            return false;
        }
        dfu->started = true;
    }
    if (run->end == 0)
        update_seal(dfu->update, run->pages_first, run->pages_end - run->pages_first);
    else
        update_seal(dfu->update, run->first, run->end - run->first);
    return true;
}

static void start_choose(struct dfu *dfu)
{
    const struct server *server = dfu->server;
    const struct records_run *run = records_at(&server->records, dfu->pointer);
    if (run && (run->flags & QL_BEGIN_FLAG_PROGRAM) != 0)
        dfu->start_address = run->address;
    else
        dfu->start_address =
            dfu->sealed_first != 0 ? dfu->sealed_first : server_boot_address(server);
}

// Run by run, the last one first, as the engine is there.
static bool seal_step(struct dfu *dfu)
{
    const struct update *update = dfu->update;
    if (!dfu->sealing) {
        if (!dfu_is_drained(dfu))
            return false;
        if (dfu->run_count == 0) {
            dfu->work = DFU_WORK_CHECK;
            return true;
        }
        dfu->sealed = dfu->run_count - 1;
        dfu->sealing = seal_begin_run(dfu);
        return dfu->sealing;
    }
    if (update_is_open(update))
        return false;
    if (update->state != QL_UPDATE_COMPLETE) {
        dfu_fail_with(dfu, update->failure);
        return false;
    }
    if ((update->flags & QL_BEGIN_FLAG_PROGRAM) != 0)
        dfu->sealed_first = update->address;
    dfu->sealing = false;
    dfu->run_count--;
    return true;
}

static bool check_step(struct dfu *dfu)
{
    struct server *server = dfu->server;
    struct outcome outcome = {QL_STATUS_OK, 0};
    bool done = true;
    if (!dfu->checking) {
        if (!server_hold(server, dfu))
            return false;
        start_choose(dfu);
        if (dfu->start_address == dfu->sealed_first) {
            outcome = server_program_check(server, dfu->start_address);
        } else {
            outcome = server_check_begin(server, dfu->start_address);
            done = outcome.status != QL_STATUS_OK;
        }
    } else {
        done = server_check_run(server, dfu->start_address, &outcome);
    }
    dfu->checking = !done;
    if (!done)
        return true;
    if (outcome.status != QL_STATUS_OK) {
        server->upload_failure = outcome;
        dfu_fail(dfu, DFU_STATUS_FIRMWARE, "");
        return false;
    }
    dfu->work = DFU_WORK_LEFT;
    dfu->manifest_told = false;
    dfu->left_ms = nor_now_ms(dfu->server->nor);
    return false;
}

// --- All ----------------------------------------------------------------------------------------

// After an ABORT with everything done the engine is free for others; what was only erased is no
// unfinished program.
static void park(struct dfu *dfu)
{
    if (!dfu_is_downloading(dfu) || !dfu_is_drained(dfu))
        return;
    dfu->sealed = dfu->run_count - 1;
    if (last_run(dfu)->end == 0)
        dfu->parking = seal_begin_run(dfu);
    else
        update_close(dfu->update);
}

// Returns false while the engine is still at it.
static bool park_end(struct dfu *dfu)
{
    if (update_is_open(dfu->update))
        return false;
    dfu->parking = false;
    dfu->run_count--;
    return true;
}

// Has something come between that ends the download?
static void watch(struct dfu *dfu)
{
    const struct update *update = dfu->update;
    bool silent = nor_now_ms(dfu->server->nor) - dfu->heard_ms > DFU_SILENCE_MS;
    bool leaving = dfu->work == DFU_WORK_SEAL || dfu->work == DFU_WORK_CHECK;
    if (dfu->started && update->holder == dfu && update->state == QL_UPDATE_FAILED &&
        dfu->run_count > 0)
        dfu_fail_with(dfu, update->failure);
    else if (dfu->run_count > 0 && update->holder != dfu)
        dfu_forget(dfu); // the serial port has begun an update
    else if (silent && !leaving &&
             (dfu->state == DFU_STATE_DNLOAD_IDLE || dfu->state == DFU_STATE_DNBUSY ||
              dfu->state == DFU_STATE_DNLOAD_SYNC))
        dfu_fail_with(dfu, (struct outcome){QL_STATUS_INCOMPLETE, dfu->cursor});
}

bool dfu_run(struct dfu *dfu)
{
    enum dfu_work before = dfu->work;
    uint32_t taken = dfu->update->taken;
    bool more = false;
    if (dfu->work == DFU_WORK_LEFT)
        return false;
    watch(dfu);
    if (dfu->parking && !park_end(dfu))
        return false;
    switch (dfu->work) {
    case DFU_WORK_ERASE:
        erase_run(dfu);
        break;
    case DFU_WORK_MASS_ERASE:
        mass_erase_run(dfu);
        break;
    case DFU_WORK_WRITE:
        write_run(dfu);
        break;
    case DFU_WORK_DRAIN:
        if (dfu_is_drained(dfu))
            dfu->work = DFU_WORK_NOT;
        break;
    case DFU_WORK_SEAL:
        more = seal_step(dfu);
        break;
    case DFU_WORK_CHECK:
        more = check_step(dfu);
        break;
    default:
        break;
    }
    if (dfu_is_downloading(dfu) && !dfu->sealing)
        erase_ahead(dfu);
    if (dfu->state == DFU_STATE_IDLE && dfu->work == DFU_WORK_NOT)
        park(dfu);
    return more || dfu->work != before || dfu->update->taken != taken || dfu->parking;
}
