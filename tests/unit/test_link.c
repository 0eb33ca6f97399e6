// The host's frames and answers against bytes written by hand (tests/vectors/frames.txt), and the
// requests' patience.
//
// SPDX-License-Identifier: MIT
#include "host/board.h"
#include "tests/unit/fake_board.h"
#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ql_connection connection;
static struct ql_link *const line = &connection.link;
static struct ql_failure failure;

// A line that expects one request and then sends an answer, perhaps in pieces of one byte.
static const char *expected_request;
static const char *scripted_answer;
static size_t answer_at;
static bool answering;
static size_t piece;
static uint64_t now_ns;

static int script_write(void *context, const uint8_t *data, size_t size, uint64_t timeout_ns)
{
    (void)context;
    (void)timeout_ns;
    const struct vector *expected = vector_get(expected_request);
    const size_t lead = data[0] == 0 ? 1 : 0;
    assert_int_equal(size - lead, expected->length);
    assert_memory_equal(data + lead, expected->bytes, expected->length);
    answering = true;
    answer_at = 0;
    return 0;
}

static int script_read(void *context, uint8_t *data, size_t size, uint64_t timeout_ns)
{
    (void)context;
    const struct vector *reply = vector_get(scripted_answer);
    const size_t left = answering ? reply->length - answer_at : 0;
    size_t n = left < size ? left : size;
    if (piece != 0 && n > piece)
        n = piece;
    now_ns += n > 0 ? 1000 : timeout_ns;
    memcpy(data, reply->bytes + answer_at, n);
    answer_at += n;
    return (int)n;
}

static uint64_t script_now(void *context)
{
    (void)context;
    return now_ns;
}

static void expect(const char *request, const char *reply, uint16_t tag)
{
    const struct ql_transport transport = {
        .clock = {NULL, script_now, NULL}, .read = script_read, .write = script_write};
    ql_link_init(line, &transport, NULL);
    line->tag = (uint16_t)(tag - 1);
    expected_request = request;
    scripted_answer = reply;
    answering = false;
}

static void test_info(void **state)
{
    (void)state;
    struct ql_board board = {0};
    // The unique id of hello_answer, from which INFO's board id follows.
    static const uint8_t uid[12] = {0x42, 0,    0x3A, 0,    0x06, 0x51,
                                    0x38, 0x31, 0x39, 0x37, 0x34, 0x36};
    static const char id[] = "24c4f7f3c783d4048b03657a6d4d4d4af90552366c156d1d943da0c904b009dc";
    char text[QL_BOARD_ID_TEXT];
    expect("info_request", "info_answer", 0x0207);
    assert_int_equal(ql_board_info(line, &board, &failure), -QL_BOARD_NONSENSE);
    ql_board_id(uid, board.id);
    ql_board_id_text(board.id, text);
    assert_string_equal(text, id);
    for (piece = 0; piece < 3; piece++) {
        expect("info_request", "info_answer", 0x0207);
        assert_int_equal(ql_board_info(line, &board, &failure), 0);
    }
    piece = 0;
    assert_string_equal(board.name, "h750_w25q128");
    assert_string_equal(board.bootloader, "0.1.0");
    assert_string_equal(board.chip_name, "W25Q128JV");
    assert_int_equal(board.jedec_id, 0xEF4018);
    assert_int_equal(board.chip_size, 16777216);
    assert_memory_equal(board.status_registers, "\x00\x02\x60", 3);
    assert_int_equal(board.area.chip_start, 0x90000000);
    assert_int_equal(board.area.chip_end, 0x91000000);
    assert_int_equal(board.area.program_start, 0x90100000);
    assert_int_equal(board.area.program_end, 0x91000000);
    assert_int_equal(board.geometry.erase_count, 3);
    assert_int_equal(board.geometry.erase[0].size, 4096);
    assert_int_equal(board.geometry.erase[0].typical_ms, 64);
    assert_int_equal(board.geometry.erase[2].size, 65536);
    assert_int_equal(board.geometry.erase[2].typical_ms, 160);
    assert_int_equal(board.geometry.page_size, 256);
    assert_int_equal(board.geometry.page_typical_us, 400);
    assert_int_equal(board.stay_reason, 1);
    assert_int_equal(board.boot_address, 0x90100000);
    assert_int_equal(board.verdict, QL_STATUS_BLANK);
    assert_int_equal(board.verdict_detail, 0x90100000);
    assert_int_equal(board.reset_cause, 0x00E00000);
    assert_int_equal(board.idcode, 0x20006450);
    assert_int_equal(board.cpu_hz, 480000000);
    assert_int_equal(board.quadspi_hz, 240000000);
    assert_int_equal(board.frames_taken, 5);
    assert_int_equal(board.frames_damaged, 2);
    assert_int_equal(board.read_protection, 0xAA);
    assert_int_equal(board.lock_state, QL_LOCK_OPEN);
    assert_int_equal(board.permissions, 0xFFFFFFFF);
    assert_memory_equal(board.sfdp, "\x01\x05", 2);
    assert_int_equal(ql_board_check_chip(&board, &failure), 0);
}

