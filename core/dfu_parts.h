// The inside of the DFU state machine, shared by the files core/dfu*.c only.
//
// dfu.c: requests and states; dfu_pages.c: the memory's layout; dfu_download.c: what a DNLOAD sets
// to work, and the leave.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_DFU_PARTS_H
#define CORE_DFU_PARTS_H

#include "core/dfu.h"

// dfu.c: ends the download with an error.
void dfu_fail(struct dfu *dfu, enum dfu_status status, const char *reason);
void dfu_fail_with(struct dfu *dfu, struct outcome outcome);

// dfu_pages.c
void dfu_pages_init(struct dfu *dfu);
// The page that holds the address; the range must have been checked.
uint32_t dfu_page_find(const struct dfu *dfu, uint32_t address);
uint32_t dfu_page_address(const struct dfu *dfu, uint32_t page);
bool dfu_page_is_noted(const struct dfu *dfu, uint32_t page);
void dfu_page_note(struct dfu *dfu, uint32_t page, bool noted);

// dfu_download.c
// The engine belongs to the download.
bool dfu_is_downloading(const struct dfu *dfu);
// Everything is executed, and no page waits to be erased.
bool dfu_is_drained(const struct dfu *dfu);
// Closes the engine; what was written stays unsealed.
void dfu_forget(struct dfu *dfu);
// How long the DNLOAD under way will take.
uint32_t dfu_busy_ms(const struct dfu *dfu);

#endif
