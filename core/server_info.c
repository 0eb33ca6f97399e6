// The contents of the answers to HELLO and INFO. Written from SPEC.md section 2.
//
// SPDX-License-Identifier: MIT
#include "core/server_info.h"

#include <string.h>

#include "core/entry.h"
#include "core/server_entry.h"

#include "abi/bytes.h"
#include "abi/fault_dump.h"

enum {
    ITEM_MAX = 255,
};

uint16_t server_hello_store(const struct server *server, uint8_t *content)
{
    const struct server_facts *facts = server->facts;
    memset(content, 0, QL_HELLO_CONTENT_SIZE);
    ql_store_u16(content + QL_HELLO_VERSION, QL_PROTOCOL_VERSION);
    ql_store_u16(content + QL_HELLO_PAYLOAD_MAX, QL_PAYLOAD_MAX);
    ql_store_u32(content + QL_HELLO_WINDOW, server->update.window);
    ql_store_u32(content + QL_HELLO_CAPABILITIES,
                 QL_CAPABILITY_UPDATE | QL_CAPABILITY_SECTORS | QL_CAPABILITY_HASH |
                     QL_CAPABILITY_RESET_STAY | (server->ram ? QL_CAPABILITY_RAM : 0) |
                     (lock_state(&server->lock) == QL_LOCK_LOCKED ? QL_CAPABILITY_LOCKED : 0));
    ql_store_u32(content + QL_HELLO_SESSION, facts->session);
    for (unsigned i = 0; i < 3; i++)
        ql_store_u32(content + QL_HELLO_UID + 4 * i, facts->uid[i]);
    return QL_HELLO_CONTENT_SIZE;
}

// Appends items at `next`.
struct items {
    uint8_t *next;
};

static uint8_t *item_add(struct items *items, enum ql_info_tag tag, size_t length)
{
    uint8_t *value = items->next + 2;
    items->next[0] = (uint8_t)tag;
    items->next[1] = (uint8_t)length;
    items->next = value + length;
    return value;
}

static void text_add(struct items *items, enum ql_info_tag tag, const char *text)
{
    size_t length = strlen(text);
    if (length > ITEM_MAX)
        length = ITEM_MAX;
    memcpy(item_add(items, tag, length), text, length);
}

static void word_add(struct items *items, enum ql_info_tag tag, uint32_t value)
{
    ql_store_u32(item_add(items, tag, 4), value);
}

static void words_add(struct items *items, enum ql_info_tag tag, uint32_t first, uint32_t second)
{
    uint8_t *value = item_add(items, tag, 8);
    ql_store_u32(value, first);
    ql_store_u32(value + 4, second);
}

static void byte_add(struct items *items, enum ql_info_tag tag, uint8_t value)
{
    *item_add(items, tag, 1) = value;
}

