// What a board tells about itself, and its small requests (SPEC.md section 2).
//
// SPDX-License-Identifier: MIT
#include "host/board.h"

#include "abi/bytes.h"

#include <stdio.h>
#include <string.h>

#define HELLO_TRIES      4
#define HELLO_TIMEOUT_NS (500 * QL_NS_PER_MS)

static int fail_content(struct ql_failure *failure, const char *name)
{
    ql_fail(failure, QL_BOARD_NONSENSE, "the board's answer to %s makes no sense", name);
    ql_hint(failure, "tool and bootloader may be of different versions; update both");
    return -QL_BOARD_NONSENSE;
}

bool ql_board_parse_hello(struct ql_board *board, const uint8_t *content, size_t size)
{
    if (size < QL_HELLO_CONTENT_SIZE)
        return false;
    board->protocol = ql_load_u16(content + QL_HELLO_VERSION);
    board->payload_max = ql_load_u16(content + QL_HELLO_PAYLOAD_MAX);
    board->window = ql_load_u32(content + QL_HELLO_WINDOW);
    board->capabilities = ql_load_u32(content + QL_HELLO_CAPABILITIES);
    board->session = ql_load_u32(content + QL_HELLO_SESSION);
    for (int i = 0; i < 3; i++)
        snprintf(board->serial + 8 * i, 9, "%08X", ql_load_u32(content + QL_HELLO_UID + 4 * i));
    ql_board_id(content + QL_HELLO_UID, board->id);
    if (board->payload_max > QL_PAYLOAD_MAX)
        board->payload_max = QL_PAYLOAD_MAX;
    // Less, and not even one WRITE of the smallest useful size would fit.
    return board->payload_max >= 1040 && board->window >= 1040;
}

int ql_board_hello(struct ql_link *link, struct ql_board *board, struct ql_failure *failure)
{
    const struct ql_patience patience = {HELLO_TRIES, HELLO_TIMEOUT_NS};
    uint8_t payload[QL_HELLO_SIZE] = {0};
    struct ql_answer answer;
    ql_store_u16(payload + QL_HELLO_LOWEST, QL_PROTOCOL_VERSION);
    ql_store_u16(payload + QL_HELLO_HIGHEST, QL_PROTOCOL_VERSION);
    *board = (struct ql_board){0};
    const int result = ql_link_request_patiently(link, QL_KIND_HELLO, payload, sizeof payload,
                                                 patience, &answer, failure);
    if (result != 0)
        return result;
    if (answer.status != QL_STATUS_OK)
        return ql_fail_status(failure, "first contact", answer.status, answer.detail);
    if (!ql_board_parse_hello(board, answer.content, answer.size) ||
        board->protocol != QL_PROTOCOL_VERSION)
        return fail_content(failure, "HELLO");
    return 0;
}

static void take_text(char text[QL_TEXT_SIZE], const uint8_t *value, size_t size)
{
    const size_t length = size < QL_TEXT_SIZE - 1 ? size : QL_TEXT_SIZE - 1;
    for (size_t i = 0; i < length; i++)
        text[i] = value[i] >= ' ' && value[i] <= '~' ? (char)value[i] : '?';
    text[length] = '\0';
}

static void take_erase_types(struct ql_geometry *geometry, const uint8_t *value, size_t size)
{
    geometry->erase_count = 0;
    for (size_t at = 0; at + 4 <= size && geometry->erase_count < QL_ERASE_TYPES_MAX; at += 4) {
        if (value[at] > 31)
            continue;
        geometry->erase[geometry->erase_count++] =
            (struct ql_erase_type){UINT32_C(1) << value[at], ql_load_u16(value + at + 2)};
    }
}

static uint32_t sector_size(const struct ql_geometry *geometry)
{
    uint32_t smallest = 0;
    for (size_t i = 0; i < geometry->erase_count; i++) {
        if (smallest == 0 || geometry->erase[i].size < smallest)
            smallest = geometry->erase[i].size;
    }
    return smallest > QL_SECTOR_SIZE ? smallest : QL_SECTOR_SIZE;
}

