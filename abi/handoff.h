// How a running program asks for the bootloader: a word in a backup register, then a reset.
// Written from SPEC.md section 9. Nothing else of quadlane is needed to use this header.
//
// A program enables the backup domain's clock and write access (RCC_APB4ENR.RTCAPBEN,
// PWR_CR1.DBP), stores the word, and resets the system.
//
// SPDX-License-Identifier: MIT
#ifndef ABI_HANDOFF_H
#define ABI_HANDOFF_H

#include <stdint.h>

#define QL_STAY_REQUEST_INDEX   31 // RTC_BKP31R
#define QL_STAY_REQUEST_ADDRESS UINT32_C(0x580040CC)
#define QL_STAY_REQUEST_VALUE   UINT32_C(0x544C4251) // the bytes "QBLT"

#endif
