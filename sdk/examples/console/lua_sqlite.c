// SQLite for Lua: module `sqlite`.
//
//     db = sqlite.open()                         a database in RAM
//     db:exec(sql, ...)                          runs one or more statements; ... are the values of
//                                                the (first) statement's ? marks; returns the
//                                                number of rows changed
//     for row in db:rows(sql, ...) do            rows as tables: row[1], row.name
//     db:value(sql, ...)                         first column of the first row, or nil
//     db:close()
//     sqlite.version, sqlite.memory()            bytes SQLite has now, and has had at most
//
// Errors are Lua errors with SQLite's own text.
//
// SPDX-License-Identifier: MIT
#include <string.h>

#include "modules.h"

#include "lauxlib.h"
#include "sqlite3.h"

#define DATABASE_TYPE  "sqlite.database"
#define STATEMENT_TYPE "sqlite.statement"

static sqlite3 **database_box(lua_State *lua)
{
    return luaL_checkudata(lua, 1, DATABASE_TYPE);
}

static sqlite3 *database_check(lua_State *lua)
{
    sqlite3 *const database = *database_box(lua);

    if (database == NULL)
        luaL_error(lua, "the database is closed");
    return database;
}

static int raise(lua_State *lua, sqlite3 *database)
{
    return luaL_error(lua, "sqlite: %s", sqlite3_errmsg(database));
}

static int database_open(lua_State *lua)
{
    sqlite3 **const box = lua_newuserdatauv(lua, sizeof *box, 0);

    *box = NULL;
    luaL_setmetatable(lua, DATABASE_TYPE);
    if (sqlite3_open(":memory:", box) != SQLITE_OK)
        return raise(lua, *box);
    return 1;
}

static int database_close(lua_State *lua)
{
    sqlite3 **const box = database_box(lua);

    sqlite3_close_v2(*box); // a row iterator that is still held keeps it until it is collected
    *box = NULL;
    return 0;
}

static int statement_finalize(lua_State *lua)
{
    sqlite3_stmt **const box = luaL_checkudata(lua, 1, STATEMENT_TYPE);

    sqlite3_finalize(*box);
    *box = NULL;
    return 0;
}

static void value_bind(lua_State *lua, sqlite3_stmt *statement, int index, int argument)
{
    size_t size;
    const char *text;

    switch (lua_type(lua, argument)) {
    case LUA_TNIL:
        sqlite3_bind_null(statement, index);
        break;
    case LUA_TBOOLEAN:
        sqlite3_bind_int(statement, index, lua_toboolean(lua, argument));
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(lua, argument))
            sqlite3_bind_int64(statement, index, lua_tointeger(lua, argument));
        else
            sqlite3_bind_double(statement, index, lua_tonumber(lua, argument));
        break;
    case LUA_TSTRING:
        text = lua_tolstring(lua, argument, &size);
        sqlite3_bind_text64(statement, index, text, size, SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    default:
        luaL_argerror(lua, argument, "nil, boolean, number or string expected");
    }
}

// Compiles the first statement of *sql and moves *sql behind it. The statement belongs to the
// userdata that this pushes, so that an error anywhere frees it. NULL: nothing but blanks was left.
static sqlite3_stmt *statement_prepare(lua_State *lua, sqlite3 *database, const char **sql)
{
    sqlite3_stmt **const box = lua_newuserdatauv(lua, sizeof *box, 1);

    *box = NULL;
    luaL_setmetatable(lua, STATEMENT_TYPE);
    lua_pushvalue(lua, 1);
    lua_setiuservalue(lua, -2, 1); // the database outlives its statements
    if (sqlite3_prepare_v2(database, *sql, -1, box, sql) != SQLITE_OK)
        raise(lua, database);
    return *box;
}

static void arguments_bind(lua_State *lua, sqlite3_stmt *statement, int last)
{
    const int wanted = sqlite3_bind_parameter_count(statement);

    if (last - 2 != wanted)
        luaL_error(lua, "sqlite: %d values for %d ? marks", last - 2, wanted);
    for (int argument = 3; argument <= last; argument++)
        value_bind(lua, statement, argument - 2, argument);
}

