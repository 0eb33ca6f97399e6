// The way into a loader and back; also when the chip drivers find that they cannot go on.
//
// Written from the Armv7-M Architecture Reference Manual and ELF for the Arm Architecture
// (R_ARM_RELATIVE). Sections and symbols are those of link/loader.ld.
//
// SPDX-License-Identifier: MIT
#include "firmware/loader/entry.h"

#include "firmware/chip/clock.h"
#include "firmware/chip/interrupt.h"
#include "firmware/chip/panic.h"
#include "firmware/chip/time.h"

enum { RELOCATION_RELATIVE = 23 };

struct relocation {
    uint32_t place, info;
};

// Found from the program counter, so that they are right before loader_relocate has run.
#define NEAR extern __attribute__((visibility("hidden")))
NEAR const struct relocation link_relocations[], link_relocations_end[];
NEAR uint8_t link_start[];
NEAR uint32_t link_stack_end[];  // the tool's stack pointer is kept there
NEAR const uint32_t link_linked; // link_start as the linker has it
NEAR uint32_t link_base;         // the one that the pointers are right for

void loader_relocate(void);
void loader_begin(void);
void loader_rest(void);

__attribute__((naked)) void loader_enter(void)
{
    __asm volatile("cpsid i\n"
                   "ldr r4, 1f\n"
                   "0: add r4, pc\n"
                   "mov r5, sp\n"
                   "mov sp, r4\n"
                   "str r5, [r4]\n"
                   "push {r0-r4, lr}\n"
                   "bl loader_relocate\n"
                   "bl loader_begin\n"
                   "pop {r0-r4, pc}\n"
                   ".balign 4\n"
                   "1: .word link_stack_end - (0b + 4)\n");
}

__attribute__((naked)) void loader_leave(void)
{
    __asm volatile("push {r0, r1}\n"
                   "bl loader_rest\n"
                   "pop {r0, r1}\n"
                   "ldr r2, 1f\n"
                   "0: add r2, pc\n"
                   "ldr sp, [r2]\n"
                   "pop {r4-r11, pc}\n"
                   ".balign 4\n"
                   "1: .word link_stack_end - (0b + 4)\n");
}

// The tool may load the file once and call it often, or load it anew elsewhere: what is added is
// what the last call has not added yet.
__attribute__((used, noinline)) void loader_relocate(void)
{
    uint32_t base = (uint32_t)(uintptr_t)link_start;
    const struct relocation *each = link_relocations;
    for (; link_base != base && each < link_relocations_end; ++each) {
        if ((each->info & 0xFF) == RELOCATION_RELATIVE) {
            *(uint32_t *)(uintptr_t)(each->place - link_linked + base) += base - link_base;
        }
    }
    link_base = base;
}

__attribute__((used)) void loader_begin(void)
{
    time_start(clock_cpu_hz());
}

__attribute__((used)) void loader_rest(void)
{
    time_stop();
    interrupt_disable_all();
}

// A clock that does not start, and the like. The tool gets its answer; the next start is a new try.
void panic(enum panic_reason reason, uint32_t detail)
{
    (void)reason;
    (void)detail;
    __asm volatile("mov r0, %0\n"
                   "mov r1, #0\n"
                   "b loader_leave\n" ::"r"(loader_failed));
    __builtin_unreachable();
}
