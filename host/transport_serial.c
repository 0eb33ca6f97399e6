// Serial ports: libserialport finds and opens them; exclusive, raw.
//
// libserialport knows no pseudo terminals (it looks them up in /sys/class/tty); those are opened
// directly, so that a board behind a pty can be used like any other. SPEC.md section 1: baud rate,
// DTR and RTS mean nothing to the board.
//
// SPDX-License-Identifier: MIT
#include "host/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libserialport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define DRAIN_MS 300
#define TOUCH_NS (100 * QL_NS_PER_MS)

struct serial {
    struct sp_port *port; // a null pointer for a pseudo terminal
    int descriptor;
};

static int serial_read(void *context, uint8_t *data, size_t size, uint64_t timeout_ns)
{
    return ql_descriptor_read(((struct serial *)context)->descriptor, data, size, timeout_ns);
}

static int serial_write(void *context, const uint8_t *data, size_t size, uint64_t timeout_ns)
{
    return ql_descriptor_write(((struct serial *)context)->descriptor, data, size, timeout_ns);
}

static int serial_descriptor(void *context)
{
    return ((struct serial *)context)->descriptor;
}

// A pseudo terminal has none.
static int serial_set_baud(void *context, unsigned baud)
{
    const struct serial *serial = context;
    return serial->port == NULL || sp_set_baudrate(serial->port, (int)baud) == SP_OK ? 0 : -1;
}

// What was written shall leave, but a device that takes nothing must not hold close() for long.
static void serial_close(void *context)
{
    struct serial *serial = context;
    int waiting = 0;
    for (int i = 0; i < DRAIN_MS / 10; i++) {
        if (ioctl(serial->descriptor, TIOCOUTQ, &waiting) != 0 || waiting == 0)
            break;
        usleep(10000);
    }
    tcflush(serial->descriptor, TCOFLUSH);
    if (serial->port != NULL) {
        sp_close(serial->port);
        sp_free_port(serial->port);
    } else {
        close(serial->descriptor);
    }
    free(serial);
}

static void hint_permission(const char *path, struct ql_failure *failure)
{
    struct stat status;
    const struct group *owners = stat(path, &status) == 0 ? getgrgid(status.st_gid) : NULL;
    const char *name =
        owners != NULL && strcmp(owners->gr_name, "root") != 0 ? owners->gr_name : "dialout";
    ql_hint(failure,
            "join the port's group: sudo usermod -aG %s $USER, then log in again; or add "
            "the udev rule SUBSYSTEM==\"tty\", ATTRS{idVendor}==\"1209\", "
            "ATTRS{idProduct}==\"0001\", TAG+=\"uaccess\", ENV{ID_MM_DEVICE_IGNORE}=\"1\" in "
            "/etc/udev/rules.d/70-quadlane.rules",
            name);
}

static int fail_open(const char *path, int error, struct ql_failure *failure)
{
    switch (error) {
    case EACCES:
    case EPERM:
        ql_fail(failure, QL_PORT_PERMISSION, "permission denied for the serial port %s", path);
        hint_permission(path, failure);
        return -QL_PORT_PERMISSION;
    case EBUSY:
    case EWOULDBLOCK:
        ql_fail(failure, QL_PORT_BUSY, "the serial port %s is used by another program", path);
        ql_hint(failure,
                "close the terminal, monitor or other quadlane that has it open "
                "(`fuser -v %s` names it); ModemManager lets go after some seconds: --wait 15",
                path);
        return -QL_PORT_BUSY;
    default:
        ql_fail(failure, QL_NO_BOARD, "the serial port %s cannot be opened: %s", path,
                strerror(error));
        ql_hint(failure,
                "plug the board in again; `quadlane list` shows the boards that are there");
        return -QL_NO_BOARD;
    }
}

// TIOCEXCL keeps others from opening it; flock() also tells a port that root opened twice.
static int lock(int descriptor)
{
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0)
        return errno;
    return ioctl(descriptor, TIOCEXCL) == 0 || errno == ENOTTY || errno == EINVAL ? 0 : errno;
}

