// How the streams of DMA1 and DMA2 move data: requests, FIFO with packing, bursts, circular and
// double-buffer modes.
//
// From RM0433's rules as ST's HAL and application note AN4031 restate them. An item takes four HCLK
// cycles (not published); streams do not slow each other down. Memory is read and written as it is:
// what the program's data cache holds back is not modelled.
//
// SPDX-License-Identifier: MIT
#include "sim/clock_math.h"
#include "sim/h750_dma_parts.h"
#include "sim/h750_dmamux.h"
#include "sim/h750_rcc.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ITEM_CYCLES 4u

// --- Settings -----------------------------------------------------------------------------------

static enum dma_direction direction(const struct dma_stream *stream)
{
    return (enum dma_direction)dma_field(stream, DMA_CR_DIR_BIT, 2);
}

static unsigned peripheral_size(const struct dma_stream *stream)
{
    return 1u << dma_field(stream, DMA_CR_PSIZE_BIT, 2);
}

// Without FIFO data goes through as it comes; between memories there is no such mode.
static bool uses_fifo(const struct dma_stream *stream)
{
    return (stream->fifo_control & DMA_FCR_DMDIS) != 0 || direction(stream) == DMA_FROM_MEMORY;
}

static unsigned memory_size(const struct dma_stream *stream)
{
    return uses_fifo(stream) ? 1u << dma_field(stream, DMA_CR_MSIZE_BIT, 2)
                             : peripheral_size(stream);
}

static unsigned burst(const struct dma_stream *stream, unsigned bit)
{
    static const uint8_t beats[] = {1, 4, 8, 16};

    return uses_fifo(stream) ? beats[dma_field(stream, bit, 2)] : 1;
}

static unsigned threshold(const struct dma_stream *stream)
{
    return uses_fifo(stream) ? 4 * ((stream->fifo_control & DMA_FCR_FTH) + 1)
                             : peripheral_size(stream);
}

static unsigned mux_channel(const struct dma_stream *stream)
{
    return stream->number + (stream->dma->number == 2 ? DMA_STREAMS : 0);
}

static bool is_enabled(const struct dma_stream *stream)
{
    return (stream->control & DMA_CR_EN) != 0;
}

// --- What can go wrong --------------------------------------------------------------------------

__attribute__((format(printf, 3, 4))) static void fail(struct dma_stream *stream, uint32_t flag,
                                                       const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    stream->control &= ~DMA_CR_EN;
    stream->flags |= flag;
    machine_violation(stream->dma->machine, stream->dma->name, "stream %u: %s", stream->number,
                      text);
    dma_update_irq(stream);
}

// The tightly coupled memories and the core's own registers are out of reach.
static bool check_reach(struct dma_stream *stream, const char *name, uint32_t address)
{
    const char *place = address < 0x10000                  ? "ITCM"
                        : address - 0x20000000u < 0x20000u ? "DTCM"
                        : address >= 0xE0000000u           ? "the core"
                                                           : NULL;

    if (place == NULL) {
        return true;
    }
    fail(stream, DMA_FLAG_TEIF, "%s 0x%08" PRIX32 " is in %s, which DMA1 and DMA2 do not reach",
         name, address, place);
    return false;
}

static bool check_addresses(struct dma_stream *stream)
{
    unsigned target = (stream->control & DMA_CR_CT) != 0;

    if (stream->peripheral % peripheral_size(stream) != 0 ||
        stream->memory[target] % memory_size(stream) != 0) {
        fail(stream, DMA_FLAG_TEIF,
             "PAR 0x%08" PRIX32 " or M%uAR 0x%08" PRIX32 " is not aligned to its item size",
             stream->peripheral, target, stream->memory[target]);
        return false;
    }
    return check_reach(stream, "PAR", stream->peripheral) &&
           check_reach(stream, target != 0 ? "M1AR" : "M0AR", stream->memory[target]);
}

static bool check_sizes(struct dma_stream *stream)
{
    unsigned memory_bytes = memory_size(stream) * burst(stream, DMA_CR_MBURST_BIT);

    if (memory_size(stream) > 4 || peripheral_size(stream) > 4) {
        fail(stream, DMA_FLAG_TEIF, "PSIZE or MSIZE 3 is reserved");
    } else if (stream->count == 0) {
        fail(stream, 0, "enabled with NDTR 0");
    } else if (uses_fifo(stream) && threshold(stream) % memory_bytes != 0) {
        fail(stream, DMA_FLAG_FEIF,
             "bursts of %u bytes to memory do not fit a FIFO threshold of %u bytes", memory_bytes,
             threshold(stream));
    } else if (stream->count * peripheral_size(stream) % memory_size(stream) != 0) {
        fail(stream, DMA_FLAG_TEIF,
             "NDTR %" PRIu32 " items of %u bytes are no whole number of memory items of %u bytes",
             stream->count, peripheral_size(stream), memory_size(stream));
    } else {
        return true;
    }
    return false;
}

