// What start-up asks of an image.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_STARTUP_H
#define FIRMWARE_CHIP_STARTUP_H

// Defined by the image: makes the world that of a reset, or does not return. Variables are there,
// interrupts are masked, caches are on, the MPU is set.
void startup_settle(void);

#endif
