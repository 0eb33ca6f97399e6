// DMA1 and DMA2 of the STM32H750: registers, flags, interrupts.
//
// From STM32H753.svd, the CMSIS header and ST's HAL for the STM32H7.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_dma.h"

#include "sim/h750_dma_parts.h"
#include "sim/machine.h"
#include "sim/register_table.h"

#include <stdlib.h>
#include <string.h>

#define STREAM_BASE   0x10u
#define STREAM_STRIDE 0x18u

enum dma_offset {
    DMA_LISR = 0x00,
    DMA_HISR = 0x04,
    DMA_LIFCR = 0x08,
    DMA_HIFCR = 0x0C,
};

enum stream_offset {
    STREAM_CR = 0x00,
    STREAM_NDTR = 0x04,
    STREAM_PAR = 0x08,
    STREAM_M0AR = 0x0C,
    STREAM_M1AR = 0x10,
    STREAM_FCR = 0x14,
};

// clang-format off
#define STREAM(number)                                                                             \
    REGISTER_WORD("S" #number "CR",   0x10 + 0x18 * (number), 0x00000000, 0x01FFFFFF, 0x01FFFFFF), \
    REGISTER_WORD("S" #number "NDTR", 0x14 + 0x18 * (number), 0x00000000, 0x0000FFFF, 0x0000FFFF), \
    REGISTER_WORD("S" #number "PAR",  0x18 + 0x18 * (number), 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF), \
    REGISTER_WORD("S" #number "M0AR", 0x1C + 0x18 * (number), 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF), \
    REGISTER_WORD("S" #number "M1AR", 0x20 + 0x18 * (number), 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF), \
    REGISTER_WORD("S" #number "FCR",  0x24 + 0x18 * (number), 0x00000021, 0x000000BF, 0x00000087)

static const struct register_info registers[] = {
    REGISTER_WORD("LISR",   DMA_LISR,  0x00000000, 0x0F7D0F7D, 0x00000000),
    REGISTER_WORD("HISR",   DMA_HISR,  0x00000000, 0x0F7D0F7D, 0x00000000),
    REGISTER_FLAGS("LIFCR", DMA_LIFCR, 0x00000000, 0x00000000, 0x0F7D0F7D),
    REGISTER_FLAGS("HIFCR", DMA_HIFCR, 0x00000000, 0x00000000, 0x0F7D0F7D),
    STREAM(0), STREAM(1), STREAM(2), STREAM(3), STREAM(4), STREAM(5), STREAM(6), STREAM(7),
    REGISTER_END,
};
// clang-format on

static const uint8_t irqs[2][DMA_STREAMS] = {{11, 12, 13, 14, 15, 16, 17, 47},
                                             {56, 57, 58, 59, 60, 68, 69, 70}};
static const uint8_t flag_bits[4] = {0, 6, 16, 22}; // of the four streams of a flag register

void dma_update_irq(const struct dma_stream *stream)
{
    // DMEIE, TEIE, HTIE and TCIE stand one bit below their flags.
    uint32_t enabled = (stream->control & DMA_CR_INTERRUPTS) << 1;

    if ((stream->fifo_control & DMA_FCR_FEIE) != 0) {
        enabled |= DMA_FLAG_FEIF;
    }
    machine_irq(stream->dma->machine, irqs[stream->dma->number - 1][stream->number],
                (stream->flags & enabled) != 0);
}

// --- Registers ----------------------------------------------------------------------------------

static uint32_t fifo_status(const struct dma_stream *stream)
{
    if (stream->fifo_count == 0) {
        return 4;
    }
    return stream->fifo_count == DMA_FIFO_BYTES ? 5 : stream->fifo_count / 4;
}

static uint32_t read_stream(const struct dma_stream *stream, uint32_t offset)
{
    switch (offset) {
    case STREAM_CR:
        return stream->control;
    case STREAM_NDTR:
        return stream->count;
    case STREAM_PAR:
        return stream->peripheral;
    case STREAM_M0AR:
        return stream->memory[0];
    case STREAM_M1AR:
        return stream->memory[1];
    default:
        return stream->fifo_control | fifo_status(stream) << 3;
    }
}

static uint32_t dma_read(void *context, uint32_t offset, unsigned size)
{
    const struct dma *dma = context;
    uint32_t value = 0;

    (void)size;
    if (offset >= STREAM_BASE) {
        return read_stream(&dma->streams[(offset - STREAM_BASE) / STREAM_STRIDE],
                           (offset - STREAM_BASE) % STREAM_STRIDE);
    }
    for (unsigned i = 0; i < 4; i++) {
        value |= dma->streams[i + (offset == DMA_HISR ? 4 : 0)].flags << flag_bits[i];
    }
    return value;
}

// True if the register may be changed; what it holds is kept by an enabled stream.
static bool is_free(const struct dma_stream *stream, const char *name, bool changed)
{
    if ((stream->control & DMA_CR_EN) == 0) {
        return true;
    }
    if (changed) {
        machine_violation(stream->dma->machine, stream->dma->name,
                          "S%u%s changed while the stream is enabled: it keeps its value",
                          stream->number, name);
    }
    return false;
}

static void write_control(struct dma_stream *stream, uint32_t value)
{
    uint32_t free = DMA_CR_EN | DMA_CR_INTERRUPTS;
    uint32_t before = stream->control;

    if (!is_free(stream, "CR", (value & DMA_CR_EN) != 0 && ((value ^ before) & ~free) != 0)) {
        value = (value & free) | (before & ~free);
    }
    stream->control = value;
    if ((value & ~before & DMA_CR_EN) != 0) {
        dma_stream_start(stream);
    } else if ((before & ~value & DMA_CR_EN) != 0) {
        dma_stream_stop(stream);
    }
    dma_update_irq(stream);
}

// With two buffers the one that is not in use may be moved at any time.
static void write_memory(struct dma_stream *stream, unsigned index, uint32_t value)
{
    bool other =
        (stream->control & DMA_CR_DBM) != 0 && ((stream->control & DMA_CR_CT) != 0) != (index != 0);

    if (other || is_free(stream, index == 0 ? "M0AR" : "M1AR", value != stream->memory[index])) {
        stream->memory[index] = value;
    }
}

static void write_fifo_control(struct dma_stream *stream, uint32_t value)
{
    uint32_t mode = DMA_FCR_FTH | DMA_FCR_DMDIS;

    value &= mode | DMA_FCR_FEIE;
    if (!is_free(stream, "FCR", ((value ^ stream->fifo_control) & mode) != 0)) {
        value = (value & ~mode) | (stream->fifo_control & mode);
    }
    stream->fifo_control = value;
    dma_update_irq(stream);
}

static void write_stream(struct dma_stream *stream, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case STREAM_CR:
        write_control(stream, value);
        break;
    case STREAM_NDTR:
        if (is_free(stream, "NDTR", value != stream->count)) {
            stream->count = value;
        }
        break;
    case STREAM_PAR:
        if (is_free(stream, "PAR", value != stream->peripheral)) {
            stream->peripheral = value;
        }
        break;
    case STREAM_M0AR:
    case STREAM_M1AR:
        write_memory(stream, (offset - STREAM_M0AR) / 4, value);
        break;
    default:
        write_fifo_control(stream, value);
        break;
    }
}

static void dma_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct dma *dma = context;

    (void)size;
    if (offset >= STREAM_BASE) {
        write_stream(&dma->streams[(offset - STREAM_BASE) / STREAM_STRIDE],
                     (offset - STREAM_BASE) % STREAM_STRIDE, value);
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        struct dma_stream *stream = &dma->streams[i + (offset == DMA_HIFCR ? 4 : 0)];

        stream->flags &= ~(value >> flag_bits[i] & DMA_FLAGS);
        dma_update_irq(stream);
    }
}

static void dma_reset(void *context, enum reset_kind kind)
{
    struct dma *dma = context;

    (void)kind;
    for (unsigned i = 0; i < DMA_STREAMS; i++) {
        struct dma_stream *stream = &dma->streams[i];

        event_cancel(dma->machine, &stream->step);
        stream->control = 0;
        stream->count = 0;
        stream->peripheral = 0;
        memset(stream->memory, 0, sizeof(stream->memory));
        stream->fifo_control = 1;
        stream->flags = 0;
        stream->fifo_count = 0;
        dma_update_irq(stream);
    }
}

struct dma *dma_create(struct machine *machine, struct rcc *rcc, struct dmamux *mux,
                       unsigned number)
{
    struct dma *dma = calloc(1, sizeof(*dma));
    struct device device = {.name = number == 1 ? "DMA1" : "DMA2",
                            .base = number == 1 ? 0x40020000 : 0x40020400,
                            .size = 0x400,
                            .registers = registers,
                            .context = dma,
                            .read = dma_read,
                            .write = dma_write,
                            .reset = dma_reset,
                            .gate_offset = 0xD8, // AHB1ENR
                            .gate_bit = (uint8_t)(number - 1),
                            .reset_offset = 0x80, // AHB1RSTR
                            .reset_bit = (uint8_t)(number - 1)};

    if (dma == NULL) {
        abort();
    }
    dma->machine = machine;
    dma->rcc = rcc;
    dma->mux = mux;
    dma->number = number;
    dma->name = device.name;
    for (unsigned i = 0; i < DMA_STREAMS; i++) {
        dma->streams[i].dma = dma;
        dma->streams[i].number = i;
        dma_stream_init(&dma->streams[i]);
    }
    dma_reset(dma, RESET_POWER_ON);
    machine_add_device(machine, &device);
    return dma;
}
