// The protocol server: the vectors' session byte for byte, and each request's rules.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/bytes.h"
#include "tests/unit/rig.h"
#include "tests/unit/vectors.h"

#define SIZE 0x1000000u
#define AT   0x90100000u

static struct rig rig;

static int create(void **state)
{
    (void)state;
    rig_create(&rig, SIZE);
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    fake_nor_reset(&rig.fake);
    rig.fake.allowed_first = 0xF0000;
    memset(rig.fake.array, 0xFF, 0x200000);
    rig.facts.stay_reason = QL_STAY_BLANK;
    rig_restart(&rig);
    return 0;
}

static uint16_t request_pair(uint8_t kind, uint32_t first, uint32_t second, struct ql_frame *answer)
{
    uint8_t payload[8];
    ql_store_u32(payload, first);
    ql_store_u32(payload + 4, second);
    return rig_request(&rig, kind, payload, 8, answer);
}

static void the_session_of_the_vectors(void **state)
{
    (void)state;
    memset(rig.fake.array + 0x100000, 0, 4096);
    rig_receive_vector(&rig, "hello_request");
    rig_expect_vector(&rig, "hello_answer");
    rig_receive_vector(&rig, "begin_request");
    rig_expect_vector(&rig, "begin_answer");
    rig_receive_vector(&rig, "erase");
    rig_run_ms(&rig, 50);
    rig_expect_vector(&rig, "progress_erased");
    rig_receive_vector(&rig, "write");
    rig_run_ms(&rig, 1);
    rig_expect_vector(&rig, "progress_written");
    rig_receive_vector(&rig, "end_request");
    rig_run_ms(&rig, 1); // a page for the record
    // PROGRESS for the verifying state may come before; the last one says complete.
    struct ql_frame frame = rig_next(&rig);
    assert_int_equal(frame.kind, 0xC0);
    if (frame.payload[4] == 2)
        frame = rig_next(&rig);
    assert_int_equal(frame.payload[4], 3);
    rig_expect_vector(&rig, "end_answer");
    rig_receive_vector(&rig, "read_request");
    rig_expect_vector(&rig, "read_answer");
    rig_receive_vector(&rig, "hash_request");
    rig_expect_vector(&rig, "hash_answer");
    rig_receive_vector(&rig, "sectors_request");
    rig_expect_vector(&rig, "sectors_answer");
    assert_int_equal(server_action(&rig.server).kind, SERVER_ACT_NOT);
    rig_receive_vector(&rig, "boot_request");
    rig_expect_vector(&rig, "boot_answer");
    struct server_action action = server_action(&rig.server);
    assert_int_equal(action.kind, SERVER_ACT_BOOT);
    assert_int_equal(action.address, AT);
}

static void vectors_outside_the_session(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"unknown_request", "unknown_answer"},
        {"hello_version_request", "hello_version_answer"},
        {"hello_short_request", "hello_short_answer"},
        {"status_request", "status_answer_none"},
        {"reset_request", "reset_answer"},
    };
    for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        rig_receive_vector(&rig, pairs[i][0]);
        rig_expect_vector(&rig, pairs[i][1]);
    }
    assert_int_equal(server_action(&rig.server).kind, SERVER_ACT_RESET_STAY);
}

// The items of an INFO payload, sought by tag.
static const uint8_t *item_find(const struct ql_frame *frame, uint8_t tag)
{
    unsigned at = 8;
    while (at + 2 <= frame->length && frame->payload[at] != tag)
        at += 2u + frame->payload[at + 1];
    return at + 2 <= frame->length ? frame->payload + at : NULL;
}

