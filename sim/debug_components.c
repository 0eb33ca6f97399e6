// What debuggers find by following ROM tables: identification of the core's units, and the trace
// components of the STM32H750, which hold what is written to them and do nothing.
//
// Written from the ARM Debug Interface Architecture Specification (IHI 0031), part D (component and
// peripheral ids), and RM0433's list of debug components.
//
// SPDX-License-Identifier: MIT
#include "sim/debug_parts.h"

#include <stdlib.h>

#define COMPONENT_SIZE 0x1000u
#define WORDS          (COMPONENT_SIZE / 4)
#define IDS_OFFSET     0xFC0u
#define ENTRIES_MAX    5u
#define CORE_TABLES    0xE00FE000u

enum component_class { CLASS_ROM = 0x1, CLASS_DEBUG = 0x9, CLASS_GENERIC = 0xE };

struct component {
    uint32_t base;
    uint32_t alias; // on the system bus, 0: none
    uint16_t part;
    bool by_st;    // else by Arm
    bool only_ids; // the registers are another model's
    enum component_class kind;
    uint32_t entries[ENTRIES_MAX]; // of a ROM table
};

static const struct component components_there_are[] = {
    {.base = 0xE00FE000,
     .part = 0x450,
     .by_st = true,
     .kind = CLASS_ROM,
     .entries = {0x00001003, 0xFFF43003, 0xFFF45003}},
    {.base = 0xE00FF000,
     .part = 0x4C7,
     .kind = CLASS_ROM,
     .entries = {0xFFF0F003, 0xFFF02003, 0xFFF03003, 0xFFF01003}},
    {.base = 0xE000E000, .part = 0x00C, .only_ids = true, .kind = CLASS_GENERIC},
    {.base = 0xE0001000, .part = 0x002, .only_ids = true, .kind = CLASS_GENERIC},
    {.base = 0xE0002000, .part = 0x00E, .only_ids = true, .kind = CLASS_GENERIC},
    {.base = 0xE0000000, .part = 0x001, .only_ids = true, .kind = CLASS_GENERIC},
    {.base = 0xE0041000, .part = 0x975, .kind = CLASS_DEBUG},
    {.base = 0xE0043000, .part = 0x906, .kind = CLASS_DEBUG},
    // The system debug bus.
    {.base = 0xE00E0000, .part = 0x450, .by_st = true, .kind = CLASS_ROM, .entries = {0x00010003}},
    {.base = 0xE00F0000,
     .part = 0x001,
     .by_st = true,
     .kind = CLASS_ROM,
     .entries = {0x00001003, 0x00003003, 0x00004003, 0x00005003}},
    {.base = 0xE00F1000, .part = 0x906, .kind = CLASS_DEBUG},
    {.base = 0xE00F3000, .part = 0x908, .kind = CLASS_DEBUG},
    {.base = 0xE00F4000, .part = 0x961, .kind = CLASS_DEBUG},
    {.base = 0xE00F5000, .part = 0x912, .kind = CLASS_DEBUG},
    {.base = 0xE00E3000, .alias = 0x5C003000, .part = 0x914, .kind = CLASS_DEBUG}, // SWO
    {.base = 0xE00E4000, .alias = 0x5C004000, .part = 0x908, .kind = CLASS_DEBUG}, // its funnel
};
#define COMPONENT_COUNT (sizeof(components_there_are) / sizeof(components_there_are[0]))

struct debug_components {
    uint32_t words[COMPONENT_COUNT][WORDS];
};

static const struct component *find(uint32_t address, unsigned *index)
{
    for (unsigned i = 0; i < COMPONENT_COUNT; i++) {
        const struct component *component = &components_there_are[i];
        uint32_t page = address & ~(COMPONENT_SIZE - 1);

        if (page == component->base || (component->alias != 0 && page == component->alias)) {
            *index = i;
            return component->only_ids && address % COMPONENT_SIZE < IDS_OFFSET ? NULL : component;
        }
    }
    return NULL;
}

// MEMTYPE, PIDR4-7, PIDR0-3, CIDR0-3.
static uint32_t id_word(const struct component *component, uint32_t offset)
{
    uint32_t part = component->part;

    switch (offset) {
    case 0xFCC: // MEMTYPE of a ROM table: the core's bus has memory as well
        return component->kind == CLASS_ROM && component->base >= CORE_TABLES;
    case 0xFD0:
        return component->by_st ? 0x00 : 0x04;
    case 0xFE0:
        return part & 0xFF;
    case 0xFE4:
        return part >> 8 | (component->by_st ? 0x00 : 0xB0);
    case 0xFE8:
        return component->by_st ? 0x0A : 0x0B;
    case 0xFF0:
        return 0x0D;
    case 0xFF4:
        return (uint32_t)component->kind << 4;
    case 0xFF8:
        return 0x05;
    case 0xFFC:
        return 0xB1;
    default:
        return 0;
    }
}

bool debug_component_read(const struct debug_components *components, uint32_t address,
                          unsigned size, uint32_t *value)
{
    unsigned index;
    const struct component *component = find(address, &index);
    uint32_t offset = address % COMPONENT_SIZE & ~UINT32_C(3);
    uint32_t word;

    if (component == NULL) {
        return false;
    }
    if (offset >= IDS_OFFSET) {
        word = id_word(component, offset);
    } else if (component->kind == CLASS_ROM) {
        word = offset < ENTRIES_MAX * 4 ? component->entries[offset / 4] : 0;
    } else {
        word = components->words[index][offset / 4];
    }
    word >>= 8 * (address & 3);
    *value = size == 4 ? word : word & ((UINT32_C(1) << (8 * size)) - 1);
    return true;
}

bool debug_component_write(struct debug_components *components, uint32_t address, unsigned size,
                           uint32_t value)
{
    unsigned index;
    const struct component *component = find(address, &index);

    if (component == NULL) {
        return false;
    }
    if (size == 4 && component->kind == CLASS_DEBUG && address % COMPONENT_SIZE < IDS_OFFSET) {
        components->words[index][address % COMPONENT_SIZE / 4] = value;
    }
    return true;
}

struct debug_components *debug_components_create(void)
{
    struct debug_components *components = calloc(1, sizeof(*components));

    if (components == NULL) {
        abort();
    }
    return components;
}

void debug_components_destroy(struct debug_components *components)
{
    free(components);
}
