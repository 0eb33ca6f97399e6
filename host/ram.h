// Programs for RAM: loaded and started over the bootloader, without touching the chip (SPEC.md
// section 17).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_RAM_H
#define HOST_RAM_H

#include "host/connection.h"
#include "host/image.h"

struct ql_ram_result {
    uint64_t bytes;       // loaded
    uint64_t duration_ns; // until the board has started it
    unsigned repetitions; // of the loading, after the board was away
};

// Where a raw binary goes if nobody says it: the start of AXI SRAM.
#define QL_RAM_DEFAULT UINT32_C(0x24000000)

// Is this address in the RAM of an STM32H750?
bool ql_ram_holds(uint32_t address);

// Brings a piece into the board's RAM. *done, the bytes so far, goes on towards `total` for the
// observer.
int ql_ram_load(struct ql_link *link, const struct ql_extent *piece, uint64_t *done, uint64_t total,
                struct ql_failure *failure);

// Checks that need no board: is all of it for RAM, does it fit, can its vector table be right?
int ql_ram_check(const struct ql_image *image, const char *name, struct ql_failure *failure);

// Loads an image that was checked, lets the board compare it and starts it. INFO need not have been
// read.
int ql_ram_run(struct ql_connection *connection, const struct ql_image *image,
               struct ql_ram_result *result, struct ql_failure *failure);

#endif
