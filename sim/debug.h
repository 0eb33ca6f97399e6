// The debug side of the core: halt, step, breakpoints, watchpoints, vector catch, its registers.
//
// One model for every probe: what a debug port reads and writes (debug_read, debug_write) has the
// registers of the architecture; debug_halt and its neighbours are the same without registers.
// All of it is called between two slices of the program, never from inside one.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_DEBUG_H
#define SIM_DEBUG_H

#include "sim/cpu.h"
#include "sim/debug_units.h"
#include "sim/nvic.h"

struct debug;

// Bits of DFSR: why the core halted.
#define DFSR_HALTED UINT32_C(1) // asked for, or a step is done
#define DFSR_BKPT   UINT32_C(2)
#define DFSR_DWT    UINT32_C(4)
#define DFSR_VCATCH UINT32_C(8)

// The run loop's side.
struct debug_core {
    void *context;
    void (*reset)(void *context);               // the one that was asked for
    void (*step)(void *context);                // one instruction, ends in debug_stepped
    void (*pass_time)(void *context);           // what an access takes on a probe's wires
    void (*halted)(void *context, bool halted); // the clocks that stop with the core
    bool (*sleeping)(void *context);
};

struct debug *debug_create(struct machine *machine, struct cpu *cpu, struct nvic *nvic,
                           struct debug_units *units, const struct debug_core *core);
void debug_destroy(struct debug *debug);

// --- The run loop
// ---------------------------------------------------------------------------------

bool debug_halted(const struct debug *debug);   // the core does not run: halted or locked up
bool debug_attached(const struct debug *debug); // C_DEBUGEN
bool debug_wants_step(const struct debug *debug);
bool debug_masks_interrupts(const struct debug *debug);
void debug_reset(struct debug *debug, bool power_on);
void debug_stepped(struct debug *debug);
void debug_event(struct debug *debug, uint32_t dfsr); // halts, if a debugger is there
void debug_watch_hit(struct debug *debug);
void debug_exception_entered(struct debug *debug, unsigned exception, uint32_t cfsr);
bool debug_locked_up(struct debug *debug); // true: it is left for a debugger to look at

// --- Debuggers
// ------------------------------------------------------------------------------------

// Accesses of the AHB-AP: the core's bus with its private peripherals. False: bus fault.
bool debug_read(struct debug *debug, uint32_t address, unsigned size, uint32_t *value);
bool debug_write(struct debug *debug, uint32_t address, unsigned size, uint32_t value);
// The same for stretches; the number of bytes before the first that faults.
size_t debug_read_memory(struct debug *debug, uint32_t address, void *data, size_t size);
size_t debug_write_memory(struct debug *debug, uint32_t address, const void *data, size_t size);

// There is a port that a debugger may come to: a locked-up or blank board does not end.
void debug_expect(struct debug *debug);
void debug_attach(struct debug *debug, bool attached);
void debug_halt(struct debug *debug);
void debug_resume(struct debug *debug);
void debug_step(struct debug *debug, bool mask_interrupts);
void debug_ask_reset(struct debug *debug, bool halt); // as by AIRCR; halt: before the first
                                                      // instruction

// Registers by their number in DCRSR: 0..15, 16 xPSR, 17 MSP, 18 PSP, 20 CONTROL and masks,
// 33 FPSCR, 64..95 S0..S31. Only while halted.
bool debug_read_register(struct debug *debug, unsigned number, uint32_t *value);
bool debug_write_register(struct debug *debug, unsigned number, uint32_t value);

// Breakpoints and watchpoints beside those in FPB and DWT. False: there are too many.
bool debug_set_breakpoint(struct debug *debug, uint32_t address, bool set);
bool debug_set_watch(struct debug *debug, const struct cpu_watch *watch, bool set);
void debug_clear_stops(struct debug *debug);
// The watch that stopped the core last. False: it was none.
bool debug_last_watch(const struct debug *debug, struct cpu_watch *watch, uint32_t *address);

// `changed` is called whenever the core halts (and only then). One at a time.
void debug_on_halt(struct debug *debug, void (*changed)(void *context), void *context);

#endif