static void test_small_requests(void **state)
{
    (void)state;
    struct ql_update_progress progress;
    uint8_t data[32];
    uint8_t digests[2][16];
    const struct ql_board board = {.capabilities = QL_CAPABILITY_RESET_STAY};
    expect("status_request", "status_answer_none", 8);
    assert_int_equal(ql_board_status(line, &progress, &failure), 0);
    assert_int_equal(progress.state, QL_UPDATE_NONE);
    expect("read_request", "read_answer", 9);
    assert_int_equal(ql_board_read(line, 0x90100000, data, 16, &failure), 0);
    assert_memory_equal(data, "\x00\x00\x08\x24\x09\x00\x10\x90\x08\x09", 10);
    expect("hash_request", "hash_answer", 10);
    assert_int_equal(ql_board_hash(line, 0x90100000, 512, data, &failure), 0);
    assert_memory_equal(data, "\xfd\x84\xef\x89\x5e\x35", 6);
    expect("sectors_request", "sectors_answer", 11);
    assert_int_equal(ql_board_sectors(line, 0x90100000, 2, digests, &failure), 0);
    assert_memory_equal(digests[0], "\x0b\x59\xc7\x37", 4);
    // SHA-256 of 4096 times FF begins so.
    assert_memory_equal(digests[1], "\xf4\x7a\x8e\xc3", 4);
    expect("reset_request", "reset_answer", 12);
    assert_int_equal(ql_board_reset(line, &board, true, false, &failure), 0);
}

static void test_version_and_unknown(void **state)
{
    (void)state;
    struct ql_answer answer;
    const uint8_t versions[8] = {2, 0, 7, 0};
    expect("hello_version_request", "hello_version_answer", 15);
    assert_int_equal(
        ql_link_call(line, QL_KIND_HELLO, versions, 8, "first contact", &answer, &failure),
        -QL_OTHER_PROTOCOL);
    assert_non_null(strstr(failure.sentence, "up to 1"));
    const uint8_t payload[3] = {0, 0xFF, 0};
    expect("unknown_request", "unknown_answer", 14);
    assert_int_equal(ql_link_call(line, 0x3E, payload, 3, "trying", &answer, &failure),
                     -QL_BOARD_REFUSED);
    assert_int_equal(failure.board_status, QL_STATUS_UNKNOWN_COMMAND);
    assert_int_equal(failure.board_detail, 0x3E);
}

static void test_progress_record(void **state)
{
    (void)state;
    struct ql_frame frame;
    struct ql_update_progress progress;
    expect("status_request", "progress_failed", 8);
    answering = true;
    answer_at = 0;
    assert_int_equal(ql_link_receive(line, &frame, now_ns + 1000000, &failure), 1);
    assert_int_equal(frame.kind, QL_KIND_PROGRESS);
    assert_true(ql_progress_parse(&progress, frame.payload, frame.length));
    assert_int_equal(progress.id, 0x0BDEC015);
    assert_int_equal(progress.state, QL_UPDATE_FAILED);
    assert_int_equal(progress.status, QL_STATUS_ERASE_FAILED);
    assert_int_equal(progress.detail, 0x90110000);
    assert_int_equal(progress.taken, 300);
    assert_int_equal(progress.executed, 16);
    assert_int_equal(progress.faults, 2);
    assert_int_equal(progress.erased, 65536);
    assert_int_equal(progress.skipped, 131072);
    assert_int_equal(progress.address, 0x90110000);
}

