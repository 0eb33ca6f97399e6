// DFU requests and states. Written from SPEC.md section 19, "USB Device Class Specification for
// Device Firmware Upgrade" 1.1 and, for the commands within DNLOAD, ST's AN3156.
//
// SPDX-License-Identifier: MIT
#include "core/dfu.h"

#include <string.h>

#include "abi/bytes.h"
#include "core/dfu_parts.h"

enum {
    COMMAND_GET = 0x00,
    COMMAND_SET_ADDRESS = 0x21,
    COMMAND_ERASE = 0x41,
    COMMAND_SIZE = 5, // with an address
    BLOCK_COMMAND = 0,
    BLOCK_FIRST = 2, // wValue of the block at the address pointer
};

static const uint8_t commands[] = {COMMAND_GET, COMMAND_SET_ADDRESS, COMMAND_ERASE};

static const char reason_locked[] = "This board is locked and needs a key: unlock it by quadlane";
static const char reason_busy[] = "The serial port's update is under way";
static const char reason_no_chip[] = "No usable flash chip";
static const char reason_no_room[] = "Too many programs or parts: no room for another record";

void dfu_init(struct dfu *dfu, struct server *server, uint8_t *buffer)
{
    memset(dfu, 0, sizeof *dfu);
    dfu->server = server;
    dfu->update = &server->update;
    dfu->buffer = buffer;
    dfu->state = DFU_STATE_IDLE;
    dfu->reason = "";
    dfu->pointer = QL_PROGRAM_FIRST;
    dfu_pages_init(dfu);
}

const char *dfu_reason(const struct dfu *dfu)
{
    return dfu->reason;
}

void dfu_fail(struct dfu *dfu, enum dfu_status status, const char *reason)
{
    dfu_forget(dfu);
    dfu->state = DFU_STATE_ERROR;
    dfu->status = status;
    dfu->reason = reason;
}

void dfu_fail_with(struct dfu *dfu, struct outcome outcome)
{
    static const struct {
        enum ql_status status;
        enum dfu_status tells;
        const char *reason;
    } table[] = {
        {QL_STATUS_OUT_OF_RANGE, DFU_STATUS_ADDRESS, ""},
        {QL_STATUS_RESERVED, DFU_STATUS_ADDRESS, ""},
        {QL_STATUS_PROTECTED, DFU_STATUS_WRITE, ""},
        {QL_STATUS_ERASE_FAILED, DFU_STATUS_ERASE, ""},
        {QL_STATUS_PROGRAM_FAILED, DFU_STATUS_PROG, ""},
        {QL_STATUS_VERIFY, DFU_STATUS_VERIFY, ""},
        {QL_STATUS_INCOMPLETE, DFU_STATUS_NOTDONE, ""},
        {QL_STATUS_LOCKED, DFU_STATUS_VENDOR, reason_locked},
        {QL_STATUS_BUSY, DFU_STATUS_VENDOR, reason_busy},
        {QL_STATUS_CHIP_ABSENT, DFU_STATUS_VENDOR, reason_no_chip},
        {QL_STATUS_NO_ROOM, DFU_STATUS_VENDOR, reason_no_room},
    };
    dfu->server->upload_failure = outcome;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].status == outcome.status) {
            dfu_fail(dfu, table[i].tells, table[i].reason);
            return;
        }
    }
    dfu_fail(dfu, DFU_STATUS_UNKNOWN, "");
}

void dfu_refuse(struct dfu *dfu)
{
    // On its way out the board takes nothing more, and nothing stops it. An error tells its cause.
    if (dfu->work != DFU_WORK_LEFT && dfu->state != DFU_STATE_ERROR)
        dfu_fail(dfu, DFU_STATUS_STALLEDPKT, "");
}

static bool refuse(struct dfu *dfu)
{
    dfu_refuse(dfu);
    return false;
}

// --- DNLOAD -------------------------------------------------------------------------------------

// Does the serial port's update stand in the way?
static bool is_taken(const struct dfu *dfu, enum dfu_work work)
{
    const struct update *update = dfu->update;
    if (dfu->server->holder && dfu->server->holder != dfu)
        return true;
    if (work == DFU_WORK_SEAL)
        return update_is_open(update) && update->holder != dfu;
    return update_is_others(update, dfu);
}