// Items whose value is longer than known here may have grown in a later version.
static const uint8_t smallest_sizes[] = {
    [QL_INFO_JEDEC_ID] = 3,
    [QL_INFO_CHIP_SIZE] = 4,
    [QL_INFO_STATUS_REGISTERS] = 3,
    [QL_INFO_MAPPED_BASE] = 4,
    [QL_INFO_PROGRAM_AREA] = QL_AREA_SIZE,
    [QL_INFO_ERASE_TYPES] = 4,
    [QL_INFO_PAGE] = 4,
    [QL_INFO_STAY_REASON] = 1,
    [QL_INFO_BOOT_ADDRESS] = 4,
    [QL_INFO_VERDICT] = 8,
    [QL_INFO_RESET_CAUSE] = 4,
    [QL_INFO_IDCODE] = 4,
    [QL_INFO_CLOCKS] = 8,
    [QL_INFO_COUNTERS] = 8,
    [QL_INFO_READ_PROTECTION] = 1,
    [QL_INFO_SFDP] = 2,
    [QL_INFO_CHIP_NAME] = 0,
    [QL_INFO_RUN] = QL_RUN_SIZE,
    [QL_INFO_SETTINGS] = 0,
    [QL_INFO_LAST_UPDATE] = QL_LAST_SIZE,
    [QL_INFO_OWN_FLASH] = QL_OWN_FLASH_SIZE,
    [QL_INFO_BOARD_ID] = QL_BOARD_ID_SIZE,
    [QL_INFO_LOCK] = QL_LOCK_SIZE_OPEN,
    [QL_INFO_BUILD] = QL_BUILD_SIZE,
    [QL_INFO_DFU] = QL_DFU_FAILURE_SIZE,
    [QL_INFO_PX4] = 8,
    [QL_INFO_ATTEMPTS] = QL_ATTEMPTS_SIZE,
    [QL_INFO_FAULT_DUMP] = QL_DUMP_ITEM_SIZE,
};

static void take_run(struct ql_board *board, const uint8_t *value)
{
    if (board->run_count == QL_RUNS_MAX)
        return;
    struct ql_run *run = &board->runs[board->run_count++];
    run->address = ql_load_u32(value + QL_RUN_ADDRESS);
    run->length = ql_load_u32(value + QL_RUN_LENGTH);
    run->state = value[QL_RUN_STATE];
    run->is_program = (value[QL_RUN_FLAGS] & QL_BEGIN_FLAG_PROGRAM) != 0;
    memcpy(run->digest, value + QL_RUN_DIGEST, sizeof run->digest);
}

static void take_chip_item(struct ql_board *board, uint8_t tag, const uint8_t *value, size_t size)
{
    switch (tag) {
    case QL_INFO_JEDEC_ID:
        board->jedec_id = (uint32_t)value[0] << 16 | (uint32_t)value[1] << 8 | value[2];
        break;
    case QL_INFO_CHIP_SIZE:
        board->chip_size = ql_load_u32(value);
        break;
    case QL_INFO_STATUS_REGISTERS:
        memcpy(board->status_registers, value, 3);
        break;
    case QL_INFO_MAPPED_BASE:
        board->area.chip_start = ql_load_u32(value);
        break;
    case QL_INFO_PROGRAM_AREA:
        board->area.program_start = ql_load_u32(value);
        board->area.program_end = ql_load_u32(value + 4);
        if (size >= QL_AREA_SIZE_IMAGE) {
            board->area.image_start = ql_load_u32(value + QL_AREA_IMAGE);
            board->area.image_end = ql_load_u32(value + QL_AREA_IMAGE_END);
        }
        break;
    case QL_INFO_ERASE_TYPES:
        take_erase_types(&board->geometry, value, size);
        break;
    case QL_INFO_PAGE:
        board->geometry.page_size = ql_load_u16(value);
        board->geometry.page_typical_us = ql_load_u16(value + 2);
        break;
    case QL_INFO_SFDP:
        memcpy(board->sfdp, value, 2);
        break;
    case QL_INFO_CHIP_NAME:
        take_text(board->chip_name, value, size);
        break;
    case QL_INFO_RUN:
        take_run(board, value);
        break;
    default:
        break;
    }
}

static void take_lock(struct ql_board *board, const uint8_t *value, size_t size)
{
    board->lock_state = value[QL_LOCK_STATE];
    board->permissions = ql_load_u32(value + QL_LOCK_PERMISSIONS);
    board->generation = ql_load_u32(value + QL_LOCK_GENERATION);
    if (size >= QL_LOCK_SIZE)
        memcpy(board->issuer, value + QL_LOCK_ISSUER, QL_FINGERPRINT_SIZE);
}

static void take_own_flash(struct ql_board *board, const uint8_t *value)
{
    board->read_protection = value[QL_OWN_FLASH_RDP];
    board->write_protected = (value[QL_OWN_FLASH_WRITE] & 1) != 0;
}

static void take_last_update(struct ql_board *board, const uint8_t *value)
{
    board->last_kind = value[QL_LAST_KIND];
    board->last_address = ql_load_u32(value + QL_LAST_ADDRESS);
    board->last_length = ql_load_u32(value + QL_LAST_LENGTH);
}

