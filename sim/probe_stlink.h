// An ST-LINK of the virtual board, reached over TCP as one behind ST's stlink-server.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_PROBE_STLINK_H
#define SIM_PROBE_STLINK_H

#include <stddef.h>

struct debug;
struct machine;
struct probe_stlink;

struct probe_stlink *probe_stlink_create(struct machine *machine, struct debug *debug,
                                         const char *port, char *error, size_t error_size);
void probe_stlink_close(struct probe_stlink *probe);

#endif
