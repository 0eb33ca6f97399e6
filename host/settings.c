// Settings as text and as items. Written from SPEC.md section 14.
//
// SPDX-License-Identifier: MIT
#include "host/settings.h"

#include "abi/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ITEM_TAG = 0,
    ITEM_LENGTH = 1,
    ITEM_VALUE = 2,
};

static const char *const switches[] = {"off", "on", NULL};
static const char *const leds[] = {
    [QL_LED_DARK] = "off", [QL_LED_ALL] = "on", [QL_LED_WRONG] = "faults", NULL};

const struct ql_setting_type ql_setting_types[] = {
    {"boot-address", QL_SETTING_BOOT_ADDRESS, QL_FORM_ADDRESS, UINT32_MAX, QL_PROGRAM_FIRST, "",
     NULL, "an address where a program is, such as 0x90100000"},
    {"window", QL_SETTING_WINDOW, QL_FORM_NUMBER, QL_WINDOW_MAX_MS, QL_START_HELLO_MS, " ms", NULL,
     "milliseconds, 0 to 60000; 0: the program starts at once"},
    {"attempts", QL_SETTING_ATTEMPTS, QL_FORM_COUNT, UINT8_MAX, QL_ATTEMPTS_DEFAULT, "", NULL,
     "a number, 0 to 255; 0: any number of times"},
    {"double-reset", QL_SETTING_DOUBLE_RESET, QL_FORM_CHOICES, 1, 1, "", switches, "on or off"},
    {"led", QL_SETTING_LED, QL_FORM_CHOICES, QL_LED_WRONG, QL_LED_ALL, "", leds,
     "on, off, or faults (lit only when something is wrong)"},
    {"manufacturer", QL_SETTING_MANUFACTURER, QL_FORM_TEXT, 0, 0, "", NULL,
     "1 to 32 characters of ASCII"},
    {"product", QL_SETTING_PRODUCT, QL_FORM_TEXT, 0, 0, "", NULL, "1 to 32 characters of ASCII"},
    {"lowest-generation", QL_SETTING_GENERATION, QL_FORM_NUMBER, UINT32_MAX, 0, "", NULL,
     "a number, at most the generation of the key in use"},
    {NULL, QL_SETTING_BOOT_ADDRESS, QL_FORM_TEXT, 0, 0, NULL, NULL, NULL},
};

const struct ql_setting_type *ql_setting_find(const char *name)
{
    for (const struct ql_setting_type *type = ql_setting_types; type->name != NULL; type++) {
        if (strcmp(type->name, name) == 0)
            return type;
    }
    return NULL;
}

const struct ql_setting_type *ql_setting_find_tag(uint8_t tag)
{
    for (const struct ql_setting_type *type = ql_setting_types; type->name != NULL; type++) {
        if (type->tag == tag)
            return type;
    }
    return NULL;
}

// --- Items --------------------------------------------------------------------------------------

const uint8_t *ql_settings_next(const struct ql_settings *settings, size_t *at)
{
    if (*at == settings->size)
        return NULL;
    const uint8_t *item = settings->items + *at;
    *at += ITEM_VALUE + (size_t)item[ITEM_LENGTH];
    return item;
}

bool ql_settings_take(struct ql_settings *settings, const uint8_t *items, size_t size)
{
    size_t at = 0;
    settings->size = 0;
    if (size > sizeof settings->items)
        return false;
    while (at + ITEM_VALUE <= size && at + ITEM_VALUE + items[at + ITEM_LENGTH] <= size)
        at += ITEM_VALUE + (size_t)items[at + ITEM_LENGTH];
    if (at != size)
        return false;
    if (size > 0)
        memcpy(settings->items, items, size);
    settings->size = size;
    return true;
}

const uint8_t *ql_settings_item(const struct ql_settings *settings, uint8_t tag)
{
    const uint8_t *item;
    size_t at = 0;
    while ((item = ql_settings_next(settings, &at)) != NULL) {
        if (item[ITEM_TAG] == tag)
            return item;
    }
    return NULL;
}

static size_t value_size(const struct ql_setting_type *type)
{
    return type->form == QL_FORM_ADDRESS || type->form == QL_FORM_NUMBER ? 4 : 1;
}

// --- Text to item -------------------------------------------------------------------------------

static int fail_value(const struct ql_setting_type *type, const char *text, const char *why,
                      struct ql_failure *failure)
{
    ql_fail(failure, QL_SETTING_BAD, "%s cannot be \"%.80s\"%s", type->name, text, why);
    ql_hint(failure, "it takes %s", type->takes);
    return -QL_SETTING_BAD;
}