static void info_tells_what_the_vector_tells(void **state)
{
    (void)state;
    // Two damaged frames and four good ones before; INFO itself is the fifth.
    rig_receive_vector(&rig, "damaged_crc");
    rig_receive_vector(&rig, "damaged_kind");
    for (int i = 0; i < 4; i++) {
        rig_receive_vector(&rig, "status_request");
        rig_wait(&rig, 0x83, 0);
    }
    struct ql_frame answer;
    rig_receive_vector(&rig, "info_request");
    answer = rig_wait(&rig, 0x82, 0);
    assert_int_equal(answer.tag, 0x0207);
    struct ql_frame_decoder decoder;
    struct ql_frame wanted;
    enum ql_frame_event event;
    const struct vector *vector = vector_get("info_answer");
    ql_frame_decoder_init(&decoder);
    ql_frame_decode(&decoder, vector->bytes, vector->length, &event, &wanted);
    assert_int_equal(event, QL_FRAME_GOOD);
    assert_int_equal(answer.length, wanted.length);
    for (unsigned at = 8; at < wanted.length; at += 2u + wanted.payload[at + 1]) {
        const uint8_t *item = wanted.payload + at;
        const uint8_t *found = item_find(&answer, item[0]);
        assert_non_null(found);
        assert_memory_equal(found, item, 2u + item[1]);
    }
}

static void info_without_a_chip(void **state)
{
    (void)state;
    rig.fake.absent = true;
    rig_restart(&rig);
    struct ql_frame answer;
    assert_int_equal(rig_request(&rig, 0x02, NULL, 0, &answer), 0);
    assert_memory_equal(item_find(&answer, 0x03), "\x03\x03\xFF\xFF\xFF", 5);
    assert_null(item_find(&answer, 0x04));
    assert_null(item_find(&answer, 0x13));
    assert_memory_equal(item_find(&answer, 0x0C), "\x0C\x08\x0C\x00\x00\x00\xFF\xFF\xFF\x00", 10);
    assert_int_equal(request_pair(0x04, AT, 16, &answer), 12);
    assert_int_equal(rig_word(&answer, 4), 0xFFFFFF);
    assert_int_equal(request_pair(0x05, AT, 16, NULL), 12);
    assert_int_equal(request_pair(0x06, AT, 1, NULL), 12);
    assert_int_equal(request_pair(0x07, 0, 0, NULL), 12);
    uint8_t byte = 0;
    assert_int_equal(rig_begin(&rig, 1, AT, &byte, 1, 0), 12);
}

// SPEC.md section 22: the words 1 to 15, as they are.
static void info_tells_a_fault_dump(void **state)
{
    (void)state;
    static const uint32_t dump[16] = {1, 0x04030201, [7] = 0x8200, [15] = 0xFEDCBA98};
    struct ql_frame answer;
    const uint8_t *found = NULL;
    rig.facts.fault_dump = dump;
    assert_int_equal(rig_request(&rig, 0x02, NULL, 0, &answer), 0);
    for (unsigned at = 8; at < answer.length; at += 2u + answer.payload[at + 1])
        if (answer.payload[at] == 0x20)
            found = answer.payload + at;
    assert_non_null(found);
    assert_int_equal(found[1], 60);
    assert_memory_equal(found + 2, "\1\2\3\4\0\0\0\0", 8);
    assert_memory_equal(found + 2 + 4 * 6, "\0\x82\0\0", 4);
    assert_memory_equal(found + 2 + 4 * 14, "\x98\xBA\xDC\xFE", 4);
}

static void info_while_an_update_is_open_does_not_touch_the_chip(void **state)
{
    (void)state;
    uint8_t bytes[256] = {0};
    memset(rig.fake.array + 0x100000, 0, 16);
    assert_int_equal(rig_begin(&rig, 0x77, AT, bytes, 256, 0), 0);
    rig_erase(&rig, 0x77, 0, AT, 4096);
    rig_run_ms(&rig, 5);
    struct ql_frame answer;
    assert_int_equal(rig_request(&rig, 0x02, NULL, 0, &answer), 0);
    assert_memory_equal(item_find(&answer, 0x0C), "\x0C\x08\x04\x00\x00\x00\x77\x00\x00\x00", 10);
}

