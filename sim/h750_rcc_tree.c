// Clock tree of the STM32H750: frequencies that follow from the RCC's registers.
//
// Multiplexer codes and divider codes as in the CMSIS header and ST's HAL for the STM32H7.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_rcc_parts.h"

#include <string.h>

#define HSI_HZ   UINT64_C(64000000)
#define CSI_HZ   UINT64_C(4000000)
#define HSI48_HZ UINT64_C(48000000)
#define LSI_HZ   UINT64_C(32000)

enum pll_output { PLL_P, PLL_Q, PLL_R };

static uint64_t pll_output_hz(const struct rcc *rcc, unsigned pll, enum pll_output output);

uint64_t rcc_source_hz(const struct rcc *rcc, enum rcc_oscillator_name name)
{
    if (!rcc->oscillators[name].ready) {
        return 0;
    }
    switch (name) {
    case OSCILLATOR_HSI:
        return HSI_HZ >> rcc_field(rcc, RCC_CR, 3, 2);
    case OSCILLATOR_CSI:
        return CSI_HZ;
    case OSCILLATOR_HSI48:
        return HSI48_HZ;
    case OSCILLATOR_HSE:
        return rcc->hse_hz;
    case OSCILLATOR_LSE:
        return rcc->lse_hz;
    case OSCILLATOR_LSI:
        return LSI_HZ;
    case OSCILLATOR_PLL1:
    case OSCILLATOR_PLL2:
    case OSCILLATOR_PLL3:
        return pll_output_hz(rcc, (unsigned)(name - OSCILLATOR_PLL1), PLL_P);
    default:
        return 0;
    }
}

// --- PLLs ---------------------------------------------------------------------------------------

bool rcc_pll_source(const struct rcc *rcc, enum rcc_oscillator_name *name)
{
    static const enum rcc_oscillator_name sources[] = {OSCILLATOR_HSI, OSCILLATOR_CSI,
                                                       OSCILLATOR_HSE};
    uint32_t code = rcc_field(rcc, RCC_PLLCKSELR, 0, 2);

    if (code == 3) {
        return false;
    }
    *name = sources[code];
    return true;
}

uint64_t rcc_pll_input_hz(const struct rcc *rcc, unsigned pll)
{
    uint32_t divider = rcc_field(rcc, RCC_PLLCKSELR, 4 + 8 * pll, 6);
    enum rcc_oscillator_name source;

    if (divider == 0 || !rcc_pll_source(rcc, &source)) {
        return 0;
    }
    return rcc_source_hz(rcc, source) / divider;
}

uint64_t rcc_pll_vco_hz(const struct rcc *rcc, unsigned pll)
{
    uint32_t multiplier = rcc_field(rcc, RCC_PLL1DIVR + 8 * pll, 0, 9) + 1;
    uint32_t divider = rcc_field(rcc, RCC_PLLCKSELR, 4 + 8 * pll, 6);
    enum rcc_oscillator_name source;

    if (divider == 0 || !rcc_pll_source(rcc, &source)) {
        return 0;
    }
    return rcc_source_hz(rcc, source) * (multiplier * UINT64_C(8192) + rcc->pll_fraction[pll]) /
           (divider * UINT64_C(8192));
}

static uint64_t pll_output_hz(const struct rcc *rcc, unsigned pll, enum pll_output output)
{
    static const uint8_t divider_bits[] = {9, 16, 24};
    uint32_t divider = rcc_field(rcc, RCC_PLL1DIVR + 8 * pll, divider_bits[output], 7) + 1;
    bool enabled = rcc_field(rcc, RCC_PLLCFGR, 16 + 3 * pll + output, 1) != 0;

    if (!enabled || !rcc->oscillators[OSCILLATOR_PLL1 + pll].ready) {
        return 0;
    }
    return rcc_pll_vco_hz(rcc, pll) / divider;
}

// --- System clock and buses ---------------------------------------------------------------------

enum rcc_oscillator_name rcc_system_oscillator(unsigned system_source)
{
    static const enum rcc_oscillator_name sources[] = {OSCILLATOR_HSI, OSCILLATOR_CSI,
                                                       OSCILLATOR_HSE, OSCILLATOR_PLL1};

    return sources[system_source & 3];
}

// D1CPRE and HPRE: 0xxx undivided, 8 to 15 divide by 2 to 512 without 32.
static unsigned core_divider(uint32_t code)
{
    static const uint16_t dividers[] = {2, 4, 8, 16, 64, 128, 256, 512};

    return code < 8 ? 1 : dividers[code - 8];
}

