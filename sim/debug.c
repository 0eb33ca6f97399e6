// The debug side of the core: halt, step, breakpoints, watchpoints, vector catch, its registers.
//
// Written from the ARMv7-M Architecture Reference Manual (DDI 0403), C1, and the Cortex-M7
// Technical Reference Manual (DDI 0489): FPB of revision 2 with eight comparators, DWT with four.
//
// Differs from silicon: a watchpoint stops right behind the instruction that touched the data (the
// end of its block inside an IT block); DWT functions that match instructions, cycles or values are
// not modelled; DebugMonitor is not. While the core is halted, virtual time goes on with the wall
// clock and so do all peripherals; SysTick and CYCCNT stand still, IWDG1 if DBGMCU says so.
//
// SPDX-License-Identifier: MIT
#include "sim/debug.h"

#include "sim/debug_parts.h"

#include <stdlib.h>
#include <string.h>

#define DHCSR 0xE000EDF0u
#define DCRSR 0xE000EDF4u
#define DCRDR 0xE000EDF8u
#define AIRCR 0xE000ED0Cu

#define PERIPHERALS_BASE 0x40000000u
#define PERIPHERALS_SIZE 0x20000000u

#define C_DEBUGEN   UINT32_C(0x01)
#define C_HALT      UINT32_C(0x02)
#define C_STEP      UINT32_C(0x04)
#define C_MASKINTS  UINT32_C(0x08)
#define C_SNAPSTALL UINT32_C(0x20)
#define S_REGRDY    (UINT32_C(1) << 16)
#define S_HALT      (UINT32_C(1) << 17)
#define S_SLEEP     (UINT32_C(1) << 18)
#define S_LOCKUP    (UINT32_C(1) << 19)
#define S_RETIRE_ST (UINT32_C(1) << 24)
#define S_RESET_ST  (UINT32_C(1) << 25)
#define DHCSR_KEY   UINT32_C(0xA05F)

#define DEMCR_OFFSET    0x0Cu
#define DEMCR_CORERESET UINT32_C(0x001)

#define FPB_COMPARATORS 8u
#define DWT_COMPARATORS 4u
#define EXTRA_STOPS_MAX (CPU_BREAKPOINTS_MAX - FPB_COMPARATORS)
#define EXTRA_WATCH_MAX (CPU_WATCHES_MAX - DWT_COMPARATORS)

struct debug {
    struct machine *machine;
    struct cpu *cpu;
    struct nvic *nvic;
    struct debug_units *units;
    struct debug_core core;
    struct debug_components *components;
    uint32_t control; // C_ bits
    bool halted;
    bool locked_up;
    bool expected; // a debugger may come
    bool was_reset;
    bool kept;        // over power cycles: a debugger without a debug port
    bool reset_halts; // the next reset, whatever DEMCR says
    uint64_t retired;
    uint32_t dcrdr;
    void (*changed)(void *context);
    void *changed_context;

    uint32_t breakpoints[EXTRA_STOPS_MAX];
    size_t breakpoint_count;
    uint32_t set_breakpoints[CPU_BREAKPOINTS_MAX]; // all that are set in the CPU
    size_t set_count;
    struct cpu_watch extra_watches[EXTRA_WATCH_MAX];
    size_t extra_watch_count;
    struct cpu_watch watches[CPU_WATCHES_MAX]; // all that are set in the CPU
    int comparators[CPU_WATCHES_MAX];          // the DWT comparator of each, -1: none
    size_t watch_count;
    bool watch_hit;
    struct cpu_watch last_watch;
    uint32_t last_address;
};

// --- Halting, running
// -----------------------------------------------------------------------------

bool debug_halted(const struct debug *debug)
{
    return debug->halted || debug->locked_up;
}

bool debug_attached(const struct debug *debug)
{
    return (debug->control & C_DEBUGEN) != 0;
}

