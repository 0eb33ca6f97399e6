// Does to the clocks what vendors' start-up code does, while it runs from the chip: resets RCC as
// ST's SystemInit does, then stops and programs the PLLs anew, up to 480 MHz at scale 0.
//
// Written from RM0433 and from what system_stm32h7xx.c and SystemClock_Config of ST's package do.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"

#define PWR(offset)   REG(0x58024800u + (offset))
#define FLASH_ACR     REG(0x52002000u)
#define SYSCFG_PWRCR  REG(0x5800042Cu)
#define CR_HSION      (1u << 0)
#define CR_HSEON      (1u << 16)
#define CR_HSERDY     (1u << 17)
#define CR_PLL1ON     (1u << 24)
#define CR_PLL1RDY    (1u << 25)
#define CR_PLL23ON    (1u << 26 | 1u << 28)
#define CR_PLL23RDY   (1u << 27 | 1u << 29)
#define D3CR_VOSRDY   (1u << 13)
#define SW_PLL1       3u
#define HALVE_EACH    0x048u // D1CFGR: HPRE 2, D1PPRE 2
#define VCO_FROM_4MHZ 2u     // PLLxRGE 4-8 MHz

GUEST_VECTORS GUEST_VECTORS_END;

static void wait_for(uint32_t address, uint32_t mask, uint32_t value)
{
    while ((REG(address) & mask) != value) {
    }
}

static void system_init(void)
{
    RCC(0x00) |= CR_HSION;
    RCC(0x10) = 0;            // CFGR
    RCC(0x00) &= 0xEAF6ED7Fu; // HSE, CSS, CSI, HSI48 and all PLLs off
    RCC(0x18) = 0;            // D1CFGR, D2CFGR, D3CFGR
    RCC(0x1C) = 0;
    RCC(0x20) = 0;
    for (uint32_t offset = 0x28; offset <= 0x44; offset += 4) {
        RCC(offset) = 0; // as its earlier versions do...
    }
    RCC(0x28) = 0x02020200u; // ...and the later ones
    RCC(0x2C) = 0x01FF0000u;
    for (uint32_t offset = 0x30; offset <= 0x40; offset += 8) {
        RCC(offset) = 0x01010280u;
    }
    RCC(0x00) &= 0xFFFBFFFFu;       // HSEBYP
    RCC(0x60) = 0;                  // CIER
    RCC(0xD4) |= 1u << 12;          // AHB3ENR.FMCEN
    REG(0x52004000u) = 0x000030D2u; // FMC_BCR1: no speculative reads of an absent memory
    RCC(0xD4) &= ~(1u << 12);
}

static void scale_set(uint32_t vos)
{
    PWR(0x18) = (PWR(0x18) & ~(3u << 14)) | vos << 14;
    wait_for(0x58024818u, D3CR_VOSRDY, D3CR_VOSRDY);
}

// PLL1 from the 8 MHz crystal: 8 / divider * multiplier / 2.
static void pll1_start(uint32_t multiplier)
{
    RCC(0x28) = (RCC(0x28) & ~(0x3Fu << 4 | 3u)) | 2u << 4 | 2u; // DIVM1 2, HSE
    RCC(0x2C) = (RCC(0x2C) & ~0xFu) | VCO_FROM_4MHZ << 2;
    RCC(0x30) = 1u << 24 | 3u << 16 | 1u << 9 | (multiplier - 1); // R, Q, P 2, N
    RCC(0x00) |= CR_PLL1ON;
    wait_for(0x58024400u, CR_PLL1RDY, CR_PLL1RDY);
}

// PLL2 and PLL3 at 200 MHz from 4 MHz, for peripherals; they must not matter to the chip's clock.
static void other_plls_start(void)
{
    RCC(0x28) = (RCC(0x28) & ~(0x3Fu << 12 | 0x3Fu << 20)) | 2u << 12 | 2u << 20;
    RCC(0x2C) = (RCC(0x2C) & ~0xFF0u) | VCO_FROM_4MHZ << 6 | VCO_FROM_4MHZ << 10;
    RCC(0x38) = 1u << 24 | 1u << 16 | 1u << 9 | 99u;
    RCC(0x40) = 1u << 24 | 1u << 16 | 1u << 9 | 99u;
    RCC(0x00) |= CR_PLL23ON;
    wait_for(0x58024400u, CR_PLL23RDY, CR_PLL23RDY);
}

static void fast(uint32_t multiplier, uint32_t flash_acr)
{
    RCC(0x00) |= CR_HSEON;
    wait_for(0x58024400u, CR_HSERDY, CR_HSERDY);
    pll1_start(multiplier);
    other_plls_start();
    FLASH_ACR = flash_acr;
    wait_for(0x52002000u, 0x3Fu, flash_acr);
    RCC(0x18) = HALVE_EACH;
    RCC(0x1C) = 0x440u;
    RCC(0x20) = 0x40u;
    RCC(0x10) = (RCC(0x10) & ~7u) | SW_PLL1;
    wait_for(0x58024410u, 7u << 3, SW_PLL1 << 3);
}

static void slow(void)
{
    RCC(0x10) &= ~7u; // HSI
    wait_for(0x58024410u, 7u << 3, 0);
    RCC(0x00) &= ~(CR_PLL1ON | CR_PLL23ON);
    wait_for(0x58024400u, CR_PLL1RDY | CR_PLL23RDY, 0);
    RCC(0x18) = 0;
    RCC(0x1C) = 0;
    RCC(0x20) = 0;
}

static void say(const char *text, uint32_t pclk2_hz)
{
    guest_uart_start(pclk2_hz);
    guest_print(text);
    guest_uart_stop();
}

void guest_reset(void)
{
    say("found\n", 64000000u);
    system_init();
    say("reset\n", 64000000u);
    scale_set(3);
    fast(200, 0x22u);
    say("400 MHz\n", 100000000u);
    slow();
    say("slow\n", 64000000u);
    RCC(0xF4) |= 1u << 1; // APB4ENR.SYSCFGEN
    (void)RCC(0xF4);
    SYSCFG_PWRCR |= 1u; // ODEN: scale 0
    wait_for(0x58024818u, D3CR_VOSRDY, D3CR_VOSRDY);
    fast(240, 0x24u);
    guest_uart_start(120000000u);
    guest_print("480 MHz\n");
    guest_end();
}
