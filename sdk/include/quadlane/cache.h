// The Cortex-M7's caches. The start-up enables both; a program needs these for memory that DMA
// shares with it outside of QL_DMA, or to measure.
//
// SPDX-License-Identifier: MIT
#ifndef QUADLANE_CACHE_H
#define QUADLANE_CACHE_H

#include <stddef.h>

#define QL_CACHE_LINE_SIZE 32

void ql_icache_enable(void); // empties it first
void ql_icache_disable(void);
void ql_dcache_enable(void);
void ql_dcache_disable(void); // writes back what is in it

// Before DMA reads what the program wrote.
void ql_dcache_clean(const void *start, size_t size);

// Before the program reads what DMA wrote. The range must not share a cache line with other data:
// start and size multiples of QL_CACHE_LINE_SIZE.
void ql_dcache_invalidate(void *start, size_t size);

#endif
