// The processor core on Unicorn 2.0.1 (UC_CPU_ARM_CORTEX_M7).
//
// Written from Unicorn's public header and from experiments with Debian's build. What shapes it:
// - UC_MODE_MCLASS would select a Cortex-M33, so it is not passed.
// - uc_emu_stop from a memory callback repeats the access; the program is only left from the BLOCK
//   hook, redirected from the BLOCK and INTR hooks.
// - The cached translation flags go stale when IPSR is written; writing APSR_NZCV last cures it.
// - Inside a memory callback the program counter is only known through two functions that the
//   library exports but does not document (see cpu_unicorn_pc.c); without them it is the block's.
//
// Where silicon differs: interrupts are taken between basic blocks; the MPU is asked for each block
// of code but not for data; LDM, STM, LDRD, STRD and VLDR take any alignment, CCR.UNALIGN_TRP and
// CCR.DIV_0_TRP have no effect; the exclusive monitor is not cleared by an exception.
//
// SPDX-License-Identifier: MIT
#include "sim/cpu.h"
#include "sim/cpu_unicorn_pc.h"
#include "sim/cpu_unicorn_stores.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>

#define BLOCK_CACHE_SIZE 8192u
#define MAPPINGS_MAX     64u
#define PAGE_SIZE        4096u
#define PPB_BASE         UINT32_C(0xE0000000)
#define PPB_SIZE         UINT32_C(0x00100000)

// QEMU's numbers of the events that reach the INTR hook.
enum {
    INTR_UNDEFINED = 1,
    INTR_SVC = 2,
    INTR_PREFETCH_ABORT = 3,
    INTR_DATA_ABORT = 4,
    INTR_BREAKPOINT = 7,
    INTR_EXCEPTION_RETURN = 8,
    INTR_NO_COPROCESSOR = 17,
    INTR_INVALID_STATE = 18,
    INTR_UNALIGNED = 22,
};

enum { BLOCK_IN_WINDOW = 1, BLOCK_SENDS_EVENT = 2, BLOCK_HAS_BREAKPOINT = 4 };

struct block_info {
    uint32_t address;
    uint16_t size;
    uint16_t instructions;
    uint16_t breakpoint; // offset of the first one, with BLOCK_HAS_BREAKPOINT
    uint8_t flags;
};

// A BKPT that stands in memory while one block runs: how the middle of a block is reached. It is
// seen by translation only, and stops exactly there, inside IT blocks as well.
struct patch {
    uint8_t *memory; // NULL: none
    uint32_t address;
    uint8_t saved[2];
};

enum run_mode {
    RUN_FREELY,
    RUN_TO_PATCH, // one block, up to a breakpoint in its middle
    RUN_STEP,     // one instruction
};

// A stretch of the address space in Unicorn: memory, or a hole that calls back.
struct mapping {
    struct cpu *cpu;
    uint32_t base;
    uint32_t size;                      // 0 never occurs: no stretch is 4 GB
    const struct memory_region *region; // NULL: a hole between the regions
    bool mapped;                        // as memory; else through the callbacks
    bool wanted;                        // how it should be at the next start
    bool opened;                        // accessed since it was shown
};

struct cpu {
    uc_engine *uc;
    struct machine *machine;
    struct machine_clock *clock;
    struct cpu_events events;
    struct cpu_pc_finder *pc_finder;
    struct cpu_stores *stores;
    uint32_t block;
    uint32_t previous_block;
    bool running;
    bool in_access;      // inside a callback of uc_mmio_map
    bool left;           // boundary asked to leave
    uint32_t left_pc;    // before this instruction
    bool locked_up;      // the last exception could not be taken
    bool late_bus_error; // a bus error whose instruction cannot be found
    bool bus_error;      // an exact bus error is on its way to the INTR hook
    uint32_t bus_error_address;
    bool invalid; // the INSN_INVALID hook was called
    bool remap;   // some mapping is not as wanted
    uint64_t instructions;
    uint8_t *undo_memory; // a store that must not stay
    uint8_t undo_saved[8];
    unsigned undo_size; // 0: none
    enum run_mode mode;
    uint32_t split_at; // RUN_TO_PATCH: the breakpoint
    bool block_begun;  // the one block of RUN_TO_PATCH or RUN_STEP
    bool again;        // stopped only to change the mode
    bool stepped;
    bool at_breakpoint;
    bool halted; // by BKPT
    struct patch patch;
    uint32_t breakpoints[CPU_BREAKPOINTS_MAX];
    size_t breakpoint_count;
    struct cpu_watch watches[CPU_WATCHES_MAX];
    size_t watch_count;
    uc_hook watch_hooks[CPU_WATCHES_MAX + 1]; // the last one is called for each instruction
    int watch_hit;                            // -1: none
    uint32_t watch_address;
    struct mapping mappings[MAPPINGS_MAX];
    size_t mapping_count;
    bool sealed; // holes are mapped, no more regions
    struct block_info blocks[BLOCK_CACHE_SIZE];
};

static uint32_t read_register(struct cpu *cpu, int id)
{
    uint32_t value = 0;

    uc_reg_read(cpu->uc, id, &value);
    return value;
}

static void write_register(struct cpu *cpu, int id, uint32_t value)
{
    uc_reg_write(cpu->uc, id, &value);
}

// --- State --------------------------------------------------------------------------------------

