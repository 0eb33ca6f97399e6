// The handlers that the vector table names; each is defined by the driver that it belongs to.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_VECTORS_H
#define FIRMWARE_CHIP_VECTORS_H

void systick_handler(void);
void quadspi_handler(void);
void otg_fs_handler(void);

#endif
