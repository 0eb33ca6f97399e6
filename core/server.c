// The protocol server. Written from SPEC.md sections 1 to 5, 13, 14, 17 and 18.
//
// Requests are answered at once where that takes neither time nor the chip; the others (HASH,
// SECTORS, READ, BOOT, RESET, END, SETTINGS, RAM_RUN, PROTECT, REPLACE) become the one job that
// server_run works on in slices.
//
// SPDX-License-Identifier: MIT
#include "core/server.h"

#include <string.h>

#include "abi/bytes.h"
#include "core/server_info.h"
#include "core/server_settings.h"

enum {
    NEVER = 0, // a kind that no request has
    SECTORS_SLICE = UPDATE_SLICE / QL_SECTOR_SIZE,
};

static const struct outcome outcome_ok = {QL_STATUS_OK, 0};

static uint32_t now_ms(const struct server *server)
{
    return nor_now_ms(server->nor);
}

void server_init(struct server *server, const struct server_config *config)
{
    memset(server, 0, sizeof *server);
    server->facts = config->facts;
    server->nor = config->nor;
    server->sha256 = config->sha256;
    server->ram = config->ram;
    server->separate = true;
    ql_frame_decoder_init(&server->decoder);
    records_init(&server->records, config->nor);
    records_load(&server->records);
    update_init(&server->update, config->nor, &server->records, config->sha256, config->ring,
                config->ring_size);
    lock_init(&server->lock, config->policy, config->sha256, config->facts->uid,
              config->lock_memory, now_ms(server));
    update_set_lock(&server->update, &server->lock);
    bootloader_init(&server->bootloader, config->flash, &server->lock, config->facts->board_name);
    uint32_t end = QL_PROGRAM_FIRST;
    uint32_t size = config->nor->geometry.size;
    uint32_t used = QL_PROGRAM_FIRST - QL_MAPPED_BASE;
    if (config->nor->state != NOR_ABSENT && size > used &&
        size - used > config->facts->reserved_end)
        end = QL_MAPPED_BASE + size - config->facts->reserved_end;
    update_set_area(&server->update, QL_PROGRAM_FIRST, end);
    update_set_image(&server->update, config->facts->image_area, config->facts->image_area_size);
    server_settings_apply(server);
}

const struct settings *server_settings(const struct server *server)
{
    return &server->settings;
}

uint32_t server_boot_address(const struct server *server)
{
    return server->settings.boot_address != 0 ? server->settings.boot_address
                                              : server->facts->boot_address;
}

uint32_t server_frames_taken(const struct server *server)
{
    return server->frames_taken;
}

struct outcome server_program_check(struct server *server, uint32_t address)
{
    struct outcome outcome = update_range_check(&server->update, address, BOOT_VECTORS_SIZE, true);
    if (outcome.status != QL_STATUS_OK)
        return outcome;
    const struct records_run *run = records_at(&server->records, address);
    if (run && !run->sealed)
        return (struct outcome){QL_STATUS_INCOMPLETE, run->address};
    if (nor_map(server->nor) != 0)
        return (struct outcome){QL_STATUS_CHIP_ERROR, address};
    const uint8_t *vectors = update_chip_bytes(&server->update, address);
    bool program = run && run->address == address && run->flags & QL_BEGIN_FLAG_PROGRAM;
    uint32_t end = program ? address + run->length : server->update.program_end;
    outcome = boot_check(address, ql_load_u32(vectors), ql_load_u32(vectors + 4), end);
    if (outcome.status != QL_STATUS_OK)
        return outcome;
    if (!program)
        return (struct outcome){QL_STATUS_NOT_SEALED, address};
    return run->changed ? (struct outcome){QL_STATUS_CHANGED, address} : outcome;
}

// Someone has hashed the sealed run at `address`.
static struct outcome checked(struct server *server, uint32_t address, bool unchanged)
{
    records_note_check(&server->records, address, !unchanged);
    return unchanged ? outcome_ok : (struct outcome){QL_STATUS_CHANGED, address};
}