// D1PPRE, D2PPRE1, D2PPRE2, D3PPRE: 0xx undivided, 4 to 7 divide by 2 to 16.
static unsigned bus_divider(uint32_t code)
{
    return code < 4 ? 1 : 2u << (code - 4);
}

// Timers run at twice (TIMPRE: four times) their bus, but never faster than HCLK.
static uint64_t timer_hz(const struct rcc *rcc, uint64_t bus_hz, uint64_t hclk_hz)
{
    uint64_t multiplied_hz = bus_hz * (rcc_field(rcc, RCC_CFGR, 15, 1) != 0 ? 4 : 2);

    return multiplied_hz < hclk_hz ? multiplied_hz : hclk_hz;
}

static void compute_buses(const struct rcc *rcc, uint64_t hz[RCC_CLOCK_COUNT])
{
    uint64_t system_hz = rcc_source_hz(rcc, rcc_system_oscillator(rcc->system_source));

    hz[RCC_CLOCK_SYSCLK] = system_hz;
    hz[RCC_CLOCK_CPU] = system_hz / core_divider(rcc_field(rcc, RCC_D1CFGR, 8, 4));
    hz[RCC_CLOCK_HCLK] = hz[RCC_CLOCK_CPU] / core_divider(rcc_field(rcc, RCC_D1CFGR, 0, 4));
    hz[RCC_CLOCK_PCLK3] = hz[RCC_CLOCK_HCLK] / bus_divider(rcc_field(rcc, RCC_D1CFGR, 4, 3));
    hz[RCC_CLOCK_PCLK1] = hz[RCC_CLOCK_HCLK] / bus_divider(rcc_field(rcc, RCC_D2CFGR, 4, 3));
    hz[RCC_CLOCK_PCLK2] = hz[RCC_CLOCK_HCLK] / bus_divider(rcc_field(rcc, RCC_D2CFGR, 8, 3));
    hz[RCC_CLOCK_PCLK4] = hz[RCC_CLOCK_HCLK] / bus_divider(rcc_field(rcc, RCC_D3CFGR, 4, 3));
    hz[RCC_CLOCK_TIMX] = timer_hz(rcc, hz[RCC_CLOCK_PCLK1], hz[RCC_CLOCK_HCLK]);
    hz[RCC_CLOCK_TIMY] = timer_hz(rcc, hz[RCC_CLOCK_PCLK2], hz[RCC_CLOCK_HCLK]);
}

// --- Kernel clocks ------------------------------------------------------------------------------

static uint64_t per_ck_hz(const struct rcc *rcc)
{
    static const enum rcc_oscillator_name sources[] = {OSCILLATOR_HSI, OSCILLATOR_CSI,
                                                       OSCILLATOR_HSE};
    uint32_t code = rcc_field(rcc, RCC_D1CCIPR, 28, 2);

    return code == 3 ? 0 : rcc_source_hz(rcc, sources[code]);
}

static uint64_t quadspi_hz(const struct rcc *rcc, uint64_t hclk_hz)
{
    if (rcc_field(rcc, RCC_AHB3ENR, 14, 1) == 0) {
        return 0;
    }
    switch (rcc_field(rcc, RCC_D1CCIPR, 4, 2)) {
    case 0:
        return hclk_hz;
    case 1:
        return pll_output_hz(rcc, 0, PLL_Q);
    case 2:
        return pll_output_hz(rcc, 1, PLL_R);
    default:
        return per_ck_hz(rcc);
    }
}

static uint64_t usb_hz(const struct rcc *rcc)
{
    switch (rcc_field(rcc, RCC_D2CCIP2R, 20, 2)) {
    case 1:
        return pll_output_hz(rcc, 0, PLL_Q);
    case 2:
        return pll_output_hz(rcc, 2, PLL_Q);
    case 3:
        return rcc_source_hz(rcc, OSCILLATOR_HSI48);
    default:
        return 0;
    }
}

static uint64_t rng_hz(const struct rcc *rcc)
{
    switch (rcc_field(rcc, RCC_D2CCIP2R, 8, 2)) {
    case 0:
        return rcc_source_hz(rcc, OSCILLATOR_HSI48);
    case 1:
        return pll_output_hz(rcc, 0, PLL_Q);
    case 2:
        return rcc_source_hz(rcc, OSCILLATOR_LSE);
    default:
        return rcc_source_hz(rcc, OSCILLATOR_LSI);
    }
}

