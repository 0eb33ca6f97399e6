// Putting a machine together and running it without a processor: what the composition of a board
// and the unit tests of the models need beyond machine.h.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_MACHINE_BUILD_H
#define SIM_MACHINE_BUILD_H

#include "sim/machine.h"

#include <stdio.h>

// Exit codes of quadlane-board.
enum machine_exit {
    MACHINE_EXIT_OK = 0,         // --until was printed, or `quit`
    MACHINE_EXIT_FAILED = 1,     // a file, socket or board could not be used
    MACHINE_EXIT_USAGE = 2,      // the command line is wrong
    MACHINE_EXIT_VIOLATION = 10, // the firmware broke a rule of the hardware
    MACHINE_EXIT_LOCKUP = 11,    // a fault inside HardFault or NMI: the core has stopped
    MACHINE_EXIT_TIMEOUT = 12,   // --timeout passed
    MACHINE_EXIT_DEAD = 13,      // asleep with nothing left that could wake it
};

// A machine at time 0 with a CPU clock of 64 MHz (HSI) and nothing on its bus.
struct machine *machine_create(void);
void machine_destroy(struct machine *machine);

// Lets `ns` of virtual time pass as if the core slept, firing the events on the way.
void machine_advance(struct machine *machine, uint64_t ns);

// Violations go to `callback` instead of ending the process; `text` is the sentence.
void machine_on_violation(struct machine *machine,
                          void (*callback)(void *context, const char *device, const char *text),
                          void *context);

// --lenient.
void machine_set_lenient(struct machine *machine, bool lenient);

// Topics separated by commas, "all" for each; the string must live on.
void machine_set_trace(struct machine *machine, const char *topics);

// Called at the beginning of each reset, before the devices are.
void machine_on_reset(struct machine *machine,
                      void (*starting)(void *context, enum reset_kind kind), void *context);

// Present level of an interrupt line: what tests look at when there is no NVIC.
bool machine_irq_level(const struct machine *machine, unsigned irq);

// All devices to their state after `kind`; with a processor it starts anew from its vectors.
void machine_reset_now(struct machine *machine, enum reset_kind kind);

// A reset was asked for (machine_reset) and has not happened yet: tests without a processor see it.
bool machine_reset_asked(const struct machine *machine, enum reset_kind *kind);

// Polls the descriptors of machine_watch once, waiting at most timeout_ns.
void machine_serve(struct machine *machine, uint64_t timeout_ns);
// Waits until a descriptor is ready (true) or timeout_ns have passed, without serving it.
bool machine_wait(struct machine *machine, uint64_t timeout_ns);
// There is a descriptor that something could come from.
bool machine_watching(const struct machine *machine);

// Prints every counter as "name value" lines.
void machine_print_statistics(const struct machine *machine, FILE *stream);

// Prints every register of every device: PERIPHERAL REGISTER ADDRESS RESET READABLE WRITABLE.
void machine_print_registers(const struct machine *machine, FILE *stream);

// Memory that works only while its clock gate is open (D2 SRAMs, backup SRAM); `alias`, if not 0,
// is a second address of the same bytes.
void machine_map_gated_memory(struct machine *machine, const char *name, uint32_t base,
                              uint32_t size, void *memory, uint16_t gate_offset, uint8_t gate_bit);
// The gated memory at `base` answers on silicon even while its gate is closed, against the manual:
// with --lenient such an access is a warning and goes through.
void machine_memory_answers_unclocked(struct machine *machine, uint32_t base);

// --- A debugger's side --------------------------------------------------------------------------

// Bus accesses of a debug port. They break no rule: what would be a violation of the program's is
// a bus error here (false) where the access cannot be done, and passes silently otherwise.
bool machine_debugger_read(struct machine *machine, uint32_t address, unsigned size,
                           uint32_t *value);
bool machine_debugger_write(struct machine *machine, uint32_t address, unsigned size,
                            uint32_t value);
