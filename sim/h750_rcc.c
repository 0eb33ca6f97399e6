// RCC of the STM32H750: oscillators and PLLs with their start-up times, clock switching, peripheral
// clocks and resets, reset causes, backup domain control.
//
// From STM32H753.svd, the CMSIS header, ST's HAL for the STM32H7 and DS12556's start-up times.
// Silicon takes a few clock cycles to switch SYSCLK and to stop a PLL; here both happen at once.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_rcc.h"

#include "sim/h750_rcc_parts.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RCC_BASE UINT32_C(0x58024400)
#define RCC_IRQ  5u

#define CR_HSIDIV       (UINT32_C(3) << 3)
#define CR_HSIDIVF      (UINT32_C(1) << 5)
#define CR_D1CKRDY      (UINT32_C(1) << 14)
#define CR_D2CKRDY      (UINT32_C(1) << 15)
#define CR_HSEBYP       (UINT32_C(1) << 18)
#define CR_HSECSSON     (UINT32_C(1) << 19)
#define CR_PLLS_ON      (UINT32_C(0x15) << 24)
#define PLLCFGR_DIVP1EN (UINT32_C(1) << 16)
#define BDCR_LSEON      (UINT32_C(1) << 0)
#define BDCR_LSERDY     (UINT32_C(1) << 1)
#define BDCR_RTCSEL     (UINT32_C(3) << 8)
#define BDCR_BDRST      (UINT32_C(1) << 16)
#define CSR_LSION       (UINT32_C(1) << 0)
#define CSR_LSIRDY      (UINT32_C(1) << 1)
#define RSR_RMVF        (UINT32_C(1) << 16)
#define AHB3_CPURST     (UINT32_C(1) << 31)

// Where an oscillator is switched on and shown ready, its flag in CIER and CIFR, and how long it
// takes to start (typical).
struct oscillator_facts {
    const char *name;
    uint8_t on_bit; // in CR; LSE: BDCR, LSI: CSR
    uint8_t ready_bit;
    uint8_t flag_bit;
    uint64_t start_ns;
};
static const struct oscillator_facts facts[OSCILLATOR_COUNT] = {
    [OSCILLATOR_HSI] = {"HSI", 0, 2, 2, 2 * NS_PER_US},
    [OSCILLATOR_CSI] = {"CSI", 7, 8, 4, 2 * NS_PER_US},
    [OSCILLATOR_HSI48] = {"HSI48", 12, 13, 5, 4 * NS_PER_US},
    [OSCILLATOR_HSE] = {"HSE", 16, 17, 3, 2 * NS_PER_MS},
    [OSCILLATOR_PLL1] = {"PLL1", 24, 25, 6, 100 * NS_PER_US},
    [OSCILLATOR_PLL2] = {"PLL2", 26, 27, 7, 100 * NS_PER_US},
    [OSCILLATOR_PLL3] = {"PLL3", 28, 29, 8, 100 * NS_PER_US},
    [OSCILLATOR_LSE] = {"LSE", 0, 1, 1, 2 * NS_PER_S},
    [OSCILLATOR_LSI] = {"LSI", 0, 1, 0, 200 * NS_PER_US},
};

static uint32_t bit(unsigned number)
{
    return UINT32_C(1) << number;
}

// --- What follows from a change -----------------------------------------------------------------

static void notify(const struct rcc_listener *listeners, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        listeners[i].call(listeners[i].context);
    }
}

static void update_irq(struct rcc *rcc)
{
    machine_irq(rcc->machine, RCC_IRQ,
                (rcc_register(rcc, RCC_CIFR) & rcc_register(rcc, RCC_CIER)) != 0);
}

// True if a frequency changed.
static bool update_clocks(struct rcc *rcc)
{
    uint64_t before[RCC_CLOCK_COUNT];

    memcpy(before, rcc->hz, sizeof(before));
    rcc_tree_compute(rcc, rcc->hz);
    if (memcmp(before, rcc->hz, sizeof(before)) == 0) {
        return false;
    }
    if (before[RCC_CLOCK_CPU] != rcc->hz[RCC_CLOCK_CPU]) {
        machine_trace(rcc->machine, "rcc", "CPU clock %llu Hz, HCLK %llu Hz",
                      (unsigned long long)rcc->hz[RCC_CLOCK_CPU],
                      (unsigned long long)rcc->hz[RCC_CLOCK_HCLK]);
        machine_set_cpu_hz(rcc->machine, rcc->hz[RCC_CLOCK_CPU]);
    }
    notify(rcc->listeners, rcc->listener_count);
    return true;
}

