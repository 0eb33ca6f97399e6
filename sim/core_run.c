// The loop that runs the board: slices of the program, sleep, the wall clock, the world outside.
//
// SPDX-License-Identifier: MIT
#include "sim/core_internal.h"

#include <inttypes.h>
#include <time.h>

#define SLICE_CYCLES   20000u            // between looks at the wall clock
#define SERVE_NS       (500 * NS_PER_US) // between looks at descriptors
#define AHEAD_NS       (200 * NS_PER_US) // worth sleeping for
#define BEHIND_NS      (50 * NS_PER_MS)  // lag that is given up
#define QUIET_AFTER_NS (50 * NS_PER_MS)
#define QUIET_WAIT_NS  (5 * NS_PER_MS)
#define ACCESS_NS      (10 * NS_PER_US)  // of a word over SWD at 4 MHz
#define IDLE_WAIT_NS   (100 * NS_PER_MS) // so that signals are seen

static uint64_t wall_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

// --- Virtual time against the wall clock --------------------------------------------------------

static void pace_restart(struct core *core)
{
    core->wall_base_ns = wall_now_ns();
    core->virtual_base_ns = machine_now_ns(core->machine);
}

// The virtual time that the wall clock allows.
static uint64_t allowed_ns(const struct core *core, uint64_t wall_ns)
{
    return core->virtual_base_ns + (wall_ns - core->wall_base_ns);
}

static void serve(struct core *core, uint64_t timeout_ns)
{
    machine_serve(core->machine, timeout_ns);
    core->served_ns = wall_now_ns();
}

// After a slice: sleeps off what virtual time is ahead, looks at descriptors now and then.
static void pace(struct core *core)
{
    uint64_t wall_ns = wall_now_ns();
    uint64_t virtual_ns = machine_now_ns(core->machine);

    if (core->real_speed) {
        uint64_t allowed = allowed_ns(core, wall_ns);

        if (virtual_ns > allowed + AHEAD_NS) {
            serve(core, virtual_ns - allowed);
            return;
        }
        if (virtual_ns + BEHIND_NS < allowed) {
            pace_restart(core);
        }
    }
    if (wall_ns - core->served_ns >= SERVE_NS) {
        serve(core, 0);
    }
}

// --- Sleep --------------------------------------------------------------------------------------

static bool awake(struct core *core)
{
    return machine_stopped(core->machine, NULL) || machine_reset_asked(core->machine, NULL) ||
           nvic_wakes(core->nvic);
}

// At real speed: waits for the wall clock or a descriptor, then moves time as far as that allows.
// When nobody outside has said anything for a while, several events are left to fall due together:
// a board that idles with its ticks and USB frames costs next to nothing.
static void sleep_real(struct core *core, uint64_t until_ns)
{
    uint64_t wall_ns = wall_now_ns();
    uint64_t allowed = allowed_ns(core, wall_ns);

    if (until_ns > allowed) {
        uint64_t wait = until_ns - allowed;

        if (wall_ns - core->heard_ns > QUIET_AFTER_NS && wait < QUIET_WAIT_NS) {
            wait = QUIET_WAIT_NS;
        }
        if (machine_wait(core->machine, wait < IDLE_WAIT_NS ? wait : IDLE_WAIT_NS)) {
            core->heard_ns = wall_now_ns();
        }
        allowed = allowed_ns(core, wall_now_ns());
    }
    machine_sleep_until(core->machine, until_ns < allowed ? until_ns : allowed);
}

// One step of sleep: to the next event at most.
static void sleep_step(struct core *core, uint64_t limit_ns)
{
    uint64_t until_ns = machine_next_event_ns(core->machine);

    until_ns = limit_ns < until_ns ? limit_ns : until_ns;
    if (core->real_speed) {
        sleep_real(core, until_ns);
        serve(core, 0);
    } else if (until_ns == TIME_NEVER) {
        // Nothing inside can ever wake the core: only the world outside.
        if (!machine_watching(core->machine)) {
            fprintf(stderr, "quadlane-board: the core sleeps and nothing can wake it\n");
            machine_stop(core->machine, MACHINE_EXIT_DEAD);
            return;
        }
        serve(core, IDLE_WAIT_NS);
    } else {
        machine_sleep_until(core->machine, until_ns);
        if (wall_now_ns() - core->served_ns >= SERVE_NS) {
            serve(core, 0);
        }
    }
    machine_due(core->machine);
}

// --- The loop -----------------------------------------------------------------------------------

static void slice_over(void *context)
{
    struct core *core = context;

    core->leave = true;
}

static void run_slice(struct core *core)
{
    uint64_t start_ns;
    enum cpu_exit exit;

    core->leave = false;
    event_arm_at(core->machine, &core->slice,
                 machine_cycle_time_ns(core->machine, core->clock->cycles + SLICE_CYCLES));
    core->clock->attention = true; // whatever changed outside is looked at first
    start_ns = wall_now_ns();
    exit = cpu_run(core->cpu);
    core->executing_ns += wall_now_ns() - start_ns;
    event_cancel(core->machine, &core->slice);
    if (exit != CPU_EXIT_LEFT && nvic_sleeps_deep(core->nvic)) {
        machine_violation(core->machine, "SCB",
                          "WFI or WFE with SCR.SLEEPDEEP: Stop and Standby are not modelled, the "
                          "clocks stay on");
    }
    if (exit == CPU_EXIT_WAIT_INTERRUPT) {
        core->sleeping = true;
    } else if (exit == CPU_EXIT_WAIT_EVENT && !nvic_take_event(core->nvic)) {
        core->sleeping = true;
    } else if (exit == CPU_EXIT_BREAKPOINT) {
        debug_event(core->debug, DFSR_BKPT);
    } else if (exit == CPU_EXIT_WATCH) {
        debug_watch_hit(core->debug);
    }
}