static const int core_registers[13] = {UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2,  UC_ARM_REG_R3,
                                       UC_ARM_REG_R4, UC_ARM_REG_R5, UC_ARM_REG_R6,  UC_ARM_REG_R7,
                                       UC_ARM_REG_R8, UC_ARM_REG_R9, UC_ARM_REG_R10, UC_ARM_REG_R11,
                                       UC_ARM_REG_R12};

bool cpu_unprivileged(struct cpu *cpu)
{
    return (read_register(cpu, UC_ARM_REG_CONTROL) & CONTROL_NPRIV) != 0 &&
           (read_register(cpu, UC_ARM_REG_XPSR) & XPSR_IPSR) == 0;
}

// While the thread is unprivileged, Unicorn's own register access is as powerless as the thread.
// A number in IPSR lifts that; this must be undone before the program goes on.
static bool lift_privilege(struct cpu *cpu)
{
    if (!cpu_unprivileged(cpu)) {
        return false;
    }
    write_register(cpu, UC_ARM_REG_IPSR, 3);
    return true;
}

static void drop_privilege(struct cpu *cpu, uint32_t xpsr)
{
    write_register(cpu, UC_ARM_REG_IPSR, 0);
    write_register(cpu, UC_ARM_REG_APSR_NZCV, xpsr & XPSR_FLAGS);
}

void cpu_read_masks(struct cpu *cpu, struct cpu_masks *masks)
{
    uint32_t xpsr = read_register(cpu, UC_ARM_REG_XPSR);
    bool lifted = lift_privilege(cpu);

    masks->primask = read_register(cpu, UC_ARM_REG_PRIMASK);
    masks->basepri = read_register(cpu, UC_ARM_REG_BASEPRI);
    masks->faultmask = read_register(cpu, UC_ARM_REG_FAULTMASK);
    if (lifted) {
        drop_privilege(cpu, xpsr);
    }
}

void cpu_read_state(struct cpu *cpu, struct cpu_state *state)
{
    bool lifted;

    for (int i = 0; i < 13; i++) {
        state->r[i] = read_register(cpu, core_registers[i]);
    }
    state->lr = read_register(cpu, UC_ARM_REG_LR);
    state->pc = read_register(cpu, UC_ARM_REG_PC);
    state->xpsr = read_register(cpu, UC_ARM_REG_XPSR);
    state->control = read_register(cpu, UC_ARM_REG_CONTROL);
    if ((state->xpsr & XPSR_IPSR) != 0) {
        state->control &= ~CONTROL_SPSEL; // hardware reads 0 in handler mode
    }
    lifted = lift_privilege(cpu);
    state->sp_main = read_register(cpu, UC_ARM_REG_MSP);
    state->sp_process = read_register(cpu, UC_ARM_REG_PSP);
    state->primask = read_register(cpu, UC_ARM_REG_PRIMASK);
    state->basepri = read_register(cpu, UC_ARM_REG_BASEPRI);
    state->faultmask = read_register(cpu, UC_ARM_REG_FAULTMASK);
    if (lifted) {
        drop_privilege(cpu, state->xpsr);
    }
}

void cpu_write_state(struct cpu *cpu, const struct cpu_state *state)
{
    // First to privileged thread mode on the main stack, from wherever the core is.
    write_register(cpu, UC_ARM_REG_IPSR, 3);
    write_register(cpu, UC_ARM_REG_CONTROL, 0);
    write_register(cpu, UC_ARM_REG_IPSR, 0);
    write_register(cpu, UC_ARM_REG_CONTROL, 0);
    for (int i = 0; i < 13; i++) {
        write_register(cpu, core_registers[i], state->r[i]);
    }
    write_register(cpu, UC_ARM_REG_LR, state->lr);
    write_register(cpu, UC_ARM_REG_MSP, state->sp_main);
    write_register(cpu, UC_ARM_REG_PSP, state->sp_process);
    write_register(cpu, UC_ARM_REG_PRIMASK, state->primask);
    write_register(cpu, UC_ARM_REG_BASEPRI, state->basepri);
    write_register(cpu, UC_ARM_REG_FAULTMASK, state->faultmask);
    write_register(cpu, UC_ARM_REG_XPSR_NZCVQG, state->xpsr | XPSR_T);
    write_register(cpu, UC_ARM_REG_CONTROL, state->control);
    write_register(cpu, UC_ARM_REG_APSR_NZCV, state->xpsr & XPSR_FLAGS);
    write_register(cpu, UC_ARM_REG_PC, state->pc | 1);
}

static void transfer_fp(struct cpu *cpu, uint32_t *s, unsigned count, bool write)
{
    for (unsigned i = 0; i < count; i++) {
        int id = UC_ARM_REG_S0 + (int)i;

        if (write) {
            write_register(cpu, id, s[i]);
        } else {
            s[i] = read_register(cpu, id);
        }
    }
}

void cpu_read_fp_frame(struct cpu *cpu, uint32_t s[16], uint32_t *fpscr)
{
    transfer_fp(cpu, s, 16, false);
    *fpscr = read_register(cpu, UC_ARM_REG_FPSCR);
}

void cpu_write_fp_frame(struct cpu *cpu, const uint32_t s[16], uint32_t fpscr)
{
    uint32_t copy[16];

    memcpy(copy, s, sizeof(copy));
    transfer_fp(cpu, copy, 16, true);
    write_register(cpu, UC_ARM_REG_FPSCR, fpscr);
}

