// The lock: what a locked board refuses, which keys open it, and for how long (SPEC.md section 13).
//
// Keys are made here with libsodium's signatures, byte by byte as the section says.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "abi/bytes.h"
#include "tests/unit/rig.h"

#define SIZE 0x1000000u
#define AT   0x90100000u

enum { GENERATION = 24, LOCKED = 30, BAD_KEY = 31, EXPIRED = 32, WAIT = 33 };

static struct rig rig;
static uint8_t *before; // the chip, before a test
static uint8_t public_key[32], secret[64], other_secret[64];
static unsigned verified;

static bool verify(const uint8_t signature[64], const uint8_t *message, size_t length,
                   const uint8_t key[32])
{
    verified++;
    return crypto_sign_verify_detached(signature, message, length, key) == 0;
}

static const struct lock_policy policy = {public_key, 3, verify};

static int create(void **state)
{
    (void)state;
    uint8_t ignored[32];
    crypto_sign_seed_keypair(public_key, secret,
                             (const uint8_t *)"the vendor's seed, 32 bytes ....");
    crypto_sign_seed_keypair(ignored, other_secret,
                             (const uint8_t *)"somebody else's seed, 32 bytes .");
    rig_create(&rig, SIZE);
    before = malloc(SIZE);
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    free(before);
    rig_destroy(&rig);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    fake_nor_reset(&rig.fake);
    rig.fake.allowed_first = 0xF0000;
    memset(rig.fake.array, 0xFF, 0x200000);
    memcpy(rig.fake.array + 0x100000, "\x04\x03\x02\x20\x01\x00\x00\x00secret", 14);
    memcpy(before, rig.fake.array, SIZE);
    rig.policy = &policy;
    rig.facts.uid[0] = 0x003A0042;
    memset(&rig.lock_memory, 0xA5, sizeof rig.lock_memory);
    rig_restart(&rig);
    return 0;
}

// A reset of the microcontroller: the chip stays as it is, its window closes.
static void board_reset(void)
{
    rig.fake.bus.unmap(rig.fake.bus.context);
    rig_restart(&rig);
}

struct terms {
    uint32_t permissions, generation, not_after;
};

static const struct terms everything = {UINT32_MAX, 3, 0};

// UNLOCK's payload: today, terms, and the signature over domain, board id and terms.
static void key_make(uint8_t payload[84], const uint8_t *signer, const uint32_t uid[3],
                     struct terms terms, uint32_t today)
{
    uint8_t message[16 + 32 + 16], text[20 + 1 + 12] = "quadlane board id v1";
    for (unsigned i = 0; i < 3; i++)
        ql_store_u32(text + 21 + 4 * i, uid[i]);
    memcpy(message, "quadlane key v1", 16);
    crypto_hash_sha256(message + 16, text, sizeof text);
    memset(payload, 0, 84);
    ql_store_u32(payload, today);
    payload[4] = 1;
    ql_store_u32(payload + 8, terms.permissions);
    ql_store_u32(payload + 12, terms.generation);
    ql_store_u32(payload + 16, terms.not_after);
    memcpy(message + 48, payload + 4, 16);
    crypto_sign_detached(payload + 20, NULL, message, sizeof message, signer);
}

static uint16_t unlock(const uint8_t payload[84], uint32_t *detail)
{
    struct ql_frame answer;
    uint16_t status = rig_request(&rig, 0x09, payload, 84, &answer);
    if (detail)
        *detail = rig_word(&answer, 4);
    assert_int_equal(answer.length, status == 0 ? 12 : 8);
    return status;
}

static uint16_t unlock_with(struct terms terms, uint32_t today, uint32_t *detail)
{
    uint8_t payload[84];
    key_make(payload, secret, rig.facts.uid, terms, today);
    return unlock(payload, detail);
}

