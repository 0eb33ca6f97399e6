// The chip's debug access port: one debug port (DP) and three access ports (AP) behind it.
//
// Written from the ARM Debug Interface Architecture Specification, ADIv5.2 (IHI 0031), and RM0433's
// chapter on debug infrastructure. Every transfer is done at once, so WAIT never happens; pushed
// compares and transaction counts are not modelled.
//
// SPDX-License-Identifier: MIT
#include "sim/dap.h"

#include "sim/debug.h"
#include "sim/debug_parts.h"

#include <stdlib.h>
#include <string.h>

#define AP_COUNT 3u

enum { AP_CORE = 0, AP_AXI = 1, AP_DEBUG_BUS = 2 };

enum {
    AP_CSW = 0x00,
    AP_TAR = 0x04,
    AP_DRW = 0x0C,
    AP_BD0 = 0x10,
    AP_CFG = 0xF4,
    AP_BASE = 0xF8,
    AP_IDR = 0xFC,
};

enum { DP_ABORT = 0x0, DP_CTRL_STAT = 0x4, DP_SELECT = 0x8, DP_RDBUFF = 0xC };

#define CSW_SIZE         UINT32_C(0x07)
#define CSW_INCREMENT    UINT32_C(0x30)
#define CSW_SINGLE       UINT32_C(0x10)
#define CSW_PACKED       UINT32_C(0x20)
#define CSW_DEVICE_EN    UINT32_C(0x40)
#define CSW_WRITABLE     UINT32_C(0xFF000F37)
#define CTRL_STICKY_ERR  (UINT32_C(1) << 5)
#define CTRL_STICKY_ALL  UINT32_C(0xB2) // WDATAERR, STICKYERR, STICKYCMP, STICKYORUN
#define CTRL_REQUESTS    UINT32_C(0x54000000)
#define CTRL_WRITABLE    UINT32_C(0x54FFFF0D)
#define PERIPHERALS_BASE UINT32_C(0xE0000000)
#define DEBUG_BUS_BASE   UINT32_C(0xE00E0000)
#define DEBUG_BUS_SIZE   UINT32_C(0x00018000)
#define DBGMCU_ON_BUS    UINT32_C(0xE00E1000)
#define DBGMCU           UINT32_C(0x5C001000)

struct access_port {
    uint32_t csw;
    uint32_t tar;
};

struct dap {
    struct machine *machine;
    struct debug *debug;
    uint32_t control;
    uint32_t select;
    uint32_t buffer; // RDBUFF
    struct access_port ports[AP_COUNT];
};

// --- Memory
// ---------------------------------------------------------------------------------------

// Where an AP's address is on the core's bus. False: it does not reach there.
static bool translate(unsigned ap, uint32_t *address)
{
    switch (ap) {
    case AP_CORE:
        return true;
    case AP_AXI: // no TCMs, no private peripherals
        return *address >= UINT32_C(0x10000) && *address - UINT32_C(0x20000000) >= 0x20000 &&
               *address < PERIPHERALS_BASE;
    default:
        if (*address - DBGMCU_ON_BUS < 0x1000) {
            *address = *address - DBGMCU_ON_BUS + DBGMCU;
            return true;
        }
        return *address - DEBUG_BUS_BASE < DEBUG_BUS_SIZE;
    }
}

// Where an access of a stretch failed is where TAR points, as if it had been made by its registers.
static size_t note_progress(struct dap *dap, unsigned ap, uint32_t address, size_t done)
{
    if (ap < AP_COUNT) {
        dap->ports[ap].tar = address + (uint32_t)done;
    }
    return done;
}

static bool read_unit(struct dap *dap, unsigned ap, uint32_t address, unsigned unit,
                      uint32_t *value)
{
    *value = 0;
    return translate(ap, &address) && address % unit == 0 &&
           debug_read(dap->debug, address, unit, value);
}

static bool write_unit(struct dap *dap, unsigned ap, uint32_t address, unsigned unit,
                       uint32_t value)
{
    return translate(ap, &address) && address % unit == 0 &&
           debug_write(dap->debug, address, unit, value);
}

