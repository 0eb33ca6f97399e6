// Streaming an update: as much as the board's window allows, going back when something was lost,
// going on when the cable comes back.
//
// The board executes operations strictly in the order of their numbers and drops what does not fit;
// so all that can go wrong on the line is answered by sending again from the number it expects.
// What the board does not tell by itself (the very last operation lost, or END, or its answer) is
// found by asking after a while.
//
// SPDX-License-Identifier: MIT
#include "host/update.h"

#include "abi/bytes.h"
#include "host/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_NS       (500 * QL_NS_PER_MS) // then the board is asked
#define END_SILENT_NS  (2 * QL_NS_PER_S)    // no frame at all: END goes out again
#define ECHO_NS        (100 * QL_NS_PER_MS) // reports of the same loss come for that long
#define STALL_NS       (30 * QL_NS_PER_S)   // no operation executed: given up
#define VERIFY_NS      (120 * QL_NS_PER_S)  // reading back takes longer: given up
#define REWINDS_MAX    40                   // at one and the same operation
#define RECONNECTS_MAX 10

struct update {
    struct ql_connection *connection;
    struct ql_link *link;
    const struct ql_update_request *request;
    struct ql_update_outcome *outcome;
    struct ql_failure *failure;
    uint32_t id;
    uint32_t session;
    uint8_t digest[QL_SHA256_SIZE];
    uint32_t count;
    // Sums over the operations before number n, for n = 0..count.
    uint64_t *payload_sums;
    uint64_t *byte_sums;
    uint64_t *us_sums;

    uint32_t sent;                   // next number to send
    struct ql_update_progress board; // last known
    uint32_t faults_seen;
    uint32_t rewound_to;
    unsigned rewinds_there;
    uint64_t rewound_ns;
    uint64_t sent_ns;  // when something of the stream was sent last
    uint64_t heard_ns; // when the board's count of operations taken rose last
    uint64_t moved_ns; // when an operation was executed last
    bool end_pending;
    uint16_t end_tag;
    unsigned end_tries;
    uint64_t end_ns;       // when END was sent last
    uint64_t end_first_ns; // when it was sent first
    bool complete;
    bool verifying; // shown
};

static const struct ql_operation *operation(const struct update *update, uint32_t number)
{
    return &update->request->plan->operations[number];
}

static uint32_t payload_size(const struct ql_operation *one)
{
    return QL_STREAM_DATA + (one->kind == QL_KIND_WRITE ? one->size : 0);
}

static int make_sums(struct update *update)
{
    const struct ql_plan *plan = update->request->plan;
    uint64_t *sums = calloc(3 * (plan->count + 1), sizeof *sums);
    if (sums == NULL)
        return ql_fail_memory(update->failure);
    update->count = (uint32_t)plan->count;
    update->payload_sums = sums;
    update->byte_sums = sums + plan->count + 1;
    update->us_sums = sums + 2 * (plan->count + 1);
    // What the user sees rising: bytes written, or bytes erased when there is nothing to write.
    const uint8_t counted = plan->write_bytes > 0 ? QL_KIND_WRITE : QL_KIND_ERASE;
    for (uint32_t i = 0; i < update->count; i++) {
        const struct ql_operation *one = operation(update, i);
        update->payload_sums[i + 1] = update->payload_sums[i] + payload_size(one);
        update->byte_sums[i + 1] = update->byte_sums[i] + (one->kind == counted ? one->size : 0);
        update->us_sums[i + 1] = update->us_sums[i] + one->typical_us;
    }
    return 0;
}

static void show_phase(const struct update *update, enum ql_phase phase)
{
    const struct ql_update_request *request = update->request;
    const struct ql_progress progress = {
        .phase = phase,
        .done = request->before_bytes + update->byte_sums[update->board.executed],
        .total = phase == QL_PHASE_VERIFYING ? 0 : request->total_bytes,
        .done_us = request->before_us + update->us_sums[update->board.executed],
        .total_us = request->total_us,
        .now_ns = ql_link_now(update->link),
    };
    ql_observe(update->connection->observer, &progress);
}

