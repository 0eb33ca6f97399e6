// The bootloader's own flash. Written from SPEC.md section 18.
//
// SPDX-License-Identifier: MIT
#include "host/bootloader.h"

#include "abi/bytes.h"
#include "abi/crc32.h"
#include "host/digest.h"
#include "host/image.h"
#include "host/ram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AWAIT_TRIES 3 // of ten seconds each

// --- Files --------------------------------------------------------------------------------------

static int fail_file(struct ql_failure *failure, const char *path, const char *what)
{
    ql_fail(failure, QL_BOOTLOADER_FILE, "%s is no quadlane bootloader that can be used: %s", path,
            what);
    ql_hint(failure, "the build puts them into build/firmware: BOARD-flash.bin, or "
                     "BOARD-flash-locked.bin with an issuer");
    return -QL_BOOTLOADER_FILE;
}

static uint32_t image_crc(const uint8_t *image, uint32_t size)
{
    static const uint8_t zeros[4];
    const uint32_t at = QL_MARKER_OFFSET + QL_MARKER_CRC;
    uint32_t crc = ql_crc32(0, image, at);
    crc = ql_crc32(crc, zeros, sizeof zeros);
    return ql_crc32(crc, image + at + 4, size - at - 4);
}

static int check_marker(const struct ql_bootloader *bootloader, const char *path, uint32_t address,
                        struct ql_failure *failure)
{
    char text[64];
    const uint8_t *marker = bootloader->bytes + QL_MARKER_OFFSET;
    if (bootloader->size < QL_BOOTLOADER_MIN || ql_load_u32(marker) != QL_MARKER_MAGIC)
        return fail_file(failure, path, "there is no marker of a bootloader in it");
    if (ql_load_u16(marker + QL_MARKER_VERSION) != QL_MARKER_VERSION_KNOWN ||
        ql_load_u16(marker + QL_MARKER_SIZE_FIELD) != QL_MARKER_SIZE)
        return fail_file(failure, path, "its marker is of a version that this tool does not know");
    snprintf(text, sizeof text, "it is made for another address than 0x%08X", address);
    if (ql_load_u32(marker + QL_MARKER_ADDRESS) != address)
        return fail_file(failure, path, text);
    if (bootloader->size > QL_BOOTLOADER_MAX || bootloader->size % 4 != 0)
        return fail_file(failure, path, "its size is not one that a bootloader can have");
    if (ql_load_u32(marker + QL_MARKER_LENGTH) != bootloader->size)
        return fail_file(failure, path, "it was cut, or something was added to it");
    if (ql_load_u32(marker + QL_MARKER_CRC) != image_crc(bootloader->bytes, bootloader->size))
        return fail_file(failure, path, "its checksum is wrong, so it was damaged or changed");
    if (marker[QL_MARKER_TEXT + QL_MARKER_TEXT_SIZE - 1] != 0 ||
        marker[QL_MARKER_BOARD + QL_MARKER_BOARD_SIZE - 1] != 0 ||
        ql_load_u32(marker + QL_MARKER_LOCK) > QL_MARKER_LOCKED)
        return fail_file(failure, path, "its marker contradicts itself");
    return 0;
}

static void take_marker(struct ql_bootloader *bootloader)
{
    const uint8_t *marker = bootloader->bytes + QL_MARKER_OFFSET;
    memcpy(bootloader->version, marker + QL_MARKER_TEXT, QL_MARKER_TEXT_SIZE);
    memcpy(bootloader->board, marker + QL_MARKER_BOARD, QL_MARKER_BOARD_SIZE);
    ql_sha256(bootloader->bytes, bootloader->size, bootloader->digest);
    bootloader->locked = ql_load_u32(marker + QL_MARKER_LOCK) == QL_MARKER_LOCKED;
    bootloader->generation = ql_load_u32(marker + QL_MARKER_GENERATION);
    memcpy(bootloader->key, marker + QL_MARKER_ISSUER, QL_ISSUER_KEY_SIZE);
    ql_fingerprint(bootloader->key, bootloader->issuer);
}

