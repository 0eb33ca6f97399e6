// Registers of the NVIC and the system control block.
//
// Written from the ARMv7-M Architecture Reference Manual (DDI 0403), B3.2 and B3.4, and the
// Cortex-M7 Technical Reference Manual (DDI 0489) for identification values.
//
// SPDX-License-Identifier: MIT
#include "sim/nvic_internal.h"

#include <inttypes.h>

#define AIRCR_KEY UINT32_C(0x05FA)

// 16 KB, lines of 32 bytes: data cache of 4 ways, instruction cache of 2.
#define CCSIDR_DATA        UINT32_C(0xF00FE019)
#define CCSIDR_INSTRUCTION UINT32_C(0xF01FE009)

// --- NVIC ---------------------------------------------------------------------------------------

#define NVIC_ISER 0x000u
#define NVIC_ICER 0x080u
#define NVIC_ISPR 0x100u
#define NVIC_ICPR 0x180u
#define NVIC_IABR 0x200u
#define NVIC_IPR  0x300u

#define ALL UINT32_MAX
// clang-format off
static const struct register_info nvic_info[] = {
    {"ISER", NVIC_ISER, 0, ALL, ALL, ACCESS_WORD, 8, 4},
    {"ICER", NVIC_ICER, 0, ALL, ALL, ACCESS_WORD, 8, 4},
    {"ISPR", NVIC_ISPR, 0, ALL, ALL, ACCESS_WORD, 8, 4},
    {"ICPR", NVIC_ICPR, 0, ALL, ALL, ACCESS_WORD, 8, 4},
    {"IABR", NVIC_IABR, 0, ALL, 0, ACCESS_WORD, 8, 4},
    {"IPR", NVIC_IPR, 0, ALL, ALL, ACCESS_ANY, 60, 4},
    {0},
};
// clang-format on

// 32 interrupt lines from `irq` on, out of bits that are numbered by exception.
static uint32_t lines_read(const uint32_t *bits, unsigned irq)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < 32 && irq + i < EXCEPTION_COUNT - EXCEPTION_IRQ0; i++) {
        value |= (uint32_t)bit_get(bits, EXCEPTION_IRQ0 + irq + i) << i;
    }
    return value;
}

static void lines_write(struct nvic *nvic, uint32_t *bits, unsigned irq, uint32_t value, bool set)
{
    for (; value != 0; value &= value - 1) {
        unsigned line = irq + (unsigned)__builtin_ctz(value);
        unsigned exception = EXCEPTION_IRQ0 + line;

        if (exception >= EXCEPTION_COUNT) {
            if (set) { // clearing all 256 that the architecture knows is customary
                machine_violation(nvic->machine, "NVIC", "interrupt line %u does not exist", line);
            }
            break;
        }
        // A line that asks keeps its interrupt pending.
        bit_set(bits, exception, set || (bits == nvic->pending && bit_get(nvic->level, exception)));
    }
    nvic_update(nvic);
}

static uint32_t priorities_read(const struct nvic *nvic, unsigned first, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size && first + i < EXCEPTION_COUNT; i++) {
        value |= (uint32_t)nvic->priority[first + i] << (8 * i);
    }
    return value;
}

static void priorities_write(struct nvic *nvic, unsigned first, unsigned size, uint32_t value)
{
    for (unsigned i = 0; i < size && first + i < EXCEPTION_COUNT; i++) {
        nvic->priority[first + i] = (uint8_t)(value >> (8 * i)) & PRIORITY_BITS;
    }
    nvic_update(nvic);
}

static uint32_t nvic_read(void *context, uint32_t offset, unsigned size)
{
    const struct nvic *nvic = context;
    unsigned irq = (offset & 0x7F) * 8;

    if (offset >= NVIC_IPR) {
        return priorities_read(nvic, EXCEPTION_IRQ0 + (offset - NVIC_IPR), size);
    }
    if (offset >= NVIC_IABR) {
        return lines_read(nvic->active, irq);
    }
    return lines_read(offset >= NVIC_ISPR ? nvic->pending : nvic->enabled, irq);
}

