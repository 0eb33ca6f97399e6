// TCP ports that the virtual board listens on.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_TCP_SOCKET_H
#define SIM_TCP_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>

// Reads [ADDRESS:]PORT, PORT 0 to 65535; ADDRESS is 127.0.0.1 unless given.
bool tcp_parse(const char *where, struct sockaddr_in *address);
// A listening socket, -1 and errno; port 0 becomes the one that was free.
int tcp_listen(struct sockaddr_in *address);
// The next connection, which sends at once what is written to it; -1: there is none.
int tcp_accept(int listener);

#endif
