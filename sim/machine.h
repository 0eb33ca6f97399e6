// The machine that all models plug into: virtual time and its events, the register bus, interrupt
// lines, resets, and the one way to complain.
//
// A model is one file. It knows the machine and the few models it is wired to on silicon, never the
// firmware. Times are virtual nanoseconds since power-on of the process; they never run backwards,
// not even over a power cycle.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;

#define TIME_NEVER UINT64_MAX
#define NS_PER_S   UINT64_C(1000000000)
#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_US  UINT64_C(1000)

// --- Virtual time -------------------------------------------------------------------------------

// The present. Inside a register access it is the time of that access to within the current basic
// block of the program.
uint64_t machine_now_ns(const struct machine *machine);

// Called by a device from inside read or write: the bus holds this access until then.
void machine_stall(struct machine *machine, uint64_t until_ns);

// CPU clock cycles since start (what DWT CYCCNT and SysTick count).
uint64_t machine_cycles(const struct machine *machine);

// Something that will happen. The owner keeps the storage; all fields are the machine's once armed.
struct event {
    void (*fire)(void *context); // called once, at exactly at_ns, with machine_now_ns() == at_ns
    void *context;
    const char *name; // for traces
    uint64_t at_ns;   // valid while armed
    bool armed;
    uint64_t order; // ties fire in the order of arming
    size_t heap_index;
};

void event_arm_at(struct machine *machine, struct event *event, uint64_t at_ns); // re-arms
void event_arm_in(struct machine *machine, struct event *event, uint64_t delay_ns);
void event_cancel(struct machine *machine, struct event *event);

// --- Register bus -------------------------------------------------------------------------------

enum reset_kind {
    RESET_POWER_ON, // everything, backup domain included
    RESET_PIN,
    RESET_SOFTWARE, // AIRCR.SYSRESETREQ
    RESET_IWDG1,
    RESET_WWDG1,
};

// One register of a device. These tables are what the firmware's header and the SVD are compared
// with, and what the bus checks accesses against.
struct register_info {
    const char *name;  // as in RM0433, without the peripheral's name: "CR"; in a row the number
                       // stands for "x" or, without one, at the end
    uint32_t offset;   // from the device's base
    uint32_t reset;    // value after a system reset
    uint32_t readable; // bits that exist for reading
    uint32_t writable; // bits that exist for writing (write-1-to-clear and trigger bits included).
                       // A write that gives a bit which is neither readable nor writable another
                       // value than in `reset` is a violation; so are writing a register with
                       // writable 0 and reading one with readable 0.
    uint8_t access;    // ACCESS_WORD... sizes the register takes
    uint16_t count;    // registers in a row of this shape (0 and 1: one), `stride` bytes apart
    uint16_t stride;
};
#define ACCESS_BYTE 1u
#define ACCESS_HALF 2u
#define ACCESS_WORD 4u
#define ACCESS_ANY  (ACCESS_BYTE | ACCESS_HALF | ACCESS_WORD)
// Together with sizes: reserved bits may be written with anything. For registers that only clear
// flags: ST's own drivers write the complement of a flag, or ones all over, there.
#define ACCESS_FREE 8u

// A peripheral on the bus.
struct device {
    const char *name; // as in RM0433: "QUADSPI"
    uint32_t base;
    uint32_t size;
    const struct register_info *registers; // ends with a NULL name; NULL: device checks by itself
    void *context;
    // offset is from base; size 1, 2 or 4. The bus has checked clock gate, register and size.
    // read NULL: the device lies over memory, takes the writes only (internal flash).
    uint32_t (*read)(void *context, uint32_t offset, unsigned size);
    void (*write)(void *context, uint32_t offset, unsigned size, uint32_t value);
    void (*reset)(void *context, enum reset_kind kind); // also called through RCC's reset bits as
                                                        // RESET_SOFTWARE; may be NULL
    // Where its bus clock is switched: RCC register offset and bit, e.g. 0xD4 and 14 for QUADSPI
    // (RCC_AHB3ENR.QSPIEN). gate_offset 0: always clocked. An access without clock is a violation.
    uint16_t gate_offset;
    uint8_t gate_bit;
    uint8_t reset_bit;     // bit in the reset register below
    uint16_t reset_offset; // RCC reset register offset, 0: none
};

// The device must live as long as the machine.
void machine_add_device(struct machine *machine, const struct device *device);

// The register at `offset` of `device`, NULL if there is none; for arrays the entry of the array.
const struct register_info *device_register(const struct device *device, uint32_t offset);

// Bus access as the CPU or a debugger makes it: false on a bus error.
bool machine_bus_read(struct machine *machine, uint32_t address, unsigned size, uint32_t *value);
bool machine_bus_write(struct machine *machine, uint32_t address, unsigned size, uint32_t value);

// Called by a device from inside read or write: this access ends in a bus error (BusFault).
void machine_bus_error(struct machine *machine);

// --- Interrupts, resets -------------------------------------------------------------------------

// Level of an interrupt line into the NVIC, irq 0..149.
void machine_irq(struct machine *machine, unsigned irq, bool level);

// The same for a line that several peripherals share: `source` 0..7 tells them apart; the line is
// high while one of them is. Users of a shared line all call this one.
void machine_irq_shared(struct machine *machine, unsigned irq, unsigned source, bool level);

