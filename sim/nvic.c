// Exceptions of the Cortex-M7: which one is pending, which one wins, entry and return, faults.
//
// Written from the ARMv7-M Architecture Reference Manual (DDI 0403), chapters B1.5 and B3.2-B3.4.
// Differs from silicon: floating-point context is stacked eagerly (as with FPCCR.LSPEN = 0);
// CCR.BFHFNMIGN has no effect; an exception that arrives during stacking does not overtake.
//
// SPDX-License-Identifier: MIT
#include "sim/nvic_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PRIORITY_IDLE 256 // nothing active, nothing masked
#define FRAME_SIZE    0x20u
#define FRAME_FP_SIZE 0x68u

// --- Priorities ---------------------------------------------------------------------------------

static int full_priority(const struct nvic *nvic, unsigned exception)
{
    switch (exception) {
    case EXCEPTION_NMI:
        return -2;
    case EXCEPTION_HARD_FAULT:
        return -1;
    default:
        return nvic->priority[exception];
    }
}

static int group_of(const struct nvic *nvic, int priority)
{
    return priority < 0 ? priority : priority & ~((2 << nvic->prigroup) - 1);
}

static int group_priority(const struct nvic *nvic, unsigned exception)
{
    return group_of(nvic, full_priority(nvic, exception));
}

void nvic_update(struct nvic *nvic)
{
    unsigned best = 0;
    int best_priority = PRIORITY_IDLE;
    int active_priority = PRIORITY_IDLE;

    for (unsigned word = 0; word < EXCEPTION_WORDS; word++) {
        uint32_t candidates = nvic->pending[word] & nvic->enabled[word];
        uint32_t active = nvic->active[word];

        for (; candidates != 0; candidates &= candidates - 1) {
            unsigned exception = word * 32 + (unsigned)__builtin_ctz(candidates);

            if (full_priority(nvic, exception) < best_priority) {
                best = exception;
                best_priority = full_priority(nvic, exception);
            }
        }
        for (; active != 0; active &= active - 1) {
            int priority = group_priority(nvic, word * 32 + (unsigned)__builtin_ctz(active));

            active_priority = priority < active_priority ? priority : active_priority;
        }
    }
    nvic->best = best;
    nvic->active_priority = active_priority;
    nvic->wants = best != 0 && group_priority(nvic, best) < active_priority;
    if (nvic->wants) {
        nvic->clock->attention = true;
    }
}

// What runs at present, with or without PRIMASK.
static int execution_priority(struct nvic *nvic, bool with_primask)
{
    struct cpu_masks masks;
    int priority = nvic->active_priority;

    cpu_read_masks(nvic->cpu, &masks);
    if ((masks.basepri & PRIORITY_BITS) != 0) {
        int basepri = group_of(nvic, (int)(masks.basepri & PRIORITY_BITS));

        priority = basepri < priority ? basepri : priority;
    }
    if (with_primask && (masks.primask & 1) != 0 && priority > 0) {
        priority = 0;
    }
    if ((masks.faultmask & 1) != 0 && priority > -1) {
        priority = -1;
    }
    return priority;
}

bool nvic_wants(const struct nvic *nvic)
{
    return nvic->wants;
}

bool nvic_wakes(struct nvic *nvic)
{
    return nvic->wants && group_priority(nvic, nvic->best) < execution_priority(nvic, false);
}

bool nvic_take_event(struct nvic *nvic)
{
    bool event = nvic->event;

    nvic->event = false;
    return event;
}

void nvic_send_event(struct nvic *nvic)
{
    nvic->event = true;
}

bool nvic_sleeps_deep(const struct nvic *nvic)
{
    return (nvic->scr & SCR_SLEEPDEEP) != 0;
}

bool nvic_take_sleep_on_exit(struct nvic *nvic)
{
    bool sleep = nvic->sleep_on_exit;

    nvic->sleep_on_exit = false;
    return sleep;
}

// --- Pending ------------------------------------------------------------------------------------