int ql_bootloader_parse(struct ql_bootloader *bootloader, const char *path, uint8_t *bytes,
                        uint32_t size, uint32_t address, struct ql_failure *failure)
{
    *bootloader = (struct ql_bootloader){.bytes = bytes, .size = size};
    const int result = check_marker(bootloader, path, address, failure);
    if (result == 0)
        take_marker(bootloader);
    return result;
}

int ql_bootloader_load(struct ql_bootloader *bootloader, const char *path,
                       struct ql_failure *failure)
{
    struct ql_image image;
    *bootloader = (struct ql_bootloader){0};
    int result = ql_image_load(&image, path, NULL, failure);
    if (result != 0)
        return result;
    if (image.count != 1 ||
        (image.format != QL_FORMAT_BIN && image.extents[0].address != QL_BOOTLOADER_ADDRESS)) {
        result = fail_file(failure, path, "it does not lie in one piece at 0x08000000");
    } else {
        result = ql_bootloader_parse(bootloader, path, image.extents[0].data, image.extents[0].size,
                                     QL_BOOTLOADER_ADDRESS, failure);
        image.extents[0].data = NULL;
    }
    ql_image_free(&image);
    if (result != 0)
        ql_bootloader_free(bootloader);
    return result;
}

void ql_bootloader_free(struct ql_bootloader *bootloader)
{
    free(bootloader->bytes);
    bootloader->bytes = NULL;
}

// --- Does it fit? -------------------------------------------------------------------------------

enum ql_lock_change ql_bootloader_lock_change(const struct ql_bootloader *bootloader,
                                              const struct ql_board *board)
{
    if (board->lock_state == QL_LOCK_OPEN)
        return bootloader->locked ? QL_LOCK_RAISED : QL_LOCK_SAME;
    if (!bootloader->locked || memcmp(bootloader->issuer, board->issuer, QL_FINGERPRINT_SIZE) != 0)
        return QL_LOCK_LOWERED;
    // A lower one lowers the lock only if it is below the number built in, which the board knows.
    return bootloader->generation > board->generation ? QL_LOCK_RAISED : QL_LOCK_SAME;
}

static int fail_lowered(struct ql_failure *failure)
{
    ql_fail(failure, QL_BOOTLOADER_KEPT,
            "this board is locked, and the new bootloader would let in whom it keeps out: it is "
            "open, or has another issuer, or takes older keys");
    ql_hint(failure, "build it with the board's issuer (make ISSUER=NAME.pub MIN_GENERATION=N), or "
                     "say --force if that is meant");
    return -QL_BOOTLOADER_KEPT;
}

static int fail_write_protected(struct ql_failure *failure)
{
    ql_fail(failure, QL_BOOTLOADER_KEPT,
            "the board's internal flash is write-protected, so its bootloader stays");
    ql_hint(failure, "`quadlane protect write off` first, and `write on` afterwards");
    return -QL_BOOTLOADER_KEPT;
}

int ql_board_check_own_flash(const struct ql_board *board, struct ql_failure *failure)
{
    const struct ql_area *area = &board->area;
    if (area->image_start == area->image_end)
        return 0;
    ql_fail(failure, QL_BOARD_REFUSED,
            "the board's bootloader is a second stage in the chip; the internal flash belongs to "
            "the maker's first one");
    ql_hint(failure, "to replace the second stage: quadlane flash --data 0x%08X FILE.exst",
            area->image_start);
    return -QL_BOARD_REFUSED;
}