bool debug_wants_step(const struct debug *debug)
{
    return debug_attached(debug) && (debug->control & (C_STEP | C_HALT)) == C_STEP;
}

bool debug_masks_interrupts(const struct debug *debug)
{
    return (debug->control & (C_DEBUGEN | C_MASKINTS)) == (C_DEBUGEN | C_MASKINTS);
}

static void set_halted(struct debug *debug, bool halted)
{
    if (debug->halted == halted) {
        return;
    }
    debug->halted = halted;
    debug->core.halted(debug->core.context, halted);
    machine_set_core_halted(debug->machine, halted);
}

// Comparators or who is attached changed.
static void refresh(struct debug *debug);

static void show_control(struct debug *debug)
{
    debug_units_set(debug->units, UNIT_CORE_DEBUG, 0, S_REGRDY | debug->control);
}

static void halt_for(struct debug *debug, uint32_t dfsr)
{
    bool before = debug->halted;

    nvic_note_debug_event(debug->nvic, dfsr);
    debug->watch_hit = dfsr == DFSR_DWT;
    debug->locked_up = false;
    debug->control |= C_HALT;
    show_control(debug);
    set_halted(debug, true);
    if (!before && debug->changed != NULL) {
        debug->changed(debug->changed_context);
    }
}

void debug_event(struct debug *debug, uint32_t dfsr)
{
    if (debug_attached(debug)) {
        halt_for(debug, dfsr);
    }
}

void debug_stepped(struct debug *debug)
{
    if (debug_wants_step(debug)) {
        halt_for(debug, DFSR_HALTED);
    }
}

bool debug_locked_up(struct debug *debug)
{
    debug->locked_up = debug->expected || debug_attached(debug);
    return debug->locked_up;
}

void debug_reset(struct debug *debug, bool power_on)
{
    bool catch = debug->reset_halts ||
                 (debug_units_get(debug->units, UNIT_CORE_DEBUG, DEMCR_OFFSET) & DEMCR_CORERESET);

    debug->was_reset = true;
    debug->reset_halts = false;
    debug->locked_up = false;
    debug->control &= power_on && !debug->kept ? 0 : ~C_HALT;
    show_control(debug);
    set_halted(debug, false);
    refresh(debug);
    if (power_on && debug_attached(debug)) {
        machine_tell_debugger(debug->machine);
    }
    if (catch && debug_attached(debug)) {
        halt_for(debug, DFSR_VCATCH);
    }
}

static void control_write(struct debug *debug, uint32_t value)
{
    bool was_attached = debug_attached(debug);

    if (value >> 16 != DHCSR_KEY) {
        return;
    }
    debug->control = value & (C_DEBUGEN | C_HALT | C_STEP | C_MASKINTS | C_SNAPSTALL);
    debug->control = debug_attached(debug) ? debug->control : 0;
    show_control(debug);
    if (debug_attached(debug) != was_attached) {
        refresh(debug);
    }
    if (debug_attached(debug) && !was_attached) {
        machine_tell_debugger(debug->machine);
    }
    if (!debug_attached(debug)) {
        set_halted(debug, false);
        return;
    }
    if ((value & C_HALT) != 0) {
        if (!debug->halted) {
            halt_for(debug, DFSR_HALTED);
        }
    } else if (debug->halted) {
        set_halted(debug, false);
        if ((value & C_STEP) != 0) {
            debug->core.step(debug->core.context);
        }
    }
}

static uint32_t control_read(struct debug *debug)
{
    uint32_t value = debug->control | S_REGRDY;

    value |= debug->halted ? S_HALT : 0;
    value |= debug->locked_up ? S_LOCKUP : 0;
    value |= debug->core.sleeping(debug->core.context) ? S_SLEEP : 0;
    value |= debug->was_reset ? S_RESET_ST : 0;
    value |= *cpu_instructions(debug->cpu) != debug->retired ? S_RETIRE_ST : 0;
    debug->was_reset = false;
    debug->retired = *cpu_instructions(debug->cpu);
    return value;
}