void nvic_set_pending(struct nvic *nvic, unsigned exception, bool pending)
{
    if (pending && !bit_get(nvic->pending, exception) && (nvic->scr & SCR_SEVONPEND) != 0) {
        nvic->event = true;
    }
    bit_set(nvic->pending, exception, pending);
    nvic_update(nvic);
}

void nvic_irq(struct nvic *nvic, unsigned irq, bool level)
{
    bit_set(nvic->level, EXCEPTION_IRQ0 + irq, level);
    if (level) {
        nvic_set_pending(nvic, EXCEPTION_IRQ0 + irq, true);
    }
}

// --- Memory as exception entry sees it ----------------------------------------------------------

// Stacks and vector tables lie in memory; reaching past the bus keeps translations of code alive.
static uint8_t *memory_at(const struct nvic *nvic, uint32_t address, uint32_t size, bool write)
{
    const struct memory_region *region = machine_region_at(nvic->machine, address);

    if (region == NULL || !region->shown || (write && !region->writable) ||
        region->size - (address - region->base) < size) {
        return NULL;
    }
    return region->memory + (address - region->base);
}

static bool read_words(const struct nvic *nvic, uint32_t address, uint32_t *words, unsigned count)
{
    const uint8_t *memory = memory_at(nvic, address, count * 4, false);

    if (memory == NULL) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        words[i] = (uint32_t)memory[4 * i] | (uint32_t)memory[4 * i + 1] << 8 |
                   (uint32_t)memory[4 * i + 2] << 16 | (uint32_t)memory[4 * i + 3] << 24;
    }
    return true;
}

static bool write_words(const struct nvic *nvic, uint32_t address, const uint32_t *words,
                        unsigned count)
{
    uint8_t *memory = memory_at(nvic, address, count * 4, true);

    if (memory == NULL) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        memory[4 * i] = (uint8_t)words[i];
        memory[4 * i + 1] = (uint8_t)(words[i] >> 8);
        memory[4 * i + 2] = (uint8_t)(words[i] >> 16);
        memory[4 * i + 3] = (uint8_t)(words[i] >> 24);
    }
    return true;
}

// --- Lock-up, reports ---------------------------------------------------------------------------

static void lock_up(struct nvic *nvic, const char *reason, const uint32_t *pc)
{
    char text[192];

    if (nvic->locked_up) {
        return;
    }
    nvic->locked_up = true;
    snprintf(text, sizeof(text), "lock-up: %.150s", reason);
    nvic->told(nvic->told_context, text, pc);
    if (nvic->debugger.locked_up == NULL || !nvic->debugger.locked_up(nvic->debugger.context)) {
        machine_stop(nvic->machine, MACHINE_EXIT_LOCKUP);
    }
}

static const char *exception_name(unsigned exception)
{
    switch (exception) {
    case EXCEPTION_HARD_FAULT:
        return "HardFault";
    case EXCEPTION_MEM_MANAGE:
        return "MemManage fault";
    case EXCEPTION_BUS_FAULT:
        return "BusFault";
    case EXCEPTION_USAGE_FAULT:
        return "UsageFault";
    default:
        return "exception";
    }
}

// --- Entry --------------------------------------------------------------------------------------

// Goes to the handler; the context is saved already (or stays where it is, when tail-chaining).
static void enter_handler(struct nvic *nvic, struct cpu_state *state, unsigned exception,
                          uint32_t exc_return)
{
    uint32_t vector = 0;

    if (!read_words(nvic, nvic->vtor + 4 * exception, &vector, 1)) {
        if (exception == EXCEPTION_HARD_FAULT || exception == EXCEPTION_NMI) {
            lock_up(nvic, "the vector of HardFault or NMI cannot be read", NULL);
            return;
        }
        nvic->hfsr |= HFSR_VECTTBL;
        nvic->told(nvic->told_context, "HardFault: the vector table cannot be read", NULL);
        enter_handler(nvic, state, EXCEPTION_HARD_FAULT, exc_return);
        return;
    }
    bit_set(nvic->pending, exception, false);
    bit_set(nvic->active, exception, true);
    nvic->event = true;
    nvic->entries++;
    state->xpsr = (state->xpsr & ~(XPSR_IPSR | XPSR_IT)) | exception | XPSR_T;
    state->control &= ~(CONTROL_SPSEL | CONTROL_FPCA);
    state->lr = exc_return;
    state->pc = vector & ~UINT32_C(1);
    nvic_update(nvic);
    if ((vector & 1) == 0) {
        lock_up(nvic, "a vector without its Thumb bit", NULL);
        return;
    }
    cpu_write_state(nvic->cpu, state);
    if (nvic->debugger.entered != NULL) {
        nvic->debugger.entered(nvic->debugger.context, exception, nvic->cfsr);
    }
}