int ql_bootloader_check(const struct ql_bootloader *bootloader, const struct ql_board *board,
                        bool force, struct ql_failure *failure)
{
    if (strcmp(bootloader->board, board->name) != 0) {
        ql_fail(failure, QL_BOOTLOADER_FILE,
                "the bootloader is made for the board %s, and this one is %s", bootloader->board,
                board->name);
        ql_hint(failure, "on another wiring it would find neither the chip nor the cable");
        return -QL_BOOTLOADER_FILE;
    }
    if (ql_board_check_own_flash(board, failure) != 0)
        return -QL_BOARD_REFUSED;
    if (!ql_board_has(board, QL_INFO_OWN_FLASH)) {
        ql_fail(failure, QL_BOARD_REFUSED,
                "the board's bootloader (%s) cannot replace itself, or may not without a key",
                board->bootloader);
        ql_hint(failure, "install it with dfu-util or a probe: docs/real-hardware.md");
        return -QL_BOARD_REFUSED;
    }
    if (!force && ql_bootloader_lock_change(bootloader, board) == QL_LOCK_LOWERED)
        return fail_lowered(failure);
    return board->write_protected ? fail_write_protected(failure) : 0;
}

// --- Into the board -----------------------------------------------------------------------------

static int request_replace(struct ql_link *link, const struct ql_bootloader *bootloader,
                           uint32_t flags, bool *same, struct ql_failure *failure)
{
    uint8_t payload[QL_REPLACE_SIZE];
    struct ql_answer answer;
    ql_store_u32(payload + QL_REPLACE_LENGTH, bootloader->size);
    ql_store_u32(payload + QL_REPLACE_FLAGS, flags);
    memcpy(payload + QL_REPLACE_SHA256, bootloader->digest, QL_SHA256_SIZE);
    const int result = ql_link_call(link, QL_KIND_REPLACE, payload, sizeof payload,
                                    "replacing the bootloader", &answer, failure);
    if (result != 0 && answer.status == QL_STATUS_LOWERS_LOCK)
        return fail_lowered(failure);
    if (result != 0 && answer.status == QL_STATUS_PROTECTED)
        return fail_write_protected(failure);
    if (result != 0)
        return result;
    *same = answer.size >= QL_REPLACE_CONTENT_SIZE && ql_load_u32(answer.content) == 0;
    return 0;
}

static uint32_t flags_of(bool force)
{
    return force ? QL_REPLACE_LOWER_LOCK : 0;
}

int ql_bootloader_stage(struct ql_connection *connection, const struct ql_bootloader *bootloader,
                        bool force, bool *same, struct ql_failure *failure)
{
    struct ql_link *link = &connection->link;
    const struct ql_extent piece = {QL_STAGING_ADDRESS, bootloader->size, bootloader->bytes};
    uint64_t done = 0;
    int result = ql_board_make_idle(link, failure);
    if (result == 0)
        result = ql_ram_load(link, &piece, &done, piece.size, failure);
    return result == 0 ? request_replace(link, bootloader, flags_of(force) | QL_REPLACE_CHECK_ONLY,
                                         same, failure)
                       : result;
}

// --- The moment, and after ----------------------------------------------------------------------

static int fail_unsure(struct ql_failure *failure, const char *what)
{
    ql_fail(failure, QL_BOOTLOADER_UNSURE, "the bootloader was to be replaced, but %s", what);
    ql_hint(failure,
            "give it a moment and try `quadlane info`; if the board stays silent, install the "
            "bootloader through the ROM (BOOT0 high at reset, dfu-util): docs/real-hardware.md");
    return -QL_BOOTLOADER_UNSURE;
}

// Until the board says HELLO again.
static int await(struct ql_connection *connection, struct ql_failure *failure)
{
    int result = 0;
    for (unsigned i = 0; i < AWAIT_TRIES; i++) {
        result = connection->reconnect(connection, failure);
        if (result == 0 || result == -QL_INTERRUPTED)
            return result;
    }
    return fail_unsure(failure, "the board does not answer any more");
}

