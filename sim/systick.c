// SysTick, the core's own 24-bit timer: counts CPU cycles, or every eighth with CLKSOURCE = 0.
//
// Written from the ARMv7-M Architecture Reference Manual (DDI 0403), B3.3.
//
// SPDX-License-Identifier: MIT
#include "sim/systick.h"

#include "sim/machine_build.h"
#include "sim/nvic.h"

#include <stdlib.h>

#define CTRL_ENABLE    UINT32_C(1)
#define CTRL_TICKINT   UINT32_C(2)
#define CTRL_CLKSOURCE UINT32_C(4)
#define CTRL_COUNTFLAG (UINT32_C(1) << 16)
#define VALUE_MASK     UINT32_C(0x00FFFFFF)

enum { SYSTICK_CTRL = 0, SYSTICK_LOAD = 4, SYSTICK_VAL = 8, SYSTICK_CALIB = 12 };

// CALIB: no reference clock of a known rate is promised.
#define CALIB UINT32_C(0x40000000)

struct systick {
    struct machine *machine;
    struct nvic *nvic;
    struct event event;
    bool halted;
    uint64_t cycles_left; // when the core was halted; 0: nothing was armed
    uint32_t control;
    uint32_t load;
    bool count_flag;
    uint32_t stopped_value; // while not running
    uint64_t zero_cycle;    // while running: when the counter gets to 0
};

// clang-format off
static const struct register_info registers[] = {
    {"CTRL", SYSTICK_CTRL, 0, 0x00010007, 0x00000007, ACCESS_WORD, 1, 0},
    {"LOAD", SYSTICK_LOAD, 0, VALUE_MASK, VALUE_MASK, ACCESS_WORD, 1, 0},
    {"VAL", SYSTICK_VAL, 0, VALUE_MASK, UINT32_MAX, ACCESS_WORD, 1, 0},
    {"CALIB", SYSTICK_CALIB, CALIB, UINT32_MAX, 0, ACCESS_WORD, 1, 0},
    {0},
};
// clang-format on

static uint64_t divider(const struct systick *systick)
{
    return (systick->control & CTRL_CLKSOURCE) != 0 ? 1 : 8;
}

static bool running(const struct systick *systick)
{
    return (systick->control & CTRL_ENABLE) != 0;
}

static void disarm(struct systick *systick)
{
    event_cancel(systick->machine, &systick->event);
    systick->cycles_left = 0;
}

static void arm(struct systick *systick)
{
    if (systick->halted) {
        systick->cycles_left = systick->zero_cycle - machine_cycles(systick->machine);
        return;
    }
    event_arm_at(systick->machine, &systick->event,
                 machine_cycle_time_ns(systick->machine, systick->zero_cycle));
}

// With LOAD 0 the counter stays at 0 and nothing ever happens.
static void start(struct systick *systick, uint32_t value)
{
    uint64_t now = machine_cycles(systick->machine);
    // From 0 the next clock loads LOAD, which then counts down.
    uint64_t clocks = value != 0 ? value : (uint64_t)systick->load + 1;

    disarm(systick);
    systick->zero_cycle = now + clocks * divider(systick);
    if (value != 0 || systick->load != 0) {
        arm(systick);
    }
}

static uint32_t value_now(const struct systick *systick)
{
    uint64_t now = machine_cycles(systick->machine);
    uint64_t left;

    if (!running(systick)) {
        return systick->stopped_value;
    }
    if (systick->halted) {
        left = systick->cycles_left;
    } else {
        left = systick->event.armed && systick->zero_cycle > now ? systick->zero_cycle - now : 0;
    }
    left = (left + divider(systick) - 1) / divider(systick);
    return left > systick->load && left == (uint64_t)systick->load + 1
               ? 0
               : (uint32_t)left & VALUE_MASK;
}

static void fire(void *context)
{
    struct systick *systick = context;

    if (machine_cycles(systick->machine) < systick->zero_cycle) {
        arm(systick); // the clock was slowed down meanwhile
        return;
    }
    systick->count_flag = true;
    if ((systick->control & CTRL_TICKINT) != 0) {
        nvic_set_pending(systick->nvic, EXCEPTION_SYSTICK, true);
    }
    if (systick->load != 0) {
        systick->zero_cycle += ((uint64_t)systick->load + 1) * divider(systick);
        arm(systick);
    }
}

void systick_halted(struct systick *systick, bool halted)
{
    if (halted && !systick->halted && systick->event.armed) {
        systick->cycles_left = systick->zero_cycle - machine_cycles(systick->machine);
        event_cancel(systick->machine, &systick->event);
    } else if (!halted && systick->halted && systick->cycles_left != 0) {
        systick->halted = false;
        systick->zero_cycle = machine_cycles(systick->machine) + systick->cycles_left;
        systick->cycles_left = 0;
        arm(systick);
    }
    systick->halted = halted;
}

void systick_clock_changed(struct systick *systick)
{
    if (systick->event.armed) {
        arm(systick);
    }
}

static uint32_t systick_read(void *context, uint32_t offset, unsigned size)
{
    struct systick *systick = context;
    uint32_t value;

    (void)size;
    switch (offset) {
    case SYSTICK_CTRL:
        value = systick->control | (systick->count_flag ? CTRL_COUNTFLAG : 0);
        systick->count_flag = false;
        return value;
    case SYSTICK_LOAD:
        return systick->load;
    case SYSTICK_VAL:
        return value_now(systick);
    default:
        return CALIB;
    }
}

static void control_write(struct systick *systick, uint32_t control)
{
    uint32_t value = value_now(systick);
    bool was_running = running(systick);
    bool same_clock = ((systick->control ^ control) & CTRL_CLKSOURCE) == 0;

    systick->control = control;
    if (!running(systick)) {
        disarm(systick);
        systick->stopped_value = value;
    } else if (!was_running || !same_clock) {
        start(systick, value);
    }
}

static void systick_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct systick *systick = context;

    (void)size;
    switch (offset) {
    case SYSTICK_CTRL:
        control_write(systick, value & 7);
        break;
    case SYSTICK_LOAD:
        systick->load = value & VALUE_MASK;
        if (running(systick) && !systick->event.armed) {
            start(systick, 0);
        }
        break;
    case SYSTICK_VAL: // any value clears
        systick->stopped_value = 0;
        systick->count_flag = false;
        if (running(systick)) {
            start(systick, 0);
        }
        break;
    default:
        break;
    }
}

void systick_reset(struct systick *systick)
{
    disarm(systick);
    systick->control = 0;
    systick->load = 0;
    systick->count_flag = false;
    systick->stopped_value = 0;
}

struct systick *systick_create(struct machine *machine, struct nvic *nvic)
{
    struct systick *systick = calloc(1, sizeof(*systick));
    struct device device = {.name = "SysTick",
                            .base = 0xE000E010,
                            .size = 0x10,
                            .registers = registers,
                            .context = systick,
                            .read = systick_read,
                            .write = systick_write};

    if (systick == NULL) {
        abort();
    }
    systick->machine = machine;
    systick->nvic = nvic;
    systick->event = (struct event){.fire = fire, .context = systick, .name = "SysTick"};
    machine_add_device(machine, &device);
    return systick;
}

void systick_destroy(struct systick *systick)
{
    free(systick);
}
