// What the SDK's own sources share with each other and programs do not need.
//
// SPDX-License-Identifier: MIT
#ifndef QL_RUNTIME_H
#define QL_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/fault_dump.h"

#define QL_VECTOR_COUNT (16 + 150)

union ql_vector {
    void (*handler)(void);
    const void *stack;
};

extern const union ql_vector ql_vectors[QL_VECTOR_COUNT];
extern union ql_vector ql_vectors_in_dtcm[QL_VECTOR_COUNT];

// Grows down from its end.
#define QL_FAULT_STACK_SIZE 1024
extern uint64_t ql_fault_stack[QL_FAULT_STACK_SIZE / 8];

// Number of the MPU region that closes the 512 bytes below the stack's limit.
#define QL_STACK_GUARD_REGION 3

void Reset_Handler(void);
void ql_fault_entry(void);

// Called by ql_fault_entry: the stack pointers and EXC_RETURN at the exception, and r4..r11.
__attribute__((noreturn)) void ql_fault_report(const uint32_t *msp, const uint32_t *psp,
                                               uint32_t exc_return, const uint32_t *saved);

// A fault as SPEC.md section 22 has it; `frame`: r0..r3, r12, lr, pc, psr, or null if they cannot
// be read.
struct ql_fault {
    uint32_t words[QL_DUMP_WORDS];
    const uint32_t *frame;
};

// `sp`: the stack pointer that was in use, as the exception's entry left it.
void ql_fault_gather(struct ql_fault *fault, uint32_t sp, uint32_t exc_return);
// Puts it where the bootloader finds it after the next reset.
void ql_fault_keep(const struct ql_fault *fault);

// A word of the backup domain.
void ql_backup_write(uint32_t address, uint32_t value);

#endif
