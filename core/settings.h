// What the owner of a board chooses: settings, kept in the log of records (SPEC.md section 14).
//
// A store is what a record holds: items of tag, length and value, the rest FF. What it means is a
// struct settings; a setting that the store does not have, or not rightly, has its default there.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/protocol.h"
#include "core/boot.h"

struct settings {
    uint32_t boot_address; // 0: the board's default
    uint32_t window_ms; // for a host's first frame, once it has configured the board; 0: no window
    uint8_t attempts;   // starts in a row that may go without ql_confirm(); 0: any number
    bool double_reset;  // reset pressed twice ends in the bootloader
    enum ql_led led;
    char manufacturer[QL_SETTING_TEXT_MAX + 1]; // empty: the default
    char product[QL_SETTING_TEXT_MAX + 1];
    uint32_t lowest_generation; // of keys; 0: the one built in
};

// A store without any setting.
void settings_clear(uint8_t store[QL_SETTINGS_SIZE]);

// How many bytes of the store are items.
uint32_t settings_size(const uint8_t store[QL_SETTINGS_SIZE]);

// Is there an item for this setting, in a store or in a request that settings_change found right?
bool settings_has(const uint8_t *items, uint32_t length, enum ql_setting tag);

void settings_read(struct settings *settings, const uint8_t store[QL_SETTINGS_SIZE]);

// Changes the store as the items of a SETTINGS request say: OK, or BAD_REQUEST or BAD_SETTING, and
// the store is as it was. Whether this board at this time takes the values is the caller's to ask.
struct outcome settings_change(uint8_t store[QL_SETTINGS_SIZE], const uint8_t *items,
                               uint32_t length);

#endif
