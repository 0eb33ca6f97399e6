// What the SDK's own sources share with each other and programs do not need.
//
// SPDX-License-Identifier: MIT
#ifndef QL_RUNTIME_H
#define QL_RUNTIME_H

#include <stdint.h>

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

#endif
