// Asking for the bootloader, and the reset that gets there.
//
// Written from SPEC.md section 9, RM0433 (backup domain) and the ARMv7-M Architecture Reference
// Manual (AIRCR).
//
// SPDX-License-Identifier: MIT
#include "quadlane/bootloader.h"

#include "abi/handoff.h"
#include "quadlane/h750.h"
#include "quadlane/m7.h"

void ql_stay_in_bootloader_after_reset(void)
{
    RCC_APB4ENR |= RCC_APB4ENR_RTCAPBEN;
    (void)RCC_APB4ENR;
    PWR_CR1 |= PWR_CR1_DBP;
    while (!(PWR_CR1 & PWR_CR1_DBP)) {
    }
    QL_REGISTER(QL_STAY_REQUEST_ADDRESS) = QL_STAY_REQUEST_VALUE;
    (void)QL_REGISTER(QL_STAY_REQUEST_ADDRESS); // written before anything after it
    m7_dsb();
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
