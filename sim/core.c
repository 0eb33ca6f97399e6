// The microcontroller's core complex on a machine: joins CPU, NVIC, SysTick, MPU, caches and debug
// units, and reports where the program is.
//
// SPDX-License-Identifier: MIT
#include "sim/core_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEMCR_OFFSET    0x0Cu
#define DEMCR_MON_EN    (UINT32_C(1) << 16)
#define FAULT_LINES_MAX 50u // printed; a program may take faults on purpose

// --- Reports ------------------------------------------------------------------------------------

static void place_format(struct core *core, const char *title, uint32_t address, char *text,
                         size_t size)
{
    char symbol[160];

    symbols_format(core->symbols, address, symbol, sizeof(symbol));
    snprintf(text, size, "  %-5s 0x%08" PRIX32 " %s\n", title, address, symbol);
}

static void append(char *text, size_t size, const char *line)
{
    size_t used = strlen(text);

    snprintf(text + used, size - used, "%s", line);
}

// Where the program is; pc NULL: as far as the CPU knows.
static void place_describe(struct core *core, const uint32_t *pc, char *text, size_t size,
                           uint32_t *place)
{
    struct cpu_place where;
    char line[256];

    cpu_where(core->cpu, &where);
    *place = pc != NULL ? *pc : where.pc;
    text[0] = '\0';
    place_format(core, "pc", *place, line, sizeof(line));
    append(text, size, line);
    if (pc == NULL && !where.exact) {
        append(text, size, "        (the block's start; the instruction is in this block)\n");
    }
    place_format(core, "block", where.block, line, sizeof(line));
    append(text, size, line);
    place_format(core, "from", where.previous_block, line, sizeof(line));
    append(text, size, line);
}

static void describe(void *context, char *text, size_t size, uint32_t *place)
{
    place_describe(context, NULL, text, size, place);
}

static void fault_told(void *context, const char *text, const uint32_t *pc)
{
    struct core *core = context;
    uint64_t now_ns = machine_now_ns(core->machine);
    char where[1024];
    uint32_t place;

    if (++core->faults > FAULT_LINES_MAX) {
        return;
    }
    place_describe(core, pc, where, sizeof(where), &place);
    fflush(stdout);
    fprintf(stderr, "quadlane-board: %s\n%s  time  %" PRIu64 ".%09" PRIu64 " s (virtual)\n", text,
            where, now_ns / NS_PER_S, now_ns % NS_PER_S);
    fflush(stderr);
}

// --- The CPU's calls ----------------------------------------------------------------------------

static enum cpu_continue boundary(void *context, uint32_t address)
{
    struct core *core = context;
    struct machine_clock *clock = core->clock;

    clock->attention = false;
    if (clock->cycles >= clock->deadline_cycles) {
        machine_due(core->machine);
    }
    if (core->leave || debug_halted(core->debug) || clock->cycles >= clock->deadline_cycles ||
        machine_stopped(core->machine, NULL) || machine_reset_asked(core->machine, NULL)) {
        clock->attention = true;
        return CPU_LEAVE;
    }
    if (nvic_take_sleep_on_exit(core->nvic)) {
        core->sleeping = true;
        clock->attention = true;
        return CPU_LEAVE;
    }
    if (!debug_masks_interrupts(core->debug) && nvic_take(core->nvic, address)) {
        return CPU_REDIRECTED;
    }
    // Events may have asked for something again; a pending exception that is masked only by
    // PRIMASK or BASEPRI keeps asking, since nothing tells when they change.
    clock->attention |= nvic_wants(core->nvic);
    return CPU_GO_ON;
}

static enum cpu_continue new_block(void *context, uint32_t address, uint32_t size,
                                   uint32_t fpu_address)
{
    struct core *core = context;
    struct mpu_attributes attributes;

    (void)size;
    mpu_lookup(core->mpu, address, &attributes);
    if (attributes.execute_never || attributes.no_access ||
        (!attributes.thread_access && cpu_unprivileged(core->cpu))) {
        nvic_fault_fetch(core->nvic, address);
        return CPU_REDIRECTED;
    }
    if (fpu_address != 0 && !nvic_fpu_enabled(core->nvic)) {
        machine_violation(core->machine, "FPU",
                          "instruction at 0x%08" PRIX32 " while CPACR keeps the FPU off",
                          fpu_address);
    }
    return CPU_GO_ON;
}

static uint64_t window_block(void *context, uint32_t address, uint32_t size)
{
    struct core *core = context;

    if (core->program_started_ns == 0 && core->window != NULL &&
        address - core->window->base < core->window->size) {
        core->program_started_ns = machine_now_ns(core->machine);
    }
    return l1_cache_fetch(core->cache, address, size);
}

