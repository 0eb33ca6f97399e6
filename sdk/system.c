// SystemInit: the CPU to 400 MHz without stopping the clock of the chip that it executes from.
//
// The external chip is clocked by HCLK3 / 2 (the bootloader's hand-over: QSPISEL 0, prescaler 1).
// HCLK3 never stops here: it goes from HSI's 64 MHz over 32 MHz to 200 MHz, so that the chip's CLK
// ends at 100 MHz. Neither QSPISEL nor the QUADSPI is touched.
// Written from RM0433 (power scales, wait states, PLLs), SPEC.md section 8 and ES0392 2.2.9.
//
// SPDX-License-Identifier: MIT
#include <stdbool.h>

#include "quadlane/clock.h"
#include "quadlane/h750.h"
#include "quadlane/m7.h"
#include "quadlane/memory.h"

#define HSI_HZ 64000000u
#define CPU_HZ 400000000u
#define VCO_HZ 800000000u

// In CPU cycles at HSI's 64 MHz. A crystal takes 2 ms (typical), a PLL 150 us at most.
#define HSE_TIMEOUT_CYCLES     (HSI_HZ / 10)
#define DEFAULT_TIMEOUT_CYCLES (HSI_HZ / 100)

// SystemInit runs before variables get their initial values, so it must not have one.
QL_NOINIT uint32_t SystemCoreClock;

static bool wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value, uint32_t timeout_cycles)
{
    const uint32_t start = ql_cycles();

    while ((*reg & mask) != value)
        if (ql_cycles() - start > timeout_cycles)
            return (*reg & mask) == value;
    return true;
}

// HSI drives everything: as after a reset, or on the way back from what another program or a
// debugging session left.
static bool clocks_to_hsi(void)
{
    RCC_CR |= RCC_CR_HSION;
    if (!wait_for(&RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY, DEFAULT_TIMEOUT_CYCLES))
        return false;
    RCC_CFGR &= ~RCC_CFGR_SW;
    if (!wait_for(&RCC_CFGR, RCC_CFGR_SWS, 0, DEFAULT_TIMEOUT_CYCLES))
        return false;
    RCC_CR &= ~RCC_CR_PLL1ON;
    return wait_for(&RCC_CR, RCC_CR_PLL1RDY, 0, DEFAULT_TIMEOUT_CYCLES);
}

// The supply itself (PWR_CR3) can be configured only once after power-on and the bootloader did it.
static bool voltage_to_scale_1(void)
{
    PWR_D3CR = (PWR_D3CR & ~PWR_D3CR_VOS) | PWR_D3CR_VOS_SCALE1;
    return wait_for(&PWR_D3CR, PWR_D3CR_VOSRDY, PWR_D3CR_VOSRDY, DEFAULT_TIMEOUT_CYCLES) &&
           wait_for(&PWR_CSR1, PWR_CSR1_ACTVOSRDY, PWR_CSR1_ACTVOSRDY, DEFAULT_TIMEOUT_CYCLES);
}

// False: no crystal, or it does not start; it is off then.
static bool hse_start(void)
{
    if (QL_HSE_HZ == 0)
        return false;
    RCC_CR |= RCC_CR_HSEON;
    if (wait_for(&RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY, HSE_TIMEOUT_CYCLES))
        return true;
    RCC_CR &= ~RCC_CR_HSEON;
    return false;
}

// PLL1's input is 4 or 5 MHz (one range of the PLL, 4..8 MHz); both divide the VCO's 800 MHz.
#define PLL1_INPUT_HZ(source_hz) ((source_hz) % 4000000u == 0 ? 4000000u : 5000000u)

_Static_assert(
    QL_HSE_HZ % PLL1_INPUT_HZ(QL_HSE_HZ) == 0 && QL_HSE_HZ <= 50000000,
    "HSE_HZ: this SystemInit knows crystals whose frequency is a multiple of 4 or 5 MHz");

