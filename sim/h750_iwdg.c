// IWDG1 of the STM32H750: the independent watchdog on LSI.
//
// From STM32H753.svd, the CMSIS header and ST's HAL. A register update takes five cycles of the
// prescaled clock. Started by software only (option bit IWDG1_SW is set).
//
// SPDX-License-Identifier: MIT
#include "sim/h750_iwdg.h"

#include "sim/clock_math.h"
#include "sim/h750_rcc.h"
#include "sim/machine_build.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <inttypes.h>
#include <stdlib.h>

enum iwdg_offset {
    IWDG_KR = 0x00,
    IWDG_PR = 0x04,
    IWDG_RLR = 0x08,
    IWDG_SR = 0x0C,
    IWDG_WINR = 0x10,
};

#define KEY_RELOAD    0xAAAAu
#define KEY_UNLOCK    0x5555u
#define KEY_START     0xCCCCu
#define UPDATE_CYCLES 5u

#define DBGMCU_APB4FZ1  0x5C001054u
#define APB4FZ1_WDGLSD1 (UINT32_C(1) << 18)

// clang-format off
static const struct register_info registers[] = {
    REGISTER("KR",   0x000, 0x00000000, 0x00000000, 0x0000FFFF),
    REGISTER("PR",   0x004, 0x00000000, 0x00000007, 0x00000007),
    REGISTER("RLR",  0x008, 0x00000FFF, 0x00000FFF, 0x00000FFF),
    REGISTER("SR",   0x00C, 0x00000000, 0x00000007, 0x00000000),
    REGISTER("WINR", 0x010, 0x00000FFF, 0x00000FFF, 0x00000FFF),
    REGISTER_END,
};
// clang-format on

struct iwdg;
struct iwdg_update {
    struct iwdg *iwdg;
    uint32_t flag; // in SR: PVU, RVU, WVU
    bool pending;
    struct event done;
};

struct iwdg {
    struct machine *machine;
    struct rcc *rcc;
    uint32_t prescaler;
    uint32_t reload;
    uint32_t window;
    bool unlocked;
    bool running;
    uint64_t reloaded_ns; // the counter stood at RLR then
    uint64_t halted_ns;   // the core had been halted so long, as far as accounted for
    struct event expired;
    struct iwdg_update updates[3]; // PR, RLR, WINR
};

static uint64_t lsi_hz(const struct iwdg *iwdg)
{
    return rcc_clock_hz(iwdg->rcc, RCC_CLOCK_LSI);
}

static uint64_t divider(const struct iwdg *iwdg)
{
    return UINT64_C(4) << (iwdg->prescaler < 6 ? iwdg->prescaler : 6);
}

// DBGMCU stops the counter while a debugger halts the core.
static bool freezes(const struct iwdg *iwdg)
{
    uint32_t bits;

    return machine_debugger_read(iwdg->machine, DBGMCU_APB4FZ1, 4, &bits) &&
           (bits & APB4FZ1_WDGLSD1) != 0;
}

static void expired(void *context)
{
    struct iwdg *iwdg = context;
    uint64_t halted_ns = machine_core_halted_ns(iwdg->machine) - iwdg->halted_ns;

    if (halted_ns != 0 && freezes(iwdg)) { // that time is still to go
        iwdg->halted_ns += halted_ns;
        iwdg->reloaded_ns += halted_ns;
        event_arm_in(iwdg->machine, &iwdg->expired, halted_ns);
        return;
    }
    machine_trace(iwdg->machine, "iwdg", "expired");
    machine_reset(iwdg->machine, RESET_IWDG1);
}

static void reload_counter(struct iwdg *iwdg)
{
    event_cancel(iwdg->machine, &iwdg->expired);
    if (iwdg->running && lsi_hz(iwdg) != 0) {
        iwdg->reloaded_ns = machine_now_ns(iwdg->machine);
        iwdg->halted_ns = machine_core_halted_ns(iwdg->machine);
        event_arm_in(iwdg->machine, &iwdg->expired,
                     ns_of_ticks((iwdg->reload + UINT64_C(1)) * divider(iwdg), lsi_hz(iwdg)));
    }
}

// A refresh while the counter is above the window resets.
static void refresh(struct iwdg *iwdg)
{
    uint64_t passed_ns = machine_now_ns(iwdg->machine) - iwdg->reloaded_ns;
    uint64_t counted = ticks_in_ns(passed_ns, lsi_hz(iwdg)) / divider(iwdg);
    uint64_t counter = counted > iwdg->reload ? 0 : iwdg->reload - counted;

    if (iwdg->running && iwdg->expired.armed && counter > iwdg->window) {
        machine_trace(iwdg->machine, "iwdg", "refreshed before its window");
        machine_reset(iwdg->machine, RESET_IWDG1);
        return;
    }
    reload_counter(iwdg);
}

static void update_done(void *context)
{
    ((struct iwdg_update *)context)->pending = false;
}