static bool is_xip(const struct memory_region *region)
{
    return region->is_window && !region->on_chip && region->gate_offset == 0;
}

static uint64_t window_read(void *context, uint32_t address, unsigned size)
{
    struct core *core = context;

    return l1_cache_read(core->cache, address, size);
}

static void window_opened(void *context, const struct memory_region *region)
{
    struct core *core = context;

    machine_window_accessed(core->machine, region->base);
    if (is_xip(region)) {
        l1_cache_window_opened(core->cache, region);
    }
}

static bool exception(void *context, enum cpu_exception kind, uint32_t detail)
{
    struct core *core = context;

    return nvic_exception(core->nvic, kind, detail);
}

static void send_event(void *context)
{
    struct core *core = context;

    nvic_send_event(core->nvic);
}

static bool breakpoint(void *context)
{
    struct core *core = context;

    if (!debug_attached(core->debug)) {
        return false;
    }
    debug_event(core->debug, DFSR_BKPT);
    return true;
}

// --- The machine's calls ------------------------------------------------------------------------

static void irq(void *context, unsigned number, bool level)
{
    struct core *core = context;

    nvic_irq(core->nvic, number, level);
}

static void region_added(void *context, const struct memory_region *region)
{
    struct core *core = context;

    cpu_region_added(core->cpu, region);
}

// Hiding the window has rules: nobody may run in it, and the core must not be able to read it on
// its own account, which would lock the bus.
static void check_hidden(struct core *core, const struct memory_region *region)
{
    struct cpu_place where;
    struct mpu_attributes attributes;

    cpu_where(core->cpu, &where);
    if (where.block - region->base < region->size) {
        machine_violation(core->machine, region->name,
                          "memory-mapped mode left by code that runs in the window");
        return;
    }
    mpu_lookup(core->mpu, region->base, &attributes);
    if (!attributes.no_access && !(attributes.ordered && attributes.execute_never)) {
        machine_violation(core->machine, region->name,
                          "memory-mapped mode left while the MPU lets the core read 0x%08" PRIX32
                          ": a speculative read would lock the bus; make it no-access before",
                          region->base);
    }
}

static void region_shown(void *context, const struct memory_region *region, bool shown)
{
    struct core *core = context;

    if (!shown && is_xip(region) && !core->resetting) {
        check_hidden(core, region);
    }
    cpu_region_shown(core->cpu, region, shown);
}

static void region_rearmed(void *context, const struct memory_region *region)
{
    struct core *core = context;

    cpu_region_shown(core->cpu, region, false);
}

static void timing_changed(void *context, const struct memory_region *region)
{
    struct core *core = context;

    core->window = region;
    l1_cache_timing(core->cache, region);
    cpu_forget_blocks(core->cpu);
}

static void memory_changed(void *context, uint32_t base, uint32_t size)
{
    struct core *core = context;
    const struct memory_region *region = machine_region_at(core->machine, base);

    if (region != NULL && is_xip(region) && size != 0) {
        l1_cache_memory_changed(core->cache, region, base, size);
    }
    cpu_memory_changed(core->cpu, base, size);
}

static void clock_changed(void *context)
{
    struct core *core = context;

    systick_clock_changed(core->systick);
    if (core->window != NULL) {
        l1_cache_timing(core->cache, core->window);
    }
}

static void load_word(struct core *core, uint32_t address, uint32_t *value)
{
    if (!machine_bus_read(core->machine, address, 4, value)) {
        *value = UINT32_MAX;
    }
}

static void reset(void *context, enum reset_kind kind)
{
    struct core *core = context;
    struct cpu_state state;
    uint32_t table = core->boot_address != NULL ? core->boot_address(core->boot_context) : 0;
    uint32_t stack;
    uint32_t entry;

    nvic_reset(core->nvic);
    systick_reset(core->systick);
    mpu_reset(core->mpu);
    l1_cache_reset(core->cache);
    debug_units_reset(core->debug_units, kind == RESET_POWER_ON);
    nvic_set_vector_table(core->nvic, table);
    load_word(core, table, &stack);
    load_word(core, table + 4, &entry);
    memset(&state, 0, sizeof(state));
    state.sp_main = stack & ~UINT32_C(3);
    state.pc = entry & ~UINT32_C(1);
    state.lr = UINT32_MAX;
    state.xpsr = XPSR_T;
    cpu_write_state(core->cpu, &state);
    core->sleeping = false;
    core->faults = 0;
    core->reset_ns = machine_now_ns(core->machine);
    core->program_started_ns = 0;
    debug_reset(core->debug, kind == RESET_POWER_ON);
    if (stack == UINT32_MAX && entry == UINT32_MAX) {
        fprintf(stderr,
                "quadlane-board: nothing to run: the vector table at 0x%08" PRIX32
                " is blank; --load puts a program there\n",
                table);
        if (!debug_halted(core->debug) && !debug_locked_up(core->debug)) {
            machine_stop(core->machine, MACHINE_EXIT_LOCKUP);
        }
    }
}

