// What guest programs share: the test port, core registers, the vector table.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_MODEL_GUEST_H
#define TESTS_MODEL_GUEST_H

#include <stdint.h>

#define WORD(address) (*(volatile uint32_t *)(address))

// The test port, a device that only the test machine has.
#define PORT_EXIT   WORD(0x40000000) // ends the run
#define PORT_LOG    WORD(0x40000004) // appends to the log
#define PORT_CASE   WORD(0x40000008) // which case to run
#define PORT_RAISE  WORD(0x4000000C) // interrupt line up
#define PORT_LOWER  WORD(0x40000010) // interrupt line down
#define PORT_LATER  WORD(0x40000014) // line 5 goes up after so many microseconds
#define PORT_WINDOW WORD(0x40000018) // 1 shows the window at 0x90000000, 0 hides it
#define PORT_PATCH  WORD(0x4000001C) // adds 2 to the halfword at this address of the window

#define SYST_CTRL WORD(0xE000E010)
#define SYST_LOAD WORD(0xE000E014)
#define SYST_VAL  WORD(0xE000E018)
#define ISER0     WORD(0xE000E100)
#define ISPR0     WORD(0xE000E200)
#define IPR(irq)  (*(volatile uint8_t *)(0xE000E400 + (irq)))
#define ICSR      WORD(0xE000ED04)
#define AIRCR     WORD(0xE000ED0C)
#define SCR       WORD(0xE000ED10)
#define SHPR(n)   (*(volatile uint8_t *)(0xE000ED18 - 4 + (n))) // by exception number
#define SHCSR     WORD(0xE000ED24)
#define CFSR      WORD(0xE000ED28)
#define HFSR      WORD(0xE000ED2C)
#define BFAR      WORD(0xE000ED38)
#define CCR       WORD(0xE000ED14)
#define MPU_CTRL  WORD(0xE000ED94)
#define MPU_RNR   WORD(0xE000ED98)
#define MPU_RBAR  WORD(0xE000ED9C)
#define MPU_RASR  WORD(0xE000EDA0)
#define ICIALLU   WORD(0xE000EF50)
#define DCIMVAC   WORD(0xE000EF5C)
#define DCISW     WORD(0xE000EF60)
#define CPACR     WORD(0xE000ED88)
#define DEMCR     WORD(0xE000EDFC)
#define DWT_CTRL  WORD(0xE0001000)
#define CYCCNT    WORD(0xE0001004)

#define BARRIER() __asm volatile("dsb\n isb" ::: "memory")

static inline void set_basepri(uint32_t value)
{
    __asm volatile("msr basepri, %0" ::"r"(value) : "memory");
}

static inline uint32_t get_ipsr(void)
{
    uint32_t value;

    __asm volatile("mrs %0, ipsr" : "=r"(value));
    return value;
}

#endif
