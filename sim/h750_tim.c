// The timers of the STM32H750: registers, interrupts, clocks. TIM1, TIM8 advanced, TIM2 to TIM5
// general, TIM12 to TIM17, TIM6 and TIM7 basic.
//
// From STM32H753.svd, the CMSIS header and ST's LL driver. What comes from pins or other timers
// (capture, slave modes, break inputs) and DMA are not modelled: choosing such a mode says so.
// Outputs are known as OCxREF; they do not drive pins.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_tim.h"

#include "sim/h750_tim_parts.h"
#include "sim/register_bytes.h"

#include <stdlib.h>
#include <string.h>

#define SMCR_SMS   UINT32_C(0x00010007)
#define SMCR_ECE   (UINT32_C(1) << 14)
#define SR_CAPTURE UINT32_C(0x1E)
#define SR_TRIGGER UINT32_C(0x60)
#define SR_BREAK   UINT32_C(0x180)
#define EGR_UG     (UINT32_C(1) << 0)
#define EGR_COM_TG UINT32_C(0x7E) // flags with the same bit in SR: CC1 to CC4, COM, trigger
#define EGR_BREAK  UINT32_C(0x180)
#define BDTR_MOE   (UINT32_C(1) << 15)
#define DIER_BIE   (UINT32_C(1) << 7)
#define UIFCPY     (UINT32_C(1) << 31)
#define DMA_BITS   UINT32_C(0x7F00)

// --- Interrupts ---------------------------------------------------------------------------------

static void set_line(struct tim *tim, enum tim_line line, uint32_t active)
{
    machine_irq_shared(tim->machine, tim->facts->irqs[line], tim->facts->irq_source, active != 0);
}

static void update_irqs(struct tim *tim)
{
    uint32_t enabled = tim_register(tim, TIM_DIER);
    uint32_t active = tim->flags & enabled & 0xFF;

    if ((enabled & DIER_BIE) != 0) {
        active |= tim->flags & SR_BREAK;
    }
    if (tim->facts->irqs[TIM_LINE_CAPTURE] == 0) {
        set_line(tim, TIM_LINE_UPDATE, active);
        return;
    }
    set_line(tim, TIM_LINE_UPDATE, active & TIM_SR_UIF);
    set_line(tim, TIM_LINE_CAPTURE, active & SR_CAPTURE);
    set_line(tim, TIM_LINE_TRIGGER, active & SR_TRIGGER);
    set_line(tim, TIM_LINE_BREAK, active & SR_BREAK);
}

static void settle(struct tim *tim)
{
    update_irqs(tim);
    event_arm_at(tim->machine, &tim->event, tim_next_ns(tim));
}

static void event_fired(void *context)
{
    tim_sync(context);
    settle(context);
}

// --- Writing ------------------------------------------------------------------------------------

static void write_cr1(struct tim *tim, uint32_t value)
{
    uint32_t old = tim_register(tim, TIM_CR1);

    if ((value & TIM_CR1_CMS) == 0) {
        tim->down = (value & TIM_CR1_DIR) != 0;
    } else if ((old & TIM_CR1_CMS) == 0) {
        if ((old & value & TIM_CR1_CEN) != 0) {
            machine_violation(tim->machine, tim->facts->name,
                              "CR1.CMS changed from edge- to centre-aligned while counting");
        }
        tim->down = false;
    }
    tim->registers[TIM_CR1 / 4] = value;
    if ((value & ~old & TIM_CR1_CEN) != 0) {
        tim->phase = 0;
        tim_restart(tim);
    }
}

static void write_smcr(struct tim *tim, uint32_t value)
{
    if ((value & (SMCR_SMS | SMCR_ECE)) != 0) {
        machine_violation(tim->machine, tim->facts->name,
                          "slave modes and external clocks are not modelled (SMCR.SMS, ECE)");
    }
    tim->registers[TIM_SMCR / 4] = value;
}

static void write_egr(struct tim *tim, uint32_t value)
{
    tim->flags |= value & EGR_COM_TG;
    if ((value & EGR_BREAK) != 0) {
        tim->flags |= value & EGR_BREAK;
        tim->registers[TIM_BDTR / 4] &= ~BDTR_MOE;
    }
    if ((value & EGR_UG) != 0) {
        tim_update_event(tim, false);
        tim_reinitialise(tim);
        tim_restart(tim);
    }
}

// OCxPE: the channel's CCR waits for an update.
static bool compare_is_preloaded(const struct tim *tim, unsigned channel)
{
    static const uint8_t offsets[] = {TIM_CCMR1, TIM_CCMR2, TIM_CCMR3};

    return tim_is_output(tim, channel) &&
           (tim_register(tim, offsets[channel / 2]) >> (8 * (channel % 2)) & 8) != 0;
}

static void write_compare(struct tim *tim, uint32_t word, uint32_t value)
{
    unsigned channel = word <= TIM_CCR4 ? (word - TIM_CCR1) / 4 : 4 + (word - TIM_CCR5) / 4;

    tim->registers[word / 4] = value;
    if (!compare_is_preloaded(tim, channel)) {
        tim->compare[channel] = tim->facts->wide ? value : value & UINT16_MAX;
    }
}

static void write_dier(struct tim *tim, uint32_t value)
{
    if ((value & DMA_BITS) != 0) {
        machine_violation(tim->machine, tim->facts->name,
                          "DMA requests of timers are not modelled (DIER)");
    }
    tim->registers[TIM_DIER / 4] = value;
}

