// WWDG1 of the STM32H750: the window watchdog on PCLK3.
//
// From STM32H753.svd, the CMSIS header (WDGTB has three bits there) and ST's HAL. The counter runs
// only once it is activated.
//
// SPDX-License-Identifier: MIT
#include "sim/clock_math.h"
#include "sim/h750_iwdg.h"
#include "sim/h750_rcc.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>

enum wwdg_offset {
    WWDG_CR = 0x00,
    WWDG_CFR = 0x04,
    WWDG_SR = 0x08,
};

#define WWDG_IRQ      0u
#define CR_T          UINT32_C(0x7F)
#define CR_T6         UINT32_C(0x40)
#define CR_WDGA       (UINT32_C(1) << 7)
#define CFR_W         UINT32_C(0x7F)
#define CFR_EWI       (UINT32_C(1) << 9)
#define CFR_WDGTB_BIT 11

// clang-format off
static const struct register_info registers[] = {
    REGISTER("CR",  0x000, 0x0000007F, 0x000000FF, 0x000000FF),
    REGISTER("CFR", 0x004, 0x0000007F, 0x00003A7F, 0x00003A7F),
    REGISTER_FLAGS("SR", 0x008, 0x00000000, 0x00000001, 0x00000001),
    REGISTER_END,
};
// clang-format on

struct wwdg {
    struct machine *machine;
    struct rcc *rcc;
    bool active;
    uint32_t start; // counter at start_ns
    uint64_t start_ns;
    uint64_t hz;          // of the counter, in 4096ths
    uint32_t settings;    // CFR
    bool early;           // EWIF
    struct event warning; // counter reaches 0x40
    struct event expired; // and 0x3F
};

static uint64_t cycles_per_count(const struct wwdg *wwdg)
{
    return UINT64_C(4096) << (wwdg->settings >> CFR_WDGTB_BIT & 7);
}

static uint32_t counter(const struct wwdg *wwdg)
{
    uint64_t passed_ns = machine_now_ns(wwdg->machine) - wwdg->start_ns;
    uint64_t counted = ticks_in_ns(passed_ns, wwdg->hz) / cycles_per_count(wwdg);

    return wwdg->active && counted < wwdg->start ? wwdg->start - (uint32_t)counted
           : wwdg->active                        ? 0
                                                 : wwdg->start;
}

static void ask_reset(struct wwdg *wwdg)
{
    if (!rcc_wwdg_resets_system(wwdg->rcc)) {
        machine_violation(wwdg->machine, "WWDG1",
                          "the watchdog bites while RCC_GCR.WW1RSC is 0: the system is not reset");
        return;
    }
    machine_reset(wwdg->machine, RESET_WWDG1);
}

static void update_irq(struct wwdg *wwdg)
{
    machine_irq(wwdg->machine, WWDG_IRQ, wwdg->early && (wwdg->settings & CFR_EWI) != 0);
}

static void warning(void *context)
{
    struct wwdg *wwdg = context;

    wwdg->early = true;
    update_irq(wwdg);
}

static void expired(void *context)
{
    ask_reset(context);
}

static void arm(struct wwdg *wwdg, struct event *event, uint32_t value)
{
    event_cancel(wwdg->machine, event);
    if (wwdg->active && wwdg->hz != 0 && wwdg->start >= value) {
        event_arm_in(wwdg->machine, event,
                     ns_of_ticks((wwdg->start - value) * cycles_per_count(wwdg), wwdg->hz));
    }
}

static void restart(struct wwdg *wwdg, uint32_t start)
{
    wwdg->start = start;
    wwdg->start_ns = machine_now_ns(wwdg->machine);
    arm(wwdg, &wwdg->warning, CR_T6);
    arm(wwdg, &wwdg->expired, CR_T6 - 1);
}

static void write_cr(struct wwdg *wwdg, uint32_t value)
{
    bool too_early = wwdg->active && counter(wwdg) > (wwdg->settings & CFR_W);

    wwdg->active = wwdg->active || (value & CR_WDGA) != 0;
    machine_watchdog_runs(wwdg->machine, WATCHDOG_WINDOW, wwdg->active);
    restart(wwdg, value & CR_T);
    if (wwdg->active && (too_early || (value & CR_T6) == 0)) {
        ask_reset(wwdg);
    }
}

static uint32_t read_word(const struct wwdg *wwdg, uint32_t word)
{
    switch (word) {
    case WWDG_CR:
        return counter(wwdg) | (wwdg->active ? CR_WDGA : 0);
    case WWDG_CFR:
        return wwdg->settings;
    default:
        return wwdg->early;
    }
}

static uint32_t wwdg_read(void *context, uint32_t offset, unsigned size)
{
    return register_extract(read_word(context, offset & ~UINT32_C(3)), offset, size);
}

static void wwdg_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct wwdg *wwdg = context;
    uint32_t word = offset & ~UINT32_C(3);

    value = register_merge(read_word(wwdg, word), offset, size, value);
    if (word == WWDG_CR) {
        write_cr(wwdg, value);
    } else if (word == WWDG_CFR) {
        uint32_t present = counter(wwdg);

        wwdg->settings = value;
        restart(wwdg, present);
    } else {
        wwdg->early = wwdg->early && (value & 1) != 0;
    }
    update_irq(wwdg);
}

static void clocks_changed(void *context)
{
    struct wwdg *wwdg = context;
    uint64_t hz = rcc_clock_hz(wwdg->rcc, RCC_CLOCK_PCLK3);

    if (hz != wwdg->hz) {
        uint32_t present = counter(wwdg);

        wwdg->hz = hz;
        restart(wwdg, present);
    }
}

static void wwdg_reset(void *context, enum reset_kind kind)
{
    struct wwdg *wwdg = context;

    (void)kind;
    wwdg->active = false;
    machine_watchdog_runs(wwdg->machine, WATCHDOG_WINDOW, false);
    wwdg->settings = CFR_W;
    wwdg->early = false;
    restart(wwdg, CR_T);
    update_irq(wwdg);
}

struct wwdg *wwdg_create(struct machine *machine, struct rcc *rcc)
{
    struct wwdg *wwdg = calloc(1, sizeof(*wwdg));
    struct device device = {.name = "WWDG1",
                            .base = UINT32_C(0x50003000),
                            .size = 0x400,
                            .registers = registers,
                            .context = wwdg,
                            .read = wwdg_read,
                            .write = wwdg_write,
                            .reset = wwdg_reset,
                            .gate_offset = 0xE4, // APB3ENR
                            .gate_bit = 6};

    if (wwdg == NULL) {
        abort();
    }
    wwdg->machine = machine;
    wwdg->rcc = rcc;
    wwdg->hz = rcc_clock_hz(rcc, RCC_CLOCK_PCLK3);
    wwdg->warning = (struct event){.fire = warning, .context = wwdg, .name = "WWDG1 warning"};
    wwdg->expired = (struct event){.fire = expired, .context = wwdg, .name = "WWDG1"};
    wwdg_reset(wwdg, RESET_POWER_ON);
    machine_add_device(machine, &device);
    rcc_on_change(rcc, clocks_changed, wwdg);
    return wwdg;
}