static int open_port(struct serial *serial)
{
    if (sp_open(serial->port, SP_MODE_READ_WRITE) != SP_OK) {
        const int error = sp_last_error_code();
        return error != 0 ? error : EIO;
    }
    if (sp_get_port_handle(serial->port, &serial->descriptor) != SP_OK)
        return EIO;
    const int error = lock(serial->descriptor);
    if (error != 0) {
        sp_close(serial->port);
        return error;
    }
    sp_set_baudrate(serial->port, 115200);
    sp_set_bits(serial->port, 8);
    sp_set_parity(serial->port, SP_PARITY_NONE);
    sp_set_stopbits(serial->port, 1);
    sp_set_flowcontrol(serial->port, SP_FLOWCONTROL_NONE);
    sp_flush(serial->port, SP_BUF_BOTH);
    return 0;
}

static int open_terminal(struct serial *serial, const char *path)
{
    serial->descriptor = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (serial->descriptor < 0)
        return errno;
    struct termios settings;
    int error = lock(serial->descriptor);
    if (error == 0 && tcgetattr(serial->descriptor, &settings) != 0)
        error = errno;
    if (error != 0) {
        close(serial->descriptor);
        return error;
    }
    cfmakeraw(&settings);
    tcsetattr(serial->descriptor, TCSANOW, &settings);
    tcflush(serial->descriptor, TCIOFLUSH);
    return 0;
}

static int check_device(const char *path, struct ql_failure *failure)
{
    struct stat status;
    if (stat(path, &status) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        ql_fail(failure, QL_NO_BOARD, "there is no serial port %s", path);
        ql_hint(failure,
                "is the board plugged in? `quadlane list` shows the boards that are there; "
                "--wait 30 waits for one");
        return -QL_NO_BOARD;
    }
    if (S_ISSOCK(status.st_mode)) {
        ql_fail(failure, QL_USAGE, "%s is a socket, not a serial port", path);
        ql_hint(failure, "write it as --port unix:%s", path);
        return -QL_USAGE;
    }
    if (!S_ISCHR(status.st_mode)) {
        ql_fail(failure, QL_USAGE, "%s is not a serial port", path);
        ql_hint(failure, "`quadlane list` shows the ports of boards that are there");
        return -QL_USAGE;
    }
    return 0;
}

int ql_serial_open(struct ql_transport *transport, const char *name, struct ql_failure *failure)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s", strchr(name, '/') == NULL ? "/dev/" : "", name);
    const int result = check_device(path, failure);
    if (result != 0)
        return result;
    struct serial *serial = calloc(1, sizeof *serial);
    if (serial == NULL)
        return ql_fail_memory(failure);
    const bool known = sp_get_port_by_name(path, &serial->port) == SP_OK;
    if (!known)
        serial->port = NULL;
    const int error = known ? open_port(serial) : open_terminal(serial, path);
    if (error != 0) {
        if (known)
            sp_free_port(serial->port);
        free(serial);
        return fail_open(path, error, failure);
    }
    *transport = (struct ql_transport){.context = serial,
                                       .clock = ql_clock_system(),
                                       .read = serial_read,
                                       .write = serial_write,
                                       .descriptor = serial_descriptor,
                                       .set_baud = serial_set_baud,
                                       .close = serial_close};
    return 0;
}

int ql_serial_touch(const char *name, struct ql_failure *failure)
{
    const int dtr = TIOCM_DTR;
    struct ql_transport transport;
    struct termios settings;
    const int result = ql_serial_open(&transport, name, failure);
    if (result != 0)
        return result;
    // What cannot be set (a pseudo terminal has no DTR) is told by closing.
    const int descriptor = ((struct serial *)transport.context)->descriptor;
    if (tcgetattr(descriptor, &settings) == 0) {
        cfsetispeed(&settings, B1200);
        cfsetospeed(&settings, B1200);
        tcsetattr(descriptor, TCSANOW, &settings);
    }
    ioctl(descriptor, TIOCMBIS, &dtr);
    ql_clock_sleep(&transport.clock, TOUCH_NS);
    ioctl(descriptor, TIOCMBIC, &dtr);
    transport.close(transport.context);
    return 0;
}
