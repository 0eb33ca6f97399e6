// CRC calculation unit of the STM32H750.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_CRC_H
#define SIM_H750_CRC_H

struct crc_unit;
struct machine;

struct crc_unit *crc_unit_create(struct machine *machine);

#endif