static uint16_t request_pair(uint8_t kind, uint32_t first, uint32_t second, struct ql_frame *answer)
{
    uint8_t payload[8];
    ql_store_u32(payload, first);
    ql_store_u32(payload + 4, second);
    return rig_request(&rig, kind, payload, 8, answer);
}

static uint32_t capabilities(void)
{
    static const uint8_t hello[8] = {1, 0, 1, 0};
    struct ql_frame answer;
    assert_int_equal(rig_request(&rig, 0x01, hello, 8, &answer), 0);
    return rig_word(&answer, 8 + 8);
}

static void chip_is_as_before(void)
{
    assert_memory_equal(rig.fake.array, before, SIZE);
}

static void every_request_while_locked(void **state)
{
    (void)state;
    static const uint8_t free_kinds[] = {1, 2, 3, 7, 8, 9};
    static const size_t lengths[] = {0, 4, 8, 60, 84, 300, 4112};
    uint8_t payload[4112] = {0};
    // Something that would work: an address, a length.
    ql_store_u32(payload, AT);
    ql_store_u32(payload + 4, 64);
    for (unsigned kind = 1; kind < 0x40; kind++) {
        if (memchr(free_kinds, (int)kind, sizeof free_kinds))
            continue;
        for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            struct ql_frame answer;
            assert_int_equal(rig_request(&rig, (uint8_t)kind, payload, lengths[i], &answer),
                             LOCKED);
            assert_int_equal(answer.length, 8);
            assert_true(rig_word(&answer, 4) != 0);
        }
    }
    for (unsigned kind = 0x40; kind <= 0x100; kind++) {
        for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
            rig_receive_frame(&rig, (uint8_t)kind, 0, payload, lengths[i]);
        rig_run_ms(&rig, 1);
        assert_int_equal(rig_next(&rig).kind, 0);
    }
    assert_int_equal(rig.server.update.state, QL_UPDATE_NONE);
    assert_int_equal(server_action(&rig.server).kind, SERVER_ACT_NOT);
    chip_is_as_before();
}

static void a_locked_board_tells_who_it_is_and_no_more(void **state)
{
    (void)state;
    struct ql_frame answer;
    uint8_t fingerprint[32], text[18 + 1 + 32] = "quadlane issuer v1";
    memcpy(text + 19, public_key, 32);
    crypto_hash_sha256(fingerprint, text, sizeof text);
    assert_int_equal(capabilities() & 0x100, 0x100);
    assert_int_equal(rig_request(&rig, 0x02, NULL, 0, &answer), 0);
    // board name, version, board id (of the unique id that the vectors have), lock
    static const uint8_t id_start[] = {0x18, 32, 0x24, 0xC4, 0xF7, 0xF3, 0xC7, 0x83, 0xD4, 0x04};
    const uint8_t *at = answer.payload + 8;
    assert_memory_equal(at,
                        "\x01\x0Ch750_w25q128\x02\x05"
                        "0.1.0",
                        21);
    assert_memory_equal(at + 21, id_start, sizeof id_start);
    assert_memory_equal(at + 55, "\x19\x1C\x01\0\0\0\0\0\0\0\x03\0\0\0", 14);
    assert_memory_equal(at + 69, fingerprint, 16);
    assert_int_equal(answer.length, 8 + 69 + 16);

    assert_int_equal(unlock_with(everything, 0, NULL), 0);
    assert_int_equal(capabilities() & 0x100, 0);
    assert_int_equal(rig_request(&rig, 0x02, NULL, 0, &answer), 0);
    assert_memory_equal(answer.payload + 8 + 55, "\x19\x1C\x02\0\0\0\xFF\xFF\xFF\xFF\x03\0\0\0",
                        14);
    assert_true(answer.length > 150);
}