// Saves the context on the stack in use. False: the stack is not memory.
static bool push_frame(struct nvic *nvic, struct cpu_state *state, uint32_t *exc_return)
{
    bool handler = (state->xpsr & XPSR_IPSR) != 0;
    bool process = !handler && (state->control & CONTROL_SPSEL) != 0;
    bool fp = (state->control & CONTROL_FPCA) != 0;
    uint32_t *sp = process ? &state->sp_process : &state->sp_main;
    uint32_t align = (nvic->ccr & CCR_STKALIGN) != 0 || fp ? *sp & 4 : 0;
    uint32_t size = fp ? FRAME_FP_SIZE : FRAME_SIZE;
    uint32_t words[FRAME_FP_SIZE / 4] = {
        state->r[0],  state->r[1], state->r[2], state->r[3],
        state->r[12], state->lr,   state->pc,   (state->xpsr & ~(UINT32_C(1) << 9)) | align << 7};

    *sp = *sp - size - align;
    if (fp) {
        cpu_read_fp_frame(nvic->cpu, &words[8], &words[24]);
    }
    *exc_return = (fp ? UINT32_C(0xFFFFFFE1) : UINT32_C(0xFFFFFFF1)) | (handler ? 0u : 8u) |
                  (process ? 4u : 0u);
    return write_words(nvic, *sp, words, size / 4);
}

static void enter(struct nvic *nvic, unsigned exception, uint32_t return_address)
{
    struct cpu_state state;
    uint32_t exc_return;

    cpu_read_state(nvic->cpu, &state);
    state.pc = return_address;
    if (!push_frame(nvic, &state, &exc_return)) {
        // The fault of the stacking takes over; what was to be entered stays pending.
        nvic->cfsr |= CFSR_STKERR;
        if (exception != EXCEPTION_HARD_FAULT && exception != EXCEPTION_BUS_FAULT) {
            bit_set(nvic->pending, exception, true);
        }
        if (nvic->active_priority <= -1) {
            lock_up(nvic, "no stack to enter an exception with", NULL);
            return;
        }
        nvic->told(nvic->told_context, "HardFault: the stack pointer is outside memory", NULL);
        nvic->hfsr |= HFSR_FORCED;
        exception = EXCEPTION_HARD_FAULT;
    }
    enter_handler(nvic, &state, exception, exc_return);
}

bool nvic_take(struct nvic *nvic, uint32_t return_address)
{
    if (!nvic->wants || nvic->locked_up ||
        group_priority(nvic, nvic->best) >= execution_priority(nvic, true)) {
        return false;
    }
    enter(nvic, nvic->best, return_address);
    return true;
}

// --- Faults -------------------------------------------------------------------------------------

static bool handler_enabled(const struct nvic *nvic, unsigned exception)
{
    switch (exception) {
    case EXCEPTION_MEM_MANAGE:
        return (nvic->shcsr_enables & SHCSR_MEMFAULTENA) != 0;
    case EXCEPTION_BUS_FAULT:
        return (nvic->shcsr_enables & SHCSR_BUSFAULTENA) != 0;
    case EXCEPTION_USAGE_FAULT:
        return (nvic->shcsr_enables & SHCSR_USGFAULTENA) != 0;
    case EXCEPTION_DEBUG:
        return nvic->debugger.monitors != NULL && nvic->debugger.monitors(nvic->debugger.context);
    default:
        return true;
    }
}

