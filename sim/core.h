// The microcontroller's core complex (CPU, NVIC, SysTick, MPU, caches, debug units) on a machine,
// and the loop that runs the board.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_CORE_H
#define SIM_CORE_H

#include "sim/machine_build.h"

struct core;
struct debug;
struct symbols;

// `symbols` names places in reports and must outlive the core.
struct core *core_create(struct machine *machine, struct symbols *symbols);
void core_destroy(struct core *core);

// Where the vector table is at a reset.
void core_on_boot(struct core *core, uint32_t (*boot_address)(void *context), void *context);

// Runs until the process is to end; returns its exit code. real_speed: virtual time never runs
// ahead of the wall clock.
int core_run(struct core *core, bool real_speed);

// From a signal handler: makes core_run return 128 + signal.
void core_interrupt(struct core *core, int signal);

// For debug ports.
struct debug *core_debug(struct core *core);

// The core waits in WFI or WFE.
bool core_sleeping(const struct core *core);

// Brings the derived statistics (times, rates) up to date.
void core_update_statistics(struct core *core);

#endif
