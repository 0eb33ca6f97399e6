// The bootloader's own flash: which images are taken, what lowers the lock, which requests reach
// the option bytes (SPEC.md section 18).
//
// Images are made here, field by field as the section says.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/bytes.h"
#include "abi/crc32.h"
#include "tests/unit/rig.h"

#define SIZE   0x1000000u
#define SECTOR 131072u
#define LENGTH 0x1234u

enum { NOT_A_BOOTLOADER = 27, LOWERS_LOCK = 28, OPTIONS_FAILED = 29 };

static struct rig rig;
static uint8_t image[SECTOR], running[SECTOR], staging[SECTOR];
static const uint8_t vendor[32] = "the vendor's public key ........";

// The option bytes of a microcontroller.
static struct {
    struct bootloader_protection protection;
    enum bootloader_change state; // of the last change
    unsigned changes;
    enum ql_protect what;
    bool stubborn; // changes fail
} chip;

static struct bootloader_protection chip_protection(void *context)
{
    (void)context;
    return chip.protection;
}

static void chip_change(void *context, enum ql_protect what)
{
    (void)context;
    chip.changes++;
    chip.what = what;
    chip.state = BOOTLOADER_CHANGING;
}

static enum bootloader_change chip_change_state(void *context)
{
    (void)context;
    return chip.state;
}

static const struct bootloader_flash flash = {.bytes = running,
                                              .staging = staging,
                                              .protection = chip_protection,
                                              .change = chip_change,
                                              .change_state = chip_change_state};

static bool never(const uint8_t signature[64], const uint8_t *message, size_t length,
                  const uint8_t key[32])
{
    (void)signature, (void)message, (void)length, (void)key;
    return false;
}

static const struct lock_policy locked = {vendor, 3, never};

static void seal(uint8_t *bytes, uint32_t length)
{
    ql_store_u32(bytes + 0x2C0 + 12, length);
    ql_store_u32(bytes + 0x2C0 + 16, 0);
    ql_store_u32(bytes + 0x2C0 + 16, ql_crc32(0, bytes, length));
}

