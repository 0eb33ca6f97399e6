// BDMA of the STM32H750: the DMA controller of the D3 domain.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_BDMA_H
#define SIM_H750_BDMA_H

struct bdma;
struct dmamux;
struct machine;
struct rcc;

// `mux` is DMAMUX2.
struct bdma *bdma_create(struct machine *machine, struct rcc *rcc, struct dmamux *mux);

#endif
