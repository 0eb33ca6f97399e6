// Interrupts: lines of the NVIC, the global mask, and sleeping until one comes.
//
// All lines have the same priority, so that no handler interrupts another one.
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_CHIP_INTERRUPT_H
#define FIRMWARE_CHIP_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    INTERRUPT_QUADSPI = 92,
    INTERRUPT_OTG_FS = 101,
    INTERRUPT_COUNT = 150,
};

void interrupt_enable(unsigned line);
// Every line off and none pending, SysTick and PendSV not pending either.
void interrupt_disable_all(void);

// Masks all interrupts; returns what interrupt_restore wants.
uint32_t interrupt_mask(void);
void interrupt_restore(uint32_t state);

// Sleeping without missing anything: read interrupt_notes, look for work, and if there is none
// sleep with what was read. Handlers whose interrupt may bring work call interrupt_note.
void interrupt_note(void);
uint32_t interrupt_notes(void);
// Sleeps until the next interrupt of any kind, unless a note came since.
void interrupt_wait(uint32_t notes_seen);

#endif
