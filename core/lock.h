// The lock: who this board is, which key opens it, and what it does without one (SPEC.md section
// 13).
//
// Every interface asks it before it changes or reads the chip: the protocol server by the kind of
// the request, the update engine by what it is about to do. What is not named is refused.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_LOCK_H
#define CORE_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/boot.h"
#include "core/sha256.h"

// What an image was built with. Each is linked with one: core/lock_open.c, or a file that
// tools/issuer_source makes of an issuer's public key.
struct lock_policy {
    const uint8_t *issuer; // Ed25519 public key, QL_ISSUER_KEY_SIZE bytes; null: the board is open
    uint32_t generation;   // keys of earlier generations are refused, whatever the settings say
    // Is this the signature of that message by that key? Not called if the board is open.
    bool (*verify)(const uint8_t signature[QL_SIGNATURE_SIZE], const uint8_t *message,
                   size_t length, const uint8_t key[QL_ISSUER_KEY_SIZE]);
};

extern const struct lock_policy lock_policy;

// The policy's part of an image's marker (SPEC.md section 18), where others read it before the
// image runs. It lies in the section ".marker.lock"; lock_policy takes its issuer and generation
// from it.
struct lock_marker {
    uint32_t locked; // 0 or QL_MARKER_LOCKED
    uint32_t generation;
    uint8_t issuer[QL_ISSUER_KEY_SIZE];
    uint8_t zeros[QL_MARKER_SIZE - QL_MARKER_ZERO];
};

_Static_assert(sizeof(struct lock_marker) == QL_MARKER_SIZE - QL_MARKER_LOCK, "SPEC.md section 18");

extern const struct lock_marker lock_marker;

// Wrong keys in a row: in memory that a reset leaves alone, with whatever contents at power-on.
struct lock_memory {
    uint32_t failures;
    uint32_t check;
};

struct lock {
    const struct lock_policy *policy;
    const struct sha256_service *sha256;
    const uint32_t *uid;
    struct lock_memory *memory;
    bool identified; // the next two are known
    uint8_t board_id[QL_BOARD_ID_SIZE];
    uint8_t issuer[QL_FINGERPRINT_SIZE];
    uint32_t permissions; // held now, enum ql_permit
    uint32_t generation;  // of the key that holds them
    uint32_t lowest;      // keys of earlier generations are refused
    uint32_t wait_since_ms, wait_ms;
};

// Locked, if the policy has an issuer. Without a policy (null) no key fits. `uid` has three words
// and is read at lock_identify.
void lock_init(struct lock *lock, const struct lock_policy *policy,
               const struct sha256_service *sha256, const uint32_t *uid, struct lock_memory *memory,
               uint32_t now_ms);

// Computes board id and fingerprint, once. Nobody else may be using the SHA-256 service.
void lock_identify(struct lock *lock);

// Keys of generations before this one are refused from now on; the built-in limit stays the least.
void lock_set_lowest(struct lock *lock, uint32_t generation);

// May the limit become this? OK, NOT_ALLOWED (the board is open) or GENERATION.
struct outcome lock_check_lowest(const struct lock *lock, uint32_t generation);

// The unlock is over: reset, unplugged, enumerated anew.
void lock_close(struct lock *lock);

enum ql_lock_state lock_state(const struct lock *lock);

// Is all of `needs` (enum ql_permit) permitted now? OK, or LOCKED with what is missing. A null
// pointer permits nothing.
struct outcome lock_check(const struct lock *lock, uint32_t needs);

// The same for a request of the protocol.
struct outcome lock_check_kind(const struct lock *lock, uint8_t kind);

// UNLOCK, whose payload has QL_UNLOCK_SIZE bytes. OK, NOT_ALLOWED (the board is open), WAIT,
// BAD_KEY or EXPIRED. Takes some ten milliseconds and 4 KiB of stack.
struct outcome lock_unlock(struct lock *lock, const uint8_t *payload, uint32_t now_ms);

#endif