// The board reads back when all is written, so the end of writing is told first.
static void show(struct update *update)
{
    const bool all = update->end_pending && update->board.executed == update->count;
    const bool verifying = all || update->board.state == QL_UPDATE_VERIFYING;
    if (update->count > 0 && (!verifying || !update->verifying))
        show_phase(update, QL_PHASE_WRITING);
    if (verifying)
        show_phase(update, QL_PHASE_VERIFYING);
    update->verifying = verifying;
}

static int fail_record(struct update *update)
{
    return ql_fail(update->failure, QL_BOARD_NONSENSE,
                   "the board's account of the update makes no sense");
}

static int rewind_to(struct update *update, uint32_t number)
{
    const uint64_t now_ns = ql_link_now(update->link);
    if (number == update->rewound_to && ++update->rewinds_there > REWINDS_MAX) {
        ql_fail(update->failure, QL_BOARD_SILENT,
                "operation %u of %u does not get through to the "
                "board, though it was sent %u times",
                number, update->count, update->rewinds_there);
        ql_hint(update->failure, "try another cable, and no hub");
        return -QL_BOARD_SILENT;
    }
    if (number != update->rewound_to)
        update->rewinds_there = 0;
    update->rewound_to = number;
    update->rewound_ns = now_ns;
    update->sent_ns = now_ns;
    update->sent = number;
    update->faults_seen = update->board.faults;
    update->end_pending = false;
    update->link->doubt = true;
    update->outcome->rewinds++;
    ql_note(update->connection->observer, "operation %u of %u was lost; sent again from there",
            number, update->count);
    return 0;
}

static int fail_state(struct update *update)
{
    char what[96];
    const struct ql_update_request *request = update->request;
    if (update->board.state == QL_UPDATE_CLOSED)
        return ql_fail(update->failure, QL_BOARD_REFUSED,
                       "the update was closed before it was finished, by another program");
    snprintf(what, sizeof what, "writing 0x%08X..0x%08X", request->address,
             request->address + (request->size - 1));
    return ql_fail_status(update->failure, what, update->board.status, update->board.detail);
}

// `certain`: the record answers a request, so all that was sent before has reached the board or
// never will.
static int take_progress(struct update *update, const struct ql_update_progress *record,
                         bool certain)
{
    const uint64_t now_ns = ql_link_now(update->link);
    if (record->id != update->id) // certain: the board was reset behind a line that stayed
        return certain ? -QL_BOARD_LOST : 0;
    if (record->taken > update->count)
        return fail_record(update);
    if (record->taken < update->board.taken || record->executed < update->board.executed)
        return 0; // older than what is known
    if (record->taken > update->board.taken)
        update->heard_ns = now_ns;
    if (record->executed > update->board.executed)
        update->moved_ns = now_ns;
    update->board = *record;
    if (update->sent < record->taken)
        update->sent = record->taken;
    show(update);
    if (record->state == QL_UPDATE_FAILED || record->state == QL_UPDATE_CLOSED)
        return fail_state(update);
    const bool lost = certain || record->faults > update->faults_seen;
    if (!lost || record->taken >= update->sent)
        return 0;
    // Operations sent before the last rewind still arrive and are reported; those reports are old.
    if (!certain && record->taken == update->rewound_to && now_ns < update->rewound_ns + ECHO_NS)
        return 0;
    return rewind_to(update, record->taken);
}

static int send_operation(struct update *update)
{
    const struct ql_operation *one = operation(update, update->sent);
    const struct ql_update_request *request = update->request;
    uint8_t payload[QL_PAYLOAD_MAX];
    ql_store_u32(payload + QL_STREAM_ID, update->id);
    ql_store_u32(payload + QL_STREAM_NUMBER, update->sent);
    ql_store_u32(payload + QL_STREAM_ADDRESS, one->address);
    ql_store_u32(payload + QL_STREAM_LENGTH, one->size);
    if (one->kind == QL_KIND_WRITE) {
        const uint32_t offset = one->address - request->address;
        const uint32_t left = request->size - offset;
        const uint32_t held = left < one->size ? left : one->size;
        memcpy(payload + QL_STREAM_DATA, request->data + offset, held);
        memset(payload + QL_STREAM_DATA + held, 0xFF, one->size - held);
    }
    const struct ql_frame frame = {one->kind, 0, (uint16_t)payload_size(one), payload};
    const int result = ql_link_send(update->link, &frame, update->failure);
    if (result == 0) {
        update->sent++;
        update->sent_ns = ql_link_now(update->link);
    }
    return result;
}