static void take_dump(struct ql_board *board, const uint8_t *value)
{
    for (size_t i = 0; i < QL_DUMP_ITEM_SIZE / 4; i++)
        board->fault_dump[QL_DUMP_KIND + i] = ql_load_u32(value + 4 * i);
}

static void take_board_item(struct ql_board *board, uint8_t tag, const uint8_t *value, size_t size)
{
    switch (tag) {
    case QL_INFO_BOARD:
        take_text(board->name, value, size);
        break;
    case QL_INFO_VERSION:
        take_text(board->bootloader, value, size);
        break;
    case QL_INFO_STAY_REASON:
        board->stay_reason = value[0];
        break;
    case QL_INFO_BOOT_ADDRESS:
        board->boot_address = ql_load_u32(value);
        break;
    case QL_INFO_VERDICT:
        board->verdict = ql_load_u16(value);
        board->verdict_detail = ql_load_u32(value + 4);
        break;
    case QL_INFO_RESET_CAUSE:
        board->reset_cause = ql_load_u32(value);
        break;
    case QL_INFO_IDCODE:
        board->idcode = ql_load_u32(value);
        break;
    case QL_INFO_CLOCKS:
        board->cpu_hz = ql_load_u32(value);
        board->quadspi_hz = ql_load_u32(value + 4);
        break;
    case QL_INFO_COUNTERS:
        board->frames_taken = ql_load_u32(value);
        board->frames_damaged = ql_load_u32(value + 4);
        break;
    case QL_INFO_ATTEMPTS:
        board->attempts = value[QL_ATTEMPTS_COUNT];
        board->attempts_limit = value[QL_ATTEMPTS_LIMIT];
        break;
    case QL_INFO_READ_PROTECTION:
        board->read_protection = value[0];
        break;
    case QL_INFO_OWN_FLASH:
        take_own_flash(board, value);
        break;
    case QL_INFO_BOARD_ID:
        memcpy(board->id_told, value, QL_BOARD_ID_SIZE);
        break;
    case QL_INFO_LOCK:
        take_lock(board, value, size);
        break;
    case QL_INFO_LAST_UPDATE:
        take_last_update(board, value);
        break;
    case QL_INFO_DFU:
        board->dfu_status = ql_load_u16(value + QL_DFU_FAILURE_STATUS);
        board->dfu_detail = ql_load_u32(value + QL_DFU_FAILURE_DETAIL);
        break;
    case QL_INFO_PX4:
        board->px4_board_id = ql_load_u32(value);
        board->px4_board_revision = ql_load_u32(value + 4);
        break;
    case QL_INFO_BUILD:
        board->build_size = ql_load_u32(value + QL_BUILD_LENGTH);
        memcpy(board->build_sha256, value + QL_BUILD_SHA256, QL_SHA256_SIZE);
        break;
    case QL_INFO_FAULT_DUMP:
        take_dump(board, value);
        break;
    default:
        take_chip_item(board, tag, value, size);
        break;
    }
}

bool ql_board_parse_info(struct ql_board *board, const uint8_t *items, size_t size)
{
    size_t at = 0;
    board->run_count = 0;
    board->settings.size = 0;
    while (at + 2 <= size) {
        const uint8_t tag = items[at];
        const uint8_t length = items[at + 1];
        const uint8_t *value = items + at + 2;
        at += 2U + length;
        if (at > size)
            return false;
        if (tag == 0 || tag >= 8 * sizeof board->items)
            continue;
        if (tag < sizeof smallest_sizes && length < smallest_sizes[tag])
            return false;
        if (tag == QL_INFO_SETTINGS && !ql_settings_take(&board->settings, value, length))
            return false;
        take_board_item(board, tag, value, length);
        board->items |= UINT64_C(1) << tag;
    }
    if (at != size)
        return false;
    struct ql_area *area = &board->area;
    area->sector_size = sector_size(&board->geometry);
    if (!ql_board_has(board, QL_INFO_MAPPED_BASE))
        area->chip_start = QL_MAPPED_BASE;
    if (board->chip_size > UINT32_MAX - area->chip_start)
        return false;
    area->chip_end = area->chip_start + board->chip_size;
    area->known = true;
    return true;
}

bool ql_board_has(const struct ql_board *board, enum ql_info_tag tag)
{
    return (board->items >> tag & 1) != 0;
}

