// When the firmware finds that it is itself wrong: write down why, and reset into the bootloader.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_PANIC_H
#define FIRMWARE_CHIP_PANIC_H

#include <stdbool.h>
#include <stdint.h>

enum panic_reason {
    PANIC_NONE = 0,
    PANIC_FAULT = 1,     // detail: the program counter, if it could be read
    PANIC_INTERRUPT = 2, // an interrupt nobody waits for; detail: its exception number
    PANIC_CLOCK = 3,     // a clock or the supply did not get ready; detail: the register's address
    PANIC_USB = 4,       // the USB core is not in the state that was expected; detail: endpoint
    PANIC_HASH = 5,      // no digest in time; detail: HASH_SR
    PANIC_RETURNED = 6,  // main returned
};

// Lies at the start of the RAM, behind the stack, where a reset leaves it and a debugger finds it.
struct panic_record {
    uint32_t magic;
    uint32_t reason; // enum panic_reason
    uint32_t detail;
    uint32_t caller;
    uint32_t cfsr, hfsr, mmfar, bfar;
    uint32_t count; // panics since power-on
    uint32_t check; // so that the RAM's contents at power-on are not taken for a record
};

_Noreturn void panic(enum panic_reason reason, uint32_t detail);

// The record that the last reset left. reason PANIC_NONE: it was not a panic.
struct panic_record panic_last(void);
// Forgets it; the count stays.
void panic_acknowledge(void);

#endif
