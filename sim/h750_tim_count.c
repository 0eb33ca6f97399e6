// How the STM32H750's timers count: prescaler, edge- and centre-aligned counting, updates with
// preload and repetition, compare matches.
//
// Nothing happens at each tick. When somebody looks, the ticks that passed since are counted at
// once, segment by segment between turning points; whole periods are skipped.
//
// SPDX-License-Identifier: MIT
#include "sim/clock_math.h"
#include "sim/h750_tim_parts.h"

#include <string.h>

enum {
    OUTPUT_MODE_ACTIVE_ON_MATCH = 1,
    OUTPUT_MODE_INACTIVE_ON_MATCH = 2,
    OUTPUT_MODE_TOGGLE = 3,
};

static unsigned centre_mode(const struct tim *tim)
{
    return (tim_register(tim, TIM_CR1) & TIM_CR1_CMS) >> TIM_CR1_CMS_BIT;
}

static uint32_t count_mask(const struct tim *tim)
{
    return tim->facts->wide ? UINT32_MAX : UINT16_MAX;
}

static uint32_t capture_mode_bits(const struct tim *tim, unsigned channel)
{
    static const uint8_t offsets[] = {TIM_CCMR1, TIM_CCMR2, TIM_CCMR3};

    return tim_register(tim, offsets[channel / 2]) >> (8 * (channel % 2));
}

unsigned tim_output_mode(const struct tim *tim, unsigned channel)
{
    uint32_t bits = capture_mode_bits(tim, channel);

    return (bits >> 4 & 7) | (bits >> 16 & 1) << 3;
}

bool tim_is_output(const struct tim *tim, unsigned channel)
{
    return channel >= 4 || (capture_mode_bits(tim, channel) & 3) == 0;
}

// --- Matches ------------------------------------------------------------------------------------

static uint32_t match_flag(unsigned channel)
{
    return UINT32_C(1) << (channel < 4 ? channel + 1 : channel + 12);
}

// `times` matches of a channel.
static void match(struct tim *tim, unsigned channel, uint64_t times)
{
    static const bool flag_at_down[] = {true, true, false, true}; // by CMS
    static const bool flag_at_up[] = {true, false, true, true};

    if (!tim_is_output(tim, channel)) {
        return;
    }
    if (tim->down ? flag_at_down[centre_mode(tim)] : flag_at_up[centre_mode(tim)]) {
        tim->flags |= match_flag(channel);
    }
    switch (tim_output_mode(tim, channel)) {
    case OUTPUT_MODE_ACTIVE_ON_MATCH:
        tim->reference[channel] = true;
        break;
    case OUTPUT_MODE_INACTIVE_ON_MATCH:
        tim->reference[channel] = false;
        break;
    case OUTPUT_MODE_TOGGLE:
        tim->reference[channel] ^= times % 2 != 0;
        break;
    default:
        break;
    }
}

// The counter went through lowest..highest, each value once.
static void match_range(struct tim *tim, uint32_t lowest, uint32_t highest)
{
    for (unsigned channel = 0; channel < tim->facts->channels; channel++) {
        if (tim->compare[channel] >= lowest && tim->compare[channel] <= highest) {
            match(tim, channel, 1);
        }
    }
}

static void move(struct tim *tim, uint32_t ticks)
{
    if (ticks == 0) {
        return;
    }
    if (tim->down) {
        match_range(tim, tim->count - ticks, tim->count - 1);
        tim->count -= ticks;
    } else {
        match_range(tim, tim->count + 1, tim->count + ticks);
        tim->count += ticks;
    }
}

// --- Updates ------------------------------------------------------------------------------------

static void load_preloads(struct tim *tim)
{
    tim->prescaler = tim_register(tim, TIM_PSC);
    tim->reload = tim_register(tim, TIM_ARR);
    for (unsigned channel = 0; channel < tim->facts->channels; channel++) {
        uint32_t offset = channel < 4 ? TIM_CCR1 + 4 * channel : TIM_CCR5 + 4 * (channel - 4);

        tim->compare[channel] = tim_register(tim, offset) & count_mask(tim);
    }
    tim->repetitions = tim_register(tim, TIM_RCR);
}

void tim_update_event(struct tim *tim, bool by_overflow)
{
    if (tim_cr1(tim, TIM_CR1_UDIS)) {
        return;
    }
    load_preloads(tim);
    if (by_overflow || !tim_cr1(tim, TIM_CR1_URS)) {
        tim->flags |= TIM_SR_UIF;
    }
}

// Overflow or underflow: an update unless repetitions are left.
static void overflow(struct tim *tim)
{
    if (tim->repetitions > 0) {
        tim->repetitions--;
        return;
    }
    tim_update_event(tim, true);
    if (tim_cr1(tim, TIM_CR1_OPM)) {
        tim->registers[TIM_CR1 / 4] &= ~TIM_CR1_CEN;
    }
}

void tim_reinitialise(struct tim *tim)
{
    if (centre_mode(tim) != 0) {
        tim->down = false;
    }
    tim->count = tim->down ? tim->reload : 0;
    tim->phase = 0;
}

// --- Counting -----------------------------------------------------------------------------------

// Ticks until the next wrap or turn has happened.
static uint64_t ticks_to_turn(const struct tim *tim)
{
    bool centred = centre_mode(tim) != 0;

    if (tim->down) {
        return (uint64_t)tim->count + (centred ? 0 : 1);
    }
    if (tim->count > tim->reload) { // beyond ARR it runs through to its end
        return (uint64_t)count_mask(tim) - tim->count + 1;
    }
    return (uint64_t)tim->reload - tim->count + (centred ? 0 : 1);
}