struct outcome server_start_check(struct server *server, uint32_t address, uint32_t random)
{
    struct outcome outcome = server_program_check(server, address);
    if (outcome.status != QL_STATUS_OK)
        return outcome;
    return checked(server, address,
                   seal_start_check(update_chip_bytes(&server->update, address),
                                    records_find(&server->records, address), random));
}

struct outcome server_check_begin(struct server *server, uint32_t address)
{
    struct outcome outcome = server_program_check(server, address);
    // What was found changed may have been put right, by a debugger say.
    if (outcome.status != QL_STATUS_OK && outcome.status != QL_STATUS_CHANGED)
        return outcome;
    seal_begin(&server->check, server->sha256, update_chip_bytes(&server->update, address),
               records_find(&server->records, address)->length, false);
    return outcome_ok;
}

bool server_check_run(struct server *server, uint32_t address, struct outcome *outcome)
{
    uint8_t digest[QL_SHA256_SIZE];
    uint32_t budget = UPDATE_SLICE;
    if (!seal_run(&server->check, &budget))
        return false;
    server->sha256->finish(server->sha256->context, digest);
    const struct records_run *run = records_find(&server->records, address);
    *outcome = checked(server, address, memcmp(digest, run->sha256, sizeof digest) == 0);
    return true;
}

// Puts the head of the answer to a request; `content` bytes may stand behind it already.
static void answer_put(struct server *server, const struct server_request *request,
                       struct outcome outcome, uint32_t content)
{
    ql_store_u16(server->answer + QL_ANSWER_STATUS, (uint16_t)outcome.status);
    ql_store_u16(server->answer + QL_ANSWER_STATUS + 2, 0);
    ql_store_u32(server->answer + QL_ANSWER_DETAIL, outcome.detail);
    server->answer_kind = (uint8_t)(request->kind + QL_KIND_ANSWER);
    server->answer_tag = request->tag;
    server->answer_length = (uint16_t)(QL_ANSWER_CONTENT + content);
    server->answer_ready = true;
    // What happened before the answer is told before it.
    server->progress_first = update_progress_due(&server->update);
}

static void record_answer(struct server *server, const struct server_request *request,
                          struct outcome outcome)
{
    uint32_t content = 0;
    if (outcome.status == QL_STATUS_OK) {
        update_progress_store(&server->update, server->answer + QL_ANSWER_CONTENT, false);
        content = QL_PROGRESS_SIZE;
    }
    answer_put(server, request, outcome, content);
}

static void hello_serve(struct server *server, const struct server_request *request)
{
    uint16_t lowest = ql_load_u16(request->payload + QL_HELLO_LOWEST);
    uint16_t highest = ql_load_u16(request->payload + QL_HELLO_HIGHEST);
    struct outcome outcome = outcome_ok;
    uint32_t content = 0;
    if (lowest > highest)
        outcome = (struct outcome){QL_STATUS_BAD_REQUEST, QL_HELLO_LOWEST};
    else if (ql_load_u32(request->payload + QL_HELLO_ZERO) != 0)
        outcome = (struct outcome){QL_STATUS_BAD_REQUEST, QL_HELLO_ZERO};
    else if (lowest > QL_PROTOCOL_VERSION || highest < QL_PROTOCOL_VERSION)
        outcome = (struct outcome){QL_STATUS_VERSION, QL_PROTOCOL_VERSION};
    if (outcome.status != QL_STATUS_BAD_REQUEST)
        content = server_hello_store(server, server->answer + QL_ANSWER_CONTENT);
    answer_put(server, request, outcome, content);
}

static void info_serve(struct server *server, const struct server_request *request)
{
    answer_put(server, request, outcome_ok,
               server_info_store(server, server->answer + QL_ANSWER_CONTENT));
}

static void status_serve(struct server *server, const struct server_request *request)
{
    record_answer(server, request, outcome_ok);
}

static void unlock_serve(struct server *server, const struct server_request *request)
{
    struct outcome outcome = lock_unlock(&server->lock, request->payload, now_ms(server));
    uint32_t content = 0;
    if (outcome.status == QL_STATUS_OK) {
        ql_store_u32(server->answer + QL_ANSWER_CONTENT, server->lock.permissions);
        content = QL_UNLOCK_CONTENT_SIZE;
    }
    answer_put(server, request, outcome, content);
}

