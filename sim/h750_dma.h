// DMA1 and DMA2 of the STM32H750.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_DMA_H
#define SIM_H750_DMA_H

struct dma;
struct dmamux;
struct machine;
struct rcc;

// number: 1 or 2; `mux` is DMAMUX1.
struct dma *dma_create(struct machine *machine, struct rcc *rcc, struct dmamux *mux,
                       unsigned number);

#endif
