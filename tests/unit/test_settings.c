// Settings: what they mean, what the SETTINGS request takes and refuses, and that a change stands
// in the chip or did not happen (SPEC.md section 14). Locked boards are test_lock.c's.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/bytes.h"
#include "tests/unit/rig.h"

#define SIZE 0x1000000u
#define AT   0x90100000u

enum {
    OK = 0,
    BAD_REQUEST = 2,
    BUSY = 4,
    OUT_OF_RANGE = 5,
    RESERVED = 6,
    ALIGNMENT = 7,
    CHIP_ABSENT = 12,
    PROTECTED = 13,
    PROGRAM_FAILED = 15,
    NOT_ALLOWED = 19,
    BAD_SETTING = 23,
};

static struct rig rig;

static int setup(void **state)
{
    (void)state;
    rig_create(&rig, SIZE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

// SETTINGS; waits for a slow answer.
static uint16_t ask(const void *items, size_t length, struct ql_frame *answer)
{
    static struct ql_frame ignored;
    struct ql_frame *frame = answer ? answer : &ignored;
    rig_receive_frame(&rig, 0x13, 7, items, length);
    *frame = rig_wait(&rig, 0x93, 3000);
    assert_int_equal(frame->kind, 0x93);
    return ql_load_u16(frame->payload);
}

static uint16_t change(const char *items, size_t length)
{
    return ask(items, length, NULL);
}
#define CHANGE(items) change(items, sizeof(items) - 1)

static void expect_kept(const char *items, size_t length)
{
    struct ql_frame answer;
    assert_int_equal(ask(NULL, 0, &answer), OK);
    assert_int_equal(answer.length, 8 + length);
    assert_memory_equal(answer.payload + 8, items, length);
}
#define EXPECT_KEPT(items) expect_kept(items, sizeof(items) - 1)

static const struct settings *now(void)
{
    return server_settings(&rig.server);
}

static void expect_defaults(void)
{
    assert_int_equal(now()->boot_address, 0);
    assert_int_equal(now()->window_ms, 700);
    assert_int_equal(now()->attempts, 3);
    assert_true(now()->double_reset);
    assert_int_equal(now()->led, 1);
    assert_string_equal(now()->manufacturer, "");
    assert_string_equal(now()->product, "");
    assert_int_equal(now()->lowest_generation, 0);
    assert_int_equal(server_boot_address(&rig.server), AT);
}

static void without_a_change_all_is_as_by_default(void **state)
{
    (void)state;
    expect_defaults();
    EXPECT_KEPT("");
    assert_int_equal(rig.fake.low_programs, 0); // to ask writes nothing
}

static void each_setting_counts_at_once_and_after_a_reset(void **state)
{
    (void)state;
    assert_int_equal(CHANGE("\x01\x04\x00\x00\x30\x90\x02\x04\x2C\x01\x00\x00\x03\x01\x09"
                            "\x04\x01\x00\x05\x01\x02\x06\x04"
                            "ACME"
                            "\x07\x05"
                            "Bird~"),
                     OK);
    for (int start = 0; start < 2; start++) {
        assert_int_equal(now()->boot_address, 0x90300000);
        assert_int_equal(server_boot_address(&rig.server), 0x90300000);
        assert_int_equal(now()->window_ms, 300);
        assert_int_equal(now()->attempts, 9);
        assert_false(now()->double_reset);
        assert_int_equal(now()->led, 2);
        assert_string_equal(now()->manufacturer, "ACME");
        assert_string_equal(now()->product, "Bird~");
        rig_restart(&rig);
    }
    // An item of length 0 takes one away; the others stay.
    assert_int_equal(CHANGE("\x01\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00"), OK);
    EXPECT_KEPT("\x07\x05"
                "Bird~");
    assert_int_equal(CHANGE("\x07\x00\x05\x00"), OK);
    EXPECT_KEPT("");
    rig_restart(&rig);
    expect_defaults();
}

static void info_tells_what_is_kept_and_what_starts(void **state)
{
    (void)state;
    struct ql_frame answer;
    assert_int_equal(CHANGE("\x03\x01\x00\x01\x04\x00\x04\x50\x90"), OK);
    assert_int_equal(rig_request(&rig, 0x02, NULL, 0, &answer), OK);
    unsigned seen = 0;
    for (size_t at = 8; at < answer.length; at += 2u + answer.payload[at + 1]) {
        if (answer.payload[at] == 0x15) {
            assert_int_equal(answer.payload[at + 1], 9);
            assert_memory_equal(answer.payload + at + 2, "\x03\x01\x00\x01\x04\x00\x04\x50\x90", 9);
            seen++;
        } else if (answer.payload[at] == 0x0B) {
            assert_int_equal(ql_load_u32(answer.payload + at + 2), 0x90500400);
            seen++;
        }
    }
    assert_int_equal(seen, 2);
}

// What is refused changes nothing and writes nothing.
static void refused(const char *items, size_t length, uint16_t status, uint32_t detail)
{
    struct ql_frame answer;
    uint32_t programs = rig.fake.low_programs;
    assert_int_equal(ask(items, length, &answer), status);
    assert_int_equal(rig_word(&answer, 4), detail);
    assert_int_equal(answer.length, 8);
    assert_int_equal(rig.fake.low_programs, programs);
    EXPECT_KEPT("\x03\x01\x07");
}
#define REFUSED(items, status, detail) refused(items, sizeof(items) - 1, status, detail)

static void what_is_refused(void **state)
{
    (void)state;
    assert_int_equal(CHANGE("\x03\x01\x07"), OK);
    REFUSED("\x03", BAD_REQUEST, 0);
    REFUSED("\x03\x01\x08\x02", BAD_REQUEST, 3);
    REFUSED("\x03\x01\x08\x02\x04\x00\x00\x00", BAD_REQUEST, 3);
    REFUSED("\x03\x01\x08\xFF\x00", BAD_REQUEST, 3);
    REFUSED("\x03\x01\x08\x03\x01\x09", BAD_REQUEST, 3);
    REFUSED("\x03\x01\x08\x00\x01\x00", BAD_SETTING, 0);
    REFUSED("\x03\x01\x08\x09\x01\x00", BAD_SETTING, 9);
    REFUSED("\xFE\x01\x00", BAD_SETTING, 0xFE);
    REFUSED("\x03\x02\x08\x00", BAD_SETTING, 3);
    REFUSED("\x01\x03\x00\x00\x20", BAD_SETTING, 1);
    REFUSED("\x02\x04\x61\xEA\x00\x00", BAD_SETTING, 2); // 60001
    REFUSED("\x04\x01\x02", BAD_SETTING, 4);
    REFUSED("\x05\x01\x03", BAD_SETTING, 5);
    REFUSED("\x06\x02"
            "a\n",
            BAD_SETTING, 6);
    REFUSED("\x07\x02"
            "a\x7F",
            BAD_SETTING, 7);
    REFUSED("\x07\x21"
            "012345678901234567890123456789012",
            BAD_SETTING, 7);
    REFUSED("\x01\x04\x00\x02\x10\x90", ALIGNMENT, 0x90100200);
    REFUSED("\x01\x04\x00\xFC\x0F\x90", RESERVED, 0x900FFC00);
    REFUSED("\x01\x04\x00\x00\x00\x91", OUT_OF_RANGE, 0x91000000);
    REFUSED("\x01\x04\x00\x00\x00\x00", OUT_OF_RANGE, 0);
    REFUSED("\x08\x04\x02\x00\x00\x00", NOT_ALLOWED, 0); // the board is open
    REFUSED("\x08\x00", NOT_ALLOWED, 0);
}

static void the_ends_of_what_is_taken(void **state)
{
    (void)state;
    assert_int_equal(CHANGE("\x02\x04\x60\xEA\x00\x00"), OK); // 60000
    assert_int_equal(now()->window_ms, 60000);
    assert_int_equal(CHANGE("\x02\x04\x00\x00\x00\x00"), OK);
    assert_int_equal(now()->window_ms, 0);
    assert_int_equal(CHANGE("\x01\x04\x00\xFC\xFF\x90"), OK);
    assert_int_equal(CHANGE("\x07\x20"
                            "01234567890123456789012345678901"),
                     OK);
    assert_string_equal(now()->product, "01234567890123456789012345678901");
    assert_int_equal(CHANGE("\x06\x01"
                            " "),
                     OK);
    static const uint8_t long_one[241] = {0x07};
    assert_int_equal(ask(long_one, 241, NULL), BAD_REQUEST);
}

// A log that a later bootloader wrote: settings 60 and 61 are its own, number 5 has a value that it
// knows and this one does not.
static void put_log(const char *items, size_t length)
{
    uint8_t *log = rig.fake.array + 0xF0000;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *page = log + 256 * i;
        memset(page, 0xFF, 256);
        memcpy(page, "QDLR", 4);
        ql_store_u32(page + 4, i);
        memcpy(page + 8, i == 0 ? "\x01\x01\x01\x00" : "\x01\x05\x00\x00", 4);
        if (i == 0)
            memset(page + 12, 0, 52);
        else
            memcpy(page + 12, items, length);
        uint32_t crc = UINT32_MAX;
        for (unsigned at = 0; at < 252; at++) {
            crc ^= page[at];
            for (int bit = 0; bit < 8; bit++)
                crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
        ql_store_u32(page + 252, ~crc);
    }
    rig_restart(&rig);
}
#define PUT_LOG(items) put_log(items, sizeof(items) - 1)

static void what_this_bootloader_does_not_know_is_kept(void **state)
{
    (void)state;
    PUT_LOG("\x60\x02xy\x05\x01\x09\x61\x00\x03\x01\x04");
    assert_int_equal(now()->led, 1);
    assert_int_equal(now()->attempts, 4);
    EXPECT_KEPT("\x60\x02xy\x05\x01\x09\x61\x00\x03\x01\x04");
    assert_int_equal(CHANGE("\x03\x01\x06"), OK);
    rig_restart(&rig);
    EXPECT_KEPT("\x60\x02xy\x05\x01\x09\x61\x00\x03\x01\x06");
    // It may be taken away by its tag.
    assert_int_equal(CHANGE("\x60\x00"), OK);
    EXPECT_KEPT("\x05\x01\x09\x61\x00\x03\x01\x06");
}

static void wrong_values_in_the_log_count_as_the_default(void **state)
{
    (void)state;
    PUT_LOG("\x01\x02\x00\x00\x02\x04\xFF\xFF\xFF\xFF\x03\x02\x05\x05\x04\x01\x07\x06\x02"
            "a\x01");
    expect_defaults();
    PUT_LOG("\x03\x01\x05\x02\xFF\x01"); // the second item is longer than the record
    assert_int_equal(now()->attempts, 5);
    assert_int_equal(now()->window_ms, 700);
    EXPECT_KEPT("\x03\x01\x05");
}

static void no_more_than_fits_into_a_record(void **state)
{
    (void)state;
    char items[234] = "\x70\xE8"; // 232 bytes of a later bootloader's
    struct ql_frame answer;
    put_log(items, sizeof items);
    assert_int_equal(ask("\x02\x04\x00\x00\x00\x00\x03\x01\x05", 9, &answer), BAD_SETTING);
    assert_int_equal(rig_word(&answer, 4), 3);
    assert_int_equal(now()->window_ms, 700);
    assert_int_equal(CHANGE("\x02\x04\x00\x00\x00\x00"), OK); // fills it to the last byte
    assert_int_equal(ask(NULL, 0, &answer), OK);
    assert_int_equal(answer.length, 8 + 240);
    rig_restart(&rig);
    assert_int_equal(now()->window_ms, 0);
}

static void every_change_is_written_also_if_it_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(CHANGE("\x03\x01\x05"), OK);
    uint32_t programs = rig.fake.low_programs;
    assert_int_equal(CHANGE("\x03\x01\x05"), OK);
    assert_int_equal(rig.fake.low_programs, programs + 1);
}

static void not_while_an_update_is_open(void **state)
{
    (void)state;
    static const uint8_t bytes[4096] = {0, 0, 2, 0x24, 1, 2, 0x10, 0x90};
    assert_int_equal(rig_begin(&rig, 99, AT, bytes, sizeof bytes, 1), OK);
    struct ql_frame answer;
    assert_int_equal(ask("\x03\x01\x05", 3, &answer), BUSY);
    assert_int_equal(rig_word(&answer, 4), 99);
    rig_erase(&rig, 99, 0, AT, 4096);
    rig_write(&rig, 99, 1, AT, bytes, 4096);
    assert_int_equal(rig_end(&rig, 99, 2, 2000), OK);
    assert_int_equal(CHANGE("\x03\x01\x05"), OK);
}

static void the_chip_says_no(void **state)
{
    (void)state;
    struct ql_frame answer;
    assert_int_equal(CHANGE("\x03\x01\x05"), OK);
    rig.fake.program_leaves_bit = true;
    rig.fake.fault_first = 0xF0000;
    rig.fake.fault_end = 0x100000;
    assert_int_equal(CHANGE("\x03\x01\x06"), PROGRAM_FAILED);
    EXPECT_KEPT("\x03\x01\x05");
    rig.fake.program_leaves_bit = false;
    // Protected for good; then so that it can be taken away.
    rig.fake.status[0] = 0x1C;
    rig.fake.status_locked = true;
    rig_restart(&rig);
    assert_int_equal(ask("\x03\x01\x06", 3, &answer), PROTECTED);
    EXPECT_KEPT("\x03\x01\x05");
    rig.fake.status_locked = false;
    rig_restart(&rig);
    assert_int_equal(CHANGE("\x03\x01\x06"), OK);
    EXPECT_KEPT("\x03\x01\x06");
    rig.fake.absent = true;
    rig_restart(&rig);
    assert_int_equal(CHANGE("\x03\x01\x07"), CHIP_ABSENT);
    EXPECT_KEPT("");
    expect_defaults();
}

// A line that is lost takes the answer away, not the change; and the next request waits for it.
static void a_lost_line_in_the_middle(void **state)
{
    (void)state;
    for (uint32_t us = 0; us < 3000; us += 50) {
        char items[] = "\x03\x01\x00";
        items[2] = (char)(us / 50 + 1);
        rig_receive_frame(&rig, 0x13, 1, items, 3);
        rig_run(&rig);
        for (uint32_t passed = 0; passed < us; passed += 50) {
            fake_nor_pass_us(&rig.fake, 50);
            server_run(&rig.server);
        }
        server_line_reset(&rig.server);
        rig.out_length = rig.out_used = 0;
        uint8_t read[8] = {0, 0, 0x10, 0x90, 4};
        assert_int_equal(rig_request(&rig, 0x04, read, 8, NULL), OK);
        rig_run_ms(&rig, 100);
        uint8_t held = now()->attempts;
        assert_true(held == (uint8_t)items[2] || us == 0);
        EXPECT_KEPT(items);
        rig_restart(&rig);
        assert_int_equal(now()->attempts, held);
    }
}

static void the_vectors(void **state)
{
    (void)state;
    rig_receive_vector(&rig, "settings_request");
    rig_run_ms(&rig, 100);
    rig_expect_vector(&rig, "settings_answer");
}

// A host that has lost the answer asks again while the record is being written.
static void a_repetition_is_written_once(void **state)
{
    (void)state;
    assert_int_equal(CHANGE("\x03\x01\x05"), OK);
    uint32_t programs = rig.fake.low_programs;
    rig_receive_frame(&rig, 0x13, 9, "\x03\x01\x06", 3);
    rig_run(&rig);
    rig_receive_frame(&rig, 0x13, 9, "\x03\x01\x06", 3);
    assert_int_equal(rig_wait(&rig, 0x93, 1000).kind, 0x93);
    rig_run_ms(&rig, 100);
    assert_int_equal(rig_next(&rig).kind, 0);
    assert_int_equal(rig.fake.low_programs, programs + 1);
}

#define SETTINGS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS_TEST(without_a_change_all_is_as_by_default),
        SETTINGS_TEST(each_setting_counts_at_once_and_after_a_reset),
        SETTINGS_TEST(info_tells_what_is_kept_and_what_starts),
        SETTINGS_TEST(what_is_refused),
        SETTINGS_TEST(the_ends_of_what_is_taken),
        SETTINGS_TEST(what_this_bootloader_does_not_know_is_kept),
        SETTINGS_TEST(wrong_values_in_the_log_count_as_the_default),
        SETTINGS_TEST(no_more_than_fits_into_a_record),
        SETTINGS_TEST(every_change_is_written_also_if_it_changes_nothing),
        SETTINGS_TEST(not_while_an_update_is_open),
        SETTINGS_TEST(the_chip_says_no),
        SETTINGS_TEST(a_lost_line_in_the_middle),
        SETTINGS_TEST(a_repetition_is_written_once),
        SETTINGS_TEST(the_vectors),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
