// How SQLite is built for a microcontroller without files: databases and temporary tables live in
// RAM, one thread, no operating system. Read by sqlite3.c through SQLITE_CUSTOM_INCLUDE.
//
// Written from SQLite's "Compile-time Options" page.
//
// SPDX-License-Identifier: MIT
#ifndef CONSOLE_SQLITE_CONFIG_H
#define CONSOLE_SQLITE_CONFIG_H

// The operating system is sqlite_vfs.c.
#define SQLITE_OS_OTHER            1
#define SQLITE_THREADSAFE          0
#define SQLITE_TEMP_STORE          3
#define SQLITE_OMIT_WAL            1
#define SQLITE_OMIT_LOAD_EXTENSION 1
#define SQLITE_MAX_MMAP_SIZE       0
#define SQLITE_DEFAULT_MMAP_SIZE   0

// The heap is 512 KB at most: small pages, few kept, small buffers handed out in advance.
#define SQLITE_DEFAULT_PAGE_SIZE     1024
#define SQLITE_DEFAULT_CACHE_SIZE    -64
#define SQLITE_DEFAULT_PCACHE_INITSZ 0
#define SQLITE_DEFAULT_LOOKASIDE     128, 64
#define SQLITE_SORTER_PMASZ          16
#define SQLITE_STMTJRNL_SPILL        -1

#define SQLITE_DQS               0
#define SQLITE_DEFAULT_MEMSTATUS 1

// What makes it a database worth having.
#define SQLITE_ENABLE_FTS3             1
#define SQLITE_ENABLE_FTS3_PARENTHESIS 1
#define SQLITE_ENABLE_FTS4             1
#define SQLITE_ENABLE_FTS5             1
#define SQLITE_ENABLE_RTREE            1
#define SQLITE_ENABLE_GEOPOLY          1
#define SQLITE_ENABLE_MATH_FUNCTIONS   1
#define SQLITE_ENABLE_STAT4            1
#define SQLITE_ENABLE_DBSTAT_VTAB      1
#define SQLITE_ENABLE_BYTECODE_VTAB    1
#define SQLITE_ENABLE_STMTVTAB         1
#define SQLITE_ENABLE_EXPLAIN_COMMENTS 1
#define SQLITE_ENABLE_COLUMN_METADATA  1
#define SQLITE_ENABLE_SESSION          1
#define SQLITE_ENABLE_PREUPDATE_HOOK   1
#define SQLITE_SOUNDEX                 1

#endif
