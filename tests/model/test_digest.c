// CRC unit and HASH processor against published vectors: the catalogue of CRCs ("123456789"),
// FIPS 180-4, RFC 1321, RFC 2202, RFC 4231.
//
// SPDX-License-Identifier: MIT
#include "tests/model/peripheral_bench.h"

#include "sim/h750_peripherals.h"

#define AHB2ENR  0x580244DCu
#define AHB4ENR  0x580244E0u
#define CRC      0x58024C00u
#define HASH     0x48021400u
#define HASH_CR  (HASH + 0x00)
#define HASH_DIN (HASH + 0x04)
#define HASH_STR (HASH + 0x08)
#define HASH_IMR (HASH + 0x20)
#define HASH_SR  (HASH + 0x24)
#define HASH_HR  (HASH + 0x310)
#define INIT     (1u << 2)
#define BYTES    (2u << 4)
#define HMAC     (1u << 6)
#define MD5      (1u << 7)
#define SHA224   (1u << 18)
#define SHA256   (1u << 7 | 1u << 18)
#define LKEY     (1u << 16)

static int open_chip(void **state)
{
    static struct bench bench;
    static struct peripherals peripherals;
    const struct peripherals_settings settings = {0};

    bench_open(&bench);
    peripherals_create(&peripherals, bench.machine, &settings);
    bench_write(&bench, AHB2ENR, 1u << 5);
    bench_write(&bench, AHB4ENR, 1u << 19);
    *state = &bench;
    return 0;
}

static int close_chip(void **state)
{
    bench_close(*state);
    return 0;
}

// --- CRC ----------------------------------------------------------------------------------------

static void crc_start(struct bench *bench, uint32_t polynomial, uint32_t initial, uint32_t control)
{
    bench_write(bench, CRC + 0x14, polynomial);
    bench_write(bench, CRC + 0x10, initial);
    bench_write(bench, CRC + 0x08, control | 1);
}

static uint32_t crc_check(struct bench *bench)
{
    for (const char *digit = "123456789"; *digit != '\0'; digit++) {
        assert_true(machine_bus_write(bench->machine, CRC, 1, (uint8_t)*digit));
    }
    return bench_read(bench, CRC);
}

static void test_crc_catalogue(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(crc_check(bench), 0x0376E6E7); // CRC-32/MPEG-2, as after reset
    crc_start(bench, 0x04C11DB7, 0xFFFFFFFF, 1u << 5 | 1u << 7);
    assert_int_equal(~crc_check(bench), 0xCBF43926); // CRC-32 of zlib
    crc_start(bench, 0x1021, 0xFFFF, 1u << 3);
    assert_int_equal(crc_check(bench), 0x29B1); // CRC-16/IBM-3740
    crc_start(bench, 0x1021, 0, 1u << 3 | 1u << 5 | 1u << 7);
    assert_int_equal(crc_check(bench), 0x2189); // CRC-16/KERMIT
    crc_start(bench, 0x07, 0, 2u << 3);
    assert_int_equal(crc_check(bench), 0xF4); // CRC-8/SMBUS
    crc_start(bench, 0x09, 0, 3u << 3);
    assert_int_equal(crc_check(bench), 0x75); // CRC-7/MMC
    bench_expect_clean(bench);
}

static void test_crc_words(void **state)
{
    struct bench *bench = *state;

    bench_write(bench, CRC, 0x31323334); // "1234" high byte first
    bench_write(bench, CRC, 0x35363738);
    assert_true(machine_bus_write(bench->machine, CRC, 1, '9'));
    assert_int_equal(bench_read(bench, CRC), 0x0376E6E7);
    crc_start(bench, 0x04C11DB7, 0xFFFFFFFF, 1u << 5 | 1u << 7); // each byte reversed
    bench_write(bench, CRC, 0x31323334);
    bench_write(bench, CRC, 0x35363738);
    assert_true(machine_bus_write(bench->machine, CRC, 1, '9'));
    assert_int_equal(~bench_read(bench, CRC), 0xCBF43926);
    crc_start(bench, 0x04C11DB7, 0xFFFFFFFF, 3u << 5 | 1u << 7); // whole words reversed
    bench_write(bench, CRC, 0x34333231);
    bench_write(bench, CRC, 0x38373635);
    assert_true(machine_bus_write(bench->machine, CRC, 1, '9'));
    assert_int_equal(~bench_read(bench, CRC), 0xCBF43926);
    bench_expect_clean(bench);
}

