// Without a USB cable: OpenOCD's stmqspi driver writes the chip, and the program is started by
// hand.
//
// Only an update over USB seals a program, so the bootloader does not start what comes this way.
// While the debugger is there that does no harm: the board's reset-init script maps the chip, and
// the core is set to the program's first instruction in the world of SPEC.md section 8, but for the
// lines and the clock that the chip is read with.
//
// Written from OpenOCD's User's Guide (flash commands, stmqspi), GDB's manual (flash packets), the
// ARMv7-M Architecture Reference Manual (MPU, VTOR), and SPEC.md section 8.
//
// SPDX-License-Identifier: MIT
#include "host/gdb_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_LIMIT_NS (600 * QL_NS_PER_S) // erasing and programming through slow probes
#define CHUNK_SIZE     4096U
#define REGISTER_SP    13U
#define REGISTER_PC    15U

#define SCB_VTOR 0xE000ED08U
#define MPU_CTRL 0xE000ED94U
#define MPU_RNR  0xE000ED98U
#define MPU_RBAR 0xE000ED9CU
#define MPU_RASR 0xE000EDA0U
// PRIVDEFENA, ENABLE
#define MPU_CTRL_ON 5U
// execute never, no access, strongly ordered, 256 MiB
#define MPU_RASR_CLOSED 0x10000037U
// read-only, executable, normal write-back; the size comes to it
#define MPU_RASR_OPEN 0x06030001U

// Probes the bank that begins at the chip's window, whatever its number is.
static const char probe_bank[] = "set quadlane_bank 0; foreach bank [flash list] { if {[dict get "
                                 "$bank base] == 0x90000000} { flash probe $quadlane_bank }; incr "
                                 "quadlane_bank }";

// Maps the chip by the board's script. Returns 0 with the bank's size and erase block.
static int map_chip(struct ql_gdb *gdb, uint32_t *size, uint32_t *block, struct ql_failure *failure)
{
    int result = ql_gdb_monitor(gdb, "reset init", false, failure);
    if (result == 0)
        result = ql_gdb_monitor(gdb, probe_bank, false, failure);
    char *map = result == 0 ? ql_gdb_server_map(gdb) : NULL;
    const bool found = map != NULL && ql_gdb_map_chip(map, size, block);
    free(map);
    if (result != 0 || found)
        return result;
    ql_fail(failure, QL_NO_CABLE,
            "no USB cable, and OpenOCD has no flash bank at 0x90000000 to write the chip by the "
            "probe");
    ql_hint(failure, "plug in the board's USB cable, or give OpenOCD the board's file in "
                     "debug/openocd, which has a stmqspi bank");
    return -QL_NO_CABLE;
}

static int fail_flash(struct ql_gdb *gdb, const char *what, uint32_t address,
                      struct ql_failure *failure)
{
    ql_fail(failure, QL_TARGET_STUCK, "OpenOCD could not %s the chip at 0x%08X (%.30s)", what,
            address, gdb->reply);
    ql_hint(failure, "its own messages say why; with a USB cable it is not needed");
    return -QL_TARGET_STUCK;
}

static int erase_extent(struct ql_gdb *gdb, const struct ql_extent *extent, uint32_t block,
                        struct ql_failure *failure)
{
    const uint32_t start = extent->address / block * block;
    const uint64_t end = ((uint64_t)extent->address + extent->size + block - 1) / block * block;
    const int result =
        ql_gdb_ask_text(gdb, failure, "vFlashErase:%x,%x", start, (uint32_t)(end - start));
    return result == 0 && strcmp(gdb->reply, "OK") != 0 ? fail_flash(gdb, "erase", start, failure)
                                                        : result;
}

static int write_extent(struct ql_gdb *gdb, const struct ql_extent *extent,
                        struct ql_failure *failure)
{
    char packet[32 + 2 * CHUNK_SIZE];
    for (uint32_t at = 0; at < extent->size;) {
        const uint32_t left = extent->size - at;
        const uint32_t part = left < CHUNK_SIZE ? left : CHUNK_SIZE;
        const int head = snprintf(packet, 32, "vFlashWrite:%x:", extent->address + at);
        const size_t size = (size_t)head + ql_rsp_escape(packet + head, extent->data + at, part);
        const int result = ql_gdb_ask(gdb, packet, size, failure);
        if (result != 0)
            return result;
        if (strcmp(gdb->reply, "OK") != 0)
            return fail_flash(gdb, "write", extent->address + at, failure);
        at += part;
        if (ql_gdb_cancelled(gdb))
            return ql_fail(failure, QL_INTERRUPTED, "interrupted");
    }
    return 0;
}

// Does the mapped chip hold these bytes? Returns 1, 0 with *different, or -code.
static int holds(struct ql_gdb *gdb, const struct ql_extent *extent, uint32_t *different,
                 struct ql_failure *failure)
{
    uint8_t bytes[CHUNK_SIZE];
    for (uint32_t at = 0; at < extent->size;) {
        const uint32_t left = extent->size - at;
        const uint32_t part = left < CHUNK_SIZE / 2 ? left : CHUNK_SIZE / 2;
        const int result = ql_gdb_ask_text(gdb, failure, "m%x,%x", extent->address + at, part);
        if (result != 0)
            return result;
        *different = extent->address + at;
        if (ql_rsp_get_hex(gdb->reply, bytes, part) != part ||
            memcmp(bytes, extent->data + at, part) != 0)
            return 0;
        at += part;
    }
    return 1;
}

