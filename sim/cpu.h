// The processor core as the rest of the board sees it: runs Thumb-2 instructions, hands over what
// is not a plain instruction (exceptions, bus accesses, sleep). It knows no NVIC and no peripheral.
//
// Written from the ARMv7-M Architecture Reference Manual (DDI 0403). The core counts one cycle per
// instruction; interrupts are taken between basic blocks.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_CPU_H
#define SIM_CPU_H

#include "sim/machine_build.h"

struct cpu;

// Programmer's model. sp_main, sp_process: both banks; which one is in use follows from xpsr
// (IPSR) and control (SPSEL). pc without the Thumb bit.
struct cpu_state {
    uint32_t r[13];
    uint32_t sp_main;
    uint32_t sp_process;
    uint32_t lr;
    uint32_t pc;
    uint32_t xpsr;
    uint32_t control; // nPRIV, SPSEL, FPCA
    uint32_t primask;
    uint32_t basepri;
    uint32_t faultmask;
};

#define XPSR_IPSR     UINT32_C(0x000001FF)
#define XPSR_IT       UINT32_C(0x0600FC00)
#define XPSR_T        UINT32_C(0x01000000)
#define XPSR_FLAGS    UINT32_C(0xF8000000) // N Z C V Q
#define XPSR_GE       UINT32_C(0x000F0000)
#define CONTROL_NPRIV UINT32_C(1)
#define CONTROL_SPSEL UINT32_C(2)
#define CONTROL_FPCA  UINT32_C(4)

// What the core met. pc in the state is the instruction itself except where noted.
enum cpu_exception {
    CPU_SUPERVISOR_CALL,    // pc: behind the SVC
    CPU_BREAKPOINT,         // BKPT
    CPU_EXCEPTION_RETURN,   // detail: EXC_RETURN; pc means nothing
    CPU_UNDEFINED,          // undefined instruction
    CPU_INVALID_STATE,      // branch to an address with bit 0 clear
    CPU_UNALIGNED,          // an access that must be aligned and is not
    CPU_FETCH_BUS_ERROR,    // detail: address fetched from
    CPU_EXECUTE_NEVER,      // detail: address fetched from
    CPU_DATA_BUS_ERROR,     // precise, detail: address accessed
    CPU_DATA_BUS_ERROR_LATE // imprecise: the instruction is some way back
};

enum cpu_continue {
    CPU_GO_ON,      // run the block
    CPU_REDIRECTED, // cpu_write_state changed the program counter
    CPU_LEAVE       // make cpu_run return before the block
};

// Calls out of cpu_run. In each of them state may be read; in `boundary`, `new_block` and
// `exception` it may be written as well, and the program goes on from the state written.
struct cpu_events {
    void *context;
    // Between two blocks, when the deadline of machine_clock is reached or attention is set.
    enum cpu_continue (*boundary)(void *context, uint32_t address);
    // A block seen for the first time since cpu_forget_blocks. fpu_address: its first FPU
    // instruction, 0: none.
    enum cpu_continue (*new_block)(void *context, uint32_t address, uint32_t size,
                                   uint32_t fpu_address);
    // A block inside a window begins: returns the cycles its fetches cost above one per
    // instruction.
    uint64_t (*window_block)(void *context, uint32_t address, uint32_t size);
    // A data read from a window that no code has been fetched from since it was shown: returns
    // the cycles it costs above the instruction's own.
    uint64_t (*window_read)(void *context, uint32_t address, unsigned size);
    // The first access to a window (data or fetch) since it was shown.
    void (*window_opened)(void *context, const struct memory_region *region);
    // False: the core has locked up, cpu_run returns.
    bool (*exception)(void *context, enum cpu_exception kind, uint32_t detail);
    void (*send_event)(void *context); // SEV somewhere in the block about to run
    // BKPT: true makes cpu_run return before it, false makes it an exception.
    bool (*breakpoint)(void *context);
};

enum cpu_exit {
    CPU_EXIT_LEFT,           // boundary asked for it
    CPU_EXIT_WAIT_INTERRUPT, // WFI executed
    CPU_EXIT_WAIT_EVENT,     // WFE executed
    CPU_EXIT_BREAKPOINT,     // before the instruction at one of cpu_set_breakpoints
    CPU_EXIT_WATCH,          // behind an instruction that touched one of cpu_set_watches
    CPU_EXIT_STEPPED,        // cpu_step has done its instruction
};

struct cpu *cpu_create(struct machine *machine, const struct cpu_events *events);
void cpu_destroy(struct cpu *cpu);

// Runs from the present state until one of the exits.
enum cpu_exit cpu_run(struct cpu *cpu);

void cpu_read_state(struct cpu *cpu, struct cpu_state *state);
void cpu_write_state(struct cpu *cpu, const struct cpu_state *state);

// S0..S15 and FPSCR: what an exception frame holds.
void cpu_read_fp_frame(struct cpu *cpu, uint32_t s[16], uint32_t *fpscr);
void cpu_write_fp_frame(struct cpu *cpu, const uint32_t s[16], uint32_t fpscr);

// All of S0..S31 and FPSCR, for a debugger.
void cpu_read_fp(struct cpu *cpu, uint32_t s[32], uint32_t *fpscr);
void cpu_write_fp(struct cpu *cpu, const uint32_t s[32], uint32_t fpscr);

// PRIMASK, FAULTMASK, BASEPRI alone, fast.
struct cpu_masks {
    uint32_t primask;
    uint32_t basepri;
    uint32_t faultmask;
};
void cpu_read_masks(struct cpu *cpu, struct cpu_masks *masks);

// Thread mode and nPRIV.
bool cpu_unprivileged(struct cpu *cpu);

// Memory: what processor_service tells.
void cpu_region_added(struct cpu *cpu, const struct memory_region *region);
void cpu_region_shown(struct cpu *cpu, const struct memory_region *region, bool shown);
void cpu_memory_changed(struct cpu *cpu, uint32_t base, uint32_t size);
void cpu_forget_blocks(struct cpu *cpu); // ask new_block again for each

// --- For a debugger
// -------------------------------------------------------------------------------

// Executes one instruction, or enters the exception that is pending, and returns CPU_EXIT_STEPPED.
// Every instruction of an IT block is one of its own. Breakpoints do not count.
enum cpu_exit cpu_step(struct cpu *cpu);

#define CPU_BREAKPOINTS_MAX 64u
void cpu_set_breakpoints(struct cpu *cpu, const uint32_t *addresses, size_t count);

// Data accesses to stop at. While there are any, the program runs at a fraction of its speed.
struct cpu_watch {
    uint32_t base;
    uint32_t size;
    bool read;
    bool write;
};
#define CPU_WATCHES_MAX 16u
void cpu_set_watches(struct cpu *cpu, const struct cpu_watch *watches, size_t count);
// Which of them CPU_EXIT_WATCH or CPU_EXIT_STEPPED was for (-1: none), and the address touched.
int cpu_take_watch_hit(struct cpu *cpu, uint32_t *address);

// Where the program is: pc exact inside a bus access, else the start of the block.
struct cpu_place {
    uint32_t pc;
    bool exact;
    uint32_t block;
    uint32_t previous_block;
};
void cpu_where(struct cpu *cpu, struct cpu_place *place);

const uint64_t *cpu_instructions(const struct cpu *cpu);

#endif
