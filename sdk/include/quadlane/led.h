// The board's LED, as app.mk's variables BOARD and LED tell of it.
//
// SPDX-License-Identifier: MIT
#ifndef QUADLANE_LED_H
#define QUADLANE_LED_H

#include <stdbool.h>

// Lights it or not. The first call makes its pin an output.
void ql_led_set(bool lit);

#endif