static int all_held(struct ql_gdb *gdb, uint32_t *different, struct ql_failure *failure)
{
    int result = 1;
    for (size_t i = 0; i < gdb->load.count && result == 1; i++)
        result = holds(gdb, &gdb->load.extents[i], different, failure);
    return result;
}

static int write_all(struct ql_gdb *gdb, uint32_t block, struct ql_failure *failure)
{
    int result = 0;
    for (size_t i = 0; i < gdb->load.count && result == 0; i++)
        result = erase_extent(gdb, &gdb->load.extents[i], block, failure);
    for (size_t i = 0; i < gdb->load.count && result == 0; i++)
        result = write_extent(gdb, &gdb->load.extents[i], failure);
    if (result == 0)
        result = ql_gdb_ask_text(gdb, failure, "vFlashDone");
    if (result == 0 && strcmp(gdb->reply, "OK") != 0)
        result = fail_flash(gdb, "program", gdb->load.extents[0].address, failure);
    return result;
}

static int set_region(struct ql_gdb *gdb, uint32_t number, uint32_t attributes,
                      struct ql_failure *failure)
{
    int result = ql_gdb_write_word(gdb, MPU_RNR, number, failure);
    if (result == 0)
        result = ql_gdb_write_word(gdb, MPU_RBAR, QL_CHIP_WINDOW, failure);
    return result == 0 ? ql_gdb_write_word(gdb, MPU_RASR, attributes, failure) : result;
}

static int set_world(struct ql_gdb *gdb, uint32_t stack, uint32_t size, struct ql_failure *failure)
{
    const uint32_t log2_size = 31U - (uint32_t)__builtin_clz(size);
    int result = set_region(gdb, 0, MPU_RASR_CLOSED, failure);
    if (result == 0)
        result = set_region(gdb, 1, MPU_RASR_OPEN | (log2_size - 1) << 1, failure);
    if (result == 0)
        result = ql_gdb_write_word(gdb, MPU_CTRL, MPU_CTRL_ON, failure);
    if (result == 0)
        result = ql_gdb_write_word(gdb, SCB_VTOR, gdb->program, failure);
    if (result == 0)
        result = ql_gdb_set_register(gdb, REGISTER_SP, stack, failure);
    return result == 0 ? ql_gdb_set_register(gdb, REGISTER_PC, gdb->entry, failure) : result;
}

static int start_mapped(struct ql_gdb *gdb, uint32_t size, struct ql_failure *failure)
{
    uint32_t words[2] = {0, 0};
    int result = 0;
    if (gdb->program == 0)
        gdb->program = QL_PROGRAM_FIRST;
    for (unsigned i = 0; i < 2 && result == 0; i++)
        result = ql_gdb_read_word(gdb, gdb->program + 4 * i, &words[i], failure);
    if (result != 0)
        return result;
    if ((words[1] & 1) == 0 || !ql_in_chip_window(words[1])) {
        ql_fail(failure, QL_TARGET_STUCK, "there is no program at 0x%08X (0x%08X 0x%08X)",
                gdb->program, words[0], words[1]);
        ql_hint(failure, "`load` one");
        return -QL_TARGET_STUCK;
    }
    gdb->entry = words[1] & ~1U;
    result = set_world(gdb, words[0], size, failure);
    gdb->pristine = result == 0;
    return result;
}

int ql_gdb_restart_by_probe(struct ql_gdb *gdb, struct ql_failure *failure)
{
    uint32_t size = 0;
    uint32_t block = 0;
    const int result = map_chip(gdb, &size, &block, failure);
    return result == 0 ? start_mapped(gdb, size, failure) : result;
}

static int load_mapped(struct ql_gdb *gdb, uint32_t *size, struct ql_failure *failure)
{
    uint32_t block = 0;
    uint32_t different = 0;
    int result = map_chip(gdb, size, &block, failure);
    if (result == 0)
        result = all_held(gdb, &different, failure);
    if (result != 0) {
        if (result == 1)
            ql_gdb_tell(gdb, "the chip holds these bytes already");
        return result == 1 ? 0 : result;
    }
    ql_gdb_tell(gdb, "no USB: the probe writes the chip, by OpenOCD's stmqspi; that takes a while");
    result = write_all(gdb, block, failure);
    if (result == 0)
        result = map_chip(gdb, size, &block, failure);
    if (result == 0 && (result = all_held(gdb, &different, failure)) == 0) {
        ql_fail(failure, QL_VERIFY, "the chip does not hold what OpenOCD wrote, near 0x%08X",
                different);
        return -QL_VERIFY;
    }
    return result == 1 ? 0 : result;
}

int ql_gdb_load_by_probe(struct ql_gdb *gdb, uint32_t program, struct ql_failure *failure)
{
    uint32_t size = 0;
    gdb->patience_ns = PROBE_LIMIT_NS;
    int result = load_mapped(gdb, &size, failure);
    gdb->patience_ns = 0;
    gdb->program = program;
    if (result == 0)
        result = start_mapped(gdb, size, failure);
    if (result != 0)
        return result;
    gdb->by_probe = true;
    ql_gdb_tell(gdb,
                "this program is not sealed: it runs as long as the debugger starts it, but at "
                "power-on the board stays in its bootloader until the same program comes "
                "over USB");
    return 0;
}
