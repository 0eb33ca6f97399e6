// The host's updates against a board that misbehaves: loss, doubling, damage, reordering, silence,
// nonsense, a lost cable, a reset. Expected is what SPEC.md sections 4 and 5 promise.
//
// SPDX-License-Identifier: MIT
#include "host/digest.h"
#include "host/flash.h"
#include "host/update.h"
#include "tests/unit/fake_board.h"
#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ADDRESS 0x90100000U
#define S       UINT64_C(1000000000)

static struct ql_connection connection;
static struct ql_failure failure;
static struct ql_flash_result result;

// A program with a vector table, code that looks random, some FF, and an odd length.
static void make_program(struct ql_image *image, uint32_t size, unsigned seed)
{
    assert_int_equal(ql_image_blank(image, ADDRESS, size, NULL), 0);
    uint8_t *data = image->extents[0].data;
    uint32_t state = seed * 2654435761U + 1;
    for (uint32_t i = 8; i < size; i++) {
        state = state * 1664525U + 1013904223U;
        if (i % 20000 < 15000)
            data[i] = (uint8_t)(state >> 24);
    }
    memcpy(data, "\x00\x00\x08\x24\x09\x00\x10\x90", 8);
}

static int flash(struct fake_board *board, struct ql_image *image, bool full)
{
    const struct ql_flash_options options = {.name = "test", .is_program = true, .full = full};
    fake_connect_fully(board, &connection);
    memset(&failure, 0, sizeof failure);
    return ql_flash(&connection, image, &options, &result, &failure);
}

static void assert_chip_holds(const struct fake_board *board, const struct ql_image *image)
{
    for (size_t i = 0; i < image->count; i++)
        assert_memory_equal(board->chip + (image->extents[i].address - FAKE_BASE),
                            image->extents[i].data, image->extents[i].size);
}

static void fill_with_old(struct fake_board *board)
{
    memset(board->chip + 0x100000, 0xA5, 0x100000);
}

static void test_full_update(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 300001, 1);
    fill_with_old(board);
    assert_int_equal(flash(board, &image, true), 0);
    assert_chip_holds(board, &image);
    assert_int_equal(result.rewinds, 0);
    assert_int_equal(result.sectors_unchanged, 0);
    assert_int_equal(board->kinds[0x06], 0);
    assert_int_equal(board->kinds[0x11], 1);
    // 300001 bytes are 4 blocks of 64 KiB, one of 32 KiB and 2 sectors.
    assert_int_equal(board->kinds[0x40], 4 + 1 + 2);
    // Behind the run's last sector nothing was touched.
    assert_int_equal(board->chip[0x100000 + 74 * 4096], 0xA5);
    // The chip was busy all the time: its own typical times and little more.
    const uint64_t chip_ns =
        4 * 150000000ULL + 120000000ULL + 2 * 45000000ULL + board->programmed / 256 * 400000ULL;
    assert_true(result.duration_ns < chip_ns + S);
    assert_true(board->window_peak > board->window / 2);
    ql_image_free(&image);
    fake_destroy(board);
}

static void test_small_window_and_payload(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 50000, 2);
    board->window = 2000;
    board->payload_max = 1040;
    assert_int_equal(flash(board, &image, true), 0);
    assert_chip_holds(board, &image);
    assert_true(board->window_peak <= 2000);
    ql_image_free(&image);
    fake_destroy(board);
}

static void test_unchanged_is_not_sent(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 200000, 3);
    assert_int_equal(flash(board, &image, false), 0);
    memset(board->kinds, 0, sizeof board->kinds);
    assert_int_equal(flash(board, &image, false), 0);
    assert_int_equal(result.sectors_unchanged, 49);
    assert_int_equal(board->kinds[0x40] + board->kinds[0x41], 0);
    assert_int_equal(board->kinds[0x11], 1); // read back and hashed all the same
    image.extents[0].data[100000] ^= 0x55;
    assert_int_equal(flash(board, &image, false), 0);
    assert_int_equal(result.sectors_unchanged, 48);
    assert_int_equal(board->kinds[0x40], 1);
    assert_chip_holds(board, &image);
    ql_image_free(&image);
    fake_destroy(board);
}