void debug_expect(struct debug *debug)
{
    debug->expected = true;
}

void debug_attach(struct debug *debug, bool attached)
{
    uint32_t bits = attached ? C_DEBUGEN | (debug->control & C_HALT) : 0;

    debug->kept = attached;
    control_write(debug, DHCSR_KEY << 16 | bits);
}

void debug_halt(struct debug *debug)
{
    control_write(debug, DHCSR_KEY << 16 | C_DEBUGEN | C_HALT);
}

void debug_resume(struct debug *debug)
{
    control_write(debug, DHCSR_KEY << 16 | C_DEBUGEN);
}

void debug_step(struct debug *debug, bool mask_interrupts)
{
    uint32_t bits = C_DEBUGEN | C_STEP | (mask_interrupts ? C_MASKINTS : 0);

    control_write(debug, DHCSR_KEY << 16 | bits | C_HALT);
    control_write(debug, DHCSR_KEY << 16 | bits);
}

void debug_ask_reset(struct debug *debug, bool halt)
{
    debug->reset_halts = halt;
    machine_reset(debug->machine, RESET_SOFTWARE);
    debug->core.reset(debug->core.context);
}

void debug_on_halt(struct debug *debug, void (*changed)(void *context), void *context)
{
    debug->changed = changed;
    debug->changed_context = context;
}

// --- Vector catch
// ---------------------------------------------------------------------------------

void debug_exception_entered(struct debug *debug, unsigned exception, uint32_t cfsr)
{
    uint32_t demcr = debug_units_get(debug->units, UNIT_CORE_DEBUG, DEMCR_OFFSET);
    uint32_t catches = 0; // bits of DEMCR

    switch (exception) {
    case EXCEPTION_HARD_FAULT:
        catches = UINT32_C(1) << 10;
        break;
    case EXCEPTION_MEM_MANAGE:
        catches = UINT32_C(1) << 4;
        break;
    case EXCEPTION_BUS_FAULT:
        catches = UINT32_C(1) << 8;
        break;
    case EXCEPTION_USAGE_FAULT:
        catches = (cfsr & UINT32_C(0x03000000)) != 0 ? UINT32_C(1) << 6 : 0;
        catches |= (cfsr & UINT32_C(0x00070000)) != 0 ? UINT32_C(1) << 7 : 0;
        catches |= (cfsr & UINT32_C(0x00080000)) != 0 ? UINT32_C(1) << 5 : 0;
        break;
    default:
        return;
    }
    if ((cfsr & (CFSR_MUNSTKERR | CFSR_MSTKERR | CFSR_UNSTKERR | CFSR_STKERR)) != 0) {
        catches |= UINT32_C(1) << 9;
    }
    if ((demcr & catches) != 0) {
        debug_event(debug, DFSR_VCATCH);
        machine_clock(debug->machine)->attention = true; // before the handler's first block
    }
}

// --- Breakpoints and watchpoints
// ------------------------------------------------------------------

static void refresh_breakpoints(struct debug *debug)
{
    uint32_t addresses[CPU_BREAKPOINTS_MAX];
    size_t count = debug->breakpoint_count;

    memcpy(addresses, debug->breakpoints, count * sizeof(addresses[0]));
    if (debug_attached(debug) && (debug_units_get(debug->units, UNIT_FPB, 0) & 1) != 0) {
        for (unsigned i = 0; i < FPB_COMPARATORS; i++) {
            uint32_t comparator = debug_units_get(debug->units, UNIT_FPB, 8 + 4 * i);

            if ((comparator & 1) != 0) {
                addresses[count++] = comparator & ~UINT32_C(1);
            }
        }
    }
    if (!debug_attached(debug)) {
        count = 0;
    }
    if (count != debug->set_count ||
        memcmp(addresses, debug->set_breakpoints, count * sizeof(addresses[0])) != 0) {
        memcpy(debug->set_breakpoints, addresses, count * sizeof(addresses[0]));
        debug->set_count = count;
        cpu_set_breakpoints(debug->cpu, addresses, count);
    }
}