// --- HASH ---------------------------------------------------------------------------------------

// Writes a message (or key) and ends it, as ST's HAL does.
static void hash_put(struct bench *bench, const void *message, size_t length)
{
    const uint8_t *bytes = message;

    bench_write(bench, HASH_STR, 8 * (length % 4));
    for (size_t i = 0; i < length; i += 4) {
        uint32_t word = 0;

        for (size_t k = 0; k < 4 && i + k < length; k++) {
            word |= (uint32_t)bytes[i + k] << (8 * k);
        }
        bench_write(bench, HASH_DIN, word);
    }
    bench_set(bench, HASH_STR, 1u << 8);
}

static void hash_expect(struct bench *bench, const uint32_t *words, unsigned count)
{
    assert_true(bench_read(bench, HASH_SR) & 8); // BUSY
    assert_false(bench_read(bench, HASH_SR) & 2);
    bench_wait_us(bench, 100);
    assert_false(bench_read(bench, HASH_SR) & 8);
    assert_true(bench_read(bench, HASH_SR) & 2); // DCIS
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(bench_read(bench, HASH_HR + 4 * i), words[i]);
    }
    bench_expect_clean(bench);
}

static void test_abc(void **state)
{
    static const uint32_t sha256[] = {0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223,
                                      0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad};
    static const uint32_t sha224[] = {0x23097d22, 0x3405d822, 0x8642a477, 0xbda255b3,
                                      0x2aadbce4, 0xbda0b3f7, 0xe36c9da7};
    static const uint32_t sha1[] = {0xa9993e36, 0x4706816a, 0xba3e2571, 0x7850c26c, 0x9cd0d89d};
    static const uint32_t md5[] = {0x90015098, 0x3cd24fb0, 0xd6963f7d, 0x28e17f72};
    struct bench *bench = *state;

    bench_write(bench, HASH_CR, SHA256 | BYTES | INIT);
    hash_put(bench, "abc", 3);
    hash_expect(bench, sha256, 8);
    bench_write(bench, HASH_CR, SHA224 | BYTES | INIT);
    hash_put(bench, "abc", 3);
    hash_expect(bench, sha224, 7);
    bench_write(bench, HASH_CR, BYTES | INIT);
    hash_put(bench, "abc", 3);
    hash_expect(bench, sha1, 5);
    assert_int_equal(bench_read(bench, HASH + 0x0C), sha1[0]); // HR0 at its old place
    bench_write(bench, HASH_CR, MD5 | BYTES | INIT);
    hash_put(bench, "abc", 3);
    hash_expect(bench, md5, 4);
}

static void test_data_types(void **state)
{
    static const uint32_t sha256[] = {0xba7816bf, 0x8f01cfea};
    struct bench *bench = *state;

    bench_write(bench, HASH_CR, SHA256 | INIT); // words, high byte first
    bench_write(bench, HASH_STR, 24);
    bench_write(bench, HASH_DIN, 0x61626300);
    bench_write(bench, HASH_STR, 24 | 1u << 8);
    hash_expect(bench, sha256, 2);
    bench_write(bench, HASH_CR, SHA256 | 3u << 4 | INIT); // bits
    bench_write(bench, HASH_STR, 24);
    bench_write(bench, HASH_DIN, 0xC64686); // each byte of "abc" mirrored
    bench_write(bench, HASH_STR, 24 | 1u << 8);
    hash_expect(bench, sha256, 2);
}

