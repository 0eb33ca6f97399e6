// The clock tree, from RM0433, chapters "Power control" and "Reset and clock control"; wait states
// from its table "FLASH recommended number of wait states and programming delay".
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/clock.h"

#include "firmware/chip/panic.h"
#include "firmware/chip/registers.h"
#include "firmware/chip/time.h"

enum { SOURCE_HSI = 0, SOURCE_HSE = 2 };  // PLLCKSELR.PLLSRC
enum { SYSCLK_HSI = 0, SYSCLK_PLL1 = 3 }; // CFGR.SW
enum { SCALE_3 = 1, SCALE_1 = 3 };        // D3CR.VOS
enum { AHB_DIVIDED_BY_2 = 8, APB_DIVIDED_BY_2 = 4 };
enum { USB_CLOCK_NONE = 0, USB_CLOCK_HSI48 = 3 }; // D2CCIP2R.USBSEL
enum { SYNC_USB2_FRAME = 3 };                     // CRS_CFGR.SYNCSRC

enum {
    CRYSTAL_LIMIT_US = 20000, // crystals of this size start within 2 ms
    READY_LIMIT_US = 10000,
};

#define CPU_HZ 400000000u
#define VCO_HZ 800000000u // the PLL's P output halves it

// Reset values.
#define PLLCKSELR_RESET 0x02020200u
#define PLLCFGR_RESET   0x01FF0000u
#define PLL1DIVR_RESET  0x01010280u
#define FLASH_ACR_RESET 0x00000037u

static uint32_t cpu_hz = CLOCK_RESET_HZ;
static uint32_t bus_hz = CLOCK_RESET_HZ;

uint32_t clock_cpu_hz(void)
{
    return cpu_hz;
}

uint32_t clock_bus_hz(void)
{
    return bus_hz;
}

bool clock_is_reset(void)
{
    const uint32_t foreign = RCC_CR_PLL1ON | RCC_CR_PLL2ON | RCC_CR_PLL3ON | RCC_CR_HSEON;
    return (RCC_CR & foreign) == 0 && (RCC_CFGR & RCC_CFGR_SWS) == 0;
}

static bool wait_for(volatile uint32_t *word, uint32_t mask, uint32_t value, uint32_t limit_us)
{
    struct time_limit limit = time_limit_us(limit_us);
    while ((*word & mask) != value) {
        if (time_limit_reached(&limit)) {
            return (*word & mask) == value;
        }
    }
    return true;
}

// For what cannot fail on a working chip.
static void wait_surely(volatile uint32_t *word, uint32_t mask, uint32_t value)
{
    if (!wait_for(word, mask, value, READY_LIMIT_US)) {
        panic(PANIC_CLOCK, (uint32_t)(uintptr_t)word);
    }
}

void clock_supply_start(void)
{
    const uint32_t supply = PWR_CR3_BYPASS | PWR_CR3_LDOEN | PWR_CR3_SCUEN;
    if ((PWR_CR3 & PWR_CR3_SCUEN) != 0) {
        PWR_CR3 = (PWR_CR3 & ~supply) | PWR_CR3_LDOEN;
    }
    wait_surely(&PWR_CSR1, PWR_CSR1_ACTVOSRDY, PWR_CSR1_ACTVOSRDY);
}

static void voltage_set(uint32_t scale)
{
    PWR_D3CR = (PWR_D3CR & ~PWR_D3CR_VOS) | FIELD(PWR_D3CR_VOS, scale);
    wait_surely(&PWR_D3CR, PWR_D3CR_VOSRDY, PWR_D3CR_VOSRDY);
}

static bool crystal_start(const struct clock_crystal *crystal)
{
    if (crystal->hz == 0) {
        return false;
    }
    if (crystal->bypass) {
        RCC_CR |= RCC_CR_HSEBYP;
    }
    RCC_CR |= RCC_CR_HSEON;
    if (wait_for(&RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY, CRYSTAL_LIMIT_US)) {
        return true;
    }
    RCC_CR &= ~RCC_CR_HSEON;
    RCC_CR &= ~RCC_CR_HSEBYP;
    return false;
}

// The smallest divider that gives the PLL an input of at most 5 MHz with a whole multiple at
// VCO_HZ.
static uint32_t pll_divider(uint32_t source_hz)
{
    for (uint32_t divider = 1; divider < 64; ++divider) {
        uint32_t input_hz = source_hz / divider;
        if (source_hz % divider == 0 && input_hz >= 2000000 && input_hz <= 5000000 &&
            VCO_HZ % input_hz == 0) {
            return divider;
        }
    }
    panic(PANIC_CLOCK, source_hz);
}

static void pll_start(uint32_t source, uint32_t source_hz)
{
    uint32_t divider = pll_divider(source_hz);
    uint32_t input_hz = source_hz / divider;
    uint32_t range = input_hz < 4000000 ? 1 : 2; // 2-4 or 4-8 MHz

    RCC_PLLCKSELR = (RCC_PLLCKSELR & ~(RCC_PLLCKSELR_PLLSRC | RCC_PLLCKSELR_DIVM1)) |
                    FIELD(RCC_PLLCKSELR_PLLSRC, source) | FIELD(RCC_PLLCKSELR_DIVM1, divider);
    // Only the P output, from the wide VCO, without a fraction.
    RCC_PLLCFGR =
        (RCC_PLLCFGR & ~(RCC_PLLCFGR_PLL1FRACEN | RCC_PLLCFGR_PLL1VCOSEL | RCC_PLLCFGR_PLL1RGE |
                         RCC_PLLCFGR_DIVQ1EN | RCC_PLLCFGR_DIVR1EN)) |
        FIELD(RCC_PLLCFGR_PLL1RGE, range) | RCC_PLLCFGR_DIVP1EN;
    RCC_PLL1DIVR = FIELD(RCC_PLL1DIVR_DIVN1, VCO_HZ / input_hz - 1) |
                   FIELD(RCC_PLL1DIVR_DIVP1, VCO_HZ / CPU_HZ - 1) | FIELD(RCC_PLL1DIVR_DIVQ1, 1) |
                   FIELD(RCC_PLL1DIVR_DIVR1, 1);
    RCC_CR |= RCC_CR_PLL1ON;
    wait_surely(&RCC_CR, RCC_CR_PLL1RDY, RCC_CR_PLL1RDY);
}

