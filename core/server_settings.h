// The SETTINGS request, and the settings in force.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_SERVER_SETTINGS_H
#define CORE_SERVER_SETTINGS_H

#include "core/server.h"

// The settings that the records hold come into force.
void server_settings_apply(struct server *server);

// May the board's settings be changed as the payload says? `store` gets what is to be kept then.
struct outcome server_settings_check(const struct server *server, const uint8_t *items,
                                     uint32_t length, uint8_t store[QL_SETTINGS_SIZE]);

// Goes on with the request: returns false until it can be answered, with `outcome`.
bool server_settings_run(struct server *server, struct outcome *outcome);

#endif
