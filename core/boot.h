// What can be started, and whether to start it (SPEC.md section 7).
//
// SPDX-License-Identifier: MIT
#ifndef CORE_BOOT_H
#define CORE_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/protocol.h"

// A status code of SPEC.md section 3 and its detail.
struct outcome {
    enum ql_status status;
    uint32_t detail;
};

enum {
    BOOT_VECTORS_SIZE = 8, // the two words that every vector table has
};

// May what lies at `address` be started, if its first words are `stack` and `entry` and it ends
// before `end`? OK, ALIGNMENT, BLANK, BAD_STACK or BAD_ENTRY.
struct outcome boot_check(uint32_t address, uint32_t stack, uint32_t entry, uint32_t end);

// Can an initial stack pointer be this one?
bool boot_stack_is_in_ram(uint32_t stack);

struct boot_facts {
    bool stay_requested; // backup register 31 held the request (main clears it)
    bool reset_twice;    // entry_is_second_press, if that is asked for
    bool button_held;
    bool chip_usable;       // nor_start returned 0
    bool usb_power;         // VBUS is there
    uint32_t window_ms;     // the setting
    struct outcome program; // server_start_check of the default program
    bool unconfirmed;       // server_attempts_are_spent
};

enum boot_action {
    BOOT_START, // start the program now
    BOOT_OFFER, // connect USB and wait for the host in the start window, then start
    BOOT_STAY,  // connect USB and stay
};

struct boot_decision {
    enum boot_action action;
    enum ql_stay_reason reason; // QL_STAY_NOT unless action is BOOT_STAY
};

struct boot_decision boot_decide(const struct boot_facts *facts);

// The start window: the host has QL_START_CONFIGURE_MS to configure the USB device and then
// `hello_ms` to send a good frame. A host that resets and configures the device anew (a virtual
// machine behind its computer, a driver that is loaded) has both times again, but not for ever.
enum { BOOT_WINDOW_CHANGES_MAX = 16 };

struct boot_window {
    uint32_t since_ms; // the last change that counts
    uint32_t hello_ms;
    bool configured;
    uint8_t changes;
};

enum boot_window_state {
    BOOT_WINDOW_OPEN,
    BOOT_WINDOW_START, // nobody came: start the program
    BOOT_WINDOW_STAY,  // a good frame came: stay, reason QL_STAY_HOST
};

void boot_window_open(struct boot_window *window, uint32_t now_ms, uint32_t hello_ms);
// `configured`: the host has configured the device. `frames`: good frames since start
// (server_frames_taken).
enum boot_window_state boot_window_step(struct boot_window *window, uint32_t now_ms,
                                        bool configured, uint32_t frames);

#endif
