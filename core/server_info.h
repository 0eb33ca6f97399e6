// The contents of the answers to HELLO and INFO.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_SERVER_INFO_H
#define CORE_SERVER_INFO_H

#include "core/server.h"

// Both write behind an answer's status and return how many bytes they wrote.
uint16_t server_hello_store(const struct server *server, uint8_t *content);
uint16_t server_info_store(struct server *server, uint8_t *content);

#endif
