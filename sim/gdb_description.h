// What the GDB server tells GDB of the target: its registers and its memory.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_GDB_DESCRIPTION_H
#define SIM_GDB_DESCRIPTION_H

struct machine;

// XML documents; they live as long as the process.
const char *gdb_target_description(void);
const char *gdb_memory_map(const struct machine *machine);

#endif
