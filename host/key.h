// Board ids, and keys that open a locked board (SPEC.md section 13).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_KEY_H
#define HOST_KEY_H

#include "abi/protocol.h"
#include "host/error.h"

#define QL_BOARD_ID_TEXT    (2 * QL_BOARD_ID_SIZE + 1)
#define QL_FINGERPRINT_TEXT (2 * QL_FINGERPRINT_SIZE + 1)
#define QL_KEY_TEXT         108 // URL-safe base64 of QL_KEY_SIZE bytes, and the final zero
#define QL_DATE_TEXT        16

struct ql_key {
    uint8_t bytes[QL_KEY_SIZE];
};

struct ql_terms {
    uint32_t permissions; // enum ql_permit
    uint32_t generation;
    uint32_t not_after; // the last day, in days since 1970-01-01; 0: no end
};

// `uid`: the unique id as HELLO carries it.
void ql_board_id(const uint8_t uid[QL_UID_SIZE], uint8_t id[QL_BOARD_ID_SIZE]);
void ql_board_id_text(const uint8_t id[QL_BOARD_ID_SIZE], char text[QL_BOARD_ID_TEXT]);
// 64 hexadecimal digits of either case, and nothing else.
bool ql_board_id_parse(const char *text, uint8_t id[QL_BOARD_ID_SIZE]);

void ql_fingerprint(const uint8_t key[QL_ISSUER_KEY_SIZE],
                    uint8_t fingerprint[QL_FINGERPRINT_SIZE]);
void ql_fingerprint_text(const uint8_t fingerprint[QL_FINGERPRINT_SIZE],
                         char text[QL_FINGERPRINT_TEXT]);

void ql_key_text(const struct ql_key *key, char text[QL_KEY_TEXT]);
// False if the text is no key of a version that is known here.
bool ql_key_parse(const char *text, struct ql_key *key);
struct ql_terms ql_key_terms(const struct ql_key *key);

// `secret`: libsodium's 64-byte form.
void ql_key_sign(struct ql_key *key, const uint8_t board_id[QL_BOARD_ID_SIZE],
                 struct ql_terms terms, const uint8_t secret[64]);
bool ql_key_verify(const struct ql_key *key, const uint8_t board_id[QL_BOARD_ID_SIZE],
                   const uint8_t issuer[QL_ISSUER_KEY_SIZE]);

// Days since 1970-01-01 (UTC), and as YYYY-MM-DD.
uint32_t ql_today(void);
bool ql_date_parse(const char *text, uint32_t *day);
void ql_date_text(uint32_t day, char text[QL_DATE_TEXT]);

#endif