static void update_start(struct iwdg_update *update)
{
    struct iwdg *iwdg = update->iwdg;

    if (update->pending && !update->done.armed && lsi_hz(iwdg) != 0) {
        event_arm_in(iwdg->machine, &update->done,
                     ns_of_ticks(UPDATE_CYCLES * divider(iwdg), lsi_hz(iwdg)));
    }
}

static void write_value(struct iwdg *iwdg, unsigned index, uint32_t *field, uint32_t value)
{
    static const char *const names[] = {"PR", "RLR", "WINR"};
    struct iwdg_update *update = &iwdg->updates[index];

    if (!iwdg->unlocked) {
        machine_violation(iwdg->machine, "IWDG1", "%s written without the key 0x5555 in KR",
                          names[index]);
        return;
    }
    if (update->pending) {
        machine_violation(iwdg->machine, "IWDG1",
                          "%s written while its last update is under way (SR 0x%" PRIX32 ")",
                          names[index], update->flag);
        return;
    }
    *field = value;
    update->pending = true;
    update_start(update);
}

static void write_key(struct iwdg *iwdg, uint32_t key)
{
    iwdg->unlocked = key == KEY_UNLOCK;
    if (key == KEY_START && !iwdg->running) {
        iwdg->running = true;
        machine_watchdog_runs(iwdg->machine, WATCHDOG_INDEPENDENT, true);
        rcc_request_lsi(iwdg->rcc);
        reload_counter(iwdg);
    } else if (key == KEY_RELOAD) {
        refresh(iwdg);
    }
}

static void iwdg_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct iwdg *iwdg = context;

    if (offset == IWDG_KR && size >= 2) {
        write_key(iwdg, value & 0xFFFF);
    } else if (offset == IWDG_PR) {
        write_value(iwdg, 0, &iwdg->prescaler, value & 7);
    } else if (offset == IWDG_RLR) {
        write_value(iwdg, 1, &iwdg->reload, value & 0xFFF);
    } else if (offset == IWDG_WINR) {
        write_value(iwdg, 2, &iwdg->window, value & 0xFFF);
        reload_counter(iwdg);
    }
}

static uint32_t read_word(const struct iwdg *iwdg, uint32_t word)
{
    uint32_t flags = 0;

    switch (word) {
    case IWDG_PR:
        return iwdg->prescaler;
    case IWDG_RLR:
        return iwdg->reload;
    case IWDG_WINR:
        return iwdg->window;
    default:
        for (unsigned i = 0; i < 3; i++) {
            flags |= iwdg->updates[i].pending ? iwdg->updates[i].flag : 0;
        }
        return flags;
    }
}

static uint32_t iwdg_read(void *context, uint32_t offset, unsigned size)
{
    return register_extract(read_word(context, offset & ~UINT32_C(3)), offset, size);
}

static void clocks_changed(void *context)
{
    struct iwdg *iwdg = context;

    if (!iwdg->expired.armed) {
        reload_counter(iwdg);
    }
    for (unsigned i = 0; i < 3; i++) {
        update_start(&iwdg->updates[i]);
    }
}

static void iwdg_reset(void *context, enum reset_kind kind)
{
    struct iwdg *iwdg = context;

    (void)kind;
    iwdg->prescaler = 0;
    iwdg->reload = 0xFFF;
    iwdg->window = 0xFFF;
    iwdg->unlocked = false;
    iwdg->running = false;
    machine_watchdog_runs(iwdg->machine, WATCHDOG_INDEPENDENT, false);
    event_cancel(iwdg->machine, &iwdg->expired);
    for (unsigned i = 0; i < 3; i++) {
        iwdg->updates[i].pending = false;
        event_cancel(iwdg->machine, &iwdg->updates[i].done);
    }
}

struct iwdg *iwdg_create(struct machine *machine, struct rcc *rcc)
{
    struct iwdg *iwdg = calloc(1, sizeof(*iwdg));
    struct device device = {.name = "IWDG1",
                            .base = UINT32_C(0x58004800),
                            .size = 0x400,
                            .registers = registers,
                            .context = iwdg,
                            .read = iwdg_read,
                            .write = iwdg_write,
                            .reset = iwdg_reset};

    if (iwdg == NULL) {
        abort();
    }
    iwdg->machine = machine;
    iwdg->rcc = rcc;
    iwdg->expired = (struct event){.fire = expired, .context = iwdg, .name = "IWDG1"};
    for (unsigned i = 0; i < 3; i++) {
        struct iwdg_update *update = &iwdg->updates[i];

        update->iwdg = iwdg;
        update->flag = UINT32_C(1) << i;
        update->done = (struct event){.fire = update_done, .context = update, .name = "IWDG1"};
    }
    iwdg_reset(iwdg, RESET_POWER_ON);
    machine_add_device(machine, &device);
    rcc_on_change(rcc, clocks_changed, iwdg);
    return iwdg;
}
