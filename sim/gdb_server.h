// The virtual board's own GDB server: `target remote` without any probe.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_GDB_SERVER_H
#define SIM_GDB_SERVER_H

#include <stddef.h>

struct gdb_server;
struct virtual_board;

struct gdb_server *gdb_server_create(struct virtual_board *board, const char *port, char *error,
                                     size_t error_size);
void gdb_server_close(struct gdb_server *server);

#endif
