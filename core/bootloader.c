// The bootloader's own flash. Written from SPEC.md section 18.
//
// SPDX-License-Identifier: MIT
#include "core/bootloader.h"

#include <string.h>

#include "abi/bytes.h"
#include "abi/crc32.h"

enum {
    SLICE = 16384,           // bytes hashed between two looks at the line
    CHANGE_LIMIT_MS = 10000, // for the option bytes
    RDP_LEVEL_0 = 0xAA,
    RDP_LEVEL_2 = 0xCC,
    DETAIL_DEBUGGER = 1, // of NOT_ALLOWED
    DETAIL_LEVEL_2 = 2,
};

#define STACK_FIRST UINT32_C(0x20000000) // DTCM
#define STACK_LAST  UINT32_C(0x20020000)

static const struct outcome outcome_ok = {QL_STATUS_OK, 0};

void bootloader_init(struct bootloader *bootloader, const struct bootloader_flash *flash,
                     const struct lock *lock, const char *board_name)
{
    *bootloader = (struct bootloader){.flash = flash, .lock = lock, .board_name = board_name};
}

// --- The marker ---------------------------------------------------------------------------------

static uint32_t image_crc(const uint8_t *image, uint32_t length)
{
    static const uint8_t zeros[4];
    uint32_t at = QL_MARKER_OFFSET + QL_MARKER_CRC;
    uint32_t crc = ql_crc32(0, image, at);
    crc = ql_crc32(crc, zeros, sizeof zeros);
    return ql_crc32(crc, image + at + 4, length - at - 4);
}

// A text of the marker: `text`, then zeros to the end.
static bool text_is(const uint8_t *field, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (length >= size || memcmp(field, text, length) != 0)
        return false;
    while (length < size && field[length] == 0)
        length++;
    return length == size;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] == 0)
        size--;
    return size == 0;
}

// Offset in the marker of the first field that is not right, or QL_MARKER_SIZE.
static uint32_t marker_fault(const uint8_t *image, uint32_t length, const char *board_name)
{
    const uint8_t *marker = image + QL_MARKER_OFFSET;
    uint32_t lock = ql_load_u32(marker + QL_MARKER_LOCK);
    if (ql_load_u32(marker) != QL_MARKER_MAGIC)
        return 0;
    if (ql_load_u16(marker + QL_MARKER_VERSION) != QL_MARKER_VERSION_KNOWN)
        return QL_MARKER_VERSION;
    if (ql_load_u16(marker + QL_MARKER_SIZE_FIELD) != QL_MARKER_SIZE)
        return QL_MARKER_SIZE_FIELD;
    if (ql_load_u32(marker + QL_MARKER_ADDRESS) != QL_BOOTLOADER_ADDRESS)
        return QL_MARKER_ADDRESS;
    if (ql_load_u32(marker + QL_MARKER_LENGTH) != length)
        return QL_MARKER_LENGTH;
    if (ql_load_u32(marker + QL_MARKER_CRC) != image_crc(image, length))
        return QL_MARKER_CRC;
    if (marker[QL_MARKER_TEXT + QL_MARKER_TEXT_SIZE - 1] != 0)
        return QL_MARKER_TEXT;
    if (!text_is(marker + QL_MARKER_BOARD, QL_MARKER_BOARD_SIZE, board_name))
        return QL_MARKER_BOARD;
    if (lock > QL_MARKER_LOCKED)
        return QL_MARKER_LOCK;
    if (lock == 0 && !is_zero(marker + QL_MARKER_GENERATION, QL_MARKER_ZERO - QL_MARKER_GENERATION))
        return QL_MARKER_GENERATION;
    return is_zero(marker + QL_MARKER_ZERO, QL_MARKER_SIZE - QL_MARKER_ZERO) ? QL_MARKER_SIZE
                                                                             : QL_MARKER_ZERO;
}

struct outcome bootloader_image_check(const uint8_t *image, uint32_t length, const char *board_name)
{
    if (length < QL_BOOTLOADER_MIN || length > QL_BOOTLOADER_MAX || length % 4 != 0)
        return (struct outcome){QL_STATUS_NOT_A_BOOTLOADER, QL_MARKER_OFFSET + QL_MARKER_LENGTH};
    uint32_t fault = marker_fault(image, length, board_name);
    if (fault != QL_MARKER_SIZE)
        return (struct outcome){QL_STATUS_NOT_A_BOOTLOADER, QL_MARKER_OFFSET + fault};
    uint32_t stack = ql_load_u32(image);
    uint32_t entry = ql_load_u32(image + 4);
    if (stack % 4 != 0 || stack <= STACK_FIRST || stack > STACK_LAST)
        return (struct outcome){QL_STATUS_NOT_A_BOOTLOADER, 0};
    if (entry % 2 == 0 || entry < QL_BOOTLOADER_ADDRESS || entry - QL_BOOTLOADER_ADDRESS >= length)
        return (struct outcome){QL_STATUS_NOT_A_BOOTLOADER, 4};
    return outcome_ok;
}

