// Frames to and from a board, and requests with their repetitions (SPEC.md sections 1, 2 and 5).
//
// SPDX-License-Identifier: MIT
#include "host/link.h"

#include "abi/bytes.h"

#include <string.h>

#define WRITE_TIMEOUT_NS (5 * QL_NS_PER_S)
#define STEP_NS          (250 * QL_NS_PER_MS) // how late a Ctrl-C may be noticed
#define BUSY_PAUSE_NS    (100 * QL_NS_PER_MS)
#define BUSY_TRIES       50

void ql_link_init(struct ql_link *link, const struct ql_transport *transport,
                  const struct ql_observer *observer)
{
    memset(link, 0, sizeof *link);
    link->transport = *transport;
    link->observer = observer;
    link->doubt = true;
    ql_frame_decoder_init(&link->decoder);
    link->heard_ns = ql_link_now(link);
}

void ql_link_close(struct ql_link *link)
{
    ql_transport_close(&link->transport);
}

uint64_t ql_link_now(const struct ql_link *link)
{
    return ql_clock_now(&link->transport.clock);
}

static int fail_lost(struct ql_failure *failure)
{
    ql_fail(failure, QL_BOARD_LOST, "the board went away (unplugged, reset or switched off)");
    ql_hint(failure, "connect it again and repeat the command");
    return -QL_BOARD_LOST;
}

int ql_link_send(struct ql_link *link, const struct ql_frame *frame, struct ql_failure *failure)
{
    size_t size = 0;
    if (link->doubt)
        link->output[size++] = 0;
    const size_t encoded = ql_frame_encode(frame, link->output + size, QL_FRAME_MAX);
    if (encoded == 0)
        return ql_fail(failure, QL_INTERNAL, "a frame of %u bytes cannot be sent", frame->length);
    size += encoded;
    link->doubt = false;
    const int result =
        link->transport.write(link->transport.context, link->output, size, WRITE_TIMEOUT_NS);
    if (result == -QL_BOARD_SILENT) {
        link->doubt = true;
        ql_fail(failure, QL_BOARD_SILENT, "the board took no data for %u s",
                (unsigned)(WRITE_TIMEOUT_NS / QL_NS_PER_S));
        ql_hint(failure, "reset the board and repeat the command");
        return result;
    }
    return result == 0 ? 0 : fail_lost(failure);
}

// Looks for a frame in what was received already.
static bool next_frame(struct ql_link *link, struct ql_frame *frame)
{
    while (link->input_at < link->input_end) {
        enum ql_frame_event event;
        link->input_at += ql_frame_decode(&link->decoder, link->input + link->input_at,
                                          link->input_end - link->input_at, &event, frame);
        if (event == QL_FRAME_DAMAGED)
            link->frames_damaged++;
        if (event == QL_FRAME_GOOD && frame->kind >= QL_KIND_ANSWER) {
            link->frames_received++;
            link->heard_ns = ql_link_now(link);
            return true;
        }
        // An echo of our own requests is no answer.
        if (event == QL_FRAME_GOOD)
            link->frames_damaged++;
    }
    return false;
}

int ql_link_receive(struct ql_link *link, struct ql_frame *frame, uint64_t deadline_ns,
                    struct ql_failure *failure)
{
    for (;;) {
        if (next_frame(link, frame))
            return 1;
        if (!link->deaf_to_cancel && ql_cancelled(link->observer))
            return ql_fail(failure, QL_INTERRUPTED, "interrupted");
        const uint64_t now_ns = ql_link_now(link);
        const uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        const int got =
            link->transport.read(link->transport.context, link->input, sizeof link->input,
                                 left_ns < STEP_NS ? left_ns : STEP_NS);
        if (got < 0)
            return fail_lost(failure);
        link->input_at = 0;
        link->input_end = (size_t)got;
        link->bytes_received += (uint64_t)got;
        if (got == 0 && left_ns == 0)
            return 0;
        // A line that never falls silent without a good frame must not hold us.
        if (got > 0 && left_ns == 0 && !next_frame(link, frame))
            return 0;
        if (got > 0 && left_ns == 0)
            return 1;
    }
}

