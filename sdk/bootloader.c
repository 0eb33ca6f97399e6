// Asking for the bootloader, confirming a start, and the reset.
//
// Written from SPEC.md sections 9 and 16, RM0433 (backup domain) and the ARMv7-M Architecture
// Reference Manual (AIRCR).
//
// SPDX-License-Identifier: MIT
#include "quadlane/bootloader.h"

#include "abi/handoff.h"
#include "quadlane/h750.h"
#include "quadlane/m7.h"
#include "runtime.h"

#define TOUCH_BAUD 1200u

void ql_backup_write(uint32_t address, uint32_t value)
{
    RCC_APB4ENR |= RCC_APB4ENR_RTCAPBEN;
    (void)RCC_APB4ENR;
    PWR_CR1 |= PWR_CR1_DBP;
    while (!(PWR_CR1 & PWR_CR1_DBP)) {
    }
    QL_REGISTER(address) = value;
    (void)QL_REGISTER(address); // written before anything after it
    m7_dsb();
}

void ql_stay_in_bootloader_after_reset(void)
{
    ql_backup_write(QL_STAY_REQUEST_ADDRESS, QL_STAY_REQUEST_VALUE);
}

void ql_confirm(void)
{
    ql_backup_write(QL_ATTEMPTS_ADDRESS, QL_ATTEMPTS_CONFIRMED);
}

void ql_reset(void)
{
    m7_interrupts_disable();
    m7_dsb();
    SCB_AIRCR = SCB_AIRCR_VECTKEY | (SCB_AIRCR & SCB_AIRCR_PRIGROUP) | SCB_AIRCR_SYSRESETREQ;
    m7_dsb();
    for (;;) {
    }
}

void ql_touch(uint32_t baud, bool dtr)
{
    static bool dtr_before;
    const bool asked = baud == TOUCH_BAUD && dtr_before && !dtr;

    dtr_before = dtr;
    if (asked) {
        ql_stay_in_bootloader_after_reset();
        ql_reset();
    }
}