// Would this image let in whom the running one keeps out?
static struct outcome lock_compare(const struct bootloader *bootloader, const uint8_t *image)
{
    const uint8_t *marker = image + QL_MARKER_OFFSET;
    const struct lock_policy *policy = bootloader->lock->policy;
    uint32_t lowered = 0;
    if (lock_state(bootloader->lock) == QL_LOCK_OPEN || !policy)
        return outcome_ok;
    if (ql_load_u32(marker + QL_MARKER_LOCK) != QL_MARKER_LOCKED)
        lowered = QL_MARKER_LOCK;
    else if (memcmp(marker + QL_MARKER_ISSUER, policy->issuer, QL_ISSUER_KEY_SIZE) != 0)
        lowered = QL_MARKER_ISSUER;
    else if (ql_load_u32(marker + QL_MARKER_GENERATION) < policy->generation)
        lowered = QL_MARKER_GENERATION;
    return lowered == 0 ? outcome_ok
                        : (struct outcome){QL_STATUS_LOWERS_LOCK, QL_MARKER_OFFSET + lowered};
}

// --- Requests -----------------------------------------------------------------------------------

static struct outcome protect_begin(const struct bootloader *bootloader, const uint8_t *payload)
{
    const struct bootloader_flash *flash = bootloader->flash;
    uint32_t what = ql_load_u32(payload + QL_PROTECT_WHAT);
    if (what != QL_PROTECT_READ && what != QL_PROTECT_WRITE && what != QL_PROTECT_WRITE_OFF)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_PROTECT_WHAT};
    if (ql_load_u32(payload + QL_PROTECT_CHECK) != QL_PROTECT_WORD)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_PROTECT_CHECK};
    if (flash->change_state(flash->context) == BOOTLOADER_CHANGING)
        return (struct outcome){QL_STATUS_BUSY, 0};
    return outcome_ok;
}

struct outcome bootloader_begin(struct bootloader *bootloader, uint8_t kind, const uint8_t *payload)
{
    bootloader->begun = false;
    bootloader->hashed = 0;
    if (!bootloader->flash)
        return (struct outcome){QL_STATUS_NOT_ALLOWED, 0};
    if (kind == QL_KIND_PROTECT)
        return protect_begin(bootloader, payload);
    uint32_t length = ql_load_u32(payload + QL_REPLACE_LENGTH);
    uint32_t flags = ql_load_u32(payload + QL_REPLACE_FLAGS);
    if (length < QL_BOOTLOADER_MIN || length > QL_BOOTLOADER_MAX || length % 4 != 0)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_REPLACE_LENGTH};
    if ((flags & ~(uint32_t)(QL_REPLACE_LOWER_LOCK | QL_REPLACE_CHECK_ONLY)) != 0)
        return (struct outcome){QL_STATUS_BAD_REQUEST, QL_REPLACE_FLAGS};
    return outcome_ok;
}

// --- Jobs ---------------------------------------------------------------------------------------

static bool is_protected_so(struct bootloader_protection protection, uint32_t what)
{
    switch (what) {
    case QL_PROTECT_READ:
        return protection.read != RDP_LEVEL_0;
    case QL_PROTECT_WRITE:
        return protection.write;
    default:
        return !protection.write;
    }
}

// Returns true when there is nothing to wait for.
static bool protect_start(struct bootloader *bootloader, uint32_t what, uint32_t now_ms,
                          struct outcome *outcome)
{
    const struct bootloader_flash *flash = bootloader->flash;
    struct bootloader_protection protection = flash->protection(flash->context);
    if (is_protected_so(protection, what))
        return true;
    if (protection.read == RDP_LEVEL_2)
        *outcome = (struct outcome){QL_STATUS_NOT_ALLOWED, DETAIL_LEVEL_2};
    else if (what == QL_PROTECT_READ && protection.debugger)
        *outcome = (struct outcome){QL_STATUS_NOT_ALLOWED, DETAIL_DEBUGGER};
    if (outcome->status != QL_STATUS_OK)
        return true;
    bootloader->started_ms = now_ms;
    flash->change(flash->context, (enum ql_protect)what);
    return false;
}