void cpu_read_fp(struct cpu *cpu, uint32_t s[32], uint32_t *fpscr)
{
    transfer_fp(cpu, s, 32, false);
    *fpscr = read_register(cpu, UC_ARM_REG_FPSCR);
}

void cpu_write_fp(struct cpu *cpu, const uint32_t s[32], uint32_t fpscr)
{
    uint32_t copy[32];

    memcpy(copy, s, sizeof(copy));
    transfer_fp(cpu, copy, 32, true);
    write_register(cpu, UC_ARM_REG_FPSCR, fpscr);
}

// --- Bus accesses -------------------------------------------------------------------------------

// The access ends in a bus error: exact if the instruction can be found, else at the next block.
static void bus_error(struct cpu *cpu, uint32_t address, bool exact)
{
    cpu->bus_error_address = address;
    if (exact && cpu->pc_finder != NULL) {
        cpu->bus_error = true;
        cpu_pc_abort(cpu->pc_finder, INTR_DATA_ABORT); // does not return
    }
    cpu->late_bus_error = true;
    cpu->clock->attention = true;
}

// The system's own registers refuse unprivileged code.
static bool refused_to_thread(struct cpu *cpu, uint32_t address)
{
    return address - PPB_BASE < PPB_SIZE && cpu_unprivileged(cpu);
}

// Its reads take time that somebody has told.
static bool is_timed(const struct memory_region *region)
{
    return region->first_line_ns != 0 || region->next_line_ns != 0;
}

// An access through a mapping that stands for hidden memory which has been shown meanwhile. Memory
// whose reads take time stays so until code is fetched from it: then it has to be fast.
static void note_opened(struct cpu *cpu, struct mapping *mapping, bool fetched)
{
    if (mapping->region == NULL || !mapping->region->shown) {
        return;
    }
    if (!mapping->opened) {
        mapping->opened = true;
        cpu->events.window_opened(cpu->events.context, mapping->region);
    }
    if (!mapping->region->shown || mapping->region->memory == NULL) {
        return; // its owner has found that it cannot be
    }
    if (!fetched && is_timed(mapping->region)) {
        return;
    }
    mapping->wanted = true;
    cpu->remap = true;
    cpu->clock->attention = true;
}

static bool access_part(struct cpu *cpu, uint32_t address, unsigned size, bool write,
                        uint32_t *value)
{
    if (refused_to_thread(cpu, address)) {
        return false;
    }
    return write ? machine_bus_write(cpu->machine, address, size, *value)
                 : machine_bus_read(cpu->machine, address, size, value);
}

static void charge_read(struct cpu *cpu, const struct mapping *mapping, uint32_t address,
                        unsigned size)
{
    uint64_t cycles;

    if (mapping->region != NULL && mapping->region->shown && is_timed(mapping->region)) {
        cycles = cpu->events.window_read(cpu->events.context, address, size);
        cpu->clock->cycles += cycles;
        cpu->clock->block_cycles += cycles;
    }
}

static uint64_t on_read(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
    struct mapping *mapping = user;
    struct cpu *cpu = mapping->cpu;
    uint32_t address = mapping->base + (uint32_t)offset;
    uint32_t low = 0;
    uint32_t high = 0;
    bool good;

    (void)uc;
    cpu->in_access = true;
    note_opened(cpu, mapping, false);
    charge_read(cpu, mapping, address, size);
    good = access_part(cpu, address, size == 8 ? 4 : size, false, &low);
    if (good && size == 8) {
        good = access_part(cpu, address + 4, 4, false, &high);
    }
    cpu->in_access = false;
    if (!good) {
        bus_error(cpu, address, true);
    }
    return (uint64_t)high << 32 | low;
}

static bool write_parts(struct cpu *cpu, uint32_t address, unsigned size, uint64_t value)
{
    uint32_t low = (uint32_t)value;
    uint32_t high = (uint32_t)(value >> 32);

    return access_part(cpu, address, size == 8 ? 4 : size, true, &low) &&
           (size != 8 || access_part(cpu, address + 4, 4, true, &high));
}

static void on_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user)
{
    struct mapping *mapping = user;
    struct cpu *cpu = mapping->cpu;
    uint32_t address = mapping->base + (uint32_t)offset;
    bool good;

    (void)uc;
    cpu->in_access = true;
    note_opened(cpu, mapping, false);
    good = write_parts(cpu, address, size, value);
    cpu->in_access = false;
    if (!good) {
        bus_error(cpu, address, true);
    }
}

// Puts back what Unicorn stored into read-only memory.
static void undo_store(struct cpu *cpu)
{
    if (cpu->undo_size != 0) {
        memcpy(cpu->undo_memory, cpu->undo_saved, cpu->undo_size);
        cpu->undo_size = 0;
    }
}

// A store to read-only memory: the device lying over it takes it, or it is a bus error. Unicorn
// does the store itself as well, after this; it is undone before anything can happen to the memory.
static bool on_write_protected(uc_engine *uc, uc_mem_type type, uint64_t address, int size,
                               int64_t value, void *user)
{
    struct cpu *cpu = user;
    const struct memory_region *region = machine_region_at(cpu->machine, (uint32_t)address);

    (void)uc;
    (void)type;
    undo_store(cpu);
    if (!write_parts(cpu, (uint32_t)address, (unsigned)size, (uint64_t)value)) {
        bus_error(cpu, (uint32_t)address, false);
    }
    if (region != NULL && region->memory != NULL &&
        region->size - ((uint32_t)address - region->base) >= (unsigned)size) {
        cpu->undo_memory = region->memory + ((uint32_t)address - region->base);
        cpu->undo_size = (unsigned)size;
        memcpy(cpu->undo_saved, cpu->undo_memory, cpu->undo_size);
    }
    return true;
}

