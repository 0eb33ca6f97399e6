// The inside of the NVIC, shared by nvic.c (exceptions) and nvic_registers.c (NVIC, SCB registers).
//
// SPDX-License-Identifier: MIT
#ifndef SIM_NVIC_INTERNAL_H
#define SIM_NVIC_INTERNAL_H

#include "sim/nvic.h"

#define PRIORITY_BITS 0xF0u // four bits are implemented

#define CCR_NONBASETHRDENA (UINT32_C(1) << 0)
#define CCR_STKALIGN       (UINT32_C(1) << 9)
#define CCR_DC             (UINT32_C(1) << 16)
#define CCR_IC             (UINT32_C(1) << 17)
#define CCR_BP             (UINT32_C(1) << 18)

#define SHCSR_MEMFAULTENA (UINT32_C(1) << 16)
#define SHCSR_BUSFAULTENA (UINT32_C(1) << 17)
#define SHCSR_USGFAULTENA (UINT32_C(1) << 18)

#define SCR_SLEEPONEXIT (UINT32_C(1) << 1)
#define SCR_SLEEPDEEP   (UINT32_C(1) << 2)
#define SCR_SEVONPEND   (UINT32_C(1) << 4)

struct nvic {
    struct machine *machine;
    struct machine_clock *clock;
    struct cpu *cpu;
    void (*told)(void *context, const char *text, const uint32_t *pc);
    void *told_context;

    uint8_t priority[EXCEPTION_COUNT];
    uint32_t pending[EXCEPTION_WORDS];
    uint32_t enabled[EXCEPTION_WORDS]; // system exceptions are always enabled here
    uint32_t active[EXCEPTION_WORDS];
    uint32_t level[EXCEPTION_WORDS];

    unsigned best;       // pending and enabled with the highest priority, 0: none
    int active_priority; // of what runs, masks not considered; 256: nothing is active
    bool wants;
    bool event;
    bool sleep_on_exit;
    bool locked_up;
    uint64_t entries;

    uint32_t actlr;
    uint32_t vtor;
    uint32_t prigroup;
    uint32_t scr;
    uint32_t ccr;
    uint32_t shcsr_enables;
    uint32_t cfsr;
    uint32_t hfsr;
    uint32_t dfsr;
    uint32_t mmfar;
    uint32_t bfar;
    uint32_t afsr;
    uint32_t csselr;
    uint32_t cpacr;

    void (*ccr_changed)(void *context, uint32_t before, uint32_t now);
    void *ccr_context;
    void (*cpacr_changed)(void *context);
    void *cpacr_context;
    struct nvic_debugger debugger;
};

static inline bool bit_get(const uint32_t *bits, unsigned number)
{
    return (bits[number / 32] >> (number % 32) & 1) != 0;
}

static inline void bit_set(uint32_t *bits, unsigned number, bool value)
{
    uint32_t mask = UINT32_C(1) << (number % 32);

    bits[number / 32] = value ? bits[number / 32] | mask : bits[number / 32] & ~mask;
}

// After any change of pending, enabled, active or priorities.
void nvic_update(struct nvic *nvic);

#endif
