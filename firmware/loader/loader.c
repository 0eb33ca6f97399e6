// The chip as external loaders drive it: the bootloader's driver without its interrupts.
//
// SPDX-License-Identifier: MIT
#include "firmware/loader/loader.h"

#include <stddef.h>
#include <string.h>

#include "abi/protocol.h"
#include "core/nor.h"
#include "firmware/board.h"
#include "firmware/chip/cache.h"
#include "firmware/chip/mpu.h"
#include "firmware/chip/qspi.h"
#include "firmware/chip/registers.h"
#include "firmware/chip/takeover.h"
#include "firmware/chip/time.h"
#include "firmware/chip/vectors.h"
#include "firmware/loader/tables.h"

enum { PIECE_MAX = 512 };  // of a page; two chips have pages of 512 bytes
enum { PAUSE_TURNS = 16 }; // between two looks at the chip, 16 us

static struct nor_bus bus;
static struct nor nor;
static bool ready;
static bool unprotected; // since the last start

// Interrupts are masked, so what they would do is done here, wherever the driver waits.
static void events_serve(void)
{
    if ((SYST_CSR & SYST_CSR_COUNTFLAG) != 0) {
        systick_handler();
    }
    if ((QUADSPI_SR & QUADSPI_SR_SMF) != 0) {
        quadspi_handler();
    }
}

static bool bus_poll_done(void *context)
{
    events_serve();
    return qspi_bus()->poll_done(context);
}

static uint32_t bus_now_ms(void *context)
{
    events_serve();
    return qspi_bus()->now_ms(context);
}

// Leaves the buses to the debugger. No WFI: one that masks interrupts would not wake it.
static void pause(void)
{
    for (uint32_t turn = 0; turn < PAUSE_TURNS; ++turn) {
        __asm volatile(".rept 64\n nop\n .endr\n");
    }
}

static bool operation_end(int error)
{
    while (error == 0 && nor.state == NOR_WORKING) {
        pause();
        error = nor_poll(&nor);
        error = error == 1 ? 0 : error;
    }
    return error == 0;
}

static bool chip_start(void)
{
    qspi_start(&board.qspi);
    bus = *qspi_bus();
    bus.poll_done = bus_poll_done;
    bus.now_ms = bus_now_ms;
    nor_init(&nor, &bus, (const uint8_t *)QSPI_WINDOW);
    return nor_start(&nor) == 0 && nor.geometry.size >= board.chip_size &&
           nor_sector_size(&nor) <= LOADER_SECTOR(board.qspi.dual);
}

bool loader_start(void)
{
    ready = false;
    unprotected = false;
    cache_write_back();
    cache_disable();
    mpu_start();
    takeover();
    ready = chip_start() && nor_map(&nor) == 0;
    return ready;
}

static bool is_inside(uint32_t address, uint32_t length)
{
    uint32_t offset = address - QSPI_WINDOW;
    return ready && offset < board.chip_size && length > 0 && length <= board.chip_size - offset;
}

const uint8_t *loader_bytes(uint32_t address, uint32_t length)
{
    bool readable = is_inside(address, length) && nor.state == NOR_MAPPED;
    return readable ? (const uint8_t *)(uintptr_t)address : NULL;
}

static bool unprotect(void)
{
    int state = unprotected ? 0 : 1;
    while (state == 1) {
        state = nor_unprotect_start(&nor);
        if (state == 1 && !operation_end(0)) {
            return false;
        }
    }
    unprotected = state == 0;
    return unprotected;
}

// Whatever went before, a tool that reads finds the chip.
static bool map_after(bool done)
{
    return nor_map(&nor) == 0 && done;
}

static bool range_erase(uint32_t offset, uint32_t end)
{
    bool done = unprotect();
    while (done && offset < end) {
        uint32_t size = nor_erase_size(&nor, offset, end - offset);
        done = operation_end(nor_erase_start(&nor, offset, size)) && map_after(true) &&
               nor_is_blank(nor.mapped + offset, size);
        offset += size;
    }
    return map_after(done);
}

bool loader_erase(uint32_t first, uint32_t last)
{
    if (last < first || !is_inside(first, last - first + 1)) {
        return false;
    }
    return range_erase(nor_sector_down(&nor, first - QSPI_WINDOW),
                       nor_sector_up(&nor, last - QSPI_WINDOW + 1));
}

bool loader_erase_programs(void)
{
    return ready &&
           range_erase(QL_PROGRAM_FIRST - QSPI_WINDOW, board.chip_size - board.reserved_end);
}

// Part of a page. Two chips get as many bytes each: what is not asked for is left as it is by FF.
static bool piece_program(uint32_t offset, const uint8_t *bytes, uint32_t length)
{
    uint8_t piece[PIECE_MAX];
    uint32_t lead = board.qspi.dual ? offset % 2 : 0;
    uint32_t total = lead + length + (board.qspi.dual ? (lead + length) % 2 : 0);

    if (nor_is_blank(bytes, length)) {
        return true;
    }
    memset(piece, 0xFF, total);
    memcpy(piece + lead, bytes, length);
    return operation_end(nor_program_start(&nor, offset - lead, piece, total));
}

// Bits go from 1 to 0 only: nothing is begun that cannot end well.
static bool can_program(const uint8_t *old, const uint8_t *bytes, uint32_t length)
{
    uint32_t at = 0;
    while (at < length && (old[at] & bytes[at]) == bytes[at]) {
        ++at;
    }
    return at == length;
}

bool loader_program(uint32_t address, const uint8_t *bytes, uint32_t length)
{
    const uint8_t *chip = loader_bytes(address, length);
    if (!chip || !can_program(chip, bytes, length)) {
        return false;
    }
    const uint32_t page = nor.geometry.page_size < PIECE_MAX ? nor.geometry.page_size : PIECE_MAX;
    const uint32_t offset = address - QSPI_WINDOW;
    bool done = unprotect();
    for (uint32_t at = 0, size; done && at < length; at += size) {
        uint32_t rest = page - (offset + at) % page;
        size = length - at < rest ? length - at : rest;
        done = piece_program(offset + at, bytes + at, size);
    }
    return map_after(done) && memcmp(chip, bytes, length) == 0;
}
