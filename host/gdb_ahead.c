// Reading ahead: while GDB takes a large read apart, the server already reads what comes next.
//
// A piece in between costs every answer a detour. GDB reads memory block by block, and each block
// only after the last one; so the next is asked for before GDB asks. Only in memory that reading
// cannot change, only inside one region, only while GDB reads in sequence; what it does not ask for
// at once is dropped.
//
// Written from GDB's manual (packet m) and RM0433, memory map.
//
// SPDX-License-Identifier: MIT
#include "host/gdb_session.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_MIN 1024U
#define BLOCK_MAX (QL_RSP_PACKET_MAX / 4)
#define FRESH_NS  (100 * QL_NS_PER_MS)

static uint64_t now_ns(void)
{
    const struct ql_clock clock = ql_clock_system();
    return ql_clock_now(&clock);
}

static bool is_plain_memory(uint32_t address, uint32_t length)
{
    static const struct {
        uint32_t start, end;
    } regions[] = {
        {0x00000000, 0x00010000}, // ITCM
        {0x08000000, 0x08020000}, // internal flash
        {0x20000000, 0x20020000}, // DTCM
        {0x24000000, 0x24080000}, // AXI SRAM
        {0x30000000, 0x30048000}, // D2 SRAM
        {0x38000000, 0x38010000}, // SRAM4
        {0x90000000, 0x91000000}, // the chip, mapped, or GDB would not be reading it
    };
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        if (address >= regions[i].start && address < regions[i].end &&
            length <= regions[i].end - address)
            return true;
    }
    return false;
}

static bool take_range(const char *data, uint32_t *address, uint32_t *length)
{
    const char *at = data + 1;
    return data[0] == 'm' && ql_rsp_take_number(&at, address) && ql_rsp_take_character(&at, ',') &&
           ql_rsp_take_number(&at, length) && *at == '\0';
}

void ql_gdb_ahead_ask(struct ql_gdb *gdb)
{
    struct ql_gdb_ahead *ahead = &gdb->ahead;
    char packet[32];
    const uint32_t next = ahead->address + ahead->length;
    if (!ahead->sequence || ahead->state != QL_AHEAD_NONE || !is_plain_memory(next, ahead->length))
        return;
    ahead->sequence = false;
    snprintf(packet, sizeof packet, "m%x,%x", next, ahead->length);
    if (ql_rsp_send_text(&gdb->server, packet))
        ahead->state = QL_AHEAD_ASKED;
}

// GDB asks for a block: is it the next of a sequence?
static void note_block(struct ql_gdb_ahead *ahead, uint32_t address, uint32_t length)
{
    ahead->sequence = length >= BLOCK_MIN && length <= BLOCK_MAX && length == ahead->length &&
                      address == ahead->address + ahead->length;
    ahead->address = address;
    ahead->length = length;
}

static void drop(struct ql_gdb *gdb)
{
    struct ql_failure ignored;
    if (gdb->ahead.state == QL_AHEAD_ASKED)
        ql_gdb_swallow(gdb, &ignored);
    gdb->ahead.state = QL_AHEAD_NONE;
}

bool ql_gdb_ahead_take(struct ql_gdb *gdb, const char *data)
{
    struct ql_gdb_ahead *ahead = &gdb->ahead;
    uint32_t address = 0;
    uint32_t length = 0;
    if (!take_range(data, &address, &length)) {
        drop(gdb);
        ahead->length = 0;
        ahead->sequence = false;
        return false;
    }
    const bool same = address == ahead->address + ahead->length && length == ahead->length;
    const bool fresh = ahead->state != QL_AHEAD_READY || now_ns() - ahead->ready_ns < FRESH_NS;
    const bool use = ahead->state != QL_AHEAD_NONE && same && fresh;
    if (!use)
        drop(gdb);
    note_block(ahead, address, length);
    if (!use)
        return false;
    if (ahead->state == QL_AHEAD_ASKED) {
        ahead->state = QL_AHEAD_CLAIMED;
        gdb->asked = true;
        return true;
    }
    ahead->state = QL_AHEAD_NONE;
    ql_gdb_ahead_ask(gdb); // first, so that the server works while GDB does
    ql_rsp_send(&gdb->debugger, ahead->reply, ahead->size);
    return true;
}

bool ql_gdb_ahead_receive(struct ql_gdb *gdb, const struct ql_rsp_packet *packet)
{
    struct ql_gdb_ahead *ahead = &gdb->ahead;
    if (ahead->state == QL_AHEAD_CLAIMED) {
        // The packet is overwritten by nothing that asking ahead does.
        ahead->state = QL_AHEAD_NONE;
        gdb->asked = false;
        ql_gdb_ahead_ask(gdb);
        return ql_rsp_send(&gdb->debugger, packet->data, packet->size);
    }
    ahead->state = packet->size <= sizeof ahead->reply ? QL_AHEAD_READY : QL_AHEAD_NONE;
    if (ahead->state == QL_AHEAD_READY)
        memcpy(ahead->reply, packet->data, packet->size);
    ahead->size = packet->size;
    ahead->ready_ns = now_ns();
    return true;
}