static void nvic_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct nvic *nvic = context;
    unsigned irq = (offset & 0x7F) * 8;

    if (offset >= NVIC_IPR) {
        priorities_write(nvic, EXCEPTION_IRQ0 + (offset - NVIC_IPR), size, value);
        return;
    }
    switch (offset & ~UINT32_C(0x7F)) {
    case NVIC_ISER:
        lines_write(nvic, nvic->enabled, irq, value, true);
        break;
    case NVIC_ICER:
        lines_write(nvic, nvic->enabled, irq, value, false);
        break;
    case NVIC_ISPR:
        lines_write(nvic, nvic->pending, irq, value, true);
        break;
    default:
        lines_write(nvic, nvic->pending, irq, value, false);
        break;
    }
}

// --- SCB ----------------------------------------------------------------------------------------

enum {
    SCB_CPUID = 0x00,
    SCB_ICSR = 0x04,
    SCB_VTOR = 0x08,
    SCB_AIRCR = 0x0C,
    SCB_SCR = 0x10,
    SCB_CCR = 0x14,
    SCB_SHPR = 0x18,
    SCB_SHCSR = 0x24,
    SCB_CFSR = 0x28,
    SCB_HFSR = 0x2C,
    SCB_DFSR = 0x30,
    SCB_MMFAR = 0x34,
    SCB_BFAR = 0x38,
    SCB_AFSR = 0x3C,
    SCB_CCSIDR = 0x80,
    SCB_CSSELR = 0x84,
    SCB_CPACR = 0x88,
};

