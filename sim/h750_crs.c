// CRS of the STM32H750: compares HSI48 with a synchronisation signal and would trim it.
//
// From STM32H753.svd and ST's HAL. HSI48 is exact on the virtual board, so a good signal leaves the
// trimming as it is. A signal on the CRS_SYNC pin is not modelled.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_crs.h"

#include "sim/clock_math.h"
#include "sim/h750_rcc.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>

enum crs_offset {
    CRS_CR = 0x00,
    CRS_CFGR = 0x04,
    CRS_ISR = 0x08,
    CRS_ICR = 0x0C,
};

#define CRS_IRQ       144u
#define CR_CEN        (UINT32_C(1) << 5)
#define CR_SWSYNC     (UINT32_C(1) << 7)
#define CFGR_RESET    UINT32_C(0x2022BB7F)
#define CR_RESET      UINT32_C(0x00002000)
#define ISR_SYNCOKF   (UINT32_C(1) << 0)
#define ISR_SYNCWARNF (UINT32_C(1) << 1)
#define ISR_ERRF      (UINT32_C(1) << 2)
#define ISR_ESYNCF    (UINT32_C(1) << 3)
#define ISR_SYNCERR   (UINT32_C(1) << 8)
#define ISR_SYNCMISS  (UINT32_C(1) << 9)
#define ISR_ERRORS    UINT32_C(0x700)
#define ISR_FEDIR     (UINT32_C(1) << 15)
#define SOURCE_LSE    1u

// clang-format off
static const struct register_info registers[] = {
    REGISTER("CR",   0x000, 0x00002000, 0x00003FEF, 0x00003FEF),
    REGISTER("CFGR", 0x004, 0x2022BB7F, 0xB7FFFFFF, 0xB7FFFFFF),
    REGISTER("ISR",  0x008, 0x00000000, 0xFFFF870F, 0x00000000),
    REGISTER("ICR",  0x00C, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER_END,
};
// clang-format on

struct crs {
    struct machine *machine;
    struct rcc *rcc;
    uint32_t control;
    uint32_t settings; // CFGR
    uint32_t status;   // ISR
    unsigned divided;  // signals left out because of SYNCDIV
    bool counting;     // a signal came since CEN
    uint64_t reloaded_ns;
    struct event lse;
    struct event expected;
    struct event missed;
};

static void update_irq(struct crs *crs)
{
    machine_irq(crs->machine, CRS_IRQ, (crs->status & crs->control & 15) != 0);
}

static uint32_t reload(const struct crs *crs)
{
    return crs->settings & 0xFFFF;
}

static uint32_t limit(const struct crs *crs)
{
    return crs->settings >> 16 & 0xFF;
}

// Judges the frequency error: `ticks` of HSI48 lie between two signals.
static void measure(struct crs *crs, uint64_t ticks)
{
    bool early = ticks <= reload(crs);
    uint64_t error = early ? reload(crs) - ticks : ticks - reload(crs);

    crs->status &= 15;
    crs->status |= (error > 0xFFFF ? UINT32_C(0xFFFF) : (uint32_t)error) << 16;
    crs->status |= early ? ISR_FEDIR : 0;
    if (error < limit(crs)) {
        crs->status |= ISR_SYNCOKF;
    } else if (error < 3 * limit(crs)) {
        crs->status |= ISR_SYNCWARNF;
    } else {
        crs->status |= ISR_ERRF | ISR_SYNCERR;
    }
}

static void start_counter(struct crs *crs)
{
    uint64_t hz = rcc_clock_hz(crs->rcc, RCC_CLOCK_HSI48);

    crs->counting = hz != 0;
    crs->reloaded_ns = machine_now_ns(crs->machine);
    if (crs->counting) {
        uint64_t period = reload(crs) + UINT64_C(1);

        event_arm_in(crs->machine, &crs->expected, ns_of_ticks(period, hz));
        event_arm_in(crs->machine, &crs->missed, ns_of_ticks(period + 128 * limit(crs), hz));
    }
}

static void synchronise(struct crs *crs)
{
    if ((crs->control & CR_CEN) == 0) {
        return;
    }
    if (++crs->divided < 1u << (crs->settings >> 24 & 7)) {
        return;
    }
    crs->divided = 0;
    if (crs->counting) {
        measure(crs, ticks_in_ns(machine_now_ns(crs->machine) - crs->reloaded_ns,
                                 rcc_clock_hz(crs->rcc, RCC_CLOCK_HSI48)));
    }
    start_counter(crs);
    update_irq(crs);
}

void crs_usb_frame(struct crs *crs, unsigned usb)
{
    if ((crs->settings >> 28 & 3) == usb + 1) {
        synchronise(crs);
    }
}

static void signal_expected(void *context)
{
    struct crs *crs = context;

    crs->status |= ISR_ESYNCF;
    update_irq(crs);
}

static void signal_missed(void *context)
{
    struct crs *crs = context;

    crs->counting = false;
    crs->status |= ISR_ERRF | ISR_SYNCMISS;
    update_irq(crs);
}

static void lse_schedule(struct crs *crs)
{
    uint64_t hz = rcc_clock_hz(crs->rcc, RCC_CLOCK_LSE);

    if ((crs->control & CR_CEN) != 0 && (crs->settings >> 28 & 3) == SOURCE_LSE && hz != 0) {
        if (!crs->lse.armed) {
            event_arm_in(crs->machine, &crs->lse, ns_of_ticks(1, hz));
        }
    } else {
        event_cancel(crs->machine, &crs->lse);
    }
}

static void lse_edge(void *context)
{
    struct crs *crs = context;

    synchronise(crs);
    lse_schedule(crs);
}

static void stop(struct crs *crs)
{
    crs->counting = false;
    crs->divided = 0;
    event_cancel(crs->machine, &crs->expected);
    event_cancel(crs->machine, &crs->missed);
}

static void write_cr(struct crs *crs, uint32_t value)
{
    if ((value & CR_CEN) == 0) {
        stop(crs);
    }
    crs->control = value & ~CR_SWSYNC;
    if ((value & CR_SWSYNC) != 0) {
        synchronise(crs);
    }
    lse_schedule(crs);
}

static void write_cfgr(struct crs *crs, uint32_t value)
{
    if ((crs->control & CR_CEN) != 0 && value != crs->settings) {
        machine_violation(crs->machine, "CRS", "CFGR changed while CEN is 1");
    }
    crs->settings = value;
}

static uint32_t crs_read(void *context, uint32_t offset, unsigned size)
{
    const struct crs *crs = context;
    uint32_t word = offset & ~UINT32_C(3);
    uint32_t value = word == CRS_CR     ? crs->control
                     : word == CRS_CFGR ? crs->settings
                     : word == CRS_ISR  ? crs->status
                                        : 0;

    return register_extract(value, offset, size);
}

static void crs_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct crs *crs = context;
    uint32_t word = offset & ~UINT32_C(3);

    if (word == CRS_CR) {
        write_cr(crs, register_merge(crs->control, offset, size, value));
    } else if (word == CRS_CFGR) {
        write_cfgr(crs, register_merge(crs->settings, offset, size, value));
    } else {
        value = register_merge(0, offset, size, value) & 15;
        crs->status &= ~(value | ((value & ISR_ERRF) != 0 ? ISR_ERRORS : 0));
    }
    update_irq(crs);
}

