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

// A USB serial port of whatever is no bootloader of ours: a program's, or an adapter's.
struct ql_usb_port {
    char port[QL_PORT_SIZE];
    char serial[128]; // empty: it has none
};
// In the order of their names; returns how many.
size_t ql_discover_usb_ports(struct ql_usb_port *found, size_t count_max);

#endif