static void mpu_changed(void *context)
{
    struct core *core = context;

    cpu_forget_blocks(core->cpu);
}

static void ccr_changed(void *context, uint32_t before, uint32_t now)
{
    struct core *core = context;

    l1_cache_control(core->cache, before, now);
}

// --- Creation -----------------------------------------------------------------------------------

void core_on_boot(struct core *core, uint32_t (*boot_address)(void *context), void *context)
{
    core->boot_address = boot_address;
    core->boot_context = context;
}

struct debug *core_debug(struct core *core)
{
    return core->debug;
}

bool core_sleeping(const struct core *core)
{
    return core->sleeping;
}

static bool debug_sleeping(void *context)
{
    return core_sleeping(context);
}

static void exception_entered(void *context, unsigned number, uint32_t cfsr)
{
    struct core *core = context;

    debug_exception_entered(core->debug, number, cfsr);
}

static bool locked_up(void *context)
{
    struct core *core = context;

    core->leave = true;
    core->clock->attention = true;
    // RM0433 has no reset for it: without a watchdog nothing ever happens again.
    return debug_locked_up(core->debug) || machine_has_watchdog(core->machine);
}

static bool monitors(void *context)
{
    const struct core *core = context;

    return (debug_units_get(core->debug_units, UNIT_CORE_DEBUG, DEMCR_OFFSET) & DEMCR_MON_EN) != 0;
}

static void create_debug(struct core *core)
{
    const struct debug_core debug_core = {.context = core,
                                          .reset = core_debug_reset,
                                          .step = core_debug_step,
                                          .pass_time = core_debug_pass_time,
                                          .halted = core_debug_halted,
                                          .sleeping = debug_sleeping};
    const struct nvic_debugger debugger = {.context = core,
                                           .entered = exception_entered,
                                           .locked_up = locked_up,
                                           .monitors = monitors};

    core->debug =
        debug_create(core->machine, core->cpu, core->nvic, core->debug_units, &debug_core);
    nvic_set_debugger(core->nvic, &debugger);
}

static void create_parts(struct core *core)
{
    const struct cpu_events events = {.context = core,
                                      .boundary = boundary,
                                      .new_block = new_block,
                                      .window_block = window_block,
                                      .window_read = window_read,
                                      .window_opened = window_opened,
                                      .exception = exception,
                                      .send_event = send_event,
                                      .breakpoint = breakpoint};

    core->cpu = cpu_create(core->machine, &events);
    core->nvic = nvic_create(core->machine, core->cpu, fault_told, core);
    nvic_add_devices(core->nvic);
    core->systick = systick_create(core->machine, core->nvic);
    core->mpu = mpu_create(core->machine);
    core->cache = l1_cache_create(core->machine, core->mpu);
    core->debug_units = debug_units_create(core->machine);
    create_debug(core);
    mpu_on_change(core->mpu, mpu_changed, core);
    nvic_on_ccr(core->nvic, ccr_changed, core);
    nvic_on_cpacr(core->nvic, mpu_changed, core);
}

struct core *core_create(struct machine *machine, struct symbols *symbols)
{
    struct core *core = calloc(1, sizeof(*core));
    struct processor_service service = {.context = core,
                                        .irq = irq,
                                        .region_added = region_added,
                                        .region_shown = region_shown,
                                        .region_rearmed = region_rearmed,
                                        .timing_changed = timing_changed,
                                        .memory_changed = memory_changed,
                                        .reset = reset,
                                        .clock_changed = clock_changed,
                                        .describe = describe};

    if (core == NULL) {
        abort();
    }
    core->machine = machine;
    core->clock = machine_clock(machine);
    core->symbols = symbols;
    create_parts(core);
    machine_set_processor(machine, &service);
    core_run_prepare(core);
    return core;
}

void core_destroy(struct core *core)
{
    debug_destroy(core->debug);
    debug_units_destroy(core->debug_units);
    l1_cache_destroy(core->cache);
    mpu_destroy(core->mpu);
    systick_destroy(core->systick);
    nvic_destroy(core->nvic);
    cpu_destroy(core->cpu);
    free(core);
}