static void clocks_changed(void *context)
{
    lse_schedule(context);
}

static void crs_reset(void *context, enum reset_kind kind)
{
    struct crs *crs = context;

    (void)kind;
    crs->control = CR_RESET;
    crs->settings = CFGR_RESET;
    crs->status = 0;
    stop(crs);
    event_cancel(crs->machine, &crs->lse);
    update_irq(crs);
}

struct crs *crs_create(struct machine *machine, struct rcc *rcc)
{
    struct crs *crs = calloc(1, sizeof(*crs));
    struct device device = {.name = "CRS",
                            .base = UINT32_C(0x40008400),
                            .size = 0x400,
                            .registers = registers,
                            .context = crs,
                            .read = crs_read,
                            .write = crs_write,
                            .reset = crs_reset,
                            .gate_offset = 0xEC, // APB1HENR
                            .gate_bit = 1,
                            .reset_offset = 0x94, // APB1HRSTR
                            .reset_bit = 1};

    if (crs == NULL) {
        abort();
    }
    crs->machine = machine;
    crs->rcc = rcc;
    crs->lse = (struct event){.fire = lse_edge, .context = crs, .name = "CRS LSE"};
    crs->expected = (struct event){.fire = signal_expected, .context = crs, .name = "CRS"};
    crs->missed = (struct event){.fire = signal_missed, .context = crs, .name = "CRS missed"};
    crs_reset(crs, RESET_POWER_ON);
    machine_add_device(machine, &device);
    rcc_on_change(rcc, clocks_changed, crs);
    return crs;
}
