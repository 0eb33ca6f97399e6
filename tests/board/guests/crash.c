// Crashes twice: a read where nothing is, told by its BusFault handler, and an undefined
// instruction, told by the HardFault handler it escalates to.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"

#define NOWHERE 0x40100000u // between the peripherals of D2

static void bus_fault(void);
static void hard_fault(void);

GUEST_VECTORS, [3] = hard_fault, [5] = bus_fault GUEST_VECTORS_END;

__attribute__((used)) void bus_fault_tell(uint32_t *frame);
__attribute__((used)) void hard_fault_tell(const uint32_t *frame);
extern const uint16_t guest_crash[], guest_undefined[];

// Goes on behind the load, which is a halfword.
void bus_fault_tell(uint32_t *frame)
{
    guest_print_value("bus fault, CFSR", REG(0xE000ED28u));
    guest_print_value("BFAR", REG(0xE000ED38u));
    guest_print(frame[6] == (uint32_t)guest_crash ? "at the load\n" : "elsewhere\n");
    REG(0xE000ED28u) = REG(0xE000ED28u);
    frame[6] += 2;
}

void hard_fault_tell(const uint32_t *frame)
{
    guest_print_value("hard fault, CFSR", REG(0xE000ED28u));
    guest_print_value("HFSR", REG(0xE000ED2Cu));
    guest_print(frame[6] == (uint32_t)guest_undefined ? "at the undefined instruction\n"
                                                      : "elsewhere\n");
    guest_end();
}

__attribute__((naked)) static void bus_fault(void)
{
    __asm volatile("mov r0, sp\n"
                   "b bus_fault_tell\n");
}

__attribute__((naked)) static void hard_fault(void)
{
    __asm volatile("mov r0, sp\n"
                   "b hard_fault_tell\n");
}

void guest_reset(void)
{
    guest_uart_start(64000000u);
    REG(0xE000ED24u) |= 1u << 17; // SHCSR.BUSFAULTENA
    register uint32_t address __asm("r1") = NOWHERE;
    __asm volatile(".global guest_crash\n"
                   "guest_crash: ldr r0, [r1]\n"
                   "dsb\n"
                   :
                   : "r"(address)
                   : "r0", "memory");
    __asm volatile(".global guest_undefined\n"
                   "guest_undefined: udf #0\n");
    guest_end();
}
