// Fuzz target: bytes from a peer into the usbredir and USB/IP cables of the virtual board.
//
// The first byte of an input chooses the cable, whether a good greeting goes first (a hello, an
// attachment) and which device is there. What follows is a script: a byte that says how many bytes
// come in one go (1..64) and how much time passes then. After each input the board must still serve
// a well-behaved peer, and nothing may be left under way.
//
// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sim/machine_internal.h"
#include "sim/usb_cable.h"
#include "sim/usb_host_remote.h"
#include "tests/model/fake_device.h"

static struct fake_device device;
static char folder[] = "/tmp/quadlane-fuzz-XXXXXX";

static void remove_folder(void)
{
    rmdir(folder);
}

static void check(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static void on_violation(void *context, const char *name, const char *text)
{
    (void)context;
    (void)name;
    (void)text; // a peer may make a fake device break its rules
}

static void run_ms(struct machine *machine, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        machine_serve(machine, 0);
        machine_advance(machine, NS_PER_MS);
    }
    machine_serve(machine, 0);
}

static int dial(const struct usb_cable *cable, bool usbip)
{
    struct sockaddr_in port = {.sin_family = AF_INET,
                               .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    int fd = socket(usbip ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int on = 1;

    if (usbip) {
        const char *text = strrchr(usb_cable_path(cable), ':');

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        port.sin_port = htons((uint16_t)atoi(text != NULL ? text + 1 : "0"));
        (void)connect(fd, (struct sockaddr *)&port, sizeof(port));
    } else {
        snprintf(path.sun_path, sizeof(path.sun_path), "%s", usb_cable_path(cable));
        (void)connect(fd, (struct sockaddr *)&path, sizeof(path));
    }
    return fd;
}

static void read_away(int fd)
{
    uint8_t bytes[65536];

    while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
    }
}

static void greet(int fd, bool usbip)
{
    static const uint8_t hello[80] = {0, 0, 0, 0, 68, [76] = 0xFE};
    static const uint8_t import[40] = {0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0, '1', '-', '1'};

    (void)send(fd, usbip ? import : hello, usbip ? sizeof(import) : sizeof(hello), MSG_NOSIGNAL);
}

static void play(struct machine *machine, struct usb_host *host, int fd, const uint8_t *script,
                 size_t size)
{
    for (size_t at = 0; at < size;) {
        uint8_t pace = script[at++];
        size_t count = 1 + pace % 64u;

        count = count < size - at ? count : size - at;
        (void)send(fd, script + at, count, MSG_NOSIGNAL);
        at += count;
        run_ms(machine, 1u << (pace >> 6));
        if (pace == 0xFF) {
            usb_host_plug(host, false);
            run_ms(machine, 2);
            usb_host_plug(host, true);
            run_ms(machine, 400);
        }
        read_away(fd);
    }
}

// A peer that keeps to the rules hears of the device.
static void check_served(struct machine *machine, const struct usb_cable *cable, bool usbip)
{
    int fd = dial(cable, usbip);
    uint8_t bytes[1024];
    ssize_t count;

    run_ms(machine, 2);
    greet(fd, usbip);
    run_ms(machine, 5);
    count = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    check(count == (usbip ? 320 : 80 + 16 + 160 + 16 + 132 + 16 + 10),
          "the next peer is not served");
    close(fd);
    run_ms(machine, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct machine *machine;
    struct usb_host *host;
    struct usb_cable *cable;
    char specification[128], error[256];
    bool usbip;
    int fd;

    if (size == 0) {
        return 0;
    }
    if (folder[strlen(folder) - 1] == 'X') {
        check(mkdtemp(folder) != NULL, "no folder");
        atexit(remove_folder);
        check(freopen("/dev/null", "w", stdout) != NULL, "no /dev/null");
    }
    usbip = data[0] & 1;
    machine = machine_create();
    machine_on_violation(machine, on_violation, NULL);
    machine_set_lenient(machine, true);
    fake_device_init(&device, machine);
    host = usb_host_create(machine, &device.port, true);
    snprintf(specification, sizeof(specification), usbip ? "usbip:0" : "usbredir:unix:%s/s",
             folder);
    cable = usb_cable_create(machine, host, specification, "fuzz", error, sizeof(error));
    check(cable != NULL, error);
    fake_device_attach(&device, host, !(data[0] & 4));
    run_ms(machine, 400);
    fd = dial(cable, usbip);
    run_ms(machine, 2);
    if (data[0] & 2) {
        greet(fd, usbip);
        run_ms(machine, 1);
    }
    play(machine, host, fd, data + 1, size - 1);
    close(fd);
    run_ms(machine, 2);
    usb_host_plug(host, false);
    run_ms(machine, 5);
    fake_device_init(&device, machine);
    usb_host_plug(host, true);
    fake_device_attach(&device, host, true);
    run_ms(machine, 500);
    check_served(machine, cable, usbip);
    usb_cable_close(cable);
    machine_destroy(machine);
    free(host);
    return 0;
}
