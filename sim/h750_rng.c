// RNG of the STM32H750: random numbers that repeat from a seed.
//
// From STM32H753.svd, the CMSIS header and ST's HAL. Silicon's numbers come from noise, these from
// splitmix64; a word takes 42 cycles of the kernel clock. Seed errors never happen.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_rng.h"

#include "sim/clock_math.h"
#include "sim/h750_rcc.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>

enum rng_offset {
    RNG_CR = 0x00,
    RNG_SR = 0x04,
    RNG_DR = 0x08,
};

#define HASH_RNG_IRQ 80u
#define IRQ_SOURCE   1u // HASH is 0
#define WORD_CYCLES  42u
#define CR_RNGEN     (UINT32_C(1) << 2)
#define CR_IE        (UINT32_C(1) << 3)
#define CR_CED       (UINT32_C(1) << 5)
#define SR_DRDY      (UINT32_C(1) << 0)
#define SR_CECS      (UINT32_C(1) << 1)
#define SR_CEIS      (UINT32_C(1) << 5)

// clang-format off
static const struct register_info registers[] = {
    REGISTER("CR", 0x000, 0x00000000, 0x0000002C, 0x0000002C),
    REGISTER("SR", 0x004, 0x00000000, 0x00000067, 0x00000060),
    REGISTER("DR", 0x008, 0x00000000, 0xFFFFFFFF, 0x00000000),
    REGISTER_END,
};
// clang-format on

struct rng {
    struct machine *machine;
    struct rcc *rcc;
    uint64_t state;
    uint32_t control;
    uint32_t clock_error; // CEIS
    bool ready;
    uint32_t word;
    struct event done;
};

static bool clock_too_slow(const struct rng *rng)
{
    uint64_t rng_hz = rcc_clock_hz(rng->rcc, RCC_CLOCK_RNG);

    return (rng->control & (CR_RNGEN | CR_CED)) == CR_RNGEN &&
           rng_hz < rcc_clock_hz(rng->rcc, RCC_CLOCK_HCLK) / 32;
}

static uint32_t status(const struct rng *rng)
{
    return (rng->ready ? SR_DRDY : 0) | (clock_too_slow(rng) ? SR_CECS : 0) | rng->clock_error;
}

static void update_irq(struct rng *rng)
{
    bool level = (rng->control & CR_IE) != 0 && (rng->ready || rng->clock_error != 0);

    machine_irq_shared(rng->machine, HASH_RNG_IRQ, IRQ_SOURCE, level);
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9E3779B97F4A7C15);

    value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
    return value ^ value >> 31;
}

static void word_done(void *context)
{
    struct rng *rng = context;

    rng->word = (uint32_t)splitmix64(&rng->state);
    rng->ready = true;
    update_irq(rng);
}

// The next word is being made if the generator is on and has a clock.
static void start_word(struct rng *rng)
{
    uint64_t hz = rcc_clock_hz(rng->rcc, RCC_CLOCK_RNG);

    if ((rng->control & CR_RNGEN) == 0 || hz == 0) {
        event_cancel(rng->machine, &rng->done);
    } else if (!rng->ready && !rng->done.armed) {
        event_arm_in(rng->machine, &rng->done, ns_of_ticks(WORD_CYCLES, hz));
    }
    if (clock_too_slow(rng)) {
        rng->clock_error = SR_CEIS;
    }
    update_irq(rng);
}

static void write_cr(struct rng *rng, uint32_t value)
{
    bool starts = (value & ~rng->control & CR_RNGEN) != 0;

    rng->control = value;
    if (starts && rcc_clock_hz(rng->rcc, RCC_CLOCK_RNG) == 0) {
        machine_violation(rng->machine, "RNG",
                          "RNGEN set while the kernel clock that RNGSEL selects is off");
    }
    if ((value & CR_RNGEN) == 0) {
        rng->ready = false;
    }
    start_word(rng);
}

static uint32_t read_dr(struct rng *rng)
{
    uint32_t word = rng->word;

    if (!rng->ready) {
        machine_violation(rng->machine, "RNG", "DR read while DRDY is 0");
        return 0;
    }
    rng->ready = false;
    start_word(rng);
    return word;
}

static uint32_t rng_read(void *context, uint32_t offset, unsigned size)
{
    struct rng *rng = context;
    uint32_t word = offset & ~UINT32_C(3);
    uint32_t value = word == RNG_CR ? rng->control : word == RNG_SR ? status(rng) : read_dr(rng);

    return register_extract(value, offset, size);
}

static void rng_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct rng *rng = context;

    if ((offset & ~UINT32_C(3)) == RNG_CR) {
        write_cr(rng, register_merge(rng->control, offset, size, value));
    } else if ((register_merge(UINT32_MAX, offset, size, value) & SR_CEIS) == 0) {
        rng->clock_error = 0; // written as 0 to clear
    }
    update_irq(rng);
}

static void clocks_changed(void *context)
{
    start_word(context);
}

static void rng_reset(void *context, enum reset_kind kind)
{
    struct rng *rng = context;

    (void)kind;
    rng->control = 0;
    rng->clock_error = 0;
    rng->ready = false;
    event_cancel(rng->machine, &rng->done);
    update_irq(rng);
}

struct rng *rng_create(struct machine *machine, struct rcc *rcc, uint64_t seed)
{
    struct rng *rng = calloc(1, sizeof(*rng));
    struct device device = {.name = "RNG",
                            .base = UINT32_C(0x48021800),
                            .size = 0x400,
                            .registers = registers,
                            .context = rng,
                            .read = rng_read,
                            .write = rng_write,
                            .reset = rng_reset,
                            .gate_offset = 0xDC, // AHB2ENR
                            .gate_bit = 6,
                            .reset_offset = 0x84, // AHB2RSTR
                            .reset_bit = 6};

    if (rng == NULL) {
        abort();
    }
    rng->machine = machine;
    rng->rcc = rcc;
    rng->state = seed;
    rng->done = (struct event){.fire = word_done, .context = rng, .name = "RNG"};
    machine_add_device(machine, &device);
    rcc_on_change(rcc, clocks_changed, rng);
    return rng;
}