// --- Blocks -------------------------------------------------------------------------------------

void cpu_forget_blocks(struct cpu *cpu)
{
    for (size_t i = 0; i < BLOCK_CACHE_SIZE; i++) {
        cpu->blocks[i].address = UINT32_MAX;
    }
}

static uint32_t halfword_at(const struct memory_region *region, uint32_t address)
{
    uint32_t offset = address - region->base;

    return (uint32_t)region->memory[offset] | (uint32_t)region->memory[offset + 1] << 8;
}

static void note_breakpoint(const struct cpu *cpu, struct block_info *info, uint32_t address)
{
    if ((info->flags & BLOCK_HAS_BREAKPOINT) != 0) {
        return;
    }
    for (size_t i = 0; i < cpu->breakpoint_count; i++) {
        if (cpu->breakpoints[i] == address) {
            info->flags |= BLOCK_HAS_BREAKPOINT;
            info->breakpoint = (uint16_t)(address - info->address);
        }
    }
}

// Counts the instructions of a block and notes what in it matters to the board.
// Returns the address of its first FPU instruction, 0 if it has none.
static uint32_t block_scan(struct cpu *cpu, struct block_info *info, uint32_t address,
                           uint32_t size)
{
    const struct memory_region *region = machine_region_at(cpu->machine, address);
    uint32_t end = address + size;
    uint32_t fpu_address = 0;

    info->address = address;
    info->size = (uint16_t)size;
    info->instructions = 0;
    info->flags = 0;
    if (region == NULL || region->size - (address - region->base) < size) {
        info->instructions = (uint16_t)(size / 2);
        return 0;
    }
    if (is_timed(region)) {
        info->flags |= BLOCK_IN_WINDOW;
    }
    while (address < end) {
        uint32_t halfword = halfword_at(region, address);

        if (halfword == 0xBF40) {
            info->flags |= BLOCK_SENDS_EVENT;
        }
        note_breakpoint(cpu, info, address);
        // Coprocessors 10 and 11; the block ends inside memory, so the second half is there.
        if ((halfword & 0xEC00) == 0xEC00 && fpu_address == 0 && address + 4 <= end &&
            (halfword_at(region, address + 2) & 0x0E00) == 0x0A00) {
            fpu_address = address;
        }
        address += halfword >= 0xE800 ? 4 : 2;
        info->instructions++;
    }
    return fpu_address;
}

// Stops before the instruction at `pc`. Unicorn does not know by itself where that is while there
// is a hook for each instruction, as for watches; the program counter is set after the return.
static void leave_at(struct cpu *cpu, uint32_t pc)
{
    cpu->left = true;
    cpu->left_pc = pc;
    if (cpu->running) {
        uc_emu_stop(cpu->uc);
    }
}

static void raise(struct cpu *cpu, enum cpu_exception kind, uint32_t detail)
{
    if (!cpu->events.exception(cpu->events.context, kind, detail)) {
        cpu->locked_up = true;
        leave_at(cpu, read_register(cpu, UC_ARM_REG_PC));
    }
}

// True: the block does not run now.
static bool handled(struct cpu *cpu, enum cpu_continue result, uint32_t address)
{
    if (result == CPU_LEAVE) {
        leave_at(cpu, address);
    }
    return result != CPU_GO_ON;
}

static bool before_block(struct cpu *cpu, uint32_t address)
{
    if (cpu->late_bus_error) {
        cpu->late_bus_error = false;
        cpu->events.exception(cpu->events.context, CPU_DATA_BUS_ERROR_LATE, cpu->bus_error_address);
        return true;
    }
    if (cpu->remap) {
        cpu->clock->attention = true; // seen by boundary after the remap
        leave_at(cpu, address);
        return true;
    }
    return handled(cpu, cpu->events.boundary(cpu->events.context, address), address);
}

// What a debugger wants before a block. True: it does not run now.
static bool debug_before_block(struct cpu *cpu, uint32_t address)
{
    if (cpu->watch_hit >= 0 || cpu->block_begun) {
        cpu->stepped = cpu->block_begun && cpu->mode == RUN_STEP;
        if (cpu->mode == RUN_TO_PATCH) { // the block was left on another way
            cpu->mode = RUN_FREELY;
            cpu->again = true;
        }
        leave_at(cpu, address);
        return true;
    }
    return false;
}

// True: a breakpoint is in this block, and it does not run now.
static bool stops_in_block(struct cpu *cpu, const struct block_info *info, uint32_t address)
{
    uint32_t breakpoint = address + info->breakpoint;

    if (cpu->mode == RUN_STEP || (cpu->mode == RUN_TO_PATCH && cpu->split_at == breakpoint)) {
        return false;
    }
    if (breakpoint == address) {
        cpu->at_breakpoint = true;
    } else {
        cpu->mode = RUN_TO_PATCH;
        cpu->split_at = breakpoint;
        cpu->again = true;
    }
    leave_at(cpu, address);
    return true;
}

