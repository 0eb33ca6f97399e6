// Undoes what a first stage or a program has done, as if a reset had come just before: core,
// peripherals, clocks. From RM0433, chapter "Reset and clock control" (reset values, which bits of
// RSTR exist), and the Armv7-M Architecture Reference Manual, B3.2 and B3.4.
//
// What no reset by software reaches stays: the reset flags, the backup domain and its LSE, LSI and
// a watchdog that runs from it, the supply's configuration.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/takeover.h"

#include <stddef.h>

#include "firmware/chip/barrier.h"
#include "firmware/chip/clock.h"
#include "firmware/chip/interrupt.h"
#include "firmware/chip/panic.h"
#include "firmware/chip/registers.h"
#include "firmware/chip/time.h"

#define CR_RESET 0x00000083u // HSI, which wakes with the core; CSI

enum { FASTEST_HZ = 480000000, READY_LIMIT_US = 10000, SHPR_COUNT = 3 };

struct word {
    volatile uint32_t *place;
    uint32_t value;
};

// All peripherals that can be reset, but for the core (AHB3RSTR.CPURST).
static const struct word resets[] = {
    {&RCC_AHB3RSTR, 0x00015031},  {&RCC_AHB1RSTR, 0x0A008023}, {&RCC_AHB2RSTR, 0x00000271},
    {&RCC_AHB4RSTR, 0x032807FF},  {&RCC_APB3RSTR, 0x00000008}, {&RCC_APB1LRSTR, 0xE8FFC3FF},
    {&RCC_APB1HRSTR, 0x00000136}, {&RCC_APB2RSTR, 0x31D73033}, {&RCC_APB4RSTR, 0x0020DEAA},
};

static const struct word gates[] = {
    {&RCC_AHB3ENR, 0},  {&RCC_AHB1ENR, 0}, {&RCC_AHB2ENR, 0},
    {&RCC_AHB4ENR, 0},  {&RCC_APB3ENR, 0}, {&RCC_APB1LENR, 0},
    {&RCC_APB1HENR, 0}, {&RCC_APB2ENR, 0}, {&RCC_APB4ENR, RCC_APB4ENR_RTCAPBEN},
};

// What clock_reset leaves alone, since clock_fast does not use it.
static const struct word clocks[] = {
    {&RCC_PLL1FRACR, 0}, {&RCC_PLL2DIVR, 0x01010280},
    {&RCC_PLL2FRACR, 0}, {&RCC_PLL3DIVR, 0x01010280},
    {&RCC_PLL3FRACR, 0}, {&RCC_D1CCIPR, 0},
    {&RCC_D2CCIP1R, 0},  {&RCC_D2CCIP2R, 0},
    {&RCC_D3CCIPR, 0},   {&RCC_CIER, 0},
    {&RCC_CFGR, 0},
};

static void words_set(const struct word *words, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        *words[i].place = words[i].value;
    }
}

static void wait_surely(volatile uint32_t *word, uint32_t mask, uint32_t value)
{
    struct time_limit limit = time_limit_us(READY_LIMIT_US);
    while ((*word & mask) != value) {
        if (time_limit_reached(&limit)) {
            panic(PANIC_CLOCK, (uint32_t)(uintptr_t)word);
        }
    }
}

static void core_reset(void)
{
    interrupt_disable_all();
    for (uint32_t i = 0; i < (INTERRUPT_COUNT + 3) / 4; ++i) {
        NVIC_IPR(i) = 0;
    }
    for (uint32_t i = 0; i < SHPR_COUNT; ++i) {
        SCB_SHPR(i) = 0;
    }
    SCB_SCR = 0;
    SCB_SHCSR = 0;
    SCB_CPACR = 0;
    barrier_instruction();
}

// First, so that no DMA writes any more and the quad-SPI chip is at rest while its clock changes.
static void peripherals_reset(void)
{
    const size_t count = sizeof resets / sizeof resets[0];
    words_set(resets, count);
    for (size_t i = 0; i < count; ++i) {
        *resets[i].place = 0;
    }
    words_set(gates, sizeof gates / sizeof gates[0]);
    barrier_data();
}

static void clocks_reset(void)
{
    const uint32_t ready =
        RCC_CR_HSI48RDY | RCC_CR_HSERDY | RCC_CR_PLL1RDY | RCC_CR_PLL2RDY | RCC_CR_PLL3RDY;
    RCC_CR |= RCC_CR_HSION;
    wait_surely(&RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY);
    RCC_CFGR &= ~RCC_CFGR_SW;
    wait_surely(&RCC_CFGR, RCC_CFGR_SWS, 0);
    RCC_CR = CR_RESET;
    wait_surely(&RCC_CR, ready, 0);
    clock_reset();
    words_set(clocks, sizeof clocks / sizeof clocks[0]);
    PWR_CR3 &= ~PWR_CR3_USB33DEN;
}

void takeover(void)
{
    time_start(FASTEST_HZ); // not known yet; so limits are too long rather than too short
    core_reset();
    peripherals_reset();
    clock_supply_start(); // without it the voltage cannot be set
    clocks_reset();
}