static void test_without_sectors_capability(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 20000, 4);
    board->capabilities = 1;
    assert_int_equal(flash(board, &image, false), 0);
    assert_int_equal(board->kinds[0x06], 0);
    assert_chip_holds(board, &image);
    ql_image_free(&image);
    fake_destroy(board);
}

// The frame that a fate falls on, in one direction; and what it is.
struct accident {
    enum fake_direction direction;
    unsigned number;
    enum fake_fate fate;
};

static enum fake_fate accident_fate(struct fake_board *board, enum fake_direction direction,
                                    unsigned number, const uint8_t *body, size_t length)
{
    const struct accident *accident = board->context;
    (void)body;
    (void)length;
    return direction == accident->direction && number == accident->number ? accident->fate : PASS;
}

// Every frame of a small update meets the accident once.
static void each_frame(enum fake_direction direction, enum fake_fate fate, bool reset)
{
    struct ql_image image;
    make_program(&image, 30000, 5);
    struct accident accident = {direction, 2, fate};
    unsigned frames = 3;
    for (; accident.number < frames; accident.number++) {
        struct fake_board *board = fake_create();
        fill_with_old(board);
        board->window = 20000; // so that it is used up while frames are missing
        board->context = &accident;
        board->fate = accident_fate;
        board->comes_back = true;
        board->resets_when_out = reset;
        const int outcome = flash(board, &image, false);
        if (outcome != 0)
            print_message("# direction %d, frame %u: %s\n", direction, accident.number,
                          failure.sentence);
        assert_int_equal(outcome, 0);
        assert_chip_holds(board, &image);
        assert_true(result.duration_ns < 20 * S);
        if (accident.number == 2)
            frames = board->frames[direction] - 1;
        fake_destroy(board);
    }
    assert_true(frames > 8);
    ql_image_free(&image);
}

static void test_lost_to_board(void **state)
{
    (void)state;
    each_frame(TO_BOARD, DROP, false);
}

static void test_lost_to_host(void **state)
{
    (void)state;
    each_frame(TO_HOST, DROP, false);
}

static void test_damaged(void **state)
{
    (void)state;
    each_frame(TO_BOARD, DAMAGE, false);
    each_frame(TO_HOST, DAMAGE, false);
}

static void test_doubled(void **state)
{
    (void)state;
    each_frame(TO_BOARD, DOUBLE, false);
    each_frame(TO_HOST, DOUBLE, false);
}

static void test_reordered(void **state)
{
    (void)state;
    each_frame(TO_BOARD, SWAP, false);
}

static void test_cable_out_and_in(void **state)
{
    (void)state;
    each_frame(TO_BOARD, UNPLUG, false);
    each_frame(TO_HOST, UNPLUG, false);
}

static void test_reset_in_the_middle(void **state)
{
    (void)state;
    each_frame(TO_BOARD, UNPLUG, true);
    each_frame(TO_HOST, UNPLUG, true);
}

static enum fake_fate random_fate(struct fake_board *board, enum fake_direction direction,
                                  unsigned number, const uint8_t *body, size_t length)
{
    static const enum fake_fate fates[] = {DROP, DAMAGE, DOUBLE, SWAP};
    uint32_t *seed = board->context;
    (void)body;
    (void)length;
    if (number < 2)
        return PASS;
    *seed = *seed * 1664525U + 1013904223U;
    if (*seed >> 24 >= 20) // 8 % of all frames
        return PASS;
    const enum fake_fate fate = fates[*seed >> 16 & 3];
    return direction == TO_HOST && fate == SWAP ? DROP : fate;
}

static void test_bad_line(void **state)
{
    (void)state;
    struct ql_image image;
    make_program(&image, 150000, 6);
    for (uint32_t seed = 1; seed <= 30; seed++) {
        struct fake_board *board = fake_create();
        uint32_t random = seed;
        fill_with_old(board);
        board->context = &random;
        board->fate = random_fate;
        const int outcome = flash(board, &image, false);
        if (outcome != 0)
            print_message("# seed %u: %s\n", seed, failure.sentence);
        assert_int_equal(outcome, 0);
        assert_chip_holds(board, &image);
        fake_destroy(board);
    }
    ql_image_free(&image);
}

