// AXI interconnect registers of the STM32H750 (GPV at 0x51000000).
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_AXI_H
#define SIM_H750_AXI_H

struct axi;
struct machine;

struct axi *axi_create(struct machine *machine);

#endif