static bool check_modes(struct dma_stream *stream)
{
    const char *wrong = NULL;

    if (direction(stream) == DMA_DIR_RESERVED) {
        wrong = "DIR 3 is reserved";
    } else if ((stream->control & DMA_CR_PFCTRL) != 0) {
        wrong = "no peripheral of the STM32H750 controls the flow (PFCTRL)";
    } else if (direction(stream) == DMA_FROM_MEMORY &&
               (stream->control & (DMA_CR_CIRC | DMA_CR_DBM)) != 0) {
        wrong = "memory to memory excludes CIRC and DBM";
    }
    if (wrong != NULL) {
        fail(stream, DMA_FLAG_TEIF, "%s", wrong);
    }
    return wrong == NULL;
}

// --- Single items -------------------------------------------------------------------------------

static bool read_item(struct dma_stream *stream, uint32_t address, unsigned size, uint32_t *value)
{
    if (machine_bus_read(stream->dma->machine, address, size, value)) {
        return true;
    }
    fail(stream, DMA_FLAG_TEIF, "reading 0x%08" PRIX32 " ended in a bus error", address);
    return false;
}

static bool write_item(struct dma_stream *stream, uint32_t address, unsigned size, uint32_t value)
{
    if (machine_bus_write(stream->dma->machine, address, size, value)) {
        return true;
    }
    fail(stream, DMA_FLAG_TEIF, "writing 0x%08" PRIX32 " ended in a bus error", address);
    return false;
}

static void fifo_put(struct dma_stream *stream, uint32_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        stream->fifo[stream->fifo_count++] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t fifo_take(struct dma_stream *stream, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint32_t)stream->fifo[i] << (8 * i);
    }
    stream->fifo_count -= size;
    memmove(stream->fifo, stream->fifo + size, stream->fifo_count);
    return value;
}

static void next_peripheral(struct dma_stream *stream)
{
    if ((stream->control & DMA_CR_PINC) != 0) {
        stream->peripheral_at +=
            (stream->control & DMA_CR_PINCOS) != 0 ? 4 : peripheral_size(stream);
    }
}

static void next_memory(struct dma_stream *stream, unsigned size)
{
    stream->memory_at += (stream->control & DMA_CR_MINC) != 0 ? size : 0;
}

static void item_done(struct dma_stream *stream)
{
    stream->count--;
    if (stream->count == stream->length / 2 && stream->count != 0) {
        stream->flags |= DMA_FLAG_HTIF;
    }
}

// FIFO to memory, once the threshold is reached or for the rest.
static void drain(struct dma_stream *stream, bool rest)
{
    unsigned size = memory_size(stream);

    if (!rest && stream->fifo_count < threshold(stream)) {
        return;
    }
    while (stream->fifo_count >= (rest ? 1 : size)) {
        unsigned part = stream->fifo_count < size ? 1 : size;

        if (!write_item(stream, stream->memory_at, part, fifo_take(stream, part))) {
            return;
        }
        next_memory(stream, part);
    }
}

// Memory to FIFO: whole bursts as far as they fit, one item ahead without FIFO.
static void fetch(struct dma_stream *stream)
{
    unsigned size = memory_size(stream);
    unsigned room = uses_fifo(stream) ? DMA_FIFO_BYTES : size;

    while (stream->memory_left != 0 && stream->fifo_count + size <= room) {
        uint32_t value;

        if (!read_item(stream, stream->memory_at, size, &value)) {
            return;
        }
        fifo_put(stream, value, size);
        next_memory(stream, size);
        stream->memory_left -= size;
    }
}

// --- Transfers ----------------------------------------------------------------------------------

static void begin_buffer(struct dma_stream *stream)
{
    stream->count = stream->length;
    stream->peripheral_at = stream->peripheral;
    stream->memory_at = stream->memory[(stream->control & DMA_CR_CT) != 0];
    stream->memory_left = 0;
    stream->fifo_count = 0;
    if (direction(stream) == DMA_TO_PERIPHERAL) {
        stream->memory_left = stream->length * peripheral_size(stream);
        fetch(stream);
    }
}

