// Cache maintenance, from the Armv7-M Architecture Reference Manual, B2.2.7, and the Cortex-M7
// Technical Reference Manual, chapter 5.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/cache.h"

#include "firmware/chip/barrier.h"
#include "firmware/chip/registers.h"

#define LINE_SIZE 32u

// Both operations have the same fields.
static void for_each_line(volatile uint32_t *operation)
{
    SCB_CSSELR = 0; // the data cache, level 1
    barrier_data();
    uint32_t size = SCB_CCSIDR;
    uint32_t last_set = FIELD_GET(SCB_CCSIDR_NUMSETS, size);
    uint32_t last_way = FIELD_GET(SCB_CCSIDR_ASSOCIATIVITY, size);
    for (uint32_t set = 0; set <= last_set; ++set) {
        for (uint32_t way = 0; way <= last_way; ++way) {
            *operation = FIELD(SCB_DCISW_SET, set) | FIELD(SCB_DCISW_WAY, way);
        }
    }
    // The DSB also keeps a store from overtaking the invalidation (ES0392, core erratum).
    barrier_instruction();
}

void cache_invalidate(void)
{
    barrier_data();
    SCB_ICIALLU = 0;
    for_each_line(&SCB_DCISW);
}

void cache_write_back(void)
{
    if ((SCB_CCR & SCB_CCR_DC) == 0) {
        return;
    }
    barrier_data();
    SCB_CCR &= ~SCB_CCR_DC;
    barrier_data();
    for_each_line(&SCB_DCCISW);
}

void cache_clean(uint32_t address, uint32_t length)
{
    barrier_data();
    for (uint32_t line = address & ~(LINE_SIZE - 1); line < address + length; line += LINE_SIZE) {
        SCB_DCCMVAC = line;
    }
    barrier_data();
}

void cache_enable(void)
{
    cache_invalidate();
    SCB_CCR |= SCB_CCR_DC | SCB_CCR_IC;
    barrier_instruction();
}

void cache_disable(void)
{
    SCB_CCR &= ~(SCB_CCR_DC | SCB_CCR_IC);
    barrier_instruction();
    cache_invalidate();
}