// A synchronous exception: its own handler if it may run now, else HardFault, else lock-up.
static void fault(struct nvic *nvic, unsigned exception, const char *what, uint32_t address,
                  uint32_t return_address)
{
    int running = execution_priority(nvic, true);
    char text[192];

    if (!handler_enabled(nvic, exception) || group_priority(nvic, exception) >= running) {
        if (running <= -1) {
            snprintf(text, sizeof(text), "%s at 0x%08" PRIX32 " inside HardFault, NMI or FAULTMASK",
                     what, address);
            lock_up(nvic, text, &return_address);
            return;
        }
        nvic->hfsr |= exception == EXCEPTION_DEBUG ? HFSR_DEBUGEVT : HFSR_FORCED;
        exception = EXCEPTION_HARD_FAULT;
    }
    snprintf(text, sizeof(text), "%s: %s at 0x%08" PRIX32, exception_name(exception), what,
             address);
    nvic->told(nvic->told_context, text, &return_address);
    enter(nvic, exception, return_address);
}

static uint32_t present_pc(struct nvic *nvic)
{
    struct cpu_state state;

    cpu_read_state(nvic->cpu, &state);
    return state.pc;
}

static void supervisor_call(struct nvic *nvic)
{
    uint32_t pc = present_pc(nvic);

    if (group_priority(nvic, EXCEPTION_SVC) >= execution_priority(nvic, true)) {
        fault(nvic, EXCEPTION_SVC, "SVC where its priority does not allow it", pc - 2, pc - 2);
        return;
    }
    enter(nvic, EXCEPTION_SVC, pc);
}

void nvic_fault_fetch(struct nvic *nvic, uint32_t address)
{
    nvic->cfsr |= CFSR_IACCVIOL;
    fault(nvic, EXCEPTION_MEM_MANAGE, "execution not allowed", address, address);
}

// --- Return -------------------------------------------------------------------------------------

static bool return_is_sane(const struct nvic *nvic, uint32_t exc_return, unsigned exception)
{
    unsigned active = 0;

    for (unsigned word = 0; word < EXCEPTION_WORDS; word++) {
        active += (unsigned)__builtin_popcount(nvic->active[word]);
    }
    if (exception >= EXCEPTION_COUNT || !bit_get(nvic->active, exception)) {
        return false;
    }
    switch (exc_return & UINT32_C(0xFFFFFFEF)) {
    case UINT32_C(0xFFFFFFE1): // to a handler
        return active > 1;
    case UINT32_C(0xFFFFFFE9): // to a thread
    case UINT32_C(0xFFFFFFED):
        return active == 1 || (nvic->ccr & CCR_NONBASETHRDENA) != 0;
    default:
        return false;
    }
}

static void deactivate(struct nvic *nvic, struct cpu_state *state, unsigned exception)
{
    if (exception < EXCEPTION_COUNT) {
        bit_set(nvic->active, exception, false);
        if (exception != EXCEPTION_NMI) {
            state->faultmask = 0;
        }
        if (bit_get(nvic->level, exception)) {
            bit_set(nvic->pending, exception, true); // the line still asks
        }
    }
    nvic->event = true;
    nvic_update(nvic);
}

static int state_priority(const struct nvic *nvic, const struct cpu_state *state)
{
    int priority = nvic->active_priority;

    if ((state->basepri & PRIORITY_BITS) != 0) {
        int basepri = group_of(nvic, (int)(state->basepri & PRIORITY_BITS));

        priority = basepri < priority ? basepri : priority;
    }
    if ((state->primask & 1) != 0 && priority > 0) {
        priority = 0;
    }
    if ((state->faultmask & 1) != 0 && priority > -1) {
        priority = -1;
    }
    return priority;
}

static void return_fault(struct nvic *nvic, struct cpu_state *state, uint32_t exc_return,
                         uint32_t cfsr, unsigned exception, const char *text)
{
    nvic->cfsr |= cfsr;
    if (!handler_enabled(nvic, exception) ||
        group_priority(nvic, exception) >= state_priority(nvic, state)) {
        if (state_priority(nvic, state) <= -1) {
            lock_up(nvic, text, NULL);
            return;
        }
        nvic->hfsr |= HFSR_FORCED;
        exception = EXCEPTION_HARD_FAULT;
    }
    nvic->told(nvic->told_context, text, NULL);
    enter_handler(nvic, state, exception, exc_return);
}

