// Barriers and the interrupt mask, as functions; always inline, as flash_itcm.c may not call any.
//
// Written from the Armv7-M Architecture Reference Manual, B5.2 and A3.7.3.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_BARRIER_H
#define FIRMWARE_CHIP_BARRIER_H

#include <stdint.h>

// All memory accesses so far have happened.
static inline __attribute__((always_inline)) void barrier_data(void)
{
    __asm volatile("dsb" ::: "memory");
}

// What follows is fetched anew, under the settings made so far.
static inline __attribute__((always_inline)) void barrier_instruction(void)
{
    __asm volatile("dsb\n isb" ::: "memory");
}

#endif