static void test_two_blocks_take_their_time(void **state)
{
    static const char message[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    static const uint32_t sha256[] = {0x248d6a61, 0xd20638b8, 0xe5c02693, 0x0c3e6039,
                                      0xa33ce459, 0x64ff2167, 0xf6ecedd4, 0x19db06c1};
    struct bench *bench = *state;

    bench_write(bench, HASH_IMR, 2);
    bench_write(bench, HASH_CR, SHA256 | BYTES | INIT);
    hash_put(bench, message, 56);
    bench_wait_us(bench, 2); // 2 * 66 cycles of 64 MHz are 2.06 us
    assert_true(bench_read(bench, HASH_SR) & 8);
    assert_false(machine_irq_level(bench->machine, 80));
    machine_advance(bench->machine, 100);
    assert_true(machine_irq_level(bench->machine, 80));
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(bench_read(bench, HASH_HR + 4 * i), sha256[i]);
    }
    bench_expect_clean(bench);
}

static void test_million(void **state)
{
    static const uint32_t sha256[] = {0xcdc76e5c, 0x9914fb92, 0x81a1c7e2, 0x84d73e67,
                                      0xf1809a48, 0xa497200e, 0x046d39cc, 0xc7112cd0};
    struct bench *bench = *state;

    bench_write(bench, HASH_CR, SHA256 | BYTES | INIT);
    for (unsigned i = 0; i < 250000; i++) {
        bench_write(bench, HASH_DIN, 0x61616161);
    }
    bench_write(bench, HASH_STR, 1u << 8);
    bench_wait_us(bench, 1000000);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(bench_read(bench, HASH_HR + 4 * i), sha256[i]);
    }
    bench_expect_clean(bench);
}

static void hmac_put(struct bench *bench, const void *key, size_t key_length, const char *message)
{
    hash_put(bench, key, key_length);
    bench_wait_us(bench, 100);
    hash_put(bench, message, strlen(message));
    bench_wait_us(bench, 100);
    hash_put(bench, key, key_length);
}

static void test_hmac(void **state)
{
    static const uint32_t case1[] = {0xb0344c61, 0xd8db3853, 0x5ca8afce, 0xaf0bf12b,
                                     0x881dc200, 0xc9833da7, 0x26e9376c, 0x2e32cff7};
    static const uint32_t case6[] = {0x60e43159, 0x1ee0b67f, 0x0d8a26aa, 0xcbf5b77f,
                                     0x8e0bc621, 0x3728c514, 0x0546040f, 0x0ee37f54};
    static const uint32_t jefe[] = {0x750c783e, 0x6ab0b503, 0xeaa86e31, 0x0a5db738};
    struct bench *bench = *state;
    uint8_t key[131];

    memset(key, 0x0b, 20);
    bench_write(bench, HASH_CR, SHA256 | BYTES | HMAC | INIT);
    hmac_put(bench, key, 20, "Hi There");
    hash_expect(bench, case1, 8);
    memset(key, 0xaa, sizeof(key));
    bench_write(bench, HASH_CR, SHA256 | BYTES | HMAC | LKEY | INIT);
    hmac_put(bench, key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First");
    hash_expect(bench, case6, 8);
    bench_write(bench, HASH_CR, MD5 | BYTES | HMAC | INIT);
    hmac_put(bench, "Jefe", 4, "what do ya want for nothing?");
    hash_expect(bench, jefe, 4);
}

static void test_hash_rules(void **state)
{
    struct bench *bench = *state;

    bench_write(bench, HASH_DIN, 1);
    bench_expect_violation(bench, "before CR.INIT");
    bench_write(bench, HASH_CR, SHA256 | BYTES | INIT);
    hash_put(bench, "abc", 3);
    bench_read(bench, HASH_HR);
    bench_expect_violation(bench, "digest is read while");
    bench_write(bench, HASH_CR, SHA256 | 1u << 3);
    bench_expect_violation(bench, "DMA");
}

#define DIGEST_TEST(name) cmocka_unit_test_setup_teardown(name, open_chip, close_chip)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIGEST_TEST(test_crc_catalogue),
        DIGEST_TEST(test_crc_words),
        DIGEST_TEST(test_abc),
        DIGEST_TEST(test_data_types),
        DIGEST_TEST(test_two_blocks_take_their_time),
        DIGEST_TEST(test_million),
        DIGEST_TEST(test_hmac),
        DIGEST_TEST(test_hash_rules),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