// USART16SEL, USART234578SEL, LPUART1SEL.
static uint64_t uart_hz(const struct rcc *rcc, uint32_t code, uint64_t bus_hz)
{
    switch (code) {
    case 0:
        return bus_hz;
    case 1:
        return pll_output_hz(rcc, 1, PLL_Q);
    case 2:
        return pll_output_hz(rcc, 2, PLL_Q);
    case 3:
        return rcc_source_hz(rcc, OSCILLATOR_HSI);
    case 4:
        return rcc_source_hz(rcc, OSCILLATOR_CSI);
    case 5:
        return rcc_source_hz(rcc, OSCILLATOR_LSE);
    default:
        return 0;
    }
}

// LPTIM1SEL, LPTIM2SEL, LPTIM345SEL.
static uint64_t lptim_hz(const struct rcc *rcc, uint32_t code, uint64_t bus_hz)
{
    switch (code) {
    case 0:
        return bus_hz;
    case 1:
        return pll_output_hz(rcc, 1, PLL_P);
    case 2:
        return pll_output_hz(rcc, 2, PLL_R);
    case 3:
        return rcc_source_hz(rcc, OSCILLATOR_LSE);
    case 4:
        return rcc_source_hz(rcc, OSCILLATOR_LSI);
    case 5:
        return per_ck_hz(rcc);
    default:
        return 0;
    }
}

static uint64_t rtc_hz(const struct rcc *rcc)
{
    uint32_t divider = rcc_field(rcc, RCC_CFGR, 8, 6);

    if (rcc_field(rcc, RCC_BDCR, 15, 1) == 0) {
        return 0;
    }
    switch (rcc_field(rcc, RCC_BDCR, 8, 2)) {
    case 1:
        return rcc_source_hz(rcc, OSCILLATOR_LSE);
    case 2:
        return rcc_source_hz(rcc, OSCILLATOR_LSI);
    case 3:
        return divider < 2 ? 0 : rcc_source_hz(rcc, OSCILLATOR_HSE) / divider;
    default:
        return 0;
    }
}

void rcc_tree_compute(const struct rcc *rcc, uint64_t hz[RCC_CLOCK_COUNT])
{
    memset(hz, 0, RCC_CLOCK_COUNT * sizeof(*hz));
    compute_buses(rcc, hz);
    hz[RCC_CLOCK_QUADSPI] = quadspi_hz(rcc, hz[RCC_CLOCK_HCLK]);
    hz[RCC_CLOCK_USB] = usb_hz(rcc);
    hz[RCC_CLOCK_RNG] = rng_hz(rcc);
    hz[RCC_CLOCK_USART16] = uart_hz(rcc, rcc_field(rcc, RCC_D2CCIP2R, 3, 3), hz[RCC_CLOCK_PCLK2]);
    hz[RCC_CLOCK_USART234578] =
        uart_hz(rcc, rcc_field(rcc, RCC_D2CCIP2R, 0, 3), hz[RCC_CLOCK_PCLK1]);
    hz[RCC_CLOCK_LPUART1] = uart_hz(rcc, rcc_field(rcc, RCC_D3CCIPR, 0, 3), hz[RCC_CLOCK_PCLK4]);
    hz[RCC_CLOCK_LPTIM1] = lptim_hz(rcc, rcc_field(rcc, RCC_D2CCIP2R, 28, 3), hz[RCC_CLOCK_PCLK1]);
    hz[RCC_CLOCK_LPTIM2] = lptim_hz(rcc, rcc_field(rcc, RCC_D3CCIPR, 10, 3), hz[RCC_CLOCK_PCLK4]);
    hz[RCC_CLOCK_LPTIM345] = lptim_hz(rcc, rcc_field(rcc, RCC_D3CCIPR, 13, 3), hz[RCC_CLOCK_PCLK4]);
    hz[RCC_CLOCK_RTC] = rtc_hz(rcc);
    hz[RCC_CLOCK_LSI] = rcc_source_hz(rcc, OSCILLATOR_LSI);
    hz[RCC_CLOCK_LSE] = rcc_source_hz(rcc, OSCILLATOR_LSE);
    hz[RCC_CLOCK_HSI48] = rcc_source_hz(rcc, OSCILLATOR_HSI48);
}
