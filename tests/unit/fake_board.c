// A board in C for tests of the host's library, written from SPEC.md; the chip's times are
// W25Q128JV's typical ones.
//
// SPDX-License-Identifier: MIT
#include "tests/unit/fake_board.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define MS UINT64_C(1000000)

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value & 0xFFFF);
    put16(p + 2, value >> 16);
}

static uint32_t crc32_slow(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
    }
    return ~crc;
}

static size_t stuff(const uint8_t *body, size_t size, uint8_t *out)
{
    size_t code_at = 0;
    size_t n = 1;
    uint8_t code = 1;
    for (size_t i = 0; i < size; i++) {
        if (body[i] != 0) {
            out[n++] = body[i];
            code++;
        }
        if (body[i] == 0 || (code == 255 && i + 1 < size)) {
            out[code_at] = code;
            code_at = n++;
            code = 1;
        }
    }
    out[code_at] = code;
    out[n++] = 0;
    return n;
}

// Returns the body's size, or 0 if the stuffing is wrong.
static size_t unstuff(const uint8_t *in, size_t size, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < size;) {
        const uint8_t code = in[i++];
        if (code == 0 || i + code - 1 > size)
            return 0;
        memcpy(out + n, in + i, code - 1U);
        n += code - 1U;
        i += code - 1U;
        if (code != 255 && i < size)
            out[n++] = 0;
    }
    return n;
}

static void append_output(struct fake_board *board, const uint8_t *bytes, size_t size)
{
    if (board->output_at == board->output_end)
        board->output_at = board->output_end = 0;
    assert_true(board->output_end + size <= FAKE_OUTPUT_MAX);
    memcpy(board->output + board->output_end, bytes, size);
    board->output_end += size;
}

static void pull_cable(struct fake_board *board)
{
    board->gone = true;
    board->input_size = board->held_size = 0;
    board->output_at = board->output_end = 0;
    if (board->resets_when_out) {
        board->session++;
        board->id = 0;
        board->state = 0;
        board->taken = board->executed = board->faults = 0;
        board->queued_bytes = 0;
        board->end_waiting = false;
    }
}

static enum fake_fate fate_of(struct fake_board *board, enum fake_direction direction,
                              const uint8_t *body, size_t size)
{
    const unsigned number = board->frames[direction]++;
    return board->fate != NULL ? board->fate(board, direction, number, body, size) : PASS;
}

static void send(struct fake_board *board, uint8_t kind, uint16_t tag, const uint8_t *payload,
                 size_t size)
{
    uint8_t body[4200] = {kind, 0};
    uint8_t line[4300];
    put16(body + 2, tag);
    put16(body + 4, (uint32_t)size);
    if (size > 0)
        memcpy(body + 8, payload, size);
    put32(body + 8 + size, crc32_slow(body, 8 + size));
    if (board->silent || board->gone)
        return;
    const enum fake_fate fate = fate_of(board, TO_HOST, body, size + 12);
    if (fate == UNPLUG)
        pull_cable(board);
    if (fate == DROP || fate == UNPLUG)
        return;
    const size_t length = stuff(body, size + 12, line);
    if (fate == DAMAGE)
        line[length / 2] ^= line[length / 2] == 0x10 ? 0x20 : 0x10;
    append_output(board, line, length);
    if (fate == DOUBLE)
        append_output(board, line, length);
}

static void answer(struct fake_board *board, uint8_t kind, uint16_t tag, uint16_t status,
                   uint32_t detail, const uint8_t *content, size_t size)
{
    uint8_t payload[4112] = {0};
    put16(payload, status);
    put32(payload + 4, detail);
    if (size > 0)
        memcpy(payload + 8, content, size);
    send(board, kind | 0x80, tag, payload, 8 + size);
}

static void progress_record(const struct fake_board *board, uint8_t record[40])
{
    memset(record, 0, 40);
    put32(record, board->id);
    record[4] = board->state;
    put16(record + 6, board->status);
    put32(record + 8, board->detail);
    put32(record + 12, board->taken);
    put32(record + 16, board->executed);
    put32(record + 20, board->faults);
    put32(record + 24, board->erased);
    put32(record + 28, board->programmed);
    put32(record + 32, board->skipped);
    put32(record + 36, board->address);
}

static void send_progress(struct fake_board *board)
{
    uint8_t record[40];
    progress_record(board, record);
    board->progress_ns = board->now_ns;
    board->executed_bytes = 0;
    send(board, 0xC0, 0, record, sizeof record);
}

