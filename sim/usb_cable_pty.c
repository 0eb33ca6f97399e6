// The pseudo-terminal cable: programs open it like a serial port. Opened means port opened; a
// master is not told of that, so a poll in virtual time looks after it. Nor is it told of a new
// baud rate: the device hears of it when the port is opened, and before it is closed.
//
// SPDX-License-Identifier: MIT
#include "sim/usb_cable_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define POLL_NS (10 * NS_PER_MS)

static void pty_link(void *context, bool configured)
{
    struct usb_cable *cable = context;

    // A pseudo-terminal cannot be hung up and keep its name. What was on its way is lost.
    if (!configured) {
        cable->from_peer.count = 0;
        cable->to_peer.count = 0;
    }
    cable_update_events(cable);
}

// The terminal's baud rate is the port's.
static void follow_rate(struct usb_cable *cable)
{
    static const struct {
        speed_t code;
        uint32_t rate;
    } rates[] = {{B1200, 1200},   {B2400, 2400},   {B4800, 4800},     {B9600, 9600},
                 {B19200, 19200}, {B57600, 57600}, {B115200, 115200}, {B230400, 230400}};
    struct termios mode;

    if (tcgetattr(cable->master, &mode) != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        if (rates[i].code == cfgetospeed(&mode)) {
            usb_host_rate(cable->host, rates[i].rate);
        }
    }
}

static void pty_poll_fire(void *context)
{
    struct usb_cable *cable = context;
    struct pollfd master = {.fd = cable->master, .events = POLLIN};

    // Before a device is configured there is no port yet: what was written waits in the terminal.
    if (!usb_host_configured(cable->host) || poll(&master, 1, 0) < 0 || master.revents & POLLHUP) {
        event_arm_in(cable->machine, &cable->pty_poll, POLL_NS);
        return;
    }
    cable_set_peer(cable, cable->master, cable_peer_ready, POLLIN);
    follow_rate(cable);
    usb_host_open(cable->host, true);
}

void pty_hung_up(struct usb_cable *cable)
{
    follow_rate(cable); // set while it was open
    usb_host_open(cable->host, false);
    cable_drop_peer(cable);
    event_arm_in(cable->machine, &cable->pty_poll, POLL_NS);
}

// Raw mode. Closing the other side once makes its absence visible as a hang-up.
static bool prepare_other_side(const char *path)
{
    struct termios mode;
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    bool done;

    if (fd < 0) {
        return false;
    }
    done = tcgetattr(fd, &mode) == 0;
    if (done) {
        cfmakeraw(&mode);
        done = tcsetattr(fd, TCSANOW, &mode) == 0;
    }
    close(fd);
    return done;
}

bool pty_open(struct usb_cable *cable, char *error, size_t error_size)
{
    cable->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (cable->master < 0 || grantpt(cable->master) != 0 || unlockpt(cable->master) != 0 ||
        ptsname_r(cable->master, cable->path, sizeof(cable->path)) != 0 ||
        !prepare_other_side(cable->path)) {
        snprintf(error, error_size, "A pseudo-terminal cannot be made: %s.", strerror(errno));
        if (cable->master >= 0) {
            close(cable->master);
        }
        return false;
    }
    fprintf(stderr, "quadlane-board: USB serial port is %s\n", cable->path);
    cable->pty_poll =
        (struct event){.fire = pty_poll_fire, .context = cable, .name = "USB pty poll"};
    event_arm_in(cable->machine, &cable->pty_poll, POLL_NS);
    cable_attach_stream(cable, pty_link);
    return true;
}