// No damaged frame is taken for an answer.
static void test_damaged_answers(void **state)
{
    (void)state;
    static const char *const names[] = {"damaged_crc",    "damaged_flags",    "damaged_reserved",
                                        "damaged_short",  "damaged_kind",     "damaged_garbage",
                                        "damaged_length", "damaged_truncated"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct ql_frame frame;
        expect("status_request", names[i], 8);
        answering = true;
        answer_at = 0;
        assert_int_equal(ql_link_receive(line, &frame, now_ns + 1000000, &failure), 0);
        assert_int_equal(line->frames_damaged, 1);
    }
}

static void test_info_that_makes_no_sense(void **state)
{
    (void)state;
    struct ql_board board = {0};
    assert_false(ql_board_parse_info(&board, (const uint8_t *)"\x01", 1));
    assert_false(ql_board_parse_info(&board, (const uint8_t *)"\x01\x05zzz", 5));
    assert_false(ql_board_parse_info(&board, (const uint8_t *)"\x04\x02zz", 4));
    assert_false(ql_board_parse_info(&board, (const uint8_t *)"\x04\x04\xFF\xFF\xFF\xFF", 6));
    board = (struct ql_board){0};
    assert_true(ql_board_parse_info(&board,
                                    (const uint8_t *)"\xF0\x02zz\x01\x03"
                                                     "a\nb",
                                    9));
    assert_string_equal(board.name, "a?b");
    assert_true(ql_board_parse_info(&board, (const uint8_t *)"", 0));
}

// An answer to an earlier request, late: its tag is another one.
static void test_stale_answer(void **state)
{
    (void)state;
    struct ql_frame frame;
    struct ql_answer answer;
    expect("read_request", "read_answer", 9);
    answering = true;
    answer_at = 0;
    assert_int_equal(ql_link_receive(line, &frame, now_ns + 1000000, &failure), 1);
    assert_false(ql_answer_take(&answer, &frame, QL_KIND_READ, 10));
    assert_false(ql_answer_take(&answer, &frame, QL_KIND_HASH, 9));
    assert_true(ql_answer_take(&answer, &frame, QL_KIND_READ, 9));
    assert_int_equal(answer.size, 16);
}

static enum fake_fate drop_some(struct fake_board *board, enum fake_direction direction,
                                unsigned number, const uint8_t *body, size_t length)
{
    const unsigned *count = board->context;
    (void)body;
    (void)length;
    return direction == TO_BOARD && number < *count ? DROP : PASS;
}

// SPEC.md section 5: after 1 s again with the same tag, up to 5 times.
static void test_repetitions(void **state)
{
    (void)state;
    for (unsigned lost = 0; lost <= 5; lost++) {
        struct fake_board *board = fake_create();
        struct ql_update_progress progress;
        board->context = &lost;
        board->fate = drop_some;
        fake_connect(board, &connection);
        const uint64_t start_ns = board->now_ns;
        const int result = ql_board_status(line, &progress, &failure);
        assert_int_equal(result, lost < 5 ? 0 : -QL_BOARD_SILENT);
        assert_int_equal(board->frames[TO_BOARD], lost < 5 ? lost + 1 : 5);
        assert_int_equal((board->now_ns - start_ns) / 1000000000, lost);
        fake_destroy(board);
    }
}

static void test_interrupt(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_update_progress progress;
    board->silent = true;
    board->cancel_at_ns = board->now_ns + 1500000000;
    fake_connect(board, &connection);
    const uint64_t start_ns = board->now_ns;
    assert_int_equal(ql_board_status(line, &progress, &failure), -QL_INTERRUPTED);
    assert_true(board->now_ns - start_ns < 1900000000);
    fake_destroy(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_small_requests),
        cmocka_unit_test(test_version_and_unknown),
        cmocka_unit_test(test_progress_record),
        cmocka_unit_test(test_damaged_answers),
        cmocka_unit_test(test_info_that_makes_no_sense),
        cmocka_unit_test(test_stale_answer),
        cmocka_unit_test(test_repetitions),
        cmocka_unit_test(test_interrupt),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