// A DMA request line, numbered as the inputs of DMAMUX1 (`mux` 1) or DMAMUX2 (2): as long as a
// peripheral wants data moved, or once for an edge. Without that DMAMUX it leads nowhere.
enum dma_request { DMA_REQUEST_OFF, DMA_REQUEST_ON, DMA_REQUEST_ONCE };
void machine_dma_request(struct machine *machine, unsigned mux, unsigned line,
                         enum dma_request request);

// Set once by each DMAMUX.
struct dma_service {
    void *context;
    void (*request)(void *context, unsigned line, enum dma_request request);
};
void machine_set_dma_service(struct machine *machine, unsigned mux,
                             const struct dma_service *service);

// Reset the devices behind a bit of one of RCC's peripheral reset registers, as RESET_SOFTWARE.
void machine_reset_devices(struct machine *machine, uint16_t reset_offset, uint8_t reset_bit);

// A watchdog will reset the system if nobody refreshes it, or does so no longer. While one runs a
// core that has locked up is left to it.
enum machine_watchdog { WATCHDOG_INDEPENDENT, WATCHDOG_WINDOW };
void machine_watchdog_runs(struct machine *machine, enum machine_watchdog which, bool runs);
bool machine_has_watchdog(const struct machine *machine);

// Ask for a reset; it happens before the next instruction.
void machine_reset(struct machine *machine, enum reset_kind kind);

// --- The clocks' owner --------------------------------------------------------------------------

// Set once by the RCC model so that the bus can check gates and the machine knows the CPU clock.
struct clock_service {
    void *context;
    bool (*gate_open)(void *context, uint16_t gate_offset, uint8_t gate_bit);
};
void machine_set_clock_service(struct machine *machine, const struct clock_service *service);
void machine_set_cpu_hz(struct machine *machine, uint64_t hz); // from now on; > 0

// --- Memory -------------------------------------------------------------------------------------

// Plain memory at [base, base+size). `memory` stays the caller's. Machine-wide, at set-up.
void machine_map_memory(struct machine *machine, const char *name, uint32_t base, uint32_t size,
                        void *memory, bool writable);

// The same for memory on the microcontroller that may go away for a while (machine_window_show):
// hidden at first. `refused` may show it: the access then goes on.
void machine_map_hidable_memory(struct machine *machine, const char *name, uint32_t base,
                                uint32_t size, void *memory,
                                void (*refused)(void *context, uint32_t address), void *context);

// `told` is called when a debugger has connected to the core, and after a power-on that it
// outlives.
void machine_on_debugger(struct machine *machine, void (*told)(void *context), void *context);

// Show or hide a mapped region (the QUADSPI window while memory-mapped mode is on); while hidden,
// accesses end in a bus error after `refused` was told (it may raise a violation with the reason).
void machine_map_window(struct machine *machine, const char *name, uint32_t base, uint32_t size,
                        void *memory, void (*refused)(void *context, uint32_t address),
                        void *context);
void machine_window_show(struct machine *machine, uint32_t base, bool shown);

// `opened` is called at the first access, data or fetch, after each time the window was shown.
void machine_window_on_open(struct machine *machine, uint32_t base, void (*opened)(void *context));
// The next access counts as the first one again. `thorough`: also if the processor has the window
// mapped for itself, which is slow (milliseconds of wall time); else only for others.
void machine_window_rearm(struct machine *machine, uint32_t base, bool thorough);

// The bytes at [base, base+size) were changed by other means than the CPU's stores.
void machine_memory_changed(struct machine *machine, uint32_t base, uint32_t size);

// Cost model of instruction fetches from a window: nanoseconds for a random and for a following
// 32-byte line. Set by the QUADSPI model when it maps or its clock changes.
void machine_window_timing(struct machine *machine, uint32_t base, uint32_t first_line_ns,
                           uint32_t next_line_ns);

// --- Complaints and traces ----------------------------------------------------------------------

// The firmware broke a rule of the hardware. Strict: the machine stops behind the current
// instruction and the process ends with its own exit code after printing device, text, PC, symbol,
// virtual time. Lenient: printed once per place, then goes on.
void machine_violation(struct machine *machine, const char *device, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Traces, chosen with --trace LIST (names of topics: "quadspi", "nor", "usb", "rcc", ...).
bool machine_tracing(const struct machine *machine, const char *topic);
void machine_trace(struct machine *machine, const char *topic, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// --- The world outside --------------------------------------------------------------------------

// File descriptors that the machine's loop watches for a model (cables, UARTs).
// `events` are poll(2)'s; the callback runs between two slices of the program.
struct watch;
struct watch *machine_watch(struct machine *machine, int fd, short events,
                            void (*ready)(void *context, int fd, short revents), void *context);
void watch_set_events(struct watch *watch, short events);
void machine_unwatch(struct machine *machine, struct watch *watch);

// The machine does not run past this virtual time (TIME_NEVER: no bound); reaching it calls
// `reached` once. With a bound in the past it stands still and only watches descriptors.
void machine_set_limit(struct machine *machine, uint64_t limit_ns, void (*reached)(void *context),
                       void *context);

// Counters for the control socket's `stats`: each line printed as "name value".
void machine_add_statistic(struct machine *machine, const char *name, const uint64_t *value);

#endif
