// DMAMUX1 and DMAMUX2 of the STM32H750: which request line drives which DMA channel.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_DMAMUX_H
#define SIM_H750_DMAMUX_H

#include <stdbool.h>

struct dmamux;
struct machine;
struct rcc;

// number: 1 (for DMA1 and DMA2: 16 channels) or 2 (for BDMA: 8 channels).
struct dmamux *dmamux_create(struct machine *machine, struct rcc *rcc, unsigned number);

// `wake` is called when the channel may have got a request.
void dmamux_connect(struct dmamux *mux, unsigned channel, void (*wake)(void *context),
                    void *context);

// The channel's request line wants a transfer; `served` after it had one.
bool dmamux_pending(const struct dmamux *mux, unsigned channel);
void dmamux_served(struct dmamux *mux, unsigned channel);

#endif