static void on_block(uc_engine *uc, uint64_t address64, uint32_t size, void *user)
{
    struct cpu *cpu = user;
    struct machine_clock *clock = cpu->clock;
    uint32_t address = (uint32_t)address64;
    struct block_info *info = &cpu->blocks[(address >> 1) % BLOCK_CACHE_SIZE];

    (void)uc;
    clock->cycles = clock->block_cycles;
    undo_store(cpu);
    if (debug_before_block(cpu, address)) {
        return;
    }
    if ((clock->cycles >= clock->deadline_cycles || clock->attention) &&
        before_block(cpu, address)) {
        cpu->block_begun = cpu->mode == RUN_STEP && !cpu->left; // an exception entry is a step
        return;
    }
    if (info->address != address || info->size != size) {
        uint32_t fpu = block_scan(cpu, info, address, size);

        if (handled(cpu, cpu->events.new_block(cpu->events.context, address, size, fpu), address)) {
            info->address = UINT32_MAX;
            cpu->block_begun = cpu->mode == RUN_STEP && !cpu->left;
            return;
        }
    }
    if ((info->flags & BLOCK_HAS_BREAKPOINT) != 0 && stops_in_block(cpu, info, address)) {
        return;
    }
    cpu->block_begun = cpu->mode != RUN_FREELY;
    cpu->previous_block = cpu->block;
    cpu->block = address;
    cpu->instructions += info->instructions;
    clock->block_cycles = clock->cycles + info->instructions;
    if (info->flags != 0) {
        if ((info->flags & BLOCK_IN_WINDOW) != 0) {
            clock->block_cycles += cpu->events.window_block(cpu->events.context, address, size);
        }
        if ((info->flags & BLOCK_SENDS_EVENT) != 0) {
            cpu->events.send_event(cpu->events.context);
        }
    }
}

// --- Exceptions ---------------------------------------------------------------------------------

// A BKPT, the program's or a patch. True: the program stops before it.
static bool stops_at_bkpt(struct cpu *cpu, uint32_t pc)
{
    if (cpu->patch.memory != NULL && cpu->patch.address == pc) {
        // It was counted as an instruction of its block.
        cpu->instructions--;
        cpu->clock->block_cycles--;
        cpu->stepped = cpu->mode == RUN_STEP;
        cpu->at_breakpoint = cpu->mode == RUN_TO_PATCH;
    } else if (cpu->events.breakpoint(cpu->events.context)) {
        cpu->halted = true;
    } else {
        return false;
    }
    cpu->clock->cycles = cpu->clock->block_cycles;
    leave_at(cpu, pc);
    return true;
}

static void on_interrupt(uc_engine *uc, uint32_t number, void *user)
{
    struct cpu *cpu = user;
    uint32_t pc = read_register(cpu, UC_ARM_REG_PC);

    (void)uc;
    if (number == INTR_BREAKPOINT && stops_at_bkpt(cpu, pc)) {
        return;
    }
    switch (number) {
    case INTR_SVC:
        raise(cpu, CPU_SUPERVISOR_CALL, 0);
        break;
    case INTR_BREAKPOINT:
        raise(cpu, CPU_BREAKPOINT, pc);
        break;
    case INTR_EXCEPTION_RETURN:
        raise(cpu, CPU_EXCEPTION_RETURN, pc | 1);
        break;
    case INTR_PREFETCH_ABORT:
        raise(cpu, CPU_EXECUTE_NEVER, pc);
        break;
    case INTR_DATA_ABORT:
        if (cpu->bus_error) {
            cpu->bus_error = false;
            raise(cpu, CPU_DATA_BUS_ERROR, cpu->bus_error_address);
        } else {
            raise(cpu, CPU_UNALIGNED, pc);
        }
        break;
    case INTR_INVALID_STATE:
        raise(cpu, CPU_INVALID_STATE, pc);
        break;
    case INTR_UNALIGNED:
        raise(cpu, CPU_UNALIGNED, pc);
        break;
    default:
        raise(cpu, CPU_UNDEFINED, pc);
        break;
    }
}

static bool on_invalid(uc_engine *uc, void *user)
{
    struct cpu *cpu = user;

    (void)uc;
    cpu->invalid = true;
    return true;
}

static uint32_t fetch(struct cpu *cpu, uint32_t address)
{
    const struct memory_region *region = machine_region_at(cpu->machine, address);

    if (region == NULL || !region->shown || region->size - (address - region->base) < 2) {
        return 0;
    }
    return halfword_at(region, address);
}

// --- Memory map ---------------------------------------------------------------------------------

static void check(uc_err error, const char *what)
{
    if (error != UC_ERR_OK) {
        fprintf(stderr, "quadlane-board: Unicorn refuses %s: %s\n", what, uc_strerror(error));
        abort();
    }
}

static void map(struct mapping *mapping, bool as_memory)
{
    struct cpu *cpu = mapping->cpu;
    const struct memory_region *region = mapping->region;

    if (as_memory) {
        uint32_t permissions = UC_PROT_READ | UC_PROT_EXEC;

        if (region->writable) {
            permissions |= UC_PROT_WRITE;
        }
        check(uc_mem_map_ptr(cpu->uc, mapping->base, mapping->size, permissions, region->memory),
              region->name);
        if (region->writable && cpu->stores != NULL) {
            cpu_stores_mapped(cpu->stores, mapping->base, mapping->size, region->memory);
        }
    } else {
        check(
            uc_mmio_map(cpu->uc, mapping->base, mapping->size, on_read, mapping, on_write, mapping),
            "a hole");
    }
    mapping->mapped = as_memory;
    mapping->wanted = as_memory;
}

