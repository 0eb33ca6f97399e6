// The end of a program: exit status, or what the CPU knew at a fault, on the console.
//
// Written from the ARMv7-M Architecture Reference Manual: sections B1.5.6 (exception frame) and
// B3.2 (fault status registers).
//
// SPDX-License-Identifier: MIT
#include "quadlane/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quadlane/m7.h"
#include "quadlane/memory.h"
#include "quadlane/uart.h"
#include "runtime.h"

QL_NOINIT uint64_t ql_fault_stack[QL_FAULT_STACK_SIZE / 8];

static void print(const char *text)
{
    size_t size = 0;

    while (text[size] != 0)
        size++;
    ql_uart_write_now(text, size);
}

static void print_hex(uint32_t value)
{
    char text[8];

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "0123456789abcdef"[(value >> (28 - 4 * i)) & 15];
    ql_uart_write_now(text, sizeof text);
}

static void print_decimal(int32_t value)
{
    char text[11];
    size_t begin = sizeof text;
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;

    do {
        text[--begin] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0)
        text[--begin] = '-';
    ql_uart_write_now(text + begin, sizeof text - begin);
}

static void print_register(const char *name, uint32_t value)
{
    print("  ");
    print(name);
    print(" ");
    print_hex(value);
}

static const char *exception_name(uint32_t number)
{
    static const char *const names[] = {
        [2] = "NMI",       [3] = "HardFault",          [4] = "MemManage",
        [5] = "BusFault",  [6] = "UsageFault",         [11] = "unexpected SVC",
        [12] = "DebugMon", [14] = "unexpected PendSV", [15] = "unexpected SysTick"};

    return number < sizeof names / sizeof *names && names[number] != NULL ? names[number]
                                                                          : "exception";
}

// The frame that the CPU pushed can only be believed where a stack can be.
static bool is_ram(const uint32_t *frame)
{
    const uintptr_t address = (uintptr_t)frame;

    return address % 4 == 0 && ((address >= 0x20000000 && address <= 0x20020000 - 32) ||
                                (address >= 0x24000000 && address <= 0x24080000 - 32) ||
                                (address >= 0x30000000 && address <= 0x30048000 - 32) ||
                                (address >= 0x38000000 && address <= 0x38010000 - 32));
}

static void print_frame(const uint32_t *frame, const uint32_t *saved)
{
    print_register("r0 ", frame[0]);
    print_register("r1 ", frame[1]);
    print_register("r2 ", frame[2]);
    print_register("r3 ", frame[3]);
    print("\r\n");
    print_register("r4 ", saved[0]);
    print_register("r5 ", saved[1]);
    print_register("r6 ", saved[2]);
    print_register("r7 ", saved[3]);
    print("\r\n");
    print_register("r8 ", saved[4]);
    print_register("r9 ", saved[5]);
    print_register("r10", saved[6]);
    print_register("r11", saved[7]);
    print("\r\n");
    print_register("r12", frame[4]);
    print_register("lr ", frame[5]);
    print_register("pc ", frame[6]);
    print_register("psr", frame[7]);
    print("\r\n");
}

void ql_fault_report(const uint32_t *msp, const uint32_t *psp, uint32_t exc_return,
                     const uint32_t *saved)
{
    const uint32_t number = m7_exception_number();
    const uint32_t *const frame = exc_return & 4 ? psp : msp;

    // The frame may lie in the closed bytes below the stack.
    MPU_RNR = QL_STACK_GUARD_REGION;
    MPU_RASR = 0;
    m7_dsb();
    print("\r\nfault: ");
    if (number >= 16) {
        print("unexpected interrupt ");
        print_decimal((int32_t)number - 16);
    } else {
        print(exception_name(number));
    }
    if (SCB_CFSR & (SCB_CFSR_MSTKERR | SCB_CFSR_STKERR)) {
        print(": the stack is full\r\n");
    } else if (is_ram(frame)) {
        print(" at pc ");
        print_hex(frame[6]);
        print("\r\n");
        print_frame(frame, saved);
    } else {
        print(", no stack to read the registers from\r\n");
    }
    print_register("msp", (uint32_t)(uintptr_t)msp);
    print_register("psp", (uint32_t)(uintptr_t)psp);
    print_register("exc_return", exc_return);
    print("\r\n");
    print_register("cfsr", SCB_CFSR);
    print_register("hfsr", SCB_HFSR);
    print_register("mmfar", SCB_MMFAR);
    print_register("bfar", SCB_BFAR);
    print("\r\n");
    ql_stop();
}

void ql_exit(int status)
{
    print("exit: status ");
    print_decimal(status);
    print("\r\n");
    ql_stop();
}

__attribute__((weak)) void ql_stop(void)
{
    m7_interrupts_disable();
    if (DHCSR & DHCSR_C_DEBUGEN)
        __asm volatile("bkpt 0");
    for (;;)
        m7_wait_for_interrupt();
}
