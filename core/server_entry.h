// Which program must confirm its start; for the server's own parts.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_SERVER_ENTRY_H
#define CORE_SERVER_ENTRY_H

#include "core/server.h"

// The sealed run of the program at `address`, if that promises to confirm its start, or null. Maps
// the chip; no update may be open.
const struct records_run *server_confirming_run(struct server *server, uint32_t address);

#endif