// From this frame on to the board, everything is lost for good.
static enum fake_fate cut_fate(struct fake_board *board, enum fake_direction direction,
                               unsigned number, const uint8_t *body, size_t length)
{
    const unsigned *first = board->context;
    (void)body;
    (void)length;
    return direction == TO_BOARD && number >= *first ? DROP : PASS;
}

static void test_line_that_dies(void **state)
{
    (void)state;
    struct ql_image image;
    make_program(&image, 300000, 7);
    unsigned first = 20;
    struct fake_board *board = fake_create();
    fill_with_old(board);
    board->context = &first;
    board->fate = cut_fate;
    const uint64_t start_ns = board->now_ns;
    assert_int_equal(flash(board, &image, false), -QL_BOARD_SILENT);
    assert_true(board->now_ns - start_ns < 60 * S);
    assert_non_null(strstr(failure.sentence, "unfinished"));
    fake_destroy(board);
    ql_image_free(&image);
}

static void test_gone_for_good(void **state)
{
    (void)state;
    struct ql_image image;
    make_program(&image, 300000, 8);
    struct accident accident = {TO_BOARD, 30, UNPLUG};
    struct fake_board *board = fake_create();
    fill_with_old(board);
    board->context = &accident;
    board->fate = accident_fate;
    assert_int_equal(flash(board, &image, false), -QL_BOARD_LOST);
    assert_int_equal(failure.code, QL_BOARD_LOST);
    assert_non_null(strstr(failure.sentence, "unfinished"));
    assert_int_equal(board->reconnects, 1);
    fake_destroy(board);
    ql_image_free(&image);
}

static void test_silent_board(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    board->silent = true;
    fake_connect(board, &connection);
    const uint64_t start_ns = board->now_ns;
    assert_int_equal(ql_board_hello(&connection.link, &connection.board, &failure),
                     -QL_BOARD_SILENT);
    assert_true(board->now_ns - start_ns <= 2 * S + S / 10);
    fake_destroy(board);
}

static void test_foreign_device(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fake_board *board = fake_create();
        board->nonsense = i == 0;
        board->echo = i == 1;
        fake_connect(board, &connection);
        const uint64_t start_ns = board->now_ns;
        assert_int_equal(ql_board_hello(&connection.link, &connection.board, &failure),
                         -QL_BOARD_NONSENSE);
        assert_true(board->now_ns - start_ns <= 2 * S + S / 10);
        fake_destroy(board);
    }
}

static void test_wrong_content_is_found(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 20000, 9);
    image.extents[0].data[19999] = 0x02;
    board->stuck_bit = true;
    assert_int_equal(flash(board, &image, true), -QL_VERIFY);
    assert_int_equal(failure.board_status, 16);
    assert_non_null(strstr(failure.sentence, "0x90100000"));
    // The board has no copy of what was sent; the tool looks where the difference is.
    const uint8_t *wanted = image.extents[0].data, *held = board->chip + 0x100000;
    uint32_t at = 0;
    while (held[at] == wanted[at])
        at++;
    char words[64];
    snprintf(words, sizeof words, "first at 0x%08X, where the chip holds %02X and not %02X",
             ADDRESS + at, held[at], wanted[at]);
    assert_non_null(strstr(failure.sentence, words));
    fake_destroy(board);
    ql_image_free(&image);
}

// OK is not believed without the digest.
static void test_wrong_digest_is_found(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 20000, 16);
    board->wrong_digest = true;
    assert_int_equal(flash(board, &image, true), -QL_VERIFY);
    fake_destroy(board);
    ql_image_free(&image);
}