// clang-format off
static const struct register_info scb_info[] = {
    {"CPUID", SCB_CPUID, 0x411FC271, ALL, 0, ACCESS_WORD, 1, 0},
    {"ICSR", SCB_ICSR, 0, 0x94DFF9FF, 0x9E000000, ACCESS_WORD, 1, 0},
    {"VTOR", SCB_VTOR, 0, 0xFFFFFF80, 0xFFFFFF80, ACCESS_WORD, 1, 0},
    {"AIRCR", SCB_AIRCR, 0xFA050000, 0xFFFF8700, 0xFFFF0707, ACCESS_WORD, 1, 0},
    {"SCR", SCB_SCR, 0, 0x16, 0x16, ACCESS_WORD, 1, 0},
    {"CCR", SCB_CCR, 0x00040200, 0x0007031B, 0x0007031B, ACCESS_WORD, 1, 0},
    {"SHPR", SCB_SHPR, 0, ALL, ALL, ACCESS_ANY, 3, 4},
    {"SHCSR", SCB_SHCSR, 0, 0x0007FD8B, 0x0007FD8B, ACCESS_WORD, 1, 0},
    {"CFSR", SCB_CFSR, 0, 0x030FBFBB, 0x030FBFBB, ACCESS_ANY, 1, 0},
    {"HFSR", SCB_HFSR, 0, 0xC0000002, 0xC0000002, ACCESS_WORD, 1, 0},
    {"DFSR", SCB_DFSR, 0, 0x1F, 0x1F, ACCESS_WORD, 1, 0},
    {"MMFAR", SCB_MMFAR, 0, ALL, ALL, ACCESS_WORD, 1, 0},
    {"BFAR", SCB_BFAR, 0, ALL, ALL, ACCESS_WORD, 1, 0},
    {"AFSR", SCB_AFSR, 0, ALL, ALL, ACCESS_WORD, 1, 0},
    {"ID_PFR0", 0x40, 0x00000030, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_PFR1", 0x44, 0x00000200, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_DFR0", 0x48, 0x00100000, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_AFR0", 0x4C, 0, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_MMFR0", 0x50, 0x00100030, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_MMFR1", 0x54, 0, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_MMFR2", 0x58, 0x01000000, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_MMFR3", 0x5C, 0, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_ISAR0", 0x60, 0x01101110, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_ISAR1", 0x64, 0x02112000, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_ISAR2", 0x68, 0x20232231, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_ISAR3", 0x6C, 0x01111131, ALL, 0, ACCESS_WORD, 1, 0},
    {"ID_ISAR4", 0x70, 0x01310132, ALL, 0, ACCESS_WORD, 1, 0},
    {"CLIDR", 0x78, 0x09000003, ALL, 0, ACCESS_WORD, 1, 0},
    {"CTR", 0x7C, 0x8303C003, ALL, 0, ACCESS_WORD, 1, 0},
    {"CCSIDR", SCB_CCSIDR, CCSIDR_DATA, ALL, 0, ACCESS_WORD, 1, 0},
    {"CSSELR", SCB_CSSELR, 0, 0xF, 0xF, ACCESS_WORD, 1, 0},
    {"CPACR", SCB_CPACR, 0, 0x00F00000, 0x00F00000, ACCESS_WORD, 1, 0},
    {0},
};
// clang-format on

static uint32_t icsr_read(struct nvic *nvic)
{
    struct cpu_state state;
    unsigned running;
    unsigned active = 0;
    uint32_t value;

    cpu_read_state(nvic->cpu, &state);
    running = state.xpsr & XPSR_IPSR;
    for (unsigned word = 0; word < EXCEPTION_WORDS; word++) {
        active += (unsigned)__builtin_popcount(nvic->active[word]);
    }
    value = running | (uint32_t)nvic->best << 12;
    value |= active <= 1 ? UINT32_C(1) << 11 : 0;
    for (unsigned exception = EXCEPTION_IRQ0; exception < EXCEPTION_COUNT; exception++) {
        if (bit_get(nvic->pending, exception)) {
            value |= UINT32_C(1) << 22;
            break;
        }
    }
    value |= (uint32_t)bit_get(nvic->pending, EXCEPTION_SYSTICK) << 26;
    value |= (uint32_t)bit_get(nvic->pending, EXCEPTION_PENDSV) << 28;
    value |= (uint32_t)bit_get(nvic->pending, EXCEPTION_NMI) << 31;
    return value;
}

static void icsr_write(struct nvic *nvic, uint32_t value)
{
    if ((value >> 31 & 1) != 0) {
        nvic_set_pending(nvic, EXCEPTION_NMI, true);
    }
    if ((value >> 28 & 1) != 0) {
        nvic_set_pending(nvic, EXCEPTION_PENDSV, true);
    }
    if ((value >> 27 & 1) != 0) {
        nvic_set_pending(nvic, EXCEPTION_PENDSV, false);
    }
    if ((value >> 26 & 1) != 0) {
        nvic_set_pending(nvic, EXCEPTION_SYSTICK, true);
    }
    if ((value >> 25 & 1) != 0) {
        nvic_set_pending(nvic, EXCEPTION_SYSTICK, false);
    }
}

static void aircr_write(struct nvic *nvic, uint32_t value)
{
    if (value >> 16 != AIRCR_KEY) {
        machine_violation(nvic->machine, "SCB",
                          "AIRCR written with 0x%08" PRIX32 ", without its key 05FA in the upper "
                          "half: the write has no effect",
                          value);
        return;
    }
    nvic->prigroup = value >> 8 & 7;
    nvic_update(nvic);
    if ((value & 1) != 0) {
        machine_violation(nvic->machine, "SCB", "AIRCR.VECTRESET is for debuggers only");
    }
    if ((value & 4) != 0) {
        machine_reset(nvic->machine, RESET_SOFTWARE);
    }
}

// Which bit of SHCSR shows an exception as active or pending.
static const struct {
    uint8_t bit;
    uint8_t exception;
    bool pending;
} shcsr_bits[] = {
    {0, EXCEPTION_MEM_MANAGE, false},  {1, EXCEPTION_BUS_FAULT, false},
    {3, EXCEPTION_USAGE_FAULT, false}, {7, EXCEPTION_SVC, false},
    {8, EXCEPTION_DEBUG, false},       {10, EXCEPTION_PENDSV, false},
    {11, EXCEPTION_SYSTICK, false},    {12, EXCEPTION_USAGE_FAULT, true},
    {13, EXCEPTION_MEM_MANAGE, true},  {14, EXCEPTION_BUS_FAULT, true},
    {15, EXCEPTION_SVC, true},
};
#define SHCSR_BITS    (sizeof(shcsr_bits) / sizeof(shcsr_bits[0]))
#define SHCSR_ENABLES (SHCSR_MEMFAULTENA | SHCSR_BUSFAULTENA | SHCSR_USGFAULTENA)

static uint32_t shcsr_read(const struct nvic *nvic)
{
    uint32_t value = nvic->shcsr_enables;

    for (size_t i = 0; i < SHCSR_BITS; i++) {
        const uint32_t *bits = shcsr_bits[i].pending ? nvic->pending : nvic->active;

        value |= (uint32_t)bit_get(bits, shcsr_bits[i].exception) << shcsr_bits[i].bit;
    }
    return value;
}

static void shcsr_write(struct nvic *nvic, uint32_t value)
{
    nvic->shcsr_enables = value & SHCSR_ENABLES;
    for (size_t i = 0; i < SHCSR_BITS; i++) {
        uint32_t *bits = shcsr_bits[i].pending ? nvic->pending : nvic->active;

        bit_set(bits, shcsr_bits[i].exception, (value >> shcsr_bits[i].bit & 1) != 0);
    }
    nvic_update(nvic);
}

static void ccr_write(struct nvic *nvic, uint32_t value)
{
    uint32_t before = nvic->ccr;

    nvic->ccr = value | CCR_STKALIGN | CCR_BP; // both fixed on Cortex-M7
    if (nvic->ccr_changed != NULL) {
        nvic->ccr_changed(nvic->ccr_context, before, nvic->ccr);
    }
}

static uint32_t scb_word(struct nvic *nvic, uint32_t offset)
{
    switch (offset) {
    case SCB_ICSR:
        return icsr_read(nvic);
    case SCB_VTOR:
        return nvic->vtor;
    case SCB_AIRCR:
        return UINT32_C(0xFA050000) | nvic->prigroup << 8;
    case SCB_SCR:
        return nvic->scr;
    case SCB_CCR:
        return nvic->ccr;
    case SCB_SHCSR:
        return shcsr_read(nvic);
    case SCB_CFSR:
        return nvic->cfsr;
    case SCB_HFSR:
        return nvic->hfsr;
    case SCB_DFSR:
        return nvic->dfsr;
    case SCB_MMFAR:
        return nvic->mmfar;
    case SCB_BFAR:
        return nvic->bfar;
    case SCB_AFSR:
        return nvic->afsr;
    case SCB_CCSIDR:
        return (nvic->csselr & 1) != 0 ? CCSIDR_INSTRUCTION : CCSIDR_DATA;
    case SCB_CSSELR:
        return nvic->csselr;
    case SCB_CPACR:
        return nvic->cpacr;
    default:
        break;
    }
    for (const struct register_info *info = scb_info; info->name != NULL; info++) {
        if (info->offset == offset) {
            return info->reset; // identification
        }
    }
    return 0;
}

static uint32_t scb_read(void *context, uint32_t offset, unsigned size)
{
    struct nvic *nvic = context;

    if (offset >= SCB_SHPR && offset < SCB_SHCSR) {
        return priorities_read(nvic, 4 + (offset - SCB_SHPR), size);
    }
    return scb_word(nvic, offset & ~UINT32_C(3)) >> (8 * (offset & 3));
}

static void cpacr_write(struct nvic *nvic, uint32_t value)
{
    nvic->cpacr = value;
    if (nvic->cpacr_changed != NULL) {
        nvic->cpacr_changed(nvic->cpacr_context);
    }
}

static void scb_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct nvic *nvic = context;

    if (offset >= SCB_SHPR && offset < SCB_SHCSR) {
        priorities_write(nvic, 4 + (offset - SCB_SHPR), size, value);
        return;
    }
    switch (offset & ~UINT32_C(3)) {
    case SCB_ICSR:
        icsr_write(nvic, value);
        break;
    case SCB_VTOR:
        nvic->vtor = value;
        break;
    case SCB_AIRCR:
        aircr_write(nvic, value);
        break;
    case SCB_SCR:
        nvic->scr = value;
        break;
    case SCB_CCR:
        ccr_write(nvic, value);
        break;
    case SCB_SHCSR:
        shcsr_write(nvic, value);
        break;
    case SCB_CFSR:
        nvic->cfsr &= ~(value << (8 * (offset & 3)));
        break;
    case SCB_HFSR:
        nvic->hfsr &= ~value;
        break;
    case SCB_DFSR:
        nvic->dfsr &= ~value;
        break;
    case SCB_MMFAR:
        nvic->mmfar = value;
        break;
    case SCB_BFAR:
        nvic->bfar = value;
        break;
    case SCB_AFSR:
        nvic->afsr &= ~value;
        break;
    case SCB_CSSELR:
        nvic->csselr = value;
        break;
    default:
        cpacr_write(nvic, value);
        break;
    }
}

