// RCC of the STM32H750: clock tree, clock gates, peripheral resets, reset causes.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_RCC_H
#define SIM_H750_RCC_H

#include <stdint.h>

struct machine;
struct rcc;

enum rcc_clock {
    RCC_CLOCK_CPU,  // rcc_c_ck after D1CPRE
    RCC_CLOCK_HCLK, // AXI, AHB1..4 (HCLK3)
    RCC_CLOCK_PCLK1,
    RCC_CLOCK_PCLK2,
    RCC_CLOCK_PCLK3,
    RCC_CLOCK_PCLK4,
    RCC_CLOCK_TIMX,    // timers on APB1
    RCC_CLOCK_TIMY,    // timers on APB2
    RCC_CLOCK_QUADSPI, // kernel clocks, after their multiplexer
    RCC_CLOCK_USB,
    RCC_CLOCK_RNG,
    RCC_CLOCK_USART16,
    RCC_CLOCK_USART234578,
    RCC_CLOCK_LPUART1,
    RCC_CLOCK_RTC,
    RCC_CLOCK_LSI,
    RCC_CLOCK_COUNT
};

// hse_hz and lse_hz as fitted on the board, 0: none.
struct rcc *rcc_create(struct machine *machine, uint32_t hse_hz, uint32_t lse_hz);

// Present frequency, 0 while stopped or not selected.
uint64_t rcc_clock_hz(const struct rcc *rcc, enum rcc_clock clock);

// `changed` is called after any frequency changed (baud rates, timers, XIP timing).
void rcc_on_change(struct rcc *rcc, void (*changed)(void *context), void *context);

#endif