static void remap(struct mapping *mapping)
{
    struct cpu *cpu = mapping->cpu;

    if (mapping->mapped) {
        // Translations are keyed by a number that the next mapping may get again.
        uc_ctl_remove_cache(cpu->uc, (uint64_t)mapping->base,
                            (uint64_t)mapping->base + mapping->size);
        if (cpu->stores != NULL) {
            cpu_stores_unmapped(cpu->stores, mapping->base);
        }
    }
    check(uc_mem_unmap(cpu->uc, mapping->base, mapping->size), "to unmap");
    map(mapping, mapping->wanted);
}

static struct mapping *mapping_add(struct cpu *cpu, uint32_t base, uint32_t size,
                                   const struct memory_region *region)
{
    struct mapping *mapping = &cpu->mappings[cpu->mapping_count];

    assert(cpu->mapping_count < MAPPINGS_MAX);
    cpu->mapping_count++;
    *mapping = (struct mapping){.cpu = cpu, .base = base, .size = size, .region = region};
    return mapping;
}

void cpu_region_added(struct cpu *cpu, const struct memory_region *region)
{
    assert(!cpu->sealed && "memory added after the first instruction");
    assert(region->base % PAGE_SIZE == 0 && region->size % PAGE_SIZE == 0);
    map(mapping_add(cpu, region->base, region->size, region), !region->is_window);
}

static int compare_bases(const void *a, const void *b)
{
    const struct mapping *left = a;
    const struct mapping *right = b;

    return left->base < right->base ? -1 : left->base > right->base;
}

// All that is not memory calls back.
static void map_holes(struct cpu *cpu)
{
    struct mapping sorted[MAPPINGS_MAX];
    size_t count = cpu->mapping_count;
    uint64_t at = 0;

    memcpy(sorted, cpu->mappings, sizeof(sorted));
    qsort(sorted, count, sizeof(sorted[0]), compare_bases);
    for (size_t i = 0; i <= count; i++) {
        uint64_t end = i < count ? sorted[i].base : UINT64_C(1) << 32;

        assert(end >= at && "memory regions overlap");
        if (end > at) {
            map(mapping_add(cpu, (uint32_t)at, (uint32_t)(end - at), NULL), false);
        }
        if (i < count) {
            at = (uint64_t)sorted[i].base + sorted[i].size;
        }
    }
    cpu->sealed = true;
}

static void apply_mappings(struct cpu *cpu)
{
    cpu->remap = false;
    for (size_t i = 0; i < cpu->mapping_count; i++) {
        if (cpu->mappings[i].wanted != cpu->mappings[i].mapped) {
            remap(&cpu->mappings[i]);
        }
    }
}

static struct mapping *mapping_of(struct cpu *cpu, uint32_t address)
{
    for (size_t i = 0; i < cpu->mapping_count; i++) {
        if (address - cpu->mappings[i].base < cpu->mappings[i].size) {
            return &cpu->mappings[i];
        }
    }
    return NULL;
}

// Shown memory is mapped at its first access (that with costs at the first fetch), hidden memory
// is unmapped before the next block.
void cpu_region_shown(struct cpu *cpu, const struct memory_region *region, bool shown)
{
    struct mapping *mapping = mapping_of(cpu, region->base);

    if (!shown) {
        mapping->opened = false;
        mapping->wanted = false;
        cpu->remap = true;
        cpu->clock->attention = true;
    }
}

void cpu_memory_changed(struct cpu *cpu, uint32_t base, uint32_t size)
{
    struct mapping *mapping = mapping_of(cpu, base);

    if (mapping != NULL && mapping->mapped && size != 0) {
        uc_ctl_remove_cache(cpu->uc, (uint64_t)base, (uint64_t)base + size);
    }
    cpu_forget_blocks(cpu);
}

// --- Breakpoints, watches ------------------------------------------------------------------------

static void patch_set(struct cpu *cpu, uint32_t address)
{
    const struct memory_region *region = machine_region_at(cpu->machine, address);
    struct mapping *mapping = mapping_of(cpu, address);
    struct patch *patch = &cpu->patch;

    if (region == NULL || !mapping->mapped || region->size - (address - region->base) < 2) {
        return;
    }
    patch->address = address;
    patch->memory = region->memory + (address - region->base);
    memcpy(patch->saved, patch->memory, 2);
    patch->memory[0] = 0x00;
    patch->memory[1] = 0xBE;
    uc_ctl_remove_cache(cpu->uc, (uint64_t)address, (uint64_t)address + 2);
}

static void patch_clear(struct cpu *cpu)
{
    struct patch *patch = &cpu->patch;

    if (patch->memory == NULL) {
        return;
    }
    if (patch->memory[0] == 0x00 && patch->memory[1] == 0xBE) { // else the program stored there
        memcpy(patch->memory, patch->saved, 2);
    }
    patch->memory = NULL;
    uc_ctl_remove_cache(cpu->uc, (uint64_t)patch->address, (uint64_t)patch->address + 2);
}

static void patch_as_needed(struct cpu *cpu)
{
    uint32_t pc;

    cpu->block_begun = false;
    if (cpu->mode == RUN_TO_PATCH) {
        patch_set(cpu, cpu->split_at);
    } else if (cpu->mode == RUN_STEP) {
        pc = read_register(cpu, UC_ARM_REG_PC);
        patch_set(cpu, pc + (fetch(cpu, pc) >= 0xE800 ? 4 : 2));
    }
}