// Takes the context off the stack that exc_return names. False: the stack is not memory.
static bool pop_frame(struct nvic *nvic, struct cpu_state *state, uint32_t exc_return)
{
    bool fp = (exc_return & 0x10) == 0;
    bool process = (exc_return & 4) != 0;
    uint32_t *sp = process ? &state->sp_process : &state->sp_main;
    uint32_t size = fp ? FRAME_FP_SIZE : FRAME_SIZE;
    uint32_t words[FRAME_FP_SIZE / 4];

    if (!read_words(nvic, *sp, words, size / 4)) {
        return false;
    }
    memcpy(state->r, words, 4 * sizeof(words[0]));
    state->r[12] = words[4];
    state->lr = words[5];
    state->pc = words[6] & ~UINT32_C(1);
    *sp = (*sp + size) | (words[7] >> 9 & 1) << 2;
    state->xpsr = words[7] & ~(UINT32_C(1) << 9);
    state->control =
        (state->control & CONTROL_NPRIV) | (fp ? CONTROL_FPCA : 0) | (process ? CONTROL_SPSEL : 0);
    if (fp) {
        cpu_write_fp_frame(nvic->cpu, &words[8], words[24]);
    }
    return true;
}

static void exception_return(struct nvic *nvic, uint32_t exc_return)
{
    struct cpu_state state;
    unsigned exception;
    bool to_handler = (exc_return & 8) == 0;
    bool sane;

    cpu_read_state(nvic->cpu, &state);
    exception = state.xpsr & XPSR_IPSR;
    sane = return_is_sane(nvic, exc_return, exception);
    deactivate(nvic, &state, exception);
    if (!sane) {
        return_fault(nvic, &state, UINT32_C(0xF0000000) | exc_return, CFSR_INVPC,
                     EXCEPTION_USAGE_FAULT, "UsageFault: impossible exception return (INVPC)");
        return;
    }
    if (nvic->wants && group_priority(nvic, nvic->best) < state_priority(nvic, &state)) {
        enter_handler(nvic, &state, nvic->best, exc_return); // tail-chain
        return;
    }
    if (!pop_frame(nvic, &state, exc_return)) {
        return_fault(nvic, &state, exc_return, CFSR_UNSTKERR, EXCEPTION_BUS_FAULT,
                     "BusFault: the stack of an exception return is outside memory");
        return;
    }
    if (((state.xpsr & XPSR_IPSR) != 0) != to_handler) {
        return_fault(nvic, &state, exc_return, CFSR_INVPC, EXCEPTION_USAGE_FAULT,
                     "UsageFault: exception return to a frame of the other mode (INVPC)");
        return;
    }
    cpu_write_state(nvic->cpu, &state);
    if ((state.xpsr & XPSR_T) == 0) {
        nvic->cfsr |= CFSR_INVSTATE;
        fault(nvic, EXCEPTION_USAGE_FAULT, "return without the Thumb bit", state.pc, state.pc);
        return;
    }
    if (!to_handler && (nvic->scr & SCR_SLEEPONEXIT) != 0) {
        nvic->sleep_on_exit = true;
        nvic->clock->attention = true;
    }
}

