// True random numbers from the RNG peripheral.
//
// SPDX-License-Identifier: MIT
#ifndef CONSOLE_RANDOM_H
#define CONSOLE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

// Fills `bytes`; false if the generator's self-checks keep failing or its clock does not run.
bool random_fill(void *bytes, size_t size);

#endif