int ql_board_info(struct ql_link *link, struct ql_board *board, struct ql_failure *failure)
{
    struct ql_answer answer;
    const int result =
        ql_link_call(link, QL_KIND_INFO, NULL, 0, "asking what it is", &answer, failure);
    if (result != 0)
        return result;
    if (!ql_board_parse_info(board, answer.content, answer.size))
        return fail_content(failure, "INFO");
    ql_note(link->observer, "board %s, bootloader %s, chip %s, JEDEC id %06X", board->name,
            board->bootloader, board->chip_name[0] != '\0' ? board->chip_name : "unknown",
            board->jedec_id);
    if (!ql_board_has(board, QL_INFO_BOARD_ID) ||
        memcmp(board->id, board->id_told, QL_BOARD_ID_SIZE) == 0)
        return 0;
    ql_fail(failure, QL_BOARD_NONSENSE,
            "the board's id is not the one that follows from its unique id");
    ql_hint(failure, "its bootloader is broken, or something else poses as this board");
    return -QL_BOARD_NONSENSE;
}

int ql_board_check_chip(const struct ql_board *board, struct ql_failure *failure)
{
    if (board->stay_reason == QL_STAY_CHIP_ABSENT || board->chip_size == 0)
        return ql_fail_status(failure, "the board cannot be used", QL_STATUS_CHIP_ABSENT,
                              board->jedec_id);
    const struct ql_area *area = &board->area;
    if (!ql_board_has(board, QL_INFO_PROGRAM_AREA) || area->program_start < area->chip_start ||
        area->program_end > area->chip_end || area->program_start >= area->program_end ||
        board->geometry.erase_count == 0)
        return fail_content(failure, "INFO");
    return 0;
}

bool ql_board_is_unfinished(const struct ql_board *board, uint32_t address, uint32_t length)
{
    const uint64_t end = (uint64_t)address + length;
    for (size_t i = 0; i < board->run_count; i++) {
        const struct ql_run *run = &board->runs[i];
        const uint64_t below = board->area.sector_size - 1;
        const uint64_t first = run->address & ~below;
        const uint64_t run_end = (uint64_t)run->address + run->length + below;
        if (run->state == QL_RUN_WRITING && end > first && address < (run_end & ~below))
            return true;
    }
    return false;
}

const char *ql_stay_reason_text(uint8_t reason)
{
    static const char *const texts[] = {
        [QL_STAY_NOT] = "it is about to start the program",
        [QL_STAY_BLANK] = "there is no program",
        [QL_STAY_BAD_VECTORS] = "the program's vector table cannot be right",
        [QL_STAY_BUTTON] = "the button is held",
        [QL_STAY_REQUESTED] = "a program or a tool asked for it",
        [QL_STAY_CHIP_ABSENT] = "no usable flash chip was found",
        [QL_STAY_HOST] = "this computer spoke to it in its start window",
        [QL_STAY_UNFINISHED] = "the last update is unfinished",
        [QL_STAY_NOT_SEALED] = "the program is not sealed, or was changed since",
        [QL_STAY_RESET_TWICE] = "reset was pressed twice",
        [QL_STAY_NOT_CONFIRMED] = "the program did not confirm its last starts",
    };
    return reason < sizeof texts / sizeof texts[0] ? texts[reason]
                                                   : "for a reason that this tool does not know";
}

bool ql_progress_parse(struct ql_update_progress *progress, const uint8_t *record, size_t size)
{
    if (size < QL_PROGRESS_SIZE)
        return false;
    *progress = (struct ql_update_progress){
        .id = ql_load_u32(record + QL_PROGRESS_ID),
        .state = record[QL_PROGRESS_STATE],
        .status = ql_load_u16(record + QL_PROGRESS_STATUS),
        .detail = ql_load_u32(record + QL_PROGRESS_DETAIL),
        .taken = ql_load_u32(record + QL_PROGRESS_TAKEN),
        .executed = ql_load_u32(record + QL_PROGRESS_EXECUTED),
        .faults = ql_load_u32(record + QL_PROGRESS_FAULTS),
        .erased = ql_load_u32(record + QL_PROGRESS_ERASED),
        .programmed = ql_load_u32(record + QL_PROGRESS_PROGRAMMED),
        .skipped = ql_load_u32(record + QL_PROGRESS_SKIPPED),
        .address = ql_load_u32(record + QL_PROGRESS_ADDRESS),
    };
    return progress->executed <= progress->taken;
}

int ql_board_status(struct ql_link *link, struct ql_update_progress *progress,
                    struct ql_failure *failure)
{
    struct ql_answer answer;
    const int result =
        ql_link_call(link, QL_KIND_STATUS, NULL, 0, "asking for its state", &answer, failure);
    if (result != 0)
        return result;
    return ql_progress_parse(progress, answer.content, answer.size)
               ? 0
               : fail_content(failure, "STATUS");
}

