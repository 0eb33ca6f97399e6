// The routine that is measured, once in the external chip and once in ITCM.
//
// SPDX-License-Identifier: MIT
#ifndef FAST_WORK_H
#define FAST_WORK_H

#include <stdint.h>

// Both do the same and return the same check sum. Their data lies in DTCM, so that only the place
// of the code differs.
uint32_t work_in_chip(void);
uint32_t work_in_itcm(void);

// Puts the data back to where every measurement starts.
void work_reset(void);

#endif
