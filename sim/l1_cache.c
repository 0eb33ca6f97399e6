// The Cortex-M7's level 1 caches as far as a program can do wrong with them: what instruction
// fetches and data reads from the XIP window cost, and stale content that was not invalidated.
//
// Written from the Cortex-M7 Technical Reference Manual (DDI 0489) and the ARMv7-M Architecture
// Reference Manual (DDI 0403), B3.2 (cache maintenance). STM32H750: 16 KB instruction cache, two
// ways; 16 KB data cache, four ways; lines of 32 bytes.
//
// The instruction cache has tags, so stale code is found at the very fetch. For stale data the
// data cache is taken to hold every line of the window that it could have read: once code runs from
// the window, data reads are not watched, and cost nothing. Before, its tags tell what they cost.
// While the core works on a line the controller reads on: a line that follows is waited for only as
// long as it is not there.
//
// SPDX-License-Identifier: MIT
#include "sim/l1_cache.h"

#include "sim/machine_build.h"
#include "sim/mpu.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SHIFT 5u
#define I_SETS     256u
#define I_WAYS     2u
#define D_SETS     128u
#define D_WAYS     4u
#define NO_LINE    UINT32_MAX
#define CCR_DC     (UINT32_C(1) << 16)
#define CCR_IC     (UINT32_C(1) << 17)

struct tag {
    uint32_t line; // address >> LINE_SHIFT
    bool stale;
};

struct l1_cache {
    struct machine *machine;
    const struct mpu *mpu;
    bool i_on;
    bool d_on;
    bool i_clean; // invalidated since reset
    bool d_clean;
    struct tag tags[I_SETS][I_WAYS];
    uint8_t newest[I_SETS];
    uint32_t last_line; // fetched from the chip
    uint64_t last_end;  // cycle at which it was there
    uint32_t d_tags[D_SETS][D_WAYS];
    uint8_t d_next[D_SETS]; // way to be replaced
    uint64_t first_cycles;
    uint64_t next_cycles;
    uint64_t line_fetches;

    bool d_may_hold;  // the data cache was on while the window could be read
    uint32_t d_base;  // of the window
    uint32_t d_lines; // of the window
    uint32_t d_stale_count;
    uint8_t *d_stale; // a flag for each line
    bool d_swept[D_SETS][D_WAYS];
    unsigned d_swept_count;
};

enum {
    CACHE_ICIALLU = 0x00,
    CACHE_ICIMVAU = 0x08,
    CACHE_DCIMVAC = 0x0C,
    CACHE_DCISW = 0x10,
    CACHE_DCCMVAU = 0x14,
    CACHE_DCCMVAC = 0x18,
    CACHE_DCCSW = 0x1C,
    CACHE_DCCIMVAC = 0x20,
    CACHE_DCCISW = 0x24,
    CACHE_BPIALL = 0x28,
    CACHE_ITCMCR = 0x40,
    CACHE_DTCMCR = 0x44,
    CACHE_AHBPCR = 0x48,
    CACHE_CACR = 0x4C,
    CACHE_AHBSCR = 0x50,
    CACHE_ABFSR = 0x58,
};

