// The Cortex-M7's memory protection unit: its registers, and what they say about an address.
//
// Written from the ARMv7-M Architecture Reference Manual (DDI 0403), B3.5 and the default memory
// map B3.1. Instruction fetches are checked block by block; data accesses are not checked.
//
// SPDX-License-Identifier: MIT
#include "sim/mpu.h"

#include "sim/machine_build.h"

#include <inttypes.h>
#include <stdlib.h>

#define REGIONS           16u
#define CTRL_ENABLE       UINT32_C(1)
#define CTRL_PRIVDEFENA   UINT32_C(4)
#define RASR_ENABLE       UINT32_C(1)
#define RASR_XN           (UINT32_C(1) << 28)
#define RBAR_VALID        UINT32_C(0x10)
#define RBAR_ADDRESS_MASK UINT32_C(0xFFFFFFE0)

enum { MPU_TYPE = 0x00, MPU_CTRL = 0x04, MPU_RNR = 0x08, MPU_RBAR = 0x0C, MPU_RASR = 0x10 };
#define MPU_ALIASES_END 0x2Cu

struct mpu {
    struct machine *machine;
    uint32_t control;
    uint32_t number;
    uint32_t rbar[REGIONS];
    uint32_t rasr[REGIONS];
    void (*changed)(void *context);
    void *changed_context;
};

// clang-format off
static const struct register_info registers[] = {
    {"TYPE", MPU_TYPE, REGIONS << 8, 0x00FFFF01, 0, ACCESS_WORD, 1, 0},
    {"CTRL", MPU_CTRL, 0, 0x7, 0x7, ACCESS_WORD, 1, 0},
    {"RNR", MPU_RNR, 0, 0xFF, 0xFF, ACCESS_WORD, 1, 0},
    {"RBAR", MPU_RBAR, 0, UINT32_MAX, UINT32_MAX, ACCESS_WORD, 4, 8},
    {"RASR", MPU_RASR, 0, 0x173FFF3F, 0x173FFF3F, ACCESS_WORD, 4, 8},
    {0},
};
// clang-format on

static unsigned size_bits(uint32_t rasr)
{
    return (rasr >> 1 & 31) + 1;
}

static uint32_t region_mask(uint32_t rasr)
{
    return size_bits(rasr) >= 32 ? 0 : UINT32_MAX << size_bits(rasr);
}

static void check_region(struct mpu *mpu, unsigned number)
{
    uint32_t rasr = mpu->rasr[number];
    uint32_t base = mpu->rbar[number] & RBAR_ADDRESS_MASK;

    if ((rasr & RASR_ENABLE) == 0) {
        return;
    }
    if (size_bits(rasr) < 5) {
        machine_violation(mpu->machine, "MPU",
                          "region %u enabled with SIZE %" PRIu32 ", below 4 (32 bytes)", number,
                          rasr >> 1 & 31);
    } else if ((base & ~region_mask(rasr)) != 0) {
        machine_violation(mpu->machine, "MPU",
                          "region %u enabled at 0x%08" PRIX32
                          ", not a multiple of its size of 2^%u bytes",
                          number, base, size_bits(rasr));
    }
    if (size_bits(rasr) < 8 && (rasr >> 8 & 0xFF) != 0) {
        machine_violation(mpu->machine, "MPU",
                          "region %u has disabled subregions but is smaller than 256 bytes",
                          number);
    }
}

static void tell(struct mpu *mpu)
{
    if (mpu->changed != NULL) {
        mpu->changed(mpu->changed_context);
    }
}

static uint32_t mpu_read(void *context, uint32_t offset, unsigned size)
{
    const struct mpu *mpu = context;

    (void)size;
    switch (offset) {
    case MPU_TYPE:
        return REGIONS << 8;
    case MPU_CTRL:
        return mpu->control;
    case MPU_RNR:
        return mpu->number;
    default: // RBAR and RASR repeat every 8 bytes
        return (offset & 4) != 0 ? (mpu->rbar[mpu->number] & RBAR_ADDRESS_MASK) | mpu->number
                                 : mpu->rasr[mpu->number];
    }
}

static void write_rbar(struct mpu *mpu, uint32_t value)
{
    if ((value & RBAR_VALID) != 0) {
        mpu->number = value & 15;
    }
    mpu->rbar[mpu->number] = value & RBAR_ADDRESS_MASK;
    // Software may write RBAR of an enabled region before its new RASR; RASR's write checks.
}

