// Stops at a watchpoint that a server does not tell from a breakpoint.
//
// OpenOCD 0.12 does so over the high-level adapter, which its stock ST-LINK configuration uses. GDB
// then says SIGTRAP and not what changed. The core knows: DFSR tells that a comparator of the DWT
// stopped it, and the comparator's own register which.
//
// Written from GDB's manual (stop replies) and the ARMv7-M Architecture Reference Manual (DFSR,
// DWT).
//
// SPDX-License-Identifier: MIT
#include "host/gdb_session.h"

#include <stdio.h>
#include <string.h>

#define DFSR          0xE000ED30U
#define DFSR_DWTTRAP  (1U << 2)
#define DWT_COMP0     0xE0001020U
#define DWT_FUNCTION0 0xE0001028U
#define DWT_STEP      0x10U
#define DWT_COUNT     4U
#define DWT_MATCHED   (1U << 24)
#define DWT_KIND      0xFU // 5 reads, 6 writes, 7 both

static bool has_watchpoints(const struct ql_gdb *gdb)
{
    for (size_t i = 0; i < gdb->point_count; i++) {
        if (gdb->points[i].text[0] >= '2')
            return true;
    }
    return false;
}

// Which comparator matched? Its register forgets that when it is read. Returns false for none.
static bool find_match(struct ql_gdb *gdb, uint32_t *address, uint32_t *kind)
{
    struct ql_failure ignored;
    for (uint32_t i = 0; i < DWT_COUNT; i++) {
        uint32_t function = 0;
        if (ql_gdb_read_word(gdb, DWT_FUNCTION0 + i * DWT_STEP, &function, &ignored) != 0)
            return false;
        *kind = function & DWT_KIND;
        if ((function & DWT_MATCHED) != 0 && *kind >= 5 && *kind <= 7)
            return ql_gdb_read_word(gdb, DWT_COMP0 + i * DWT_STEP, address, &ignored) == 0;
    }
    return false;
}

size_t ql_gdb_name_watch(struct ql_gdb *gdb, char *stop, size_t size, size_t room)
{
    static const char *const names[] = {"rwatch", "watch", "awatch"};
    struct ql_failure ignored;
    uint32_t status = 0;
    uint32_t address = 0;
    uint32_t kind = 0;
    char rest[256];
    if (!gdb->kind->is_openocd || strncmp(stop, "T05", 3) != 0 || strstr(stop, "watch:") != NULL ||
        size - 3 >= sizeof rest || !has_watchpoints(gdb))
        return size;
    if (ql_gdb_read_word(gdb, DFSR, &status, &ignored) != 0 || (status & DFSR_DWTTRAP) == 0 ||
        ql_gdb_write_word(gdb, DFSR, DFSR_DWTTRAP, &ignored) != 0 ||
        !find_match(gdb, &address, &kind))
        return size;
    memcpy(rest, stop + 3, size - 3);
    rest[size - 3] = '\0';
    return (size_t)snprintf(stop, room, "T05%s:%x;%s", names[kind - 5], address, rest);
}
