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

// The backup registers' bus clock must be on.
static void backup_register_write(uint32_t value)
{
    PWR_CR1 |= PWR_CR1_DBP;
    // The write protection takes a few bus cycles to open.
    while ((PWR_CR1 & PWR_CR1_DBP) == 0) {
    }
    RTC_BKP31R = value;
    barrier_data();
    PWR_CR1 &= ~PWR_CR1_DBP;
}

static uint32_t backup_clock_on(void)
{
    uint32_t before = RCC_APB4ENR;
    RCC_APB4ENR = before | RCC_APB4ENR_RTCAPBEN;
    (void)RCC_APB4ENR;
    return before;
}

void reset_stay_request_leave(void)
{
    (void)backup_clock_on();
    backup_register_write(QL_STAY_REQUEST_VALUE);
}

void reset_into_bootloader(void)
{
    reset_stay_request_leave();
    reset_system();
}

bool reset_stay_request_take(void)
{
    uint32_t before = backup_clock_on();
    bool asked = RTC_BKP31R == QL_STAY_REQUEST_VALUE;
    if (asked) {
        backup_register_write(0);
    }
    RCC_APB4ENR = before;
    return asked;
}
