// What the clock tree's registers say, and the two clocks of the core: cycles and milliseconds.
//
// Written from RM0433 (clock tree, PLL1) and the ARMv7-M Architecture Reference Manual (DWT).
//
// SPDX-License-Identifier: MIT
#include "quadlane/clock.h"

#include "quadlane/h750.h"
#include "quadlane/m7.h"

#define HSI_HZ 64000000u
#define CSI_HZ 4000000u

static uint32_t hsi_hz(void)
{
    return HSI_HZ >> ((RCC_CR & RCC_CR_HSIDIV) >> 3);
}

static uint32_t pll1_p_hz(void)
{
    const uint32_t source = RCC_PLLCKSELR & RCC_PLLCKSELR_PLLSRC;
    const uint32_t input_hz = source == RCC_PLLCKSELR_PLLSRC_HSI   ? hsi_hz()
                              : source == RCC_PLLCKSELR_PLLSRC_CSI ? CSI_HZ
                                                                   : QL_HSE_HZ;
    const uint32_t m = (RCC_PLLCKSELR & RCC_PLLCKSELR_DIVM1) >> 4;
    const uint32_t n = (RCC_PLL1DIVR & 0x1FFu) + 1;
    const uint32_t p = ((RCC_PLL1DIVR >> 9) & 0x7Fu) + 1;
    const uint32_t fraction =
        RCC_PLLCFGR & RCC_PLLCFGR_PLL1FRACEN ? (RCC_PLL1FRACR >> 3) & 0x1FFFu : 0;

    if (m == 0)
        return 0;
    return (uint32_t)((uint64_t)input_hz * (n * 8192u + fraction) / (8192u * m * p));
}

static uint32_t system_hz(void)
{
    switch ((RCC_CFGR & RCC_CFGR_SWS) >> 3) {
    case 0:
        return hsi_hz();
    case 1:
        return CSI_HZ;
    case 2:
        return QL_HSE_HZ;
    default:
        return pll1_p_hz();
    }
}

// The core's and the AHBs' prescalers: 0xxx: 1, 1000: 2, ... 1011: 16, 1100: 64, ... 1111: 512.
static uint32_t ahb_shift(uint32_t field)
{
    if (field < 8)
        return 0;
    return field < 12 ? field - 7 : field - 6;
}

// The APBs' prescalers: 0xx: 1, 100: 2, ... 111: 16.
static uint32_t apb_shift(uint32_t field)
{
    return field < 4 ? 0 : field - 3;
}

uint32_t ql_clock_cpu_hz(void)
{
    return system_hz() >> ahb_shift((RCC_D1CFGR & RCC_D1CFGR_D1CPRE) >> 8);
}

uint32_t ql_clock_hclk_hz(void)
{
    return ql_clock_cpu_hz() >> ahb_shift(RCC_D1CFGR & RCC_D1CFGR_HPRE);
}

uint32_t ql_clock_pclk1_hz(void)
{
    return ql_clock_hclk_hz() >> apb_shift((RCC_D2CFGR & RCC_D2CFGR_D2PPRE1) >> 4);
}

uint32_t ql_clock_pclk2_hz(void)
{
    return ql_clock_hclk_hz() >> apb_shift((RCC_D2CFGR & RCC_D2CFGR_D2PPRE2) >> 8);
}

void ql_cycles_start(void)
{
    DEMCR |= DEMCR_TRCENA;
    DWT_LAR = 0xC5ACCE55; // the Cortex-M7 locks its DWT against software
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

uint32_t ql_cycles(void)
{
    return DWT_CYCCNT;
}
