// The exact program counter inside a memory callback of Unicorn, and an exact abort of the access.
//
// The library's API offers neither. Debian's libunicorn 2.0.1 exports the two functions of its QEMU
// that do it; they need the engine's CPU and the host's return address of the access, which lie at
// offsets found out by experiment. A trial in a scratch engine tells whether they are right; if it
// fails, the board goes on without (places then name the block's first instruction, bus errors are
// imprecise).
//
// SPDX-License-Identifier: MIT
#include "sim/cpu_unicorn_pc.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_VERSION   UINT32_C(0x020001FF)
#define CPU_POINTER     0x180 // of the engine: its CPU
#define ACCESS_PC       (-48) // of the CPU, relative to its pointer back to the engine
#define EXCEPTION_INDEX (-8)
#define SEARCH_END      65536 // the pointer back lies below

typedef bool restore_function(void *cpu, uintptr_t host_pc, bool will_exit);
typedef void exit_function(void *cpu, uintptr_t host_pc);

struct cpu_pc_finder {
    uc_engine *uc;
    char *cpu;
    char *back; // where the CPU points back to the engine
    restore_function *restore;
    exit_function *exit;
};

static uintptr_t access_pc(const struct cpu_pc_finder *finder)
{
    uintptr_t host_pc;

    memcpy(&host_pc, finder->back + ACCESS_PC, sizeof(host_pc));
    return host_pc;
}

bool cpu_pc_find(struct cpu_pc_finder *finder, uint32_t *pc)
{
    uint32_t xpsr = 0;

    if (access_pc(finder) == 0) {
        return false;
    }
    // Restoring also sets the IT bits, which the running block keeps elsewhere: put them back.
    uc_reg_read(finder->uc, UC_ARM_REG_XPSR, &xpsr);
    if (!finder->restore(finder->cpu, access_pc(finder), true)) {
        return false;
    }
    uc_reg_read(finder->uc, UC_ARM_REG_PC, pc);
    uc_reg_write(finder->uc, UC_ARM_REG_EPSR, &xpsr);
    return true;
}

_Noreturn void cpu_pc_abort(struct cpu_pc_finder *finder, int number)
{
    int32_t index = number;

    memcpy(finder->back + EXCEPTION_INDEX, &index, sizeof(index));
    finder->exit(finder->cpu, access_pc(finder));
    abort();
}

static struct cpu_pc_finder *finder_new(uc_engine *uc)
{
    struct cpu_pc_finder *finder = calloc(1, sizeof(*finder));
    void *restore = dlsym(RTLD_DEFAULT, "cpu_restore_state_arm");
    void *leave = dlsym(RTLD_DEFAULT, "cpu_loop_exit_restore_arm");

    if (finder == NULL || restore == NULL || leave == NULL) {
        free(finder);
        return NULL;
    }
    finder->uc = uc;
    memcpy(&finder->restore, &restore, sizeof(restore));
    memcpy(&finder->exit, &leave, sizeof(leave));
    memcpy(&finder->cpu, (char *)uc + CPU_POINTER, sizeof(finder->cpu));
    for (int offset = 0; offset < SEARCH_END; offset += 8) {
        void *pointer;

        memcpy(&pointer, finder->cpu + offset, sizeof(pointer));
        if (pointer == uc) {
            finder->back = finder->cpu + offset;
            return finder;
        }
    }
    free(finder);
    return NULL;
}

// --- The trial ----------------------------------------------------------------------------------

#define TRIAL_CODE UINT32_C(0x1000)
#define TRIAL_READ UINT32_C(0x40000000)

struct trial {
    struct cpu_pc_finder *finder;
    unsigned accesses;
    uint32_t first_pc;
    uint32_t abort_pc;
};

static uint64_t trial_read(uc_engine *uc, uint64_t offset, unsigned size, void *user)
{
    struct trial *trial = user;

    (void)uc;
    (void)offset;
    (void)size;
    if (trial->accesses++ == 0) {
        cpu_pc_find(trial->finder, &trial->first_pc);
        return 0;
    }
    cpu_pc_abort(trial->finder, 4);
}

static void trial_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *user)
{
    (void)uc;
    (void)offset;
    (void)size;
    (void)value;
    (void)user;
}

static void trial_interrupt(uc_engine *uc, uint32_t number, void *user)
{
    struct trial *trial = user;

    (void)number;
    uc_reg_read(uc, UC_ARM_REG_PC, &trial->abort_pc);
    uc_emu_stop(uc);
}

// nop; ldr r1, [r0]; nop; ldr r2, [r0]; wfi: the first load's place is found, the second aborted.
static bool trial_passes(void)
{
    static const uint16_t code[] = {0xBF00, 0x6801, 0xBF00, 0x6802, 0xBF30};
    struct trial trial = {0};
    uint32_t address = TRIAL_READ;
    uint32_t xpsr = UINT32_C(0x01000000);
    uint32_t result = UINT32_C(0xA5A5A5A5);
    uc_engine *uc = NULL;
    uc_hook hook;

    if (uc_open(UC_ARCH_ARM, UC_MODE_THUMB, &uc) != UC_ERR_OK) {
        return false;
    }
    uc_ctl_set_cpu_model(uc, UC_CPU_ARM_CORTEX_M7);
    uc_mem_map(uc, TRIAL_CODE, 0x1000, UC_PROT_ALL);
    uc_mmio_map(uc, TRIAL_READ, 0x1000, trial_read, &trial, trial_write, &trial);
    uc_mem_write(uc, TRIAL_CODE, code, sizeof(code));
    uc_ctl_exits_enable(uc);
    uc_hook_add(uc, &hook, UC_HOOK_INTR, (void *)trial_interrupt, &trial, UINT64_C(1), UINT64_C(0));
    trial.finder = finder_new(uc);
    if (trial.finder != NULL) {
        uc_reg_write(uc, UC_ARM_REG_R0, &address);
        uc_reg_write(uc, UC_ARM_REG_R2, &result);
        uc_reg_write(uc, UC_ARM_REG_XPSR, &xpsr);
        uc_emu_start(uc, TRIAL_CODE | 1, 0, 0, 0);
        uc_reg_read(uc, UC_ARM_REG_R2, &result);
    }
    free(trial.finder);
    uc_close(uc);
    return trial.accesses == 2 && trial.first_pc == TRIAL_CODE + 2 &&
           trial.abort_pc == TRIAL_CODE + 6 && result == UINT32_C(0xA5A5A5A5);
}

struct cpu_pc_finder *cpu_pc_finder_create(uc_engine *uc)
{
    if (uc_version(NULL, NULL) != KNOWN_VERSION || !trial_passes()) {
        return NULL;
    }
    return finder_new(uc);
}

void cpu_pc_finder_destroy(struct cpu_pc_finder *finder)
{
    free(finder);
}