// A bootloader for the rig's board.
static void image_make(uint32_t length)
{
    uint8_t *marker = image + 0x2C0;
    for (uint32_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(i * 7 + i / 251);
    ql_store_u32(image, 0x20002000);
    ql_store_u32(image + 4, 0x08000401);
    memset(marker, 0, 128);
    memcpy(marker, "QDLB\x01\x00\x80\x00\x00\x00\x00\x08", 12);
    memcpy(marker + 20, "0.2.0", 5);
    memcpy(marker + 32, "h750_w25q128", 12);
    seal(image, length);
}

static void image_lock(uint32_t generation, const uint8_t key[32])
{
    ql_store_u32(image + 0x2C0 + 64, 1);
    ql_store_u32(image + 0x2C0 + 68, generation);
    memcpy(image + 0x2C0 + 72, key, 32);
    seal(image, LENGTH);
}

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

extern const struct lock_policy lock_policy;

static int setup(void **state)
{
    (void)state;
    fake_nor_reset(&rig.fake);
    rig.flash = &flash;
    rig.policy = &lock_policy;
    rig_restart(&rig);
    chip.protection = (struct bootloader_protection){.options = 0x0006AAD0, .read = 0xAA};
    chip.state = BOOTLOADER_CHANGED;
    chip.changes = 0;
    memset(running, 0xFF, sizeof running);
    memset(staging, 0xA5, sizeof staging);
    image_make(LENGTH);
    return 0;
}

// A key that permits everything, without the trouble of one.
static void unlock(void)
{
    rig.server.lock.permissions = UINT32_MAX;
}

static void stage_image(uint32_t length)
{
    memcpy(staging, image, length);
}

// REPLACE; returns the status, and detail or content.
static uint16_t replace(uint32_t length, uint32_t flags, uint32_t *word)
{
    uint8_t payload[40];
    struct ql_frame answer;
    ql_store_u32(payload, length);
    ql_store_u32(payload + 4, flags);
    rig_sha256(image, length < SECTOR ? length : SECTOR, payload + 8);
    uint16_t status = rig_request(&rig, 0x17, payload, sizeof payload, &answer);
    assert_int_equal(answer.length, status == 0 ? 12 : 8);
    *word = rig_word(&answer, status == 0 ? 8 : 4);
    return status;
}

static void expect_action(enum server_action_kind kind)
{
    assert_int_equal(server_action(&rig.server).kind, kind);
}

static void a_right_image_is_taken(void **state)
{
    (void)state;
    uint32_t word;
    stage_image(LENGTH);
    assert_int_equal(replace(LENGTH, 2, &word), 0);
    assert_int_equal(word, 1);
    expect_action(SERVER_ACT_NOT);
    assert_int_equal(replace(LENGTH, 0, &word), 0);
    assert_int_equal(word, 1);
    expect_action(SERVER_ACT_REPLACE);
    assert_int_equal(server_action(&rig.server).length, LENGTH);
    // What was checked stays what it is.
    static const uint8_t write[16] = {0x00, 0x00, 0x06, 0x24, 8};
    assert_int_equal(rig_request(&rig, 0x14, write, sizeof write, NULL), 4);
    assert_int_equal(rig_request(&rig, 0x03, NULL, 0, NULL), 4);
    expect_action(SERVER_ACT_REPLACE);
}

static void the_same_bytes_change_nothing(void **state)
{
    (void)state;
    uint32_t word;
    memcpy(running, image, LENGTH);
    stage_image(LENGTH);
    assert_int_equal(replace(LENGTH, 0, &word), 0);
    assert_int_equal(word, 0);
    expect_action(SERVER_ACT_NOT);
    running[LENGTH - 1] ^= 1;
    assert_int_equal(replace(LENGTH, 2, &word), 0);
    assert_int_equal(word, 1);
}

static void expect_refused(uint32_t length, uint16_t status, uint32_t detail)
{
    uint32_t word;
    stage_image(length);
    assert_int_equal(replace(length, 0, &word), status);
    assert_int_equal(word, detail);
    expect_action(SERVER_ACT_NOT);
}

static void each_field_of_the_marker_counts(void **state)
{
    (void)state;
    static const struct {
        uint32_t at, detail;
        uint8_t flip;
    } faults[] = {
        {0x2C0, 0x2C0, 1},
        {0x2C4, 0x2C4, 3},
        {0x2C6, 0x2C6, 1},
        {0x2C8, 0x2C8, 4},
        {0x2C0 + 31, 0x2C0 + 20, 'x'}, // the version fills its field
        {0x2C0 + 32, 0x2C0 + 32, 1},   // another board
        {0x2C0 + 44, 0x2C0 + 32, '_'}, // a longer name
        {0x2C0 + 60, 0x2C0 + 32, 1},   // something behind the zero
        {0x2C0 + 64, 0x2C0 + 64, 2},   // a lock of a kind that is not known
        {0x2C0 + 68, 0x2C0 + 68, 1},   // open, with a generation
        {0x2C0 + 103, 0x2C0 + 68, 1},  // open, with a key
        {0x2C0 + 127, 0x2C0 + 104, 1},
        {2, 0, 4}, // the stack in no RAM
        {0, 0, 1}, // not aligned
        {4, 4, 1}, // no Thumb
        {6, 4, 1}, // the entry behind the image
    };
    for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        image_make(LENGTH);
        image[faults[i].at] ^= faults[i].flip;
        seal(image, LENGTH);
        expect_refused(LENGTH, NOT_A_BOOTLOADER, faults[i].detail);
    }
    image_make(LENGTH);
    image[0x1000] ^= 0x10;
    expect_refused(LENGTH, NOT_A_BOOTLOADER, 0x2C0 + 16); // the CRC
    static const uint32_t stacks[] = {0x20000000, 0x20020004, 0x24080000};
    for (unsigned i = 0; i < sizeof stacks / sizeof stacks[0]; i++) {
        image_make(LENGTH);
        ql_store_u32(image, stacks[i]);
        seal(image, LENGTH);
        expect_refused(LENGTH, NOT_A_BOOTLOADER, 0);
    }
    image_make(LENGTH);
    expect_refused(LENGTH - 4, NOT_A_BOOTLOADER, 0x2C0 + 12); // cut
    expect_refused(LENGTH + 4, NOT_A_BOOTLOADER, 0x2C0 + 12);
}

