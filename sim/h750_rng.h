// RNG of the STM32H750: a random number generator that repeats from its seed.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_RNG_H
#define SIM_H750_RNG_H

#include <stdint.h>

struct machine;
struct rcc;
struct rng;

struct rng *rng_create(struct machine *machine, struct rcc *rcc, uint64_t seed);

#endif
