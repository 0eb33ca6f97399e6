// The core's debug units that programs touch: DWT (cycle counter), CoreDebug, ITM, TPIU, FPB, and
// the FPU's control registers.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_DEBUG_UNITS_H
#define SIM_DEBUG_UNITS_H

#include <stdbool.h>

struct debug_units;
struct machine;

struct debug_units *debug_units_create(struct machine *machine);
void debug_units_destroy(struct debug_units *units);
void debug_units_reset(struct debug_units *units, bool power_on);

#endif
