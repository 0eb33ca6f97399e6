// The inside of the core complex, shared by core.c (wiring) and core_run.c (the loop).
//
// SPDX-License-Identifier: MIT
#ifndef SIM_CORE_INTERNAL_H
#define SIM_CORE_INTERNAL_H

#include "sim/core.h"
#include "sim/cpu.h"
#include "sim/debug.h"
#include "sim/debug_units.h"
#include "sim/l1_cache.h"
#include "sim/mpu.h"
#include "sim/nvic.h"
#include "sim/symbols.h"
#include "sim/systick.h"

#include <signal.h>

struct core {
    struct machine *machine;
    struct machine_clock *clock;
    struct symbols *symbols;
    struct cpu *cpu;
    struct nvic *nvic;
    struct systick *systick;
    struct mpu *mpu;
    struct l1_cache *cache;
    struct debug_units *debug_units;
    struct debug *debug;
    const struct memory_region *window; // whose fetch costs are known
    uint32_t (*boot_address)(void *context);
    void *boot_context;

    bool sleeping;
    bool resetting;
    bool leave; // the slice is over
    uint64_t faults;
    struct event slice;
    volatile sig_atomic_t signal;

    bool real_speed;
    uint64_t wall_base_ns; // wall clock when virtual time was virtual_base_ns
    uint64_t virtual_base_ns;
    uint64_t served_ns; // wall clock of the last look at the descriptors
    uint64_t heard_ns;  // wall clock when the world outside last had something for us

    // Statistics.
    uint64_t start_ns;
    uint64_t virtual_ns;
    uint64_t wall_ns;
    uint64_t executing_ns;
    uint64_t mips;
    uint64_t cpu_hz;
    uint64_t reset_ns;           // virtual time of the last reset
    uint64_t program_started_ns; // of the first instruction from the flash chip since; 0: none
};

void core_run_prepare(struct core *core);
void core_debug_reset(void *context);
void core_debug_pass_time(void *context);
void core_debug_step(void *context);                // for struct debug_core
void core_debug_halted(void *context, bool halted); // the same

#endif
