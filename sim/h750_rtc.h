// RTC of the STM32H750: calendar, alarms, wake-up timer and the 32 backup registers.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_RTC_H
#define SIM_H750_RTC_H

struct exti;
struct machine;
struct pwr;
struct rcc;
struct rtc;

struct rtc *rtc_create(struct machine *machine, struct rcc *rcc, struct pwr *pwr,
                       struct exti *exti);

#endif
