// What the flash chip driver asks of the microcontroller's quad-SPI controller: single
// transactions.
//
// Implemented by firmware/chip/qspi.c on silicon and by a fake in tests. Terms are those of
// JESD216: lanes are 0 (phase absent), 1, 2 or 4.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_NOR_BUS_H
#define CORE_NOR_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nor_command {
    uint8_t opcode;
    uint8_t opcode_lanes;
    uint8_t address_bytes; // 0, 3 or 4
    uint8_t address_lanes;
    uint8_t mode_bits;  // the mode byte after the address
    uint8_t mode_lanes; // 0: no mode byte
    uint8_t dummy_cycles;
    uint8_t data_lanes;
    uint32_t address;
};

// Two chips on one bus (`dual`) take every command at once, each on four lines of its own. Of the
// bytes of a data phase the first, third... belong to the first chip, the others to the second; so
// lengths are even. `address` then counts the bytes of both: it is even, and each chip is sent half
// of it.
//
// All functions return 0 or a negative enum ql_error (core/error.h). None waits longer than its
// limit.
struct nor_bus {
    void *context;
    bool dual;
    // A command without a data phase.
    int (*command)(void *context, const struct nor_command *command);
    // A command that reads or writes `length` >= 1 bytes in the data phase.
    int (*read)(void *context, const struct nor_command *command, uint8_t *data, size_t length);
    int (*write)(void *context, const struct nor_command *command, const uint8_t *data,
                 size_t length);
    // Hardware polls a status register of one byte until (value & mask) == match, in both chips if
    // there are two; `done` tells, and an interrupt wakes the core from its wait. poll_stop ends it
    // early.
    int (*poll_start)(void *context, const struct nor_command *command, uint8_t mask,
                      uint8_t match);
    bool (*poll_done)(void *context);
    void (*poll_stop)(void *context);
    // Shows the chip at its mapped address by this read command, or hides it again. map: caches are
    // valid for the chip's present contents when it returns.
    int (*map)(void *context, const struct nor_command *command);
    int (*unmap)(void *context);
    // Tells the controller the chip's size once it is known.
    int (*set_size)(void *context, uint32_t size);
    // Waits at least this long (a reset's recovery time and the like, < 1 s).
    void (*delay_us)(void *context, uint32_t delay_us);
    // Milliseconds that only rise (may wrap), for limits.
    uint32_t (*now_ms)(void *context);
};

#endif