static void update_and_check(struct rcc *rcc)
{
    if (update_clocks(rcc)) {
        rcc_check_limits(rcc);
    }
}

// --- Oscillators --------------------------------------------------------------------------------

static void switch_system_clock(struct rcc *rcc)
{
    unsigned wanted = rcc_field(rcc, RCC_CFGR, 0, 3);

    if (wanted < 4 && rcc_source_hz(rcc, rcc_system_oscillator(wanted)) != 0) {
        rcc->system_source = wanted;
    }
}

static void oscillator_started(void *context)
{
    struct rcc_oscillator *oscillator = context;
    struct rcc *rcc = oscillator->rcc;
    uint32_t flag = bit(facts[oscillator->name].flag_bit);

    oscillator->ready = true;
    machine_trace(rcc->machine, "rcc", "%s ready", facts[oscillator->name].name);
    if ((rcc_register(rcc, RCC_CIER) & flag) != 0) {
        rcc->registers[RCC_CIFR / 4] |= flag;
        update_irq(rcc);
    }
    switch_system_clock(rcc);
    update_and_check(rcc);
}

static bool is_pll(enum rcc_oscillator_name name)
{
    return name >= OSCILLATOR_PLL1 && name <= OSCILLATOR_PLL3;
}

// True if the oscillator gets what it needs to start; a crystal that is not fitted never does.
static bool oscillator_can_start(struct rcc *rcc, enum rcc_oscillator_name name)
{
    enum rcc_oscillator_name source;

    if (name == OSCILLATOR_HSE) {
        return rcc->hse_hz != 0;
    }
    if (name == OSCILLATOR_LSE) {
        return rcc->lse_hz != 0;
    }
    if (!is_pll(name)) {
        return true;
    }
    if (!rcc_pll_source(rcc, &source)) {
        machine_violation(rcc->machine, "RCC", "%s switched on without a source (PLLSRC 3)",
                          facts[name].name);
        return false;
    }
    if (!rcc->oscillators[source].ready ||
        rcc_pll_input_hz(rcc, (unsigned)(name - OSCILLATOR_PLL1)) == 0) {
        machine_violation(rcc->machine, "RCC",
                          "%s switched on while its source %s is not ready or DIVM is 0",
                          facts[name].name, facts[source].name);
        return false;
    }
    rcc_check_pll(rcc, (unsigned)(name - OSCILLATOR_PLL1));
    return true;
}

static void oscillator_switch(struct rcc *rcc, enum rcc_oscillator_name name, bool on)
{
    struct rcc_oscillator *oscillator = &rcc->oscillators[name];

    if (oscillator->on == on) {
        return;
    }
    oscillator->on = on;
    if (!on) {
        oscillator->ready = false;
        event_cancel(rcc->machine, &oscillator->started);
    } else if (oscillator_can_start(rcc, name)) {
        event_arm_in(rcc->machine, &oscillator->started, facts[name].start_ns);
    }
}

// The oscillator drives SYSCLK, itself or through PLL1.
static bool drives_system(const struct rcc *rcc, enum rcc_oscillator_name name)
{
    enum rcc_oscillator_name system = rcc_system_oscillator(rcc->system_source);
    enum rcc_oscillator_name source;

    return system == name ||
           (system == OSCILLATOR_PLL1 && rcc_pll_source(rcc, &source) && source == name);
}

// The oscillator feeds a PLL that `plls_on` (bits of CR) leaves on.
static bool feeds_pll(const struct rcc *rcc, enum rcc_oscillator_name name, uint32_t plls_on)
{
    enum rcc_oscillator_name source;

    return (plls_on & CR_PLLS_ON) != 0 && rcc_pll_source(rcc, &source) && source == name;
}

// --- CR -----------------------------------------------------------------------------------------

static uint32_t read_cr(const struct rcc *rcc)
{
    uint32_t value = rcc_register(rcc, RCC_CR) | CR_HSIDIVF | CR_D1CKRDY | CR_D2CKRDY;

    for (enum rcc_oscillator_name name = 0; name <= OSCILLATOR_PLL3; name++) {
        if (rcc->oscillators[name].ready) {
            value |= bit(facts[name].ready_bit);
        }
    }
    return value;
}

