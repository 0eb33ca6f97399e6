// True random numbers from the RNG peripheral, clocked by HSI48; also mbedTLS's source of entropy.
//
// Written from RM0433, chapter RNG: the first number after a start is thrown away, a seed error
// restarts the generator.
//
// SPDX-License-Identifier: MIT
#include "random.h"

#include <stdint.h>
#include <string.h>

#include "quadlane/clock.h"
#include "quadlane/h750.h"
#include "quadlane/memory.h"

// mbedTLS's prototype; its header wants the whole configuration.
int mbedtls_hardware_poll(void *data, unsigned char *output, size_t length, size_t *output_length);

// A number takes about 1 us; far more means a fault.
#define TIMEOUT_MS 10u
#define RESTARTS   8u

static bool wait_for(volatile uint32_t *reg, uint32_t bits)
{
    const uint32_t start = ql_cycles();

    while (!(*reg & bits))
        if (ql_cycles() - start > SystemCoreClock / 1000 * TIMEOUT_MS)
            return false;
    return true;
}

static bool number_get(uint32_t *number)
{
    if (!wait_for(&RNG_SR, RNG_SR_DRDY | RNG_SR_SEIS))
        return false;
    if (RNG_SR & (RNG_SR_SEIS | RNG_SR_CECS | RNG_SR_SECS))
        return false;
    *number = RNG_DR;
    return true;
}

static bool generator_start(void)
{
    uint32_t thrown_away;

    RCC_CR |= RCC_CR_HSI48ON;
    if (!wait_for(&RCC_CR, RCC_CR_HSI48RDY))
        return false;
    RCC_D2CCIP2R &= ~RCC_D2CCIP2R_RNGSEL;
    RCC_AHB2ENR |= RCC_AHB2ENR_RNGEN;
    (void)RCC_AHB2ENR;
    RNG_CR = 0;
    RNG_SR = 0;
    RNG_CR = RNG_CR_RNGEN;
    return number_get(&thrown_away);
}

static bool number_get_or_restart(uint32_t *number)
{
    for (unsigned restart = 0; restart < RESTARTS; restart++) {
        const bool running = (RCC_AHB2ENR & RCC_AHB2ENR_RNGEN) && (RNG_CR & RNG_CR_RNGEN);
        if ((running || generator_start()) && number_get(number))
            return true;
        RCC_AHB2ENR &= ~RCC_AHB2ENR_RNGEN;
    }
    return false;
}

// In ITCM: it mostly polls, which shall not keep the chip's bus busy.
QL_ITCM bool random_fill(void *bytes, size_t size)
{
    uint8_t *next = bytes;

    while (size > 0) {
        uint32_t number;
        if (!number_get_or_restart(&number))
            return false;
        const size_t part = size < sizeof number ? size : sizeof number;
        memcpy(next, &number, part);
        next += part;
        size -= part;
    }
    return true;
}

int mbedtls_hardware_poll(void *data, unsigned char *output, size_t length, size_t *output_length)
{
    (void)data;
    if (!random_fill(output, length))
        return -1;
    *output_length = length;
    return 0;
}
