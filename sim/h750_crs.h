// CRS of the STM32H750: trims HSI48 against a synchronisation signal.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_CRS_H
#define SIM_H750_CRS_H

struct crs;
struct machine;
struct rcc;

struct crs *crs_create(struct machine *machine, struct rcc *rcc);

// A start of frame on one of the USB cores: 1 OTG_HS, 2 OTG_FS (the signals SYNCSRC selects).
void crs_usb_frame(struct crs *crs, unsigned usb);

#endif