// Long stretches of plain memory go at once.
static bool is_plain(unsigned ap, uint32_t address, size_t size)
{
    uint32_t last = address + (uint32_t)size - 1;
    uint32_t first = address;

    return ap != AP_DEBUG_BUS && size >= 16 && last >= address &&
           (last < UINT32_C(0x40000000) || address - UINT32_C(0x90000000) < UINT32_C(0x10000000)) &&
           translate(ap, &first) && translate(ap, &last);
}

size_t dap_read_memory(struct dap *dap, unsigned ap, uint32_t address, unsigned unit, void *data,
                       size_t size)
{
    uint8_t *bytes = data;
    size_t done = 0;

    if (is_plain(ap, address, size)) {
        done = debug_read_memory(dap->debug, address, data, size);
        return note_progress(dap, ap, address, done);
    }
    for (; done + unit <= size; done += unit) {
        uint32_t value;

        if (!read_unit(dap, ap, address + (uint32_t)done, unit, &value)) {
            break;
        }
        memcpy(bytes + done, &value, unit);
    }
    return note_progress(dap, ap, address, done);
}

size_t dap_write_memory(struct dap *dap, unsigned ap, uint32_t address, unsigned unit,
                        const void *data, size_t size)
{
    const uint8_t *bytes = data;
    size_t done = 0;

    if (is_plain(ap, address, size)) {
        done = debug_write_memory(dap->debug, address, data, size);
        return note_progress(dap, ap, address, done);
    }
    for (; done + unit <= size; done += unit) {
        uint32_t value = 0;

        memcpy(&value, bytes + done, unit);
        if (!write_unit(dap, ap, address + (uint32_t)done, unit, value)) {
            break;
        }
    }
    return note_progress(dap, ap, address, done);
}

// --- Access ports
// ---------------------------------------------------------------------------------

// One access of DRW at TAR: data stand in the lanes of their address. Packed: as many as fill the
// word.
static bool transfer(struct dap *dap, unsigned ap, bool write, uint32_t *value)
{
    struct access_port *port = &dap->ports[ap];
    unsigned unit = 1u << (port->csw & CSW_SIZE);
    unsigned count = (port->csw & CSW_INCREMENT) == CSW_PACKED ? 4 / unit : 1;
    uint32_t mask = unit == 4 ? UINT32_MAX : (UINT32_C(1) << (8 * unit)) - 1;
    uint32_t read = 0;

    for (unsigned i = 0; i < count; i++) {
        unsigned shift = 8 * (port->tar & (4 - unit));
        uint32_t part = *value >> shift & mask;

        if (!(write ? write_unit(dap, ap, port->tar, unit, part)
                    : read_unit(dap, ap, port->tar, unit, &part))) {
            return false;
        }
        read |= (part & mask) << shift;
        if ((port->csw & CSW_INCREMENT) != 0) { // wraps inside 1 KB
            port->tar = (port->tar & ~UINT32_C(0x3FF)) | ((port->tar + unit) & 0x3FF);
        }
    }
    if (!write) {
        *value = read;
    }
    return true;
}

static uint32_t identification(unsigned ap, unsigned offset)
{
    static const uint32_t bases[AP_COUNT] = {0xE00FE003, 0x00000002, 0xE00E0003};

    if (offset == AP_IDR) {
        return ap == AP_DEBUG_BUS ? UINT32_C(0x54770002) : UINT32_C(0x84770001);
    }
    return offset == AP_BASE ? bases[ap] : 0;
}

bool dap_read_ap_register(struct dap *dap, unsigned ap, unsigned offset, uint32_t *value)
{
    *value = 0;
    if (ap >= AP_COUNT) {
        return true; // IDR 0: no such AP
    }
    switch (offset) {
    case AP_CSW:
        *value = dap->ports[ap].csw | CSW_DEVICE_EN;
        return true;
    case AP_TAR:
        *value = dap->ports[ap].tar;
        return true;
    case AP_DRW:
        return transfer(dap, ap, false, value);
    default:
        if ((offset & ~0xCu) == AP_BD0) {
            return read_unit(dap, ap, (dap->ports[ap].tar & ~UINT32_C(0xF)) | (offset & 0xC), 4,
                             value);
        }
        *value = identification(ap, offset);
        return true;
    }
}

