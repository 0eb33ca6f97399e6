// The Cortex-M7's caches on and off, and by address for DMA.
//
// Written from the ARMv7-M Architecture Reference Manual, section B2.2.7 (cache maintenance), and
// erratum 2.1.5 of ES0392: a DMB between an invalidation and the next store.
//
// SPDX-License-Identifier: MIT
#include "quadlane/cache.h"

#include <stdint.h>

#include "quadlane/m7.h"

void ql_icache_enable(void)
{
    if (SCB_CCR & SCB_CCR_IC)
        return;
    m7_dsb();
    m7_isb();
    ICIALLU = 0;
    m7_dsb();
    m7_isb();
    SCB_CCR |= SCB_CCR_IC;
    m7_dsb();
    m7_isb();
}

void ql_icache_disable(void)
{
    m7_dsb();
    m7_isb();
    SCB_CCR &= ~SCB_CCR_IC;
    ICIALLU = 0;
    m7_dsb();
    m7_isb();
}

// Writes every set and way to an operation's register. Kept free of memory accesses: `ways` and
// `sets` stay in registers, so that nothing gets into the cache that is being emptied.
static inline __attribute__((always_inline)) void dcache_all(volatile uint32_t *operation)
{
    const uint32_t geometry = SCB_CCSIDR;
    const uint32_t last_set = (geometry >> 13) & 0x7FFFu;
    const uint32_t last_way = (geometry >> 3) & 0x3FFu;

    for (uint32_t set = 0; set <= last_set; set++)
        for (uint32_t way = 0; way <= last_way; way++)
            *operation = (set << 5) | (way << 30);
    m7_dsb();
}

void ql_dcache_enable(void)
{
    if (SCB_CCR & SCB_CCR_DC)
        return;
    SCB_CSSELR = 0;
    m7_dsb();
    dcache_all(&DCISW);
    m7_dmb();
    SCB_CCR |= SCB_CCR_DC;
    m7_dsb();
    m7_isb();
}

void ql_dcache_disable(void)
{
    SCB_CSSELR = 0;
    m7_dsb();
    SCB_CCR &= ~SCB_CCR_DC;
    m7_dsb();
    dcache_all(&DCCISW);
    m7_isb();
}

static void dcache_range(volatile uint32_t *operation, uintptr_t start, size_t size)
{
    const uintptr_t end = start + size;

    m7_dsb();
    for (uintptr_t line = start & ~(uintptr_t)(QL_CACHE_LINE_SIZE - 1); line < end;
         line += QL_CACHE_LINE_SIZE)
        *operation = (uint32_t)line;
    m7_dsb();
    m7_dmb();
}

void ql_dcache_clean(const void *start, size_t size)
{
    dcache_range(&DCCMVAC, (uintptr_t)start, size);
}

void ql_dcache_invalidate(void *start, size_t size)
{
    dcache_range(&DCIMVAC, (uintptr_t)start, size);
}