// --- What is left of the system control space ---------------------------------------------------

// clang-format off
static const struct register_info scs_info[] = {
    {"ICTR", 0x4, 4, 0xF, 0, ACCESS_WORD, 1, 0},
    {"ACTLR", 0x8, 0, 0x1FFFFFFF, 0x1FFFFFFF, ACCESS_WORD, 1, 0},
    {0},
};
static const struct register_info stir_info[] = {
    {"STIR", 0, 0, 0, 0x1FF, ACCESS_WORD, 1, 0},
    {0},
};
// clang-format on

static uint32_t scs_read(void *context, uint32_t offset, unsigned size)
{
    const struct nvic *nvic = context;

    (void)size;
    return offset == 4 ? 4 : nvic->actlr;
}

static void scs_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct nvic *nvic = context;

    (void)offset;
    (void)size;
    nvic->actlr = value;
}

static uint32_t stir_read(void *context, uint32_t offset, unsigned size)
{
    (void)context;
    (void)offset;
    (void)size;
    return 0;
}

static void stir_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct nvic *nvic = context;

    (void)offset;
    (void)size;
    if (value < EXCEPTION_COUNT - EXCEPTION_IRQ0) {
        nvic_set_pending(nvic, EXCEPTION_IRQ0 + value, true);
    }
}