// --- A debugger ---------------------------------------------------------------------------------

// The core stands still; the world and the peripherals go on, at the wall clock's speed so that
// those which wait for nobody (watchdogs, USB frames) do not race ahead.
static void halted_step(struct core *core)
{
    uint64_t until_ns = machine_next_event_ns(core->machine);
    uint64_t limit_ns = machine_limit_ns(core->machine);

    sleep_real(core, limit_ns < until_ns ? limit_ns : until_ns);
    serve(core, 0);
    machine_due(core->machine);
}

void core_debug_pass_time(void *context)
{
    struct core *core = context;
    uint64_t until_ns = machine_now_ns(core->machine) + ACCESS_NS;
    uint64_t limit_ns = machine_limit_ns(core->machine);

    machine_sleep_until(core->machine, until_ns < limit_ns ? until_ns : limit_ns);
    machine_due(core->machine);
    // Many accesses in a row may get ahead of the wall clock. What the debugger then waits shall
    // pass on the board all the same.
    if (machine_now_ns(core->machine) > allowed_ns(core, wall_now_ns())) {
        pace_restart(core);
    }
}

void core_debug_halted(void *context, bool halted)
{
    struct core *core = context;

    core->sleeping = false; // WFI and WFE end
    systick_halted(core->systick, halted);
    debug_units_halted(core->debug_units, halted);
    pace_restart(core);
}

// Called between two slices. What cannot be done now (a reset is due, the machine is at its limit)
// leaves the core as it is.
void core_debug_step(void *context)
{
    struct core *core = context;
    enum cpu_exit exit;

    core->leave = false;
    core->clock->attention = true;
    exit = cpu_step(core->cpu);
    if (exit == CPU_EXIT_WATCH) {
        debug_watch_hit(core->debug);
    }
    if (exit != CPU_EXIT_LEFT) {
        debug_stepped(core->debug);
    }
}

static void reset_if_asked(struct core *core)
{
    enum reset_kind kind;

    if (!machine_reset_asked(core->machine, &kind)) {
        return;
    }
    core->resetting = true;
    machine_reset_now(core->machine, kind);
    core->resetting = false;
}

void core_debug_reset(void *context)
{
    reset_if_asked(context);
}

static void step(struct core *core)
{
    machine_due(core->machine);
    reset_if_asked(core);
    if (machine_at_limit(core->machine)) {
        serve(core, IDLE_WAIT_NS);
        pace_restart(core);
        return;
    }
    if (debug_halted(core->debug)) {
        halted_step(core);
        return;
    }
    if (debug_wants_step(core->debug)) {
        core_debug_step(core);
        return;
    }
    if (nvic_has_locked_up(core->nvic)) {
        sleep_step(core, machine_limit_ns(core->machine));
        return;
    }
    if (core->sleeping) {
        if (awake(core)) {
            core->sleeping = false;
        } else {
            sleep_step(core, machine_limit_ns(core->machine));
            return;
        }
    }
    run_slice(core);
    pace(core);
}

int core_run(struct core *core, bool real_speed)
{
    enum machine_exit code = MACHINE_EXIT_OK;

    core->real_speed = real_speed;
    core->start_ns = wall_now_ns();
    pace_restart(core);
    while (!machine_stopped(core->machine, &code)) {
        step(core);
        if (core->signal != 0) {
            return 128 + core->signal;
        }
    }
    return (int)code;
}

void core_interrupt(struct core *core, int signal)
{
    core->signal = signal;
}

// --- Statistics ---------------------------------------------------------------------------------

void core_update_statistics(struct core *core)
{
    core->virtual_ns = machine_now_ns(core->machine);
    core->wall_ns = core->start_ns != 0 ? wall_now_ns() - core->start_ns : 0;
    core->cpu_hz = machine_cpu_hz(core->machine);
    core->mips =
        core->executing_ns != 0 ? *cpu_instructions(core->cpu) * 1000 / core->executing_ns : 0;
}

void core_run_prepare(struct core *core)
{
    core->slice = (struct event){.fire = slice_over, .context = core, .name = "slice"};
    machine_add_statistic(core->machine, "instructions", cpu_instructions(core->cpu));
    machine_add_statistic(core->machine, "virtual_ns", &core->virtual_ns);
    machine_add_statistic(core->machine, "wall_ns", &core->wall_ns);
    machine_add_statistic(core->machine, "executing_ns", &core->executing_ns);
    machine_add_statistic(core->machine, "million_instructions_per_second", &core->mips);
    machine_add_statistic(core->machine, "cpu_hz", &core->cpu_hz);
    machine_add_statistic(core->machine, "reset_ns", &core->reset_ns);
    machine_add_statistic(core->machine, "program_started_ns", &core->program_started_ns);
    machine_add_statistic(core->machine, "exceptions", nvic_entries(core->nvic));
    machine_add_statistic(core->machine, "window_lines_fetched",
                          l1_cache_line_fetches(core->cache));
}