#define ALL UINT32_MAX
// clang-format off
static const struct register_info registers[] = {
    {"ICIALLU", CACHE_ICIALLU, 0, 0, ALL, ACCESS_WORD, 1, 0},
    {"ICIMVAU", CACHE_ICIMVAU, 0, 0, ALL, ACCESS_WORD, 1, 0},
    {"DCIMVAC", CACHE_DCIMVAC, 0, 0, ALL, ACCESS_WORD, 1, 0},
    {"DCISW", CACHE_DCISW, 0, 0, ALL, ACCESS_WORD, 1, 0},
    {"DCCMVAU", CACHE_DCCMVAU, 0, 0, ALL, ACCESS_WORD, 1, 0},
    {"DCCMVAC", CACHE_DCCMVAC, 0, 0, ALL, ACCESS_WORD, 1, 0},
    {"DCCSW", CACHE_DCCSW, 0, 0, ALL, ACCESS_WORD, 1, 0},
    {"DCCIMVAC", CACHE_DCCIMVAC, 0, 0, ALL, ACCESS_WORD, 1, 0},
    {"DCCISW", CACHE_DCCISW, 0, 0, ALL, ACCESS_WORD, 1, 0},
    {"BPIALL", CACHE_BPIALL, 0, 0, ALL, ACCESS_WORD, 1, 0},
    {"ITCMCR", CACHE_ITCMCR, 0x00000039, 0x0000007F, 0x00000007, ACCESS_WORD, 1, 0},
    {"DTCMCR", CACHE_DTCMCR, 0x00000041, 0x0000007F, 0x00000007, ACCESS_WORD, 1, 0},
    {"AHBPCR", CACHE_AHBPCR, 0x00000003, 0x0000000F, 0x00000001, ACCESS_WORD, 1, 0},
    {"CACR", CACHE_CACR, 0, 0x00000007, 0x00000007, ACCESS_WORD, 1, 0},
    {"AHBSCR", CACHE_AHBSCR, 0x00000800, 0x0000FFFF, 0x0000FFFF, ACCESS_WORD, 1, 0},
    {"ABFSR", CACHE_ABFSR, 0, 0x0000031F, 0x0000031F, ACCESS_WORD, 1, 0},
    {0},
};
// clang-format on

// --- Instruction cache --------------------------------------------------------------------------

static void i_invalidate_all(struct l1_cache *cache)
{
    for (unsigned set = 0; set < I_SETS; set++) {
        for (unsigned way = 0; way < I_WAYS; way++) {
            cache->tags[set][way].line = NO_LINE;
        }
    }
    cache->i_clean = true;
}

static void i_invalidate_line(struct l1_cache *cache, uint32_t line)
{
    for (unsigned way = 0; way < I_WAYS; way++) {
        if (cache->tags[line % I_SETS][way].line == line) {
            cache->tags[line % I_SETS][way].line = NO_LINE;
        }
    }
}

static bool i_hit(struct l1_cache *cache, uint32_t line)
{
    struct tag *set = cache->tags[line % I_SETS];

    for (unsigned way = 0; way < I_WAYS; way++) {
        if (set[way].line == line) {
            cache->newest[line % I_SETS] = (uint8_t)way;
            if (set[way].stale) {
                set[way].stale = false;
                machine_violation(cache->machine, "I-cache",
                                  "code at 0x%08" PRIX32 " runs from a cache line that is older "
                                  "than the chip's content: ICIALLU is missing",
                                  line << LINE_SHIFT);
            }
            return true;
        }
    }
    return false;
}

static void i_fill(struct l1_cache *cache, uint32_t line)
{
    struct mpu_attributes attributes;
    unsigned way = cache->newest[line % I_SETS] ^ 1u;

    mpu_lookup(cache->mpu, line << LINE_SHIFT, &attributes);
    if (attributes.cacheable) {
        cache->tags[line % I_SETS][way] = (struct tag){.line = line};
        cache->newest[line % I_SETS] = (uint8_t)way;
    }
}

uint64_t l1_cache_fetch(struct l1_cache *cache, uint32_t address, uint32_t size)
{
    uint32_t last = (address + size - 1) >> LINE_SHIFT;
    uint64_t cycles = 0;

    for (uint32_t line = address >> LINE_SHIFT; line <= last; line++) {
        if (cache->i_on) {
            if (i_hit(cache, line)) {
                continue;
            }
            i_fill(cache, line);
        }
        cycles += line - cache->last_line <= 1 ? cache->next_cycles : cache->first_cycles;
        cache->last_line = line;
        cache->line_fetches++;
    }
    return cycles;
}

void l1_cache_timing(struct l1_cache *cache, const struct memory_region *window)
{
    cache->first_cycles = machine_ns_to_cycles(cache->machine, window->first_line_ns);
    cache->next_cycles = machine_ns_to_cycles(cache->machine, window->next_line_ns);
}

// --- Data cache ---------------------------------------------------------------------------------

static void d_empty(struct l1_cache *cache)
{
    for (unsigned set = 0; set < D_SETS; set++) {
        for (unsigned way = 0; way < D_WAYS; way++) {
            cache->d_tags[set][way] = NO_LINE;
        }
    }
}

static void d_forget_stale(struct l1_cache *cache)
{
    if (cache->d_stale_count != 0) {
        memset(cache->d_stale, 0, cache->d_lines);
        cache->d_stale_count = 0;
    }
}

