// A DFU device with ST's extensions, the loader's side: what the stand-ins for a board maker's
// first stage and for the microcontroller's ROM share.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_BOARD_GUESTS_LOADER_DFUSE_H
#define TESTS_BOARD_GUESTS_LOADER_DFUSE_H

#include <stdbool.h>
#include <stdint.h>

enum { DFUSE_TRANSFER_MAX = 2048 };

struct dfuse_memory {
    const char *product;
    const char *const *layouts; // one for each alternate setting; the first one's memory is this:
    unsigned layout_count;
    uint16_t transfer_size;
    uint32_t first, end, page_size;
    uint32_t erase_ms; // what a host is told to wait for a page
    bool (*erase)(uint32_t address);
    bool (*write)(uint32_t address, const uint8_t *bytes, uint32_t length);
    void (*read)(uint32_t address, uint8_t *bytes, uint32_t length);
    void (*leave)(uint32_t address);
};

// Serves the host until it asks to leave; `leave` may come back, then all begins anew.
_Noreturn void dfuse_run(const struct dfuse_memory *memory);

#endif
