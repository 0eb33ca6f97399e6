// The inside of the timers' model, shared by the files h750_tim*.c only.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_TIM_PARTS_H
#define SIM_H750_TIM_PARTS_H

#include "sim/h750_rcc.h"
#include "sim/h750_tim.h"
#include "sim/machine.h"

#define TIM_CHANNELS_MAX 6u

enum tim_offset {
    TIM_CR1 = 0x00,
    TIM_CR2 = 0x04,
    TIM_SMCR = 0x08,
    TIM_DIER = 0x0C,
    TIM_SR = 0x10,
    TIM_EGR = 0x14,
    TIM_CCMR1 = 0x18,
    TIM_CCMR2 = 0x1C,
    TIM_CCER = 0x20,
    TIM_CNT = 0x24,
    TIM_PSC = 0x28,
    TIM_ARR = 0x2C,
    TIM_RCR = 0x30,
    TIM_CCR1 = 0x34,
    TIM_CCR4 = 0x40,
    TIM_BDTR = 0x44,
    TIM_DMAR = 0x4C,
    TIM_CCMR3 = 0x54,
    TIM_CCR5 = 0x58,
    TIM_CCR6 = 0x5C,
    TIM_REGISTERS_END = 0x6C,
};

#define TIM_CR1_CEN      (UINT32_C(1) << 0)
#define TIM_CR1_UDIS     (UINT32_C(1) << 1)
#define TIM_CR1_URS      (UINT32_C(1) << 2)
#define TIM_CR1_OPM      (UINT32_C(1) << 3)
#define TIM_CR1_DIR      (UINT32_C(1) << 4)
#define TIM_CR1_CMS_BIT  5
#define TIM_CR1_CMS      (UINT32_C(3) << TIM_CR1_CMS_BIT)
#define TIM_CR1_ARPE     (UINT32_C(1) << 7)
#define TIM_CR1_UIFREMAP (UINT32_C(1) << 11)
#define TIM_SR_UIF       (UINT32_C(1) << 0)

// Interrupt lines: of the whole timer, or of the four causes of an advanced one.
enum tim_line { TIM_LINE_UPDATE, TIM_LINE_CAPTURE, TIM_LINE_TRIGGER, TIM_LINE_BREAK, TIM_LINES };

struct tim_facts {
    const char *name;
    uint32_t base;
    const struct register_info *registers;
    uint8_t channels;
    bool wide;               // 32 bits
    uint8_t irqs[TIM_LINES]; // 0: the first one serves all
    uint8_t irq_source;      // on lines that TIM8 shares with TIM12 to TIM14
    enum rcc_clock clock;
    uint16_t gate_offset;
    uint16_t reset_offset;
    uint8_t bit; // in both
};

struct tim {
    struct machine *machine;
    struct rcc *rcc;
    const struct tim_facts *facts;
    uint32_t registers[TIM_REGISTERS_END / 4]; // as written; the preload side
    uint32_t flags;                            // SR

    uint64_t clock_hz; // 0: no clock
    uint64_t base_ns;  // cycles are counted from here
    uint64_t cycles_done;

    uint32_t count;
    bool down;          // direction in force
    uint32_t phase;     // of the prescaler
    uint32_t prescaler; // in force, as ARR and CCR below
    uint32_t reload;
    uint32_t compare[TIM_CHANNELS_MAX];
    uint32_t repetitions;
    bool reference[TIM_CHANNELS_MAX]; // of the modes that keep a level between matches
    struct event event;
};

// h750_tim_registers.c
extern const struct tim_facts tim_facts[]; // ends with a NULL name

static inline uint32_t tim_register(const struct tim *tim, uint32_t offset)
{
    return tim->registers[offset / 4];
}

static inline bool tim_cr1(const struct tim *tim, uint32_t bits)
{
    return (tim_register(tim, TIM_CR1) & bits) == bits;
}

// h750_tim_count.c
void tim_sync(struct tim *tim);    // counts up to now
void tim_restart(struct tim *tim); // counts from now on, after a clock or CEN change
void tim_update_event(struct tim *tim, bool by_overflow);
void tim_reinitialise(struct tim *tim);      // counter and prescaler as EGR.UG does
uint64_t tim_next_ns(const struct tim *tim); // when an interrupt flag can be set next
unsigned tim_output_mode(const struct tim *tim, unsigned channel); // OCxM, channel from 0
bool tim_is_output(const struct tim *tim, unsigned channel);

#endif
