// A board that answers anything: the input decides what the host reads, piece by piece, while it
// says HELLO, asks INFO, compares and updates.
//
// The input is a row of pieces: a kind byte, then for a raw piece a length byte and that many
// bytes, for a framed one a body's kind, a length byte and a payload, sent as a good frame with the
// tag that the host used last. So the fuzzer need not find CRCs. Time is virtual: all waits end.
//
// SPDX-License-Identifier: MIT
#include "abi/bytes.h"
#include "abi/frame.h"
#include "host/flash.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
    const uint8_t *data;
    size_t size, at;
    uint64_t now_ns;
    uint16_t tag; // of the last request
    uint32_t id;  // of the last BEGIN
    struct ql_frame_decoder decoder;
    uint8_t line[2 * QL_FRAME_MAX];
    size_t line_at, line_end;
};

enum { PIECE_RAW, PIECE_FRAME, PIECE_ID_FRAME, PIECE_SILENCE, PIECE_LOST, PIECES };

static uint8_t next(struct script *script)
{
    return script->at < script->size ? script->data[script->at++] : 0;
}

static size_t take(struct script *script, uint8_t *bytes, size_t size)
{
    const size_t left = script->size - script->at;
    const size_t count = size < left ? size : left;
    memcpy(bytes, script->data + script->at, count);
    script->at += count;
    return count;
}

static void put_frame(struct script *script, bool with_id)
{
    uint8_t payload[2048] = {0};
    struct ql_frame frame = {.tag = script->tag, .payload = payload};
    frame.kind = next(script);
    const size_t length = (size_t)next(script) * 8 + next(script) % 8;
    take(script, payload, length);
    // What the fuzzer could not guess: a good status, and the update's number.
    if (with_id && frame.kind == QL_KIND_PROGRESS)
        ql_store_u32(payload, script->id);
    if (with_id && frame.kind != QL_KIND_PROGRESS) {
        memset(payload, 0, 8);
        ql_store_u32(payload + 8, script->id);
    }
    frame.length = (uint16_t)length;
    script->line_end = ql_frame_encode(&frame, script->line, sizeof script->line);
}

static int script_read(void *context, uint8_t *data, size_t size, uint64_t timeout_ns)
{
    struct script *script = context;
    if (script->line_at == script->line_end) {
        script->line_at = script->line_end = 0;
        const uint8_t kind = script->at < script->size ? next(script) % PIECES : PIECE_SILENCE;
        if (kind == PIECE_LOST)
            return -QL_BOARD_LOST;
        if (kind == PIECE_RAW)
            script->line_end = take(script, script->line, next(script));
        if (kind == PIECE_FRAME || kind == PIECE_ID_FRAME)
            put_frame(script, kind == PIECE_ID_FRAME);
    }
    const size_t left = script->line_end - script->line_at;
    const size_t count = left < size ? left : size;
    script->now_ns += count > 0 ? 1000 : timeout_ns + 1;
    memcpy(data, script->line + script->line_at, count);
    script->line_at += count;
    return (int)count;
}

// Reads along, to know tag and update number. What the host writes must be good frames.
static int script_write(void *context, const uint8_t *data, size_t size, uint64_t timeout_ns)
{
    struct script *script = context;
    (void)timeout_ns;
    for (size_t at = 0; at < size;) {
        struct ql_frame frame;
        enum ql_frame_event event;
        at += ql_frame_decode(&script->decoder, data + at, size - at, &event, &frame);
        if (event == QL_FRAME_DAMAGED)
            abort();
        if (event != QL_FRAME_GOOD || frame.kind >= QL_KIND_STREAM_FIRST)
            continue;
        script->tag = frame.tag;
        if (frame.kind == QL_KIND_BEGIN)
            script->id = ql_load_u32(frame.payload);
    }
    script->now_ns += 1000;
    return 0;
}

static uint64_t script_now(void *context)
{
    return ((struct script *)context)->now_ns;
}

static void script_sleep(void *context, uint64_t duration_ns)
{
    ((struct script *)context)->now_ns += duration_ns;
}

static void script_attach(struct script *script, struct ql_connection *connection)
{
    const struct ql_transport transport = {.context = script,
                                           .clock = {script, script_now, script_sleep},
                                           .read = script_read,
                                           .write = script_write};
    ql_frame_decoder_init(&script->decoder);
    ql_link_init(&connection->link, &transport, NULL);
}

static struct script *current;

static int script_reconnect(struct ql_connection *connection, struct ql_failure *failure)
{
    script_attach(current, connection);
    struct ql_board board;
    return ql_board_hello(&connection->link, &board, failure);
}

static void talk(struct ql_connection *connection)
{
    static uint8_t program[3 * QL_SECTOR_SIZE];
    struct ql_failure failure;
    struct ql_image image;
    struct ql_flash_result result;
    struct ql_difference difference;
    const struct ql_flash_options options = {.name = "fuzz", .is_program = true};
    memset(program, 0x5A, sizeof program);
    memcpy(program, "\x00\x00\x08\x24\x09\x00\x10\x90", 8);
    if (ql_board_hello(&connection->link, &connection->board, &failure) != 0 ||
        ql_board_info(&connection->link, &connection->board, &failure) != 0 ||
        ql_board_check_chip(&connection->board, &failure) != 0)
        return;
    if (ql_image_parse(&image, "a.bin", program, sizeof program, NULL, &failure) != 0)
        abort();
    if (ql_flash_check(&connection->board.area, &image, &options, &failure) == 0 &&
        ql_flash(connection, &image, &options, &result, &failure) == 0)
        (void)ql_verify(connection, &image, &difference, &failure);
    ql_image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct script script;
    static struct ql_connection connection;
    memset(&script, 0, sizeof script);
    memset(&connection, 0, sizeof connection);
    script.data = data;
    script.size = size;
    script.now_ns = 1;
    current = &script;
    connection.reconnect = script_reconnect;
    script_attach(&script, &connection);
    talk(&connection);
    if (script.now_ns > 1000 * QL_NS_PER_S)
        abort(); // no wait without a limit
    return 0;
}