int ql_board_abort(struct ql_link *link, uint32_t id, struct ql_failure *failure)
{
    uint8_t payload[QL_ABORT_SIZE];
    struct ql_answer answer;
    ql_store_u32(payload + QL_ABORT_ID, id);
    const int result = ql_link_call(link, QL_KIND_ABORT, payload, sizeof payload,
                                    "closing the update", &answer, failure);
    // Nothing open is what was wanted.
    return result != 0 && answer.status == QL_STATUS_NO_UPDATE ? 0 : result;
}

int ql_board_make_idle(struct ql_link *link, struct ql_failure *failure)
{
    struct ql_update_progress progress;
    const int result = ql_board_status(link, &progress, failure);
    if (result != 0)
        return result;
    if (progress.state != QL_UPDATE_OPEN && progress.state != QL_UPDATE_VERIFYING)
        return 0;
    return ql_board_abort(link, 0, failure);
}

// A request with an address and a size, whose answer must have exactly `answer_size` bytes.
static int call_range(struct ql_link *link, uint8_t kind, const char *verb, uint32_t address,
                      uint32_t size, uint32_t answer_size, struct ql_answer *answer,
                      struct ql_failure *failure)
{
    uint8_t payload[8];
    char what[64];
    snprintf(what, sizeof what, "%s 0x%08X", verb, address);
    ql_store_u32(payload, address);
    ql_store_u32(payload + 4, size);
    const int result = ql_link_call(link, kind, payload, sizeof payload, what, answer, failure);
    if (result != 0)
        return result;
    return answer->size == answer_size ? 0 : fail_content(failure, "a request");
}

int ql_board_read(struct ql_link *link, uint32_t address, uint8_t *data, uint32_t size,
                  struct ql_failure *failure)
{
    struct ql_answer answer;
    const int result =
        call_range(link, QL_KIND_READ, "reading", address, size, size, &answer, failure);
    if (result == 0)
        memcpy(data, answer.content, size);
    return result;
}

int ql_board_hash(struct ql_link *link, uint32_t address, uint32_t size,
                  uint8_t digest[QL_SHA256_SIZE], struct ql_failure *failure)
{
    struct ql_answer answer;
    const int result =
        call_range(link, QL_KIND_HASH, "hashing", address, size, QL_SHA256_SIZE, &answer, failure);
    if (result == 0)
        memcpy(digest, answer.content, QL_SHA256_SIZE);
    return result;
}

int ql_board_sectors(struct ql_link *link, uint32_t address, uint32_t count,
                     uint8_t (*digests)[QL_SECTOR_DIGEST_SIZE], struct ql_failure *failure)
{
    struct ql_answer answer;
    const uint32_t size = count * QL_SECTOR_DIGEST_SIZE;
    const int result =
        call_range(link, QL_KIND_SECTORS, "comparing", address, count, size, &answer, failure);
    if (result == 0)
        memcpy(digests, answer.content, size);
    return result;
}

// A board that was told to leave may be gone before its answer was read from the port; one that
// refuses stays.
static int left_as_asked(int result)
{
    return result == -QL_BOARD_LOST ? 0 : result;
}

int ql_board_boot(struct ql_link *link, uint32_t address, struct ql_failure *failure)
{
    struct ql_answer answer;
    uint8_t payload[QL_BOOT_SIZE] = {0};
    char what[64] = "starting the program";
    if (address != 0)
        snprintf(what, sizeof what, "starting the program at 0x%08X", address);
    ql_store_u32(payload + QL_BOOT_ADDRESS, address);
    return left_as_asked(
        ql_link_call(link, QL_KIND_BOOT, payload, sizeof payload, what, &answer, failure));
}

int ql_board_reset(struct ql_link *link, const struct ql_board *board, bool stay, bool forget,
                   struct ql_failure *failure)
{
    if (stay && (board->capabilities & QL_CAPABILITY_RESET_STAY) == 0) {
        ql_fail(failure, QL_BOARD_REFUSED,
                "this board cannot come back into its bootloader by itself");
        ql_hint(failure, "reset it with its button held");
        return -QL_BOARD_REFUSED;
    }
    struct ql_answer answer;
    uint8_t payload[QL_RESET_SIZE];
    ql_store_u32(
        payload + QL_RESET_MODE,
        (stay ? QL_RESET_STAY : 0U) |
            (forget && ql_board_has(board, QL_INFO_FAULT_DUMP) ? QL_RESET_FORGET_DUMP : 0U));
    return left_as_asked(
        ql_link_call(link, QL_KIND_RESET, payload, sizeof payload, "resetting", &answer, failure));
}
