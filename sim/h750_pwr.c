// PWR of the STM32H750: supply configuration, voltage scale, backup domain write access.
//
// From STM32H753.svd, the CMSIS header, ST's HAL (PWREx_ConfigSupply, voltage scaling) and
// stm32h7xx-hal. Standby, wake-up pins and the voltage detectors have registers but no effect: the
// supply of the virtual board is always good. How long the regulator takes is not published; 20 us.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_pwr.h"

#include "sim/h750_rcc.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>

#define PWR_BASE     UINT32_C(0x58024800)
#define PWR_SIZE     0x400u
#define REGULATOR_NS (20 * NS_PER_US)

enum pwr_offset {
    PWR_CR1 = 0x00,
    PWR_CSR1 = 0x04,
    PWR_CR2 = 0x08,
    PWR_CR3 = 0x0C,
    PWR_CPUCR = 0x10,
    PWR_D3CR = 0x18,
    PWR_WKUPCR = 0x20,
    PWR_WKUPFR = 0x24,
    PWR_WKUPEPR = 0x28,
    PWR_REGISTERS_END = 0x2C,
};

#define CR1_ALWAYS_SET UINT32_C(0xF0000000)
#define CR1_DBP        (UINT32_C(1) << 8)
#define CSR1_ACTVOSRDY (UINT32_C(1) << 13)
#define CR2_BREN       (UINT32_C(1) << 0)
#define CR2_MONEN      (UINT32_C(1) << 4)
#define CR2_BRRDY      (UINT32_C(1) << 16)
#define CR3_BYPASS     (UINT32_C(1) << 0)
#define CR3_LDOEN      (UINT32_C(1) << 1)
#define CR3_SCUEN      (UINT32_C(1) << 2)
#define CR3_SUPPLY     (CR3_BYPASS | CR3_LDOEN)
#define CR3_USB33DEN   (UINT32_C(1) << 24)
#define CR3_USB33RDY   (UINT32_C(1) << 26)
#define CPUCR_CSSF     (UINT32_C(1) << 9)
#define CPUCR_FLAGS    UINT32_C(0x1E0)
#define D3CR_VOSRDY    (UINT32_C(1) << 13)
#define D3CR_VOS_BIT   14
#define D3CR_VOS       (UINT32_C(3) << D3CR_VOS_BIT)

// clang-format off
static const struct register_info registers[] = {
    REGISTER("CR1",     0x000, 0xF000C000, 0x0007C3F1, 0x0007C3F1),
    REGISTER("CSR1",    0x004, 0x00004000, 0x0001E010, 0x00000000),
    REGISTER("CR2",     0x008, 0x00000000, 0x00F10011, 0x00000011),
    REGISTER("CR3",     0x00C, 0x00000006, 0x07000307, 0x03000307),
    REGISTER("CPUCR",   0x010, 0x00000000, 0x00000BE7, 0x00000A07),
    REGISTER("D3CR",    0x018, 0x00004000, 0x0000E000, 0x0000C000),
    REGISTER("WKUPCR",  0x020, 0x00000000, 0x0000003F, 0x0000003F),
    REGISTER("WKUPFR",  0x024, 0x00000000, 0x0000003F, 0x0000003F),
    REGISTER("WKUPEPR", 0x028, 0x00000000, 0x0FFF3F3F, 0x0FFF3F3F),
    REGISTER_END,
};
// clang-format on

struct pwr {
    struct machine *machine;
    struct rcc *rcc;
    uint32_t registers[PWR_REGISTERS_END / 4];
    bool supply_locked; // CR3's low byte was written
    bool supply_ready;  // ACTVOSRDY
    bool overdrive;
    bool voltage_ready; // VOSRDY
    unsigned scale;     // in force
    struct event supply_event;
    struct event voltage_event;
};

// --- Voltage scale ------------------------------------------------------------------------------

// The scale that VOS and ODEN ask for.
static unsigned wanted_scale(const struct pwr *pwr)
{
    uint32_t vos = (pwr->registers[PWR_D3CR / 4] & D3CR_VOS) >> D3CR_VOS_BIT;

    return vos == 3 && pwr->overdrive ? 0 : 4 - vos;
}