static void turn_edge_aligned(struct tim *tim)
{
    bool beyond = !tim->down && tim->count > tim->reload;

    move(tim, (uint32_t)(ticks_to_turn(tim) - 1));
    if (!beyond) {
        if (!tim->down && tim->reload < UINT32_MAX) {
            match_range(tim, tim->reload + 1, UINT32_MAX); // a compare never reached
        }
        overflow(tim);
    }
    tim->count = tim->down ? tim->reload : 0;
    match_range(tim, tim->count, tim->count);
}

static void turn_centred(struct tim *tim)
{
    if (!tim->down && tim->count > tim->reload) {
        turn_edge_aligned(tim);
        return;
    }
    move(tim, (uint32_t)ticks_to_turn(tim));
    tim->down = !tim->down;
    overflow(tim);
}

// Whole periods at once. Preloads are in force, as an update came before.
static void skip_periods(struct tim *tim, uint64_t periods)
{
    uint64_t overflows = periods * (centre_mode(tim) != 0 ? 2 : 1);
    uint32_t repeat = tim_register(tim, TIM_RCR);

    for (unsigned channel = 0; channel < tim->facts->channels; channel++) {
        if (tim->compare[channel] <= tim->reload || !tim->down) {
            match(tim, channel, overflows);
        }
    }
    if (overflows <= tim->repetitions) {
        tim->repetitions -= (uint32_t)overflows;
        return;
    }
    overflows -= tim->repetitions + 1;
    tim_update_event(tim, true);
    tim->repetitions = repeat - (uint32_t)(overflows % (repeat + UINT64_C(1)));
}

static uint64_t period_ticks(const struct tim *tim)
{
    return centre_mode(tim) != 0 ? 2 * (uint64_t)tim->reload : (uint64_t)tim->reload + 1;
}

// Cycles that `ticks` more ticks take from the present phase of the prescaler.
static uint64_t cycles_of_ticks(const struct tim *tim, uint64_t ticks)
{
    unsigned __int128 cycles = (unsigned __int128)ticks * (tim->prescaler + UINT64_C(1));

    return (uint64_t)(cycles - tim->phase);
}

static void advance(struct tim *tim, uint64_t cycles)
{
    while (cycles > 0 && tim_cr1(tim, TIM_CR1_CEN) && tim->reload != 0) {
        uint64_t divider = tim->prescaler + UINT64_C(1);
        uint64_t ticks = (tim->phase + cycles) / divider;
        uint64_t turn = ticks_to_turn(tim);

        if (ticks < turn) {
            tim->phase = (uint32_t)((tim->phase + cycles) % divider);
            move(tim, (uint32_t)ticks);
            return;
        }
        cycles -= cycles_of_ticks(tim, turn);
        tim->phase = 0;
        if (centre_mode(tim) != 0) {
            turn_centred(tim);
        } else {
            turn_edge_aligned(tim);
        }
        divider = period_ticks(tim) * (tim->prescaler + UINT64_C(1));
        if (cycles >= 2 * divider && tim_cr1(tim, TIM_CR1_CEN) && !tim_cr1(tim, TIM_CR1_OPM) &&
            tim->reload != 0) {
            skip_periods(tim, cycles / divider);
            cycles %= divider;
        }
    }
}

void tim_sync(struct tim *tim)
{
    uint64_t now_ns = machine_now_ns(tim->machine);
    uint64_t cycles;

    if (tim->clock_hz == 0 || !tim_cr1(tim, TIM_CR1_CEN)) {
        return;
    }
    cycles = ticks_in_ns(now_ns - tim->base_ns, tim->clock_hz);
    if (cycles > tim->cycles_done) {
        uint64_t passed = cycles - tim->cycles_done;

        tim->cycles_done = cycles;
        advance(tim, passed);
    }
}

void tim_restart(struct tim *tim)
{
    tim->base_ns = machine_now_ns(tim->machine);
    tim->cycles_done = 0;
}

// --- What comes next ----------------------------------------------------------------------------

// Ticks to the first match in the present direction, or to the turn if that comes first.
static uint64_t ticks_to_match(const struct tim *tim, unsigned channel)
{
    uint64_t turn = ticks_to_turn(tim);
    uint32_t compare = tim->compare[channel];
    uint64_t distance;

    if (tim->down) {
        distance = compare < tim->count ? tim->count - compare : turn;
    } else {
        distance = compare > tim->count ? compare - tim->count : turn;
    }
    return distance < turn ? distance : turn;
}

uint64_t tim_next_ns(const struct tim *tim)
{
    uint32_t wanted = tim_register(tim, TIM_DIER) & ~tim->flags;
    uint64_t ticks = UINT64_MAX;

    if (tim->clock_hz == 0 || !tim_cr1(tim, TIM_CR1_CEN) || tim->reload == 0) {
        return TIME_NEVER;
    }
    if ((wanted & TIM_SR_UIF) != 0 && !tim_cr1(tim, TIM_CR1_UDIS)) {
        ticks = ticks_to_turn(tim);
    }
    for (unsigned channel = 0; channel < tim->facts->channels && channel < 4; channel++) {
        if ((wanted & match_flag(channel)) != 0 && tim_is_output(tim, channel)) {
            uint64_t distance = ticks_to_match(tim, channel);

            ticks = distance < ticks ? distance : ticks;
        }
    }
    if (ticks == UINT64_MAX) {
        return TIME_NEVER;
    }
    return time_after(tim->base_ns,
                      ns_of_ticks(tim->cycles_done + cycles_of_ticks(tim, ticks), tim->clock_hz));
}