static void test_protection_is_explained(void **state)
{
    (void)state;
    static const struct {
        uint8_t status_registers[3];
        const char *hint;
    } cases[] = {
        {{0x1C, 0x03, 0x60}, "until its power is taken away, or for good (SRL): SR1 1C, SR2 03"},
        {{0x9C, 0x02, 0x60}, "while its /WP pin is low (SRP): SR1 9C, SR2 02, SR3 60"},
        {{0x1C, 0x02, 0x60}, "bits that cannot be cleared: SR1 1C"}};
    for (unsigned i = 0; i < 3; i++) {
        struct fake_board *board = fake_create();
        struct ql_image image;
        make_program(&image, 20000, 16);
        fill_with_old(board);
        memcpy(board->status_registers, cases[i].status_registers, 3);
        board->fail_address = ADDRESS;
        board->fail_status = 13;
        assert_int_equal(flash(board, &image, true), -QL_CHIP_FAILED);
        assert_non_null(strstr(failure.sentence, "write-protected at 0x90100000"));
        assert_non_null(strstr(failure.hint, cases[i].hint));
        ql_image_free(&image);
        fake_destroy(board);
    }
}

// Where an update was cut short, what looks blank is erased before it is written.
static void test_unfinished_places_are_erased(void **state)
{
    (void)state;
    static const struct {
        uint32_t address, length;
        uint8_t state;
        unsigned erases;
    } cases[] = {{ADDRESS + 0x4000, 0x1000, 1, 1},   {ADDRESS + 0x4FFF, 1, 1, 1},
                 {ADDRESS - 0x1000, 0x1001, 1, 1},   {ADDRESS, 0x5000, 2, 0},
                 {ADDRESS + 0x5000, 0x10000, 1, 0},  {ADDRESS - 0x1000, 0x1000, 1, 0},
                 {ADDRESS + 0x5000, 0xFFFFFFF, 1, 0}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_board *board = fake_create();
        struct ql_image image;
        make_program(&image, 20000, 17); // five sectors
        board->run_address = cases[i].address;
        board->run_length = cases[i].length;
        board->run_state = cases[i].state;
        assert_int_equal(flash(board, &image, false), 0);
        assert_int_equal(board->kinds[0x40] > 0, cases[i].erases);
        assert_chip_holds(board, &image);
        ql_image_free(&image);
        fake_destroy(board);
    }
}

// A board that was reset in the middle knows then that its update is unfinished.
static enum fake_fate reset_fate(struct fake_board *board, enum fake_direction direction,
                                 unsigned number, const uint8_t *body, size_t length)
{
    (void)body;
    (void)length;
    if (direction != TO_BOARD || number != 6)
        return PASS;
    board->run_address = ADDRESS;
    board->run_length = 20000;
    board->run_state = 1;
    return UNPLUG;
}

static void test_runs_are_asked_for_again_after_a_reset(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 20000, 18);
    board->fate = reset_fate;
    board->comes_back = board->resets_when_out = true;
    assert_int_equal(flash(board, &image, false), 0);
    assert_int_equal(result.restarts, 1);
    assert_true(board->kinds[0x40] > 0);
    assert_chip_holds(board, &image);
    ql_image_free(&image);
    fake_destroy(board);
}

static void test_failed_operation(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 300000, 10);
    fill_with_old(board);
    board->fail_address = 0x90110000;
    board->fail_status = 14;
    assert_int_equal(flash(board, &image, true), -QL_CHIP_FAILED);
    assert_int_equal(failure.board_status, 14);
    assert_non_null(strstr(failure.sentence, "could not erase 0x90110000"));
    fake_destroy(board);
    ql_image_free(&image);
}

static void test_refused_begin(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 20000, 11);
    board->begin_status = 8;
    assert_int_equal(flash(board, &image, true), -QL_BOARD_REFUSED);
    assert_int_equal(board->kinds[0x40] + board->kinds[0x41], 0);
    assert_non_null(strstr(failure.sentence, "0x12345678"));
    assert_non_null(strstr(failure.sentence, "nothing in the chip was changed"));
    fake_destroy(board);
    ql_image_free(&image);
}

