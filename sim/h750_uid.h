// The read-only words in the STM32H750's system memory: unique id, flash size, package, line name.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_UID_H
#define SIM_H750_UID_H

#include <stdint.h>

struct machine;
struct uid;

// `id`: the 96-bit unique id as 12 bytes at 0x1FF1E800 in order of address.
struct uid *uid_create(struct machine *machine, const uint8_t id[12]);

#endif