static bool protect_run(struct bootloader *bootloader, uint32_t what, uint32_t now_ms,
                        struct outcome *outcome)
{
    const struct bootloader_flash *flash = bootloader->flash;
    if (!bootloader->begun) {
        bootloader->begun = true;
        return protect_start(bootloader, what, now_ms, outcome);
    }
    enum bootloader_change change = flash->change_state(flash->context);
    if (change == BOOTLOADER_CHANGING && now_ms - bootloader->started_ms < CHANGE_LIMIT_MS)
        return false;
    struct bootloader_protection protection = flash->protection(flash->context);
    if (change != BOOTLOADER_CHANGED || !is_protected_so(protection, what))
        *outcome = (struct outcome){QL_STATUS_OPTIONS_FAILED, protection.options};
    return true;
}

// Hashes a slice of what is staged; true with the digest when that was the last.
static bool stage_hash(struct bootloader *bootloader, const struct sha256_service *sha256,
                       uint32_t length, uint8_t digest[QL_SHA256_SIZE])
{
    uint32_t slice = length - bootloader->hashed < SLICE ? length - bootloader->hashed : SLICE;
    if (!bootloader->begun)
        sha256->begin(sha256->context);
    bootloader->begun = true;
    sha256->update(sha256->context, bootloader->flash->staging + bootloader->hashed, slice);
    bootloader->hashed += slice;
    if (bootloader->hashed < length)
        return false;
    sha256->finish(sha256->context, digest);
    return true;
}

static struct outcome stage_check(const struct bootloader *bootloader, uint32_t length,
                                  uint32_t flags)
{
    const struct bootloader_flash *flash = bootloader->flash;
    struct outcome outcome = bootloader_image_check(flash->staging, length, bootloader->board_name);
    if (outcome.status == QL_STATUS_OK && (flags & QL_REPLACE_LOWER_LOCK) == 0)
        outcome = lock_compare(bootloader, flash->staging);
    if (outcome.status == QL_STATUS_OK && flash->protection(flash->context).write)
        outcome = (struct outcome){QL_STATUS_PROTECTED, QL_BOOTLOADER_ADDRESS};
    return outcome;
}

static bool replace_run(struct bootloader *bootloader, const struct sha256_service *sha256,
                        const uint8_t *payload, struct bootloader_answer *answer)
{
    uint32_t length = ql_load_u32(payload + QL_REPLACE_LENGTH);
    uint32_t flags = ql_load_u32(payload + QL_REPLACE_FLAGS);
    uint8_t digest[QL_SHA256_SIZE];
    if (!stage_hash(bootloader, sha256, length, digest))
        return false;
    if (memcmp(digest, payload + QL_REPLACE_SHA256, sizeof digest) != 0)
        answer->outcome = (struct outcome){QL_STATUS_VERIFY, 0};
    else
        answer->outcome = stage_check(bootloader, length, flags);
    if (answer->outcome.status != QL_STATUS_OK)
        return true;
    bool same = memcmp(bootloader->flash->bytes, bootloader->flash->staging, length) == 0;
    ql_store_u32(answer->content, same ? 0 : 1);
    answer->content_size = QL_REPLACE_CONTENT_SIZE;
    answer->replace = same || (flags & QL_REPLACE_CHECK_ONLY) != 0 ? 0 : length;
    return true;
}

bool bootloader_run(struct bootloader *bootloader, const struct sha256_service *sha256,
                    uint8_t kind, const uint8_t *payload, uint32_t now_ms,
                    struct bootloader_answer *answer)
{
    *answer = (struct bootloader_answer){.outcome = outcome_ok};
    if (kind == QL_KIND_REPLACE)
        return replace_run(bootloader, sha256, payload, answer);
    if (!protect_run(bootloader, ql_load_u32(payload + QL_PROTECT_WHAT), now_ms, &answer->outcome))
        return false;
    if (answer->outcome.status == QL_STATUS_OK && bootloader_info(bootloader, answer->content))
        answer->content_size = QL_OWN_FLASH_SIZE;
    return true;
}

bool bootloader_info(const struct bootloader *bootloader, uint8_t value[QL_OWN_FLASH_SIZE])
{
    const struct bootloader_flash *flash = bootloader->flash;
    if (!flash)
        return false;
    struct bootloader_protection protection = flash->protection(flash->context);
    memset(value, 0, QL_OWN_FLASH_SIZE);
    value[QL_OWN_FLASH_RDP] = protection.read;
    value[QL_OWN_FLASH_WRITE] = protection.write;
    return true;
}
