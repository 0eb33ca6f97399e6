// Reset and backup register, from RM0433, chapters "Reset and clock control", "Power control"
// (backup domain) and "Real-time clock"; SPEC.md section 9.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/reset.h"

#include "abi/handoff.h"
#include "firmware/chip/barrier.h"
#include "firmware/chip/registers.h"

_Static_assert(RTC_BASE + 0x50 + 4 * QL_STAY_REQUEST_INDEX == QL_STAY_REQUEST_ADDRESS,
               "the stay request lies in RTC_BKP31R");

enum { AIRCR_KEY = 0x05FA };

uint32_t reset_cause(void)
{
    return RCC_RSR;
}

void reset_system(void)
{
    barrier_data();
    SCB_AIRCR = FIELD(SCB_AIRCR_VECTKEY, AIRCR_KEY) | (SCB_AIRCR & SCB_AIRCR_PRIGROUP) |
                SCB_AIRCR_SYSRESETREQ;
    barrier_data();
    for (;;) {
    }
}

static void backup_register_write(uint32_t value)
{
    RCC_APB4ENR |= RCC_APB4ENR_RTCAPBEN; // on after reset; a debugger's user may have cleared it
    PWR_CR1 |= PWR_CR1_DBP;
    // The write protection takes a few bus cycles to open.
    while ((PWR_CR1 & PWR_CR1_DBP) == 0) {
    }
    RTC_BKP31R = value;
    barrier_data();
    PWR_CR1 &= ~PWR_CR1_DBP;
}

void reset_into_bootloader(void)
{
    backup_register_write(QL_STAY_REQUEST_VALUE);
    reset_system();
}

bool reset_stay_request_take(void)
{
    RCC_APB4ENR |= RCC_APB4ENR_RTCAPBEN;
    if (RTC_BKP31R != QL_STAY_REQUEST_VALUE) {
        return false;
    }
    backup_register_write(0);
    return true;
}