static void fault(struct fake_board *board)
{
    if (board->state != 1)
        return;
    board->faults++;
    if (board->fault_since_good && board->now_ns < board->fault_ns + 20 * MS)
        return;
    board->fault_since_good = true;
    board->fault_ns = board->now_ns;
    send_progress(board);
}

static bool is_blank(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0xFF)
            return false;
    }
    return true;
}

static uint64_t duration_ns(const struct fake_board *board, const struct fake_operation *one)
{
    if (one->kind == 0x41)
        return one->size / 256 * 400000ULL;
    if (is_blank(board->chip + (one->address - FAKE_BASE), one->size))
        return 50000;
    return one->size == 65536 ? 150 * MS : one->size == 32768 ? 120 * MS : 45 * MS;
}

static void execute(struct fake_board *board)
{
    struct fake_operation *one = &board->queue[board->executed];
    uint8_t *target = board->chip + (one->address - FAKE_BASE);
    board->address = one->address;
    if (board->fail_status != 0 && one->kind == 0x40 && one->address == board->fail_address) {
        board->state = 4;
        board->status = board->fail_status;
        board->detail = one->address;
        send_progress(board);
        return;
    }
    if (one->kind == 0x40) {
        *(is_blank(target, one->size) ? &board->skipped : &board->erased) += one->size;
        memset(target, 0xFF, one->size);
    } else {
        for (uint32_t i = 0; i < one->size; i++)
            target[i] &= one->data[i];
        if (board->stuck_bit)
            target[one->size - 1] |= 1;
        board->programmed += one->size;
    }
    free(one->data);
    one->data = NULL;
    board->executed++;
    board->executed_bytes += one->payload_length;
    board->queued_bytes -= one->payload_length;
    if (board->executed_bytes >= 16384 || board->executed == board->taken)
        send_progress(board);
}

static void finish(struct fake_board *board)
{
    uint8_t digest[32];
    const uint32_t address = get32(board->begin + 4);
    crypto_hash_sha256(digest, board->chip + (address - FAKE_BASE), get32(board->begin + 8));
    const bool same = memcmp(digest, board->begin + 16, 32) == 0;
    board->state = same ? 3 : 4;
    board->status = same ? 0 : 16;
    board->detail = same ? 0 : address;
    board->end_waiting = false;
    digest[31] ^= board->wrong_digest;
    send_progress(board);
    answer(board, 0x11, board->end_tag, board->status, board->detail, digest, 32);
}

// The next moment at which the board does something by itself.
static uint64_t next_event_ns(const struct fake_board *board)
{
    uint64_t next = UINT64_MAX;
    if (board->state == 1 || board->state == 2)
        next = board->progress_ns + 250 * MS;
    if (board->state == 1 && board->executed < board->taken && board->busy_until_ns < next)
        next = board->busy_until_ns;
    if (board->state == 2 && board->verified_ns < next)
        next = board->verified_ns;
    return next;
}

static void start_next(struct fake_board *board)
{
    if (board->executed < board->taken)
        board->busy_until_ns = board->now_ns + duration_ns(board, &board->queue[board->executed]);
}

static void begin_verifying(struct fake_board *board)
{
    if (board->state != 1 || !board->end_waiting || board->executed < board->taken)
        return;
    board->state = 2;
    board->verified_ns = board->now_ns + 300 * MS;
    send_progress(board);
}

static void do_event(struct fake_board *board)
{
    if (board->state == 1 && board->executed < board->taken &&
        board->now_ns >= board->busy_until_ns) {
        execute(board);
        start_next(board);
        begin_verifying(board);
    } else if (board->state == 2 && board->now_ns >= board->verified_ns) {
        finish(board);
    } else {
        send_progress(board);
    }
}

