// MPU regions, from the Armv7-M Architecture Reference Manual, B3.5, and ST's advice against
// speculative reads of a quad-SPI window that is not mapped: they would lock the bus.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/mpu.h"

#include "firmware/chip/barrier.h"
#include "firmware/chip/registers.h"

enum {
    REGION_WINDOW_CLOSED = 0, // 256 MB, no access
    REGION_WINDOW_OPEN = 1,   // the chip; the higher number wins
    REGION_STACK_GUARD = 2,
    REGION_NULL = 3,
    REGION_COUNT = 16,
};

enum { ACCESS_NONE = 0, ACCESS_READ_ONLY = 6 };

#define WINDOW_ADDRESS 0x90000000u
#define WINDOW_SIZE    0x10000000u
#define ITCM_ADDRESS   0x00000000u
#define ITCM_SIZE      0x00010000u

extern uint32_t link_stack_start[];
enum { STACK_GUARD_SIZE = 256 }; // also in link/sections.ld

static void region_set(uint32_t region, uint32_t address, uint32_t size, uint32_t attributes)
{
    MPU_RNR = region;
    MPU_RASR = 0;
    MPU_RBAR = address;
    // SIZE: 2^(SIZE + 1) bytes
    MPU_RASR = attributes | FIELD(MPU_RASR_SIZE, 30 - __builtin_clz(size)) | MPU_RASR_ENABLE;
}

static void region_off(uint32_t region)
{
    MPU_RNR = region;
    MPU_RASR = 0;
    MPU_RBAR = 0;
}

void mpu_start(void)
{
    const uint32_t no_access = MPU_RASR_XN | FIELD(MPU_RASR_AP, ACCESS_NONE);

    barrier_data();
    MPU_CTRL = 0;
    region_set(REGION_WINDOW_CLOSED, WINDOW_ADDRESS, WINDOW_SIZE, no_access | MPU_RASR_S);
    for (uint32_t region = REGION_WINDOW_CLOSED + 1; region < REGION_COUNT; ++region) {
        region_off(region);
    }
    MPU_CTRL = MPU_CTRL_ENABLE | MPU_CTRL_PRIVDEFENA;
    barrier_instruction();
}

void mpu_traps_set(void)
{
    const uint32_t no_access = MPU_RASR_XN | FIELD(MPU_RASR_AP, ACCESS_NONE);

    barrier_data();
    region_set(REGION_STACK_GUARD, (uint32_t)(uintptr_t)link_stack_start, STACK_GUARD_SIZE,
               no_access);
    // The firmware keeps nothing in ITCM, so that an access there comes from a null pointer.
    region_set(REGION_NULL, ITCM_ADDRESS, ITCM_SIZE, no_access);
    barrier_instruction();
}

void mpu_window_open(uint32_t size)
{
    barrier_data();
    // Normal memory, write-back without write allocation (TEX 0, C 1, B 1).
    region_set(REGION_WINDOW_OPEN, WINDOW_ADDRESS, size,
               FIELD(MPU_RASR_AP, ACCESS_READ_ONLY) | MPU_RASR_C | MPU_RASR_B);
    barrier_instruction();
}

void mpu_window_close(void)
{
    barrier_data();
    region_off(REGION_WINDOW_OPEN);
    barrier_instruction();
}

void mpu_null_open(void)
{
    barrier_data();
    region_off(REGION_NULL);
    barrier_instruction();
}

void mpu_hand_over(void)
{
    for (uint32_t region = REGION_WINDOW_OPEN + 1; region < REGION_COUNT; ++region) {
        region_off(region);
    }
    barrier_instruction();
}
