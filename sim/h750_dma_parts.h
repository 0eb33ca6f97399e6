// The inside of the DMA1 and DMA2 models, shared by the files h750_dma*.c only.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_DMA_PARTS_H
#define SIM_H750_DMA_PARTS_H

#include "sim/h750_dma.h"
#include "sim/machine.h"

#define DMA_STREAMS    8u
#define DMA_FIFO_BYTES 16u

#define DMA_CR_EN         (UINT32_C(1) << 0)
#define DMA_CR_DMEIE      (UINT32_C(1) << 1)
#define DMA_CR_TEIE       (UINT32_C(1) << 2)
#define DMA_CR_HTIE       (UINT32_C(1) << 3)
#define DMA_CR_TCIE       (UINT32_C(1) << 4)
#define DMA_CR_INTERRUPTS UINT32_C(0x1E)
#define DMA_CR_PFCTRL     (UINT32_C(1) << 5)
#define DMA_CR_DIR_BIT    6
#define DMA_CR_CIRC       (UINT32_C(1) << 8)
#define DMA_CR_PINC       (UINT32_C(1) << 9)
#define DMA_CR_MINC       (UINT32_C(1) << 10)
#define DMA_CR_PSIZE_BIT  11
#define DMA_CR_MSIZE_BIT  13
#define DMA_CR_PINCOS     (UINT32_C(1) << 15)
#define DMA_CR_DBM        (UINT32_C(1) << 18)
#define DMA_CR_CT         (UINT32_C(1) << 19)
#define DMA_CR_PBURST_BIT 21
#define DMA_CR_MBURST_BIT 23

#define DMA_FCR_FTH   UINT32_C(3)
#define DMA_FCR_DMDIS (UINT32_C(1) << 2)
#define DMA_FCR_FEIE  (UINT32_C(1) << 7)

// A stream's flags as LISR shows those of stream 0.
#define DMA_FLAG_FEIF  (UINT32_C(1) << 0)
#define DMA_FLAG_DMEIF (UINT32_C(1) << 2)
#define DMA_FLAG_TEIF  (UINT32_C(1) << 3)
#define DMA_FLAG_HTIF  (UINT32_C(1) << 4)
#define DMA_FLAG_TCIF  (UINT32_C(1) << 5)
#define DMA_FLAGS      UINT32_C(0x3D)

enum dma_direction { DMA_FROM_PERIPHERAL, DMA_TO_PERIPHERAL, DMA_FROM_MEMORY, DMA_DIR_RESERVED };

struct dma_stream {
    struct dma *dma;
    unsigned number;
    uint32_t control;
    uint32_t count; // NDTR
    uint32_t peripheral;
    uint32_t memory[2];
    uint32_t fifo_control; // FTH, DMDIS, FEIE
    uint32_t flags;

    uint32_t length; // NDTR when it began: circular modes come back to it
    uint32_t peripheral_at;
    uint32_t memory_at;
    uint32_t memory_left; // towards a peripheral: bytes not yet fetched
    uint8_t fifo[DMA_FIFO_BYTES];
    unsigned fifo_count;
    struct event step;
};

struct dma {
    struct machine *machine;
    struct rcc *rcc;
    struct dmamux *mux;
    unsigned number; // 1 or 2
    const char *name;
    struct dma_stream streams[DMA_STREAMS];
};

static inline unsigned dma_field(const struct dma_stream *stream, unsigned bit, unsigned width)
{
    return stream->control >> bit & ((1u << width) - 1);
}

// h750_dma.c
void dma_update_irq(const struct dma_stream *stream);

// h750_dma_transfer.c
void dma_stream_start(struct dma_stream *stream); // EN was set
void dma_stream_stop(struct dma_stream *stream);  // EN was cleared by the program
void dma_stream_init(struct dma_stream *stream);

#endif