static void test_interrupted(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 300000, 12);
    fill_with_old(board);
    board->cancel_at_ns = board->now_ns + S / 2;
    assert_int_equal(flash(board, &image, false), -QL_INTERRUPTED);
    assert_int_equal(failure.code, QL_INTERRUPTED);
    assert_int_equal(board->kinds[0x12], 1);
    assert_int_equal(board->state, 5);
    assert_non_null(strstr(failure.sentence, "0x90100000..0x901493DF in the chip is unfinished"));
    // The same command again finishes the work.
    board->cancel_at_ns = 0;
    assert_int_equal(flash(board, &image, false), 0);
    assert_chip_holds(board, &image);
    fake_destroy(board);
    ql_image_free(&image);
}

static void test_stale_update_is_closed(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 20000, 13);
    board->state = 1;
    board->id = 77;
    assert_int_equal(flash(board, &image, false), 0);
    assert_int_equal(board->kinds[0x12], 1);
    assert_chip_holds(board, &image);
    fake_destroy(board);
    ql_image_free(&image);
}

static void test_several_extents_program_last(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    make_program(&image, 20000, 14);
    const uint8_t data[3] = {1, 2, 3};
    assert_int_equal(ql_image_add(&image, "x", 0x90800000, data, sizeof data, NULL), 0);
    assert_int_equal(flash(board, &image, false), 0);
    assert_chip_holds(board, &image);
    assert_memory_equal(board->begin + 4, "\x00\x00\x10\x90", 4); // the last BEGIN's address
    assert_int_equal(board->kinds[0x10], 2);
    // The data belong to the program: their update unseals it.
    assert_int_equal(board->begins[0].address, 0x90800000);
    assert_int_equal(board->begins[0].owner, ADDRESS);
    assert_int_equal(board->begins[1].owner, 0);
    // Nothing changed: both are verified all the same, so that the program gets sealed again.
    assert_int_equal(flash(board, &image, false), 0);
    assert_int_equal(board->kinds[0x10], 4);
    assert_int_equal(board->kinds[0x11], 4);
    // Data that are no program's belong to nobody.
    const struct ql_flash_options options = {.name = "test"};
    assert_int_equal(ql_flash(&connection, &image, &options, &result, &failure), 0);
    assert_int_equal(board->begins[4].owner, 0);
    assert_int_equal(board->begins[5].owner, 0);
    fake_destroy(board);
    ql_image_free(&image);
}

static void test_verify_and_read(void **state)
{
    (void)state;
    struct fake_board *board = fake_create();
    struct ql_image image;
    struct ql_difference difference;
    make_program(&image, 600000, 15);
    assert_int_equal(flash(board, &image, true), 0);
    assert_int_equal(ql_verify(&connection, &image, &difference, &failure), 0);
    assert_false(difference.differs);
    board->chip[0x100000 + 300000] ^= 0x40;
    board->chip[0x100000 + 599999] ^= 0x40;
    assert_int_equal(ql_verify(&connection, &image, &difference, &failure), 0);
    assert_true(difference.differs);
    assert_int_equal(difference.address, ADDRESS + 300000);
    assert_int_equal(difference.chip ^ difference.file, 0x40);
    assert_int_equal(difference.sectors, 2);
    uint8_t *copy = malloc(600000);
    assert_int_equal(ql_read(&connection, ADDRESS, copy, 600000, &failure), 0);
    assert_memory_equal(copy, board->chip + 0x100000, 600000);
    free(copy);
    fake_destroy(board);
    ql_image_free(&image);
}

// Every byte that goes out in the session written down by hand (tests/vectors/frames.txt).
static unsigned scripted_at;

struct script {
    const char *request;
    const char *answers[3];
};

static const struct script session[] = {
    {"hello_request", {"hello_answer"}},
    {"begin_request", {"begin_answer"}},
    {"erase", {"progress_erased"}},
    {"write", {"progress_written"}},
    {"end_request", {"progress_complete", "end_answer"}},
    {"boot_request", {"boot_answer"}},
};

static uint8_t script_output[8192];
static size_t script_output_at, script_output_end;
static uint64_t script_now_ns;

