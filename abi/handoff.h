// What bootloader and program tell each other over a reset, in backup registers: the program's
// request to stay in the bootloader, and its starts that it has not confirmed. Written from SPEC.md
// sections 9 and 16. Nothing else of quadlane is needed to use this header.
//
// A program enables the backup domain's clock and write access (RCC_APB4ENR.RTCAPBEN,
// PWR_CR1.DBP) and stores the word; to get into the bootloader it then resets the system.
//
// SPDX-License-Identifier: MIT
#ifndef ABI_HANDOFF_H
#define ABI_HANDOFF_H

#include <stdint.h>

#define QL_STAY_REQUEST_INDEX   31 // RTC_BKP31R
#define QL_STAY_REQUEST_ADDRESS UINT32_C(0x580040CC)
#define QL_STAY_REQUEST_VALUE   UINT32_C(0x544C4251) // the bytes "QBLT"

// The bootloader's own: the start window is open.
#define QL_WINDOW_INDEX   30 // RTC_BKP30R
#define QL_WINDOW_ADDRESS UINT32_C(0x580040C8)
#define QL_WINDOW_MAGIC   UINT32_C(0x5157) // in the upper half

// The bootloader counts here; a program that confirms its start stores the value below.
#define QL_ATTEMPTS_INDEX     29 // RTC_BKP29R
#define QL_ATTEMPTS_ADDRESS   UINT32_C(0x580040C4)
#define QL_ATTEMPTS_CONFIRMED UINT32_C(0)

#endif