// Plain memory at [address, address+size) that is there at present, NULL if any of it is not.
uint8_t *machine_debugger_memory(struct machine *machine, uint32_t address, uint32_t size,
                                 bool write);

// A debugger has connected: what machine_on_debugger waits for.
void machine_tell_debugger(struct machine *machine);

// The core stands still for a debugger: peripherals that DBGMCU freezes look at how long it has.
void machine_set_core_halted(struct machine *machine, bool halted);
uint64_t machine_core_halted_ns(const struct machine *machine);

// --- The processor's side -----------------------------------------------------------------------

// A piece of memory on the bus.
struct memory_region {
    const char *name;
    uint32_t base;
    uint32_t size;
    uint8_t *memory;
    bool writable;
    bool is_window; // can be hidden
    bool on_chip;   // part of the microcontroller, reads as fast as ever
    bool shown;
    bool accessed; // since it was shown
    void (*refused)(void *context, uint32_t address);
    void (*opened)(void *context); // NULL: nobody wants to know
    void *context;
    uint16_t gate_offset; // 0: always clocked
    uint8_t gate_bit;
    bool answers_unclocked;
    uint32_t first_line_ns;
    uint32_t next_line_ns;
};

// What the machine tells the processor. All members are set.
struct processor_service {
    void *context;
    void (*irq)(void *context, unsigned irq, bool level);
    void (*region_added)(void *context, const struct memory_region *region);
    void (*region_shown)(void *context, const struct memory_region *region, bool shown);
    void (*region_rearmed)(void *context, const struct memory_region *region);
    void (*timing_changed)(void *context, const struct memory_region *region);
    void (*memory_changed)(void *context, uint32_t base, uint32_t size);
    void (*reset)(void *context, enum reset_kind kind);
    void (*clock_changed)(void *context); // machine_cpu_hz
    // Where the program is, as lines for a report; `place` is a number that tells places apart.
    void (*describe)(void *context, char *text, size_t size, uint32_t *place);
};
void machine_set_processor(struct machine *machine, const struct processor_service *service);

// Time as the processor drives it. The processor moves `cycles` on at each basic block; when it
// reaches deadline_cycles or sees `attention`, it calls machine_due before the next instruction.
struct machine_clock {
    uint64_t cycles;          // at the start of the present block
    uint64_t block_cycles;    // of the present block: where `cycles` will be behind it
    uint64_t deadline_cycles; // nothing happens in the machine before that
    bool attention;           // something must be looked at before the next block
};
struct machine_clock *machine_clock(struct machine *machine);

// Fires all events that are due and computes the next deadline.
void machine_due(struct machine *machine);

// CPU cycles for a time span at the present clock, rounded up.
uint64_t machine_ns_to_cycles(const struct machine *machine, uint64_t ns);
// The virtual time at which the cycle counter will stand at `cycles` if the clock stays as it is.
uint64_t machine_cycle_time_ns(const struct machine *machine, uint64_t cycles);
uint64_t machine_cpu_hz(const struct machine *machine);

// Time of the next event (TIME_NEVER: none), and the limit set by machine_set_limit.
uint64_t machine_next_event_ns(const struct machine *machine);
bool machine_at_limit(struct machine *machine); // tells `reached` when it is
uint64_t machine_limit_ns(const struct machine *machine);

// While asleep: moves time to `ns` at most; fires nothing (machine_due does).
void machine_sleep_until(struct machine *machine, uint64_t ns);

// The first reason to end the process wins; the run loop looks at it.
void machine_stop(struct machine *machine, enum machine_exit code);
bool machine_stopped(const struct machine *machine, enum machine_exit *code);

// The processor fetches from a window (reads through the bus tell by themselves): its owner learns
// of the first time.
void machine_window_accessed(struct machine *machine, uint32_t address);

const struct memory_region *machine_region_at(const struct machine *machine, uint32_t address);

#endif
