// Limits of the STM32H750's clocks: PLL ranges, the highest clocks at each voltage scale, flash
// wait states.
//
// From RM0433 (tables restated by stm32h7xx-hal) and ChibiOS' thresholds for revision V.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_rcc_parts.h"

#include <inttypes.h>

#define MHZ      UINT64_C(1000000)
#define RESET_HZ (64 * MHZ)

struct voltage_limits {
    uint64_t cpu_hz;
    uint64_t hclk_hz;
    uint64_t pclk_hz;
};
static const struct voltage_limits voltage_limits[] = {
    {480 * MHZ, 240 * MHZ, 120 * MHZ},
    {400 * MHZ, 200 * MHZ, 100 * MHZ},
    {300 * MHZ, 150 * MHZ, 75 * MHZ},
    {200 * MHZ, 100 * MHZ, 50 * MHZ},
};

// Up to `mhz` of AXI clock: LATENCY and WRHIGHFREQ at least.
struct flash_step {
    uint16_t mhz;
    uint8_t latency;
    uint8_t high_frequency;
};
static const struct flash_step flash_steps[4][7] = {
    {{70, 0, 0}, {140, 1, 1}, {185, 2, 1}, {210, 2, 2}, {225, 3, 2}, {240, 4, 2}},
    {{70, 0, 0}, {140, 1, 1}, {185, 2, 1}, {210, 2, 2}, {225, 3, 2}},
    {{55, 0, 0}, {110, 1, 1}, {165, 2, 1}, {225, 3, 2}},
    {{45, 0, 0}, {90, 1, 1}, {135, 2, 1}, {180, 3, 2}, {225, 4, 2}},
};

uint64_t rcc_flash_limit_hz(const struct rcc *rcc, unsigned latency, unsigned high_frequency)
{
    const struct flash_step *step = flash_steps[rcc->voltage_scale];
    uint64_t limit_hz = 0;

    for (; step->mhz != 0; step++) {
        if (step->latency <= latency && step->high_frequency <= high_frequency) {
            limit_hz = step->mhz * MHZ;
        }
    }
    return limit_hz;
}

// Whatever the tables say, HSI undivided on all buses is what every reset starts with.
static void check_maximum(struct rcc *rcc, const char *name, uint64_t hz, uint64_t limit_hz)
{
    if (hz > limit_hz && hz > RESET_HZ) {
        machine_violation(rcc->machine, "RCC",
                          "%s at %" PRIu64 " Hz is above the %" PRIu64
                          " Hz that voltage scale %u allows",
                          name, hz, limit_hz, rcc->voltage_scale);
    }
}

void rcc_check_limits(struct rcc *rcc)
{
    const struct voltage_limits *limits = &voltage_limits[rcc->voltage_scale];
    uint64_t flash_hz = rcc_flash_limit_hz(rcc, rcc->flash_latency, 3);

    check_maximum(rcc, "CPU clock", rcc->hz[RCC_CLOCK_CPU], limits->cpu_hz);
    check_maximum(rcc, "HCLK", rcc->hz[RCC_CLOCK_HCLK], limits->hclk_hz);
    check_maximum(rcc, "PCLK1", rcc->hz[RCC_CLOCK_PCLK1], limits->pclk_hz);
    check_maximum(rcc, "PCLK2", rcc->hz[RCC_CLOCK_PCLK2], limits->pclk_hz);
    check_maximum(rcc, "PCLK3", rcc->hz[RCC_CLOCK_PCLK3], limits->pclk_hz);
    check_maximum(rcc, "PCLK4", rcc->hz[RCC_CLOCK_PCLK4], limits->pclk_hz);
    if (rcc->hz[RCC_CLOCK_HCLK] > flash_hz) {
        machine_violation(rcc->machine, "FLASH",
                          "%u wait states are too few for HCLK at %" PRIu64
                          " Hz and voltage scale %u (enough up to %" PRIu64 " Hz)",
                          rcc->flash_latency, rcc->hz[RCC_CLOCK_HCLK], rcc->voltage_scale,
                          flash_hz);
    }
}

// --- PLLs ---------------------------------------------------------------------------------------

static void check_pll_input(struct rcc *rcc, unsigned pll)
{
    uint64_t input_hz = rcc_pll_input_hz(rcc, pll);
    uint32_t range = rcc_field(rcc, RCC_PLLCFGR, 2 + 4 * pll, 2);
    uint64_t lowest_hz = MHZ << range;

    if (input_hz < lowest_hz || input_hz > 2 * lowest_hz) {
        machine_violation(rcc->machine, "RCC",
                          "PLL%u input of %" PRIu64 " Hz is outside %" PRIu64 " to %" PRIu64
                          " MHz as PLL%uRGE %" PRIu32 " says",
                          pll + 1, input_hz, lowest_hz / MHZ, 2 * lowest_hz / MHZ, pll + 1, range);
    }
}

static void check_pll_vco(struct rcc *rcc, unsigned pll)
{
    bool medium = rcc_field(rcc, RCC_PLLCFGR, 1 + 4 * pll, 1) != 0;
    uint64_t lowest_hz = (medium ? 150 : 192) * MHZ;
    uint64_t highest_hz = (medium ? 420 : 960) * MHZ;
    uint64_t input_hz = rcc_pll_input_hz(rcc, pll);
    uint64_t vco_hz = rcc_pll_vco_hz(rcc, pll);

    if (vco_hz < lowest_hz || vco_hz > highest_hz) {
        machine_violation(rcc->machine, "RCC",
                          "PLL%u VCO at %" PRIu64 " Hz is outside %" PRIu64 " to %" PRIu64
                          " MHz (PLL%uVCOSEL %d)",
                          pll + 1, vco_hz, lowest_hz / MHZ, highest_hz / MHZ, pll + 1, medium);
    }
    if (medium ? input_hz > 2 * MHZ : input_hz < 2 * MHZ) {
        machine_violation(rcc->machine, "RCC",
                          "PLL%uVCOSEL %d does not fit an input of %" PRIu64 " Hz", pll + 1, medium,
                          input_hz);
    }
}

// The registers of a PLL that is being switched on.
void rcc_check_pll(struct rcc *rcc, unsigned pll)
{
    uint32_t multiplier = rcc_field(rcc, RCC_PLL1DIVR + 8 * pll, 0, 9) + 1;
    uint32_t divider_p = rcc_field(rcc, RCC_PLL1DIVR + 8 * pll, 9, 7) + 1;

    if (multiplier < 4) {
        machine_violation(rcc->machine, "RCC", "PLL%u multiplies by %" PRIu32 ", at least 4",
                          pll + 1, multiplier);
    }
    if (pll == 0 && divider_p != 1 && divider_p % 2 != 0) {
        machine_violation(rcc->machine, "RCC",
                          "PLL1 DIVP1 of %" PRIu32 ": odd dividers do not work", divider_p);
    }
    check_pll_input(rcc, pll);
    check_pll_vco(rcc, pll);
}
