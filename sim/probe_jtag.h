// The JTAG pins of the virtual board, driven over TCP by OpenOCD's remote_bitbang.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_PROBE_JTAG_H
#define SIM_PROBE_JTAG_H

#include <stddef.h>

struct debug;
struct machine;
struct probe_jtag;

struct probe_jtag *probe_jtag_create(struct machine *machine, struct debug *debug, const char *port,
                                     char *error, size_t error_size);
void probe_jtag_close(struct probe_jtag *probe);

#endif