void cpu_set_breakpoints(struct cpu *cpu, const uint32_t *addresses, size_t count)
{
    assert(count <= CPU_BREAKPOINTS_MAX);
    memcpy(cpu->breakpoints, addresses, count * sizeof(addresses[0]));
    cpu->breakpoint_count = count;
    cpu_forget_blocks(cpu);
}

static void on_watched(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                       void *user)
{
    struct cpu *cpu = user;

    (void)uc;
    (void)value;
    for (size_t i = 0; i < cpu->watch_count && cpu->watch_hit < 0; i++) {
        const struct cpu_watch *watch = &cpu->watches[i];

        if ((type == UC_MEM_WRITE ? watch->write : watch->read) &&
            address < (uint64_t)watch->base + watch->size &&
            address + (uint64_t)size > watch->base) {
            cpu->watch_hit = (int)i;
            cpu->watch_address = (uint32_t)address;
        }
    }
}

// Before each instruction while something is watched: the one before it may have touched it.
// Unicorn cannot stop inside an IT block; there the next chance is its end.
static void on_instruction(uc_engine *uc, uint64_t address, uint32_t size, void *user)
{
    struct cpu *cpu = user;

    (void)uc;
    (void)size;
    if (cpu->watch_hit >= 0 && !cpu->left && (read_register(cpu, UC_ARM_REG_XPSR) & XPSR_IT) == 0) {
        leave_at(cpu, (uint32_t)address);
    }
}

// Translations know which hooks there are. (uc_ctl_flush_tlb would do it for all at once, by
// clearing a gigabyte.)
static void forget_translations(struct cpu *cpu)
{
    for (size_t i = 0; i < cpu->mapping_count; i++) {
        const struct mapping *mapping = &cpu->mappings[i];

        if (mapping->mapped) {
            uc_ctl_remove_cache(cpu->uc, (uint64_t)mapping->base,
                                (uint64_t)mapping->base + mapping->size);
        }
    }
    cpu_forget_blocks(cpu);
}

void cpu_set_watches(struct cpu *cpu, const struct cpu_watch *watches, size_t count)
{
    assert(count <= CPU_WATCHES_MAX);
    if (count == 0 && cpu->watch_count == 0) {
        return;
    }
    for (size_t i = 0; i < cpu->watch_count; i++) {
        uc_hook_del(cpu->uc, cpu->watch_hooks[i]);
    }
    if (cpu->watch_count != 0) {
        uc_hook_del(cpu->uc, cpu->watch_hooks[CPU_WATCHES_MAX]);
    }
    memcpy(cpu->watches, watches, count * sizeof(watches[0]));
    cpu->watch_count = count;
    cpu->watch_hit = -1;
    for (size_t i = 0; i < count; i++) {
        // An access begins up to seven bytes before what it touches.
        uint64_t begin = watches[i].base < 7 ? 0 : watches[i].base - 7;
        uint64_t end = (uint64_t)watches[i].base + watches[i].size - 1;

        check(uc_hook_add(cpu->uc, &cpu->watch_hooks[i], UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
                          (void *)on_watched, cpu, begin, end),
              "to watch");
    }
    if (count != 0) {
        check(uc_hook_add(cpu->uc, &cpu->watch_hooks[CPU_WATCHES_MAX], UC_HOOK_CODE,
                          (void *)on_instruction, cpu, UINT64_C(1), UINT64_C(0)),
              "to watch");
    }
    forget_translations(cpu);
}

int cpu_take_watch_hit(struct cpu *cpu, uint32_t *address)
{
    int hit = cpu->watch_hit;

    *address = cpu->watch_address;
    cpu->watch_hit = -1;
    return hit;
}

// --- Running ------------------------------------------------------------------------------------

static void fetch_failed(struct cpu *cpu, uint32_t pc)
{
    struct mapping *mapping = mapping_of(cpu, pc);

    if (mapping->region != NULL && mapping->region->shown) {
        note_opened(cpu, mapping, true);
        if (mapping->wanted) {
            return;
        }
    }
    if (mapping->region != NULL && mapping->region->refused != NULL) {
        mapping->region->refused(mapping->region->context, pc);
        note_opened(cpu, mapping, true);
        if (mapping->wanted) {
            return;
        }
    }
    raise(cpu, CPU_FETCH_BUS_ERROR, pc);
}

// An instruction that Unicorn does not know: the hints that it leaves to us, or undefined.
static bool invalid_instruction(struct cpu *cpu, uint32_t pc, enum cpu_exit *exit)
{
    uint32_t before = fetch(cpu, pc - 2);

    if ((read_register(cpu, UC_ARM_REG_XPSR) & XPSR_T) == 0) {
        raise(cpu, CPU_INVALID_STATE, pc);
        return false;
    }
    if (before == 0xBF20 || (fetch(cpu, pc - 4) == 0xF3AF && before == 0x8002)) {
        *exit = CPU_EXIT_WAIT_EVENT;
        return true;
    }
    if (before == 0xBF10 || (fetch(cpu, pc - 4) == 0xF3AF && before == 0x8001)) {
        return false; // YIELD: nothing to do
    }
    raise(cpu, CPU_UNDEFINED, pc);
    return false;
}

