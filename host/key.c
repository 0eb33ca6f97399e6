// Board ids and keys (SPEC.md section 13), with libsodium's SHA-256 and Ed25519.
//
// SPDX-License-Identifier: MIT
#include "host/key.h"

#include "abi/bytes.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECONDS_PER_DAY 86400

enum {
    BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
    MESSAGE_SIZE = sizeof QL_KEY_DOMAIN + QL_BOARD_ID_SIZE + QL_KEY_TERMS_SIZE,
};

static void digest(const char *domain, size_t domain_size, const uint8_t *bytes, size_t size,
                   uint8_t result[QL_SHA256_SIZE])
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)domain, domain_size);
    crypto_hash_sha256_update(&state, bytes, size);
    crypto_hash_sha256_final(&state, result);
}

void ql_board_id(const uint8_t uid[QL_UID_SIZE], uint8_t id[QL_BOARD_ID_SIZE])
{
    digest(QL_BOARD_ID_DOMAIN, sizeof QL_BOARD_ID_DOMAIN, uid, QL_UID_SIZE, id);
}

void ql_board_id_text(const uint8_t id[QL_BOARD_ID_SIZE], char text[QL_BOARD_ID_TEXT])
{
    sodium_bin2hex(text, QL_BOARD_ID_TEXT, id, QL_BOARD_ID_SIZE);
}

bool ql_board_id_parse(const char *text, uint8_t id[QL_BOARD_ID_SIZE])
{
    size_t size = 0;
    return strlen(text) == QL_BOARD_ID_TEXT - 1 &&
           sodium_hex2bin(id, QL_BOARD_ID_SIZE, text, QL_BOARD_ID_TEXT - 1, NULL, &size, NULL) ==
               0 &&
           size == QL_BOARD_ID_SIZE;
}

void ql_fingerprint(const uint8_t key[QL_ISSUER_KEY_SIZE], uint8_t fingerprint[QL_FINGERPRINT_SIZE])
{
    uint8_t whole[QL_SHA256_SIZE];
    digest(QL_ISSUER_DOMAIN, sizeof QL_ISSUER_DOMAIN, key, QL_ISSUER_KEY_SIZE, whole);
    memcpy(fingerprint, whole, QL_FINGERPRINT_SIZE);
}

void ql_fingerprint_text(const uint8_t fingerprint[QL_FINGERPRINT_SIZE],
                         char text[QL_FINGERPRINT_TEXT])
{
    sodium_bin2hex(text, QL_FINGERPRINT_TEXT, fingerprint, QL_FINGERPRINT_SIZE);
}

void ql_key_text(const struct ql_key *key, char text[QL_KEY_TEXT])
{
    sodium_bin2base64(text, QL_KEY_TEXT, key->bytes, QL_KEY_SIZE, BASE64);
}

bool ql_key_parse(const char *text, struct ql_key *key)
{
    size_t size = 0;
    return strlen(text) == QL_KEY_TEXT - 1 &&
           sodium_base642bin(key->bytes, QL_KEY_SIZE, text, QL_KEY_TEXT - 1, NULL, &size, NULL,
                             BASE64) == 0 &&
           size == QL_KEY_SIZE && key->bytes[QL_KEY_VERSION] == QL_KEY_VERSION_KNOWN;
}

struct ql_terms ql_key_terms(const struct ql_key *key)
{
    return (struct ql_terms){.permissions = ql_load_u32(key->bytes + QL_KEY_PERMISSIONS),
                             .generation = ql_load_u32(key->bytes + QL_KEY_GENERATION),
                             .not_after = ql_load_u32(key->bytes + QL_KEY_NOT_AFTER)};
}

static void message_make(uint8_t message[MESSAGE_SIZE], const uint8_t board_id[QL_BOARD_ID_SIZE],
                         const struct ql_key *key)
{
    memcpy(message, QL_KEY_DOMAIN, sizeof QL_KEY_DOMAIN);
    memcpy(message + sizeof QL_KEY_DOMAIN, board_id, QL_BOARD_ID_SIZE);
    memcpy(message + sizeof QL_KEY_DOMAIN + QL_BOARD_ID_SIZE, key->bytes, QL_KEY_TERMS_SIZE);
}

void ql_key_sign(struct ql_key *key, const uint8_t board_id[QL_BOARD_ID_SIZE],
                 struct ql_terms terms, const uint8_t secret[64])
{
    uint8_t message[MESSAGE_SIZE];
    *key = (struct ql_key){0};
    key->bytes[QL_KEY_VERSION] = QL_KEY_VERSION_KNOWN;
    ql_store_u32(key->bytes + QL_KEY_PERMISSIONS, terms.permissions);
    ql_store_u32(key->bytes + QL_KEY_GENERATION, terms.generation);
    ql_store_u32(key->bytes + QL_KEY_NOT_AFTER, terms.not_after);
    message_make(message, board_id, key);
    crypto_sign_detached(key->bytes + QL_KEY_SIGNATURE, NULL, message, sizeof message, secret);
}

bool ql_key_verify(const struct ql_key *key, const uint8_t board_id[QL_BOARD_ID_SIZE],
                   const uint8_t issuer[QL_ISSUER_KEY_SIZE])
{
    uint8_t message[MESSAGE_SIZE];
    message_make(message, board_id, key);
    return crypto_sign_verify_detached(key->bytes + QL_KEY_SIGNATURE, message, sizeof message,
                                       issuer) == 0;
}

uint32_t ql_today(void)
{
    const time_t now = time(NULL);
    return now > 0 ? (uint32_t)(now / SECONDS_PER_DAY) : 0;
}

bool ql_date_parse(const char *text, uint32_t *day)
{
    struct tm date = {0};
    char again[QL_DATE_TEXT];
    const char *end = strptime(text, "%Y-%m-%d", &date);
    if (end == NULL || *end != '\0' || date.tm_year < 70)
        return false;
    *day = (uint32_t)(timegm(&date) / SECONDS_PER_DAY);
    // February 30th would have become another day.
    ql_date_text(*day, again);
    return *day > 0 && strcmp(text, again) == 0;
}

void ql_date_text(uint32_t day, char text[QL_DATE_TEXT])
{
    const time_t seconds = (time_t)day * SECONDS_PER_DAY;
    struct tm date;
    if (gmtime_r(&seconds, &date) == NULL || strftime(text, QL_DATE_TEXT, "%Y-%m-%d", &date) == 0)
        snprintf(text, QL_DATE_TEXT, "day %u", day);
}
