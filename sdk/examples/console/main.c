// A Lua prompt on the console, with SQLite and mbedTLS: more than 1 MiB of program, all of it
// executing from the external chip. What it does is in start.lua.
//
// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "modules.h"
#include "quadlane/clock.h"

#include "lauxlib.h"
#include "lualib.h"

// start_script.S
extern const char start_script[], start_script_end[];

static int error_with_traceback(lua_State *lua)
{
    luaL_traceback(lua, lua, lua_tostring(lua, 1), 1);
    return 1;
}

int main(void)
{
    ql_ticks_start();
    lua_State *const lua = luaL_newstate();
    if (lua == NULL) {
        printf("console: no memory for Lua\n");
        return 1;
    }
    luaL_openlibs(lua);
    luaL_requiref(lua, "sqlite", luaopen_sqlite, 1);
    luaL_requiref(lua, "mbedtls", luaopen_mbedtls, 1);
    luaL_requiref(lua, "board", luaopen_board, 1);
    lua_settop(lua, 0);
    lua_pushcfunction(lua, error_with_traceback);
    const size_t size = (size_t)(start_script_end - start_script);
    if (luaL_loadbuffer(lua, start_script, size, "=start.lua") != LUA_OK ||
        lua_pcall(lua, 0, 0, 1) != LUA_OK) {
        printf("console: %s\n", lua_tostring(lua, -1));
        return 1;
    }
    return 0;
}
