// The lock. Written from SPEC.md sections 13 and 14.
//
// SPDX-License-Identifier: MIT
#include "core/lock.h"

#include <string.h>

#include "abi/bytes.h"

#define MEMORY_CHECK UINT32_C(0x4B434F4C) // "LOCK"; makes a record out of chance very unlikely

static const struct outcome outcome_ok = {QL_STATUS_OK, 0};

// What each request needs. One that does not stand here needs everything.
static const struct {
    uint8_t kind;
    uint32_t needs;
} needs_of_kinds[] = {
    {QL_KIND_HELLO, 0},
    {QL_KIND_INFO, 0}, // tells less while locked
    {QL_KIND_STATUS, 0},
    {QL_KIND_UNLOCK, 0},
    {QL_KIND_BOOT, 0},
    {QL_KIND_RESET, 0},
    {QL_KIND_READ, QL_PERMIT_READ},
    {QL_KIND_HASH, QL_PERMIT_READ},
    {QL_KIND_SECTORS, QL_PERMIT_READ},
    // END tells the hash of any run, from which it could be guessed byte by byte.
    {QL_KIND_BEGIN, QL_PERMIT_READ | QL_PERMIT_WRITE},
    {QL_KIND_END, QL_PERMIT_READ | QL_PERMIT_WRITE},
    {QL_KIND_ABORT, QL_PERMIT_READ | QL_PERMIT_WRITE},
    {QL_KIND_SETTINGS, QL_PERMIT_SETTINGS},
    {QL_KIND_PROTECT, QL_PERMIT_PROTECT},
};

static bool is_open(const struct lock *lock)
{
    return lock->policy && !lock->policy->issuer;
}

static uint32_t failures(const struct lock *lock)
{
    const struct lock_memory *memory = lock->memory;
    return memory && memory->check == (memory->failures ^ MEMORY_CHECK) ? memory->failures : 0;
}

static void failures_set(struct lock *lock, uint32_t count)
{
    if (lock->memory)
        *lock->memory = (struct lock_memory){count, count ^ MEMORY_CHECK};
}

// A reset does not shorten the wait: it begins again.
static void wait_begin(struct lock *lock, uint32_t now_ms)
{
    uint32_t count = failures(lock);
    lock->wait_since_ms = now_ms;
    lock->wait_ms = count == 0 ? 0 : QL_UNLOCK_WAIT_FIRST_MS;
    while (count > 1 && lock->wait_ms < QL_UNLOCK_WAIT_MAX_MS) {
        lock->wait_ms *= 2;
        count--;
    }
    if (lock->wait_ms > QL_UNLOCK_WAIT_MAX_MS)
        lock->wait_ms = QL_UNLOCK_WAIT_MAX_MS;
}

static uint32_t wait_left(struct lock *lock, uint32_t now_ms)
{
    uint32_t passed = now_ms - lock->wait_since_ms;
    if (passed >= lock->wait_ms)
        lock->wait_ms = 0; // also when the clock has gone round
    return lock->wait_ms == 0 ? 0 : lock->wait_ms - passed;
}

void lock_init(struct lock *lock, const struct lock_policy *policy,
               const struct sha256_service *sha256, const uint32_t *uid, struct lock_memory *memory,
               uint32_t now_ms)
{
    *lock = (struct lock){.policy = policy, .sha256 = sha256, .uid = uid, .memory = memory};
    lock_set_lowest(lock, 0);
    lock_close(lock);
    wait_begin(lock, now_ms);
}

static void digest(const struct lock *lock, const char *domain, size_t domain_size,
                   const uint8_t *bytes, size_t size, uint8_t result[QL_SHA256_SIZE])
{
    const struct sha256_service *sha256 = lock->sha256;
    sha256->begin(sha256->context);
    sha256->update(sha256->context, (const uint8_t *)domain, domain_size);
    sha256->update(sha256->context, bytes, size);
    sha256->finish(sha256->context, result);
}

void lock_identify(struct lock *lock)
{
    if (lock->identified)
        return;
    uint8_t uid[QL_UID_SIZE], fingerprint[QL_SHA256_SIZE];
    for (unsigned i = 0; i < QL_UID_SIZE / 4; i++)
        ql_store_u32(uid + 4 * i, lock->uid[i]);
    digest(lock, QL_BOARD_ID_DOMAIN, sizeof QL_BOARD_ID_DOMAIN, uid, sizeof uid, lock->board_id);
    if (lock->policy && lock->policy->issuer) {
        digest(lock, QL_ISSUER_DOMAIN, sizeof QL_ISSUER_DOMAIN, lock->policy->issuer,
               QL_ISSUER_KEY_SIZE, fingerprint);
        memcpy(lock->issuer, fingerprint, QL_FINGERPRINT_SIZE);
    }
    lock->identified = true;
}

