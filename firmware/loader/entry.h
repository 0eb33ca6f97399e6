// The way from a tool into a loader and back. A tool sets r0..r3, sp, lr and pc and lets the core
// run; it may have put the loader elsewhere than it was linked for, given it a stack of 256 bytes,
// and halted a program anywhere before.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_LOADER_ENTRY_H
#define FIRMWARE_LOADER_ENTRY_H

#include <stdint.h>

// Defines the entry point `name`, which runs `function` with the tool's arguments on the loader's
// own stack.
#define LOADER_ENTRY(name, function)                                                               \
    void name(void);                                                                               \
    __attribute__((naked, used)) void name(void)                                                   \
    {                                                                                              \
        __asm volatile("push {r4-r11, lr}\n"                                                       \
                       "bl loader_enter\n"                                                         \
                       "bl " #function "\n"                                                        \
                       "b loader_leave\n");                                                        \
    }

// Before the function: interrupts masked, the loader's stack, pointers that fit the place where it
// is. r0..r3 stay.
void loader_enter(void);
// After it: SysTick and the NVIC at rest. Returns r0 and r1 to the tool.
void loader_leave(void);

// What an entry point returns when the loader has to give up in the middle; the image's.
extern const uint32_t loader_failed;

#endif