static void what_was_announced_must_be_there(void **state)
{
    (void)state;
    uint32_t word;
    stage_image(LENGTH);
    staging[100] ^= 1;
    assert_int_equal(replace(LENGTH, 0, &word), 16); // VERIFY
    expect_action(SERVER_ACT_NOT);
    static const uint32_t lengths[] = {0, 0x33C, 0x342, SECTOR + 4, UINT32_MAX};
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        assert_int_equal(replace(lengths[i], 0, &word), 2);
        assert_int_equal(word, 0);
    }
    assert_int_equal(replace(LENGTH, 4, &word), 2);
    assert_int_equal(word, 4);
    image_make(SECTOR);
    stage_image(SECTOR);
    assert_int_equal(replace(SECTOR, 2, &word), 0);
    image_make(0x340);
    ql_store_u32(image + 4, 0x08000101);
    seal(image, 0x340);
    stage_image(0x340);
    assert_int_equal(replace(0x340, 2, &word), 0);
}

static void what_lowers_the_lock(void **state)
{
    (void)state;
    static const uint8_t other[32] = "somebody else's public key .....";
    static const struct {
        uint32_t generation;
        const uint8_t *key;
        uint32_t detail; // 0: taken
    } images[] = {{0, NULL, 0x2C0 + 64},
                  {3, other, 0x2C0 + 72},
                  {2, vendor, 0x2C0 + 68},
                  {3, vendor, 0},
                  {4, vendor, 0}};
    for (unsigned i = 0; i < sizeof images / sizeof images[0]; i++) {
        uint32_t word;
        image_make(LENGTH);
        if (images[i].key)
            image_lock(images[i].generation, images[i].key);
        rig.policy = &locked;
        rig_restart(&rig);
        unlock();
        stage_image(LENGTH);
        assert_int_equal(replace(LENGTH, 2, &word), images[i].detail ? LOWERS_LOCK : 0);
        if (images[i].detail)
            assert_int_equal(word, images[i].detail);
        assert_int_equal(replace(LENGTH, 1 | 2, &word), 0);
        rig.policy = &lock_policy; // an open board takes each
        rig_restart(&rig);
        assert_int_equal(replace(LENGTH, 2, &word), 0);
    }
}

static void a_protected_sector_stays(void **state)
{
    (void)state;
    chip.protection.write = true;
    expect_refused(LENGTH, 13, 0x08000000);
}

static uint16_t protect(uint32_t what, uint32_t check, struct ql_frame *answer)
{
    uint8_t payload[8];
    ql_store_u32(payload, what);
    ql_store_u32(payload + 4, check);
    return rig_request(&rig, 0x16, payload, 8, answer);
}

// Sends PROTECT and lets the option bytes change when asked to.
static uint16_t protect_and_change(uint32_t what, struct bootloader_protection then,
                                   enum bootloader_change state, struct ql_frame *answer)
{
    uint8_t payload[8];
    ql_store_u32(payload, what);
    ql_store_u32(payload + 4, 0x544F5250);
    rig_receive_frame(&rig, 0x16, 9, payload, 8);
    rig_run_ms(&rig, 200);
    assert_int_equal(rig_next(&rig).kind, 0);
    chip.protection = then;
    chip.state = state;
    *answer = rig_wait(&rig, 0x96, 100);
    assert_int_equal(answer->kind, 0x96);
    return (uint16_t)rig_word(answer, 0);
}

static void protection_is_changed(void **state)
{
    (void)state;
    struct ql_frame answer;
    struct bootloader_protection then = {.options = 0x000655D0, .read = 0x55};
    assert_int_equal(protect_and_change(1, then, BOOTLOADER_CHANGED, &answer), 0);
    assert_int_equal(answer.length, 8 + 4);
    static const uint8_t value[4] = {0x55, 0, 0, 0};
    assert_memory_equal(answer.payload + 8, value, 4);
    then.write = true;
    assert_int_equal(protect_and_change(2, then, BOOTLOADER_CHANGED, &answer), 0);
    assert_int_equal(answer.payload[9], 1);
    // What is so already is not done again.
    unsigned changes = chip.changes;
    assert_int_equal(protect(1, 0x544F5250, &answer), 0);
    assert_int_equal(protect(2, 0x544F5250, &answer), 0);
    assert_int_equal(chip.changes, changes);
    then.write = false;
    assert_int_equal(protect_and_change(3, then, BOOTLOADER_CHANGED, &answer), 0);
    assert_int_equal(answer.payload[9], 0);
    assert_int_equal(chip.changes, 3);
}