bool ql_answer_take(struct ql_answer *answer, const struct ql_frame *frame, uint8_t kind,
                    uint16_t tag)
{
    if (frame->kind != (kind | QL_KIND_ANSWER) || frame->tag != tag ||
        frame->length < QL_ANSWER_CONTENT)
        return false;
    answer->status = ql_load_u16(frame->payload + QL_ANSWER_STATUS);
    answer->detail = ql_load_u32(frame->payload + QL_ANSWER_DETAIL);
    answer->size = frame->length - (uint32_t)QL_ANSWER_CONTENT;
    memcpy(answer->content, frame->payload + QL_ANSWER_CONTENT, answer->size);
    return true;
}

static int fail_silent(const struct ql_link *link, uint64_t bytes_before, uint64_t frames_before,
                       struct ql_failure *failure)
{
    if (link->bytes_received > bytes_before && link->frames_received == frames_before) {
        ql_fail(failure, QL_BOARD_NONSENSE,
                "what is connected there answers, but does not speak "
                "quadlane's protocol");
        ql_hint(failure, "is it the right port, and is the quadlane bootloader running (not the "
                         "program)? `quadlane list` shows the boards that are there");
        return -QL_BOARD_NONSENSE;
    }
    ql_fail(failure, QL_BOARD_SILENT, "the board does not answer");
    ql_hint(failure,
            "reset it with its button held, so that it stays in the bootloader, and repeat "
            "the command");
    return -QL_BOARD_SILENT;
}

int ql_link_request_patiently(struct ql_link *link, uint8_t kind, const uint8_t *payload,
                              uint16_t length, struct ql_patience patience,
                              struct ql_answer *answer, struct ql_failure *failure)
{
    const uint64_t bytes_before = link->bytes_received;
    const uint64_t frames_before = link->frames_received;
    const struct ql_frame request = {kind, ++link->tag, length, payload};
    for (unsigned i = 0; i < patience.tries; i++) {
        if (i > 0) {
            link->repetitions++;
            ql_note(link->observer, "no answer to request %u; sent again", kind);
            link->doubt = true;
        }
        int result = ql_link_send(link, &request, failure);
        if (result != 0)
            return result;
        const uint64_t deadline_ns = ql_link_now(link) + patience.timeout_ns;
        struct ql_frame frame;
        while ((result = ql_link_receive(link, &frame, deadline_ns, failure)) > 0) {
            if (ql_answer_take(answer, &frame, kind, link->tag))
                return 0;
            if (ql_link_now(link) >= deadline_ns)
                break;
        }
        if (result < 0)
            return result;
    }
    return fail_silent(link, bytes_before, frames_before, failure);
}

int ql_link_request(struct ql_link *link, uint8_t kind, const uint8_t *payload, uint16_t length,
                    struct ql_answer *answer, struct ql_failure *failure)
{
    const struct ql_patience patience = {QL_REQUEST_TRIES, QL_REQUEST_TIMEOUT_NS};
    return ql_link_request_patiently(link, kind, payload, length, patience, answer, failure);
}

int ql_link_call(struct ql_link *link, uint8_t kind, const uint8_t *payload, uint16_t length,
                 const char *what, struct ql_answer *answer, struct ql_failure *failure)
{
    for (unsigned i = 0; i < BUSY_TRIES; i++) {
        const int result = ql_link_request(link, kind, payload, length, answer, failure);
        if (result != 0)
            return result;
        // A detail names an open update, which does not go away by waiting.
        if (answer->status != QL_STATUS_BUSY || answer->detail != 0)
            break;
        ql_clock_sleep(&link->transport.clock, BUSY_PAUSE_NS);
    }
    return answer->status == QL_STATUS_OK
               ? 0
               : ql_fail_status(failure, what, answer->status, answer->detail);
}
