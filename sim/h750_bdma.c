// BDMA of the STM32H750: eight channels that move items one by one within the D3 domain.
//
// From STM32H753.svd, the CMSIS header and ST's HAL for the STM32H7. An item takes four HCLK cycles
// (not published). A channel that is done stays enabled, as drivers of it tell.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_bdma.h"

#include "sim/clock_math.h"
#include "sim/h750_dmamux.h"
#include "sim/h750_rcc.h"
#include "sim/machine.h"
#include "sim/register_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHANNELS       8u
#define CHANNEL_BASE   0x08u
#define CHANNEL_STRIDE 0x14u
#define BDMA_ISR       0x00u
#define BDMA_IFCR      0x04u
#define IRQ_FIRST      129u
#define ITEM_CYCLES    4u

enum channel_offset {
    CHANNEL_CCR = 0x00,
    CHANNEL_CNDTR = 0x04,
    CHANNEL_CPAR = 0x08,
    CHANNEL_CM0AR = 0x0C,
    CHANNEL_CM1AR = 0x10,
};

#define CCR_EN        (UINT32_C(1) << 0)
#define CCR_ENABLES   UINT32_C(0xE) // TCIE, HTIE, TEIE stand at their flags' bits
#define CCR_DIR       (UINT32_C(1) << 4)
#define CCR_CIRC      (UINT32_C(1) << 5)
#define CCR_PINC      (UINT32_C(1) << 6)
#define CCR_MINC      (UINT32_C(1) << 7)
#define CCR_PSIZE_BIT 8
#define CCR_MSIZE_BIT 10
#define CCR_MEM2MEM   (UINT32_C(1) << 14)
#define CCR_DBM       (UINT32_C(1) << 15)
#define CCR_CT        (UINT32_C(1) << 16)
#define FLAG_GIF      UINT32_C(1)
#define FLAG_TCIF     UINT32_C(2)
#define FLAG_HTIF     UINT32_C(4)
#define FLAG_TEIF     UINT32_C(8)

