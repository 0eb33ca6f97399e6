// FMC of the STM32H750, as far as start-up code touches it: no memory is connected.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_FMC_H
#define SIM_H750_FMC_H

struct fmc;
struct machine;

struct fmc *fmc_create(struct machine *machine);

#endif