static void voltage_settled(void *context)
{
    struct pwr *pwr = context;

    pwr->voltage_ready = true;
    pwr->scale = wanted_scale(pwr);
    machine_trace(pwr->machine, "pwr", "voltage scale %u", pwr->scale);
    rcc_set_voltage_scale(pwr->rcc, pwr->scale);
}

// A higher voltage counts when it is reached, a lower one at once.
static void voltage_change(struct pwr *pwr)
{
    if (wanted_scale(pwr) > pwr->scale) {
        pwr->scale = wanted_scale(pwr);
        rcc_set_voltage_scale(pwr->rcc, pwr->scale);
    }
    pwr->voltage_ready = false;
    event_arm_in(pwr->machine, &pwr->voltage_event, REGULATOR_NS);
}

static void supply_settled(void *context)
{
    struct pwr *pwr = context;

    pwr->supply_ready = true;
    pwr->voltage_ready = pwr->voltage_ready || !pwr->voltage_event.armed;
}

// Real chips change VOS without a configured supply as well: ST's older examples never write CR3.
static void write_d3cr(struct pwr *pwr, uint32_t value)
{
    uint32_t vos = value & D3CR_VOS;

    if (!pwr->supply_ready) {
        machine_violation(pwr->machine, "PWR",
                          "VOS written before the supply was ready: CR3 must be written once, then "
                          "CSR1.ACTVOSRDY awaited");
    }
    if (vos == (pwr->registers[PWR_D3CR / 4] & D3CR_VOS) &&
        (pwr->voltage_ready || pwr->voltage_event.armed)) {
        return;
    }
    if (vos == 0) {
        machine_violation(pwr->machine, "PWR", "D3CR.VOS 0 is reserved");
        return;
    }
    if (pwr->overdrive) {
        machine_violation(pwr->machine, "PWR", "VOS changed while SYSCFG_PWRCR.ODEN is 1");
    }
    pwr->registers[PWR_D3CR / 4] = vos;
    voltage_change(pwr);
}

void pwr_set_overdrive(struct pwr *pwr, bool on)
{
    if (pwr->overdrive == on) {
        return;
    }
    if (on && (pwr->scale != 1 || !pwr->voltage_ready)) {
        machine_violation(pwr->machine, "PWR",
                          "SYSCFG_PWRCR.ODEN set while voltage scale 1 is not reached");
    }
    pwr->overdrive = on;
    voltage_change(pwr);
}

// --- Registers ----------------------------------------------------------------------------------

static void write_cr1(struct pwr *pwr, uint32_t value)
{
    pwr->registers[PWR_CR1 / 4] = value | CR1_ALWAYS_SET;
    rcc_set_backup_writable(pwr->rcc, (value & CR1_DBP) != 0);
}

static void write_cr2(struct pwr *pwr, uint32_t value)
{
    value &= UINT32_C(0x11);
    if (!pwr_backup_writable(pwr)) {
        if (value != pwr->registers[PWR_CR2 / 4]) {
            machine_violation(pwr->machine, "PWR",
                              "CR2 written with BREN %d, MONEN %d while CR1.DBP is 0: it keeps its "
                              "value",
                              (value & CR2_BREN) != 0, (value & CR2_MONEN) != 0);
        }
        return;
    }
    pwr->registers[PWR_CR2 / 4] = value;
}

// The first write after power-on configures the supply, valid or not; then the low byte is locked.
static void configure_supply(struct pwr *pwr, uint32_t value)
{
    uint32_t supply = value & CR3_SUPPLY;
    uint32_t present = pwr->registers[PWR_CR3 / 4] & CR3_SUPPLY;

    if (pwr->supply_locked) {
        if (supply != present) {
            machine_violation(pwr->machine, "PWR",
                              "CR3's supply bits written a second time since power-on");
        }
        return;
    }
    pwr->supply_locked = true;
    pwr->registers[PWR_CR3 / 4] &= ~CR3_SCUEN;
    if (supply != CR3_LDOEN) {
        machine_violation(pwr->machine, "PWR",
                          "CR3 written with LDOEN %d, BYPASS %d: the board feeds VCORE from the "
                          "LDO",
                          (supply & CR3_LDOEN) != 0, (supply & CR3_BYPASS) != 0);
        return;
    }
    event_arm_in(pwr->machine, &pwr->supply_event, REGULATOR_NS);
}