// Bits that hardware keeps because switching them now would stop the system.
static uint32_t cr_protected(struct rcc *rcc, uint32_t value)
{
    uint32_t old = rcc_register(rcc, RCC_CR);

    for (enum rcc_oscillator_name name = 0; name <= OSCILLATOR_PLL3; name++) {
        uint32_t on = bit(facts[name].on_bit);

        if ((old & ~value & on) == 0) {
            continue;
        }
        if (drives_system(rcc, name)) {
            machine_violation(rcc->machine, "RCC", "%s switched off while it drives SYSCLK",
                              facts[name].name);
            value |= on;
        } else if (feeds_pll(rcc, name, value)) {
            machine_violation(rcc->machine, "RCC", "%s switched off while it feeds a running PLL",
                              facts[name].name);
        }
    }
    if (((old ^ value) & CR_HSIDIV) != 0 && feeds_pll(rcc, OSCILLATOR_HSI, old)) {
        machine_violation(rcc->machine, "RCC", "HSIDIV changed while HSI feeds a running PLL");
        value = (value & ~CR_HSIDIV) | (old & CR_HSIDIV);
    }
    if (((old ^ value) & CR_HSEBYP) != 0 && (old & value & bit(16)) != 0) {
        machine_violation(rcc->machine, "RCC", "HSEBYP changed while HSE is on");
        value = (value & ~CR_HSEBYP) | (old & CR_HSEBYP);
    }
    return value | (old & CR_HSECSSON); // only a reset clears it
}

static void write_cr(struct rcc *rcc, uint32_t value)
{
    value = cr_protected(rcc, value & rcc_registers[0].writable);
    rcc->registers[RCC_CR / 4] = value;
    for (enum rcc_oscillator_name name = 0; name <= OSCILLATOR_PLL3; name++) {
        oscillator_switch(rcc, name, (value & bit(facts[name].on_bit)) != 0);
    }
    update_and_check(rcc);
}

// --- System clock switch, PLL registers ---------------------------------------------------------

static void write_cfgr(struct rcc *rcc, uint32_t value)
{
    unsigned wanted = value & 7;

    rcc->registers[RCC_CFGR / 4] = value & ~UINT32_C(0x38);
    switch_system_clock(rcc);
    if (rcc->system_source != wanted) {
        machine_violation(rcc->machine, "RCC",
                          "SW %u selects a SYSCLK source that is not ready; SYSCLK stays on %s",
                          wanted, facts[rcc_system_oscillator(rcc->system_source)].name);
    }
    update_and_check(rcc);
}

// Writes a PLL register; fields of a PLL that is on, given by `field` for PLL1 and `step` bits
// further for the next ones, keep their value.
static void write_pll_fields(struct rcc *rcc, uint32_t offset, uint32_t value, uint32_t field,
                             unsigned step)
{
    uint32_t old = rcc_register(rcc, offset);

    for (unsigned pll = 0; pll < 3; pll++) {
        uint32_t mask = field << (step * pll);

        if (rcc->oscillators[OSCILLATOR_PLL1 + pll].on && ((old ^ value) & mask) != 0) {
            machine_violation(
                rcc->machine, "RCC", "%s changed for PLL%u while that PLL is on",
                device_register(&(struct device){.registers = rcc_registers}, offset)->name,
                pll + 1);
            value = (value & ~mask) | (old & mask);
        }
    }
    rcc->registers[offset / 4] = value;
}

static void write_pllckselr(struct rcc *rcc, uint32_t value)
{
    uint32_t old = rcc_register(rcc, RCC_PLLCKSELR);

    if (((old ^ value) & 3) != 0 && (rcc_register(rcc, RCC_CR) & CR_PLLS_ON) != 0) {
        machine_violation(rcc->machine, "RCC", "PLLSRC changed while a PLL is on");
        value = (value & ~UINT32_C(3)) | (old & 3);
    }
    write_pll_fields(rcc, RCC_PLLCKSELR, value, UINT32_C(0x3F) << 4, 8);
    update_and_check(rcc);
}

static void write_pllcfgr(struct rcc *rcc, uint32_t value)
{
    uint32_t old = rcc_register(rcc, RCC_PLLCFGR);

    if ((old & ~value & PLLCFGR_DIVP1EN) != 0 && drives_system(rcc, OSCILLATOR_PLL1)) {
        machine_violation(rcc->machine, "RCC", "DIVP1EN cleared while PLL1 drives SYSCLK");
        value |= PLLCFGR_DIVP1EN;
    }
    write_pll_fields(rcc, RCC_PLLCFGR, value, 0xE, 4);
    for (unsigned pll = 0; pll < 3; pll++) {
        if ((value & ~old & bit(4 * pll)) != 0) {
            rcc->pll_fraction[pll] = rcc_field(rcc, RCC_PLL1FRACR + 8 * pll, 3, 13);
        }
    }
    update_and_check(rcc);
}