void lock_close(struct lock *lock)
{
    lock->permissions = is_open(lock) ? QL_PERMIT_ALL : 0;
    lock->generation = 0;
}

void lock_set_lowest(struct lock *lock, uint32_t generation)
{
    uint32_t built_in = lock->policy ? lock->policy->generation : 0;
    lock->lowest = generation > built_in ? generation : built_in;
}

struct outcome lock_check_lowest(const struct lock *lock, uint32_t generation)
{
    if (is_open(lock))
        return (struct outcome){QL_STATUS_NOT_ALLOWED, 0};
    if (generation < lock->lowest)
        return (struct outcome){QL_STATUS_GENERATION, lock->lowest};
    // Whoever raises it can still come back.
    if (generation > lock->generation)
        return (struct outcome){QL_STATUS_GENERATION, lock->generation};
    return outcome_ok;
}

enum ql_lock_state lock_state(const struct lock *lock)
{
    if (is_open(lock))
        return QL_LOCK_OPEN;
    return lock->permissions != 0 ? QL_LOCK_UNLOCKED : QL_LOCK_LOCKED;
}

struct outcome lock_check(const struct lock *lock, uint32_t needs)
{
    uint32_t missing = lock ? needs & ~lock->permissions : needs;
    return missing == 0 ? outcome_ok : (struct outcome){QL_STATUS_LOCKED, missing};
}

struct outcome lock_check_kind(const struct lock *lock, uint8_t kind)
{
    uint32_t needs = QL_PERMIT_ALL;
    for (size_t i = 0; i < sizeof needs_of_kinds / sizeof needs_of_kinds[0]; i++)
        if (needs_of_kinds[i].kind == kind)
            needs = needs_of_kinds[i].needs;
    return lock_check(lock, needs);
}

// Did the issuer sign these terms for this board?
static bool key_is_right(struct lock *lock, const uint8_t *key)
{
    uint8_t message[sizeof QL_KEY_DOMAIN + QL_BOARD_ID_SIZE + QL_KEY_TERMS_SIZE];
    if (!lock->policy || key[QL_KEY_VERSION] != QL_KEY_VERSION_KNOWN)
        return false;
    lock_identify(lock);
    memcpy(message, QL_KEY_DOMAIN, sizeof QL_KEY_DOMAIN);
    memcpy(message + sizeof QL_KEY_DOMAIN, lock->board_id, QL_BOARD_ID_SIZE);
    memcpy(message + sizeof QL_KEY_DOMAIN + QL_BOARD_ID_SIZE, key, QL_KEY_TERMS_SIZE);
    return lock->policy->verify(key + QL_KEY_SIGNATURE, message, sizeof message,
                                lock->policy->issuer);
}

struct outcome lock_unlock(struct lock *lock, const uint8_t *payload, uint32_t now_ms)
{
    const uint8_t *key = payload + QL_UNLOCK_KEY;
    if (is_open(lock))
        return (struct outcome){QL_STATUS_NOT_ALLOWED, 0};
    uint32_t left_ms = wait_left(lock, now_ms);
    if (left_ms > 0)
        return (struct outcome){QL_STATUS_WAIT, left_ms};
    if (!key_is_right(lock, key)) {
        uint32_t count = failures(lock);
        failures_set(lock, count < UINT32_MAX ? count + 1 : count);
        wait_begin(lock, now_ms);
        return (struct outcome){QL_STATUS_BAD_KEY, QL_KEY_VERSION_KNOWN};
    }
    failures_set(lock, 0);
    uint32_t generation = ql_load_u32(key + QL_KEY_GENERATION);
    if (generation < lock->lowest)
        return (struct outcome){QL_STATUS_EXPIRED, lock->lowest};
    uint32_t not_after = ql_load_u32(key + QL_KEY_NOT_AFTER);
    if (not_after != 0 && ql_load_u32(payload + QL_UNLOCK_TODAY) > not_after)
        return (struct outcome){QL_STATUS_EXPIRED, 0};
    lock->permissions = ql_load_u32(key + QL_KEY_PERMISSIONS);
    lock->generation = generation;
    return outcome_ok;
}
