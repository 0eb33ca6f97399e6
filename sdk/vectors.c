// The vector table: first in the image, at the address that the bootloader is told to start.
//
// Every handler is weak: a program defines the ones it uses. The others end in the fault report.
// Written from the ARMv7-M Architecture Reference Manual (exceptions 0..15) and SPEC.md section 7.
//
// SPDX-License-Identifier: MIT
#include "quadlane/interrupts.h"
#include "quadlane/m7.h"
#include "quadlane/memory.h"
#include "runtime.h"

// Notes the stack pointers and the registers that the hardware did not save, then reports on a
// stack of its own: the one in use may be what went wrong.
__attribute__((naked, used)) void ql_fault_entry(void)
{
    __asm volatile("mrs r0, msp\n\t"
                   "mrs r1, psp\n\t"
                   "mov r2, lr\n\t"
                   "ldr r3, =%0\n\t"
                   "mov sp, r3\n\t"
                   "push {r4-r11}\n\t"
                   "mov r3, sp\n\t"
                   "bl ql_fault_report\n\t"
                   ".ltorg" ::"i"(ql_fault_stack + QL_FAULT_STACK_SIZE / 8));
}

#define WEAK_HANDLER __attribute__((weak, alias("ql_fault_entry")))

void NMI_Handler(void) WEAK_HANDLER;
void HardFault_Handler(void) WEAK_HANDLER;
void MemManage_Handler(void) WEAK_HANDLER;
void BusFault_Handler(void) WEAK_HANDLER;
void UsageFault_Handler(void) WEAK_HANDLER;
void SVC_Handler(void) WEAK_HANDLER;
void DebugMon_Handler(void) WEAK_HANDLER;
void PendSV_Handler(void) WEAK_HANDLER;
void SysTick_Handler(void) WEAK_HANDLER;

#define DECLARE_HANDLER(number, name) void name##_IRQHandler(void) WEAK_HANDLER;
#define DECLARE_NOTHING(number)
QL_INTERRUPTS(DECLARE_HANDLER, DECLARE_NOTHING)

#define HANDLER_ENTRY(number, name) [16 + (number)] = {.handler = name##_IRQHandler},
#define HANDLER_RESERVED(number)    [16 + (number)] = {.handler = ql_fault_entry},

__attribute__((section(".vectors"), used)) const union ql_vector ql_vectors[QL_VECTOR_COUNT] = {
    [0] = {.stack = ql_stack_top},         [1] = {.handler = Reset_Handler},
    [2] = {.handler = NMI_Handler},        [3] = {.handler = HardFault_Handler},
    [4] = {.handler = MemManage_Handler},  [5] = {.handler = BusFault_Handler},
    [6] = {.handler = UsageFault_Handler}, [11] = {.handler = SVC_Handler},
    [12] = {.handler = DebugMon_Handler},  [14] = {.handler = PendSV_Handler},
    [15] = {.handler = SysTick_Handler},   QL_INTERRUPTS(HANDLER_ENTRY, HANDLER_RESERVED)};

// The copy in use. VTOR wants the table aligned to the next power of two above its size.
__attribute__((section(".dtcm.vectors"),
               aligned(1024))) union ql_vector ql_vectors_in_dtcm[QL_VECTOR_COUNT];