static void requests_for_the_chip_are_busy_while_an_update_is_open(void **state)
{
    (void)state;
    uint8_t byte = 0, mode[4] = {0};
    assert_int_equal(rig_begin(&rig, 0x1234, AT, &byte, 1, 0), 0);
    struct ql_frame answer;
    assert_int_equal(request_pair(0x04, AT, 16, &answer), 4);
    assert_int_equal(rig_word(&answer, 4), 0x1234);
    assert_int_equal(request_pair(0x05, AT, 16, NULL), 4);
    assert_int_equal(request_pair(0x06, AT, 1, NULL), 4);
    assert_int_equal(request_pair(0x07, 0, 0, NULL), 4);
    assert_int_equal(rig_request(&rig, 0x08, mode, 4, NULL), 4);
    uint8_t hello[8] = {1, 0, 1, 0};
    assert_int_equal(rig_request(&rig, 0x01, hello, 8, NULL), 0);
    assert_int_equal(rig_request(&rig, 0x12, mode, 4, NULL), 0);
    assert_int_equal(request_pair(0x04, AT, 16, NULL), 0);
}

static void read_reaches_every_byte_and_no_further(void **state)
{
    (void)state;
    struct ql_frame answer;
    for (uint32_t i = 0; i < 4096; i++)
        rig.fake.array[SIZE - 4096 + i] = (uint8_t)(i * 31);
    assert_int_equal(request_pair(0x04, 0x90000000 + SIZE - 4096, 4096, &answer), 0);
    assert_int_equal(answer.length, 8 + 4096);
    assert_memory_equal(answer.payload + 8, rig.fake.array + SIZE - 4096, 4096);
    assert_int_equal(request_pair(0x04, 0x90000000, 1, &answer), 0);
    assert_int_equal(answer.length, 9);
    assert_int_equal(request_pair(0x04, 0x8FFFFFFF, 1, &answer), 5);
    assert_int_equal(rig_word(&answer, 4), 0x8FFFFFFF);
    assert_int_equal(request_pair(0x04, 0x91000000, 1, &answer), 5);
    assert_int_equal(rig_word(&answer, 4), 0x91000000);
    assert_int_equal(request_pair(0x04, 0x90FFFFFF, 2, &answer), 5);
    assert_int_equal(rig_word(&answer, 4), 0x91000000);
    assert_int_equal(request_pair(0x04, AT, 0, &answer), 2);
    assert_int_equal(rig_word(&answer, 4), 4);
    assert_int_equal(request_pair(0x04, AT, 4097, NULL), 2);
    assert_int_equal(request_pair(0x05, AT, 0, NULL), 2);
    assert_int_equal(request_pair(0x05, AT, 0xFFFFFFFF, &answer), 5);
    assert_int_equal(rig_word(&answer, 4), 0x91000000);
}

static void hash_of_the_whole_chip(void **state)
{
    (void)state;
    struct ql_frame answer;
    uint8_t digest[32];
    rig_sha256(rig.fake.array, SIZE, digest);
    assert_int_equal(request_pair(0x05, 0x90000000, SIZE, &answer), 0);
    assert_int_equal(answer.length, 40);
    assert_memory_equal(answer.payload + 8, digest, 32);
}

static void sectors_of_a_mebibyte(void **state)
{
    (void)state;
    struct ql_frame answer;
    for (uint32_t i = 0; i < 256; i++)
        rig.fake.array[0x100000 + i * 4096 + i] = (uint8_t)i;
    assert_int_equal(request_pair(0x06, AT, 256, &answer), 0);
    assert_int_equal(answer.length, 8 + 4096);
    for (uint32_t i = 0; i < 256; i++) {
        uint8_t digest[32];
        rig_sha256(rig.fake.array + 0x100000 + i * 4096, 4096, digest);
        assert_memory_equal(answer.payload + 8 + i * 16, digest, 16);
    }
    assert_int_equal(request_pair(0x06, AT, 0, NULL), 2);
    assert_int_equal(request_pair(0x06, AT, 257, NULL), 2);
    assert_int_equal(request_pair(0x06, AT + 256, 1, &answer), 7);
    assert_int_equal(rig_word(&answer, 4), AT + 256);
    assert_int_equal(request_pair(0x06, 0x90FFF000, 2, NULL), 5);
}

