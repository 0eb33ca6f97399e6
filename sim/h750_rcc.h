// RCC of the STM32H750: clock tree, clock gates, peripheral resets, reset causes.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_RCC_H
#define SIM_H750_RCC_H

#include <stdbool.h>
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
    RCC_CLOCK_LPTIM1,
    RCC_CLOCK_LPTIM2,
    RCC_CLOCK_LPTIM345,
    RCC_CLOCK_RTC, // 0 as well while BDCR.RTCEN is 0
    RCC_CLOCK_LSI,
    RCC_CLOCK_LSE,
    RCC_CLOCK_HSI48,
    RCC_CLOCK_SYSCLK,
    RCC_CLOCK_COUNT
};

// hse_hz and lse_hz as fitted on the board, 0: none.
struct rcc *rcc_create(struct machine *machine, uint32_t hse_hz, uint32_t lse_hz);

// Present frequency, 0 while stopped or not selected.
uint64_t rcc_clock_hz(const struct rcc *rcc, enum rcc_clock clock);

// `changed` is called after any frequency or clock gate changed (baud rates, timers, XIP timing).
void rcc_on_change(struct rcc *rcc, void (*changed)(void *context), void *context);

// State of a clock enable bit, e.g. 0xD4 and 14 for AHB3ENR.QSPIEN.
bool rcc_gate_open(const struct rcc *rcc, uint16_t gate_offset, uint8_t gate_bit);

// What other models tell the RCC. The clocks are checked against the supply's voltage scale (0..3)
// and the flash's wait states; a system reset brings back scale 3 and 7 wait states by itself.
void rcc_set_voltage_scale(struct rcc *rcc, unsigned scale);
void rcc_set_flash_latency(struct rcc *rcc, unsigned wait_states);
void rcc_set_backup_writable(struct rcc *rcc, bool writable); // PWR_CR1.DBP, for BDCR
void rcc_request_lsi(struct rcc *rcc);                        // IWDG runs: LSI until reset

// Highest AXI clock that `latency` and `high_frequency` (FLASH_ACR) allow at the present voltage.
uint64_t rcc_flash_limit_hz(const struct rcc *rcc, unsigned latency, unsigned high_frequency);

// `reset` is called when BDCR.BDRST resets the backup domain.
void rcc_on_backup_reset(struct rcc *rcc, void (*reset)(void *context), void *context);

// GCR.WW1RSC: the window watchdog may reset the system.
bool rcc_wwdg_resets_system(const struct rcc *rcc);

#endif
