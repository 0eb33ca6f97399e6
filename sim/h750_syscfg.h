// SYSCFG of the STM32H750: EXTI port selection, overdrive, compensation cell, user registers.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_SYSCFG_H
#define SIM_H750_SYSCFG_H

struct machine;
struct pwr;
struct syscfg;

struct syscfg *syscfg_create(struct machine *machine, struct pwr *pwr);

// Port letter that EXTICR selects for EXTI line 0..15, 0 if the field holds no port.
char syscfg_exti_port(const struct syscfg *syscfg, unsigned line);

// `changed` is called after EXTICR changed.
void syscfg_on_change(struct syscfg *syscfg, void (*changed)(void *context), void *context);

#endif