static void take(struct nvic *nvic, enum cpu_exception kind, uint32_t detail)
{
    uint32_t pc;

    if (kind == CPU_EXCEPTION_RETURN) {
        exception_return(nvic, detail);
        return;
    }
    if (kind == CPU_SUPERVISOR_CALL) {
        supervisor_call(nvic);
        return;
    }
    pc = present_pc(nvic);
    switch (kind) {
    case CPU_BREAKPOINT:
        fault(nvic, EXCEPTION_DEBUG, "BKPT without a debugger", pc, pc);
        break;
    case CPU_INVALID_STATE:
        nvic->cfsr |= CFSR_INVSTATE;
        fault(nvic, EXCEPTION_USAGE_FAULT, "branch to an address without the Thumb bit", pc, pc);
        break;
    case CPU_UNALIGNED:
        nvic->cfsr |= CFSR_UNALIGNED;
        fault(nvic, EXCEPTION_USAGE_FAULT, "unaligned access", pc, pc);
        break;
    case CPU_FETCH_BUS_ERROR:
        nvic->cfsr |= CFSR_IBUSERR;
        fault(nvic, EXCEPTION_BUS_FAULT, "instruction fetch", detail, pc);
        break;
    case CPU_EXECUTE_NEVER:
        nvic_fault_fetch(nvic, detail);
        break;
    case CPU_DATA_BUS_ERROR:
        nvic->cfsr |= CFSR_PRECISERR | CFSR_BFARVALID;
        nvic->bfar = detail;
        fault(nvic, EXCEPTION_BUS_FAULT, "data access", detail, pc);
        break;
    case CPU_DATA_BUS_ERROR_LATE:
        nvic->cfsr |= CFSR_IMPRECISERR;
        fault(nvic, EXCEPTION_BUS_FAULT, "data access (imprecise)", detail, pc);
        break;
    default:
        nvic->cfsr |= CFSR_UNDEFINSTR;
        fault(nvic, EXCEPTION_USAGE_FAULT, "undefined instruction", pc, pc);
        break;
    }
}

bool nvic_exception(struct nvic *nvic, enum cpu_exception kind, uint32_t detail)
{
    if (!nvic->locked_up) {
        take(nvic, kind, detail);
    }
    return !nvic->locked_up;
}

// --- A debugger ---------------------------------------------------------------------------------

void nvic_note_debug_event(struct nvic *nvic, uint32_t dfsr)
{
    nvic->dfsr |= dfsr;
}

void nvic_update_masks(struct nvic *nvic)
{
    nvic->locked_up = false; // it may have put the core somewhere else
    nvic_update(nvic);
}

bool nvic_has_locked_up(const struct nvic *nvic)
{
    return nvic->locked_up;
}

void nvic_set_debugger(struct nvic *nvic, const struct nvic_debugger *debugger)
{
    nvic->debugger = *debugger;
}

// --- Creation, reset ----------------------------------------------------------------------------

const uint64_t *nvic_entries(const struct nvic *nvic)
{
    return &nvic->entries;
}

void nvic_reset(struct nvic *nvic)
{
    memset(nvic->priority, 0, sizeof(nvic->priority));
    memset(nvic->pending, 0, sizeof(nvic->pending));
    memset(nvic->enabled, 0, sizeof(nvic->enabled));
    memset(nvic->active, 0, sizeof(nvic->active));
    nvic->enabled[0] = (UINT32_C(1) << EXCEPTION_IRQ0) - 1;
    for (unsigned word = 0; word < EXCEPTION_WORDS; word++) {
        nvic->pending[word] = nvic->level[word];
    }
    nvic->event = false;
    nvic->sleep_on_exit = false;
    nvic->locked_up = false;
    nvic->actlr = 0;
    nvic->prigroup = 0;
    nvic->scr = 0;
    nvic->ccr = CCR_STKALIGN | CCR_BP;
    nvic->shcsr_enables = 0;
    nvic->cfsr = 0;
    nvic->hfsr = 0;
    nvic->dfsr = 0;
    nvic->afsr = 0;
    nvic->csselr = 0;
    nvic->cpacr = 0;
    nvic_update(nvic);
}

struct nvic *nvic_create(struct machine *machine, struct cpu *cpu,
                         void (*told)(void *context, const char *text, const uint32_t *pc),
                         void *context)
{
    struct nvic *nvic = calloc(1, sizeof(*nvic));

    if (nvic == NULL) {
        abort();
    }
    nvic->machine = machine;
    nvic->clock = machine_clock(machine);
    nvic->cpu = cpu;
    nvic->told = told;
    nvic->told_context = context;
    nvic_reset(nvic);
    return nvic;
}

void nvic_destroy(struct nvic *nvic)
{
    free(nvic);
}
