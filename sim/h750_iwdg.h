// The watchdogs of the STM32H750: IWDG1 on LSI, WWDG1 on PCLK3.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_IWDG_H
#define SIM_H750_IWDG_H

struct iwdg;
struct machine;
struct rcc;
struct wwdg;

struct iwdg *iwdg_create(struct machine *machine, struct rcc *rcc);
struct wwdg *wwdg_create(struct machine *machine, struct rcc *rcc);

#endif
