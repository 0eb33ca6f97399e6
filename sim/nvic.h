// Exceptions of the Cortex-M7: which one is pending, which one wins, entry and return, faults.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_NVIC_H
#define SIM_NVIC_H

#include "sim/cpu.h"

#define EXCEPTION_RESET       1u
#define EXCEPTION_NMI         2u
#define EXCEPTION_HARD_FAULT  3u
#define EXCEPTION_MEM_MANAGE  4u
#define EXCEPTION_BUS_FAULT   5u
#define EXCEPTION_USAGE_FAULT 6u
#define EXCEPTION_SVC         11u
#define EXCEPTION_DEBUG       12u
#define EXCEPTION_PENDSV      14u
#define EXCEPTION_SYSTICK     15u
#define EXCEPTION_IRQ0        16u
#define EXCEPTION_COUNT       166u // 150 interrupt lines
#define EXCEPTION_WORDS       6u   // of 32 bits

// Bits of CFSR.
#define CFSR_IACCVIOL    (UINT32_C(1) << 0)
#define CFSR_DACCVIOL    (UINT32_C(1) << 1)
#define CFSR_MUNSTKERR   (UINT32_C(1) << 3)
#define CFSR_MSTKERR     (UINT32_C(1) << 4)
#define CFSR_MMARVALID   (UINT32_C(1) << 7)
#define CFSR_IBUSERR     (UINT32_C(1) << 8)
#define CFSR_PRECISERR   (UINT32_C(1) << 9)
#define CFSR_IMPRECISERR (UINT32_C(1) << 10)
#define CFSR_UNSTKERR    (UINT32_C(1) << 11)
#define CFSR_STKERR      (UINT32_C(1) << 12)
#define CFSR_BFARVALID   (UINT32_C(1) << 15)
#define CFSR_UNDEFINSTR  (UINT32_C(1) << 16)
#define CFSR_INVSTATE    (UINT32_C(1) << 17)
#define CFSR_INVPC       (UINT32_C(1) << 18)
#define CFSR_UNALIGNED   (UINT32_C(1) << 24)

#define HFSR_VECTTBL  (UINT32_C(1) << 1)
#define HFSR_FORCED   (UINT32_C(1) << 30)
#define HFSR_DEBUGEVT (UINT32_C(1) << 31)

struct nvic;

// `told` gets one line per fault that reaches the program, and per lock-up; pc is the instruction
// at fault, NULL where none is to blame.
struct nvic *nvic_create(struct machine *machine, struct cpu *cpu,
                         void (*told)(void *context, const char *text, const uint32_t *pc),
                         void *context);
void nvic_destroy(struct nvic *nvic);
void nvic_reset(struct nvic *nvic);

// --- Between two blocks -------------------------------------------------------------------------

// Something could preempt what runs (masks not considered).
bool nvic_wants(const struct nvic *nvic);
// Enters the exception that outranks what runs, if any; return_address is where it interrupts.
bool nvic_take(struct nvic *nvic, uint32_t return_address);

// --- Lines and events ---------------------------------------------------------------------------

void nvic_irq(struct nvic *nvic, unsigned irq, bool level);
void nvic_set_pending(struct nvic *nvic, unsigned exception, bool pending);
// False: the core has locked up.
bool nvic_exception(struct nvic *nvic, enum cpu_exception kind, uint32_t detail);

// Would WFI return: something pends that outranks what runs, PRIMASK not considered.
bool nvic_wakes(struct nvic *nvic);
// The event register of WFE: read and clear; SEV and exceptions set it.
bool nvic_take_event(struct nvic *nvic);
void nvic_send_event(struct nvic *nvic);
// SCR.SLEEPDEEP: WFI means Stop or Standby.
bool nvic_sleeps_deep(const struct nvic *nvic);
// A return to thread mode with SCR.SLEEPONEXIT happened: read and clear.
bool nvic_take_sleep_on_exit(struct nvic *nvic);

// A memory management fault of the instruction at `address` before it runs.
void nvic_fault_fetch(struct nvic *nvic, uint32_t address);

// A debugger: bits of DFSR are set; it changed masks; it hears of entries and of lock-ups (true:
// the process goes on).
void nvic_note_debug_event(struct nvic *nvic, uint32_t dfsr);
void nvic_update_masks(struct nvic *nvic);
struct nvic_debugger {
    void *context;
    void (*entered)(void *context, unsigned exception, uint32_t cfsr);
    bool (*locked_up)(void *context); // true: somebody will look after it, the machine goes on
    bool (*monitors)(void *context);  // DEMCR.MON_EN: debug events become DebugMonitor exceptions
};
void nvic_set_debugger(struct nvic *nvic, const struct nvic_debugger *debugger);
// Since the last reset, and no debugger has put the core somewhere else.
bool nvic_has_locked_up(const struct nvic *nvic);

// Every exception entered since reset.
const uint64_t *nvic_entries(const struct nvic *nvic);

// The devices NVIC, SCB (without caches), SCS.
void nvic_add_devices(struct nvic *nvic);
bool nvic_fpu_enabled(const struct nvic *nvic);
void nvic_set_vector_table(struct nvic *nvic, uint32_t address); // VTOR after reset
void nvic_on_ccr(struct nvic *nvic, void (*changed)(void *context, uint32_t before, uint32_t now),
                 void *context); // CCR.IC and CCR.DC: the caches
void nvic_on_cpacr(struct nvic *nvic, void (*changed)(void *context), void *context);

#endif