static void add_watch(struct debug *debug, const struct cpu_watch *watch, int comparator)
{
    debug->comparators[debug->watch_count] = comparator;
    debug->watches[debug->watch_count++] = *watch;
}

static void refresh_watches(struct debug *debug)
{
    struct cpu_watch before[CPU_WATCHES_MAX];
    size_t before_count = debug->watch_count;

    memcpy(before, debug->watches, sizeof(before));
    debug->watch_count = 0;
    for (size_t i = 0; i < debug->extra_watch_count && debug_attached(debug); i++) {
        add_watch(debug, &debug->extra_watches[i], -1);
    }
    for (unsigned i = 0; i < DWT_COMPARATORS && debug_attached(debug); i++) {
        uint32_t base = debug_units_get(debug->units, UNIT_DWT, 0x20 + 16 * i);
        uint32_t mask = debug_units_get(debug->units, UNIT_DWT, 0x24 + 16 * i) & 31;
        uint32_t function = debug_units_get(debug->units, UNIT_DWT, 0x28 + 16 * i) & 0xF;
        struct cpu_watch watch = {0};

        watch.base = base & ~((UINT32_C(1) << mask) - 1);
        watch.size = UINT32_C(1) << mask;
        watch.read = function == 5 || function == 7;
        watch.write = function == 6 || function == 7;
        if (watch.read || watch.write) {
            add_watch(debug, &watch, (int)i);
        }
    }
    // Setting them costs milliseconds.
    if (debug->watch_count != before_count ||
        memcmp(before, debug->watches, before_count * sizeof(before[0])) != 0) {
        cpu_set_watches(debug->cpu, debug->watches, debug->watch_count);
    }
}

static void refresh(struct debug *debug)
{
    refresh_breakpoints(debug);
    refresh_watches(debug);
}

static void units_changed(void *context)
{
    refresh(context);
}

void debug_watch_hit(struct debug *debug)
{
    uint32_t address;
    int hit = cpu_take_watch_hit(debug->cpu, &address);

    if (hit < 0 || !debug_attached(debug)) {
        return;
    }
    debug->last_watch = debug->watches[hit];
    debug->last_address = address;
    if (debug->comparators[hit] >= 0) { // MATCHED
        uint32_t offset = 0x28 + 16 * (uint32_t)debug->comparators[hit];

        debug_units_set(debug->units, UNIT_DWT, offset,
                        debug_units_get(debug->units, UNIT_DWT, offset) | UINT32_C(1) << 24);
    }
    halt_for(debug, DFSR_DWT);
}

bool debug_set_breakpoint(struct debug *debug, uint32_t address, bool set)
{
    size_t at = 0;

    while (at < debug->breakpoint_count && debug->breakpoints[at] != address) {
        at++;
    }
    if (set && at == EXTRA_STOPS_MAX) {
        return false;
    }
    if (set && at == debug->breakpoint_count) {
        debug->breakpoints[debug->breakpoint_count++] = address;
    } else if (!set && at < debug->breakpoint_count) {
        debug->breakpoints[at] = debug->breakpoints[--debug->breakpoint_count];
    }
    refresh_breakpoints(debug);
    return true;
}

bool debug_set_watch(struct debug *debug, const struct cpu_watch *watch, bool set)
{
    size_t at = 0;

    while (at < debug->extra_watch_count &&
           memcmp(&debug->extra_watches[at], watch, sizeof(*watch)) != 0) {
        at++;
    }
    if (set && at == EXTRA_WATCH_MAX) {
        return false;
    }
    if (set && at == debug->extra_watch_count) {
        debug->extra_watches[debug->extra_watch_count++] = *watch;
    } else if (!set && at < debug->extra_watch_count) {
        debug->extra_watches[at] = debug->extra_watches[--debug->extra_watch_count];
    }
    refresh_watches(debug);
    return true;
}