static int send_end(struct update *update)
{
    uint8_t payload[QL_END_SIZE];
    const uint64_t now_ns = ql_link_now(update->link);
    if (!update->end_pending) {
        update->end_tag = ++update->link->tag;
        update->end_tries = 0;
        update->end_first_ns = now_ns;
    } else {
        update->link->doubt = true;
        update->link->repetitions++;
    }
    if (++update->end_tries > QL_REQUEST_TRIES + 1) {
        ql_fail(update->failure, QL_BOARD_SILENT,
                "the board does not answer whether it has what "
                "was sent");
        ql_hint(update->failure, "reset the board and repeat the command");
        return -QL_BOARD_SILENT;
    }
    ql_store_u32(payload + QL_END_ID, update->id);
    ql_store_u32(payload + QL_END_COUNT, update->count);
    const struct ql_frame frame = {QL_KIND_END, update->end_tag, sizeof payload, payload};
    update->end_pending = true;
    update->end_ns = now_ns;
    show(update);
    return ql_link_send(update->link, &frame, update->failure);
}

static int fill_window(struct update *update)
{
    while (update->sent < update->count) {
        const uint64_t open =
            update->payload_sums[update->sent + 1] - update->payload_sums[update->board.executed];
        if (open > update->connection->board.window)
            return 0;
        const int result = send_operation(update);
        if (result != 0)
            return result;
    }
    return update->end_pending ? 0 : send_end(update);
}

static int take_end(struct update *update, const struct ql_answer *answer)
{
    update->end_pending = false;
    if (answer->status == QL_STATUS_INCOMPLETE) {
        if (answer->detail >= update->count || answer->detail < update->board.taken)
            return fail_record(update);
        update->board.taken = answer->detail;
        return rewind_to(update, answer->detail);
    }
    if (answer->status == QL_STATUS_NO_UPDATE)
        return -QL_BOARD_LOST; // reset behind a line that stayed
    if (answer->status == QL_STATUS_BUSY) {
        update->end_pending = true; // its answer is still to come, or END goes out again
        return 0;
    }
    if (answer->status != QL_STATUS_OK) {
        update->board.state = QL_UPDATE_FAILED;
        update->board.status = answer->status;
        update->board.detail = answer->detail;
        return fail_state(update);
    }
    if (answer->size < QL_SHA256_SIZE)
        return fail_record(update);
    if (memcmp(answer->content, update->digest, QL_SHA256_SIZE) != 0)
        return ql_fail_status(update->failure, "comparing digests", QL_STATUS_VERIFY,
                              update->request->address);
    update->complete = true;
    return 0;
}

static int take_frame(struct update *update, const struct ql_frame *frame)
{
    struct ql_answer answer;
    struct ql_update_progress record;
    if (frame->kind == QL_KIND_PROGRESS &&
        ql_progress_parse(&record, frame->payload, frame->length))
        return take_progress(update, &record, false);
    if (update->end_pending && ql_answer_take(&answer, frame, QL_KIND_END, update->end_tag))
        return take_end(update, &answer);
    return 0;
}