// clang-format off
#define CHANNEL(number)                                                                            \
    REGISTER_WORD("CCR" #number,   0x08 + 0x14 * (number), 0x00000000, 0x0001FFFF, 0x0001FFFF),    \
    REGISTER_WORD("CNDTR" #number, 0x0C + 0x14 * (number), 0x00000000, 0x0000FFFF, 0x0000FFFF),    \
    REGISTER_WORD("CPAR" #number,  0x10 + 0x14 * (number), 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),    \
    REGISTER_WORD("CM0AR" #number, 0x14 + 0x14 * (number), 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),    \
    REGISTER_WORD("CM1AR" #number, 0x18 + 0x14 * (number), 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF)

static const struct register_info registers[] = {
    REGISTER_WORD("ISR",  BDMA_ISR,  0x00000000, 0xFFFFFFFF, 0x00000000),
    REGISTER_WORD("IFCR", BDMA_IFCR, 0x00000000, 0x00000000, 0xFFFFFFFF),
    CHANNEL(0), CHANNEL(1), CHANNEL(2), CHANNEL(3),
    CHANNEL(4), CHANNEL(5), CHANNEL(6), CHANNEL(7),
    REGISTER_END,
};
// clang-format on

struct channel {
    struct bdma *bdma;
    unsigned number;
    uint32_t control;
    uint32_t count;
    uint32_t peripheral;
    uint32_t memory[2];
    uint32_t flags; // as channel 0's in ISR
    uint32_t length;
    uint32_t peripheral_at;
    uint32_t memory_at;
    struct event step;
};

struct bdma {
    struct machine *machine;
    struct rcc *rcc;
    struct dmamux *mux;
    struct channel channels[CHANNELS];
};

static bool has(const struct channel *channel, uint32_t bit)
{
    return (channel->control & bit) != 0;
}

static unsigned size_of(const struct channel *channel, unsigned bit)
{
    return 1u << (channel->control >> bit & 3);
}

static void update_irq(const struct channel *channel)
{
    machine_irq(channel->bdma->machine, IRQ_FIRST + channel->number,
                (channel->flags & channel->control & CCR_ENABLES) != 0);
}

// --- Transfers ----------------------------------------------------------------------------------

static void fail(struct channel *channel, const char *what, uint32_t address)
{
    channel->control &= ~CCR_EN;
    channel->flags |= FLAG_TEIF | FLAG_GIF;
    machine_violation(channel->bdma->machine, "BDMA", "channel %u: %s (0x%08" PRIX32 ")",
                      channel->number, what, address);
    update_irq(channel);
}

// SRAM4, backup SRAM and the peripherals of D3.
static bool reachable(uint32_t address)
{
    return address - 0x38000000u < 0x10000u || address - 0x38800000u < 0x1000u ||
           address - 0x58000000u < 0x30000u;
}

static bool check(struct channel *channel)
{
    uint32_t memory = channel->memory[has(channel, CCR_CT)];

    if (size_of(channel, CCR_PSIZE_BIT) > 4 || size_of(channel, CCR_MSIZE_BIT) > 4) {
        fail(channel, "PSIZE or MSIZE 3 is reserved", channel->control);
    } else if (has(channel, CCR_MEM2MEM) && has(channel, CCR_CIRC | CCR_DBM)) {
        fail(channel, "memory to memory excludes CIRC and DBM", channel->control);
    } else if (!reachable(channel->peripheral)) {
        fail(channel, "CPAR is outside the D3 domain, the only one BDMA reaches",
             channel->peripheral);
    } else if (!reachable(memory)) {
        fail(channel, "CM0AR or CM1AR is outside the D3 domain, the only one BDMA reaches", memory);
    } else if (channel->peripheral % size_of(channel, CCR_PSIZE_BIT) != 0) {
        fail(channel, "CPAR is not aligned to its item size", channel->peripheral);
    } else if (memory % size_of(channel, CCR_MSIZE_BIT) != 0) {
        fail(channel, "CM0AR or CM1AR is not aligned to its item size", memory);
    } else {
        return true;
    }
    return false;
}

static void begin_buffer(struct channel *channel)
{
    channel->count = channel->length;
    channel->peripheral_at = channel->peripheral;
    channel->memory_at = channel->memory[has(channel, CCR_CT)];
}

static void buffer_done(struct channel *channel)
{
    channel->flags |= FLAG_TCIF | FLAG_GIF;
    if (has(channel, CCR_DBM)) {
        channel->control ^= CCR_CT;
    }
    if (has(channel, CCR_CIRC | CCR_DBM)) {
        begin_buffer(channel);
    }
}

// One item; a wider side is filled up with zeros, a narrower one takes the lower bits.
static void move_item(struct channel *channel)
{
    struct machine *machine = channel->bdma->machine;
    bool to_peripheral = has(channel, CCR_DIR);
    unsigned peripheral_size = size_of(channel, CCR_PSIZE_BIT);
    unsigned memory_size = size_of(channel, CCR_MSIZE_BIT);
    uint32_t from = to_peripheral ? channel->memory_at : channel->peripheral_at;
    uint32_t to = to_peripheral ? channel->peripheral_at : channel->memory_at;
    uint32_t value;

    if (!machine_bus_read(machine, from, to_peripheral ? memory_size : peripheral_size, &value)) {
        fail(channel, "a read ended in a bus error", from);
        return;
    }
    if (!machine_bus_write(machine, to, to_peripheral ? peripheral_size : memory_size, value)) {
        fail(channel, "a write ended in a bus error", to);
        return;
    }
    channel->peripheral_at += has(channel, CCR_PINC) ? peripheral_size : 0;
    channel->memory_at += has(channel, CCR_MINC) ? memory_size : 0;
    channel->count--;
    if (channel->count != 0 && channel->count == channel->length / 2) {
        channel->flags |= FLAG_HTIF | FLAG_GIF;
    }
    if (channel->count == 0) {
        buffer_done(channel);
    }
}

static bool has_work(const struct channel *channel)
{
    return has(channel, CCR_EN) && channel->count != 0 &&
           (has(channel, CCR_MEM2MEM) || dmamux_pending(channel->bdma->mux, channel->number));
}

static void plan(void *context)
{
    struct channel *channel = context;
    uint64_t hclk_hz = rcc_clock_hz(channel->bdma->rcc, RCC_CLOCK_HCLK);

    if (has_work(channel) && !channel->step.armed && hclk_hz != 0) {
        event_arm_in(channel->bdma->machine, &channel->step, ns_of_ticks(ITEM_CYCLES, hclk_hz));
    }
}

static void step(void *context)
{
    struct channel *channel = context;

    if (!has_work(channel)) {
        return;
    }
    if (!has(channel, CCR_MEM2MEM)) {
        dmamux_served(channel->bdma->mux, channel->number);
    }
    move_item(channel);
    update_irq(channel);
    plan(channel);
}

// --- Registers ----------------------------------------------------------------------------------

static uint32_t bdma_read(void *context, uint32_t offset, unsigned size)
{
    const struct bdma *bdma = context;
    const struct channel *channel;
    uint32_t value = 0;

    (void)size;
    if (offset < CHANNEL_BASE) {
        for (unsigned i = 0; i < CHANNELS; i++) {
            value |= bdma->channels[i].flags << (4 * i);
        }
        return value;
    }
    channel = &bdma->channels[(offset - CHANNEL_BASE) / CHANNEL_STRIDE];
    switch ((offset - CHANNEL_BASE) % CHANNEL_STRIDE) {
    case CHANNEL_CCR:
        return channel->control;
    case CHANNEL_CNDTR:
        return channel->count;
    case CHANNEL_CPAR:
        return channel->peripheral;
    case CHANNEL_CM0AR:
        return channel->memory[0];
    default:
        return channel->memory[1];
    }
}

// True if the register may be changed; what it holds is kept by an enabled channel.
static bool is_free(const struct channel *channel, const char *name, bool changed)
{
    if (!has(channel, CCR_EN)) {
        return true;
    }
    if (changed) {
        machine_violation(channel->bdma->machine, "BDMA",
                          "%s%u changed while the channel is enabled: it keeps its value", name,
                          channel->number);
    }
    return false;
}

static void write_control(struct channel *channel, uint32_t value)
{
    uint32_t free = CCR_EN | CCR_ENABLES;
    uint32_t before = channel->control;

    if (!is_free(channel, "CCR", (value & CCR_EN) != 0 && ((value ^ before) & ~free) != 0)) {
        value = (value & free) | (before & ~free);
    }
    channel->control = value;
    if ((value & ~before & CCR_EN) != 0 && check(channel)) {
        channel->length = channel->count;
        begin_buffer(channel);
        plan(channel);
    }
}

static void write_channel(struct channel *channel, uint32_t offset, uint32_t value)
{
    unsigned index = offset == CHANNEL_CM1AR;

    switch (offset) {
    case CHANNEL_CCR:
        write_control(channel, value);
        break;
    case CHANNEL_CNDTR:
        if (is_free(channel, "CNDTR", value != channel->count)) {
            channel->count = value;
        }
        break;
    case CHANNEL_CPAR:
        if (is_free(channel, "CPAR", value != channel->peripheral)) {
            channel->peripheral = value;
        }
        break;
    default: // with two buffers the one that is not in use may be moved at any time
        if ((has(channel, CCR_DBM) && has(channel, CCR_CT) != (index != 0)) ||
            is_free(channel, index != 0 ? "CM1AR" : "CM0AR", value != channel->memory[index])) {
            channel->memory[index] = value;
        }
        break;
    }
}

static void bdma_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct bdma *bdma = context;

    (void)size;
    if (offset >= CHANNEL_BASE) {
        struct channel *channel = &bdma->channels[(offset - CHANNEL_BASE) / CHANNEL_STRIDE];

        write_channel(channel, (offset - CHANNEL_BASE) % CHANNEL_STRIDE, value);
        update_irq(channel);
        return;
    }
    for (unsigned i = 0; i < CHANNELS; i++) {
        uint32_t cleared = value >> (4 * i) & 0xF;
        struct channel *channel = &bdma->channels[i];

        channel->flags &= (cleared & FLAG_GIF) != 0 ? 0 : ~cleared;
        if ((channel->flags & ~FLAG_GIF) == 0) {
            channel->flags = 0;
        }
        update_irq(channel);
    }
}

static void bdma_reset(void *context, enum reset_kind kind)
{
    struct bdma *bdma = context;

    (void)kind;
    for (unsigned i = 0; i < CHANNELS; i++) {
        struct channel *channel = &bdma->channels[i];

        event_cancel(bdma->machine, &channel->step);
        channel->control = 0;
        channel->count = 0;
        channel->peripheral = 0;
        memset(channel->memory, 0, sizeof(channel->memory));
        channel->flags = 0;
        update_irq(channel);
    }
}

struct bdma *bdma_create(struct machine *machine, struct rcc *rcc, struct dmamux *mux)
{
    struct bdma *bdma = calloc(1, sizeof(*bdma));
    struct device device = {.name = "BDMA",
                            .base = 0x58025400,
                            .size = 0x400,
                            .registers = registers,
                            .context = bdma,
                            .read = bdma_read,
                            .write = bdma_write,
                            .reset = bdma_reset,
                            .gate_offset = 0xE0, // AHB4ENR
                            .gate_bit = 21,
                            .reset_offset = 0x88, // AHB4RSTR
                            .reset_bit = 21};

    if (bdma == NULL) {
        abort();
    }
    bdma->machine = machine;
    bdma->rcc = rcc;
    bdma->mux = mux;
    for (unsigned i = 0; i < CHANNELS; i++) {
        struct channel *channel = &bdma->channels[i];

        channel->bdma = bdma;
        channel->number = i;
        channel->step = (struct event){.fire = step, .context = channel, .name = "BDMA"};
        dmamux_connect(mux, i, plan, channel);
    }
    bdma_reset(bdma, RESET_POWER_ON);
    machine_add_device(machine, &device);
    return bdma;
}
