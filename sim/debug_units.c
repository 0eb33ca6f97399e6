// The core's debug units that programs touch: DWT (cycle counter), CoreDebug, ITM, TPIU, FPB, and
// the FPU's control registers.
//
// Written from the ARMv7-M Architecture Reference Manual (DDI 0403), C1, and the Cortex-M7
// Technical Reference Manual (DDI 0489). Trace ports take what is written and show nothing;
// what comparators do is in debug.c. The cycle counter goes on while the core sleeps.
//
// SPDX-License-Identifier: MIT
#include "sim/debug_units.h"

#include "sim/machine_build.h"

#include <stdlib.h>
#include <string.h>

#define ALL          UINT32_MAX
#define DEMCR_TRCENA (UINT32_C(1) << 24)
#define WORDS        1024u // of a 4 KB unit

enum { DWT_CTRL = 0x000, DWT_CYCCNT = 0x004, DEMCR = 0x00C, LSR = 0xFB4 };

struct unit_state {
    struct debug_units *units;
    enum debug_unit unit;
    uint32_t words[WORDS];
};

struct debug_units {
    struct machine *machine;
    uint64_t count_base; // CYCCNT = cycles - count_base while counting
    bool halted;
    void (*changed)(void *context);
    void *changed_context;
    struct unit_state states[UNIT_COUNT];
};

// clang-format off
static const struct register_info itm_info[] = {
    {"STIM", 0x000, 1, ALL, ALL, ACCESS_ANY, 32, 4},
    {"TER", 0xE00, 0, ALL, ALL, ACCESS_WORD, 1, 0},
    {"TPR", 0xE40, 0, 0xF, ALL, ACCESS_WORD, 1, 0},
    {"TCR", 0xE80, 0, 0x00FF0F3F, 0x00FF0F3F, ACCESS_WORD, 1, 0},
    {"LAR", 0xFB0, 0, ALL, ALL, ACCESS_WORD, 1, 0},
    {"LSR", LSR, 1, 0x7, 0, ACCESS_WORD, 1, 0},
    {0},
};
static const struct register_info dwt_info[] = {
    {"CTRL", DWT_CTRL, 0x40000000, ALL, 0x007F1FFF, ACCESS_WORD, 1, 0},
    {"CYCCNT", DWT_CYCCNT, 0, ALL, ALL, ACCESS_WORD, 1, 0},
    {"CPICNT", 0x008, 0, 0xFF, 0xFF, ACCESS_WORD, 1, 0},
    {"EXCCNT", 0x00C, 0, 0xFF, 0xFF, ACCESS_WORD, 1, 0},
    {"SLEEPCNT", 0x010, 0, 0xFF, 0xFF, ACCESS_WORD, 1, 0},
    {"LSUCNT", 0x014, 0, 0xFF, 0xFF, ACCESS_WORD, 1, 0},
    {"FOLDCNT", 0x018, 0, 0xFF, 0xFF, ACCESS_WORD, 1, 0},
    {"PCSR", 0x01C, 0, ALL, 0, ACCESS_WORD, 1, 0},
    {"COMP", 0x020, 0, ALL, ALL, ACCESS_WORD, 4, 16},
    {"MASK", 0x024, 0, 0x1F, 0x1F, ACCESS_WORD, 4, 16},
    {"FUNCTION", 0x028, 0, 0x010FFFBF, 0x000FFDAF, ACCESS_WORD, 4, 16},
    {"LAR", 0xFB0, 0, ALL, ALL, ACCESS_WORD, 1, 0},
    {"LSR", LSR, 1, 0x7, 0, ACCESS_WORD, 1, 0},
    {0},
};
static const struct register_info fpb_info[] = {
    {"CTRL", 0x000, 0x10000080, ALL, 0x3, ACCESS_WORD, 1, 0},
    {"REMAP", 0x004, 0, ALL, ALL, ACCESS_WORD, 1, 0},
    {"COMP", 0x008, 0, ALL, ALL, ACCESS_WORD, 8, 4},
    {"LAR", 0xFB0, 0, ALL, ALL, ACCESS_WORD, 1, 0},
    {"LSR", LSR, 1, 0x7, 0, ACCESS_WORD, 1, 0},
    {0},
};
static const struct register_info tpiu_info[] = {
    {"SSPSR", 0x000, 0xF, ALL, 0, ACCESS_WORD, 1, 0},
    {"CSPSR", 0x004, 1, ALL, ALL, ACCESS_WORD, 1, 0},
    {"ACPR", 0x010, 0, 0x1FFF, 0x1FFF, ACCESS_WORD, 1, 0},
    {"SPPR", 0x0F0, 1, 0x3, 0x3, ACCESS_WORD, 1, 0},
    {"FFSR", 0x300, 8, 0xF, 0, ACCESS_WORD, 1, 0},
    {"FFCR", 0x304, 0x102, ALL, ALL, ACCESS_WORD, 1, 0},
    {"LAR", 0xFB0, 0, ALL, ALL, ACCESS_WORD, 1, 0},
    {"LSR", LSR, 1, 0x7, 0, ACCESS_WORD, 1, 0},
    {0},
};
static const struct register_info core_debug_info[] = {
    {"DHCSR", 0x000, 0x00010000, 0x030F002F, ALL, ACCESS_WORD, 1, 0},
    {"DCRSR", 0x004, 0, 0, 0x0001007F, ACCESS_WORD, 1, 0},
    {"DCRDR", 0x008, 0, ALL, ALL, ACCESS_WORD, 1, 0},
    {"DEMCR", DEMCR, 0, 0x010F07F1, 0x010F07F1, ACCESS_WORD, 1, 0},
    {0},
};
static const struct register_info fpu_info[] = {
    {"FPCCR", 0x4, 0xC0000000, 0xC000017B, 0xC000017B, ACCESS_WORD, 1, 0},
    {"FPCAR", 0x8, 0, 0xFFFFFFF8, 0xFFFFFFF8, ACCESS_WORD, 1, 0},
    {"FPDSCR", 0xC, 0, 0x07C00000, 0x07C00000, ACCESS_WORD, 1, 0},
    {"MVFR0", 0x10, 0x10110221, ALL, 0, ACCESS_WORD, 1, 0},
    {"MVFR1", 0x14, 0x12000011, ALL, 0, ACCESS_WORD, 1, 0},
    {"MVFR2", 0x18, 0x00000040, ALL, 0, ACCESS_WORD, 1, 0},
    {0},
};
// clang-format on

