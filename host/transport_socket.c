// Sockets: `unix:PATH` is a virtual board's cable (SPEC.md section 10), `tcp:HOST:PORT` a serial
// port that another computer serves.
//
// SPDX-License-Identifier: MIT
#include "host/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_MS 5000

struct line {
    int descriptor;
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path]; // unix only
};

static int line_read(void *context, uint8_t *data, size_t size, uint64_t timeout_ns)
{
    return ql_descriptor_read(((struct line *)context)->descriptor, data, size, timeout_ns);
}

static int line_write(void *context, const uint8_t *data, size_t size, uint64_t timeout_ns)
{
    return ql_descriptor_write(((struct line *)context)->descriptor, data, size, timeout_ns);
}

static int line_descriptor(void *context)
{
    return ((struct line *)context)->descriptor;
}

static void line_close(void *context)
{
    struct line *line = context;
    close(line->descriptor);
    free(line);
}

// A board closes a second connection at once, and so it does when its USB device is not there.
// Linux tells them apart: it lists the other connection under the same path (state 03, connected).
static int line_explain(void *context)
{
    const struct line *line = context;
    FILE *list = fopen("/proc/net/unix", "re");
    if (list == NULL || line->path[0] == '\0') {
        if (list != NULL)
            fclose(list);
        return 0;
    }
    int connections = 0;
    char text[256];
    while (fgets(text, sizeof text, list) != NULL) {
        unsigned state = 0;
        int at = 0;
        text[strcspn(text, "\n")] = '\0';
        if (sscanf(text, "%*s %*s %*s %*s %*s %x %*s %n", &state, &at) == 1 && at > 0 &&
            state == 3 && strcmp(text + at, line->path) == 0)
            connections++;
    }
    fclose(list);
    return connections > 0 ? -QL_PORT_BUSY : 0;
}

static int become(struct ql_transport *transport, int descriptor, const char *path,
                  struct ql_failure *failure)
{
    struct line *line = calloc(1, sizeof *line);
    if (line == NULL) {
        close(descriptor);
        return ql_fail_memory(failure);
    }
    line->descriptor = descriptor;
    snprintf(line->path, sizeof line->path, "%s", path);
    *transport = (struct ql_transport){.context = line,
                                       .clock = ql_clock_system(),
                                       .read = line_read,
                                       .write = line_write,
                                       .explain = line_explain,
                                       .descriptor = line_descriptor,
                                       .close = line_close};
    return 0;
}

static int fail_connect(const char *path, int error, struct ql_failure *failure)
{
    switch (error) {
    case ENOENT:
    case ECONNREFUSED:
        ql_fail(failure, QL_NO_BOARD, "no virtual board listens at %s", path);
        ql_hint(failure, "start one with quadlane-board; `quadlane list` shows those that run, "
                         "--wait 30 waits for one");
        return -QL_NO_BOARD;
    case EACCES:
    case EPERM:
        ql_fail(failure, QL_PORT_PERMISSION, "permission denied for the socket %s", path);
        ql_hint(failure, "run quadlane as the user who started the virtual board");
        return -QL_PORT_PERMISSION;
    case EAGAIN:
        ql_fail(failure, QL_PORT_BUSY, "the virtual board at %s has no time for a new connection",
                path);
        ql_hint(failure, "close the other program that uses it");
        return -QL_PORT_BUSY;
    default:
        return ql_fail(failure, QL_NO_BOARD, "the socket %s cannot be connected: %s", path,
                       strerror(error));
    }
}

int ql_unix_connect(const char *path, struct ql_failure *failure)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof address.sun_path)
        return ql_fail(failure, QL_USAGE, "a socket's path has 1 to %zu characters",
                       sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path));
    const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return ql_fail(failure, QL_INTERNAL, "no socket can be made: %s", strerror(errno));
    if (connect(descriptor, (const struct sockaddr *)&address, sizeof address) == 0)
        return descriptor;
    const int error = errno;
    close(descriptor);
    return fail_connect(path, error, failure);
}

int ql_unix_open(struct ql_transport *transport, const char *path, struct ql_failure *failure)
{
    const int descriptor = ql_unix_connect(path, failure);
    return descriptor < 0 ? descriptor : become(transport, descriptor, path, failure);
}

// Returns a connected descriptor, or -1 with errno set.
static int connect_to(const struct addrinfo *address)
{
    const int descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                  address->ai_protocol);
    if (descriptor < 0)
        return -1;
    int error = 0;
    if (connect(descriptor, address->ai_addr, address->ai_addrlen) != 0)
        error = errno;
    if (error == EINPROGRESS) {
        struct pollfd wait = {.fd = descriptor, .events = POLLOUT};
        socklen_t size = sizeof error;
        if (poll(&wait, 1, CONNECT_MS) <= 0)
            error = ETIMEDOUT;
        else
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error == 0) {
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        return descriptor;
    }
    close(descriptor);
    errno = error;
    return -1;
}

// Cuts HOST:PORT or [HOST]:PORT apart in place.
static bool split_address(char *text, char **host, char **port)
{
    char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || colon[1] == '\0')
        return false;
    *colon = '\0';
    *port = colon + 1;
    *host = text;
    if (text[0] == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        (*host)++;
    }
    return true;
}

int ql_tcp_open(struct ql_transport *transport, const char *address, struct ql_failure *failure)
{
    char text[256];
    char *host = NULL;
    char *port = NULL;
    snprintf(text, sizeof text, "%s", address);
    if (!split_address(text, &host, &port))
        return ql_fail(failure, QL_USAGE, "tcp:%s is not of the form tcp:HOST:PORT", address);
    const struct addrinfo wish = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const int error = getaddrinfo(host, port, &wish, &found);
    if (error != 0)
        return ql_fail(failure, QL_NO_BOARD, "the address tcp:%s cannot be found: %s", address,
                       gai_strerror(error));
    int descriptor = -1;
    for (const struct addrinfo *scan = found; scan != NULL && descriptor < 0; scan = scan->ai_next)
        descriptor = connect_to(scan);
    const int reason = errno;
    freeaddrinfo(found);
    if (descriptor >= 0)
        return become(transport, descriptor, "", failure);
    ql_fail(failure, QL_NO_BOARD, "tcp:%s cannot be connected: %s", address, strerror(reason));
    ql_hint(failure, "is the program that serves the port running there?");
    return -QL_NO_BOARD;
}