static void mpu_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct mpu *mpu = context;

    (void)size;
    if (offset == MPU_CTRL) {
        mpu->control = value;
        for (unsigned i = 0; i < REGIONS && (value & CTRL_ENABLE) != 0; i++) {
            check_region(mpu, i);
        }
        if ((value & 3) == 2) {
            machine_violation(mpu->machine, "MPU", "CTRL.HFNMIENA set without ENABLE");
        }
    } else if (offset == MPU_RNR) {
        if (value >= REGIONS) {
            machine_violation(mpu->machine, "MPU",
                              "RNR written with %" PRIu32 ", there are %u "
                              "regions",
                              value, REGIONS);
            return;
        }
        mpu->number = value;
        return;
    } else if ((offset & 4) != 0) {
        write_rbar(mpu, value);
    } else {
        mpu->rasr[mpu->number] = value;
        check_region(mpu, mpu->number);
    }
    tell(mpu);
}

// --- What holds for an address ------------------------------------------------------------------

static void default_map(uint32_t address, struct mpu_attributes *attributes)
{
    // In steps of 512 MB: code, SRAM, peripheral, RAM, RAM, device, device, system.
    static const bool executable[8] = {true, true, false, true, true, false, false, false};
    unsigned part = address >> 29;

    attributes->no_access = false;
    attributes->thread_access = true;
    attributes->execute_never = !executable[part];
    attributes->cacheable = executable[part];
    attributes->ordered = !executable[part];
}

static bool region_holds(const struct mpu *mpu, unsigned number, uint32_t address)
{
    uint32_t rasr = mpu->rasr[number];
    unsigned bits = size_bits(rasr);

    if ((rasr & RASR_ENABLE) == 0 || ((address ^ mpu->rbar[number]) & region_mask(rasr)) != 0) {
        return false;
    }
    return bits < 8 || (rasr >> (8 + (address >> (bits - 3) & 7)) & 1) == 0;
}

static void region_attributes(uint32_t rasr, struct mpu_attributes *attributes)
{
    uint32_t access = rasr >> 24 & 7;
    uint32_t tex = rasr >> 19 & 7;
    bool c = (rasr >> 17 & 1) != 0;
    bool b = (rasr >> 16 & 1) != 0;

    attributes->no_access = access == 0;
    attributes->thread_access = access == 2 || access == 3 || access >= 6;
    attributes->execute_never = (rasr & RASR_XN) != 0;
    attributes->ordered = (tex == 0 && !c) || (tex == 2 && !c && !b);
    attributes->cacheable = !attributes->ordered && !(tex == 1 && !c && !b) && tex != 4;
}

void mpu_lookup(const struct mpu *mpu, uint32_t address, struct mpu_attributes *attributes)
{
    default_map(address, attributes);
    if ((mpu->control & CTRL_ENABLE) == 0 || address >> 20 == 0xE00) {
        return;
    }
    for (unsigned i = REGIONS; i-- > 0;) {
        if (region_holds(mpu, i, address)) {
            region_attributes(mpu->rasr[i], attributes);
            attributes->execute_never |= address >= UINT32_C(0xE0000000);
            return;
        }
    }
    attributes->thread_access = false;
    attributes->no_access = (mpu->control & CTRL_PRIVDEFENA) == 0;
}

void mpu_on_change(struct mpu *mpu, void (*changed)(void *context), void *context)
{
    mpu->changed = changed;
    mpu->changed_context = context;
}

void mpu_reset(struct mpu *mpu)
{
    mpu->control = 0;
    mpu->number = 0;
    for (unsigned i = 0; i < REGIONS; i++) {
        mpu->rbar[i] = 0;
        mpu->rasr[i] = 0;
    }
    tell(mpu);
}

struct mpu *mpu_create(struct machine *machine)
{
    struct mpu *mpu = calloc(1, sizeof(*mpu));
    struct device device = {.name = "MPU",
                            .base = 0xE000ED90,
                            .size = MPU_ALIASES_END,
                            .registers = registers,
                            .context = mpu,
                            .read = mpu_read,
                            .write = mpu_write};

    if (mpu == NULL) {
        abort();
    }
    mpu->machine = machine;
    machine_add_device(machine, &device);
    return mpu;
}

void mpu_destroy(struct mpu *mpu)
{
    free(mpu);
}