static void write_plldivr(struct rcc *rcc, uint32_t offset, uint32_t value)
{
    unsigned pll = (offset - RCC_PLL1DIVR) / 8;

    if (rcc->oscillators[OSCILLATOR_PLL1 + pll].on && rcc_register(rcc, offset) != value) {
        machine_violation(rcc->machine, "RCC", "PLL%uDIVR changed while that PLL is on", pll + 1);
        return;
    }
    rcc->registers[offset / 4] = value;
}

// --- Backup domain, LSI, reset causes -----------------------------------------------------------

static void backup_reset(struct rcc *rcc)
{
    rcc->registers[RCC_BDCR / 4] = 0;
    oscillator_switch(rcc, OSCILLATOR_LSE, false);
}

static uint32_t bdcr_rtcsel(struct rcc *rcc, uint32_t value)
{
    uint32_t old = rcc_register(rcc, RCC_BDCR) & BDCR_RTCSEL;

    if (old != 0 && (value & BDCR_RTCSEL) != old) {
        machine_violation(rcc->machine, "RCC",
                          "BDCR.RTCSEL changed: only a backup domain reset can");
        return (value & ~BDCR_RTCSEL) | old;
    }
    return value;
}

static void write_bdcr(struct rcc *rcc, uint32_t value)
{
    if (!rcc->backup_writable) {
        if ((value & ~BDCR_LSERDY) != rcc_register(rcc, RCC_BDCR)) {
            machine_violation(rcc->machine, "RCC", "BDCR written while PWR_CR1.DBP is 0");
        }
        return;
    }
    if ((value & BDCR_BDRST) != 0) {
        backup_reset(rcc);
        rcc->registers[RCC_BDCR / 4] = BDCR_BDRST;
        notify(rcc->backup_listeners, rcc->backup_listener_count);
    } else {
        value = bdcr_rtcsel(rcc, value & ~(BDCR_LSERDY | bit(6)));
        rcc->registers[RCC_BDCR / 4] = value;
        oscillator_switch(rcc, OSCILLATOR_LSE, (value & BDCR_LSEON) != 0);
    }
    update_clocks(rcc);
}

static uint32_t read_bdcr(const struct rcc *rcc)
{
    return rcc_register(rcc, RCC_BDCR) | (rcc->oscillators[OSCILLATOR_LSE].ready ? BDCR_LSERDY : 0);
}

static void write_csr(struct rcc *rcc, uint32_t value)
{
    rcc->registers[RCC_CSR / 4] = value & CSR_LSION;
    oscillator_switch(rcc, OSCILLATOR_LSI, (value & CSR_LSION) != 0 || rcc->lsi_requested);
    update_clocks(rcc);
}

static uint32_t read_csr(const struct rcc *rcc)
{
    return rcc_register(rcc, RCC_CSR) | (rcc->oscillators[OSCILLATOR_LSI].ready ? CSR_LSIRDY : 0);
}

static uint32_t reset_cause_flags(enum reset_kind kind)
{
    switch (kind) {
    case RESET_POWER_ON: // CPU, D1, D2, BOR, PIN, POR
        return bit(17) | bit(19) | bit(20) | bit(21) | bit(22) | bit(23);
    case RESET_SOFTWARE:
        return bit(17) | bit(22) | bit(24);
    case RESET_IWDG1:
        return bit(17) | bit(22) | bit(26);
    case RESET_WWDG1:
        return bit(17) | bit(22) | bit(28);
    default:
        return bit(17) | bit(22);
    }
}

// --- Peripheral clocks and resets ---------------------------------------------------------------

static void write_reset_bits(struct rcc *rcc, uint32_t offset, uint32_t value)
{
    uint32_t rising = value & ~rcc_register(rcc, offset);

    if (offset == RCC_AHB3RSTR && (rising & AHB3_CPURST) != 0) {
        machine_violation(rcc->machine, "RCC", "AHB3RSTR.CPURST is not modelled");
        value &= ~AHB3_CPURST;
        rising &= ~AHB3_CPURST;
    }
    rcc->registers[offset / 4] = value;
    for (uint8_t number = 0; number < 32; number++) {
        if ((rising & bit(number)) != 0) {
            machine_reset_devices(rcc->machine, (uint16_t)offset, number);
        }
    }
}