static void d_invalidate_line(struct l1_cache *cache, uint32_t address)
{
    uint32_t line = (address - cache->d_base) >> LINE_SHIFT;
    uint32_t *set = cache->d_tags[(address >> LINE_SHIFT) % D_SETS];

    for (unsigned way = 0; way < D_WAYS; way++) {
        set[way] = set[way] == address >> LINE_SHIFT ? NO_LINE : set[way];
    }
    if (cache->d_stale != NULL && line < cache->d_lines && cache->d_stale[line] != 0) {
        cache->d_stale[line] = 0;
        cache->d_stale_count--;
    }
}

// Each set and way once: the whole cache is invalid.
static void d_invalidate_set_way(struct l1_cache *cache, uint32_t operand)
{
    uint32_t set = operand >> LINE_SHIFT & (D_SETS - 1);
    uint32_t way = operand >> 30;

    if (!cache->d_swept[set][way]) {
        cache->d_swept[set][way] = true;
        cache->d_swept_count++;
    }
    if (cache->d_swept_count == D_SETS * D_WAYS) {
        memset(cache->d_swept, 0, sizeof(cache->d_swept));
        cache->d_swept_count = 0;
        cache->d_clean = true;
        cache->d_may_hold = false;
        d_forget_stale(cache);
        d_empty(cache);
    }
}

// Returns whether the line was there; it is now, if it may be.
static bool d_hit(struct l1_cache *cache, uint32_t line)
{
    unsigned set = line % D_SETS;
    struct mpu_attributes attributes;

    for (unsigned way = 0; way < D_WAYS; way++) {
        if (cache->d_tags[set][way] == line) {
            return true;
        }
    }
    mpu_lookup(cache->mpu, line << LINE_SHIFT, &attributes);
    if (attributes.cacheable) {
        cache->d_tags[set][cache->d_next[set]] = line;
        cache->d_next[set] = (uint8_t)((cache->d_next[set] + 1) % D_WAYS);
    }
    return false;
}

uint64_t l1_cache_read(struct l1_cache *cache, uint32_t address, unsigned size)
{
    uint32_t last = (address + size - 1) >> LINE_SHIFT;
    uint64_t now = machine_cycles(cache->machine);
    uint64_t end = now;

    for (uint32_t line = address >> LINE_SHIFT; line <= last; line++) {
        uint64_t ready = cache->last_end + cache->next_cycles;

        if ((cache->d_on && d_hit(cache, line)) || line == cache->last_line) {
            continue;
        }
        if (line - cache->last_line != 1) {
            ready = end + cache->first_cycles;
        }
        end = end > ready ? end : ready;
        cache->last_line = line;
        cache->last_end = end;
    }
    return end - now;
}

static void d_window(struct l1_cache *cache, const struct memory_region *window)
{
    if (cache->d_stale == NULL) {
        cache->d_base = window->base;
        cache->d_lines = window->size >> LINE_SHIFT;
        cache->d_stale = calloc(cache->d_lines, 1);
        if (cache->d_stale == NULL) {
            abort();
        }
    }
}

static void d_check(struct l1_cache *cache)
{
    uint32_t line = 0;

    if (!cache->d_on || cache->d_stale_count == 0) {
        return;
    }
    while (cache->d_stale[line] == 0) {
        line++;
    }
    machine_violation(cache->machine, "D-cache",
                      "the window is read while lines from 0x%08" PRIX32 " on may be older than "
                      "the chip's content: it changed and the data cache was not invalidated",
                      cache->d_base + (line << LINE_SHIFT));
    d_forget_stale(cache);
}

static void d_note_readable(struct l1_cache *cache, const struct memory_region *window)
{
    struct mpu_attributes attributes;

    mpu_lookup(cache->mpu, window->base, &attributes);
    if (cache->d_on && window->shown && attributes.cacheable && !attributes.no_access) {
        cache->d_may_hold = true;
    }
}

// --- Events -------------------------------------------------------------------------------------

void l1_cache_window_opened(struct l1_cache *cache, const struct memory_region *window)
{
    d_window(cache, window);
    d_check(cache);
    d_note_readable(cache, window);
}

