// The Cortex-M7's memory protection unit: its registers, and what they say about an address.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_MPU_H
#define SIM_MPU_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct mpu;

struct mpu *mpu_create(struct machine *machine);
void mpu_destroy(struct mpu *mpu);
void mpu_reset(struct mpu *mpu);

struct mpu_attributes {
    bool no_access;     // for privileged code
    bool thread_access; // unprivileged code may read
    bool execute_never;
    bool cacheable;
    bool ordered; // device or strongly-ordered: never read speculatively
};
void mpu_lookup(const struct mpu *mpu, uint32_t address, struct mpu_attributes *attributes);

// `changed` is called after any register that matters changed.
void mpu_on_change(struct mpu *mpu, void (*changed)(void *context), void *context);

#endif