static void begin_serve(struct server *server, const struct server_request *request)
{
    // HASH and the like read the chip, which an update would take from under them.
    if (server->holder || (server->job.kind != NEVER && server->job.kind != QL_KIND_END))
        answer_put(server, request, (struct outcome){QL_STATUS_BUSY, 0}, 0);
    else
        record_answer(server, request, update_begin(&server->update, request->payload));
}

static void abort_serve(struct server *server, const struct server_request *request)
{
    uint32_t id = ql_load_u32(request->payload + QL_ABORT_ID);
    record_answer(server, request, update_abort(&server->update, id));
}

static void end_serve(struct server *server, const struct server_request *request)
{
    struct outcome outcome = {QL_STATUS_BUSY, 0};
    if (server->job.kind == NEVER || server->job.kind == QL_KIND_END)
        outcome = update_end(&server->update, ql_load_u32(request->payload + QL_END_ID),
                             ql_load_u32(request->payload + QL_END_COUNT));
    if (outcome.status != QL_STATUS_OK)
        answer_put(server, request, outcome, 0);
    else
        server->job = *request;
}

// Checks a request that becomes a job.
static struct outcome job_check(struct server *server, const struct server_request *request)
{
    uint8_t store[QL_SETTINGS_SIZE];
    uint32_t first = ql_load_u32(request->payload);
    uint32_t second = request->kind == QL_KIND_RESET ? 0 : ql_load_u32(request->payload + 4);
    const struct update *update = &server->update;
    switch (request->kind) {
    case QL_KIND_READ:
        if (second == 0 || second > QL_READ_LENGTH_MAX)
            return (struct outcome){QL_STATUS_BAD_REQUEST, QL_READ_LENGTH};
        return update_read_check(update, first, second);
    case QL_KIND_HASH:
        if (second == 0)
            return (struct outcome){QL_STATUS_BAD_REQUEST, QL_HASH_LENGTH};
        return update_read_check(update, first, second);
    case QL_KIND_SECTORS:
        if (second == 0 || second > QL_SECTORS_COUNT_MAX)
            return (struct outcome){QL_STATUS_BAD_REQUEST, QL_SECTORS_COUNT};
        if (first % QL_SECTOR_SIZE != 0)
            return (struct outcome){QL_STATUS_ALIGNMENT, first};
        return update_read_check(update, first, second * QL_SECTOR_SIZE);
    case QL_KIND_BOOT:
        if (second != 0)
            return (struct outcome){QL_STATUS_BAD_REQUEST, QL_BOOT_ZERO};
        return outcome_ok;
    case QL_KIND_SETTINGS:
        return server_settings_check(server, request->payload, request->length, store);
    case QL_KIND_RAM_RUN:
        return server->ram ? outcome_ok : (struct outcome){QL_STATUS_NOT_ALLOWED, 0};
    case QL_KIND_PROTECT:
    case QL_KIND_REPLACE:
        return server->job.kind == NEVER
                   ? bootloader_begin(&server->bootloader, request->kind, request->payload)
                   : outcome_ok; // which then is BUSY
    default:
        if (first > (QL_RESET_STAY | QL_RESET_FORGET_DUMP))
            return (struct outcome){QL_STATUS_BAD_REQUEST, QL_RESET_MODE};
        return outcome_ok;
    }
}

static void job_serve(struct server *server, const struct server_request *request)
{
    struct outcome outcome = job_check(server, request);
    if (outcome.status == QL_STATUS_OK && update_is_open(&server->update))
        outcome = (struct outcome){QL_STATUS_BUSY, server->update.id};
    else if (outcome.status == QL_STATUS_OK && (server->job.kind != NEVER || server->holder))
        outcome = (struct outcome){QL_STATUS_BUSY, 0};
    if (outcome.status != QL_STATUS_OK) {
        answer_put(server, request, outcome, 0);
        return;
    }
    server->job = *request;
    server->job_begun = false;
    server->job_done = 0;
}