void l1_cache_memory_changed(struct l1_cache *cache, const struct memory_region *window,
                             uint32_t base, uint32_t size)
{
    uint32_t first = base >> LINE_SHIFT;
    uint32_t lines = ((base + size - 1) >> LINE_SHIFT) - first + 1;

    for (unsigned set = 0; set < I_SETS; set++) {
        for (unsigned way = 0; way < I_WAYS; way++) {
            struct tag *tag = &cache->tags[set][way];

            tag->stale |= tag->line != NO_LINE && tag->line - first < lines;
        }
    }
    if (!cache->d_may_hold) {
        return;
    }
    d_window(cache, window);
    for (uint32_t i = 0; i < lines; i++) {
        uint32_t line = first - (cache->d_base >> LINE_SHIFT) + i;

        if (line < cache->d_lines && cache->d_stale[line] == 0) {
            cache->d_stale[line] = 1;
            cache->d_stale_count++;
        }
    }
}

void l1_cache_control(struct l1_cache *cache, uint32_t before, uint32_t now)
{
    const struct memory_region *window = machine_region_at(cache->machine, UINT32_C(0x90000000));
    uint32_t rising = now & ~before;

    cache->i_on = (now & CCR_IC) != 0;
    cache->d_on = (now & CCR_DC) != 0;
    if ((rising & CCR_IC) != 0 && !cache->i_clean) {
        machine_violation(cache->machine, "I-cache",
                          "enabled without having been invalidated (ICIALLU) since reset");
        i_invalidate_all(cache);
    }
    if ((rising & CCR_DC) != 0 && !cache->d_clean) {
        machine_violation(cache->machine, "D-cache",
                          "enabled without having been invalidated (DCISW for each set and way) "
                          "since reset");
        cache->d_clean = true;
    }
    if ((rising & CCR_DC) != 0 && window != NULL && window->shown) {
        d_check(cache);
        d_note_readable(cache, window);
    }
}

static uint32_t cache_read(void *context, uint32_t offset, unsigned size)
{
    (void)context;
    (void)size;
    for (const struct register_info *info = registers; info->name != NULL; info++) {
        if (info->offset == offset) {
            return info->reset;
        }
    }
    return 0;
}

static void cache_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct l1_cache *cache = context;

    (void)size;
    switch (offset) {
    case CACHE_ICIALLU:
        i_invalidate_all(cache);
        break;
    case CACHE_ICIMVAU:
        i_invalidate_line(cache, value >> LINE_SHIFT);
        break;
    case CACHE_DCIMVAC:
    case CACHE_DCCIMVAC:
        d_invalidate_line(cache, value);
        break;
    case CACHE_DCISW:
    case CACHE_DCCISW:
        d_invalidate_set_way(cache, value);
        break;
    default: // cleaning does not help against stale lines; TCM and bus control have no effect here
        break;
    }
}

const uint64_t *l1_cache_line_fetches(const struct l1_cache *cache)
{
    return &cache->line_fetches;
}

// A reset switches the caches off; their content is then undefined until invalidated.
void l1_cache_reset(struct l1_cache *cache)
{
    cache->i_on = false;
    cache->d_on = false;
    i_invalidate_all(cache);
    cache->i_clean = false;
    cache->d_clean = false;
    cache->d_may_hold = false;
    cache->d_swept_count = 0;
    memset(cache->d_swept, 0, sizeof(cache->d_swept));
    d_forget_stale(cache);
    d_empty(cache);
    cache->last_line = NO_LINE - 1;
}

struct l1_cache *l1_cache_create(struct machine *machine, const struct mpu *mpu)
{
    struct l1_cache *cache = calloc(1, sizeof(*cache));
    struct device device = {.name = "CACHE",
                            .base = 0xE000EF50,
                            .size = 0x60,
                            .registers = registers,
                            .context = cache,
                            .read = cache_read,
                            .write = cache_write};

    if (cache == NULL) {
        abort();
    }
    cache->machine = machine;
    cache->mpu = mpu;
    machine_add_device(machine, &device);
    l1_cache_reset(cache);
    return cache;
}

void l1_cache_destroy(struct l1_cache *cache)
{
    free(cache->d_stale);
    free(cache);
}
