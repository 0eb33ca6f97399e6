// Clocks: what the start-up sets and what the tree says now.
//
// SPDX-License-Identifier: MIT
#ifndef QUADLANE_CLOCK_H
#define QUADLANE_CLOCK_H

#include <stdint.h>

// Frequency of the crystal on HSE; 0: none is fitted. Set by app.mk's variable HSE_HZ.
#ifndef QL_HSE_HZ
#define QL_HSE_HZ 8000000
#endif

// Raises the CPU to 400 MHz (PLL1 from HSE, else from HSI), HCLK to 200 MHz, PCLK1..4 to 100 MHz,
// while the program executes from the external chip. Called by the start-up before variables have
// their values. A program may bring its own: see docs/writing-a-program.md for what it must not do.
void SystemInit(void);

// CPU frequency in Hz as SystemInit left it.
extern uint32_t SystemCoreClock;

// In Hz, read from the clock tree's registers: right whoever has set them.
uint32_t ql_clock_cpu_hz(void);
uint32_t ql_clock_hclk_hz(void);
uint32_t ql_clock_pclk1_hz(void);
uint32_t ql_clock_pclk2_hz(void);

// CPU cycles since ql_cycles_start(); wraps after 2^32 (10.7 s at 400 MHz).
void ql_cycles_start(void);
uint32_t ql_cycles(void);

// A millisecond counter on SysTick. The SDK defines SysTick_Handler only in programs that use it.
void ql_ticks_start(void);
uint32_t ql_ticks_ms(void);

#endif