static void take_operation(struct fake_board *board, uint8_t kind, const uint8_t *payload,
                           uint32_t size)
{
    const uint32_t number = get32(payload + 4);
    if (board->state != 1 || get32(payload) != board->id || number < board->taken)
        return;
    if (number > board->taken) {
        fault(board);
        return;
    }
    const uint32_t run = get32(board->begin + 4);
    const uint32_t run_end = (run + get32(board->begin + 8) + 4095) & ~4095U;
    struct fake_operation *one = &board->queue[number];
    assert_true(number < FAKE_QUEUE_MAX);
    free(one->data); // of an update that was never finished
    *one = (struct fake_operation){kind, get32(payload + 8), get32(payload + 12), size, NULL};
    assert_true(one->address >= run && one->address + one->size <= run_end);
    if (kind == 0x41) {
        assert_int_equal(size, 16 + one->size);
        assert_int_equal(one->size % 256, 0);
        one->data = malloc(one->size);
        memcpy(one->data, payload + 16, one->size);
    } else {
        assert_int_equal(size, 16);
        assert_true(one->size == 4096 || one->size == 32768 || one->size == 65536);
        assert_int_equal(one->address % one->size, 0);
    }
    board->queued_bytes += size;
    assert_true(board->queued_bytes <= board->window);
    if (board->queued_bytes > board->window_peak)
        board->window_peak = board->queued_bytes;
    board->fault_since_good = false;
    board->taken++;
    if (board->taken == board->executed + 1)
        start_next(board);
}

static void do_hello(struct fake_board *board, uint16_t tag)
{
    uint8_t content[32] = {0};
    put16(content, 1);
    put16(content + 2, board->payload_max);
    put32(content + 4, board->window);
    put32(content + 8, board->capabilities);
    put32(content + 12, board->session);
    for (int i = 0; i < 3; i++)
        put32(content + 16 + 4 * i, board->uid[i]);
    answer(board, 1, tag, 0, 0, content, 32);
}

static size_t put_item(uint8_t *items, size_t at, uint8_t tag, const void *value, uint8_t size)
{
    items[at] = tag;
    items[at + 1] = size;
    memcpy(items + at + 2, value, size);
    return at + 2 + size;
}

static void do_info(struct fake_board *board, uint16_t tag)
{
    static const uint8_t erase_types[] = {12, 0, 45, 0, 15, 0, 120, 0, 16, 0, 150, 0};
    uint8_t items[512];
    size_t n = put_item(items, 0, 1, "h750_w25q128", 12);
    n = put_item(items, n, 2, "0.1.0", 5);
    n = put_item(items, n, 3, "\xEF\x40\x18", 3);
    n = put_item(items, n, 4, "\0\0\0\1", 4);
    n = put_item(items, n, 0x77, "a later version's", 17);
    n = put_item(items, n, 6, "\0\0\0\x90", 4);
    n = put_item(items, n, 7, "\0\0\x10\x90\0\0\0\x91", 8);
    n = put_item(items, n, 8, erase_types, sizeof erase_types);
    n = put_item(items, n, 9, "\0\1\x90\1", 4);
    n = put_item(items, n, 0x0A, "\1", 1);
    n = put_item(items, n, 0x0B, "\0\0\x10\x90", 4);
    n = put_item(items, n, 5, board->status_registers, 3);
    if (board->run_state != 0) {
        uint8_t run[20] = {0};
        put32(run, board->run_address);
        put32(run + 4, board->run_length);
        run[8] = board->run_state;
        n = put_item(items, n, 0x14, run, sizeof run);
    }
    answer(board, 2, tag, 0, 0, items, n);
}

static void do_begin(struct fake_board *board, uint16_t tag, const uint8_t *payload)
{
    uint8_t record[40];
    if (board->begin_status != 0) {
        answer(board, 0x10, tag, board->begin_status, 0x12345678, NULL, 0);
        return;
    }
    if (board->state != 1 || memcmp(payload, board->begin, 48) != 0) {
        memcpy(board->begin, payload, 60);
        if (board->begin_count < 8) {
            board->begins[board->begin_count].address = get32(payload + 4);
            board->begins[board->begin_count++].owner = get32(payload + 56);
        }
        board->id = get32(payload);
        board->state = 1;
        board->status = 0;
        board->detail = board->taken = board->executed = board->faults = 0;
        board->erased = board->programmed = board->skipped = 0;
        board->queued_bytes = 0;
        board->end_waiting = board->fault_since_good = false;
        board->progress_ns = board->now_ns;
        board->address = get32(payload + 4);
    }
    progress_record(board, record);
    answer(board, 0x10, tag, 0, 0, record, sizeof record);
}

static void do_end(struct fake_board *board, uint16_t tag, const uint8_t *payload)
{
    if (get32(payload) != board->id || board->state == 0 || board->state == 5) {
        answer(board, 0x11, tag, 11, board->state == 1 ? board->id : 0, NULL, 0);
    } else if (board->state == 3 || board->state == 4) {
        answer(board, 0x11, tag, board->status, board->detail, board->begin + 16,
               board->state == 3 || board->status == 16 ? 32 : 0);
    } else if (board->taken < get32(payload + 4)) {
        answer(board, 0x11, tag, 17, board->taken, NULL, 0);
    } else {
        board->end_waiting = true;
        board->end_tag = tag;
        begin_verifying(board);
    }
}

