// TCP ports that the virtual board listens on.
//
// SPDX-License-Identifier: MIT
#include "sim/tcp_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool tcp_parse(const char *where, struct sockaddr_in *address)
{
    const char *colon = strrchr(where, ':');
    const char *digits = colon != NULL ? colon + 1 : where;
    char host[INET_ADDRSTRLEN] = "127.0.0.1";
    char *end;
    unsigned long port = strtoul(digits, &end, 10);

    if (digits[0] < '0' || digits[0] > '9' || *end != '\0' || port > 65535) {
        return false;
    }
    if (colon != NULL) {
        if ((size_t)(colon - where) >= sizeof(host)) {
            return false;
        }
        memcpy(host, where, (size_t)(colon - where));
        host[colon - where] = '\0';
    }
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

int tcp_listen(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t length = sizeof(*address);
    int on = 1;

    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 || listen(fd, 4) != 0 ||
        getsockname(fd, (struct sockaddr *)address, &length) != 0) {
        int reason = errno;

        close(fd);
        errno = reason;
        return -1;
    }
    return fd;
}

int tcp_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int on = 1;

    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return fd;
}