static int compare(struct ql_connection *connection, const struct ql_bootloader *bootloader,
                   bool *build_seen, struct ql_failure *failure)
{
    struct ql_board now = {0};
    memcpy(now.id, connection->board.id, sizeof now.id);
    const int result = ql_board_info(&connection->link, &now, failure);
    if (result != 0)
        return result;
    *build_seen = ql_board_has(&now, QL_INFO_BUILD);
    const bool locked = now.lock_state != QL_LOCK_OPEN;
    if (strcmp(now.bootloader, bootloader->version) != 0 || locked != bootloader->locked ||
        (locked && memcmp(now.issuer, bootloader->issuer, QL_FINGERPRINT_SIZE) != 0) ||
        (*build_seen && (now.build_size != bootloader->size ||
                         memcmp(now.build_sha256, bootloader->digest, QL_SHA256_SIZE) != 0)))
        return fail_unsure(failure, "the board came back with another one");
    return 0;
}

int ql_bootloader_replace(struct ql_connection *connection, const struct ql_bootloader *bootloader,
                          bool force, bool *build_seen, struct ql_failure *failure)
{
    const uint32_t session = connection->board.session;
    bool same = false;
    int result = request_replace(&connection->link, bootloader, flags_of(force), &same, failure);
    // Its answer may have been lost with the board's going; what it does then tells.
    if (result != 0 && result != -QL_BOARD_LOST && result != -QL_BOARD_SILENT)
        return result;
    // A key that fits now need not fit the new lock; a wrong one would make the board wait.
    if (ql_bootloader_lock_change(bootloader, &connection->board) != QL_LOCK_SAME)
        connection->has_key = false;
    result = await(connection, failure);
    if (result != 0)
        return result;
    if (connection->board.session == session)
        return fail_unsure(failure, "the board has not done it");
    return compare(connection, bootloader, build_seen, failure);
}

// --- Protection ---------------------------------------------------------------------------------

static int fail_protect(struct ql_failure *failure, const struct ql_answer *answer)
{
    if (answer->status == QL_STATUS_NOT_ALLOWED && answer->detail == 1) {
        ql_fail(failure, QL_BOOTLOADER_KEPT,
                "a debugger is connected to the board; at level 1 the microcontroller would block "
                "its flash at once");
        ql_hint(failure, "disconnect it, take the board's power away for a moment, and repeat");
    } else if (answer->status == QL_STATUS_NOT_ALLOWED && answer->detail == 2) {
        ql_fail(failure, QL_BOOTLOADER_KEPT,
                "the board is at level 2: nothing about its protection can ever be changed");
    } else if (answer->status == QL_STATUS_OPTIONS_FAILED) {
        ql_fail(failure, QL_BOOTLOADER_KEPT,
                "the microcontroller did not take the change of its option bytes (OPTSR_CUR "
                "0x%08X); they are as they were",
                answer->detail);
        ql_hint(failure, "take the power away for a moment and repeat the command");
    } else {
        return ql_fail_status(failure, "changing the protection", answer->status, answer->detail);
    }
    return -QL_BOOTLOADER_KEPT;
}

int ql_board_protect(struct ql_link *link, struct ql_board *board, enum ql_protect what,
                     struct ql_failure *failure)
{
    // The core may stand still while the option bytes change.
    const struct ql_patience patience = {.tries = 5, .timeout_ns = 3 * QL_NS_PER_S};
    uint8_t payload[QL_PROTECT_SIZE];
    struct ql_answer answer;
    ql_store_u32(payload + QL_PROTECT_WHAT, (uint32_t)what);
    ql_store_u32(payload + QL_PROTECT_CHECK, QL_PROTECT_WORD);
    int result = ql_board_make_idle(link, failure);
    if (result == 0)
        result = ql_link_request_patiently(link, QL_KIND_PROTECT, payload, sizeof payload, patience,
                                           &answer, failure);
    if (result != 0)
        return result;
    if (answer.status != QL_STATUS_OK)
        return fail_protect(failure, &answer);
    if (answer.size < QL_OWN_FLASH_SIZE)
        return ql_fail(failure, QL_BOARD_NONSENSE, "the board's answer is too short");
    board->read_protection = answer.content[QL_OWN_FLASH_RDP];
    board->write_protected = (answer.content[QL_OWN_FLASH_WRITE] & 1) != 0;
    return 0;
}
