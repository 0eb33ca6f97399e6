// Settings as items of tag, length and value. Written from SPEC.md section 14.
//
// SPDX-License-Identifier: MIT
#include "core/settings.h"

#include <string.h>

#include "abi/bytes.h"

enum {
    ITEM_TAG = 0,
    ITEM_LENGTH = 1,
    ITEM_VALUE = 2,
};

void settings_clear(uint8_t store[QL_SETTINGS_SIZE])
{
    memset(store, QL_SETTINGS_END, QL_SETTINGS_SIZE);
}

// The size of the item at `offset`, or 0 if none begins there.
static uint32_t item_size(const uint8_t *items, uint32_t length, uint32_t offset)
{
    if (length - offset < ITEM_VALUE || items[offset + ITEM_TAG] == QL_SETTINGS_END ||
        items[offset + ITEM_LENGTH] > length - offset - ITEM_VALUE)
        return 0;
    return ITEM_VALUE + (uint32_t)items[offset + ITEM_LENGTH];
}

uint32_t settings_size(const uint8_t store[QL_SETTINGS_SIZE])
{
    uint32_t offset = 0, size;
    while ((size = item_size(store, QL_SETTINGS_SIZE, offset)) > 0)
        offset += size;
    return offset;
}

// The item with this tag, or NULL.
static const uint8_t *item_find(const uint8_t *items, uint32_t length, uint8_t tag)
{
    uint32_t size;
    for (uint32_t offset = 0; (size = item_size(items, length, offset)) > 0; offset += size)
        if (items[offset + ITEM_TAG] == tag)
            return items + offset;
    return NULL;
}

bool settings_has(const uint8_t *items, uint32_t length, enum ql_setting tag)
{
    return item_find(items, length, (uint8_t)tag) != NULL;
}

// --- What values there are ----------------------------------------------------------------------

static bool number_is_right(const uint8_t *item, uint8_t size, uint32_t most)
{
    if (item[ITEM_LENGTH] != size)
        return false;
    return (size == 1 ? item[ITEM_VALUE] : ql_load_u32(item + ITEM_VALUE)) <= most;
}

static bool text_is_right(const uint8_t *item)
{
    if (item[ITEM_LENGTH] == 0 || item[ITEM_LENGTH] > QL_SETTING_TEXT_MAX)
        return false;
    for (unsigned i = 0; i < item[ITEM_LENGTH]; i++)
        if (item[ITEM_VALUE + i] < ' ' || item[ITEM_VALUE + i] > '~')
            return false;
    return true;
}

static bool item_is_right(const uint8_t *item)
{
    switch (item[ITEM_TAG]) {
    case QL_SETTING_BOOT_ADDRESS:
    case QL_SETTING_GENERATION:
        return number_is_right(item, 4, UINT32_MAX);
    case QL_SETTING_WINDOW:
        return number_is_right(item, 4, QL_WINDOW_MAX_MS);
    case QL_SETTING_ATTEMPTS:
        return number_is_right(item, 1, UINT8_MAX);
    case QL_SETTING_DOUBLE_RESET:
        return number_is_right(item, 1, 1);
    case QL_SETTING_LED:
        return number_is_right(item, 1, QL_LED_WRONG);
    case QL_SETTING_MANUFACTURER:
    case QL_SETTING_PRODUCT:
        return text_is_right(item);
    default:
        return false;
    }
}

static uint32_t number_read(const uint8_t *store, enum ql_setting tag, uint32_t otherwise)
{
    const uint8_t *item = item_find(store, QL_SETTINGS_SIZE, (uint8_t)tag);
    if (!item || !item_is_right(item))
        return otherwise;
    return item[ITEM_LENGTH] == 1 ? item[ITEM_VALUE] : ql_load_u32(item + ITEM_VALUE);
}

static void text_read(char text[QL_SETTING_TEXT_MAX + 1], const uint8_t *store, enum ql_setting tag)
{
    const uint8_t *item = item_find(store, QL_SETTINGS_SIZE, (uint8_t)tag);
    uint32_t length = item && item_is_right(item) ? item[ITEM_LENGTH] : 0;
    if (length > 0)
        memcpy(text, item + ITEM_VALUE, length);
    text[length] = 0;
}

void settings_read(struct settings *settings, const uint8_t store[QL_SETTINGS_SIZE])
{
    *settings = (struct settings){
        .boot_address = number_read(store, QL_SETTING_BOOT_ADDRESS, 0),
        .window_ms = number_read(store, QL_SETTING_WINDOW, QL_START_HELLO_MS),
        .attempts = (uint8_t)number_read(store, QL_SETTING_ATTEMPTS, QL_ATTEMPTS_DEFAULT),
        .double_reset = number_read(store, QL_SETTING_DOUBLE_RESET, 1) != 0,
        .led = (enum ql_led)number_read(store, QL_SETTING_LED, QL_LED_ALL),
        .lowest_generation = number_read(store, QL_SETTING_GENERATION, 0),
    };
    text_read(settings->manufacturer, store, QL_SETTING_MANUFACTURER);
    text_read(settings->product, store, QL_SETTING_PRODUCT);
}

// --- Changes ------------------------------------------------------------------------------------

// Items that fill their space exactly, no tag twice, values that settings can have.
static struct outcome items_check(const uint8_t *items, uint32_t length)
{
    uint32_t size;
    for (uint32_t offset = 0; offset < length; offset += size) {
        const uint8_t *item = items + offset;
        size = item_size(items, length, offset);
        if (size == 0 || item_find(items, length, item[ITEM_TAG]) != item)
            return (struct outcome){QL_STATUS_BAD_REQUEST, offset};
        if (item[ITEM_LENGTH] > 0 && !item_is_right(item))
            return (struct outcome){QL_STATUS_BAD_SETTING, item[ITEM_TAG]};
    }
    return (struct outcome){QL_STATUS_OK, 0};
}

// Takes the item with this tag out of the store, if it is there.
static void item_remove(uint8_t *store, uint8_t tag)
{
    const uint8_t *item = item_find(store, QL_SETTINGS_SIZE, tag);
    if (!item)
        return;
    uint32_t offset = (uint32_t)(item - store);
    uint32_t size = ITEM_VALUE + (uint32_t)item[ITEM_LENGTH];
    memmove(store + offset, store + offset + size, QL_SETTINGS_SIZE - offset - size);
    memset(store + QL_SETTINGS_SIZE - size, QL_SETTINGS_END, size);
}

struct outcome settings_change(uint8_t store[QL_SETTINGS_SIZE], const uint8_t *items,
                               uint32_t length)
{
    uint8_t changed[QL_SETTINGS_SIZE];
    struct outcome outcome = items_check(items, length);
    if (outcome.status != QL_STATUS_OK)
        return outcome;
    uint32_t kept = settings_size(store);
    memcpy(changed, store, kept);
    memset(changed + kept, QL_SETTINGS_END, QL_SETTINGS_SIZE - kept);
    for (uint32_t offset = 0; offset < length;) {
        const uint8_t *item = items + offset;
        uint32_t size = item_size(items, length, offset);
        offset += size;
        item_remove(changed, item[ITEM_TAG]);
        if (item[ITEM_LENGTH] == 0)
            continue;
        kept = settings_size(changed);
        if (size > QL_SETTINGS_SIZE - kept)
            return (struct outcome){QL_STATUS_BAD_SETTING, item[ITEM_TAG]};
        memcpy(changed + kept, item, size);
    }
    memcpy(store, changed, QL_SETTINGS_SIZE);
    return outcome;
}

_Static_assert(QL_SETTINGS_SIZE < UINT8_MAX, "an item of INFO holds all settings");