static void write_enable_bits(struct rcc *rcc, uint32_t offset, uint32_t value)
{
    bool changed = rcc_register(rcc, offset) != value;

    rcc->registers[offset / 4] = value;
    if (changed) {
        rcc_tree_compute(rcc, rcc->hz);
        notify(rcc->listeners, rcc->listener_count);
    }
}

bool rcc_gate_open(const struct rcc *rcc, uint16_t gate_offset, uint8_t gate_bit)
{
    return rcc_field(rcc, gate_offset, gate_bit, 1) != 0;
}

// The bus asks before an access: a peripheral that is held in reset does not take one either.
static bool gate_open(void *context, uint16_t gate_offset, uint8_t gate_bit)
{
    const struct rcc *rcc = context;

    if (gate_offset >= RCC_AHB3ENR && gate_offset <= RCC_APB4ENR &&
        rcc_field(rcc, gate_offset - RCC_ENR_TO_RSTR, gate_bit, 1) != 0) {
        machine_violation(rcc->machine, "RCC",
                          "a peripheral is accessed while it is held in reset "
                          "(reset register at offset 0x%02X, bit %u is 1)",
                          gate_offset - RCC_ENR_TO_RSTR, gate_bit);
    }
    return rcc_gate_open(rcc, gate_offset, gate_bit);
}

// --- Bus ----------------------------------------------------------------------------------------

static uint32_t original_of(uint32_t offset)
{
    return offset >= RCC_C1_FIRST && offset <= RCC_C1_LAST ? offset - RCC_C1_DISTANCE : offset;
}

static uint32_t read_word(const struct rcc *rcc, uint32_t offset)
{
    switch (offset) {
    case RCC_CR:
        return read_cr(rcc);
    case RCC_CFGR:
        return rcc_register(rcc, RCC_CFGR) | rcc->system_source << 3;
    case RCC_BDCR:
        return read_bdcr(rcc);
    case RCC_CSR:
        return read_csr(rcc);
    case RCC_RSR:
        return rcc->reset_flags;
    default:
        return rcc_register(rcc, offset);
    }
}

static uint32_t rcc_read(void *context, uint32_t offset, unsigned size)
{
    return register_extract(read_word(context, original_of(offset & ~UINT32_C(3))), offset, size);
}

static void write_clock_register(struct rcc *rcc, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case RCC_CR:
        write_cr(rcc, value);
        break;
    case RCC_CFGR:
        write_cfgr(rcc, value);
        break;
    case RCC_PLLCKSELR:
        write_pllckselr(rcc, value);
        break;
    case RCC_PLLCFGR:
        write_pllcfgr(rcc, value);
        break;
    case RCC_PLL1DIVR:
    case RCC_PLL1DIVR + 8:
    case RCC_PLL3DIVR:
        write_plldivr(rcc, offset, value);
        break;
    default:
        rcc->registers[offset / 4] = value;
        update_and_check(rcc);
        break;
    }
}

static void write_word(struct rcc *rcc, uint32_t offset, uint32_t value)
{
    if (offset < RCC_CIER) {
        write_clock_register(rcc, offset, value);
    } else if (offset == RCC_BDCR) {
        write_bdcr(rcc, value);
    } else if (offset == RCC_CSR) {
        write_csr(rcc, value);
    } else if (offset == RCC_RSR) {
        rcc->reset_flags = (value & RSR_RMVF) != 0 ? 0 : rcc->reset_flags;
    } else if (offset == RCC_CIER || offset == RCC_CICR) {
        if (offset == RCC_CIER) {
            rcc->registers[RCC_CIER / 4] = value;
        } else {
            rcc->registers[RCC_CIFR / 4] &= ~value;
        }
        update_irq(rcc);
    } else if (offset >= RCC_AHB3RSTR && offset <= RCC_APB4RSTR) {
        write_reset_bits(rcc, offset, value);
    } else if (offset >= RCC_AHB3ENR && offset <= RCC_APB4ENR) {
        write_enable_bits(rcc, offset, value);
    } else {
        rcc->registers[offset / 4] = value;
    }
}

static void rcc_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct rcc *rcc = context;
    uint32_t word = original_of(offset & ~UINT32_C(3));
    bool only_ones_count = word == RCC_CICR || word == RCC_RSR;
    uint32_t rest = only_ones_count ? 0 : read_word(rcc, word);

    write_word(rcc, word, register_merge(rest, offset, size, value));
}

