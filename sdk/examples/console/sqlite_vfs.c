// The operating system that SQLite sees: random numbers, a clock, and no files at all. Databases
// are opened as ":memory:" and temporary ones stay in RAM, so that no file is ever asked for.
//
// Written from SQLite's documentation: "The SQLite OS Interface or VFS", "Custom builds".
//
// SPDX-License-Identifier: MIT
#include <string.h>

#include "quadlane/clock.h"
#include "quadlane/m7.h"
#include "random.h"
#include "sqlite3.h"

// Called by sqlite3_initialize and sqlite3_shutdown.
int sqlite3_os_init(void);
int sqlite3_os_end(void);

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *flags_out)
{
    (void)vfs;
    (void)name;
    (void)flags;
    (void)flags_out;
    file->pMethods = NULL;
    return SQLITE_CANTOPEN;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    (void)name;
    (void)sync;
    return SQLITE_IOERR_DELETE_NOENT;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    (void)vfs;
    (void)name;
    (void)flags;
    *result = 0;
    return SQLITE_OK;
}

static int vfs_full_path_name(sqlite3_vfs *vfs, const char *name, int size, char *full)
{
    (void)vfs;
    sqlite3_snprintf(size, full, "%s", name);
    return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *bytes)
{
    (void)vfs;
    return random_fill(bytes, (size_t)size) ? size : 0;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    const uint32_t start_ms = ql_ticks_ms();
    const uint32_t wanted_ms = ((uint32_t)microseconds + 999) / 1000;

    (void)vfs;
    while (ql_ticks_ms() - start_ms < wanted_ms)
        m7_wait_for_interrupt();
    return microseconds;
}

// Milliseconds of the Julian day; the board has no calendar, so time starts at 2000-01-01 00:00.
static int vfs_current_time(sqlite3_vfs *vfs, sqlite3_int64 *now_ms)
{
    (void)vfs;
    *now_ms = 211813444800000 + (sqlite3_int64)ql_ticks_ms();
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *text)
{
    (void)vfs;
    if (size > 0)
        text[0] = 0;
    return 0;
}

int sqlite3_os_init(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = sizeof(sqlite3_file),
        .mxPathname = 64,
        .zName = "ram",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path_name,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_current_time,
    };

    return sqlite3_vfs_register(&vfs, 1);
}

int sqlite3_os_end(void)
{
    return SQLITE_OK;
}
