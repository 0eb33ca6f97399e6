// The exact program counter inside a memory callback of Unicorn, and an exact abort of the access.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_CPU_UNICORN_PC_H
#define SIM_CPU_UNICORN_PC_H

#include <stdbool.h>
#include <stdint.h>
#include <unicorn/unicorn.h>

struct cpu_pc_finder;

// NULL if this build of the library is not the one whose layout is known (a trial decides).
struct cpu_pc_finder *cpu_pc_finder_create(uc_engine *uc);
void cpu_pc_finder_destroy(struct cpu_pc_finder *finder);

// Inside a callback of uc_mmio_map only. False: no idea.
bool cpu_pc_find(struct cpu_pc_finder *finder, uint32_t *pc);

// Abandons the access with its registers untouched; the INTR hook sees `number`, the program
// counter at the instruction. Does not return.
_Noreturn void cpu_pc_abort(struct cpu_pc_finder *finder, int number);

#endif