static const struct {
    const char *name;
    uint32_t base;
    uint32_t size;
    const struct register_info *registers;
} unit_descriptions[UNIT_COUNT] = {
    [UNIT_ITM] = {"ITM", 0xE0000000, 0x1000, itm_info},
    [UNIT_DWT] = {"DWT", 0xE0001000, 0x1000, dwt_info},
    [UNIT_FPB] = {"FPB", 0xE0002000, 0x1000, fpb_info},
    [UNIT_TPIU] = {"TPIU", 0xE0040000, 0x1000, tpiu_info},
    [UNIT_CORE_DEBUG] = {"CoreDebug", 0xE000EDF0, 0x10, core_debug_info},
    [UNIT_FPU] = {"FPU", 0xE000EF30, 0x1C, fpu_info},
};

static bool counting(const struct debug_units *units)
{
    return !units->halted &&
           (units->states[UNIT_CORE_DEBUG].words[DEMCR / 4] & DEMCR_TRCENA) != 0 &&
           (units->states[UNIT_DWT].words[DWT_CTRL / 4] & 1) != 0;
}

// Brings the stored CYCCNT up to date.
static void count_update(struct debug_units *units)
{
    if (counting(units)) {
        units->states[UNIT_DWT].words[DWT_CYCCNT / 4] =
            (uint32_t)(machine_cycles(units->machine) - units->count_base);
    }
}

static void count_restart(struct debug_units *units)
{
    units->count_base =
        machine_cycles(units->machine) - units->states[UNIT_DWT].words[DWT_CYCCNT / 4];
}

static uint32_t unit_read(void *context, uint32_t offset, unsigned size)
{
    struct unit_state *state = context;

    (void)size;
    if (state->unit == UNIT_DWT && offset == DWT_CYCCNT) {
        count_update(state->units);
    }
    if (state->unit == UNIT_ITM && offset < 0x80) {
        return 1; // room in the stimulus port's FIFO
    }
    return state->words[offset / 4] >> (8 * (offset % 4));
}

static void unit_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct unit_state *state = context;
    const struct register_info *info;
    struct device device = {.registers = unit_descriptions[state->unit].registers};
    uint32_t *word = &state->words[offset / 4];

    (void)size;
    if (state->unit == UNIT_CORE_DEBUG && offset == 0) {
        return; // DHCSR obeys the debug port only
    }
    info = device_register(&device, offset);
    count_update(state->units);
    *word = (*word & ~info->writable) | (value & info->writable);
    count_restart(state->units);
    if ((state->unit == UNIT_FPB || state->unit == UNIT_DWT) && offset != DWT_CYCCNT &&
        state->units->changed != NULL) {
        state->units->changed(state->units->changed_context);
    }
}

uint32_t debug_units_get(const struct debug_units *units, enum debug_unit unit, uint32_t offset)
{
    return units->states[unit].words[offset / 4];
}

void debug_units_set(struct debug_units *units, enum debug_unit unit, uint32_t offset,
                     uint32_t value)
{
    count_update(units);
    units->states[unit].words[offset / 4] = value;
    count_restart(units);
}

void debug_units_on_change(struct debug_units *units, void (*changed)(void *context), void *context)
{
    units->changed = changed;
    units->changed_context = context;
}

void debug_units_halted(struct debug_units *units, bool halted)
{
    count_update(units);
    units->halted = halted;
    count_restart(units);
}

void debug_units_reset(struct debug_units *units, bool power_on)
{
    // A system reset leaves the debug logic alone, except FPU and DHCSR.
    for (unsigned i = 0; i < UNIT_COUNT; i++) {
        if (!power_on && i != UNIT_FPU) {
            continue;
        }
        memset(units->states[i].words, 0, sizeof(units->states[i].words));
        for (const struct register_info *info = unit_descriptions[i].registers; info->name != NULL;
             info++) {
            units->states[i].words[info->offset / 4] = info->reset;
        }
    }
    count_restart(units);
}

struct debug_units *debug_units_create(struct machine *machine)
{
    struct debug_units *units = calloc(1, sizeof(*units));

    if (units == NULL) {
        abort();
    }
    units->machine = machine;
    for (unsigned i = 0; i < UNIT_COUNT; i++) {
        struct device device = {.name = unit_descriptions[i].name,
                                .base = unit_descriptions[i].base,
                                .size = unit_descriptions[i].size,
                                .registers = unit_descriptions[i].registers,
                                .context = &units->states[i],
                                .read = unit_read,
                                .write = unit_write};

        units->states[i].units = units;
        units->states[i].unit = (enum debug_unit)i;
        machine_add_device(machine, &device);
    }
    debug_units_reset(units, true);
    return units;
}

void debug_units_destroy(struct debug_units *units)
{
    free(units);
}
