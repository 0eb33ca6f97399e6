// What the LED says.
//
//   slow blink     half a second on, half off: waiting for the host
//   fast blink     a tenth of a second on, a tenth off: an update is open
//   N short flashes and a pause: waiting too, because something is wrong; N is the reason of
//                  SPEC.md section 7 (2 vector table, 5 no chip, 7 unfinished update, 8 not
//                  sealed or changed), but 3 the program did not confirm its starts, 9 a panic
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_INDICATOR_H
#define FIRMWARE_INDICATOR_H

#include <stdbool.h>
#include <stdint.h>

enum { INDICATOR_NOT_CONFIRMED = 3, INDICATOR_PANIC = 9 };

// Is the LED lit at this time? `flashes` 0: nothing is wrong.
bool indicator_is_lit(uint32_t now_ms, bool updating, unsigned flashes);

#endif
