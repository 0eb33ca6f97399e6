// For code that others start: the microcontroller as after a reset.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_TAKEOVER_H
#define FIRMWARE_CHIP_TAKEOVER_H

// With interrupts masked, after mpu_start (nothing may read the quad-SPI window meanwhile).
void takeover(void);

#endif
