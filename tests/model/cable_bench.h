// A cable of the virtual board's USB port for tests: a fake device and the host model at its one
// end, at its other one a socket in a folder of its own, and a connection to it.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_MODEL_CABLE_BENCH_H
#define TESTS_MODEL_CABLE_BENCH_H

#include "sim/machine_internal.h" // the limit, to stop exactly there
#include "sim/usb_cable.h"
#include "tests/model/fake_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct bench {
    struct machine *machine;
    struct fake_device *device;
    struct usb_host *host;
    struct usb_cable *cable;
    char folder[64];
    char path[96];
    char error[256];

    // Of tests with one connection: closed behind them. -1: none.
    int fd;
    uint8_t got[65536]; // what has come and was not taken yet
    size_t count;
    bool short_ids; // usbredir: ids of 32 bits
};

static inline void on_violation(void *context, const char *device, const char *text)
{
    (void)context;
    fail_msg("%s: %s", device, text);
}

static inline int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    strcpy(bench->folder, "/tmp/quadlane-cable-XXXXXX"); // a socket's path has to be short
    assert_non_null(mkdtemp(bench->folder));
    snprintf(bench->path, sizeof(bench->path), "%s/cable", bench->folder);
    bench->machine = machine_create();
    machine_on_violation(bench->machine, on_violation, bench);
    bench->device = calloc(1, sizeof(*bench->device));
    fake_device_init(bench->device, bench->machine);
    bench->host = usb_host_create(bench->machine, &bench->device->port, true);
    bench->fd = -1;
    *state = bench;
    return 0;
}

static inline int tear_down(void **state)
{
    struct bench *bench = *state;

    if (bench->cable != NULL) {
        usb_cable_close(bench->cable);
    }
    if (bench->fd >= 0) {
        close(bench->fd);
    }
    unlink(bench->path);
    assert_int_equal(rmdir(bench->folder), 0); // nothing is left behind
    machine_destroy(bench->machine);
    free(bench->device);
    free(bench->host);
    free(bench);
    return 0;
}

// `kind`: the cable's specification; the bench's path is added to one that ends in ':'.
static inline void plug(struct bench *bench, const char *kind)
{
    char specification[160];

    snprintf(specification, sizeof(specification), "%s%s", kind,
             kind[strlen(kind) - 1] == ':' ? bench->path : "");
    bench->cable = usb_cable_create(bench->machine, bench->host, specification, "board",
                                    bench->error, sizeof(bench->error));
    assert_non_null(bench->cable);
}

// Time passes and descriptors are served.
static inline void run_ms(struct bench *bench, unsigned ms)
{
    for (unsigned i = 0; i < ms * 4; i++) {
        machine_serve(bench->machine, 0);
        machine_advance(bench->machine, NS_PER_MS / 4);
    }
    machine_serve(bench->machine, 0);
}

// A connection, -1: nobody listens.
static inline int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline bool is_closed(int fd)
{
    uint8_t byte;
    ssize_t count = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return count == 0 || (count < 0 && errno == ECONNRESET);
}

#endif