// Requests that come while SECTORS is collecting neither disturb it nor get lost.
static void another_request_while_sectors_is_under_way(void **state)
{
    (void)state;
    uint8_t sectors[8] = {0, 0, 0x10, 0x90, 0, 1}, hello[8] = {1, 0, 1, 0};
    rig_receive_frame(&rig, 0x06, 1, sectors, 8);
    assert_true(server_run(&rig.server));
    rig_receive_frame(&rig, 0x06, 1, sectors, 8);
    rig_receive_frame(&rig, 0x01, 2, hello, 8);
    rig_run(&rig);
    struct ql_frame frame = rig_next(&rig);
    assert_int_equal(frame.kind, 0x86);
    uint8_t digest[32];
    rig_sha256(rig.fake.array + 0x100000, 4096, digest);
    assert_memory_equal(frame.payload + 8, digest, 16);
    frame = rig_next(&rig);
    assert_int_equal(frame.kind, 0x81);
    assert_int_equal(frame.tag, 2);
    assert_int_equal(rig_next(&rig).kind, 0);
}

static void one_long_request_at_a_time(void **state)
{
    (void)state;
    uint8_t hash[8] = {0, 0, 0x10, 0x90, 0, 0, 8, 0}, read[8] = {0, 0, 0x10, 0x90, 16};
    rig_receive_frame(&rig, 0x05, 1, hash, 8);
    assert_true(server_run(&rig.server));
    rig_receive_frame(&rig, 0x04, 2, read, 8);
    rig_run(&rig);
    struct ql_frame frame = rig_next(&rig);
    assert_int_equal(frame.kind, 0x84);
    assert_int_equal(ql_load_u16(frame.payload), 4);
    frame = rig_next(&rig);
    assert_int_equal(frame.kind, 0x85);
    assert_int_equal(ql_load_u16(frame.payload), 0);
}

static void a_repetition_of_what_is_under_way_is_not_answered_twice(void **state)
{
    (void)state;
    uint8_t hash[8] = {0, 0, 0x10, 0x90, 0, 0, 8, 0};
    rig_receive_frame(&rig, 0x05, 1, hash, 8);
    assert_true(server_run(&rig.server));
    rig_receive_frame(&rig, 0x05, 1, hash, 8);
    rig_run(&rig);
    struct ql_frame frame = rig_next(&rig);
    assert_int_equal(frame.kind, 0x85);
    assert_int_equal(ql_load_u16(frame.payload), 0);
    assert_int_equal(rig_next(&rig).kind, 0);
}

static void every_wrong_length_is_a_bad_request(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind, size;
    } requests[] = {{1, 8},  {2, 0}, {3, 0}, {4, 8},     {5, 8},    {6, 8},
                    {9, 84}, {7, 8}, {8, 4}, {0x10, 60}, {0x11, 8}, {0x12, 4}};
    static const uint8_t payload[4112];
    for (unsigned i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        static const size_t lengths[] = {0, 1, 3, 4, 7, 8, 9, 59, 60, 61, 83, 84, 85, 4112};
        for (unsigned j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
            uint32_t size = requests[i].size;
            if (lengths[j] == size)
                continue;
            struct ql_frame answer;
            assert_int_equal(rig_request(&rig, requests[i].kind, payload, lengths[j], &answer), 2);
            assert_int_equal(rig_word(&answer, 4), lengths[j] < size ? lengths[j] : size);
        }
    }
}

static void every_unknown_kind_is_answered_or_counted(void **state)
{
    (void)state;
    static const uint8_t known[] = {1,    2,    3,    4,    5,    6,    7,    8,   9,
                                    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17};
    for (unsigned kind = 0; kind < 256; kind++) {
        if (memchr(known, (int)kind, sizeof known))
            continue;
        uint32_t damaged = rig.server.frames_damaged;
        if (kind >= 1 && kind <= 0x3F) {
            struct ql_frame answer;
            assert_int_equal(rig_request(&rig, (uint8_t)kind, "xyz", 3, &answer), 1);
            assert_int_equal(rig_word(&answer, 4), kind);
            assert_int_equal(rig.server.frames_damaged, damaged);
        } else {
            rig_receive_frame(&rig, (uint8_t)kind, 0, "xyz", 3);
            rig_run(&rig);
            assert_int_equal(rig_next(&rig).kind, 0);
            assert_int_equal(rig.server.frames_damaged, damaged + 1);
        }
    }
}

