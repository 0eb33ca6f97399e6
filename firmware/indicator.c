// The LED's patterns as functions of time.
//
// SPDX-License-Identifier: MIT
#include "firmware/indicator.h"

enum {
    SLOW_HALF_MS = 500,
    FAST_HALF_MS = 100,
    FLASH_MS = 120,
    FLASH_PERIOD_MS = 400,
    PAUSE_MS = 1200,
};

bool indicator_is_lit(uint32_t now_ms, bool updating, unsigned flashes)
{
    if (updating) {
        return now_ms / FAST_HALF_MS % 2 == 0;
    }
    if (flashes == 0) {
        return now_ms / SLOW_HALF_MS % 2 == 0;
    }
    uint32_t at_ms = now_ms % (flashes * FLASH_PERIOD_MS + PAUSE_MS);
    return at_ms < flashes * FLASH_PERIOD_MS && at_ms % FLASH_PERIOD_MS < FLASH_MS;
}
