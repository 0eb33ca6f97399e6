// The inside of the RCC model, shared by the files h750_rcc*.c only.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_RCC_PARTS_H
#define SIM_H750_RCC_PARTS_H

#include "sim/h750_rcc.h"
#include "sim/machine.h"

#define RCC_SIZE          0x400u
#define RCC_WORDS         0x60u // registers up to 0x17C
#define RCC_LISTENERS_MAX 64u

enum rcc_offset {
    RCC_CR = 0x00,
    RCC_HSICFGR = 0x04,
    RCC_CFGR = 0x10,
    RCC_D1CFGR = 0x18,
    RCC_D2CFGR = 0x1C,
    RCC_D3CFGR = 0x20,
    RCC_PLLCKSELR = 0x28,
    RCC_PLLCFGR = 0x2C,
    RCC_PLL1DIVR = 0x30, // PLL2DIVR and PLL3DIVR follow 8 bytes apart
    RCC_PLL3DIVR = 0x40,
    RCC_PLL1FRACR = 0x34,
    RCC_PLL3FRACR = 0x44,
    RCC_D1CCIPR = 0x4C,
    RCC_D2CCIP2R = 0x54,
    RCC_D3CCIPR = 0x58,
    RCC_CIER = 0x60,
    RCC_CIFR = 0x64,
    RCC_CICR = 0x68,
    RCC_BDCR = 0x70,
    RCC_CSR = 0x74,
    RCC_AHB3RSTR = 0x7C,
    RCC_APB4RSTR = 0x9C,
    RCC_GCR = 0xA0,
    RCC_RSR = 0xD0,
    RCC_AHB3ENR = 0xD4,
    RCC_APB4ENR = 0xF4,
    RCC_C1_FIRST = 0x130, // C1_RSR; the copies lie 0x60 behind the originals
    RCC_C1_LAST = 0x17C,
    RCC_C1_DISTANCE = 0x60,
    RCC_ENR_TO_RSTR = 0x58, // distance of a clock enable register behind its reset register
};

enum rcc_oscillator_name {
    OSCILLATOR_HSI,
    OSCILLATOR_CSI,
    OSCILLATOR_HSI48,
    OSCILLATOR_HSE,
    OSCILLATOR_PLL1,
    OSCILLATOR_PLL2,
    OSCILLATOR_PLL3,
    OSCILLATOR_LSE,
    OSCILLATOR_LSI,
    OSCILLATOR_COUNT
};

struct rcc_oscillator {
    struct rcc *rcc;
    enum rcc_oscillator_name name;
    struct event started;
    bool on;
    bool ready;
};

struct rcc_listener {
    void (*call)(void *context);
    void *context;
};

struct rcc {
    struct machine *machine;
    uint32_t hse_hz;
    uint32_t lse_hz;
    uint32_t registers[RCC_WORDS];
    struct rcc_oscillator oscillators[OSCILLATOR_COUNT];
    uint32_t pll_fraction[3]; // FRACN as latched by PLLxFRACEN
    unsigned system_source;   // CFGR.SWS
    uint32_t reset_flags;     // RSR
    bool lsi_requested;
    unsigned voltage_scale;
    unsigned flash_latency;
    bool backup_writable;
    uint64_t hz[RCC_CLOCK_COUNT];
    struct rcc_listener listeners[RCC_LISTENERS_MAX];
    unsigned listener_count;
    struct rcc_listener backup_listeners[4];
    unsigned backup_listener_count;
};

extern const struct register_info rcc_registers[];

static inline uint32_t rcc_register(const struct rcc *rcc, uint32_t offset)
{
    return rcc->registers[offset / 4];
}

static inline uint32_t rcc_field(const struct rcc *rcc, uint32_t offset, unsigned bit,
                                 unsigned width)
{
    return (rcc_register(rcc, offset) >> bit) & ((UINT32_C(1) << width) - 1);
}

// h750_rcc_tree.c
uint64_t rcc_source_hz(const struct rcc *rcc, enum rcc_oscillator_name name); // 0: not running
uint64_t rcc_pll_input_hz(const struct rcc *rcc, unsigned pll);               // after DIVMx; 0..2
uint64_t rcc_pll_vco_hz(const struct rcc *rcc, unsigned pll);
bool rcc_pll_source(const struct rcc *rcc, enum rcc_oscillator_name *name);
enum rcc_oscillator_name rcc_system_oscillator(unsigned system_source);
void rcc_tree_compute(const struct rcc *rcc, uint64_t hz[RCC_CLOCK_COUNT]);

// h750_rcc_limits.c
void rcc_check_limits(struct rcc *rcc);
void rcc_check_pll(struct rcc *rcc, unsigned pll);

#endif