static void damaged_vectors_have_no_effect(void **state)
{
    (void)state;
    const struct vector *vector;
    uint32_t count = 0;
    for (size_t i = 0; (vector = vector_at(i)) != NULL; i++) {
        if (strncmp(vector->name, "damaged_", 8) != 0)
            continue;
        rig_receive(&rig, vector->bytes, vector->length);
        count++;
    }
    rig_run(&rig);
    assert_int_equal(rig_next(&rig).kind, 0);
    assert_int_equal(rig.server.frames_damaged, count);
    assert_int_equal(server_frames_taken(&rig.server), 0);
}

static void hello_of_other_hosts(void **state)
{
    (void)state;
    static const struct {
        uint8_t payload[8];
        uint16_t status;
        uint32_t detail;
    } cases[] = {
        {{1, 0, 9, 0}, 0, 0},
        {{0, 0, 1, 0}, 0, 0},
        {{0, 0, 0, 0}, 3, 1},
        {{2, 0, 1, 0}, 2, 0},
        {{1, 0, 1, 0, 0, 0, 0, 1}, 2, 4},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ql_frame answer;
        assert_int_equal(rig_request(&rig, 1, cases[i].payload, 8, &answer), cases[i].status);
        assert_int_equal(rig_word(&answer, 4), cases[i].detail);
        assert_int_equal(answer.length, cases[i].status == 2 ? 8 : 40);
    }
}

static void what_boot_refuses(void **state)
{
    (void)state;
    struct ql_frame answer;
    assert_int_equal(request_pair(0x07, 0, 0, &answer), 10);
    assert_int_equal(rig_word(&answer, 4), AT);
    assert_int_equal(request_pair(0x07, 0x90000000, 0, NULL), 6);
    assert_int_equal(request_pair(0x07, 0x08000000, 0, NULL), 5);
    assert_int_equal(request_pair(0x07, AT + 4, 0, NULL), 7);
    assert_int_equal(request_pair(0x07, AT, 1, NULL), 2);
    ql_store_u32(rig.fake.array + 0x100000, 0x20000000);
    ql_store_u32(rig.fake.array + 0x100004, AT + 9);
    assert_int_equal(request_pair(0x07, AT, 0, NULL), 8);
    ql_store_u32(rig.fake.array + 0x100000, 0x20020000);
    ql_store_u32(rig.fake.array + 0x100004, 0x08000401);
    assert_int_equal(request_pair(0x07, AT, 0, NULL), 9);
    assert_int_equal(server_action(&rig.server).kind, SERVER_ACT_NOT);
    // Right so far, but nobody has sealed it.
    ql_store_u32(rig.fake.array + 0x100004, 0x90FFFFFF);
    assert_int_equal(request_pair(0x07, AT, 0, &answer), 21);
    assert_int_equal(rig_word(&answer, 4), AT);
    assert_int_equal(server_action(&rig.server).kind, SERVER_ACT_NOT);
}

static void what_an_unfinished_update_left_is_not_started(void **state)
{
    (void)state;
    uint8_t program[512] = {0}, id[4] = {0};
    ql_store_u32(program, 0x20020000);
    ql_store_u32(program + 4, AT + 9);
    assert_int_equal(rig_begin(&rig, 5, AT, program, 512, 1), 0);
    rig_write(&rig, 5, 0, AT, program, 256);
    rig_run_ms(&rig, 5);
    assert_int_equal(rig_request(&rig, 0x12, id, 4, NULL), 0);
    struct ql_frame answer;
    assert_int_equal(request_pair(0x07, 0, 0, &answer), 17);
    assert_int_equal(rig_word(&answer, 4), AT);
    assert_int_equal(rig_begin(&rig, 6, AT, program, 512, 1), 0);
    rig_write(&rig, 6, 0, AT, program, 512);
    assert_int_equal(rig_end(&rig, 6, 1, 1000), 0);
    assert_int_equal(request_pair(0x07, 0, 0, NULL), 0);
}