// A DNLOAD was understood and is at work, or has failed, as GETSTATUS will tell.
static bool work_begin(struct dfu *dfu, enum dfu_work work, uint32_t address, uint32_t length)
{
    struct outcome outcome = {QL_STATUS_OK, 0};
    dfu->state = DFU_STATE_DNLOAD_SYNC;
    dfu->told = false;
    dfu->work = work;
    if (work == DFU_WORK_ERASE || work == DFU_WORK_MASS_ERASE || work == DFU_WORK_WRITE)
        outcome = update_write_check(dfu->update);
    if (outcome.status == QL_STATUS_OK && length > 0)
        outcome = update_range_check(dfu->update, address, length, true);
    if (outcome.status == QL_STATUS_OK && is_taken(dfu, work))
        outcome = (struct outcome){QL_STATUS_BUSY, dfu->update->id};
    if (outcome.status != QL_STATUS_OK)
        dfu_fail_with(dfu, outcome);
    return true;
}

static bool command_serve(struct dfu *dfu, size_t length)
{
    const uint8_t *bytes = dfu->buffer;
    uint32_t address = length == COMMAND_SIZE ? ql_load_u32(bytes + 1) : 0;
    if (bytes[0] == COMMAND_SET_ADDRESS && length == COMMAND_SIZE) {
        bool idle = dfu->state == DFU_STATE_IDLE;
        dfu->pointer = address;
        return work_begin(dfu, idle ? DFU_WORK_DRAIN : DFU_WORK_NOT, 0, 0);
    }
    if (bytes[0] == COMMAND_ERASE && length == COMMAND_SIZE) {
        if (!work_begin(dfu, DFU_WORK_ERASE, address, 1) || dfu->work != DFU_WORK_ERASE)
            return true;
        dfu->page = dfu_page_find(dfu, address);
        if (dfu->page >= dfu->page_count + dfu->tail_count)
            dfu_fail(dfu, DFU_STATUS_ADDRESS, "");
        return true;
    }
    dfu->page = 0;
    if (bytes[0] == COMMAND_ERASE && length == 1)
        return work_begin(dfu, DFU_WORK_MASS_ERASE, QL_PROGRAM_FIRST, 1);
    return refuse(dfu);
}

static bool download_serve(struct dfu *dfu, const struct dfu_request *request)
{
    if ((dfu->state != DFU_STATE_IDLE && dfu->state != DFU_STATE_DNLOAD_IDLE) ||
        request->length > QL_DFU_TRANSFER_SIZE)
        return refuse(dfu);
    dfu->transfers++;
    if (request->length == 0)
        return work_begin(dfu, DFU_WORK_SEAL, 0, 0);
    if (request->value == BLOCK_COMMAND)
        return command_serve(dfu, request->length);
    if (request->value < BLOCK_FIRST)
        return refuse(dfu);
    uint64_t address =
        dfu->pointer + (uint64_t)(request->value - BLOCK_FIRST) * QL_DFU_TRANSFER_SIZE;
    dfu->write_address = address > UINT32_MAX ? UINT32_MAX : (uint32_t)address;
    dfu->write_length = request->length;
    dfu->write_done = 0;
    return work_begin(dfu, DFU_WORK_WRITE, dfu->write_address, request->length);
}

// --- UPLOAD -------------------------------------------------------------------------------------

static struct outcome upload_check(const struct dfu *dfu, uint32_t address)
{
    struct outcome outcome = update_read_check(dfu->update, address, 1);
    if (outcome.status == QL_STATUS_OK && !update_is_idle(dfu->update))
        outcome = (struct outcome){QL_STATUS_BUSY, dfu->update->id};
    if (outcome.status == QL_STATUS_OK && nor_map(dfu->server->nor) != 0)
        outcome = (struct outcome){QL_STATUS_CHIP_ERROR, address};
    return outcome;
}

static bool upload_serve(struct dfu *dfu, const struct dfu_request *request, size_t *length)
{
    if ((dfu->state != DFU_STATE_IDLE && dfu->state != DFU_STATE_UPLOAD_IDLE) ||
        request->value == BLOCK_COMMAND + 1 || request->length > QL_DFU_TRANSFER_SIZE)
        return refuse(dfu);
    dfu->transfers++;
    *length = request->length;
    if (request->value == BLOCK_COMMAND) {
        if (*length > sizeof commands)
            *length = sizeof commands;
        memcpy(dfu->buffer, commands, *length);
        dfu->state = DFU_STATE_IDLE;
        return true;
    }
    uint64_t address =
        dfu->pointer + (uint64_t)(request->value - BLOCK_FIRST) * QL_DFU_TRANSFER_SIZE;
    uint64_t end = (uint64_t)QL_MAPPED_BASE + dfu->server->nor->geometry.size;
    if (dfu->state == DFU_STATE_UPLOAD_IDLE && address == end)
        *length = 0; // it ended with a whole block
    if (*length > 0) {
        struct outcome outcome =
            upload_check(dfu, address > UINT32_MAX ? UINT32_MAX : (uint32_t)address);
        if (outcome.status != QL_STATUS_OK) {
            dfu_fail_with(dfu, outcome);
            return false;
        }
        if (*length > end - address)
            *length = (size_t)(end - address);
        memcpy(dfu->buffer, update_chip_bytes(dfu->update, (uint32_t)address), *length);
    }
    dfu->state = *length < request->length ? DFU_STATE_IDLE : DFU_STATE_UPLOAD_IDLE;
    return true;
}

