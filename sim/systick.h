// SysTick, the core's own 24-bit timer.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_SYSTICK_H
#define SIM_SYSTICK_H

#include <stdbool.h>

struct machine;
struct nvic;
struct systick;

struct systick *systick_create(struct machine *machine, struct nvic *nvic);
void systick_destroy(struct systick *systick);
void systick_reset(struct systick *systick);
// The core stands still for a debugger: so does the counter.
void systick_halted(struct systick *systick, bool halted);
void systick_clock_changed(struct systick *systick);

#endif
