// The 1200-baud touch: how a program that runs, and has a USB serial port of its own, is asked for
// the bootloader. The port is opened at 1200 baud and closed again; a program that knows the touch
// (ql_touch of the SDK, and many others) resets into its bootloader then.
//
// Only ever for a port that the user names: what another device makes of it, nobody knows.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_TOUCH_H
#define HOST_TOUCH_H

#include "host/connection.h"

struct ql_touch {
    bool needless;                        // a bootloader is behind the port already
    struct ql_found before[QL_FOUND_MAX]; // the USB boards that were there
    size_t count;
};

// Touches a serial port. Whether something comes of it shows in a bootloader that appears.
int ql_touch_port(struct ql_touch *touch, const char *port, struct ql_failure *failure);

// Is this USB board one that was not there before?
bool ql_touch_brought(const struct ql_touch *touch, const struct ql_found *found);

#endif