static void flash_latency_set(uint32_t acr)
{
    FLASH_ACR = acr;
    wait_surely(&FLASH_ACR, FLASH_ACR_LATENCY | FLASH_ACR_WRHIGHFREQ, acr);
}

// The USB clock. HSI48 alone is not exact enough for USB over all temperatures; CRS trims it to the
// host's frames, one each millisecond. The reset value of CRS_CFGR fits but for the source.
static void hsi48_start(void)
{
    RCC_CR |= RCC_CR_HSI48ON;
    wait_surely(&RCC_CR, RCC_CR_HSI48RDY, RCC_CR_HSI48RDY);
    RCC_D2CCIP2R =
        (RCC_D2CCIP2R & ~RCC_D2CCIP2R_USBSEL) | FIELD(RCC_D2CCIP2R_USBSEL, USB_CLOCK_HSI48);
    RCC_APB1HENR |= RCC_APB1HENR_CRSEN;
    (void)RCC_APB1HENR;
    CRS_CFGR = (CRS_CFGR & ~CRS_CFGR_SYNCSRC) | FIELD(CRS_CFGR_SYNCSRC, SYNC_USB2_FRAME);
    CRS_CR |= CRS_CR_AUTOTRIMEN | CRS_CR_CEN;
}

static void hsi48_stop(void)
{
    RCC_APB1HRSTR |= RCC_APB1HRSTR_CRSRST;
    RCC_APB1HRSTR &= ~RCC_APB1HRSTR_CRSRST;
    RCC_APB1HENR &= ~RCC_APB1HENR_CRSEN;
    RCC_D2CCIP2R =
        (RCC_D2CCIP2R & ~RCC_D2CCIP2R_USBSEL) | FIELD(RCC_D2CCIP2R_USBSEL, USB_CLOCK_NONE);
    RCC_CR &= ~RCC_CR_HSI48ON;
    wait_surely(&RCC_CR, RCC_CR_HSI48RDY, 0);
}

void clock_fast(const struct clock_crystal *crystal)
{
    voltage_set(SCALE_1);
    if (crystal_start(crystal)) {
        pll_start(SOURCE_HSE, crystal->hz);
    } else {
        pll_start(SOURCE_HSI, CLOCK_RESET_HZ);
    }

    // Fewer wait states than after reset are enough here, so they may be set before the switch.
    flash_latency_set(FIELD(FLASH_ACR_LATENCY, 2) | FIELD(FLASH_ACR_WRHIGHFREQ, 2));
    RCC_D1CFGR = FIELD(RCC_D1CFGR_HPRE, AHB_DIVIDED_BY_2) |
                 FIELD(RCC_D1CFGR_D1PPRE, APB_DIVIDED_BY_2) | FIELD(RCC_D1CFGR_D1CPRE, 0);
    RCC_D2CFGR =
        FIELD(RCC_D2CFGR_D2PPRE1, APB_DIVIDED_BY_2) | FIELD(RCC_D2CFGR_D2PPRE2, APB_DIVIDED_BY_2);
    RCC_D3CFGR = FIELD(RCC_D3CFGR_D3PPRE, APB_DIVIDED_BY_2);
    RCC_CFGR = (RCC_CFGR & ~RCC_CFGR_SW) | FIELD(RCC_CFGR_SW, SYSCLK_PLL1);
    wait_surely(&RCC_CFGR, RCC_CFGR_SWS, FIELD(RCC_CFGR_SWS, SYSCLK_PLL1));
    cpu_hz = CPU_HZ;
    bus_hz = CPU_HZ / 2;
    time_start(cpu_hz);
    hsi48_start();
}

void clock_reset(void)
{
    RCC_CFGR &= ~RCC_CFGR_SW; // SYSCLK_HSI
    wait_surely(&RCC_CFGR, RCC_CFGR_SWS, FIELD(RCC_CFGR_SWS, SYSCLK_HSI));
    RCC_D1CFGR = 0;
    RCC_D2CFGR = 0;
    RCC_D3CFGR = 0;
    cpu_hz = CLOCK_RESET_HZ;
    bus_hz = CLOCK_RESET_HZ;
    time_start(cpu_hz);
    flash_latency_set(FLASH_ACR_RESET);

    RCC_CR &= ~RCC_CR_PLL1ON;
    wait_surely(&RCC_CR, RCC_CR_PLL1RDY, 0);
    RCC_PLLCKSELR = PLLCKSELR_RESET;
    RCC_PLLCFGR = PLLCFGR_RESET;
    RCC_PLL1DIVR = PLL1DIVR_RESET;

    hsi48_stop();
    RCC_CR &= ~RCC_CR_HSEON;
    wait_surely(&RCC_CR, RCC_CR_HSERDY, 0);
    RCC_CR &= ~RCC_CR_HSEBYP;
    voltage_set(SCALE_3);
}