static void write_word(struct tim *tim, uint32_t word, uint32_t value)
{
    if ((word >= TIM_CCR1 && word <= TIM_CCR4) || word == TIM_CCR5 || word == TIM_CCR6) {
        write_compare(tim, word, value);
        return;
    }
    switch (word) {
    case TIM_CR1:
        write_cr1(tim, value);
        break;
    case TIM_SMCR:
        write_smcr(tim, value);
        break;
    case TIM_DIER:
        write_dier(tim, value);
        break;
    case TIM_SR:
        tim->flags &= value; // written as 0 to clear
        break;
    case TIM_EGR:
        write_egr(tim, value);
        break;
    case TIM_CNT:
        tim->count = tim->facts->wide ? value : value & UINT16_MAX;
        break;
    case TIM_DMAR:
        machine_violation(tim->machine, tim->facts->name, "DMAR is not modelled");
        break;
    default:
        tim->registers[word / 4] = value;
        if (word == TIM_ARR && !tim_cr1(tim, TIM_CR1_ARPE)) {
            tim->reload = value;
        }
        break;
    }
}

// --- Bus ----------------------------------------------------------------------------------------

static uint32_t read_word(const struct tim *tim, uint32_t word)
{
    switch (word) {
    case TIM_CR1:
        return (tim_register(tim, TIM_CR1) & ~TIM_CR1_DIR) | (tim->down ? TIM_CR1_DIR : 0);
    case TIM_SR:
        return tim->flags;
    case TIM_CNT:
        if (tim_cr1(tim, TIM_CR1_UIFREMAP)) {
            return (tim->count & ~UIFCPY) | ((tim->flags & TIM_SR_UIF) != 0 ? UIFCPY : 0);
        }
        return tim->count;
    case TIM_DMAR:
        machine_violation(tim->machine, tim->facts->name, "DMAR is not modelled");
        return 0;
    default:
        return tim->registers[word / 4];
    }
}

static uint32_t tim_read(void *context, uint32_t offset, unsigned size)
{
    tim_sync(context);
    return register_extract(read_word(context, offset & ~UINT32_C(3)), offset, size);
}

static void tim_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct tim *tim = context;
    uint32_t word = offset & ~UINT32_C(3);
    uint32_t rest;

    tim_sync(tim);
    rest = word == TIM_SR                        ? UINT32_MAX
           : word == TIM_EGR || word == TIM_DMAR ? 0
                                                 : read_word(tim, word);
    write_word(tim, word, register_merge(rest, offset, size, value));
    settle(tim);
}

static void clocks_changed(void *context)
{
    struct tim *tim = context;
    uint64_t hz = rcc_gate_open(tim->rcc, tim->facts->gate_offset, tim->facts->bit)
                      ? rcc_clock_hz(tim->rcc, tim->facts->clock)
                      : 0;

    if (hz != tim->clock_hz) {
        tim_sync(tim);
        tim->clock_hz = hz;
        tim_restart(tim);
        settle(tim);
    }
}

static void tim_reset(void *context, enum reset_kind kind)
{
    struct tim *tim = context;

    (void)kind;
    memset(tim->registers, 0, sizeof(tim->registers));
    tim->registers[TIM_ARR / 4] = tim->facts->wide ? UINT32_MAX : UINT16_MAX;
    tim->flags = 0;
    tim->count = 0;
    tim->down = false;
    tim->phase = 0;
    tim->prescaler = 0;
    tim->reload = tim->registers[TIM_ARR / 4];
    tim->repetitions = 0;
    memset(tim->compare, 0, sizeof(tim->compare));
    memset(tim->reference, 0, sizeof(tim->reference));
    settle(tim);
}

// --- Construction and questions -----------------------------------------------------------------

static void add_device(struct tim *tim)
{
    const struct tim_facts *facts = tim->facts;
    struct device device = {.name = facts->name,
                            .base = facts->base,
                            .size = 0x400,
                            .registers = facts->registers,
                            .context = tim,
                            .read = tim_read,
                            .write = tim_write,
                            .reset = tim_reset,
                            .gate_offset = facts->gate_offset,
                            .gate_bit = facts->bit,
                            .reset_offset = facts->reset_offset,
                            .reset_bit = facts->bit};

    machine_add_device(tim->machine, &device);
}

struct tim *tim_create(struct machine *machine, struct rcc *rcc, const char *name)
{
    const struct tim_facts *facts = tim_facts;
    struct tim *tim;

    while (facts->name != NULL && strcmp(facts->name, name) != 0) {
        facts++;
    }
    if (facts->name == NULL) {
        return NULL;
    }
    tim = calloc(1, sizeof(*tim));
    if (tim == NULL) {
        abort();
    }
    tim->machine = machine;
    tim->rcc = rcc;
    tim->facts = facts;
    tim->event = (struct event){.fire = event_fired, .context = tim, .name = facts->name};
    tim_reset(tim, RESET_POWER_ON);
    add_device(tim);
    rcc_on_change(rcc, clocks_changed, tim);
    return tim;
}

bool tim_output_reference(struct tim *tim, unsigned channel)
{
    unsigned index = channel - 1;
    bool below;

    tim_sync(tim);
    below = tim->count < tim->compare[index] || (tim->down && tim->count == tim->compare[index]);
    switch (tim_output_mode(tim, index)) {
    case 4: // forced inactive
        return false;
    case 5: // forced active
        return true;
    case 6: // PWM mode 1
        return below;
    case 7: // PWM mode 2
        return !below;
    default:
        return tim->reference[index];
    }
}
