// The RNG, from RM0433, chapter "True random number generator".
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/random.h"

#include <stdbool.h>

#include "firmware/chip/registers.h"
#include "firmware/chip/time.h"

enum { READY_LIMIT_US = 1000 };

static bool word_get(uint32_t *word)
{
    struct time_limit limit = time_limit_us(READY_LIMIT_US);
    while ((RNG_SR & RNG_SR_DRDY) == 0) {
        if ((RNG_SR & (RNG_SR_CECS | RNG_SR_SECS)) != 0 || time_limit_reached(&limit)) {
            return false;
        }
    }
    *word = RNG_DR;
    return true;
}

// The RNG's clock is HSI48: on with the fast clocks, off as after reset.
static bool clock_borrow(void)
{
    if ((RCC_CR & RCC_CR_HSI48RDY) != 0) {
        return false;
    }
    RCC_CR |= RCC_CR_HSI48ON;
    struct time_limit limit = time_limit_us(READY_LIMIT_US);
    while ((RCC_CR & RCC_CR_HSI48RDY) == 0 && !time_limit_reached(&limit)) {
    }
    return true;
}

uint32_t random_word(void)
{
    bool borrowed = clock_borrow();
    RCC_AHB2ENR |= RCC_AHB2ENR_RNGEN;
    (void)RCC_AHB2ENR;
    RNG_CR = RNG_CR_RNGEN;
    uint32_t word;
    // The first number after the start is not to be used.
    if (!word_get(&word) || !word_get(&word)) {
        word = SYST_CVR;
    }
    RCC_AHB2RSTR |= RCC_AHB2RSTR_RNGRST;
    RCC_AHB2RSTR &= ~RCC_AHB2RSTR_RNGRST;
    RCC_AHB2ENR &= ~RCC_AHB2ENR_RNGEN;
    if (borrowed) {
        RCC_CR &= ~RCC_CR_HSI48ON;
    }
    return word;
}
