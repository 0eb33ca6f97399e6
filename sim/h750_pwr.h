// PWR of the STM32H750: supply configuration, voltage scale, backup domain write access.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_PWR_H
#define SIM_H750_PWR_H

#include <stdbool.h>

struct machine;
struct pwr;
struct rcc;

struct pwr *pwr_create(struct machine *machine, struct rcc *rcc);

// Voltage scale in force now, 0 (boost) to 3 (reset).
unsigned pwr_voltage_scale(const struct pwr *pwr);

// SYSCFG_PWRCR.ODEN, wired from SYSCFG: voltage scale 1 becomes 0.
void pwr_set_overdrive(struct pwr *pwr, bool on);

// CR1.DBP: RTC, backup registers, backup SRAM and RCC_BDCR may be written.
bool pwr_backup_writable(const struct pwr *pwr);

#endif