static uint16_t clamp_u16(uint32_t value)
{
    return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

static void erase_types_add(struct items *items, const struct nor_geometry *geometry)
{
    uint8_t values[4 * NOR_ERASE_TYPES] = {0};
    size_t length = 0;
    for (unsigned i = 0; i < NOR_ERASE_TYPES; i++) {
        const struct nor_erase_type *type = &geometry->erase[i];
        if (type->size_log2 == 0)
            continue;
        values[length] = type->size_log2;
        ql_store_u16(values + length + 2, clamp_u16(type->typical_ms));
        length += 4;
    }
    memcpy(item_add(items, QL_INFO_ERASE_TYPES, length), values, length);
}

static void area_add(struct items *items, const struct update *update)
{
    bool image = update->image_size > 0;
    uint8_t *value =
        item_add(items, QL_INFO_PROGRAM_AREA, image ? QL_AREA_SIZE_IMAGE : QL_AREA_SIZE);
    ql_store_u32(value, update->program_first);
    ql_store_u32(value + 4, update->program_end);
    if (image) {
        ql_store_u32(value + QL_AREA_IMAGE, update->image_first);
        ql_store_u32(value + QL_AREA_IMAGE_END, update->image_first + update->image_size);
    }
}

static void chip_add(struct items *items, const struct server *server)
{
    const struct nor *nor = server->nor;
    const struct nor_geometry *geometry = &nor->geometry;
    memcpy(item_add(items, QL_INFO_JEDEC_ID, 3), nor->jedec_id, 3);
    if (nor->state == NOR_ABSENT)
        return;
    word_add(items, QL_INFO_CHIP_SIZE, geometry->size);
    uint8_t *status = item_add(items, QL_INFO_STATUS_REGISTERS, 3);
    for (unsigned i = 0; i < 3; i++)
        status[i] = nor->status[i] | nor->second_status[i];
    area_add(items, &server->update);
    erase_types_add(items, geometry);
    uint8_t *page = item_add(items, QL_INFO_PAGE, 4);
    ql_store_u16(page, clamp_u16(geometry->page_size));
    ql_store_u16(page + 2, clamp_u16(geometry->program_typical_us));
    uint8_t *sfdp = item_add(items, QL_INFO_SFDP, 2);
    sfdp[0] = geometry->sfdp_major;
    sfdp[1] = geometry->sfdp_minor;
    if (nor->name)
        text_add(items, QL_INFO_CHIP_NAME, nor->name);
}

static void verdict_add(struct items *items, struct server *server)
{
    struct outcome verdict = {QL_STATUS_BUSY, server->update.id};
    if (update_is_idle(&server->update))
        verdict = server_program_check(server, server_boot_address(server));
    uint8_t *value = item_add(items, QL_INFO_VERDICT, 8);
    ql_store_u16(value, (uint16_t)verdict.status);
    ql_store_u16(value + 2, 0);
    ql_store_u32(value + 4, verdict.detail);
}

static void attempts_add(struct items *items, struct server *server)
{
    if (!update_is_idle(&server->update))
        return;
    const struct records_run *run = server_confirming_run(server, server_boot_address(server));
    if (!run)
        return;
    uint8_t *value = item_add(items, QL_INFO_ATTEMPTS, QL_ATTEMPTS_SIZE);
    value[QL_ATTEMPTS_COUNT] = (uint8_t)entry_attempts(server->facts->attempts, run->sha256);
    value[QL_ATTEMPTS_LIMIT] = server_settings(server)->attempts;
}

static void runs_add(struct items *items, const struct records *records)
{
    for (unsigned i = 0; i < records->count; i++) {
        const struct records_run *run = &records->runs[i];
        uint8_t *value = item_add(items, QL_INFO_RUN, QL_RUN_SIZE);
        memset(value, 0, QL_RUN_SIZE);
        ql_store_u32(value + QL_RUN_ADDRESS, run->address);
        ql_store_u32(value + QL_RUN_LENGTH, run->length);
        value[QL_RUN_STATE] = run->sealed ? QL_RUN_SEALED : QL_RUN_WRITING;
        value[QL_RUN_FLAGS] = (uint8_t)run->flags;
        memcpy(value + QL_RUN_DIGEST, run->sha256, QL_RUN_DIGEST_SIZE);
    }
}

static void settings_add(struct items *items, const struct records *records)
{
    uint32_t size = settings_size(records->settings);
    if (size > 0)
        memcpy(item_add(items, QL_INFO_SETTINGS, size), records->settings, size);
}

static void upload_failure_add(struct items *items, const struct outcome *failure)
{
    if (failure->status == QL_STATUS_OK)
        return;
    uint8_t *value = item_add(items, QL_INFO_DFU, QL_DFU_FAILURE_SIZE);
    ql_store_u16(value + QL_DFU_FAILURE_STATUS, (uint16_t)failure->status);
    ql_store_u16(value + QL_DFU_FAILURE_STATUS + 2, 0);
    ql_store_u32(value + QL_DFU_FAILURE_DETAIL, failure->detail);
}

static void last_update_add(struct items *items, const struct records *records)
{
    if (records->last.kind == 0)
        return;
    uint8_t *value = item_add(items, QL_INFO_LAST_UPDATE, QL_LAST_SIZE);
    memset(value, 0, QL_LAST_SIZE);
    value[QL_LAST_KIND] = (uint8_t)records->last.kind;
    ql_store_u32(value + QL_LAST_ADDRESS, records->last.address);
    ql_store_u32(value + QL_LAST_LENGTH, records->last.length);
    ql_store_u32(value + QL_LAST_ID, records->last.id);
}

static void dump_add(struct items *items, const uint32_t *dump)
{
    if (!dump)
        return;
    uint8_t *value = item_add(items, QL_INFO_FAULT_DUMP, QL_DUMP_ITEM_SIZE);
    for (unsigned i = 0; i < QL_DUMP_ITEM_SIZE / 4; i++)
        ql_store_u32(value + 4 * i, dump[QL_DUMP_KIND + i]);
}

static void build_add(struct items *items, const struct server_facts *facts)
{
    if (facts->build_size == 0)
        return;
    uint8_t *value = item_add(items, QL_INFO_BUILD, QL_BUILD_SIZE);
    ql_store_u32(value + QL_BUILD_LENGTH, facts->build_size);
    memcpy(value + QL_BUILD_SHA256, facts->build_sha256, QL_SHA256_SIZE);
}

static void lock_add(struct items *items, const struct lock *lock)
{
    enum ql_lock_state state = lock_state(lock);
    memcpy(item_add(items, QL_INFO_BOARD_ID, QL_BOARD_ID_SIZE), lock->board_id, QL_BOARD_ID_SIZE);
    uint8_t *value =
        item_add(items, QL_INFO_LOCK, state == QL_LOCK_OPEN ? QL_LOCK_SIZE_OPEN : QL_LOCK_SIZE);
    memset(value, 0, QL_LOCK_SIZE_OPEN);
    value[QL_LOCK_STATE] = (uint8_t)state;
    ql_store_u32(value + QL_LOCK_PERMISSIONS, lock->permissions);
    ql_store_u32(value + QL_LOCK_GENERATION, lock->lowest);
    if (state != QL_LOCK_OPEN)
        memcpy(value + QL_LOCK_ISSUER, lock->issuer, QL_FINGERPRINT_SIZE);
}

static void protection_add(struct items *items, const struct server *server)
{
    uint8_t own_flash[QL_OWN_FLASH_SIZE];
    if (!bootloader_info(&server->bootloader, own_flash)) {
        byte_add(items, QL_INFO_READ_PROTECTION, server->facts->read_protection);
        return;
    }
    byte_add(items, QL_INFO_READ_PROTECTION, own_flash[QL_OWN_FLASH_RDP]);
    memcpy(item_add(items, QL_INFO_OWN_FLASH, sizeof own_flash), own_flash, sizeof own_flash);
}

uint16_t server_info_store(struct server *server, uint8_t *content)
{
    const struct server_facts *facts = server->facts;
    struct items items = {.next = content};
    text_add(&items, QL_INFO_BOARD, facts->board_name);
    text_add(&items, QL_INFO_VERSION, facts->version);
    lock_add(&items, &server->lock);
    if (lock_check(&server->lock, QL_PERMIT_READ).status != QL_STATUS_OK)
        return (uint16_t)(items.next - content);
    chip_add(&items, server);
    word_add(&items, QL_INFO_MAPPED_BASE, QL_MAPPED_BASE);
    byte_add(&items, QL_INFO_STAY_REASON, (uint8_t)facts->stay_reason);
    word_add(&items, QL_INFO_BOOT_ADDRESS, server_boot_address(server));
    verdict_add(&items, server);
    attempts_add(&items, server);
    word_add(&items, QL_INFO_RESET_CAUSE, facts->reset_cause);
    word_add(&items, QL_INFO_IDCODE, facts->idcode);
    words_add(&items, QL_INFO_CLOCKS, facts->cpu_hz, facts->quadspi_hz);
    words_add(&items, QL_INFO_COUNTERS, server->frames_taken, server->frames_damaged);
    protection_add(&items, server);
    runs_add(&items, &server->records);
    settings_add(&items, &server->records);
    last_update_add(&items, &server->records);
    upload_failure_add(&items, &server->upload_failure);
    if (facts->px4_board_id != 0)
        words_add(&items, QL_INFO_PX4, facts->px4_board_id, facts->px4_board_revision);
    build_add(&items, facts);
    dump_add(&items, facts->fault_dump);
    return (uint16_t)(items.next - content);
}