static void do_range(struct fake_board *board, uint8_t kind, uint16_t tag, const uint8_t *payload)
{
    uint8_t content[4096];
    uint8_t digest[32];
    const uint8_t *data = board->chip + (get32(payload) - FAKE_BASE);
    const uint32_t size = get32(payload + 4);
    assert_true(get32(payload) >= FAKE_BASE);
    if (kind == 4) {
        answer(board, kind, tag, 0, 0, data, size);
    } else if (kind == 5) {
        crypto_hash_sha256(digest, data, size);
        answer(board, kind, tag, 0, 0, digest, 32);
    } else {
        for (uint32_t i = 0; i < size; i++) {
            crypto_hash_sha256(digest, data + 4096 * i, 4096);
            memcpy(content + 16 * i, digest, 16);
        }
        answer(board, kind, tag, 0, 0, content, 16 * size);
    }
}

static void do_request(struct fake_board *board, uint8_t kind, uint16_t tag, const uint8_t *payload)
{
    uint8_t record[40];
    const bool open = board->state == 1 || board->state == 2;
    if (open && kind >= 4 && kind <= 8) {
        answer(board, kind, tag, 4, board->id, NULL, 0);
        return;
    }
    switch (kind) {
    case 0x01:
        do_hello(board, tag);
        break;
    case 0x02:
        do_info(board, tag);
        break;
    case 0x12:
        if (open)
            board->state = 5;
        // The answer is a progress record, as STATUS's.
        // fallthrough
    case 0x03:
        progress_record(board, record);
        answer(board, kind, tag, 0, 0, record, sizeof record);
        break;
    case 0x04:
    case 0x05:
    case 0x06:
        do_range(board, kind, tag, payload);
        break;
    case 0x07:
        board->booted_at = get32(payload);
        answer(board, kind, tag, 0, 0, NULL, 0);
        break;
    case 0x10:
        do_begin(board, tag, payload);
        break;
    case 0x11:
        do_end(board, tag, payload);
        break;
    default:
        answer(board, kind, tag, 1, kind, NULL, 0);
        break;
    }
}

static void take_body(struct fake_board *board, const uint8_t *body, size_t size)
{
    if (size < 12 || size != 12U + (size_t)(body[4] | body[5] << 8) ||
        get32(body + size - 4) != crc32_slow(body, size - 4)) {
        fault(board);
        return;
    }
    const uint16_t tag = (uint16_t)(body[2] | body[3] << 8);
    board->kinds[body[0]]++;
    if (body[0] == 0x40 || body[0] == 0x41)
        take_operation(board, body[0], body + 8, (uint32_t)size - 12);
    else
        do_request(board, body[0], tag, body + 8);
}

static void deliver(struct fake_board *board, const uint8_t *line, size_t length, bool damaged)
{
    uint8_t copy[8192];
    uint8_t body[8192];
    memcpy(copy, line, length);
    if (damaged)
        copy[length / 2] ^= copy[length / 2] == 0x10 ? 0x20 : 0x10;
    take_body(board, body, unstuff(copy, length, body));
}

// One stuffed frame without its 00.
static void take_line(struct fake_board *board, const uint8_t *line, size_t length)
{
    uint8_t body[8192];
    if (length == 0)
        return;
    const size_t size = unstuff(line, length, body);
    const enum fake_fate fate = fate_of(board, TO_BOARD, body, size);
    if (fate == UNPLUG)
        pull_cable(board);
    if (fate == DROP || fate == UNPLUG)
        return;
    if (fate == SWAP) {
        memcpy(board->held, line, length);
        board->held_size = length;
        return;
    }
    deliver(board, line, length, fate == DAMAGE);
    if (fate == DOUBLE)
        deliver(board, line, length, false);
    if (board->held_size > 0) {
        const size_t held_size = board->held_size;
        board->held_size = 0;
        deliver(board, board->held, held_size, false);
    }
}