// True: the caller must know.
static bool after_leaving(struct cpu *cpu, enum cpu_exit *exit)
{
    if (cpu->halted) {
        *exit = CPU_EXIT_LEFT;
    } else if (cpu->stepped) {
        *exit = CPU_EXIT_STEPPED;
    } else if (cpu->at_breakpoint) {
        *exit = CPU_EXIT_BREAKPOINT;
    } else if (cpu->watch_hit >= 0) {
        *exit = CPU_EXIT_WATCH;
    } else {
        bool again = cpu->again || cpu->remap;

        cpu->again = false;
        *exit = CPU_EXIT_LEFT;
        return !again;
    }
    return true;
}

// Sorts out why Unicorn returned. True: the caller must know.
static bool after_stop(struct cpu *cpu, uc_err error, enum cpu_exit *exit)
{
    uint32_t pc = read_register(cpu, UC_ARM_REG_PC);
    bool invalid = cpu->invalid || error == UC_ERR_INSN_INVALID;

    cpu->invalid = false;
    *exit = CPU_EXIT_LEFT;
    if (cpu->left) {
        return after_leaving(cpu, exit) || cpu->locked_up;
    }
    if (invalid) {
        return invalid_instruction(cpu, pc, exit) || cpu->locked_up;
    }
    if (error == UC_ERR_OK) {
        *exit = CPU_EXIT_WAIT_INTERRUPT;
        return true;
    }
    if (error == UC_ERR_EXCEPTION) {
        raise(cpu, CPU_INVALID_STATE, pc);
    } else {
        fetch_failed(cpu, pc);
    }
    return cpu->locked_up;
}

static enum cpu_exit run(struct cpu *cpu, enum run_mode mode)
{
    enum cpu_exit exit = CPU_EXIT_LEFT;
    bool over;

    if (!cpu->sealed) {
        map_holes(cpu);
    }
    cpu->mode = mode;
    cpu->again = false;
    cpu->stepped = false;
    cpu->at_breakpoint = false;
    cpu->halted = false;
    do {
        uc_err error;

        apply_mappings(cpu);
        patch_as_needed(cpu);
        cpu->left = false;
        cpu->locked_up = false;
        cpu->running = true;
        error = uc_emu_start(cpu->uc, read_register(cpu, UC_ARM_REG_PC) | 1, 0, 0, 0);
        cpu->running = false;
        if (cpu->left) {
            write_register(cpu, UC_ARM_REG_PC, cpu->left_pc | 1);
        }
        undo_store(cpu);
        patch_clear(cpu);
        // The last block has run (or its failing instruction was its last).
        if (!cpu->left) {
            cpu->clock->cycles = cpu->clock->block_cycles;
        }
        over = after_stop(cpu, error, &exit);
        if (!over && cpu->mode == RUN_STEP && cpu->block_begun) {
            exit = CPU_EXIT_STEPPED; // into the handler of a fault
            over = true;
        }
    } while (!over);
    return exit;
}

enum cpu_exit cpu_run(struct cpu *cpu)
{
    return run(cpu, RUN_FREELY);
}

enum cpu_exit cpu_step(struct cpu *cpu)
{
    return run(cpu, RUN_STEP);
}

// --- Places, creation ---------------------------------------------------------------------------

void cpu_where(struct cpu *cpu, struct cpu_place *place)
{
    place->block = cpu->block;
    place->previous_block = cpu->previous_block;
    place->exact = false;
    place->pc = cpu->block;
    if (cpu->in_access && cpu->pc_finder != NULL) {
        place->exact = cpu_pc_find(cpu->pc_finder, &place->pc);
    } else if (!cpu->running) {
        place->pc = read_register(cpu, UC_ARM_REG_PC);
        place->exact = true;
    }
}

const uint64_t *cpu_instructions(const struct cpu *cpu)
{
    return &cpu->instructions;
}

static void add_hook(struct cpu *cpu, int type, void *callback)
{
    uc_hook hook;

    check(uc_hook_add(cpu->uc, &hook, type, callback, cpu, UINT64_C(1), UINT64_C(0)), "a hook");
}

struct cpu *cpu_create(struct machine *machine, const struct cpu_events *events)
{
    struct cpu *cpu = calloc(1, sizeof(*cpu));

    if (cpu == NULL) {
        abort();
    }
    cpu->machine = machine;
    cpu->clock = machine_clock(machine);
    cpu->events = *events;
    cpu->watch_hit = -1;
    check(uc_open(UC_ARCH_ARM, UC_MODE_THUMB, &cpu->uc), "to start");
    check(uc_ctl_set_cpu_model(cpu->uc, UC_CPU_ARM_CORTEX_M7), "the Cortex-M7");
    check(uc_ctl_exits_enable(cpu->uc), "exits");
    add_hook(cpu, UC_HOOK_BLOCK, (void *)on_block);
    add_hook(cpu, UC_HOOK_INTR, (void *)on_interrupt);
    add_hook(cpu, UC_HOOK_INSN_INVALID, (void *)on_invalid);
    add_hook(cpu, UC_HOOK_MEM_WRITE_PROT, (void *)on_write_protected);
    cpu->pc_finder = cpu_pc_finder_create(cpu->uc);
    if (cpu->pc_finder != NULL) {
        cpu->stores = cpu_stores_create(cpu->uc);
    }
    cpu_forget_blocks(cpu);
    return cpu;
}

void cpu_destroy(struct cpu *cpu)
{
    cpu_pc_finder_destroy(cpu->pc_finder);
    uc_close(cpu->uc);
    cpu_stores_destroy(cpu->stores);
    free(cpu);
}
