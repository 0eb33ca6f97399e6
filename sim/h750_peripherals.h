// All general peripherals of an STM32H750 in one go: everything but QUADSPI, USB and the core.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_PERIPHERALS_H
#define SIM_H750_PERIPHERALS_H

#include <stdint.h>

struct machine;

struct peripherals_settings {
    uint32_t hse_hz; // crystals as fitted, 0: none
    uint32_t lse_hz;
    uint8_t unique_id[12];
    uint64_t random_seed; // of the RNG
};

#define PERIPHERALS_USARTS 9
#define PERIPHERALS_TIMERS 14

struct peripherals {
    struct rcc *rcc;
    struct pwr *pwr;
    struct gpio *gpio;
    struct flash *flash;
    struct syscfg *syscfg;
    struct exti *exti;
    struct rtc *rtc;
    struct crs *crs;
    struct hash *hash;
    struct usart *usarts[PERIPHERALS_USARTS]; // in the order of usart_names
    struct tim *timers[PERIPHERALS_TIMERS];   // in the order of tim_names
};

void peripherals_create(struct peripherals *peripherals, struct machine *machine,
                        const struct peripherals_settings *settings);

#endif
