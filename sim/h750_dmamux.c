// DMAMUX1 and DMAMUX2 of the STM32H750: which request line drives which DMA channel.
//
// From STM32H753.svd, the CMSIS header and ST's HAL for the STM32H7. Synchronisation and the
// request generators are not modelled: switching one on says so, so that their flags never rise.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_dmamux.h"

#include "sim/h750_rcc.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>
#include <string.h>

#define CHANNELS_MAX 16u
#define GENERATORS   8u
#define LINES        128u
#define CCR_SE       (UINT32_C(1) << 16)
#define RGCR_GE      (UINT32_C(1) << 16)
#define RCC_AHB1ENR  0xD8u // DMA1EN, DMA2EN
#define RCC_AHB4ENR  0xE0u
#define BDMAEN_BIT   21u

enum dmamux_offset {
    DMAMUX_CSR = 0x80,
    DMAMUX_CFR = 0x84,
    DMAMUX_RG0CR = 0x100,
    DMAMUX_RGSR = 0x140,
    DMAMUX_RGCFR = 0x144,
};

// clang-format off
#define CHANNEL(number, bits) REGISTER("C" #number "CR", 4 * (number), 0x00000000, bits, bits)
#define GENERATOR(number, bits)                                                                    \
    REGISTER("RG" #number "CR", DMAMUX_RG0CR + 4 * (number), 0x00000000, bits, bits)
#define GENERATORS_OF(bits)                                                                        \
    GENERATOR(0, bits), GENERATOR(1, bits), GENERATOR(2, bits), GENERATOR(3, bits),                \
    GENERATOR(4, bits), GENERATOR(5, bits), GENERATOR(6, bits), GENERATOR(7, bits)

static const struct register_info registers1[] = {
    CHANNEL(0, 0x07FF037F),  CHANNEL(1, 0x07FF037F),  CHANNEL(2, 0x07FF037F),
    CHANNEL(3, 0x07FF037F),  CHANNEL(4, 0x07FF037F),  CHANNEL(5, 0x07FF037F),
    CHANNEL(6, 0x07FF037F),  CHANNEL(7, 0x07FF037F),  CHANNEL(8, 0x07FF037F),
    CHANNEL(9, 0x07FF037F),  CHANNEL(10, 0x07FF037F), CHANNEL(11, 0x07FF037F),
    CHANNEL(12, 0x07FF037F), CHANNEL(13, 0x07FF037F), CHANNEL(14, 0x07FF037F),
    CHANNEL(15, 0x07FF037F),
    REGISTER("CSR",         DMAMUX_CSR,   0x00000000, 0x0000FFFF, 0x00000000),
    REGISTER_FLAGS("CFR",   DMAMUX_CFR,   0x00000000, 0x00000000, 0x0000FFFF),
    GENERATORS_OF(0x00FF0107),
    REGISTER("RGSR",        DMAMUX_RGSR,  0x00000000, 0x000000FF, 0x00000000),
    REGISTER_FLAGS("RGCFR", DMAMUX_RGCFR, 0x00000000, 0x00000000, 0x000000FF),
    REGISTER_END,
};
static const struct register_info registers2[] = {
    CHANNEL(0, 0x1FFF031F), CHANNEL(1, 0x1FFF031F), CHANNEL(2, 0x1FFF031F),
    CHANNEL(3, 0x1FFF031F), CHANNEL(4, 0x1FFF031F), CHANNEL(5, 0x1FFF031F),
    CHANNEL(6, 0x1FFF031F), CHANNEL(7, 0x1FFF031F),
    REGISTER("CSR",         DMAMUX_CSR,   0x00000000, 0x000000FF, 0x00000000),
    REGISTER_FLAGS("CFR",   DMAMUX_CFR,   0x00000000, 0x00000000, 0x000000FF),
    GENERATORS_OF(0x00FF011F),
    REGISTER("RGSR",        DMAMUX_RGSR,  0x00000000, 0x000000FF, 0x00000000),
    REGISTER_FLAGS("RGCFR", DMAMUX_RGCFR, 0x00000000, 0x00000000, 0x000000FF),
    REGISTER_END,
};
// clang-format on

struct channel {
    uint32_t control;
    void (*wake)(void *context);
    void *context;
};

struct dmamux {
    struct machine *machine;
    struct rcc *rcc;
    unsigned number;
    unsigned channel_count;
    struct channel channels[CHANNELS_MAX];
    uint32_t generators[GENERATORS];
    bool on[LINES];
    bool once[LINES];
};

static unsigned line_of(const struct dmamux *mux, unsigned channel)
{
    return mux->channels[channel].control & (LINES - 1);
}

// --- Requests -----------------------------------------------------------------------------------

bool dmamux_pending(const struct dmamux *mux, unsigned channel)
{
    unsigned line = line_of(mux, channel);

    return line != 0 && (mux->on[line] || mux->once[line]);
}

void dmamux_served(struct dmamux *mux, unsigned channel)
{
    mux->once[line_of(mux, channel)] = false;
}

static void wake(const struct dmamux *mux, unsigned channel)
{
    if (mux->channels[channel].wake != NULL && dmamux_pending(mux, channel)) {
        mux->channels[channel].wake(mux->channels[channel].context);
    }
}

static void request(void *context, unsigned line, enum dma_request state)
{
    struct dmamux *mux = context;

    if (state == DMA_REQUEST_ONCE) {
        mux->once[line] = true;
    } else {
        if (mux->on[line] == (state == DMA_REQUEST_ON)) {
            return;
        }
        mux->on[line] = state == DMA_REQUEST_ON;
    }
    for (unsigned channel = 0; channel < mux->channel_count; channel++) {
        if (line_of(mux, channel) == line) {
            wake(mux, channel);
        }
    }
}

void dmamux_connect(struct dmamux *mux, unsigned channel, void (*wake_channel)(void *context),
                    void *context)
{
    mux->channels[channel].wake = wake_channel;
    mux->channels[channel].context = context;
}

// --- Registers ----------------------------------------------------------------------------------

static const char *name_of(const struct dmamux *mux)
{
    return mux->number == 1 ? "DMAMUX1" : "DMAMUX2";
}

// DMAMUX1 has no clock enable of its own: it runs with either of its controllers.
static bool clocked(const struct dmamux *mux, const char *verb)
{
    if (mux->number == 2
            ? rcc_gate_open(mux->rcc, RCC_AHB4ENR, BDMAEN_BIT)
            : rcc_gate_open(mux->rcc, RCC_AHB1ENR, 0) || rcc_gate_open(mux->rcc, RCC_AHB1ENR, 1)) {
        return true;
    }
    machine_violation(mux->machine, name_of(mux), "%s while its clock is off (%s)", verb,
                      mux->number == 2 ? "RCC_AHB4ENR.BDMAEN is 0"
                                       : "RCC_AHB1ENR.DMA1EN and DMA2EN are 0");
    return false;
}

static uint32_t *stored_word(struct dmamux *mux, uint32_t word)
{
    if (word < 4 * mux->channel_count) {
        return &mux->channels[word / 4].control;
    }
    if (word >= DMAMUX_RG0CR && word < DMAMUX_RG0CR + 4 * GENERATORS) {
        return &mux->generators[(word - DMAMUX_RG0CR) / 4];
    }
    return NULL;
}

static uint32_t dmamux_read(void *context, uint32_t offset, unsigned size)
{
    struct dmamux *mux = context;
    const uint32_t *stored = stored_word(mux, offset & ~UINT32_C(3));

    if (!clocked(mux, "read") || stored == NULL) {
        return 0;
    }
    return register_extract(*stored, offset, size);
}

static void dmamux_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct dmamux *mux = context;
    uint32_t word = offset & ~UINT32_C(3);
    uint32_t *stored = stored_word(mux, word);

    if (!clocked(mux, "written") || stored == NULL) {
        return;
    }
    *stored = register_merge(*stored, offset, size, value);
    if (word >= DMAMUX_RG0CR) {
        if ((*stored & RGCR_GE) != 0) {
            machine_violation(mux->machine, name_of(mux),
                              "request generators are not modelled (RG%uCR.GE)",
                              (unsigned)(word - DMAMUX_RG0CR) / 4);
        }
        return;
    }
    if ((*stored & CCR_SE) != 0) {
        machine_violation(mux->machine, name_of(mux), "synchronisation is not modelled (C%uCR.SE)",
                          (unsigned)word / 4);
    }
    wake(mux, word / 4);
}

static void dmamux_reset(void *context, enum reset_kind kind)
{
    struct dmamux *mux = context;

    (void)kind;
    for (unsigned channel = 0; channel < CHANNELS_MAX; channel++) {
        mux->channels[channel].control = 0;
    }
    memset(mux->generators, 0, sizeof(mux->generators));
    memset(mux->once, 0, sizeof(mux->once));
}

struct dmamux *dmamux_create(struct machine *machine, struct rcc *rcc, unsigned number)
{
    struct dmamux *mux = calloc(1, sizeof(*mux));
    struct dma_service service = {.context = mux, .request = request};
    struct device device = {.base = number == 1 ? 0x40020800 : 0x58025800,
                            .size = 0x400,
                            .registers = number == 1 ? registers1 : registers2,
                            .context = mux,
                            .read = dmamux_read,
                            .write = dmamux_write,
                            .reset = dmamux_reset};

    if (mux == NULL) {
        abort();
    }
    mux->machine = machine;
    mux->rcc = rcc;
    mux->number = number;
    mux->channel_count = number == 1 ? 16 : 8;
    device.name = name_of(mux);
    machine_add_device(machine, &device);
    machine_set_dma_service(machine, number, &service);
    return mux;
}