static int fake_write(void *context, const uint8_t *data, size_t size, uint64_t timeout_ns)
{
    struct fake_board *board = context;
    (void)timeout_ns;
    if (board->echo)
        append_output(board, data, size);
    if (board->nonsense)
        append_output(board, (const uint8_t *)"ERROR: unknown command\r\n", 24);
    if (board->silent || board->echo || board->nonsense)
        return board->gone ? -QL_BOARD_LOST : 0;
    for (size_t i = 0; i < size && !board->gone; i++) {
        if (data[i] != 0) {
            assert_true(board->input_size < sizeof board->input);
            board->input[board->input_size++] = data[i];
            continue;
        }
        const size_t length = board->input_size;
        board->input_size = 0;
        take_line(board, board->input, length);
    }
    return board->gone ? -QL_BOARD_LOST : 0;
}

// While a peer streams, the board's chip works; so that reading costs time even with bytes there.
static int fake_read(void *context, uint8_t *data, size_t size, uint64_t timeout_ns)
{
    struct fake_board *board = context;
    const uint64_t end_ns = board->now_ns + timeout_ns;
    while (board->output_at == board->output_end && !board->gone) {
        const uint64_t next_ns = next_event_ns(board);
        if (next_ns > end_ns)
            break;
        if (next_ns > board->now_ns)
            board->now_ns = next_ns;
        do_event(board);
    }
    if (board->gone)
        return -QL_BOARD_LOST;
    const size_t held = board->output_end - board->output_at;
    const size_t count = held < size ? held : size;
    if (count == 0) {
        board->now_ns = end_ns > board->now_ns ? end_ns : board->now_ns;
        return 0;
    }
    board->now_ns += 1000;
    memcpy(data, board->output + board->output_at, count);
    board->output_at += count;
    return (int)count;
}

static void fake_close(void *context)
{
    (void)context;
}

static uint64_t fake_now_ns(void *context)
{
    return ((struct fake_board *)context)->now_ns;
}

static void fake_sleep_ns(void *context, uint64_t duration)
{
    ((struct fake_board *)context)->now_ns += duration;
}

static bool fake_cancelled(void *context)
{
    const struct fake_board *board = context;
    return board->cancel_at_ns != 0 && board->now_ns >= board->cancel_at_ns;
}

static void attach(struct fake_board *board, struct ql_connection *connection)
{
    const struct ql_transport transport = {
        .context = board,
        .clock = {board, fake_now_ns, fake_sleep_ns},
        .read = fake_read,
        .write = fake_write,
        .close = fake_close,
    };
    connection->observer = &board->observer;
    ql_link_init(&connection->link, &transport, &board->observer);
}

static int fake_reconnect(struct ql_connection *connection, struct ql_failure *failure)
{
    struct fake_board *board = connection->observer->context;
    struct ql_board fresh;
    board->reconnects++;
    board->now_ns += 1000 * MS;
    if (!board->comes_back)
        return ql_fail(failure, QL_BOARD_LOST, "the board did not come back");
    board->gone = false;
    attach(board, connection);
    const int result = ql_board_hello(&connection->link, &fresh, failure);
    if (result == 0)
        connection->board.session = fresh.session;
    return result;
}

struct fake_board *fake_create(void)
{
    struct fake_board *board = calloc(1, sizeof *board);
    assert_non_null(board);
    board->chip = malloc(FAKE_CHIP_SIZE);
    assert_non_null(board->chip);
    memset(board->chip, 0xFF, FAKE_CHIP_SIZE);
    board->capabilities = 0x0F;
    board->window = 131072;
    board->payload_max = 4112;
    board->session = 0x5E551017;
    board->uid[0] = 0x003A0042;
    board->uid[1] = 0x31385106;
    board->uid[2] = 0x36343739;
    board->now_ns = 1000 * MS;
    board->observer = (struct ql_observer){board, NULL, fake_cancelled, NULL};
    return board;
}

void fake_destroy(struct fake_board *board)
{
    for (size_t i = 0; i < FAKE_QUEUE_MAX; i++)
        free(board->queue[i].data);
    free(board->chip);
    free(board);
}

void fake_connect(struct fake_board *board, struct ql_connection *connection)
{
    memset(connection, 0, sizeof *connection);
    connection->reconnect = fake_reconnect;
    attach(board, connection);
}

void fake_connect_fully(struct fake_board *board, struct ql_connection *connection)
{
    struct ql_failure failure;
    fake_connect(board, connection);
    assert_int_equal(ql_board_hello(&connection->link, &connection->board, &failure), 0);
    assert_int_equal(ql_board_info(&connection->link, &connection->board, &failure), 0);
}
