// SysTick, the core's own 24-bit timer.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_SYSTICK_H
#define SIM_SYSTICK_H

struct machine;
struct nvic;
struct systick;

struct systick *systick_create(struct machine *machine, struct nvic *nvic);
void systick_destroy(struct systick *systick);
void systick_reset(struct systick *systick);
void systick_clock_changed(struct systick *systick);

#endif