void nvic_add_devices(struct nvic *nvic)
{
    const struct device devices[] = {
        {.name = "SCnSCB",
         .base = 0xE000E000,
         .size = 0x10,
         .registers = scs_info,
         .read = scs_read,
         .write = scs_write},
        {.name = "NVIC",
         .base = 0xE000E100,
         .size = 0x400,
         .registers = nvic_info,
         .read = nvic_read,
         .write = nvic_write},
        {.name = "SCB",
         .base = 0xE000ED00,
         .size = 0x90,
         .registers = scb_info,
         .read = scb_read,
         .write = scb_write},
        {.name = "NVIC_STIR",
         .base = 0xE000EF00,
         .size = 0x4,
         .registers = stir_info,
         .read = stir_read,
         .write = stir_write},
    };

    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        struct device device = devices[i];

        device.context = nvic;
        machine_add_device(nvic->machine, &device);
    }
}

bool nvic_fpu_enabled(const struct nvic *nvic)
{
    return (nvic->cpacr & UINT32_C(0x00F00000)) != 0;
}

void nvic_set_vector_table(struct nvic *nvic, uint32_t address)
{
    nvic->vtor = address;
}

void nvic_on_ccr(struct nvic *nvic, void (*changed)(void *context, uint32_t before, uint32_t now),
                 void *context)
{
    nvic->ccr_changed = changed;
    nvic->ccr_context = context;
}

void nvic_on_cpacr(struct nvic *nvic, void (*changed)(void *context), void *context)
{
    nvic->cpacr_changed = changed;
    nvic->cpacr_context = context;
}
