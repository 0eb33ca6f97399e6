// EXTI of the STM32H750: edges on GPIO pins and internal lines to interrupts and wake-up events.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_EXTI_H
#define SIM_H750_EXTI_H

#include <stdbool.h>

struct exti;
struct gpio;
struct machine;
struct syscfg;

// Lines 0..15 are pins. Internal configurable lines:
enum exti_line {
    EXTI_LINE_PVD_AVD = 16,
    EXTI_LINE_RTC_ALARM = 17,
    EXTI_LINE_RTC_TAMPER = 18,
    EXTI_LINE_RTC_WAKEUP = 19,
};

struct exti *exti_create(struct machine *machine, struct gpio *gpio, struct syscfg *syscfg);

// Level of an internal line; edges are recognised as RTSR and FTSR say.
void exti_set_line(struct exti *exti, unsigned line, bool level);

#endif
