// The STM32H750's peripherals that the virtual board does not have: an access says so.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_UNMODELLED_H
#define SIM_H750_UNMODELLED_H

struct machine;

// Call after all models are on the bus.
void unmodelled_create(struct machine *machine);

#endif
