// The Lua modules of this program.
//
// SPDX-License-Identifier: MIT
#ifndef CONSOLE_MODULES_H
#define CONSOLE_MODULES_H

#include "lua.h"

int luaopen_sqlite(lua_State *lua);
int luaopen_mbedtls(lua_State *lua);
int luaopen_board(lua_State *lua);

#endif