static int parse_number(const struct ql_setting_type *type, const char *text, uint32_t *number,
                        struct ql_failure *failure)
{
    const bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hexadecimal ? text + 2 : text;
    const size_t length = strspn(digits, hexadecimal ? "0123456789abcdefABCDEF" : "0123456789");
    const char *rest = digits + length;
    const bool unit =
        type->unit[0] != '\0' && strcmp(rest + strspn(rest, " "), type->unit + 1) == 0;
    if (length == 0 || (digits[length] != '\0' && !unit))
        return fail_value(type, text, ", which is no number", failure);
    const uint64_t value = length > 15 ? UINT64_MAX : strtoull(digits, NULL, hexadecimal ? 16 : 10);
    if (value > type->most)
        return fail_value(type, text, ", which is too much", failure);
    *number = (uint32_t)value;
    return 0;
}

static int parse_choice(const struct ql_setting_type *type, const char *text, uint32_t *number,
                        struct ql_failure *failure)
{
    for (uint32_t i = 0; type->choices[i] != NULL; i++) {
        if (strcmp(type->choices[i], text) == 0) {
            *number = i;
            return 0;
        }
    }
    return fail_value(type, text, "", failure);
}

static int parse_text(const struct ql_setting_type *type, const char *text, uint8_t *item,
                      size_t *size, struct ql_failure *failure)
{
    const size_t length = strlen(text);
    if (length == 0 || length > QL_SETTING_TEXT_MAX)
        return fail_value(type, text, length == 0 ? "" : ", which is too long", failure);
    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return fail_value(type, text, ", which is not all ASCII", failure);
    }
    item[ITEM_LENGTH] = (uint8_t)length;
    memcpy(item + ITEM_VALUE, text, length);
    *size = ITEM_VALUE + length;
    return 0;
}

int ql_setting_parse(const struct ql_setting_type *type, const char *text,
                     uint8_t item[QL_SETTING_ITEM_MAX], size_t *size, struct ql_failure *failure)
{
    uint32_t number = 0;
    item[ITEM_TAG] = (uint8_t)type->tag;
    if (type->form == QL_FORM_TEXT)
        return parse_text(type, text, item, size, failure);
    const int result = type->form == QL_FORM_CHOICES ? parse_choice(type, text, &number, failure)
                                                     : parse_number(type, text, &number, failure);
    if (result != 0)
        return result;
    const size_t length = value_size(type);
    item[ITEM_LENGTH] = (uint8_t)length;
    if (length == 4)
        ql_store_u32(item + ITEM_VALUE, number);
    else
        item[ITEM_VALUE] = (uint8_t)number;
    *size = ITEM_VALUE + length;
    return 0;
}

// --- Item to text -------------------------------------------------------------------------------

uint32_t ql_setting_number(const struct ql_setting_type *type, const uint8_t *item)
{
    if (type->form == QL_FORM_TEXT)
        return 0;
    if (item == NULL || item[ITEM_LENGTH] != value_size(type))
        return type->otherwise;
    const uint32_t number =
        item[ITEM_LENGTH] == 4 ? ql_load_u32(item + ITEM_VALUE) : item[ITEM_VALUE];
    return number <= type->most ? number : type->otherwise;
}

static void format_text(const uint8_t *item, char text[QL_SETTING_TEXT])
{
    size_t length = item != NULL ? item[ITEM_LENGTH] : 0;
    if (length > QL_SETTING_TEXT_MAX)
        length = 0;
    for (size_t i = 0; i < length; i++)
        text[i] = item[ITEM_VALUE + i] >= ' ' && item[ITEM_VALUE + i] <= '~'
                      ? (char)item[ITEM_VALUE + i]
                      : '?';
    text[length] = '\0';
}

void ql_setting_format(const struct ql_setting_type *type, const uint8_t *item,
                       char text[QL_SETTING_TEXT])
{
    const uint32_t number = ql_setting_number(type, item);
    switch (type->form) {
    case QL_FORM_ADDRESS:
        snprintf(text, QL_SETTING_TEXT, "0x%08X", number);
        break;
    case QL_FORM_CHOICES:
        snprintf(text, QL_SETTING_TEXT, "%s", type->choices[number]);
        break;
    case QL_FORM_TEXT:
        format_text(item, text);
        break;
    default:
        snprintf(text, QL_SETTING_TEXT, "%u%s", number, type->unit);
        break;
    }
}

int ql_board_settings(struct ql_link *link, const uint8_t *items, size_t size,
                      struct ql_settings *kept, struct ql_failure *failure)
{
    struct ql_answer answer;
    const int result =
        ql_link_call(link, QL_KIND_SETTINGS, items, (uint16_t)size,
                     size == 0 ? "asking for settings" : "keeping the setting", &answer, failure);
    if (result != 0)
        return result;
    if (ql_settings_take(kept, answer.content, answer.size))
        return 0;
    ql_fail(failure, QL_BOARD_NONSENSE, "the board's answer to SETTINGS makes no sense");
    ql_hint(failure, "tool and bootloader may be of different versions; update both");
    return -QL_BOARD_NONSENSE;
}