static int database_exec(lua_State *lua)
{
    sqlite3 *const database = database_check(lua);
    const char *sql = luaL_checkstring(lua, 2);
    const int before = sqlite3_total_changes(database);
    int last = lua_gettop(lua);

    for (;;) {
        sqlite3_stmt *const statement = statement_prepare(lua, database, &sql);
        if (statement == NULL)
            break;
        arguments_bind(lua, statement, last);
        last = 2;
        int status;
        do
            status = sqlite3_step(statement);
        while (status == SQLITE_ROW);
        if (status != SQLITE_DONE)
            return raise(lua, database);
        lua_pushcfunction(lua, statement_finalize);
        lua_insert(lua, -2);
        lua_call(lua, 1, 0);
    }
    lua_pushinteger(lua, sqlite3_total_changes(database) - before);
    return 1;
}

static void column_push(lua_State *lua, sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        lua_pushinteger(lua, sqlite3_column_int64(statement, column));
        break;
    case SQLITE_FLOAT:
        lua_pushnumber(lua, sqlite3_column_double(statement, column));
        break;
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
        const char *const bytes = sqlite3_column_blob(statement, column);
        const int size = sqlite3_column_bytes(statement, column);
        lua_pushlstring(lua, bytes != NULL ? bytes : "", (size_t)size);
        break;
    }
    default:
        lua_pushnil(lua);
    }
}

static int rows_next(lua_State *lua)
{
    sqlite3_stmt *const statement =
        *(sqlite3_stmt **)luaL_checkudata(lua, lua_upvalueindex(1), STATEMENT_TYPE);
    const int status = sqlite3_step(statement);

    if (status == SQLITE_DONE)
        return 0;
    if (status != SQLITE_ROW)
        return raise(lua, sqlite3_db_handle(statement));
    const int columns = sqlite3_column_count(statement);
    lua_createtable(lua, columns, columns);
    for (int column = 0; column < columns; column++) {
        column_push(lua, statement, column);
        lua_pushvalue(lua, -1);
        lua_rawseti(lua, -3, column + 1);
        lua_setfield(lua, -2, sqlite3_column_name(statement, column));
    }
    return 1;
}

// Pushes the statement of argument 2 with the values from 3 on.
static sqlite3_stmt *query_prepare(lua_State *lua)
{
    sqlite3 *const database = database_check(lua);
    const char *sql = luaL_checkstring(lua, 2);
    const int last = lua_gettop(lua);
    sqlite3_stmt *const statement = statement_prepare(lua, database, &sql);

    if (statement == NULL)
        luaL_error(lua, "sqlite: no statement");
    arguments_bind(lua, statement, last);
    return statement;
}

static int database_rows(lua_State *lua)
{
    query_prepare(lua);
    lua_pushcclosure(lua, rows_next, 1);
    return 1;
}

static int database_value(lua_State *lua)
{
    sqlite3_stmt *const statement = query_prepare(lua);
    const int status = sqlite3_step(statement);

    if (status == SQLITE_ROW)
        column_push(lua, statement, 0);
    else if (status == SQLITE_DONE)
        lua_pushnil(lua);
    else
        return raise(lua, sqlite3_db_handle(statement));
    sqlite3_reset(statement);
    return 1;
}

static int memory(lua_State *lua)
{
    lua_pushinteger(lua, sqlite3_memory_used());
    lua_pushinteger(lua, sqlite3_memory_highwater(0));
    return 2;
}

static void type_create(lua_State *lua, const char *name, const luaL_Reg *methods)
{
    luaL_newmetatable(lua, name);
    luaL_setfuncs(lua, methods, 0);
    lua_pushvalue(lua, -1);
    lua_setfield(lua, -2, "__index");
    lua_pop(lua, 1);
}

int luaopen_sqlite(lua_State *lua)
{
    static const luaL_Reg database_methods[] = {
        {"exec", database_exec},   {"rows", database_rows},  {"value", database_value},
        {"close", database_close}, {"__gc", database_close}, {NULL, NULL}};
    static const luaL_Reg statement_methods[] = {{"__gc", statement_finalize}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"open", database_open}, {"memory", memory}, {NULL, NULL}};

    type_create(lua, DATABASE_TYPE, database_methods);
    type_create(lua, STATEMENT_TYPE, statement_methods);
    luaL_newlib(lua, functions);
    lua_pushstring(lua, sqlite3_libversion());
    lua_setfield(lua, -2, "version");
    return 1;
}