// All PLLs are off: their common source can be chosen. The fields of PLL2 and PLL3 stay.
static void pll1_configure(uint32_t source, uint32_t source_hz)
{
    const uint32_t input_hz = PLL1_INPUT_HZ(source_hz);

    RCC_PLLCKSELR = (RCC_PLLCKSELR & ~(RCC_PLLCKSELR_PLLSRC | RCC_PLLCKSELR_DIVM1)) | source |
                    ((source_hz / input_hz) << 4);
    RCC_PLLCFGR =
        (RCC_PLLCFGR & ~(RCC_PLLCFGR_PLL1FRACEN | RCC_PLLCFGR_PLL1VCOSEL | RCC_PLLCFGR_PLL1RGE)) |
        RCC_PLLCFGR_PLL1RGE_4_8 | RCC_PLLCFGR_DIVP1EN;
    // N, P, Q, R, each less 1: P 400 MHz, Q 100 MHz, R 400 MHz.
    RCC_PLL1DIVR = (VCO_HZ / input_hz - 1) | ((VCO_HZ / CPU_HZ - 1) << 9) | ((8u - 1) << 16) |
                   ((2u - 1) << 24);
}

// Before the switch, so that nothing is ever faster than it may be: HCLK = CPU / 2, PCLK = HCLK
// / 2.
static void bus_dividers_set(void)
{
    RCC_D1CFGR = (RCC_D1CFGR & ~(RCC_D1CFGR_D1CPRE | RCC_D1CFGR_HPRE | RCC_D1CFGR_D1PPRE)) |
                 (8u << 0) | (4u << 4);
    RCC_D2CFGR = (RCC_D2CFGR & ~(RCC_D2CFGR_D2PPRE1 | RCC_D2CFGR_D2PPRE2)) | (4u << 4) | (4u << 8);
    RCC_D3CFGR = (RCC_D3CFGR & ~RCC_D3CFGR_D3PPRE) | (4u << 4);
}

// 2 wait states and programming delay 2 are right for 185..210 MHz in scale 1, and more than
// enough for what runs until then.
static void flash_latency_set(void)
{
    const uint32_t wanted = (2u << 4) | 2u;

    FLASH_ACR = (FLASH_ACR & ~(FLASH_ACR_LATENCY | FLASH_ACR_WRHIGHFREQ)) | wanted;
    while ((FLASH_ACR & (FLASH_ACR_LATENCY | FLASH_ACR_WRHIGHFREQ)) != wanted) {
    }
}

// False: the CPU still runs from HSI at 64 MHz.
static bool cpu_to_400_mhz(void)
{
    // Another PLL in use belongs to somebody; the common source cannot be changed then.
    if (!clocks_to_hsi() || (RCC_CR & (RCC_CR_PLL2ON | RCC_CR_PLL3ON)) || !voltage_to_scale_1())
        return false;
    if (hse_start())
        pll1_configure(RCC_PLLCKSELR_PLLSRC_HSE, QL_HSE_HZ);
    else
        pll1_configure(RCC_PLLCKSELR_PLLSRC_HSI, HSI_HZ);
    flash_latency_set();
    bus_dividers_set();
    RCC_CR |= RCC_CR_PLL1ON;
    if (!wait_for(&RCC_CR, RCC_CR_PLL1RDY, RCC_CR_PLL1RDY, DEFAULT_TIMEOUT_CYCLES))
        return false;
    RCC_CFGR |= RCC_CFGR_SW_PLL1;
    // Whoever selected a ready clock gets it: nothing to fall back to, so no time limit.
    while ((RCC_CFGR & RCC_CFGR_SWS) != RCC_CFGR_SW_PLL1 << 3) {
    }
    return true;
}

void SystemInit(void)
{
    ql_cycles_start();
    // Revision Y reads AXI SRAM wrongly under load unless told not to.
    if (DBGMCU_IDCODE >> 16 < 0x2000)
        AXI_TARG7_FN_MOD = 1;
    SystemCoreClock = cpu_to_400_mhz() ? CPU_HZ : HSI_HZ;
}
