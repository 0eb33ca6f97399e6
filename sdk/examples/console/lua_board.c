// The board for Lua: module `board`.
//
//     board.readline(prompt)       a line from the terminal, edited
//     board.milliseconds()         since the program's start
//     board.heap()                 bytes of the C heap in use, and its whole size
//     board.bootloader()           resets into the bootloader
//     board.main, board.program_size, board.cpu_hz, board.led(on)
//
// SPDX-License-Identifier: MIT
#include <malloc.h>
#include <stdio.h>

#include "line_editor.h"
#include "modules.h"
#include "quadlane/bootloader.h"
#include "quadlane/clock.h"
#include "quadlane/led.h"
#include "quadlane/memory.h"
#include "quadlane/uart.h"

#include "lauxlib.h"

int main(void);

static int readline(lua_State *lua)
{
    static char line[1024];
    fflush(stdout);
    const size_t size = line_read(luaL_checkstring(lua, 1), line, sizeof line);

    lua_pushlstring(lua, line, size);
    return 1;
}

static int milliseconds(lua_State *lua)
{
    lua_pushinteger(lua, ql_ticks_ms());
    return 1;
}

static int heap(lua_State *lua)
{
    lua_pushinteger(lua, (lua_Integer)mallinfo().uordblks);
    lua_pushinteger(lua, ql_heap_end - ql_heap_start);
    return 2;
}

static int bootloader(lua_State *lua)
{
    (void)lua;
    fflush(stdout);
    ql_uart_flush();
    ql_stay_in_bootloader_after_reset();
    ql_reset();
}

static int led(lua_State *lua)
{
    ql_led_set(lua_toboolean(lua, 1));
    return 0;
}

static void number_set(lua_State *lua, const char *name, lua_Integer number)
{
    lua_pushinteger(lua, number);
    lua_setfield(lua, -2, name);
}

int luaopen_board(lua_State *lua)
{
    static const luaL_Reg functions[] = {{"readline", readline}, {"milliseconds", milliseconds},
                                         {"heap", heap},         {"bootloader", bootloader},
                                         {"led", led},           {NULL, NULL}};

    luaL_newlib(lua, functions);
    number_set(lua, "main", (lua_Integer)((uintptr_t)main & ~(uintptr_t)1));
    number_set(lua, "program_size", (lua_Integer)(uintptr_t)ql_image_used);
    number_set(lua, "cpu_hz", (lua_Integer)SystemCoreClock);
    return 1;
}