struct service {
    uint8_t kind;
    uint8_t size; // of the payload; SETTINGS: at most
    void (*serve)(struct server *server, const struct server_request *request);
};

static const struct service services[] = {
    {QL_KIND_HELLO, QL_HELLO_SIZE, hello_serve},
    {QL_KIND_INFO, 0, info_serve},
    {QL_KIND_STATUS, 0, status_serve},
    {QL_KIND_READ, QL_READ_SIZE, job_serve},
    {QL_KIND_HASH, QL_HASH_SIZE, job_serve},
    {QL_KIND_SECTORS, QL_SECTORS_SIZE, job_serve},
    {QL_KIND_BOOT, QL_BOOT_SIZE, job_serve},
    {QL_KIND_RESET, QL_RESET_SIZE, job_serve},
    {QL_KIND_BEGIN, QL_BEGIN_SIZE, begin_serve},
    {QL_KIND_END, QL_END_SIZE, end_serve},
    {QL_KIND_ABORT, QL_ABORT_SIZE, abort_serve},
    {QL_KIND_UNLOCK, QL_UNLOCK_SIZE, unlock_serve},
    {QL_KIND_SETTINGS, QL_SETTINGS_SIZE, job_serve},
    {QL_KIND_RAM_RUN, QL_RAM_RUN_SIZE, job_serve},
    {QL_KIND_PROTECT, QL_PROTECT_SIZE, job_serve},
    {QL_KIND_REPLACE, QL_REPLACE_SIZE, job_serve},
};

static void request_serve(struct server *server, const struct server_request *request)
{
    struct outcome permitted = lock_check_kind(&server->lock, request->kind);
    if (permitted.status != QL_STATUS_OK) {
        answer_put(server, request, permitted, 0);
        return;
    }
    // What is staged has been checked; nothing may come in between.
    if (server->action.kind == SERVER_ACT_REPLACE) {
        answer_put(server, request, (struct outcome){QL_STATUS_BUSY, 0}, 0);
        return;
    }
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
        uint32_t size = services[i].size;
        if (services[i].kind != request->kind)
            continue;
        if (request->length == size ||
            (request->kind == QL_KIND_SETTINGS && request->length < size)) {
            services[i].serve(server, request);
            return;
        }
        uint32_t offset = request->length < size ? request->length : size;
        answer_put(server, request, (struct outcome){QL_STATUS_BAD_REQUEST, offset}, 0);
        return;
    }
    answer_put(server, request, (struct outcome){QL_STATUS_UNKNOWN_COMMAND, request->kind}, 0);
}

static bool request_is_same(const struct server_request *a, const struct server_request *b)
{
    return a->kind == b->kind && a->tag == b->tag && a->length == b->length &&
           memcmp(a->payload, b->payload, sizeof a->payload) == 0;
}

// Is there room for an answer? SECTORS collects its own in that room, slice by slice.
static bool answer_is_free(const struct server *server)
{
    return !server->answer_ready && !(server->job.kind == QL_KIND_SECTORS && server->job_begun);
}

static void request_take(struct server *server, const struct ql_frame *frame)
{
    struct server_request request = {
        .kind = frame->kind, .tag = frame->tag, .length = frame->length};
    size_t kept = frame->length < sizeof request.payload ? frame->length : sizeof request.payload;
    memcpy(request.payload, frame->payload, kept);
    if (request_is_same(&request, &server->job))
        return; // a repetition of what will be answered
    // Without room for its answer the request waits; only the newest does, since a host that has
    // sent another one no longer expects the answer to the one before.
    if (answer_is_free(server))
        request_serve(server, &request);
    else
        server->waiting = request;
}

// Is what the RAM holds being checked, or about to be used as it was checked?
static bool ram_is_needed(const struct server *server)
{
    return server->job.kind == QL_KIND_RAM_RUN || server->job.kind == QL_KIND_REPLACE ||
           server->action.kind == SERVER_ACT_BOOT_RAM || server->action.kind == SERVER_ACT_REPLACE;
}

