// The signature check that locked images are linked with (core/ed25519_sodium.c and the files of
// libsodium's sources that firmware.mk names, with their 32-bit arithmetic), compiled for the PC:
// against RFC 8032's vectors, and against the PC's own libsodium.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "core/ed25519.h"

// RFC 8032, section 7.1: TEST 1, TEST 2, TEST 3, TEST SHA(abc).
static const struct {
    const char *key, *message, *signature;
} vectors[] = {
    {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    {"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
     "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

static size_t from_hex(const char *text, uint8_t *bytes, size_t room)
{
    size_t size = 0;
    assert_int_equal(sodium_hex2bin(bytes, room, text, strlen(text), NULL, &size, NULL), 0);
    return size;
}

static void vectors_of_rfc_8032(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t key[32], message[64] = {0}, signature[64];
        from_hex(vectors[i].key, key, sizeof key);
        size_t length = from_hex(vectors[i].message, message, sizeof message);
        assert_int_equal(from_hex(vectors[i].signature, signature, sizeof signature), 64);
        assert_true(ed25519_verify(signature, message, length, key));
        signature[i * 9] ^= 0x10;
        assert_false(ed25519_verify(signature, message, length, key));
        signature[i * 9] ^= 0x10;
        message[0] ^= 1;
        assert_false(ed25519_verify(signature, message, length > 0 ? length : 1, key));
        message[0] ^= 1;
        key[31 - i] ^= 4;
        assert_false(ed25519_verify(signature, message, length, key));
    }
}

static uint32_t random_state = 0x51EA5EED;

static uint32_t draw(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % limit;
}

// Right and damaged ones of random lengths: both verdicts are the same.
static void agrees_with_the_pcs_libsodium(void **state)
{
    (void)state;
    unsigned right = 0;
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t seed[32], key[32], secret[64], signature[64], message[300];
        for (size_t j = 0; j < sizeof seed; j++)
            seed[j] = (uint8_t)draw(256);
        size_t length = draw(sizeof message + 1);
        for (size_t j = 0; j < length; j++)
            message[j] = (uint8_t)draw(256);
        crypto_sign_seed_keypair(key, secret, seed);
        crypto_sign_detached(signature, NULL, message, length, secret);
        switch (draw(4)) {
        case 0:
            signature[draw(64)] ^= (uint8_t)(1 << draw(8));
            break;
        case 1:
            key[draw(32)] ^= (uint8_t)(1 << draw(8));
            break;
        default:
            break;
        }
        bool expected = crypto_sign_verify_detached(signature, message, length, key) == 0;
        assert_int_equal(ed25519_verify(signature, message, length, key), expected);
        right += expected;
    }
    assert_in_range(right, 800, 1200);
}

// The group's order, little-endian: S + order would be as good a factor (RFC 8032, 5.1.7).
static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

static void refuses_what_is_malleable_and_weak_keys(void **state)
{
    (void)state;
    uint8_t key[32], signature[64], weak[32] = {0}, nothing[64] = {0};
    unsigned carry = 0;
    from_hex(vectors[0].key, key, sizeof key);
    from_hex(vectors[0].signature, signature, sizeof signature);
    for (unsigned i = 0; i < 32; i++) {
        carry += signature[32 + i] + (unsigned)order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_false(ed25519_verify(signature, NULL, 0, key));
    // The neutral element as key would make everything right.
    weak[0] = 1;
    nothing[0] = 1;
    assert_false(ed25519_verify(nothing, (const uint8_t *)"x", 1, weak));
    memset(weak, 0, sizeof weak);
    assert_false(ed25519_verify(nothing, (const uint8_t *)"x", 1, weak));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_rfc_8032),
        cmocka_unit_test(agrees_with_the_pcs_libsodium),
        cmocka_unit_test(refuses_what_is_malleable_and_weak_keys),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