static void a_change_that_fails(void **state)
{
    (void)state;
    struct ql_frame answer;
    struct bootloader_protection same = chip.protection;
    same.options |= 1u << 30;
    assert_int_equal(protect_and_change(2, same, BOOTLOADER_NOT_CHANGED, &answer), OPTIONS_FAILED);
    assert_int_equal(rig_word(&answer, 4), same.options);
    // Ended well, it seems, and is not so.
    chip.protection.options = 0x0006AAD0;
    assert_int_equal(protect_and_change(2, chip.protection, BOOTLOADER_CHANGED, &answer),
                     OPTIONS_FAILED);
    // Never ends.
    uint8_t payload[8] = {2, 0, 0, 0, 'P', 'R', 'O', 'T'};
    rig_receive_frame(&rig, 0x16, 9, payload, 8);
    rig_run_ms(&rig, 9900);
    assert_int_equal(rig_next(&rig).kind, 0);
    answer = rig_wait(&rig, 0x96, 200);
    assert_int_equal(rig_word(&answer, 0), OPTIONS_FAILED);
    assert_int_equal(protect(2, 0x544F5250, &answer), 4); // still under way
}

static void what_is_not_allowed(void **state)
{
    (void)state;
    struct ql_frame answer;
    uint32_t word;
    chip.protection.debugger = true;
    assert_int_equal(protect(1, 0x544F5250, &answer), 19);
    assert_int_equal(rig_word(&answer, 4), 1);
    chip.protection.read = 0xCC;
    for (uint32_t what = 2; what <= 3; what++) {
        chip.protection.write = what == 3;
        assert_int_equal(protect(what, 0x544F5250, &answer), 19);
        assert_int_equal(rig_word(&answer, 4), 2);
    }
    assert_int_equal(chip.changes, 0);
    rig.flash = NULL;
    rig_restart(&rig);
    assert_int_equal(protect(1, 0x544F5250, &answer), 19);
    assert_int_equal(replace(LENGTH, 0, &word), 19);
}

// Nothing that comes asks the microcontroller for anything but the three changes.
static void only_three_things_can_be_asked_for(void **state)
{
    (void)state;
    struct ql_frame answer;
    uint32_t random = 0x51EA5EED;
    for (uint32_t i = 0; i < 70000; i++) {
        uint32_t what = i < 65536 ? i : random;
        random = random * 1664525 + 1013904223;
        if (what >= 1 && what <= 3)
            continue;
        assert_int_equal(protect(what, 0x544F5250, &answer), 2);
        assert_int_equal(rig_word(&answer, 4), 0);
    }
    for (uint32_t what = 1; what <= 3; what++) {
        assert_int_equal(protect(what, 0x544F5251, &answer), 2);
        assert_int_equal(rig_word(&answer, 4), 4);
        assert_int_equal(protect(what, 0, &answer), 2);
    }
    assert_int_equal(chip.changes, 0);
}

static void an_open_update_comes_first(void **state)
{
    (void)state;
    struct ql_frame answer;
    uint32_t word;
    assert_int_equal(rig_begin(&rig, 5, 0x90100000, image, 4096, 0), 0);
    assert_int_equal(protect(2, 0x544F5250, &answer), 4);
    assert_int_equal(rig_word(&answer, 4), 5);
    assert_int_equal(replace(LENGTH, 0, &word), 4);
    assert_int_equal(word, 5);
    assert_int_equal(chip.changes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_right_image_is_taken, setup),
        cmocka_unit_test_setup(the_same_bytes_change_nothing, setup),
        cmocka_unit_test_setup(each_field_of_the_marker_counts, setup),
        cmocka_unit_test_setup(what_was_announced_must_be_there, setup),
        cmocka_unit_test_setup(what_lowers_the_lock, setup),
        cmocka_unit_test_setup(a_protected_sector_stays, setup),
        cmocka_unit_test_setup(protection_is_changed, setup),
        cmocka_unit_test_setup(a_change_that_fails, setup),
        cmocka_unit_test_setup(what_is_not_allowed, setup),
        cmocka_unit_test_setup(only_three_things_can_be_asked_for, setup),
        cmocka_unit_test_setup(an_open_update_comes_first, setup),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("bootloader", tests, create, destroy);
}
