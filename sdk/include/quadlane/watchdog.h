// The independent watchdog, IWDG1: resets the microcontroller when the program has not fed it in
// time. It has a clock of its own (LSI, some 32 kHz, several per cent off).
//
// SPDX-License-Identifier: MIT
#ifndef QUADLANE_WATCHDOG_H
#define QUADLANE_WATCHDOG_H

#include <stdint.h>

#define QL_WATCHDOG_MAX_MS 32000u

// Starts it; only a reset stops it again. Bites after about `timeout_ms` (1..QL_WATCHDOG_MAX_MS)
// without ql_watchdog_feed(). It stands still while a debugger halts the core. Takes up to 50 ms.
void ql_watchdog_start(uint32_t timeout_ms);

void ql_watchdog_feed(void);

#endif