// Too long to be kept: when its answer would have no room the host has to send it again.
static void ram_write_take(struct server *server, const struct ql_frame *frame)
{
    const struct server_request request = {.kind = frame->kind, .tag = frame->tag};
    if (!answer_is_free(server))
        return;
    struct outcome outcome = lock_check_kind(&server->lock, frame->kind);
    if (outcome.status == QL_STATUS_OK && ram_is_needed(server))
        outcome = (struct outcome){QL_STATUS_BUSY, 0};
    if (outcome.status == QL_STATUS_OK && !server->ram)
        outcome = (struct outcome){QL_STATUS_NOT_ALLOWED, 0};
    if (outcome.status == QL_STATUS_OK)
        outcome = ram_write(server->ram, frame->payload, frame->length);
    answer_put(server, &request, outcome, 0);
}

static void frame_take(struct server *server, const struct ql_frame *frame)
{
    if (frame->kind == QL_KIND_RAM_WRITE) {
        server->frames_taken++;
        ram_write_take(server, frame);
    } else if (frame->kind >= QL_KIND_REQUEST_FIRST && frame->kind <= QL_KIND_REQUEST_LAST) {
        server->frames_taken++;
        request_take(server, frame);
    } else if (frame->kind < QL_KIND_STREAM_FIRST || frame->kind > QL_KIND_STREAM_LAST) {
        server->frames_damaged++;
        update_fault(&server->update);
    } else if (update_operation(&server->update, frame->kind, frame->payload, frame->length)) {
        server->frames_taken++;
    } else {
        server->frames_damaged++;
    }
}

void server_receive(struct server *server, const uint8_t *bytes, size_t length)
{
    size_t used = 0;
    // Now, before any request has begun to hash something.
    lock_identify(&server->lock);
    while (used < length) {
        enum ql_frame_event event;
        struct ql_frame frame;
        used += ql_frame_decode(&server->decoder, bytes + used, length - used, &event, &frame);
        if (event == QL_FRAME_GOOD) {
            frame_take(server, &frame);
        } else if (event == QL_FRAME_DAMAGED) {
            server->frames_damaged++;
            update_fault(&server->update);
        }
    }
}

static void job_end(struct server *server, struct outcome outcome, uint32_t content)
{
    answer_put(server, &server->job, outcome, content);
    server->job.kind = NEVER;
}

static void end_run(struct server *server)
{
    struct outcome outcome;
    if (!update_end_outcome(&server->update, ql_load_u32(server->job.payload + QL_END_ID),
                            &outcome))
        return;
    bool with_hash = outcome.status == QL_STATUS_OK || outcome.status == QL_STATUS_VERIFY;
    if (with_hash)
        memcpy(server->answer + QL_ANSWER_CONTENT, server->update.sha256_found, QL_SHA256_SIZE);
    job_end(server, outcome, with_hash ? QL_SHA256_SIZE : 0);
}

static void read_run(struct server *server, const uint8_t *bytes, uint32_t length)
{
    memcpy(server->answer + QL_ANSWER_CONTENT, bytes, length);
    job_end(server, outcome_ok, length);
}

static void hash_run(struct server *server, const uint8_t *bytes, uint32_t length)
{
    const struct sha256_service *sha256 = server->sha256;
    if (!server->job_begun)
        sha256->begin(sha256->context);
    server->job_begun = true;
    uint32_t slice = length - server->job_done;
    if (slice > UPDATE_SLICE)
        slice = UPDATE_SLICE;
    sha256->update(sha256->context, bytes + server->job_done, slice);
    server->job_done += slice;
    if (server->job_done < length)
        return;
    sha256->finish(sha256->context, server->answer + QL_ANSWER_CONTENT);
    job_end(server, outcome_ok, QL_SHA256_SIZE);
}

