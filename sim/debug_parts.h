// The inside of the debug model, shared by debug.c and debug_components.c.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_DEBUG_PARTS_H
#define SIM_DEBUG_PARTS_H

#include <stdbool.h>
#include <stdint.h>

struct debug_components;

struct debug_components *debug_components_create(void);
void debug_components_destroy(struct debug_components *components);
// False: nothing of ours is at the address.
bool debug_component_read(const struct debug_components *components, uint32_t address,
                          unsigned size, uint32_t *value);
bool debug_component_write(struct debug_components *components, uint32_t address, unsigned size,
                           uint32_t value);

#endif
