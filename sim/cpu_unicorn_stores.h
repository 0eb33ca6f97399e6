// Fast stores to RAM in Unicorn 2.0.1.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_CPU_UNICORN_STORES_H
#define SIM_CPU_UNICORN_STORES_H

#include <stdint.h>
#include <unicorn/unicorn.h>

struct cpu_stores;

// Only for the library build that cpu_pc_finder_create accepts. NULL: the library stays as it is.
struct cpu_stores *cpu_stores_create(uc_engine *uc);
void cpu_stores_destroy(struct cpu_stores *stores);

// RAM was mapped at `base`, or is about to be unmapped.
void cpu_stores_mapped(struct cpu_stores *stores, uint32_t base, uint32_t size, void *memory);
void cpu_stores_unmapped(struct cpu_stores *stores, uint32_t base);

#endif