static void write_cr3(struct pwr *pwr, uint32_t value, bool low_byte)
{
    uint32_t low = pwr->registers[PWR_CR3 / 4] & 0xFF;

    pwr->registers[PWR_CR3 / 4] = (value & UINT32_C(0x03000300)) | low;
    if (low_byte) {
        configure_supply(pwr, value);
    }
}

static uint32_t read_word(const struct pwr *pwr, uint32_t word)
{
    uint32_t value = pwr->registers[word / 4];

    switch (word) {
    case PWR_CSR1:
        return (4 - (pwr->scale == 0 ? 1 : pwr->scale)) << 14 |
               (pwr->supply_ready && pwr->voltage_ready ? CSR1_ACTVOSRDY : 0);
    case PWR_CR2:
        return value | ((value & CR2_BREN) != 0 ? CR2_BRRDY : 0);
    case PWR_CR3:
        return value | ((value & CR3_USB33DEN) != 0 ? CR3_USB33RDY : 0);
    case PWR_D3CR:
        return value | (pwr->voltage_ready ? D3CR_VOSRDY : 0);
    default:
        return value;
    }
}

static uint32_t pwr_read(void *context, uint32_t offset, unsigned size)
{
    return register_extract(read_word(context, offset & ~UINT32_C(3)), offset, size);
}

static void pwr_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct pwr *pwr = context;
    uint32_t word = offset & ~UINT32_C(3);

    value = register_merge(read_word(pwr, word), offset, size, value);
    switch (word) {
    case PWR_CR1:
        write_cr1(pwr, value);
        break;
    case PWR_CR2:
        write_cr2(pwr, value);
        break;
    case PWR_CR3:
        write_cr3(pwr, value, (register_mask(offset, size) & 0xFF) != 0);
        break;
    case PWR_CPUCR:
        pwr->registers[PWR_CPUCR / 4] = value & ~(CPUCR_CSSF | CPUCR_FLAGS);
        break;
    case PWR_D3CR:
        write_d3cr(pwr, value);
        break;
    case PWR_WKUPEPR:
        pwr->registers[PWR_WKUPEPR / 4] = value;
        break;
    default: // WKUPCR clears flags of WKUPFR, of which none is ever set
        break;
    }
}

static void pwr_reset(void *context, enum reset_kind kind)
{
    struct pwr *pwr = context;

    if (kind == RESET_POWER_ON) {
        pwr->registers[PWR_CR2 / 4] = 0;
        pwr->registers[PWR_CR3 / 4] = UINT32_C(6);
        pwr->supply_locked = false;
        pwr->supply_ready = false;
        event_cancel(pwr->machine, &pwr->supply_event);
    }
    event_cancel(pwr->machine, &pwr->voltage_event);
    pwr->registers[PWR_CR1 / 4] = UINT32_C(0xF000C000);
    pwr->registers[PWR_CPUCR / 4] = 0;
    pwr->registers[PWR_D3CR / 4] = UINT32_C(0x4000);
    pwr->registers[PWR_WKUPEPR / 4] = 0;
    pwr->overdrive = false;
    pwr->scale = 3;
    pwr->voltage_ready = pwr->supply_ready;
}

// --- Construction and questions -----------------------------------------------------------------

struct pwr *pwr_create(struct machine *machine, struct rcc *rcc)
{
    struct pwr *pwr = calloc(1, sizeof(*pwr));
    struct device device = {.name = "PWR",
                            .base = PWR_BASE,
                            .size = PWR_SIZE,
                            .registers = registers,
                            .context = pwr,
                            .read = pwr_read,
                            .write = pwr_write,
                            .reset = pwr_reset};

    if (pwr == NULL) {
        abort();
    }
    pwr->machine = machine;
    pwr->rcc = rcc;
    pwr->supply_event =
        (struct event){.fire = supply_settled, .context = pwr, .name = "PWR supply"};
    pwr->voltage_event =
        (struct event){.fire = voltage_settled, .context = pwr, .name = "PWR voltage"};
    pwr_reset(pwr, RESET_POWER_ON);
    machine_add_device(machine, &device);
    return pwr;
}

unsigned pwr_voltage_scale(const struct pwr *pwr)
{
    return pwr->scale;
}

bool pwr_backup_writable(const struct pwr *pwr)
{
    return (pwr->registers[PWR_CR1 / 4] & CR1_DBP) != 0;
}