static int script_write(void *context, const uint8_t *data, size_t size, uint64_t timeout_ns)
{
    (void)context;
    (void)timeout_ns;
    const size_t lead = data[0] == 0 ? 1 : 0;
    assert_true(scripted_at < sizeof session / sizeof session[0]);
    const struct script *step = &session[scripted_at++];
    const struct vector *expected = vector_get(step->request);
    assert_int_equal(size - lead, expected->length);
    assert_memory_equal(data + lead, expected->bytes, expected->length);
    for (size_t i = 0; i < 3 && step->answers[i] != NULL; i++) {
        const struct vector *reply = vector_get(step->answers[i]);
        memcpy(script_output + script_output_end, reply->bytes, reply->length);
        script_output_end += reply->length;
    }
    return 0;
}

static int script_read(void *context, uint8_t *data, size_t size, uint64_t timeout_ns)
{
    (void)context;
    const size_t held = script_output_end - script_output_at;
    const size_t count = held < size ? held : size;
    script_now_ns += count > 0 ? 1000 : timeout_ns;
    memcpy(data, script_output + script_output_at, count);
    script_output_at += count;
    return (int)count;
}

static uint64_t script_now(void *context)
{
    (void)context;
    return script_now_ns;
}

static void test_session_written_by_hand(void **state)
{
    (void)state;
    uint8_t program[512];
    memset(program, 0xFF, sizeof program);
    memcpy(program, "\x00\x00\x08\x24\x09\x00\x10\x90", 8);
    for (unsigned i = 8; i < 256; i++)
        program[i] = (uint8_t)i;
    struct ql_operation operations[] = {{QL_KIND_ERASE, ADDRESS, 4096, 45000},
                                        {QL_KIND_WRITE, ADDRESS, 512, 800}};
    const struct ql_plan plan = {.operations = operations, .count = 2, .write_bytes = 512};
    const struct ql_update_request request = {.address = ADDRESS,
                                              .data = program,
                                              .size = sizeof program,
                                              .is_program = true,
                                              .id = 0x0BDEC015,
                                              .plan = &plan};
    struct ql_update_outcome outcome = {0};
    const struct ql_transport transport = {
        .clock = {NULL, script_now, NULL}, .read = script_read, .write = script_write};
    memset(&connection, 0, sizeof connection);
    ql_link_init(&connection.link, &transport, NULL);
    assert_int_equal(ql_board_hello(&connection.link, &connection.board, &failure), 0);
    assert_string_equal(connection.board.serial, "003A00423138510636343739");
    assert_int_equal(connection.board.session, 0x5E551017);
    assert_int_equal(connection.board.window, 131072);
    assert_int_equal(ql_update_run(&connection, &request, &outcome, &failure), 0);
    assert_int_equal(outcome.last.programmed, 256);
    assert_int_equal(ql_board_boot(&connection.link, 0, &failure), 0);
    assert_int_equal(scripted_at, sizeof session / sizeof session[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_update),
        cmocka_unit_test(test_small_window_and_payload),
        cmocka_unit_test(test_unchanged_is_not_sent),
        cmocka_unit_test(test_without_sectors_capability),
        cmocka_unit_test(test_lost_to_board),
        cmocka_unit_test(test_lost_to_host),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_doubled),
        cmocka_unit_test(test_reordered),
        cmocka_unit_test(test_cable_out_and_in),
        cmocka_unit_test(test_reset_in_the_middle),
        cmocka_unit_test(test_bad_line),
        cmocka_unit_test(test_line_that_dies),
        cmocka_unit_test(test_gone_for_good),
        cmocka_unit_test(test_silent_board),
        cmocka_unit_test(test_foreign_device),
        cmocka_unit_test(test_wrong_content_is_found),
        cmocka_unit_test(test_wrong_digest_is_found),
        cmocka_unit_test(test_protection_is_explained),
        cmocka_unit_test(test_unfinished_places_are_erased),
        cmocka_unit_test(test_runs_are_asked_for_again_after_a_reset),
        cmocka_unit_test(test_failed_operation),
        cmocka_unit_test(test_refused_begin),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_stale_update_is_closed),
        cmocka_unit_test(test_several_extents_program_last),
        cmocka_unit_test(test_verify_and_read),
        cmocka_unit_test(test_session_written_by_hand),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
