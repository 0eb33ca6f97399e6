// The PX4 and ArduPilot protocol on a fake chip, byte for byte. The rules are SPEC.md section 20.
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

#define SIZE  0x400000u
#define AT    0x90100000u
#define SPACE 0x300000u // from there to the chip's end
#define BLOCK 0x10000u

enum { OK = 0x10, FAILED = 0x11, INVALID = 0x13, NOTHING = 0 };
enum { WRITING = 2, SEALED = 3, CLEARED = 4 };
enum { CHUNK = 252 };

static struct rig rig;
static uint8_t image[0x40000];

static int setup(void **state)
{
    (void)state;
    rig_create(&rig, SIZE);
    rig.facts.px4_board_id = 1060;
    rig.facts.px4_board_revision = 7;
    rig_program(image, sizeof image, AT);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

// --- The host -----------------------------------------------------------------------------------

static void send(const void *bytes, size_t length)
{
    rig_receive(&rig, bytes, length);
}

// Reads up to `count` bytes that come within `limit_ms`; returns how many.
static size_t receive(uint8_t *bytes, size_t count, uint32_t limit_ms)
{
    for (uint32_t waited_ms = 0; waited_ms < limit_ms; waited_ms++) {
        rig_run(&rig);
        if (rig.out_length - rig.out_used >= count)
            break;
        rig_run_ms(&rig, 1);
    }
    size_t length = rig.out_length - rig.out_used;
    length = length < count ? length : count;
    memcpy(bytes, rig.out + rig.out_used, length);
    rig.out_used += length;
    if (rig.out_used == rig.out_length)
        rig.out_used = rig.out_length = 0;
    return length;
}

// The status behind 12, or NOTHING.
static uint8_t status_within(uint32_t limit_ms)
{
    uint8_t bytes[2];
    if (receive(bytes, 2, limit_ms) == 0)
        return NOTHING;
    assert_int_equal(bytes[0], 0x12);
    return bytes[1];
}

static uint8_t command(uint8_t opcode, const void *arguments, size_t length)
{
    send(&opcode, 1);
    send(arguments, length);
    send("\x20", 1);
    return status_within(2000);
}

static uint8_t with_word(uint8_t opcode, uint32_t word)
{
    uint8_t bytes[4];
    ql_store_u32(bytes, word);
    return command(opcode, bytes, 4);
}

// The word that a command answers before its 12 10.
static uint32_t word_of(uint8_t opcode, const void *arguments, size_t length)
{
    uint8_t bytes[6];
    send(&opcode, 1);
    send(arguments, length);
    send("\x20", 1);
    assert_int_equal(receive(bytes, 6, 2000), 6);
    assert_int_equal(bytes[4], 0x12);
    assert_int_equal(bytes[5], 0x10);
    return ql_load_u32(bytes);
}

static uint32_t device(uint8_t what)
{
    return word_of(0x22, &what, 1);
}

static void identify(void)
{
    assert_int_equal(command(0x21, "", 0), OK);
    assert_int_equal(device(1), 5);
    assert_int_equal(device(2), 1060);
    assert_int_equal(device(4), SPACE);
}

static uint8_t program(uint8_t opcode, const uint8_t *bytes, uint32_t length)
{
    uint8_t status = OK;
    for (uint32_t at = 0; at < length && status == OK; at += CHUNK) {
        uint8_t frame[3 + CHUNK] = {opcode};
        uint8_t size = (uint8_t)(length - at < CHUNK ? length - at : CHUNK);
        frame[1] = size;
        memcpy(frame + 2, bytes + at, size);
        frame[2 + size] = 0x20;
        send(frame, 3u + size);
        status = status_within(2000);
    }
    return status;
}

// Bit by bit, as the polynomial's definition has it.
static uint32_t crc_of(const uint8_t *bytes, uint32_t length, uint32_t total)
{
    uint32_t crc = 0;
    for (uint32_t i = 0; i < total; i++) {
        crc ^= i < length ? bytes[i] : 0xFF;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return crc;
}

static uint32_t started_at(void)
{
    rig_run_ms(&rig, 90);
    assert_int_equal(px4_action(&rig.px4).kind, SERVER_ACT_NOT);
    rig_run_ms(&rig, 15);
    struct server_action action = px4_action(&rig.px4);
    return action.kind == SERVER_ACT_BOOT ? action.address : 0;
}

// --- What the chip then holds -------------------------------------------------------------------

static uint8_t last_record_kind(void)
{
    const uint8_t *last = rig_last_record(&rig);
    return last ? last[9] : 0;
}

static enum ql_status verdict(void)
{
    return server_start_check(&rig.server, AT, 0).status;
}

// --- Tests --------------------------------------------------------------------------------------

static void the_crc_is_neither_inverted_nor_slow(void **state)
{
    (void)state;
    // CRC-32/ISO-HDLC of 123456789 is CBF43926. Without begin and end inversions: as computed by
    // hand from the definition.
    assert_int_equal(px4_crc(0, (const uint8_t *)"123456789", 9),
                     crc_of((const uint8_t *)"123456789", 9, 9));
    assert_int_not_equal(px4_crc(0, (const uint8_t *)"123456789", 9), 0xCBF43926);
    const uint32_t counts[] = {0, 1, 2, 3, 255, 65536, 1000003};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        assert_int_equal(px4_crc_fill(px4_crc(0, image, 1000), counts[i]),
                         crc_of(image, 1000, 1000 + counts[i]));
}

static void a_board_tells_what_it_is(void **state)
{
    (void)state;
    uint8_t bytes[32];
    identify();
    assert_int_equal(device(3), 7);
    assert_int_equal(device(6), SPACE);
    assert_int_equal(word_of(0x2B, "\x04\0\0", 4), rig.facts.uid[1]);
    assert_int_equal(word_of(0x2C, "", 0), 0x20006450);
    assert_int_equal(word_of(0x2A, "\xBC\0\0", 4), 0);
    send("\x2E\x20", 2);
    assert_int_equal(receive(bytes, 4 + 11 + 2, 100), 17);
    assert_memory_equal(bytes, "\x0B\0\0\0STM32H750,?\x12\x10", 17); // 2000 is no revision
    send("\x2F\x20", 2);
    assert_int_equal(receive(bytes, 4 + 14 + 2, 100), 20);
    assert_memory_equal(bytes, "\x0E\0\0\0quadlane 0.1.0\x12\x10", 20);
}

static void an_upload_is_sealed_by_boot(void **state)
{
    (void)state;
    const uint32_t length = 0x12344;
    memset(rig_chip_at(&rig, AT), 0, 3 * BLOCK);
    identify();
    assert_int_equal(command(0x23, "", 0), OK);
    assert_int_equal(rig.fake.erases, 0);
    assert_int_equal(program(0x27, image, length), OK);
    assert_int_equal(word_of(0x29, "", 0), crc_of(image, length, SPACE));
    assert_memory_equal(rig_chip_at(&rig, AT), image, length);
    assert_int_equal(last_record_kind(), WRITING);
    assert_int_equal(rig.fake.erases, 2);
    assert_int_equal(*rig_chip_at(&rig, AT + 2 * BLOCK), 0);
    assert_int_equal(command(0x30, "", 0), OK);
    assert_int_equal(last_record_kind(), SEALED);
    assert_int_equal(started_at(), AT);
    rig_restart(&rig);
    assert_int_equal(verdict(), QL_STATUS_OK);
}

// Each page is programmed once, though chunks end anywhere in it.
static void pages_are_programmed_once(void **state)
{
    (void)state;
    const uint32_t length = 0x10000;
    identify();
    assert_int_equal(command(0x23, "", 0), OK);
    assert_int_equal(program(0x27, image, length), OK);
    (void)word_of(0x29, "", 0);
    assert_int_equal(rig.fake.programs, length / 256);
    assert_int_equal(rig.fake.erases, 0); // blank already
}

static void boot_refuses_what_is_not_whole(void **state)
{
    (void)state;
    identify();
    assert_int_equal(command(0x23, "", 0), OK);
    assert_int_equal(command(0x30, "", 0), FAILED);
    assert_int_equal(program(0x27, image, 0x1000), OK);
    assert_int_equal(command(0x30, "", 0), FAILED);
    (void)word_of(0x29, "", 0);
    assert_int_equal(program(0x27, image + 0x1000, CHUNK), OK);
    assert_int_equal(command(0x30, "", 0), FAILED); // the CRC was that of fewer bytes
    assert_int_equal(verdict(), QL_STATUS_INCOMPLETE);
    assert_int_equal(px4_action(&rig.px4).kind, SERVER_ACT_NOT);
    (void)word_of(0x29, "", 0);
    assert_int_equal(command(0x30, "", 0), OK);
}

static void a_failure_ends_the_upload(void **state)
{
    (void)state;
    rig.fake.program_leaves_bit = true;
    rig.fake.fault_first = AT - 0x90000000;
    rig.fake.fault_end = rig.fake.fault_first + 0x4000;
    identify();
    assert_int_equal(command(0x23, "", 0), OK);
    uint8_t status = program(0x27, image, 0x2000);
    if (status == OK) {
        rig_run_ms(&rig, 50);
        status = program(0x27, image, CHUNK);
    }
    assert_true(status == FAILED || status == INVALID);
    assert_int_equal(command(0x30, "", 0), FAILED);
    rig.fake.program_leaves_bit = false;
    rig_restart(&rig);
    assert_int_not_equal(verdict(), QL_STATUS_OK);
}

static void the_external_erase_tells_percents(void **state)
{
    (void)state;
    uint8_t byte = 0, last = 0;
    memset(rig_chip_at(&rig, AT), 0, 4 * BLOCK);
    identify();
    assert_int_equal(with_word(0x34, 2 * BLOCK + 1), OK);
    for (unsigned count = 0; last != 100; count++) {
        assert_true(count < 1000);
        assert_int_equal(receive(&byte, 1, 300), 1);
        assert_true(byte >= last && byte <= 100);
        last = byte;
    }
    assert_int_equal(status_within(10), OK);
    assert_int_equal(rig.fake.erases, 3); // two blocks and a sector
    assert_int_equal(*rig_chip_at(&rig, AT + 2 * BLOCK + 4095), 0xFF);
    assert_int_equal(*rig_chip_at(&rig, AT + 2 * BLOCK + 4096), 0);
    // Any length, and padding behind what was erased.
    memcpy(image + 2 * BLOCK + 4001, (uint8_t[765]){0}, 765);
    assert_int_equal(program(0x35, image, 2 * BLOCK + 4001 + 765), OK);
    uint8_t length[4];
    ql_store_u32(length, 2 * BLOCK + 4001);
    assert_int_equal(word_of(0x37, length, 4), crc_of(image, 2 * BLOCK + 4001, 2 * BLOCK + 4001));
    assert_int_equal(command(0x30, "", 0), OK);
    assert_int_equal(started_at(), AT);
}

static void what_was_only_erased_is_no_unfinished_program(void **state)
{
    (void)state;
    uint8_t bytes[8];
    uint8_t length[] = {0, 0x10, 0, 0};
    memset(rig_chip_at(&rig, AT), 0, BLOCK);
    identify();
    assert_int_equal(command(0x34, length, 4), OK);
    assert_true(receive(bytes, 8, 1000) >= 3);
    assert_int_equal(word_of(0x37, length, 4), crc_of(NULL, 0, 0x1000));
    assert_int_equal(command(0x30, "", 0), FAILED);
    assert_int_equal(last_record_kind(), CLEARED);
}

static void boot_refuses_what_has_changed_since(void **state)
{
    (void)state;
    identify();
    assert_int_equal(command(0x23, "", 0), OK);
    assert_int_equal(program(0x27, image, 0x1000), OK);
    assert_int_equal(word_of(0x29, "", 0), crc_of(image, 0x1000, SPACE));
    assert_int_equal(command(0x30, "", 0), OK);
    rig_restart(&rig);
    *rig_chip_at(&rig, AT + 0x321) ^= 1;
    assert_int_equal(command(0x21, "", 0), OK);
    assert_int_equal(command(0x30, "", 0), FAILED);
    assert_int_equal(px4_action(&rig.px4).kind, SERVER_ACT_NOT);
}

// Only the CRC tells that the external upload is whole, and that another flash is meant.
static void an_erase_behind_an_external_upload_without_crc_begins_anew(void **state)
{
    (void)state;
    uint8_t bytes[8];
    uint8_t length[] = {0, 0x10, 0, 0};
    for (unsigned with_crc = 0; with_crc < 2; with_crc++) {
        rig_restart(&rig);
        identify();
        assert_int_equal(command(0x34, length, 4), OK);
        assert_true(receive(bytes, 8, 1000) >= 3);
        assert_int_equal(program(0x35, image, 0x1000), OK);
        if (with_crc)
            assert_int_equal(word_of(0x37, length, 4), crc_of(image, 0x1000, 0x1000));
        assert_int_equal(command(0x23, "", 0), OK);
        assert_int_equal(program(0x27, image, CHUNK), with_crc ? FAILED : OK);
    }
}

static void a_locked_board_changes_and_tells_nothing(void **state)
{
    (void)state;
    rig.policy = NULL;
    rig_restart(&rig);
    identify();
    assert_int_equal(command(0x23, "", 0), FAILED);
    assert_int_equal(with_word(0x34, 4096), FAILED);
    assert_int_equal(with_word(0x34, SPACE + 1), FAILED);
    assert_int_equal(with_word(0x37, 1), FAILED);
    assert_int_equal(command(0x29, "", 0), FAILED);
    assert_int_equal(command(0x28, "\x04", 1), FAILED);
    assert_int_equal(command(0x36, "\x04", 1), FAILED);
    assert_int_equal(command(0x22, "\x05", 1), FAILED);
    assert_int_equal(program(0x27, image, CHUNK), INVALID);
    assert_int_equal(rig.fake.erases + rig.fake.programs, 0);
    assert_int_equal(rig.fake.low_erases + rig.fake.low_programs, 0);
}

static void the_gates_want_every_question(void **state)
{
    (void)state;
    const uint8_t asked[] = {1, 2, 4};
    for (unsigned left_out = 0; left_out < 3; left_out++) {
        assert_int_equal(command(0x30, "", 0), NOTHING); // the line does not speak this yet
        rig_restart(&rig);
        assert_int_equal(command(0x21, "", 0), OK);
        for (unsigned i = 0; i < 3; i++)
            if (i != left_out)
                (void)device(asked[i]);
        assert_int_equal(command(0x23, "", 0), INVALID);
        identify();
        assert_int_equal(command(0x22, "\x63", 1), INVALID);
        assert_int_equal(with_word(0x34, 4096), INVALID);
        rig_restart(&rig);
    }
    identify();
    assert_int_equal(command(0x23, "", 0), OK);
}

static void the_size_is_the_limit(void **state)
{
    (void)state;
    identify();
    assert_int_equal(command(0x23, "", 0), OK);
    rig.px4.end = rig.px4.erased_end = AT + SPACE - 8; // as if all that had come
    assert_int_equal(command(0x27,
                             "\x04"
                             "abcd",
                             5),
                     OK);
    assert_int_equal(command(0x27,
                             "\x08"
                             "abcdefgh",
                             9),
                     INVALID);
}

static void frames_and_commands_take_turns(void **state)
{
    (void)state;
    // 21 20 within a frame of ours is ours.
    const uint8_t hello[] = {1, 0, 1, 0, 0, 0, 0, 0};
    assert_int_equal(rig_request(&rig, 0x01, hello, 8, NULL), QL_STATUS_OK);
    send("\x02\x21\x20", 3);
    assert_int_equal(status_within(10), NOTHING);
    send("\0", 1);
    // A 21 that is followed by something else is ours, too.
    uint32_t damaged = rig.server.frames_damaged;
    send("\x21\x22\0", 3);
    assert_int_equal(rig.server.frames_damaged, damaged + 1);
    identify();
    assert_int_equal(rig_request(&rig, 0x01, hello, 8, NULL), QL_STATUS_OK);
    // Half a frame is in the way for 50 ms.
    send("\x02\x10", 2);
    rig_run_ms(&rig, 40);
    send("\x21\x20", 2);
    assert_int_equal(status_within(10), NOTHING);
    rig_run_ms(&rig, 60);
    identify();
    // Half a command for 500 ms.
    send("\x27\xFC\x12", 3);
    rig_run_ms(&rig, 510);
    identify();
}

static void an_update_of_frames_keeps_uploads_waiting(void **state)
{
    (void)state;
    assert_int_equal(rig_begin(&rig, 77, AT, image, 0x4000, 1), QL_STATUS_OK);
    rig_run_ms(&rig, 60);
    rig.out_used = rig.out_length = 0;
    identify();
    send("\x23\x20", 2);
    assert_int_equal(status_within(8000), NOTHING);
    assert_int_equal(status_within(3000), OK);
    assert_int_equal(program(0x27, image, 0x4000), OK);
    (void)word_of(0x29, "", 0);
    assert_int_equal(command(0x30, "", 0), OK);
}

static void a_lost_line_ends_everything(void **state)
{
    (void)state;
    identify();
    assert_int_equal(command(0x23, "", 0), OK);
    assert_int_equal(program(0x27, image, 0x2000), OK);
    px4_line_reset(&rig.px4);
    server_line_reset(&rig.server);
    rig_run_ms(&rig, 100);
    assert_false(update_is_open(&rig.server.update));
    assert_int_equal(verdict(), QL_STATUS_INCOMPLETE);
    const uint8_t hello[] = {1, 0, 1, 0, 0, 0, 0, 0};
    assert_int_equal(rig_request(&rig, 0x01, hello, 8, NULL), QL_STATUS_OK);
}

static void garbage_changes_nothing(void **state)
{
    (void)state;
    uint32_t seed = 99;
    uint8_t bytes[64];
    for (unsigned round = 0; round < 3000; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (uint8_t)(i % 3 == 0 ? 0x21 + (seed >> 24) % 0x20 : seed >> 24);
        }
        send("\x21\x20", 2);
        send(bytes, 1 + seed % sizeof bytes);
        rig_run_ms(&rig, round % 7 == 0 ? 60 : 1);
        rig.out_used = rig.out_length = 0;
    }
    rig_run_ms(&rig, 600);
    rig.out_used = rig.out_length = 0;
    identify();
    assert_int_equal(rig.fake.erases + rig.fake.programs, 0);
}

#define PX4_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PX4_TEST(the_crc_is_neither_inverted_nor_slow),
        PX4_TEST(a_board_tells_what_it_is),
        PX4_TEST(an_upload_is_sealed_by_boot),
        PX4_TEST(pages_are_programmed_once),
        PX4_TEST(boot_refuses_what_is_not_whole),
        PX4_TEST(a_failure_ends_the_upload),
        PX4_TEST(the_external_erase_tells_percents),
        PX4_TEST(what_was_only_erased_is_no_unfinished_program),
        PX4_TEST(boot_refuses_what_has_changed_since),
        PX4_TEST(an_erase_behind_an_external_upload_without_crc_begins_anew),
        PX4_TEST(a_locked_board_changes_and_tells_nothing),
        PX4_TEST(the_gates_want_every_question),
        PX4_TEST(the_size_is_the_limit),
        PX4_TEST(frames_and_commands_take_turns),
        PX4_TEST(an_update_of_frames_keeps_uploads_waiting),
        PX4_TEST(a_lost_line_ends_everything),
        PX4_TEST(garbage_changes_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
