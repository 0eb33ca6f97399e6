// A fault dump as a program leaves it for the bootloader, and the words for what went wrong.
// Written from SPEC.md section 22 and, for the bits, the ARMv7-M Architecture Reference Manual,
// sections B3.2.15 (CFSR) and B3.2.16 (HFSR). Nothing else of quadlane is needed to use this
// header.
//
// SPDX-License-Identifier: MIT
#ifndef ABI_FAULT_DUMP_H
#define ABI_FAULT_DUMP_H

#include <stdint.h>

// RTC_BKP13R, the first of its registers.
#define QL_DUMP_INDEX   13
#define QL_DUMP_ADDRESS UINT32_C(0x58004084)

// Its words.
enum {
    QL_DUMP_CHECK = 0,
    QL_DUMP_KIND = 1,
    QL_DUMP_PC = 2,
    QL_DUMP_LR = 3,
    QL_DUMP_PSR = 4,
    QL_DUMP_SP = 5,
    QL_DUMP_PROGRAM = 6,
    QL_DUMP_CFSR = 7,
    QL_DUMP_HFSR = 8,
    QL_DUMP_FAULT_ADDRESS = 9,
    QL_DUMP_CALLS = 10,
    QL_DUMP_WORDS = 16,
    QL_DUMP_CALLS_MAX = QL_DUMP_WORDS - QL_DUMP_CALLS,
    QL_DUMP_ITEM_SIZE = 4 * (QL_DUMP_WORDS - QL_DUMP_KIND), // of INFO item 20
};

// QL_DUMP_KIND.
#define QL_DUMP_VERSION(kind)    ((kind)&0xFFu)
#define QL_DUMP_EXCEPTION(kind)  ((kind) >> 8 & 0x1FFu)
#define QL_DUMP_HAS_FRAME        (1u << 17)
#define QL_DUMP_STACK_FULL       (1u << 18)
#define QL_DUMP_CALL_COUNT(kind) ((kind) >> 20 & 7u)
#define QL_DUMP_EXC_RETURN(kind) (0xFFFFFFE0u | ((kind) >> 24 & 0x1Fu))
#define QL_DUMP_KIND_MAKE(exception, flags, calls, exc_return)                                     \
    (1u | (uint32_t)(exception) << 8 | (flags) | (uint32_t)(calls) << 20 |                         \
     ((exc_return)&0x1Fu) << 24)

// The check of words 1 to 15.
static inline uint32_t ql_dump_check(const volatile uint32_t *words)
{
    uint32_t check = 0x811C9DC5u;

    for (unsigned i = QL_DUMP_KIND; i < QL_DUMP_WORDS; i++)
        check = (check ^ words[i]) * 0x01000193u;
    return check;
}

#define QL_CFSR_STACKING  (1u << 4 | 1u << 12) // MSTKERR, STKERR
#define QL_CFSR_MMARVALID (1u << 7)
#define QL_CFSR_BFARVALID (1u << 15)

// X(number, name) for the exceptions that have a name; from 16 on they are interrupts.
#define QL_EXCEPTION_NAMES(X)                                                                      \
    X(2, "NMI")                                                                                    \
    X(3, "HardFault")                                                                              \
    X(4, "MemManage")                                                                              \
    X(5, "BusFault")                                                                               \
    X(6, "UsageFault")                                                                             \
    X(11, "unexpected SVC")                                                                        \
    X(12, "DebugMon")                                                                              \
    X(14, "unexpected PendSV")                                                                     \
    X(15, "unexpected SysTick")
#define QL_EXCEPTION_NAME(number, name) [number] = (name),

// X(bit, words) for each bit of CFSR and of HFSR that says what went wrong.
#define QL_CFSR_CAUSES(X)                                                                          \
    X(0, "code where none may be executed")                                                        \
    X(1, "data access that the MPU forbids")                                                       \
    X(3, "forbidden access while returning from an exception")                                     \
    X(4, "forbidden access while saving registers on the stack")                                   \
    X(5, "forbidden access while saving FPU registers")                                            \
    X(8, "code where no memory is")                                                                \
    X(9, "bus error at a data access")                                                             \
    X(10, "imprecise bus error: an earlier write")                                                 \
    X(11, "bus error while returning from an exception")                                           \
    X(12, "bus error while saving registers on the stack")                                         \
    X(13, "bus error while saving FPU registers")                                                  \
    X(16, "undefined instruction")                                                                 \
    X(17, "jump to an address without the Thumb bit")                                              \
    X(18, "wrong EXC_RETURN")                                                                      \
    X(19, "FPU or coprocessor that is off")                                                        \
    X(24, "unaligned access")                                                                      \
    X(25, "division by zero")
#define QL_HFSR_CAUSES(X)                                                                          \
    X(1, "bus error while reading the vector table")                                               \
    X(31, "breakpoint without a debugger")

#endif
