// The 1200-baud touch.
//
// SPDX-License-Identifier: MIT
#include "host/touch.h"

#include "host/discovery.h"

#include <string.h>
#include <strings.h>

// A program may wait a moment before it obeys, and takes a port that is opened again for a change
// of mind.
#define OBEY_NS (500 * QL_NS_PER_MS)

static const char *base_name(const char *port)
{
    const char *slash = strrchr(port, '/');
    return slash != NULL ? slash + 1 : port;
}

int ql_touch_port(struct ql_touch *touch, const char *port, struct ql_failure *failure)
{
    *touch = (struct ql_touch){0};
    if (strchr(port, ':') != NULL) {
        ql_fail(failure, QL_USAGE, "--touch %s: only a serial port can be touched", port);
        ql_hint(failure, "it is the port of the program that runs, such as /dev/ttyACM0");
        return -QL_USAGE;
    }
    ql_discover_usb(touch->before, &touch->count);
    for (size_t i = 0; i < touch->count; i++)
        if (strcmp(base_name(touch->before[i].port), base_name(port)) == 0)
            touch->needless = true;
    if (touch->needless)
        return 0;
    const int result = ql_serial_touch(port, failure);
    const struct ql_clock clock = ql_clock_system();
    if (result == 0)
        ql_clock_sleep(&clock, OBEY_NS);
    return result;
}

bool ql_touch_brought(const struct ql_touch *touch, const struct ql_found *found)
{
    for (size_t i = 0; i < touch->count; i++)
        if (strcasecmp(touch->before[i].serial, found->serial) == 0)
            return false;
    return true;
}
