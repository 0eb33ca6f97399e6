// The Cortex-M7's level 1 caches as far as a program can do wrong with them: what instruction
// fetches and data reads from the XIP window cost, and stale content that was not invalidated.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_L1_CACHE_H
#define SIM_L1_CACHE_H

#include <stdint.h>

struct l1_cache;
struct machine;
struct memory_region;
struct mpu;

struct l1_cache *l1_cache_create(struct machine *machine, const struct mpu *mpu);
void l1_cache_destroy(struct l1_cache *cache);
void l1_cache_reset(struct l1_cache *cache);

// SCB.CCR was written.
void l1_cache_control(struct l1_cache *cache, uint32_t before, uint32_t now);

// The window's costs or the CPU clock changed.
void l1_cache_timing(struct l1_cache *cache, const struct memory_region *window);

// CPU cycles that fetching a block in the window takes.
uint64_t l1_cache_fetch(struct l1_cache *cache, uint32_t address, uint32_t size);

// CPU cycles that a data read from the window waits for the chip.
uint64_t l1_cache_read(struct l1_cache *cache, uint32_t address, unsigned size);

// The window was shown and is read for the first time since; its content changed.
void l1_cache_window_opened(struct l1_cache *cache, const struct memory_region *window);
void l1_cache_memory_changed(struct l1_cache *cache, const struct memory_region *window,
                             uint32_t base, uint32_t size);

// Lines fetched from the window.
const uint64_t *l1_cache_line_fetches(const struct l1_cache *cache);

#endif