void debug_clear_stops(struct debug *debug)
{
    debug->breakpoint_count = 0;
    debug->extra_watch_count = 0;
    refresh(debug);
}

bool debug_last_watch(const struct debug *debug, struct cpu_watch *watch, uint32_t *address)
{
    *watch = debug->last_watch;
    *address = debug->last_address;
    return debug->watch_hit;
}

// --- Core registers
// -------------------------------------------------------------------------------

static bool process_stack(const struct cpu_state *state)
{
    return (state->xpsr & XPSR_IPSR) == 0 && (state->control & CONTROL_SPSEL) != 0;
}

// Where a register stands in the state; NULL: elsewhere.
static uint32_t *register_place(struct cpu_state *state, unsigned number)
{
    if (number < 13) {
        return &state->r[number];
    }
    switch (number) {
    case 13:
        return process_stack(state) ? &state->sp_process : &state->sp_main;
    case 14:
        return &state->lr;
    case 15:
        return &state->pc;
    case 16:
        return &state->xpsr;
    case 17:
        return &state->sp_main;
    case 18:
        return &state->sp_process;
    default:
        return NULL;
    }
}

static bool is_fp(unsigned number)
{
    return number == 33 || (number >= 64 && number < 96);
}

bool debug_read_register(struct debug *debug, unsigned number, uint32_t *value)
{
    struct cpu_state state;
    uint32_t s[32];
    uint32_t fpscr;
    uint32_t *place;

    *value = 0;
    if (is_fp(number)) {
        cpu_read_fp(debug->cpu, s, &fpscr);
        *value = number == 33 ? fpscr : s[number - 64];
        return true;
    }
    cpu_read_state(debug->cpu, &state);
    place = register_place(&state, number);
    if (place != NULL) {
        *value = *place;
    } else if (number == 20) {
        *value = state.control << 24 | (state.faultmask & 1) << 16 | (state.basepri & 0xFF) << 8 |
                 (state.primask & 1);
    } else {
        return false;
    }
    return true;
}

bool debug_write_register(struct debug *debug, unsigned number, uint32_t value)
{
    struct cpu_state state;
    uint32_t s[32];
    uint32_t fpscr;
    uint32_t *place;

    if (is_fp(number)) {
        cpu_read_fp(debug->cpu, s, &fpscr);
        *(number == 33 ? &fpscr : &s[number - 64]) = value;
        cpu_write_fp(debug->cpu, s, fpscr);
        return true;
    }
    cpu_read_state(debug->cpu, &state);
    place = register_place(&state, number);
    if (place != NULL) {
        *place = number == 13 || number == 17 || number == 18 ? value & ~UINT32_C(3) : value;
        state.pc &= ~UINT32_C(1);
    } else if (number == 20) {
        state.control = value >> 24 & 7;
        state.faultmask = value >> 16 & 1;
        state.basepri = value >> 8 & 0xFF;
        state.primask = value & 1;
    } else {
        return false;
    }
    cpu_write_state(debug->cpu, &state);
    nvic_update_masks(debug->nvic);
    return true;
}

static void select_write(struct debug *debug, uint32_t value)
{
    if (!debug->halted) {
        return;
    }
    if ((value & UINT32_C(0x10000)) != 0) {
        debug_write_register(debug, value & 0x7F, debug->dcrdr);
    } else {
        debug_read_register(debug, value & 0x7F, &debug->dcrdr);
    }
}

// --- Accesses
// -------------------------------------------------------------------------------------

// Peripherals get on between two accesses of a debugger as they would with a real probe: BUSY flags
// fall, operations end.
static void pass_time(struct debug *debug, uint32_t address)
{
    if (address - PERIPHERALS_BASE < PERIPHERALS_SIZE) {
        debug->core.pass_time(debug->core.context);
    }
}