static int ask_status(struct update *update)
{
    struct ql_update_progress record;
    const int result = ql_board_status(update->link, &record, update->failure);
    if (result != 0)
        return result;
    update->heard_ns = update->sent_ns = ql_link_now(update->link);
    return take_progress(update, &record, true);
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// END or its answer was lost if the board, long after END went out, still has nothing to do, or has
// already come to its verdict.
static bool end_was_lost(const struct update *update, uint64_t now_ns)
{
    const struct ql_update_progress *board = &update->board;
    const bool idle = board->state == QL_UPDATE_OPEN && board->executed == update->count;
    const bool done = board->state == QL_UPDATE_COMPLETE;
    if (now_ns >= later(update->end_ns, update->link->heard_ns) + END_SILENT_NS)
        return true;
    return (idle || done) && update->link->heard_ns > update->end_ns &&
           now_ns >= later(update->end_ns, update->moved_ns) + 2 * QUIET_NS;
}

static int look_at_clock(struct update *update)
{
    const uint64_t now_ns = ql_link_now(update->link);
    if (update->board.executed < update->count && now_ns > update->moved_ns + STALL_NS) {
        ql_fail(update->failure, QL_BOARD_SILENT,
                "the board made no progress for %u s (at "
                "0x%08X)",
                (unsigned)(STALL_NS / QL_NS_PER_S), update->board.address);
        ql_hint(update->failure, "reset the board and repeat the command");
        return -QL_BOARD_SILENT;
    }
    if (!update->end_pending) {
        const bool quiet = now_ns >= later(update->sent_ns, update->heard_ns) + QUIET_NS &&
                           now_ns >= update->moved_ns + QUIET_NS;
        const bool unheard = now_ns >= update->link->heard_ns + QUIET_NS;
        return quiet && (unheard || update->board.taken < update->sent) ? ask_status(update) : 0;
    }
    if (update->board.executed == update->count && now_ns > update->end_first_ns + VERIFY_NS &&
        now_ns > update->moved_ns + VERIFY_NS)
        return ql_fail(update->failure, QL_BOARD_SILENT,
                       "the board did not finish reading back within %u s",
                       (unsigned)(VERIFY_NS / QL_NS_PER_S));
    return end_was_lost(update, now_ns) ? send_end(update) : 0;
}

static int step(struct update *update)
{
    int result = fill_window(update);
    if (result != 0)
        return result;
    struct ql_frame frame;
    const uint64_t deadline_ns = ql_link_now(update->link) + 50 * QL_NS_PER_MS;
    result = ql_link_receive(update->link, &frame, deadline_ns, update->failure);
    if (result > 0)
        result = take_frame(update, &frame);
    if (result != 0 || update->complete)
        return result;
    return look_at_clock(update);
}

static int begin(struct update *update)
{
    const struct ql_update_request *request = update->request;
    uint8_t payload[QL_BEGIN_SIZE] = {0};
    struct ql_answer answer;
    struct ql_update_progress record;
    char what[64];
    snprintf(what, sizeof what, "writing at 0x%08X", request->address);
    ql_store_u32(payload + QL_BEGIN_ID, update->id);
    ql_store_u32(payload + QL_BEGIN_ADDRESS, request->address);
    ql_store_u32(payload + QL_BEGIN_LENGTH, request->size);
    memcpy(payload + QL_BEGIN_SHA256, update->digest, QL_SHA256_SIZE);
    if (request->is_program) {
        ql_store_u32(payload + QL_BEGIN_FLAGS, QL_BEGIN_FLAG_PROGRAM);
        memcpy(payload + QL_BEGIN_STACK, request->data, 8);
    }
    ql_store_u32(payload + QL_BEGIN_OWNER, request->owner);
    const int result = ql_link_call(update->link, QL_KIND_BEGIN, payload, sizeof payload, what,
                                    &answer, update->failure);
    if (result != 0)
        return result;
    if (!ql_progress_parse(&record, answer.content, answer.size) || record.id != update->id ||
        record.taken > update->count)
        return fail_record(update);
    const uint64_t now_ns = ql_link_now(update->link);
    update->board = record;
    update->sent = record.taken;
    update->faults_seen = record.faults;
    update->rewound_to = UINT32_MAX;
    update->sent_ns = update->heard_ns = update->moved_ns = now_ns;
    update->end_pending = false;
    show(update);
    return 0;
}

// The board is there again: goes on where it stopped. An update that was complete needs only END.
static int go_on(struct update *update)
{
    struct ql_update_progress record;
    if (update->connection->board.session != update->session)
        return QL_UPDATE_AGAIN;
    const int result = ql_board_status(update->link, &record, update->failure);
    if (result != 0)
        return result;
    if (record.id == update->id && record.state == QL_UPDATE_COMPLETE) {
        update->board = record;
        update->sent = update->count;
        update->end_pending = false;
        return 0;
    }
    return begin(update);
}

static int reconnect_and_go_on(struct update *update)
{
    int result = -QL_BOARD_LOST;
    while (result == -QL_BOARD_LOST && update->outcome->reconnects < RECONNECTS_MAX) {
        update->outcome->reconnects++;
        ql_note(update->connection->observer, "the board is gone; looking for it");
        result = update->connection->reconnect(update->connection, update->failure);
        if (result != 0)
            return result;
        result = go_on(update);
    }
    return result;
}

static bool untouched(const struct update *update)
{
    const struct ql_update_progress *board = &update->board;
    if (board->erased != 0 || board->programmed != 0)
        return false;
    // A protection that stays is found before the first operation, and before its record.
    if (board->status == QL_STATUS_PROTECTED && board->executed == 0)
        return true;
    return board->executed == board->taken && board->taken == update->sent;
}

// Adds to the failure's sentence what the chip holds now.
static void tell_state(const struct update *update)
{
    struct ql_failure *failure = update->failure;
    const struct ql_update_request *request = update->request;
    if (failure == NULL)
        return;
    const size_t length = strlen(failure->sentence);
    char *end = failure->sentence + length;
    const size_t room = sizeof failure->sentence - length;
    if (untouched(update))
        snprintf(end, room, "; nothing in the chip was changed");
    else
        snprintf(end, room, "; 0x%08X..0x%08X in the chip is unfinished now (%llu %% done)",
                 request->address, request->address + (request->size - 1),
                 (unsigned long long)(update->us_sums[update->count] == 0
                                          ? 100
                                          : update->us_sums[update->board.executed] * 100 /
                                                update->us_sums[update->count]));
    if (failure->hint[0] == '\0')
        ql_hint(failure, "repeat the command to finish it");
}

static void close_interrupted(struct update *update)
{
    struct ql_failure ignored;
    struct ql_update_progress record;
    update->link->deaf_to_cancel = true;
    if (update->link->transport.read != NULL &&
        ql_board_abort(update->link, update->id, &ignored) == 0 &&
        ql_board_status(update->link, &record, &ignored) == 0 && record.id == update->id &&
        record.executed <= record.taken && record.taken <= update->count) {
        update->board = record;
        update->sent = record.taken;
    }
    update->link->deaf_to_cancel = false;
}

static int run(struct update *update)
{
    update->session = update->connection->board.session;
    int result = begin(update);
    while (!update->complete) {
        if (result == 0)
            result = step(update);
        if (result == -QL_BOARD_LOST)
            result = reconnect_and_go_on(update);
        if (result == -QL_INTERRUPTED)
            close_interrupted(update);
        if (result < 0)
            tell_state(update);
        if (result != 0)
            return result;
    }
    return 0;
}

int ql_update_run(struct ql_connection *connection, const struct ql_update_request *request,
                  struct ql_update_outcome *outcome, struct ql_failure *failure)
{
    struct update update = {.connection = connection,
                            .link = &connection->link,
                            .request = request,
                            .outcome = outcome,
                            .failure = failure,
                            .id = request->id != 0 ? request->id : ql_random_id()};
    int result = make_sums(&update);
    if (result != 0)
        return result;
    ql_sha256(request->data, request->size, update.digest);
    ql_note(connection->observer, "update %08X: 0x%08X, %u bytes, %u operations", update.id,
            request->address, request->size, update.count);
    result = run(&update);
    if (result == 0)
        ql_note(connection->observer, "update %08X: verified by the board, and sealed", update.id);
    outcome->last = update.board;
    free(update.payload_sums);
    return result;
}
