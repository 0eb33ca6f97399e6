// Candidates for a connection, before any of them is opened.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_DISCOVERY_H
#define HOST_DISCOVERY_H

#include "host/connection.h"

// USB serial ports of our boards; nothing is opened. Adds to found[*count], up to QL_FOUND_MAX.
void ql_discover_usb(struct ql_found *found, size_t *count);
// Sockets in the runtime folder, dead ones included; nothing is opened.
void ql_discover_virtual(struct ql_found *found, size_t *count);

#endif