bool debug_read(struct debug *debug, uint32_t address, unsigned size, uint32_t *value)
{
    pass_time(debug, address);
    switch (address) {
    case DHCSR:
        *value = control_read(debug);
        return true;
    case DCRSR:
        *value = 0;
        return true;
    case DCRDR:
        *value = debug->dcrdr;
        return true;
    default:
        return debug_component_read(debug->components, address, size, value) ||
               machine_debugger_read(debug->machine, address, size, value);
    }
}

bool debug_write(struct debug *debug, uint32_t address, unsigned size, uint32_t value)
{
    pass_time(debug, address);
    switch (address) {
    case DHCSR:
        control_write(debug, value);
        return true;
    case DCRSR:
        select_write(debug, value);
        return true;
    case DCRDR:
        debug->dcrdr = value;
        return true;
    default:
        return debug_component_write(debug->components, address, size, value) ||
               machine_debugger_write(debug->machine, address, size, value);
    }
}

// The widest access that suits.
static unsigned unit_at(uint32_t address, size_t left)
{
    return (address & 3) == 0 && left >= 4 ? 4 : (address & 1) == 0 && left >= 2 ? 2 : 1;
}

// The part of [address, address+size) that is in the region of its first byte.
static size_t part_in_region(const struct debug *debug, uint32_t address, size_t size)
{
    const struct memory_region *region = machine_region_at(debug->machine, address);
    size_t room = region == NULL ? 0 : region->size - (address - region->base);

    return room < size ? room : size;
}

size_t debug_read_memory(struct debug *debug, uint32_t address, void *data, size_t size)
{
    uint8_t *bytes = data;
    size_t part = part_in_region(debug, address, size);
    uint8_t *memory = machine_debugger_memory(debug->machine, address, (uint32_t)part, false);
    size_t done = 0;

    if (memory != NULL) {
        memcpy(data, memory, part);
        return part == size ? size
                            : part + debug_read_memory(debug, address + (uint32_t)part,
                                                       bytes + part, size - part);
    }
    while (done < size) {
        unsigned unit = unit_at(address + (uint32_t)done, size - done);
        uint32_t value;

        if (!debug_read(debug, address + (uint32_t)done, unit, &value)) {
            break;
        }
        memcpy(bytes + done, &value, unit);
        done += unit;
    }
    return done;
}

size_t debug_write_memory(struct debug *debug, uint32_t address, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    size_t part = part_in_region(debug, address, size);
    uint8_t *memory = machine_debugger_memory(debug->machine, address, (uint32_t)part, true);
    size_t done = 0;

    if (memory != NULL) {
        memcpy(memory, data, part);
        machine_memory_changed(debug->machine, address, (uint32_t)part);
        return part == size ? size
                            : part + debug_write_memory(debug, address + (uint32_t)part,
                                                        bytes + part, size - part);
    }
    while (done < size) {
        unsigned unit = unit_at(address + (uint32_t)done, size - done);
        uint32_t value = 0;

        memcpy(&value, bytes + done, unit);
        if (!debug_write(debug, address + (uint32_t)done, unit, value)) {
            break;
        }
        done += unit;
    }
    return done;
}

// --- Creation
// -------------------------------------------------------------------------------------

struct debug *debug_create(struct machine *machine, struct cpu *cpu, struct nvic *nvic,
                           struct debug_units *units, const struct debug_core *core)
{
    struct debug *debug = calloc(1, sizeof(*debug));

    if (debug == NULL) {
        abort();
    }
    debug->machine = machine;
    debug->cpu = cpu;
    debug->nvic = nvic;
    debug->units = units;
    debug->core = *core;
    debug->components = debug_components_create();
    debug_units_on_change(units, units_changed, debug);
    return debug;
}

void debug_destroy(struct debug *debug)
{
    debug_components_destroy(debug->components);
    free(debug);
}
