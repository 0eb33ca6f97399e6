// Choosing a transport by the port's name, and reading and writing through descriptors (POSIX).
//
// SPDX-License-Identifier: MIT
#include "host/transport.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int ql_transport_open(struct ql_transport *transport, const char *port, struct ql_failure *failure)
{
    static const struct {
        const char *prefix;
        int (*open)(struct ql_transport *, const char *, struct ql_failure *);
    } kinds[] = {{"unix:", ql_unix_open}, {"tcp:", ql_tcp_open}, {"lockstep:", ql_lockstep_open}};
    *transport = (struct ql_transport){0};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const size_t length = strlen(kinds[i].prefix);
        if (strncmp(port, kinds[i].prefix, length) == 0)
            return kinds[i].open(transport, port + length, failure);
    }
    return ql_serial_open(transport, port, failure);
}

void ql_transport_close(struct ql_transport *transport)
{
    if (transport->close != NULL)
        transport->close(transport->context);
    *transport = (struct ql_transport){0};
}

static int timeout_ms(uint64_t timeout_ns)
{
    const uint64_t ms = (timeout_ns + QL_NS_PER_MS - 1) / QL_NS_PER_MS;
    return ms > 60000 ? 60000 : (int)ms;
}

int ql_descriptor_read(int descriptor, uint8_t *data, size_t size, uint64_t timeout_ns)
{
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};
    const int ready = poll(&wait, 1, timeout_ms(timeout_ns));
    if (ready == 0 || (ready < 0 && errno == EINTR))
        return 0;
    if (ready < 0)
        return -QL_BOARD_LOST;
    const ssize_t got = read(descriptor, data, size);
    if (got > 0)
        return (int)got;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return -QL_BOARD_LOST;
}

// Sockets must not raise SIGPIPE; other descriptors know no send().
static ssize_t put(int descriptor, const uint8_t *data, size_t size)
{
    const ssize_t sent = send(descriptor, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 && errno == ENOTSOCK ? write(descriptor, data, size) : sent;
}

int ql_descriptor_write(int descriptor, const uint8_t *data, size_t size, uint64_t timeout_ns)
{
    const struct ql_clock clock = ql_clock_system();
    const uint64_t deadline_ns = ql_clock_now(&clock) + timeout_ns;
    while (size > 0) {
        const ssize_t sent = put(descriptor, data, size);
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
            continue;
        }
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return -QL_BOARD_LOST;
        const uint64_t now_ns = ql_clock_now(&clock);
        if (now_ns >= deadline_ns)
            return -QL_BOARD_SILENT;
        struct pollfd wait = {.fd = descriptor, .events = POLLOUT};
        poll(&wait, 1, timeout_ms(deadline_ns - now_ns));
    }
    return 0;
}