static void buffer_done(struct dma_stream *stream)
{
    drain(stream, true);
    stream->flags |= DMA_FLAG_TCIF;
    if ((stream->control & DMA_CR_DBM) != 0) {
        stream->control ^= DMA_CR_CT;
    }
    if ((stream->control & (DMA_CR_CIRC | DMA_CR_DBM)) == 0) {
        stream->control &= ~DMA_CR_EN;
    } else if (is_enabled(stream)) {
        begin_buffer(stream);
    }
}

static void receive_items(struct dma_stream *stream, unsigned items)
{
    unsigned size = peripheral_size(stream);

    for (unsigned i = 0; i < items && stream->count != 0 && is_enabled(stream); i++) {
        uint32_t value;

        if (!read_item(stream, stream->peripheral_at, size, &value)) {
            return;
        }
        fifo_put(stream, value, size);
        next_peripheral(stream);
        item_done(stream);
        drain(stream, false);
    }
}

static void send_items(struct dma_stream *stream, unsigned items)
{
    unsigned size = peripheral_size(stream);

    for (unsigned i = 0; i < items && stream->count != 0 && is_enabled(stream); i++) {
        if (!write_item(stream, stream->peripheral_at, size, fifo_take(stream, size))) {
            return;
        }
        next_peripheral(stream);
        item_done(stream);
        fetch(stream);
    }
}

static unsigned items_of_step(const struct dma_stream *stream)
{
    return direction(stream) == DMA_FROM_MEMORY ? DMA_FIFO_BYTES / peripheral_size(stream)
                                                : burst(stream, DMA_CR_PBURST_BIT);
}

static void plan(struct dma_stream *stream)
{
    uint64_t hclk_hz = rcc_clock_hz(stream->dma->rcc, RCC_CLOCK_HCLK);
    unsigned items = items_of_step(stream);

    if (is_enabled(stream) && !stream->step.armed && hclk_hz != 0 &&
        (direction(stream) == DMA_FROM_MEMORY ||
         dmamux_pending(stream->dma->mux, mux_channel(stream)))) {
        event_arm_in(stream->dma->machine, &stream->step,
                     ns_of_ticks(ITEM_CYCLES * items, hclk_hz));
    }
}

static void step(void *context)
{
    struct dma_stream *stream = context;
    unsigned channel = mux_channel(stream);

    if (!is_enabled(stream)) {
        return;
    }
    if (direction(stream) == DMA_FROM_MEMORY) {
        receive_items(stream, items_of_step(stream));
    } else if (!dmamux_pending(stream->dma->mux, channel)) {
        return; // the request was taken back
    } else {
        dmamux_served(stream->dma->mux, channel);
        if (direction(stream) == DMA_FROM_PERIPHERAL) {
            receive_items(stream, items_of_step(stream));
        } else {
            send_items(stream, items_of_step(stream));
        }
    }
    if (is_enabled(stream) && stream->count == 0) {
        buffer_done(stream);
    }
    dma_update_irq(stream);
    plan(stream);
}

void dma_stream_start(struct dma_stream *stream)
{
    stream->fifo_count = 0;
    if ((stream->flags & DMA_FLAGS) != 0) {
        machine_violation(stream->dma->machine, stream->dma->name,
                          "stream %u enabled while flags of its last transfer are set (0x%02" PRIX32
                          ")",
                          stream->number, stream->flags);
    }
    if (!check_modes(stream) || !check_sizes(stream) || !check_addresses(stream)) {
        return;
    }
    stream->length = stream->count;
    begin_buffer(stream);
    plan(stream);
}

// An end before the last item: what came so far goes to memory, then TCIF tells it.
void dma_stream_stop(struct dma_stream *stream)
{
    event_cancel(stream->dma->machine, &stream->step);
    if (direction(stream) != DMA_TO_PERIPHERAL) {
        drain(stream, true);
    }
    stream->fifo_count = 0;
    stream->flags |= DMA_FLAG_TCIF;
    dma_update_irq(stream);
}

static void request_came(void *context)
{
    plan(context);
}

void dma_stream_init(struct dma_stream *stream)
{
    stream->step = (struct event){.fire = step, .context = stream, .name = stream->dma->name};
    dmamux_connect(stream->dma->mux, mux_channel(stream), request_came, stream);
}