static void sectors_run(struct server *server, const uint8_t *bytes, uint32_t count)
{
    const struct sha256_service *sha256 = server->sha256;
    server->job_begun = true;
    for (unsigned i = 0; i < SECTORS_SLICE && server->job_done < count; i++) {
        uint8_t digest[QL_SHA256_SIZE];
        sha256->begin(sha256->context);
        sha256->update(sha256->context, bytes + server->job_done * QL_SECTOR_SIZE, QL_SECTOR_SIZE);
        sha256->finish(sha256->context, digest);
        memcpy(server->answer + QL_ANSWER_CONTENT + server->job_done * QL_SECTOR_DIGEST_SIZE,
               digest, QL_SECTOR_DIGEST_SIZE);
        server->job_done++;
    }
    if (server->job_done == count)
        job_end(server, outcome_ok, count * QL_SECTOR_DIGEST_SIZE);
}

static void boot_run(struct server *server, uint32_t address)
{
    struct outcome outcome = outcome_ok;
    bool done = false;
    if (address == 0)
        address = server_boot_address(server);
    if (!server->job_begun) {
        server->job_begun = true;
        // What END has just read back need not be read again.
        bool verified = update_is_verified_at(&server->update, address);
        outcome =
            verified ? server_program_check(server, address) : server_check_begin(server, address);
        done = verified || outcome.status != QL_STATUS_OK;
    } else {
        done = server_check_run(server, address, &outcome);
    }
    if (!done)
        return;
    if (outcome.status == QL_STATUS_OK)
        server->action = (struct server_action){.kind = SERVER_ACT_BOOT, .address = address};
    // The detail would be a word of the chip.
    if ((outcome.status == QL_STATUS_BAD_STACK || outcome.status == QL_STATUS_BAD_ENTRY) &&
        lock_check(&server->lock, QL_PERMIT_READ).status != QL_STATUS_OK)
        outcome.detail = 0;
    job_end(server, outcome, 0);
}

static void ram_run(struct server *server)
{
    struct ram_check *check = &server->ram_check;
    struct outcome outcome = outcome_ok;
    bool done;
    if (!server->job_begun) {
        server->job_begun = true;
        outcome = ram_check_begin(check, server->ram, server->sha256, server->job.payload);
        done = outcome.status != QL_STATUS_OK;
    } else {
        done = ram_check_run(check, UPDATE_SLICE, &outcome);
    }
    if (!done)
        return;
    if (outcome.status == QL_STATUS_OK)
        server->action =
            (struct server_action){.kind = SERVER_ACT_BOOT_RAM, .address = check->address};
    job_end(server, outcome, 0);
}

static void reset_run(struct server *server, uint32_t mode)
{
    server->action = (struct server_action){
        .kind = mode & QL_RESET_STAY ? SERVER_ACT_RESET_STAY : SERVER_ACT_RESET,
        .forget_dump = mode & QL_RESET_FORGET_DUMP,
    };
    job_end(server, outcome_ok, 0);
}

static void settings_run(struct server *server)
{
    struct outcome outcome;
    uint32_t content = 0;
    if (!server_settings_run(server, &outcome))
        return;
    if (outcome.status == QL_STATUS_OK) {
        content = settings_size(server->records.settings);
        memcpy(server->answer + QL_ANSWER_CONTENT, server->records.settings, content);
    }
    job_end(server, outcome, content);
}

// PROTECT and REPLACE.
static void own_flash_run(struct server *server)
{
    struct bootloader_answer answer;
    if (!bootloader_run(&server->bootloader, server->sha256, server->job.kind, server->job.payload,
                        now_ms(server), &answer))
        return;
    memcpy(server->answer + QL_ANSWER_CONTENT, answer.content, answer.content_size);
    if (answer.replace != 0)
        server->action =
            (struct server_action){.kind = SERVER_ACT_REPLACE, .length = answer.replace};
    job_end(server, answer.outcome, answer.content_size);
}

