// The independent watchdog. Written from RM0433, chapters "Independent watchdog" and "Debug
// infrastructure".
//
// SPDX-License-Identifier: MIT
#include "quadlane/watchdog.h"

#include "quadlane/h750.h"

#define LSI_HZ           32000u
#define RELOAD_MAX       4095u
#define PRESCALER_MAX    6u // LSI / 256; 0: LSI / 4
#define KEY_START        0xCCCCu
#define KEY_WRITE_ACCESS 0x5555u
#define KEY_RELOAD       0xAAAAu

void ql_watchdog_start(uint32_t timeout_ms)
{
    uint32_t prescaler = 0;
    uint32_t ticks;

    if (timeout_ms > QL_WATCHDOG_MAX_MS)
        timeout_ms = QL_WATCHDOG_MAX_MS;
    ticks = timeout_ms * (LSI_HZ / 1000) / 4;
    while (ticks > RELOAD_MAX && prescaler < PRESCALER_MAX) {
        ticks /= 2;
        prescaler++;
    }
    DBGMCU_APB4FZ1 |= DBGMCU_APB4FZ1_DBG_WDGLSD1;
    IWDG_KR = KEY_START;
    while (IWDG_SR != 0) {
    }
    IWDG_KR = KEY_WRITE_ACCESS;
    IWDG_PR = prescaler;
    IWDG_RLR = ticks > 0 ? ticks : 1;
    while (IWDG_SR != 0) {
    }
    IWDG_KR = KEY_RELOAD;
}

void ql_watchdog_feed(void)
{
    IWDG_KR = KEY_RELOAD;
}