static void boot_and_reset_stay_possible_and_tell_no_word_of_the_chip(void **state)
{
    (void)state;
    struct ql_frame answer;
    assert_int_equal(request_pair(0x07, 0, 0, &answer), 8);
    assert_int_equal(rig_word(&answer, 4), 0);
    assert_int_equal(request_pair(0x07, AT + 4096, 0, &answer), 10);
    ql_store_u32(rig.fake.array + 0x100000, 0x20020000);
    assert_int_equal(request_pair(0x07, AT, 0, &answer), 9);
    assert_int_equal(rig_word(&answer, 4), 0);
    assert_int_equal(unlock_with(everything, 0, NULL), 0);
    assert_int_equal(request_pair(0x07, AT, 0, &answer), 9);
    assert_int_equal(rig_word(&answer, 4), 1);
    for (uint32_t mode = 0; mode < 2; mode++) {
        uint8_t payload[4];
        board_reset();
        ql_store_u32(payload, mode);
        assert_int_equal(rig_request(&rig, 0x08, payload, 4, NULL), 0);
        assert_int_equal(server_action(&rig.server).kind,
                         mode ? SERVER_ACT_RESET_STAY : SERVER_ACT_RESET);
    }
}

static void an_unlock_lasts_until_reset_or_unplug_and_the_key_works_again(void **state)
{
    (void)state;
    uint8_t key[84];
    key_make(key, secret, rig.facts.uid, everything, 20000);
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(request_pair(0x04, AT, 16, NULL), LOCKED);
        assert_int_equal(unlock(key, NULL), 0);
        struct ql_frame answer;
        assert_int_equal(request_pair(0x04, AT, 16, &answer), 0);
        assert_memory_equal(answer.payload + 8, before + 0x100000, 16);
        assert_int_equal(request_pair(0x05, AT, 16, NULL), 0);
        assert_int_equal(request_pair(0x06, AT, 1, NULL), 0);
        assert_int_equal(rig_request(&rig, 0x3F, NULL, 0, NULL), 1);
        if (round % 2)
            board_reset();
        else
            server_line_reset(&rig.server);
    }
}

