// Opening a program's console, and finding it again.
//
// SPDX-License-Identifier: MIT
#include "host/console.h"

#include "host/discovery.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WRITE_NS   QL_NS_PER_S
#define HANG_UP_MS 30 // a virtual board's cable without a device hangs up at once

static bool is_socket(const char *port)
{
    return strncmp(port, "unix:", 5) == 0 || strncmp(port, "tcp:", 4) == 0;
}

static const char *base_name(const char *port)
{
    const char *slash = strrchr(port, '/');
    return slash != NULL ? slash + 1 : port;
}

// What a USB port that was named is known by.
static void note_usb(struct ql_console *console)
{
    struct ql_usb_port ports[QL_FOUND_MAX];
    const size_t count = ql_discover_usb_ports(ports, QL_FOUND_MAX);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(base_name(ports[i].port), base_name(console->port)) != 0)
            continue;
        memcpy(console->usb_serial, ports[i].serial, sizeof console->usb_serial);
        console->usb_index = 0;
        for (size_t j = 0; j < i; j++)
            console->usb_index += strcmp(ports[j].serial, ports[i].serial) == 0 ? 1 : 0;
    }
}

// Where it is now. A port without a serial number stays where it was.
static bool find_again(struct ql_console *console)
{
    struct ql_usb_port ports[QL_FOUND_MAX];
    unsigned index = 0;
    if (console->usb_serial[0] == '\0')
        return true;
    const size_t count = ql_discover_usb_ports(ports, QL_FOUND_MAX);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(ports[i].serial, console->usb_serial) != 0 || index++ != console->usb_index)
            continue;
        memcpy(console->port, ports[i].port, sizeof console->port);
        return true;
    }
    return false;
}

static int choose_virtual(struct ql_console *console, struct ql_failure *failure)
{
    static struct ql_found found[QL_FOUND_MAX];
    size_t count = 0;
    ql_discover_virtual(found, &count);
    if (count == 1) {
        memcpy(console->port, found[0].port, sizeof console->port);
        return 0;
    }
    if (count > 1)
        ql_fail(failure, QL_SEVERAL_BOARDS, "%zu virtual boards found", count);
    else
        ql_fail(failure, QL_NO_BOARD, "no serial port of a program found");
    ql_hint(failure, "name it: quadlane monitor /dev/ttyUSB0, /dev/ttyACM0 or unix:PATH");
    return -(int)failure->code;
}

int ql_console_choose(struct ql_console *console, const char *port, const char *serial,
                      struct ql_failure *failure)
{
    struct ql_usb_port ports[QL_FOUND_MAX];
    size_t kept = 0;
    if (port != NULL) {
        snprintf(console->port, sizeof console->port, "%s", port);
        return 0;
    }
    const size_t count = ql_discover_usb_ports(ports, QL_FOUND_MAX);
    for (size_t i = 0; i < count; i++) {
        if (serial == NULL || strcasecmp(serial, ports[i].serial) == 0)
            ports[kept++] = ports[i];
    }
    if (kept == 0 && serial == NULL)
        return choose_virtual(console, failure);
    if (kept == 1) {
        memcpy(console->port, ports[0].port, sizeof console->port);
        return 0;
    }
    if (kept == 0)
        ql_fail(failure, QL_NO_BOARD, "no serial port of a program with the serial number %s",
                serial);
    else
        ql_fail(failure, QL_SEVERAL_BOARDS, "%zu serial ports found, %s and %s among them", kept,
                ports[0].port, ports[1].port);
    ql_hint(failure, "name it: quadlane monitor /dev/ttyUSB0 or /dev/ttyACM0");
    return -(int)failure->code;
}

// Does the other end hang up at once?
static bool hangs_up(const struct ql_console *console)
{
    struct pollfd wait = {.fd = ql_console_descriptor(console), .events = POLLIN | POLLRDHUP};
    return is_socket(console->port) && poll(&wait, 1, HANG_UP_MS) > 0 &&
           (wait.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static int set_up(struct ql_console *console, struct ql_failure *failure)
{
    const struct ql_transport *line = &console->transport;
    if (line->descriptor == NULL)
        return ql_fail(failure, QL_USAGE,
                       "a console needs a line whose time goes by itself, not %s", console->port);
    if (line->set_baud != NULL && line->set_baud(line->context, console->baud) != 0)
        return ql_fail(failure, QL_USAGE, "the port %s cannot do %u baud", console->port,
                       console->baud);
    if (!hangs_up(console))
        return 0;
    if (line->explain != NULL && line->explain(line->context) == -QL_PORT_BUSY) {
        ql_fail(failure, QL_PORT_BUSY, "the port %s is used by another program", console->port);
        ql_hint(failure, "close the other quadlane or terminal that is connected to it");
        return -QL_PORT_BUSY;
    }
    return ql_fail(failure, QL_NO_BOARD, "no USB device is there behind %s now", console->port);
}

int ql_console_open(struct ql_console *console, struct ql_failure *failure)
{
    if (!find_again(console))
        return ql_fail(failure, QL_NO_BOARD, "the USB serial port %s is not there", console->port);
    int result = ql_transport_open(&console->transport, console->port, failure);
    if (result != 0)
        return result;
    console->is_open = true;
    result = set_up(console, failure);
    if (result != 0)
        ql_console_close(console);
    else if (console->usb_serial[0] == '\0')
        note_usb(console);
    return result;
}

void ql_console_close(struct ql_console *console)
{
    if (console->is_open)
        ql_transport_close(&console->transport);
    console->is_open = false;
}

int ql_console_descriptor(const struct ql_console *console)
{
    return console->is_open ? console->transport.descriptor(console->transport.context) : -1;
}

static int lose(struct ql_console *console, int result)
{
    if (result == -QL_BOARD_LOST)
        ql_console_close(console);
    return result;
}

int ql_console_read(struct ql_console *console, uint8_t *bytes, size_t size)
{
    return lose(console, console->transport.read(console->transport.context, bytes, size, 0));
}

int ql_console_write(struct ql_console *console, const uint8_t *bytes, size_t size)
{
    return lose(console,
                console->transport.write(console->transport.context, bytes, size, WRITE_NS));
}