bool dap_write_ap_register(struct dap *dap, unsigned ap, unsigned offset, uint32_t value)
{
    struct access_port *port = &dap->ports[ap < AP_COUNT ? ap : 0];

    if (ap >= AP_COUNT) {
        return true;
    }
    switch (offset) {
    case AP_CSW:
        port->csw = value & CSW_WRITABLE;
        if (ap == AP_DEBUG_BUS) { // words only
            port->csw = (port->csw & ~(CSW_SIZE | CSW_INCREMENT)) | 2 | (value & CSW_SINGLE);
        } else if ((port->csw & CSW_SIZE) > 2) {
            port->csw = (port->csw & ~CSW_SIZE) | 2;
        }
        return true;
    case AP_TAR:
        port->tar = value;
        return true;
    case AP_DRW:
        return transfer(dap, ap, true, &value);
    default:
        if ((offset & ~0xCu) == AP_BD0) {
            return write_unit(dap, ap, (port->tar & ~UINT32_C(0xF)) | (offset & 0xC), 4, value);
        }
        return true;
    }
}

// --- The debug port
// -------------------------------------------------------------------------------

static unsigned selected_ap(const struct dap *dap)
{
    return dap->select >> 24;
}

static unsigned selected_offset(const struct dap *dap, unsigned offset)
{
    return (dap->select & 0xF0) | offset;
}

uint32_t dap_read_ap(struct dap *dap, unsigned offset)
{
    uint32_t value = 0;

    if ((dap->control & CTRL_STICKY_ERR) == 0 &&
        !dap_read_ap_register(dap, selected_ap(dap), selected_offset(dap, offset), &value)) {
        dap->control |= CTRL_STICKY_ERR;
    }
    dap->buffer = value;
    return value;
}

void dap_write_ap(struct dap *dap, unsigned offset, uint32_t value)
{
    if ((dap->control & CTRL_STICKY_ERR) == 0 &&
        !dap_write_ap_register(dap, selected_ap(dap), selected_offset(dap, offset), value)) {
        dap->control |= CTRL_STICKY_ERR;
    }
}

uint32_t dap_read_dp(struct dap *dap, unsigned offset)
{
    switch (offset) {
    case DP_ABORT:
        return DAP_IDCODE_SWD;
    case DP_CTRL_STAT:
        if ((dap->select & 0xF) != 0) {
            return 0;
        }
        // Each request is acknowledged at once, one bit above.
        return dap->control | (dap->control & CTRL_REQUESTS) << 1;
    case DP_RDBUFF:
        return dap->buffer;
    default:
        return 0;
    }
}

void dap_write_dp(struct dap *dap, unsigned offset, uint32_t value)
{
    switch (offset) {
    case DP_ABORT:
        dap_write_abort(dap, value);
        break;
    case DP_CTRL_STAT:
        if ((dap->select & 0xF) == 0) {
            uint32_t sticky = dap->control & CTRL_STICKY_ALL & ~value; // 1 clears

            dap->control = (value & CTRL_WRITABLE) | sticky;
        }
        break;
    case DP_SELECT:
        dap->select = value;
        break;
    default:
        break;
    }
}

void dap_write_abort(struct dap *dap, uint32_t value)
{
    uint32_t flags = (value & 2) << 3 | (value & 4) << 3 | (value & 8) << 4 | (value & 16) >> 3;

    dap->control &= ~flags; // STICKYCMP, STICKYERR, WDATAERR, STICKYORUN
}

struct dap *dap_create(struct machine *machine, struct debug *debug)
{
    struct dap *dap = calloc(1, sizeof(*dap));

    if (dap == NULL) {
        abort();
    }
    dap->machine = machine;
    dap->debug = debug;
    return dap;
}

void dap_destroy(struct dap *dap)
{
    free(dap);
}