static void every_bit_of_a_key_counts(void **state)
{
    (void)state;
    uint8_t key[84];
    key_make(key, secret, rig.facts.uid, everything, 0);
    for (unsigned bit = 4 * 8; bit < 84 * 8; bit++) {
        memset(&rig.lock_memory, 0, sizeof rig.lock_memory);
        board_reset();
        key[bit / 8] = (uint8_t)(key[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(unlock(key, NULL), BAD_KEY);
        key[bit / 8] = (uint8_t)(key[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(request_pair(0x04, AT, 16, NULL), LOCKED);
    }
    rig_run_ms(&rig, 1000);
    assert_int_equal(unlock(key, NULL), 0);
}

static void keys_of_others_and_cut_ones(void **state)
{
    (void)state;
    uint8_t key[84];
    const uint32_t other[3] = {0x003A0043, rig.facts.uid[1], rig.facts.uid[2]};
    key_make(key, secret, other, everything, 0);
    assert_int_equal(unlock(key, NULL), BAD_KEY);
    rig_run_ms(&rig, 1000);
    key_make(key, other_secret, rig.facts.uid, everything, 0);
    assert_int_equal(unlock(key, NULL), BAD_KEY);
    rig_run_ms(&rig, 2000);
    key_make(key, secret, rig.facts.uid, everything, 0);
    for (size_t length = 0; length < 84; length++)
        assert_int_equal(rig_request(&rig, 0x09, key, length, NULL), 2);
    assert_int_equal(request_pair(0x04, AT, 16, NULL), LOCKED);
    // The other board takes what was not for this one.
    rig.facts.uid[0] = other[0];
    board_reset();
    rig_run_ms(&rig, 2000);
    assert_int_equal(unlock(key, NULL), BAD_KEY);
    rig_run_ms(&rig, 4000);
    key_make(key, secret, other, everything, 0);
    assert_int_equal(unlock(key, NULL), 0);
}

static void generation_and_date(void **state)
{
    (void)state;
    uint32_t detail;
    assert_int_equal(unlock_with((struct terms){UINT32_MAX, 2, 0}, 0, &detail), EXPIRED);
    assert_int_equal(detail, 3);
    assert_int_equal(unlock_with((struct terms){UINT32_MAX, 0, 0}, 0, &detail), EXPIRED);
    assert_int_equal(unlock_with((struct terms){UINT32_MAX, 3, 20000}, 20001, &detail), EXPIRED);
    assert_int_equal(detail, 0);
    assert_int_equal(request_pair(0x04, AT, 16, NULL), LOCKED);
    // Right keys, though too old, are no wrong ones: nothing has to be waited for.
    assert_int_equal(unlock_with((struct terms){UINT32_MAX, 3, 20000}, 20000, NULL), 0);
    assert_int_equal(unlock_with((struct terms){UINT32_MAX, UINT32_MAX, 1}, 0, NULL), 0);
    // An expired one takes nothing away.
    assert_int_equal(unlock_with((struct terms){UINT32_MAX, 2, 0}, 0, NULL), EXPIRED);
    assert_int_equal(request_pair(0x04, AT, 16, NULL), 0);
}

static void a_key_permits_what_it_says(void **state)
{
    (void)state;
    struct ql_frame answer;
    uint8_t byte = 0;
    assert_int_equal(unlock_with((struct terms){1, 3, 0}, 0, NULL), 0);
    assert_int_equal(request_pair(0x04, AT, 16, NULL), 0);
    assert_int_equal(rig_begin(&rig, 1, AT, &byte, 1, 0), LOCKED);
    assert_int_equal(rig_request(&rig, 0x12, "\0\0\0", 4, &answer), LOCKED);
    assert_int_equal(rig_word(&answer, 4), 2);
    assert_int_equal(rig_request(&rig, 0x3F, NULL, 0, &answer), LOCKED);
    assert_int_equal(rig_word(&answer, 4), 0xFFFFFFFE);
    // The next key counts instead of the last one. Without reading there is no writing.
    assert_int_equal(unlock_with((struct terms){2, 3, 0}, 0, NULL), 0);
    assert_int_equal(rig_begin(&rig, 1, AT, &byte, 1, 0), LOCKED);
    assert_int_equal(request_pair(0x04, AT, 16, NULL), LOCKED);
    assert_int_equal(unlock_with((struct terms){3, 3, 0}, 0, NULL), 0);
    assert_int_equal(rig_begin(&rig, 1, AT, &byte, 1, 0), 0);
    assert_int_equal(unlock_with((struct terms){0, 3, 0}, 0, NULL), 0);
    assert_int_equal(capabilities() & 0x100, 0x100);
    chip_is_as_before();
}

// SETTINGS with a lowest generation.
static uint16_t raise(uint32_t generation, uint32_t *detail)
{
    uint8_t item[6] = {8, 4};
    ql_store_u32(item + 2, generation);
    rig_receive_frame(&rig, 0x13, 5, item, sizeof item);
    struct ql_frame answer = rig_wait(&rig, 0x93, 1000);
    assert_int_equal(answer.kind, 0x93);
    if (detail)
        *detail = rig_word(&answer, 4);
    return ql_load_u16(answer.payload);
}

static uint32_t lowest(void)
{
    struct ql_frame answer;
    assert_int_equal(rig_request(&rig, 0x02, NULL, 0, &answer), 0);
    for (size_t at = 8; at < answer.length; at += 2u + answer.payload[at + 1])
        if (answer.payload[at] == 0x19)
            return ql_load_u32(answer.payload + at + 2 + 8);
    fail();
    return 0;
}

static void settings_need_a_permission_of_their_own(void **state)
{
    (void)state;
    struct ql_frame answer;
    static const struct {
        uint32_t permissions;
        uint16_t status;
    } cases[] = {{0, LOCKED}, {1 | 2, LOCKED}, {8, LOCKED}, {4, 0}, {UINT32_MAX, 0}};
    assert_int_equal(rig_request(&rig, 0x13, NULL, 0, &answer), LOCKED);
    assert_int_equal(rig_word(&answer, 4), 4);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct terms terms = {cases[i].permissions, 3, 0};
        assert_int_equal(unlock_with(terms, 0, NULL), 0);
        assert_int_equal(rig_request(&rig, 0x13, NULL, 0, NULL), cases[i].status);
        rig_receive_frame(&rig, 0x13, 5, "\x03\x01\x07", 3);
        answer = rig_wait(&rig, 0x93, 1000);
        assert_int_equal(ql_load_u16(answer.payload), cases[i].status);
        if (cases[i].status != 0)
            chip_is_as_before();
    }
    // And they give no other.
    assert_int_equal(unlock_with((struct terms){4, 3, 0}, 0, NULL), 0);
    assert_int_equal(request_pair(0x04, AT, 16, NULL), LOCKED);
    server_line_reset(&rig.server);
    assert_int_equal(rig_request(&rig, 0x13, NULL, 0, NULL), LOCKED);
}

static void a_second_stage_is_replaced_with_everything_permitted(void **state)
{
    (void)state;
    static const uint8_t block[0x1000] = {1};
    rig.facts.image_area = 0x90000000 + SIZE - sizeof block;
    rig.facts.image_area_size = sizeof block;
    rig_restart(&rig);
    for (unsigned bit = 0; bit < 32; bit++) {
        struct terms terms = {UINT32_MAX & ~(UINT32_C(1) << bit), 3, 0};
        assert_int_equal(unlock_with(terms, 0, NULL), 0);
        assert_int_equal(rig_begin(&rig, 1, rig.facts.image_area, block, sizeof block, 0), LOCKED);
    }
    assert_int_equal(unlock_with((struct terms){UINT32_MAX, 3, 0}, 0, NULL), 0);
    assert_int_equal(rig_begin(&rig, 1, rig.facts.image_area, block, sizeof block, 0), 0);
    rig.facts.image_area_size = 0;
}

static void the_lowest_generation_only_rises(void **state)
{
    (void)state;
    uint32_t detail;
    assert_int_equal(lowest(), 3);
    // A key of a higher generation raises nothing by itself.
    assert_int_equal(unlock_with((struct terms){4, 9, 0}, 0, NULL), 0);
    assert_int_equal(lowest(), 3);
    assert_int_equal(raise(2, &detail), GENERATION); // the one built in is 3
    assert_int_equal(detail, 3);
    assert_int_equal(raise(10, &detail), GENERATION); // the key's is 9
    assert_int_equal(detail, 9);
    assert_int_equal(raise(5, NULL), 0);
    assert_int_equal(lowest(), 5);
    assert_int_equal(raise(4, &detail), GENERATION);
    assert_int_equal(detail, 5);
    rig_receive_frame(&rig, 0x13, 5, "\x08\x00", 2); // back to the default
    struct ql_frame answer = rig_wait(&rig, 0x93, 1000);
    assert_int_equal(ql_load_u16(answer.payload), GENERATION);
    for (int start = 0; start < 2; start++) {
        assert_int_equal(lowest(), 5);
        assert_int_equal(unlock_with((struct terms){UINT32_MAX, 4, 0}, 0, &detail), EXPIRED);
        assert_int_equal(detail, 5);
        assert_int_equal(unlock_with((struct terms){UINT32_MAX, 5, 0}, 0, NULL), 0);
        assert_int_equal(raise(6, &detail), GENERATION);
        assert_int_equal(detail, 5);
        board_reset();
    }
    // Other settings change with any key that permits it.
    assert_int_equal(unlock_with((struct terms){4, 5, 0}, 0, NULL), 0);
    rig_receive_frame(&rig, 0x13, 5, "\x03\x01\x07", 3);
    answer = rig_wait(&rig, 0x93, 1000);
    assert_int_equal(ql_load_u16(answer.payload), 0);
    assert_int_equal(lowest(), 5);
}

// A bootloader that was built with a higher one does not go below it.
static void the_lowest_generation_built_in_stays(void **state)
{
    (void)state;
    static const struct lock_policy later = {public_key, 7, verify};
    assert_int_equal(unlock_with((struct terms){4, 5, 0}, 0, NULL), 0);
    assert_int_equal(raise(5, NULL), 0);
    rig.policy = &later;
    board_reset();
    assert_int_equal(lowest(), 7);
    assert_int_equal(unlock_with((struct terms){4, 6, 0}, 0, NULL), EXPIRED);
    assert_int_equal(unlock_with((struct terms){4, 7, 0}, 0, NULL), 0);
}

static void wrong_keys_are_slowed_down(void **state)
{
    (void)state;
    static const uint32_t waits_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    uint8_t wrong[84], right[84];
    key_make(wrong, other_secret, rig.facts.uid, everything, 0);
    key_make(right, secret, rig.facts.uid, everything, 0);
    for (unsigned i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
        uint32_t left;
        verified = 0;
        assert_int_equal(unlock(wrong, NULL), BAD_KEY);
        assert_int_equal(verified, 1);
        assert_int_equal(unlock(right, &left), WAIT);
        assert_in_range(left, waits_ms[i] - 1, waits_ms[i]);
        // Unplugging or a reset make it no shorter.
        if (i % 3 == 1)
            server_line_reset(&rig.server);
        else if (i % 3 == 2)
            board_reset();
        fake_nor_pass_us(&rig.fake, waits_ms[i] * 1000 - 2000);
        assert_int_equal(unlock(right, &left), WAIT);
        assert_in_range(left, 1, 2);
        assert_int_equal(verified, 1);
        fake_nor_pass_us(&rig.fake, 2000);
    }
    assert_int_equal(unlock(right, NULL), 0);
    // The right one ends it.
    board_reset();
    assert_int_equal(unlock(wrong, NULL), BAD_KEY);
    fake_nor_pass_us(&rig.fake, 1000000);
    assert_int_equal(unlock(right, NULL), 0);
    // A loss of power, too.
    assert_int_equal(unlock(wrong, NULL), BAD_KEY);
    memset(&rig.lock_memory, 0x5A, sizeof rig.lock_memory);
    board_reset();
    assert_int_equal(unlock(right, NULL), 0);
}

static void an_update_goes_on_after_the_next_unlock(void **state)
{
    (void)state;
    uint8_t bytes[512], status[84];
    memset(bytes, 0x5A, sizeof bytes);
    key_make(status, secret, rig.facts.uid, everything, 0);
    assert_int_equal(unlock(status, NULL), 0);
    assert_int_equal(rig_begin(&rig, 9, AT + 0x10000, bytes, 512, 0), 0);
    rig_write(&rig, 9, 0, AT + 0x10000, bytes, 256);
    server_line_reset(&rig.server);
    rig_write(&rig, 9, 1, AT + 0x10100, bytes, 256);
    rig_run_ms(&rig, 10);
    // What was taken while unlocked is done, what came later is not.
    assert_int_equal(rig.server.update.taken, 1);
    assert_int_equal(rig.server.update.executed, 1);
    assert_int_equal(rig.server.update.state, QL_UPDATE_OPEN);
    assert_int_equal(rig.fake.array[0x110000], 0x5A);
    assert_int_equal(rig.fake.array[0x110100], 0xFF);
    assert_int_equal(rig_end(&rig, 9, 1, 1000), LOCKED);
    assert_int_equal(rig_begin(&rig, 9, AT + 0x10000, bytes, 512, 0), LOCKED);
    assert_int_equal(unlock(status, NULL), 0);
    assert_int_equal(rig_begin(&rig, 9, AT + 0x10000, bytes, 512, 0), 0);
    rig_write(&rig, 9, 1, AT + 0x10100, bytes, 256);
    assert_int_equal(rig_end(&rig, 9, 2, 1000), 0);
    assert_memory_equal(rig.fake.array + 0x110000, bytes, 512);
}

// What an interface that does not go through the server meets.
static void the_engine_asks_for_itself(void **state)
{
    (void)state;
    uint8_t payload[60] = {0};
    uint8_t settings[240] = {0};
    struct update *update = &rig.server.update;
    ql_store_u32(payload, 7);
    ql_store_u32(payload + 4, AT);
    ql_store_u32(payload + 8, 256);
    for (unsigned round = 0; round < 2; round++) {
        if (round == 1)
            update_set_lock(update, NULL);
        assert_int_equal(update_begin(update, payload).status, LOCKED);
        assert_false(update_operation(update, 0x40, payload, 16));
        assert_false(update_operation(update, 0x5F, payload, 16));
        assert_int_equal(update_end(update, 0, 0).status, LOCKED);
        assert_int_equal(update_abort(update, 0).status, LOCKED);
        assert_int_equal(update_keep(update, settings).status, LOCKED);
        assert_int_equal(update_read_check(update, AT, 1).status, LOCKED);
        assert_int_equal(update->state, QL_UPDATE_NONE);
    }
    update_set_lock(update, &rig.server.lock);
    assert_int_equal(unlock_with(everything, 0, NULL), 0);
    assert_int_equal(update_read_check(update, AT, 1).status, 0);
    assert_int_equal(update_begin(update, payload).status, 0);
    assert_int_equal(update_abort(update, 7).status, 0);
    chip_is_as_before();
}

static void without_a_policy_no_key_fits(void **state)
{
    (void)state;
    rig.policy = NULL;
    board_reset();
    assert_int_equal(capabilities() & 0x100, 0x100);
    assert_int_equal(unlock_with(everything, 0, NULL), BAD_KEY);
    assert_int_equal(request_pair(0x04, AT, 16, NULL), LOCKED);
}

static void an_open_board_asks_for_nothing(void **state)
{
    (void)state;
    rig.policy = &lock_policy;
    board_reset();
    assert_int_equal(capabilities() & 0x100, 0);
    assert_int_equal(request_pair(0x04, AT, 16, NULL), 0);
    assert_int_equal(unlock_with(everything, 0, NULL), 19);
    server_line_reset(&rig.server);
    assert_int_equal(request_pair(0x04, AT, 16, NULL), 0);
}

#define LOCK_TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOCK_TEST(every_request_while_locked),
        LOCK_TEST(a_locked_board_tells_who_it_is_and_no_more),
        LOCK_TEST(boot_and_reset_stay_possible_and_tell_no_word_of_the_chip),
        LOCK_TEST(an_unlock_lasts_until_reset_or_unplug_and_the_key_works_again),
        LOCK_TEST(every_bit_of_a_key_counts),
        LOCK_TEST(keys_of_others_and_cut_ones),
        LOCK_TEST(generation_and_date),
        LOCK_TEST(a_key_permits_what_it_says),
        LOCK_TEST(a_second_stage_is_replaced_with_everything_permitted),
        LOCK_TEST(settings_need_a_permission_of_their_own),
        LOCK_TEST(the_lowest_generation_only_rises),
        LOCK_TEST(the_lowest_generation_built_in_stays),
        LOCK_TEST(wrong_keys_are_slowed_down),
        LOCK_TEST(an_update_goes_on_after_the_next_unlock),
        LOCK_TEST(the_engine_asks_for_itself),
        LOCK_TEST(without_a_policy_no_key_fits),
        LOCK_TEST(an_open_board_asks_for_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, create, destroy);
}