// --- Reset, construction ------------------------------------------------------------------------

static void reset_registers(struct rcc *rcc)
{
    uint32_t backup = rcc_register(rcc, RCC_BDCR);

    for (const struct register_info *info = rcc_registers; info->name != NULL; info++) {
        rcc->registers[info->offset / 4] = info->reset;
    }
    rcc->registers[RCC_BDCR / 4] = backup;
    memset(rcc->pll_fraction, 0, sizeof(rcc->pll_fraction));
}

static void rcc_reset(void *context, enum reset_kind kind)
{
    struct rcc *rcc = context;

    reset_registers(rcc);
    rcc->lsi_requested = false;
    if (kind == RESET_POWER_ON) {
        backup_reset(rcc);
        rcc->reset_flags = 0;
    }
    rcc->reset_flags |= reset_cause_flags(kind);
    rcc->system_source = 0;
    rcc->voltage_scale = 3;
    rcc->flash_latency = 7;
    rcc->backup_writable = false;
    for (enum rcc_oscillator_name name = 0; name <= OSCILLATOR_PLL3; name++) {
        oscillator_switch(rcc, name, (rcc_register(rcc, RCC_CR) & bit(facts[name].on_bit)) != 0);
    }
    oscillator_switch(rcc, OSCILLATOR_LSI, false);
    event_cancel(rcc->machine, &rcc->oscillators[OSCILLATOR_HSI].started);
    rcc->oscillators[OSCILLATOR_HSI].ready = true; // the reset ends when HSI is stable
    update_irq(rcc);
    update_clocks(rcc);
}

struct rcc *rcc_create(struct machine *machine, uint32_t hse_hz, uint32_t lse_hz)
{
    struct rcc *rcc = calloc(1, sizeof(*rcc));
    struct clock_service service = {.context = rcc, .gate_open = gate_open};
    struct device device = {.name = "RCC",
                            .base = RCC_BASE,
                            .size = RCC_SIZE,
                            .registers = rcc_registers,
                            .context = rcc,
                            .read = rcc_read,
                            .write = rcc_write,
                            .reset = rcc_reset};

    if (rcc == NULL) {
        abort();
    }
    rcc->machine = machine;
    rcc->hse_hz = hse_hz;
    rcc->lse_hz = lse_hz;
    for (enum rcc_oscillator_name name = 0; name < OSCILLATOR_COUNT; name++) {
        rcc->oscillators[name] =
            (struct rcc_oscillator){.rcc = rcc,
                                    .name = name,
                                    .started = {.fire = oscillator_started,
                                                .context = &rcc->oscillators[name],
                                                .name = facts[name].name}};
    }
    rcc_reset(rcc, RESET_POWER_ON);
    machine_add_device(machine, &device);
    machine_set_clock_service(machine, &service);
    return rcc;
}

// --- Other models -------------------------------------------------------------------------------

uint64_t rcc_clock_hz(const struct rcc *rcc, enum rcc_clock clock)
{
    return rcc->hz[clock];
}

static void add_listener(struct rcc_listener *listeners, unsigned *count, unsigned room,
                         void (*call)(void *context), void *context)
{
    assert(*count < room);
    listeners[(*count)++] = (struct rcc_listener){.call = call, .context = context};
}

void rcc_on_change(struct rcc *rcc, void (*changed)(void *context), void *context)
{
    add_listener(rcc->listeners, &rcc->listener_count, RCC_LISTENERS_MAX, changed, context);
}

void rcc_on_backup_reset(struct rcc *rcc, void (*reset)(void *context), void *context)
{
    add_listener(rcc->backup_listeners, &rcc->backup_listener_count, 4, reset, context);
}

void rcc_set_voltage_scale(struct rcc *rcc, unsigned scale)
{
    rcc->voltage_scale = scale;
    rcc_check_limits(rcc);
}

void rcc_set_flash_latency(struct rcc *rcc, unsigned wait_states)
{
    rcc->flash_latency = wait_states;
    rcc_check_limits(rcc);
}

void rcc_set_backup_writable(struct rcc *rcc, bool writable)
{
    rcc->backup_writable = writable;
}

void rcc_request_lsi(struct rcc *rcc)
{
    rcc->lsi_requested = true;
    oscillator_switch(rcc, OSCILLATOR_LSI, true);
}

bool rcc_wwdg_resets_system(const struct rcc *rcc)
{
    return rcc_field(rcc, RCC_GCR, 0, 1) != 0;
}
