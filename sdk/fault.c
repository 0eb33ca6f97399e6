// The end of a program: exit status, or what the CPU knew at a fault, on the console.
//
// Written from SPEC.md section 22 and the ARMv7-M Architecture Reference Manual, sections B1.5.6
// (exception frame) and B3.2 (fault status registers).
//
// SPDX-License-Identifier: MIT
#include "quadlane/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/program_header.h"
#include "quadlane/m7.h"
#include "quadlane/memory.h"
#include "quadlane/uart.h"
#include "runtime.h"

// Says that a report has begun; not what runaway writes leave.
#define REPORTING 0x46A17D01u

QL_NOINIT uint64_t ql_fault_stack[QL_FAULT_STACK_SIZE / 8];

// Up to `size` characters, or to the first 00.
static void print_text(const char *text, size_t size)
{
    size_t length = 0;

    while (length < size && text[length] != 0)
        length++;
    ql_uart_write_now(text, length);
}

static void print(const char *text)
{
    print_text(text, SIZE_MAX);
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
    static const char *const names[] = {QL_EXCEPTION_NAMES(QL_EXCEPTION_NAME)};

    return number < sizeof names / sizeof *names && names[number] != NULL ? names[number]
                                                                          : "exception";
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

static void print_words(uint32_t bits, uint32_t *printed, uint32_t bit, const char *words)
{
    if ((bits >> bit & 1) == 0)
        return;
    print((*printed)++ == 0 ? "  why: " : ", ");
    print(words);
}

static void print_causes(uint32_t cfsr, uint32_t hfsr)
{
    uint32_t printed = 0;

#define PRINT_CFSR(bit, words) print_words(cfsr, &printed, bit, words);
#define PRINT_HFSR(bit, words) print_words(hfsr, &printed, bit, words);
    QL_CFSR_CAUSES(PRINT_CFSR)
    QL_HFSR_CAUSES(PRINT_HFSR)
    if (printed > 0)
        print("\r\n");
}

static void print_calls(const uint32_t *words)
{
    const uint32_t count = QL_DUMP_CALL_COUNT(words[QL_DUMP_KIND]);

    for (uint32_t i = 0; i < count; i++) {
        print(i == 0 ? "  calls " : " ");
        print_hex(words[QL_DUMP_CALLS + i]);
    }
    if (count > 0)
        print("\r\n");
}

static void print_program(void)
{
    const char *const header = ql_image_start + QL_HEADER_OFFSET;

    print_register("program", (uint32_t)(uintptr_t)ql_image_start);
    print("  ");
    print_text(header + QL_HEADER_NAME, QL_HEADER_NAME_SIZE);
    print(" ");
    print_text(header + QL_HEADER_PROGRAM_VERSION, QL_HEADER_PROGRAM_VERSION_SIZE);
    print("\r\n");
}

static void print_title(const struct ql_fault *fault)
{
    const uint32_t number = QL_DUMP_EXCEPTION(fault->words[QL_DUMP_KIND]);

    print("\r\nfault: ");
    if (number >= 16) {
        print("unexpected interrupt ");
        print_decimal((int32_t)number - 16);
    } else {
        print(exception_name(number));
    }
    if (fault->frame != NULL) {
        print(" at pc ");
        print_hex(fault->words[QL_DUMP_PC]);
        print("\r\n");
    } else if (fault->words[QL_DUMP_KIND] & QL_DUMP_STACK_FULL) {
        print(": the stack is full\r\n");
    } else {
        print(", no stack to read the registers from\r\n");
    }
}

void ql_fault_report(const uint32_t *msp, const uint32_t *psp, uint32_t exc_return,
                     const uint32_t *saved)
{
    static uint32_t reporting;
    // Below all stacks, where no call is looked for.
    static QL_NOINIT struct ql_fault fault;

    // A fault in here: the first one is the one to tell.
    if (reporting == REPORTING)
        ql_stop();
    reporting = REPORTING;
    // The frame may lie in the closed bytes below the stack.
    MPU_RNR = QL_STACK_GUARD_REGION;
    MPU_RASR = 0;
    m7_dsb();
    ql_fault_gather(&fault, (uint32_t)(uintptr_t)(exc_return & 4 ? psp : msp), exc_return);
    ql_fault_keep(&fault);
    print_title(&fault);
    if (fault.frame != NULL)
        print_frame(fault.frame, saved);
    print_register("msp", (uint32_t)(uintptr_t)msp);
    print_register("psp", (uint32_t)(uintptr_t)psp);
    print_register("exc_return", exc_return);
    print("\r\n");
    print_register("cfsr", SCB_CFSR);
    print_register("hfsr", SCB_HFSR);
    print_register("mmfar", SCB_MMFAR);
    print_register("bfar", SCB_BFAR);
    print("\r\n");
    print_causes(SCB_CFSR, SCB_HFSR);
    print_calls(fault.words);
    print_program();
    print("fault: end\r\n");
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
