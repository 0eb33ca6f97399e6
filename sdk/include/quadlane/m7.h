// The Cortex-M7's own registers that the SDK uses, named as in the ARMv7-M Architecture Reference
// Manual (DDI0403), and its barriers as functions.
//
// SPDX-License-Identifier: MIT
#ifndef QUADLANE_M7_H
#define QUADLANE_M7_H

#include <stdint.h>

#define QL_CORE_REGISTER(address) (*(volatile uint32_t *)(address))

#define SYST_CSR   QL_CORE_REGISTER(0xE000E010u)
#define SYST_RVR   QL_CORE_REGISTER(0xE000E014u)
#define SYST_CVR   QL_CORE_REGISTER(0xE000E018u)
#define NVIC_ISER0 QL_CORE_REGISTER(0xE000E100u)
#define NVIC_ICER0 QL_CORE_REGISTER(0xE000E180u)
#define SCB_ICSR   QL_CORE_REGISTER(0xE000ED04u)
#define SCB_VTOR   QL_CORE_REGISTER(0xE000ED08u)
#define SCB_AIRCR  QL_CORE_REGISTER(0xE000ED0Cu)
#define SCB_CCR    QL_CORE_REGISTER(0xE000ED14u)
#define SCB_SHCSR  QL_CORE_REGISTER(0xE000ED24u)
#define SCB_CFSR   QL_CORE_REGISTER(0xE000ED28u)
#define SCB_HFSR   QL_CORE_REGISTER(0xE000ED2Cu)
#define SCB_MMFAR  QL_CORE_REGISTER(0xE000ED34u)
#define SCB_BFAR   QL_CORE_REGISTER(0xE000ED38u)
#define SCB_CCSIDR QL_CORE_REGISTER(0xE000ED80u)
#define SCB_CSSELR QL_CORE_REGISTER(0xE000ED84u)
#define SCB_CPACR  QL_CORE_REGISTER(0xE000ED88u)
#define MPU_CTRL   QL_CORE_REGISTER(0xE000ED94u)
#define MPU_RNR    QL_CORE_REGISTER(0xE000ED98u)
#define MPU_RBAR   QL_CORE_REGISTER(0xE000ED9Cu)
#define MPU_RASR   QL_CORE_REGISTER(0xE000EDA0u)
#define DHCSR      QL_CORE_REGISTER(0xE000EDF0u)
#define DEMCR      QL_CORE_REGISTER(0xE000EDFCu)
#define ICIALLU    QL_CORE_REGISTER(0xE000EF50u)
#define DCIMVAC    QL_CORE_REGISTER(0xE000EF5Cu)
#define DCISW      QL_CORE_REGISTER(0xE000EF60u)
#define DCCMVAC    QL_CORE_REGISTER(0xE000EF68u)
#define DCCISW     QL_CORE_REGISTER(0xE000EF74u)
#define DWT_CTRL   QL_CORE_REGISTER(0xE0001000u)
#define DWT_CYCCNT QL_CORE_REGISTER(0xE0001004u)
#define DWT_LAR    QL_CORE_REGISTER(0xE0001FB0u)

#define SYST_CSR_ENABLE       (1u << 0)
#define SYST_CSR_TICKINT      (1u << 1)
#define SYST_CSR_CLKSOURCE    (1u << 2)
#define SCB_AIRCR_VECTKEY     (0x5FAu << 16)
#define SCB_AIRCR_PRIGROUP    (7u << 8)
#define SCB_AIRCR_SYSRESETREQ (1u << 2)
#define SCB_CCR_DC            (1u << 16)
#define SCB_CCR_IC            (1u << 17)
#define SCB_SHCSR_MEMFAULTENA (1u << 16)
#define SCB_SHCSR_BUSFAULTENA (1u << 17)
#define SCB_SHCSR_USGFAULTENA (1u << 18)
#define SCB_CPACR_CP10_CP11   (0xFu << 20)
#define MPU_CTRL_ENABLE       (1u << 0)
#define MPU_CTRL_PRIVDEFENA   (1u << 2)
#define DHCSR_C_DEBUGEN       (1u << 0)
#define DEMCR_TRCENA          (1u << 24)
#define DWT_CTRL_CYCCNTENA    (1u << 0)

static inline void m7_dsb(void)
{
    __asm volatile("dsb 0xF" ::: "memory");
}

static inline void m7_isb(void)
{
    __asm volatile("isb 0xF" ::: "memory");
}

static inline void m7_dmb(void)
{
    __asm volatile("dmb 0xF" ::: "memory");
}

// Sleeps until an interrupt is pending, even a masked one.
static inline void m7_wait_for_interrupt(void)
{
    __asm volatile("dsb 0xF\n\twfi" ::: "memory");
}

// Returns PRIMASK as it was, for m7_interrupts_restore().
static inline uint32_t m7_interrupts_disable(void)
{
    uint32_t mask;
    __asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(mask)::"memory");
    return mask;
}

static inline void m7_interrupts_restore(uint32_t mask)
{
    __asm volatile("msr primask, %0" ::"r"(mask) : "memory");
}

// Number of the exception being handled, 0 in thread mode.
static inline uint32_t m7_exception_number(void)
{
    uint32_t number;
    __asm volatile("mrs %0, ipsr" : "=r"(number));
    return number;
}

#endif
