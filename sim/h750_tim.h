// The timers of the STM32H750: TIM1-8 and TIM12-17.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_TIM_H
#define SIM_H750_TIM_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct rcc;
struct tim;

extern const char *const tim_names[]; // "TIM1", ...; ends with NULL

// NULL if there is no timer of that name.
struct tim *tim_create(struct machine *machine, struct rcc *rcc, const char *name);

// Output reference level OCxREF of channel 1..6, now.
bool tim_output_reference(struct tim *tim, unsigned channel);

#endif