// Works on the job. Returns true if there is more to do at once.
static bool job_run(struct server *server)
{
    if (server->job.kind == NEVER || server->answer_ready)
        return false;
    if (server->job.kind == QL_KIND_END) {
        end_run(server);
        return false;
    }
    // The last operation of an aborted update may still be under way.
    if (!update_is_idle(&server->update))
        return false;
    uint32_t first = ql_load_u32(server->job.payload);
    uint32_t second = ql_load_u32(server->job.payload + 4);
    if (server->job.kind == QL_KIND_BOOT) {
        boot_run(server, first);
        return server->job.kind != NEVER;
    }
    if (server->job.kind == QL_KIND_RAM_RUN) {
        ram_run(server);
        return server->job.kind != NEVER;
    }
    if (server->job.kind == QL_KIND_RESET) {
        reset_run(server, first);
        return false;
    }
    if (server->job.kind == QL_KIND_SETTINGS) {
        settings_run(server);
        return true; // a record may have to be begun, the answer to be sent
    }
    if (server->job.kind == QL_KIND_PROTECT || server->job.kind == QL_KIND_REPLACE) {
        own_flash_run(server);
        return server->job.kind == QL_KIND_REPLACE;
    }
    if (nor_map(server->nor) != 0) {
        job_end(server, (struct outcome){QL_STATUS_CHIP_ERROR, first}, 0);
        return false;
    }
    const uint8_t *bytes = update_chip_bytes(&server->update, first);
    if (server->job.kind == QL_KIND_READ)
        read_run(server, bytes, second);
    else if (server->job.kind == QL_KIND_HASH)
        hash_run(server, bytes, second);
    else
        sectors_run(server, bytes, second);
    return server->job.kind != NEVER;
}

bool server_run(struct server *server)
{
    if (server->waiting.kind != NEVER && answer_is_free(server)) {
        struct server_request request = server->waiting;
        server->waiting.kind = NEVER;
        request_serve(server, &request);
    }
    bool more = update_run(&server->update);
    // Also those whose request a lost line has taken away.
    if (server->settings_written != server->records.settings_written)
        server_settings_apply(server);
    return job_run(server) || more;
}

// Makes the next frame, if there is one to send.
static void out_fill(struct server *server)
{
    struct ql_frame frame = {0};
    uint8_t record[QL_PROGRESS_SIZE];
    bool due = update_progress_due(&server->update);
    if (due && (server->progress_first || !server->answer_ready)) {
        update_progress_store(&server->update, record, true);
        frame =
            (struct ql_frame){.kind = QL_KIND_PROGRESS, .length = sizeof record, .payload = record};
        server->progress_first = false;
    } else if (server->answer_ready) {
        frame = (struct ql_frame){server->answer_kind, server->answer_tag, server->answer_length,
                                  server->answer};
        server->answer_ready = false;
    } else {
        return;
    }
    uint32_t lead = server->separate ? 1 : 0;
    server->out[0] = 0;
    server->separate = false;
    server->out_sent = 0;
    server->out_length = lead + (uint32_t)ql_frame_encode(&frame, server->out + lead, QL_FRAME_MAX);
}

size_t server_transmit(struct server *server, uint8_t *bytes, size_t capacity)
{
    size_t given = 0;
    while (given < capacity) {
        if (server->out_sent == server->out_length)
            out_fill(server);
        size_t length = server->out_length - server->out_sent;
        if (length == 0)
            break;
        if (length > capacity - given)
            length = capacity - given;
        memcpy(bytes + given, server->out + server->out_sent, length);
        server->out_sent += (uint32_t)length;
        given += length;
    }
    return given;
}

void server_silence(struct server *server)
{
    ql_frame_decoder_init(&server->decoder);
    server->job.kind = NEVER;
    server->waiting.kind = NEVER;
    server->answer_ready = false;
    server->progress_first = false;
    server->out_length = 0;
    server->out_sent = 0;
    server->separate = true;
}

void server_line_reset(struct server *server)
{
    lock_close(&server->lock);
    server_silence(server);
}

struct server_action server_action(const struct server *server)
{
    if (server->answer_ready || server->out_sent < server->out_length)
        return (struct server_action){.kind = SERVER_ACT_NOT};
    return server->action;
}

bool server_hold(struct server *server, const void *holder)
{
    if ((server->holder && server->holder != holder) || server->job.kind != NEVER ||
        !update_is_idle(&server->update))
        return false;
    server->holder = holder;
    return true;
}

void server_release(struct server *server, const void *holder)
{
    if (server->holder == holder)
        server->holder = NULL;
}
