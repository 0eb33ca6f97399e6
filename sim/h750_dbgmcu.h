// DBGMCU of the STM32H750: device id and debug options.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_DBGMCU_H
#define SIM_H750_DBGMCU_H

struct dbgmcu;
struct machine;

struct dbgmcu *dbgmcu_create(struct machine *machine);

#endif
