// A board's settings: what there is, values as text, and the request that changes them (SPEC.md
// section 14).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_SETTINGS_H
#define HOST_SETTINGS_H

#include "abi/protocol.h"
#include "host/link.h"

#define QL_SETTING_ITEM_MAX (2 + QL_SETTING_TEXT_MAX)
#define QL_SETTING_TEXT     128 // a value as text, with its final zero

enum ql_setting_form {
    QL_FORM_ADDRESS,
    QL_FORM_NUMBER,  // u32
    QL_FORM_COUNT,   // u8
    QL_FORM_CHOICES, // u8
    QL_FORM_TEXT,
};

struct ql_setting_type {
    const char *name;
    enum ql_setting tag;
    enum ql_setting_form form;
    uint32_t most;              // of numbers
    uint32_t otherwise;         // the default of numbers and choices
    const char *unit;           // of numbers, or ""
    const char *const *choices; // ends with a null pointer
    const char *takes;          // values, in words
};

// All settings; a null pointer as name ends the table.
extern const struct ql_setting_type ql_setting_types[];
// Those names in a row, for messages.
const struct ql_setting_type *ql_setting_find(const char *name);
const struct ql_setting_type *ql_setting_find_tag(uint8_t tag);

// What a board keeps.
struct ql_settings {
    size_t size;
    uint8_t items[QL_SETTINGS_SIZE];
};

// Takes the items of an answer; false when they are malformed.
bool ql_settings_take(struct ql_settings *settings, const uint8_t *items, size_t size);
// The item with this tag (tag, length, value), or a null pointer.
const uint8_t *ql_settings_item(const struct ql_settings *settings, uint8_t tag);
// The item at `*at`, which then stands at the next one; a null pointer at the end.
const uint8_t *ql_settings_next(const struct ql_settings *settings, size_t *at);

// A text as the item to be sent. A value that cannot be is a failure of code QL_SETTING_BAD.
int ql_setting_parse(const struct ql_setting_type *type, const char *text,
                     uint8_t item[QL_SETTING_ITEM_MAX], size_t *size, struct ql_failure *failure);
// The item's value, or without an item (a null pointer) the default, as ql_setting_parse takes it.
void ql_setting_format(const struct ql_setting_type *type, const uint8_t *item,
                       char text[QL_SETTING_TEXT]);
// The same as a number; of texts 0.
uint32_t ql_setting_number(const struct ql_setting_type *type, const uint8_t *item);

// Changes what the items name (none: only asks); `kept` gets all settings from then on.
int ql_board_settings(struct ql_link *link, const uint8_t *items, size_t size,
                      struct ql_settings *kept, struct ql_failure *failure);

#endif