static void actions_wait_until_the_answer_has_left(void **state)
{
    (void)state;
    uint8_t mode[4] = {0}, byte;
    rig_receive_frame(&rig, 0x08, 1, mode, 4);
    while (server_run(&rig.server)) {
    }
    for (int i = 0; i < 10; i++) {
        assert_int_equal(server_action(&rig.server).kind, SERVER_ACT_NOT);
        assert_int_equal(server_transmit(&rig.server, &byte, 1), 1);
    }
    rig_run(&rig);
    assert_int_equal(server_action(&rig.server).kind, SERVER_ACT_RESET);
    assert_false(server_action(&rig.server).forget_dump);
    for (mode[0] = 1; mode[0] <= 3; mode[0]++) {
        rig_restart(&rig);
        assert_int_equal(rig_request(&rig, 0x08, mode, 4, NULL), 0);
        const struct server_action action = server_action(&rig.server);
        assert_int_equal(action.kind, mode[0] & 1 ? SERVER_ACT_RESET_STAY : SERVER_ACT_RESET);
        assert_int_equal(action.forget_dump, mode[0] >= 2);
    }
    rig_restart(&rig);
    assert_int_equal(rig_request(&rig, 0x08, mode, 4, NULL), 2);
    assert_int_equal(server_action(&rig.server).kind, SERVER_ACT_NOT);
}

static void the_first_frame_follows_a_zero_and_a_line_reset_forgets_the_rest(void **state)
{
    (void)state;
    uint8_t bytes[8];
    rig_receive_vector(&rig, "hello_request");
    server_run(&rig.server);
    assert_int_equal(server_transmit(&rig.server, bytes, 8), 8);
    assert_int_equal(bytes[0], 0);
    server_line_reset(&rig.server);
    assert_int_equal(server_transmit(&rig.server, bytes, 8), 0);
    rig_receive_vector(&rig, "hello_request");
    server_run(&rig.server);
    assert_int_equal(server_transmit(&rig.server, bytes, 8), 8);
    assert_int_equal(bytes[0], 0);
}

// A host that died without reading leaves answers behind; the next one gets its own all the same.
static void a_host_that_does_not_read_does_not_block_the_next(void **state)
{
    (void)state;
    for (uint16_t tag = 1; tag < 50; tag++) {
        uint8_t hello[8] = {1, 0, 1, 0};
        rig_receive_frame(&rig, 0x01, tag, hello, 8);
        server_run(&rig.server);
    }
    rig_run(&rig);
    struct ql_frame frame, last = {0};
    while ((frame = rig_next(&rig)).kind != 0)
        last = frame;
    assert_int_equal(last.kind, 0x81);
    assert_int_equal(last.tag, 49);
}

#define SERVER_TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(the_session_of_the_vectors),
        SERVER_TEST(vectors_outside_the_session),
        SERVER_TEST(info_tells_what_the_vector_tells),
        SERVER_TEST(info_without_a_chip),
        SERVER_TEST(info_tells_a_fault_dump),
        SERVER_TEST(info_while_an_update_is_open_does_not_touch_the_chip),
        SERVER_TEST(requests_for_the_chip_are_busy_while_an_update_is_open),
        SERVER_TEST(read_reaches_every_byte_and_no_further),
        SERVER_TEST(hash_of_the_whole_chip),
        SERVER_TEST(sectors_of_a_mebibyte),
        SERVER_TEST(another_request_while_sectors_is_under_way),
        SERVER_TEST(one_long_request_at_a_time),
        SERVER_TEST(a_repetition_of_what_is_under_way_is_not_answered_twice),
        SERVER_TEST(every_wrong_length_is_a_bad_request),
        SERVER_TEST(every_unknown_kind_is_answered_or_counted),
        SERVER_TEST(damaged_vectors_have_no_effect),
        SERVER_TEST(hello_of_other_hosts),
        SERVER_TEST(what_boot_refuses),
        SERVER_TEST(what_an_unfinished_update_left_is_not_started),
        SERVER_TEST(actions_wait_until_the_answer_has_left),
        SERVER_TEST(the_first_frame_follows_a_zero_and_a_line_reset_forgets_the_rest),
        SERVER_TEST(a_host_that_does_not_read_does_not_block_the_next),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, create, destroy);
}
