// The core's debug units that programs touch: DWT (cycle counter), CoreDebug, ITM, TPIU, FPB, and
// the FPU's control registers.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_DEBUG_UNITS_H
#define SIM_DEBUG_UNITS_H

#include <stdbool.h>
#include <stdint.h>

struct debug_units;
struct machine;

enum debug_unit { UNIT_ITM, UNIT_DWT, UNIT_FPB, UNIT_TPIU, UNIT_CORE_DEBUG, UNIT_FPU, UNIT_COUNT };

struct debug_units *debug_units_create(struct machine *machine);
void debug_units_destroy(struct debug_units *units);
void debug_units_reset(struct debug_units *units, bool power_on);

// What stands in a unit's register, for the debug side of the core.
uint32_t debug_units_get(const struct debug_units *units, enum debug_unit unit, uint32_t offset);
void debug_units_set(struct debug_units *units, enum debug_unit unit, uint32_t offset,
                     uint32_t value);
// `changed` is called after each write to FPB or DWT.
void debug_units_on_change(struct debug_units *units, void (*changed)(void *context),
                           void *context);
// The core stands still for a debugger: CYCCNT does not count.
void debug_units_halted(struct debug_units *units, bool halted);

#endif