// --- The others ---------------------------------------------------------------------------------

// Returns the poll time in milliseconds.
static uint32_t state_step(struct dfu *dfu)
{
    if (dfu->state == DFU_STATE_IDLE && !dfu_is_drained(dfu))
        return dfu_busy_ms(dfu); // behind an ABORT: then the chip is free for others
    if (dfu->state != DFU_STATE_DNLOAD_SYNC && dfu->state != DFU_STATE_DNBUSY)
        return 0;
    bool done = dfu->work == DFU_WORK_NOT || dfu->work == DFU_WORK_LEFT;
    if (!dfu->told || !done) {
        dfu->told = true;
        dfu->state = DFU_STATE_DNBUSY;
        return done ? 0 : dfu_busy_ms(dfu);
    }
    if (dfu->work == DFU_WORK_LEFT) {
        dfu->state = DFU_STATE_MANIFEST;
        dfu->manifest_told = true;
        dfu->left_ms = nor_now_ms(dfu->server->nor);
    } else {
        dfu->state = DFU_STATE_DNLOAD_IDLE;
    }
    return 0;
}

static void status_serve(struct dfu *dfu, uint8_t small[DFU_STATUS_SIZE])
{
    (void)dfu_run(dfu); // what can be done at once is done before the host is told to wait
    uint32_t poll_ms = state_step(dfu);
    small[0] = (uint8_t)dfu->status;
    small[1] = (uint8_t)poll_ms;
    small[2] = (uint8_t)(poll_ms >> 8);
    small[3] = (uint8_t)(poll_ms >> 16);
    small[4] = (uint8_t)dfu->state;
    small[5] = dfu->status == DFU_STATUS_VENDOR ? DFU_STRING_REASON : 0;
}

static bool abort_serve(struct dfu *dfu)
{
    if (dfu->state == DFU_STATE_DNBUSY || dfu->state == DFU_STATE_ERROR ||
        dfu->state == DFU_STATE_MANIFEST)
        return refuse(dfu);
    // A block that the host has not asked about may or may not have been taken.
    if (dfu->state == DFU_STATE_DNLOAD_SYNC && dfu->work != DFU_WORK_NOT)
        dfu_forget(dfu);
    dfu->state = DFU_STATE_IDLE;
    return true;
}

bool dfu_request(struct dfu *dfu, const struct dfu_request *request, uint8_t small[DFU_STATUS_SIZE],
                 const uint8_t **answer, size_t *length)
{
    dfu->heard_ms = nor_now_ms(dfu->server->nor);
    *answer = small;
    *length = 0;
    switch (request->request) {
    case DFU_DNLOAD:
        return download_serve(dfu, request);
    case DFU_UPLOAD:
        *answer = dfu->buffer;
        return upload_serve(dfu, request, length);
    case DFU_GETSTATUS:
        status_serve(dfu, small);
        *length = DFU_STATUS_SIZE;
        return true;
    case DFU_CLRSTATUS:
        if (dfu->state != DFU_STATE_ERROR)
            return refuse(dfu);
        dfu->state = DFU_STATE_IDLE;
        dfu->status = DFU_STATUS_OK;
        return true;
    case DFU_GETSTATE:
        small[0] = (uint8_t)dfu->state;
        *length = 1;
        return true;
    case DFU_ABORT:
        return abort_serve(dfu);
    case DFU_DETACH: // in DFU mode already
        return false;
    default:
        return refuse(dfu);
    }
}

void dfu_line_reset(struct dfu *dfu)
{
    if (dfu->work == DFU_WORK_LEFT)
        return;
    dfu_forget(dfu);
    dfu->state = DFU_STATE_IDLE;
    dfu->status = DFU_STATUS_OK;
    dfu->pointer = QL_PROGRAM_FIRST;
}

struct server_action dfu_action(const struct dfu *dfu)
{
    uint32_t since_ms = nor_now_ms(dfu->server->nor) - dfu->left_ms;
    if (dfu->work == DFU_WORK_LEFT &&
        since_ms >= (uint32_t)(dfu->manifest_told ? DFU_LEAVE_MS : DFU_LEAVE_LIMIT_MS))
        return (struct server_action){.kind = SERVER_ACT_BOOT, .address = dfu->start_address};
    return (struct server_action){.kind = SERVER_ACT_NOT};
}
