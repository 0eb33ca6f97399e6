// Serial ports of the STM32H750 in asynchronous mode: USART1-3, USART6, UART4, 5, 7, 8, LPUART1.
//
// From STM32H753.svd, the CMSIS header and ST's HAL and LL drivers (baud rate, FIFO thresholds).
// Characters take their time on the wire; what comes in is framed as the port expects it. Break,
// mute, LIN, smartcard, IrDA and synchronous modes have registers but no effect; auto baud rate
// detection is refused. Bytes for a receiver that is off wait on the line, as a person would.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_usart.h"

#include "sim/clock_math.h"
#include "sim/h750_gpio.h"
#include "sim/h750_rcc.h"
#include "sim/h750_usart_pins.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIFO_DEPTH 16u

enum usart_offset {
    USART_CR1 = 0x00,
    USART_CR2 = 0x04,
    USART_CR3 = 0x08,
    USART_BRR = 0x0C,
    USART_RTOR = 0x14,
    USART_RQR = 0x18,
    USART_ISR = 0x1C,
    USART_ICR = 0x20,
    USART_RDR = 0x24,
    USART_TDR = 0x28,
    USART_PRESC = 0x2C,
    USART_REGISTERS_END = 0x30,
};

#define BIT(number)  (UINT32_C(1) << (number))
#define CR1_UE       BIT(0)
#define CR1_RE       BIT(2)
#define CR1_TE       BIT(3)
#define CR1_IDLEIE   BIT(4)
#define CR1_RXNEIE   BIT(5)
#define CR1_TCIE     BIT(6)
#define CR1_TXEIE    BIT(7)
#define CR1_PEIE     BIT(8)
#define CR1_PS       BIT(9)
#define CR1_PCE      BIT(10)
#define CR1_M0       BIT(12)
#define CR1_CMIE     BIT(14)
#define CR1_OVER8    BIT(15)
#define CR1_RTOIE    BIT(26)
#define CR1_M1       BIT(28)
#define CR1_FIFOEN   BIT(29)
#define CR1_TXFEIE   BIT(30)
#define CR1_RXFFIE   BIT(31)
#define CR1_FIXED    (CR1_PS | CR1_PCE | CR1_M0 | CR1_M1 | CR1_OVER8 | CR1_FIFOEN)
#define CR2_STOP_BIT 12
#define CR2_ABREN    BIT(20)
#define CR2_RTOEN    BIT(23)
#define CR3_EIE      BIT(0)
#define CR3_DMAR     BIT(6)
#define CR3_DMAT     BIT(7)
#define CR3_RTSE     BIT(8)
#define CR3_OVRDIS   BIT(12)
#define CR3_DDRE     BIT(13)
#define CR3_TXFTIE   BIT(23)
#define CR3_RXFTIE   BIT(28)
#define RQR_RXFRQ    BIT(3)
#define RQR_TXFRQ    BIT(4)
#define ISR_PE       BIT(0)
#define ISR_FE       BIT(1)
#define ISR_NF       BIT(2)
#define ISR_ORE      BIT(3)
#define ISR_IDLE     BIT(4)
#define ISR_RXNE     BIT(5)
#define ISR_TC       BIT(6)
#define ISR_TXE      BIT(7)
#define ISR_RTOF     BIT(11)
#define ISR_BUSY     BIT(16)
#define ISR_CMF      BIT(17)
#define ISR_TEACK    BIT(21)
#define ISR_REACK    BIT(22)
#define ISR_TXFE     BIT(23)
#define ISR_RXFF     BIT(24)
#define ISR_RXFT     BIT(26)
#define ISR_TXFT     BIT(27)

// clang-format off
static const struct register_info usart_registers[] = {
    REGISTER("CR1",   0x000, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("CR2",   0x004, 0x00000000, 0xFFFFFF79, 0xFFFFFF79),
    REGISTER("CR3",   0x008, 0x00000000, 0xFFFEFFFF, 0xFFFEFFFF),
    REGISTER("BRR",   0x00C, 0x00000000, 0x0000FFFF, 0x0000FFFF),
    REGISTER("GTPR",  0x010, 0x00000000, 0x0000FFFF, 0x0000FFFF),
    REGISTER("RTOR",  0x014, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("RQR",   0x018, 0x00000000, 0x00000000, 0x0000001F),
    REGISTER("ISR",   0x01C, 0x000000C0, 0x0FFFFFFF, 0x00000000),
    REGISTER("ICR",   0x020, 0x00000000, 0x00000000, 0x00123BFF),
    REGISTER("RDR",   0x024, 0x00000000, 0x000001FF, 0x00000000),
    REGISTER("TDR",   0x028, 0x00000000, 0x000001FF, 0x000001FF),
    REGISTER("PRESC", 0x02C, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER_END,
};
static const struct register_info lpuart_registers[] = {
    REGISTER("CR1",   0x000, 0x00000000, 0xF3FF7FFF, 0xF3FF7FFF),
    REGISTER("CR2",   0x004, 0x00000000, 0xFF0FB010, 0xFF0FB010),
    REGISTER("CR3",   0x008, 0x00000000, 0xFEF0F7C9, 0xFEF0F7C9),
    REGISTER("BRR",   0x00C, 0x00000000, 0x000FFFFF, 0x000FFFFF),
    REGISTER("GTPR",  0x010, 0x00000000, 0x0000FFFF, 0x0000FFFF),
    REGISTER("RTOR",  0x014, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("RQR",   0x018, 0x00000000, 0x00000000, 0x0000001F),
    REGISTER("ISR",   0x01C, 0x000000C0, 0x0DFF06FF, 0x00000000),
    REGISTER("ICR",   0x020, 0x00000000, 0x00000000, 0x0012025F),
    REGISTER("RDR",   0x024, 0x00000000, 0x000001FF, 0x00000000),
    REGISTER("TDR",   0x028, 0x00000000, 0x000001FF, 0x000001FF),
    REGISTER("PRESC", 0x02C, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER_END,
};
// clang-format on

struct usart_facts {
    const char *name;
    uint32_t base;
    uint8_t irq;
    enum rcc_clock clock;
    uint16_t gate_offset;
    uint16_t reset_offset;
    uint8_t bit;
    uint8_t dma_mux;
    uint8_t dma_receive; // request line; the one behind it is the transmitter's
    bool low_power;
};
static const struct usart_facts facts[] = {
    {"USART1", 0x40011000, 37, RCC_CLOCK_USART16, 0xF0, 0x98, 4, 1, 41, false},
    {"USART2", 0x40004400, 38, RCC_CLOCK_USART234578, 0xE8, 0x90, 17, 1, 43, false},
    {"USART3", 0x40004800, 39, RCC_CLOCK_USART234578, 0xE8, 0x90, 18, 1, 45, false},
    {"UART4", 0x40004C00, 52, RCC_CLOCK_USART234578, 0xE8, 0x90, 19, 1, 63, false},
    {"UART5", 0x40005000, 53, RCC_CLOCK_USART234578, 0xE8, 0x90, 20, 1, 65, false},
    {"USART6", 0x40011400, 71, RCC_CLOCK_USART16, 0xF0, 0x98, 5, 1, 71, false},
    {"UART7", 0x40007800, 82, RCC_CLOCK_USART234578, 0xE8, 0x90, 30, 1, 79, false},
    {"UART8", 0x40007C00, 83, RCC_CLOCK_USART234578, 0xE8, 0x90, 31, 1, 81, false},
    {"LPUART1", 0x58000C00, 142, RCC_CLOCK_LPUART1, 0xF4, 0x9C, 3, 2, 9, true},
};
#define USART_COUNT (sizeof(facts) / sizeof(facts[0]))
const char *const usart_names[] = {"USART1", "USART2", "USART3", "UART4",   "UART5",
                                   "USART6", "UART7",  "UART8",  "LPUART1", NULL};

struct usart_fifo {
    uint16_t data[FIFO_DEPTH];
    unsigned count;
};

struct usart {
    struct machine *machine;
    struct rcc *rcc;
    struct gpio *gpio;
    const struct usart_facts *facts;
    uint32_t registers[USART_REGISTERS_END / 4];
    uint32_t flags; // latched bits of ISR

    struct usart_fifo transmit;
    bool shifting; // a character is on the wire
    uint16_t shift;
    struct event shifted;
    void (*transmitted)(void *context, uint8_t byte);
    void *transmitted_context;

    struct usart_fifo received;
    uint8_t line[USART_LINE_SIZE]; // a ring
    size_t line_start;
    size_t line_count;
    bool line_had_no_room;
    struct event arrived;
    struct event line_idle;
    struct event line_timeout;
    void (*room)(void *context);
    void *room_context;
};

static uint32_t reg(const struct usart *usart, uint32_t offset)
{
    return usart->registers[offset / 4];
}

static bool cr1(const struct usart *usart, uint32_t bits)
{
    return (reg(usart, USART_CR1) & bits) == bits;
}

// --- FIFOs --------------------------------------------------------------------------------------

static unsigned depth(const struct usart *usart)
{
    return cr1(usart, CR1_FIFOEN) ? FIFO_DEPTH : 1;
}

static uint16_t fifo_take(struct usart_fifo *fifo)
{
    uint16_t data = fifo->data[0];

    fifo->count--;
    memmove(&fifo->data[0], &fifo->data[1], fifo->count * sizeof(fifo->data[0]));
    return data;
}

// RXFTCFG and TXFTCFG: 1/8, 1/4, 1/2, 3/4, 7/8 of the FIFO, or all of it.
static unsigned threshold(const struct usart *usart, unsigned bit)
{
    static const uint8_t entries[] = {2, 4, 8, 12, 14, 16, 16, 16};

    return entries[reg(usart, USART_CR3) >> bit & 7];
}

// --- Flags and interrupt ------------------------------------------------------------------------

static uint32_t fifo_flags(const struct usart *usart)
{
    uint32_t value = usart->transmit.count == 0 ? ISR_TXFE : 0;

    value |= usart->received.count == FIFO_DEPTH ? ISR_RXFF : 0;
    value |= usart->received.count >= threshold(usart, 25) ? ISR_RXFT : 0;
    value |= FIFO_DEPTH - usart->transmit.count >= threshold(usart, 29) ? ISR_TXFT : 0;
    return value;
}

static uint32_t status(const struct usart *usart)
{
    uint32_t value = usart->flags;

    value |= usart->received.count > 0 ? ISR_RXNE : 0;
    value |= usart->transmit.count < depth(usart) ? ISR_TXE : 0;
    value |= usart->arrived.armed ? ISR_BUSY : 0;
    value |= cr1(usart, CR1_UE | CR1_TE) ? ISR_TEACK : 0;
    value |= cr1(usart, CR1_UE | CR1_RE) ? ISR_REACK : 0;
    return cr1(usart, CR1_FIFOEN) ? value | fifo_flags(usart) : value;
}

static void request(const struct usart *usart, unsigned line, bool on)
{
    machine_dma_request(usart->machine, usart->facts->dma_mux, line,
                        on && cr1(usart, CR1_UE) ? DMA_REQUEST_ON : DMA_REQUEST_OFF);
}

static void update_dma(const struct usart *usart, uint32_t flags)
{
    uint32_t control3 = reg(usart, USART_CR3);
    bool refused = (control3 & CR3_DDRE) != 0 && (flags & (ISR_PE | ISR_FE | ISR_NF)) != 0;
    unsigned line = usart->facts->dma_receive;

    request(usart, line, (control3 & CR3_DMAR) != 0 && (flags & ISR_RXNE) != 0 && !refused);
    request(usart, line + 1, (control3 & CR3_DMAT) != 0 && (flags & ISR_TXE) != 0);
}

struct interrupt_cause {
    uint32_t enable;
    uint32_t flags;
};

static void update_irq(struct usart *usart)
{
    static const struct interrupt_cause causes[] = {
        {CR1_IDLEIE, ISR_IDLE}, {CR1_RXNEIE, ISR_RXNE | ISR_ORE},
        {CR1_TCIE, ISR_TC},     {CR1_TXEIE, ISR_TXE},
        {CR1_PEIE, ISR_PE},     {CR1_CMIE, ISR_CMF},
        {CR1_RTOIE, ISR_RTOF},  {CR1_TXFEIE, ISR_TXFE},
        {CR1_RXFFIE, ISR_RXFF},
    };
    uint32_t flags = status(usart);
    uint32_t control3 = reg(usart, USART_CR3);
    bool level = false;

    for (unsigned i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        level = level || (cr1(usart, causes[i].enable) && (flags & causes[i].flags) != 0);
    }
    level = level || ((control3 & CR3_EIE) != 0 && (flags & (ISR_FE | ISR_NF | ISR_ORE)) != 0);
    level = level || ((control3 & CR3_TXFTIE) != 0 && (flags & ISR_TXFT) != 0);
    level = level || ((control3 & CR3_RXFTIE) != 0 && (flags & ISR_RXFT) != 0);
    machine_irq(usart->machine, usart->facts->irq, level && cr1(usart, CR1_UE));
    update_dma(usart, flags);
}

// --- Time on the wire ---------------------------------------------------------------------------

// 256ths of prescaled kernel clock cycles that `half_bits` half bits take (LPUART divides so).
static uint64_t half_bits_in_256ths(const struct usart *usart, unsigned half_bits)
{
    uint32_t brr = reg(usart, USART_BRR);

    if (usart->facts->low_power) {
        return (uint64_t)brr * half_bits / 2;
    }
    if (cr1(usart, CR1_OVER8)) { // BRR[2:0] holds USARTDIV[3:1]; two samples less per bit
        return (uint64_t)((brr & 0xFFF0) | (brr & 7) << 1) * half_bits * 256 / 4;
    }
    return (uint64_t)brr * half_bits * 256 / 2;
}

static unsigned data_bits(const struct usart *usart)
{
    return cr1(usart, CR1_M1) ? 7 : cr1(usart, CR1_M0) ? 9 : 8;
}

static unsigned character_half_bits(const struct usart *usart)
{
    static const uint8_t stop_half_bits[] = {2, 1, 4, 3};

    return 2 + 2 * data_bits(usart) + stop_half_bits[reg(usart, USART_CR2) >> CR2_STOP_BIT & 3];
}

static uint64_t half_bits_ns(const struct usart *usart, unsigned half_bits)
{
    static const uint16_t prescalers[] = {1,  2,  4,   6,   8,   10,  12,  16,
                                          32, 64, 128, 256, 256, 256, 256, 256};
    uint64_t kernel_hz = rcc_clock_hz(usart->rcc, usart->facts->clock);
    unsigned prescaler = prescalers[reg(usart, USART_PRESC)];

    if (kernel_hz == 0) {
        return TIME_NEVER;
    }
    return ns_of_ticks(half_bits_in_256ths(usart, half_bits) * prescaler, kernel_hz * 256);
}

static uint16_t data_mask(const struct usart *usart)
{
    unsigned bits = data_bits(usart) - (cr1(usart, CR1_PCE) ? 1 : 0);

    return (uint16_t)((1u << bits) - 1);
}

static void check_baud(struct usart *usart)
{
    uint32_t smallest = usart->facts->low_power ? 0x300 : 16;

    if (reg(usart, USART_BRR) < smallest) {
        machine_violation(usart->machine, usart->facts->name,
                          "used with BRR 0x%" PRIX32 ", which must be at least 0x%" PRIX32,
                          reg(usart, USART_BRR), smallest);
    }
    if (rcc_clock_hz(usart->rcc, usart->facts->clock) == 0) {
        machine_violation(usart->machine, usart->facts->name,
                          "used while the selected kernel clock is off");
    }
}

// --- Transmitter --------------------------------------------------------------------------------

static void transmit_next(struct usart *usart)
{
    if (usart->transmit.count == 0 || usart->shifting) {
        return;
    }
    usart->shift = fifo_take(&usart->transmit);
    usart->shifting = true;
    event_arm_in(usart->machine, &usart->shifted, half_bits_ns(usart, character_half_bits(usart)));
}

static void character_shifted(void *context)
{
    struct usart *usart = context;

    usart->shifting = false;
    if (usart->transmitted != NULL) {
        usart->transmitted(usart->transmitted_context, (uint8_t)(usart->shift & data_mask(usart)));
    }
    transmit_next(usart);
    if (!usart->shifting) {
        usart->flags |= ISR_TC;
    }
    update_irq(usart);
}

static void check_transmitter(struct usart *usart)
{
    if (!cr1(usart, CR1_UE | CR1_TE)) {
        machine_violation(usart->machine, usart->facts->name,
                          "TDR written while the transmitter is off (UE %d, TE %d)",
                          cr1(usart, CR1_UE), cr1(usart, CR1_TE));
    } else if (!usart_pin_connected(usart->gpio, usart->facts->name, USART_TX)) {
        machine_violation(usart->machine, usart->facts->name,
                          "TDR written while no pin is switched to the port's TX");
    }
    check_baud(usart);
}

static void write_tdr(struct usart *usart, uint32_t value)
{
    check_transmitter(usart);
    if (usart->transmit.count == depth(usart)) {
        machine_violation(usart->machine, usart->facts->name,
                          "TDR written while it is full: a character is lost");
        usart->transmit.count--; // the new one replaces the last
    }
    usart->transmit.data[usart->transmit.count++] = (uint16_t)value;
    usart->flags &= ~ISR_TC;
    if (cr1(usart, CR1_UE | CR1_TE)) {
        transmit_next(usart);
    }
}

// --- Receiver -----------------------------------------------------------------------------------

static bool receiver_listens(const struct usart *usart)
{
    bool holds_back =
        (reg(usart, USART_CR3) & CR3_RTSE) != 0 && usart->received.count == depth(usart);

    return cr1(usart, CR1_UE | CR1_RE) && !holds_back &&
           rcc_clock_hz(usart->rcc, usart->facts->clock) != 0 &&
           usart_pin_connected(usart->gpio, usart->facts->name, USART_RX);
}

// The line's next byte starts now if there is one and the receiver listens.
static void receive_next(struct usart *usart)
{
    if (usart->arrived.armed || usart->line_count == 0 || !receiver_listens(usart)) {
        return;
    }
    check_baud(usart);
    event_cancel(usart->machine, &usart->line_idle);
    event_cancel(usart->machine, &usart->line_timeout);
    event_arm_in(usart->machine, &usart->arrived, half_bits_ns(usart, character_half_bits(usart)));
}

// The character as RDR shows it: with its parity bit on top.
static uint16_t framed(const struct usart *usart, uint8_t byte)
{
    uint16_t data = byte & data_mask(usart);
    bool odd = __builtin_parity(data) != 0;

    if (cr1(usart, CR1_PCE) && odd != cr1(usart, CR1_PS)) {
        data |= (uint16_t)(data_mask(usart) + 1);
    }
    return data;
}

static void receive_character(struct usart *usart, uint8_t byte)
{
    if (byte == reg(usart, USART_CR2) >> 24) {
        usart->flags |= ISR_CMF;
    }
    if (usart->received.count < depth(usart)) {
        usart->received.data[usart->received.count++] = framed(usart, byte);
    } else if ((reg(usart, USART_CR3) & CR3_OVRDIS) == 0) {
        usart->flags |= ISR_ORE;
    } else {
        usart->received.data[usart->received.count - 1] = framed(usart, byte);
    }
}

static void character_arrived(void *context)
{
    struct usart *usart = context;
    uint8_t byte = usart->line[usart->line_start];

    usart->line_start = (usart->line_start + 1) % USART_LINE_SIZE;
    usart->line_count--;
    receive_character(usart, byte);
    receive_next(usart);
    if (!usart->arrived.armed) {
        event_arm_in(usart->machine, &usart->line_idle,
                     half_bits_ns(usart, character_half_bits(usart)));
        event_arm_in(usart->machine, &usart->line_timeout,
                     half_bits_ns(usart, 2 * (reg(usart, USART_RTOR) & 0xFFFFFF)));
    }
    update_irq(usart);
    if (usart->line_had_no_room && usart->line_count <= USART_LINE_SIZE / 2) {
        usart->line_had_no_room = false;
        if (usart->room != NULL) {
            usart->room(usart->room_context);
        }
    }
}

static void line_became_idle(void *context)
{
    struct usart *usart = context;

    usart->flags |= ISR_IDLE;
    update_irq(usart);
}

static void line_timed_out(void *context)
{
    struct usart *usart = context;

    if ((reg(usart, USART_CR2) & CR2_RTOEN) != 0) {
        usart->flags |= ISR_RTOF;
        update_irq(usart);
    }
}

static void stop_receiver(struct usart *usart)
{
    event_cancel(usart->machine, &usart->arrived);
    event_cancel(usart->machine, &usart->line_idle);
    event_cancel(usart->machine, &usart->line_timeout);
}

// --- Registers ----------------------------------------------------------------------------------

static void switch_off(struct usart *usart)
{
    if (usart->shifting || usart->transmit.count > 0) {
        machine_violation(usart->machine, usart->facts->name,
                          "UE cleared while a character is being sent: it is lost");
    }
    event_cancel(usart->machine, &usart->shifted);
    stop_receiver(usart);
    usart->shifting = false;
    usart->transmit.count = 0;
    usart->received.count = 0;
    usart->flags = ISR_TC;
}

static void write_cr1(struct usart *usart, uint32_t value)
{
    uint32_t old = reg(usart, USART_CR1);

    if ((old & value & CR1_UE) != 0 && ((old ^ value) & CR1_FIXED) != 0) {
        machine_violation(usart->machine, usart->facts->name,
                          "CR1's format bits changed (0x%08" PRIX32 " to 0x%08" PRIX32
                          ") while UE is 1",
                          old, value);
    }
    if ((old & ~value & CR1_UE) != 0) {
        switch_off(usart);
    }
    usart->registers[USART_CR1 / 4] = value;
    if ((old & ~value & CR1_RE) != 0) {
        stop_receiver(usart);
    }
    if (cr1(usart, CR1_UE | CR1_TE)) {
        transmit_next(usart);
    }
    receive_next(usart);
}

static void write_while_off(struct usart *usart, uint32_t word, uint32_t value, uint32_t fixed)
{
    if (cr1(usart, CR1_UE) && ((value ^ usart->registers[word / 4]) & fixed) != 0) {
        machine_violation(usart->machine, usart->facts->name, "%s changed while UE is 1",
                          usart_registers[word / 4].name);
    }
    usart->registers[word / 4] = value;
}

static void write_cr2(struct usart *usart, uint32_t value)
{
    if (!usart->facts->low_power && (value & CR2_ABREN) != 0) {
        machine_violation(usart->machine, usart->facts->name,
                          "automatic baud rate detection is not modelled");
    }
    write_while_off(usart, USART_CR2, value, UINT32_C(3) << CR2_STOP_BIT);
}

static void write_request(struct usart *usart, uint32_t value)
{
    if ((value & RQR_RXFRQ) != 0) {
        usart->received.count = 0;
        receive_next(usart);
    }
    if ((value & RQR_TXFRQ) != 0) {
        usart->transmit.count = 0;
    }
}

static void write_word(struct usart *usart, uint32_t word, uint32_t value)
{
    switch (word) {
    case USART_CR1:
        write_cr1(usart, value);
        break;
    case USART_CR2:
        write_cr2(usart, value);
        break;
    case USART_BRR:
    case USART_PRESC:
        write_while_off(usart, word, value, UINT32_MAX);
        break;
    case USART_RQR:
        write_request(usart, value);
        break;
    case USART_ICR:
        usart->flags &= ~value;
        break;
    case USART_TDR:
        write_tdr(usart, value & 0x1FF);
        break;
    default:
        usart->registers[word / 4] = value;
        break;
    }
}

static void usart_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct usart *usart = context;
    uint32_t word = offset & ~UINT32_C(3);
    bool stored = word != USART_RQR && word != USART_ICR && word != USART_TDR;

    write_word(usart, word, register_merge(stored ? reg(usart, word) : 0, offset, size, value));
    update_irq(usart);
}

static uint32_t read_rdr(struct usart *usart)
{
    uint32_t value = usart->received.data[0];

    if (usart->received.count > 0) {
        fifo_take(&usart->received);
        receive_next(usart);
        update_irq(usart);
    }
    return value;
}

static uint32_t usart_read(void *context, uint32_t offset, unsigned size)
{
    struct usart *usart = context;
    uint32_t word = offset & ~UINT32_C(3);

    if (word == USART_ISR) {
        return register_extract(status(usart), offset, size);
    }
    if (word == USART_RDR && (register_mask(offset, size) & 0xFF) != 0) {
        return register_extract(read_rdr(usart), offset, size);
    }
    return register_extract(reg(usart, word), offset, size);
}

static void usart_reset(void *context, enum reset_kind kind)
{
    struct usart *usart = context;

    (void)kind;
    event_cancel(usart->machine, &usart->shifted);
    stop_receiver(usart);
    memset(usart->registers, 0, sizeof(usart->registers));
    usart->flags = ISR_TC;
    usart->shifting = false;
    usart->transmit.count = 0;
    usart->received.count = 0;
    update_irq(usart);
}

// --- Construction -------------------------------------------------------------------------------

static void pins_changed(void *context, struct pin pin)
{
    (void)pin;
    receive_next(context);
}

static void clocks_changed(void *context)
{
    receive_next(context);
}

static void add_device(struct usart *usart)
{
    struct device device = {.name = usart->facts->name,
                            .base = usart->facts->base,
                            .size = 0x400,
                            .registers =
                                usart->facts->low_power ? lpuart_registers : usart_registers,
                            .context = usart,
                            .read = usart_read,
                            .write = usart_write,
                            .reset = usart_reset,
                            .gate_offset = usart->facts->gate_offset,
                            .gate_bit = usart->facts->bit,
                            .reset_offset = usart->facts->reset_offset,
                            .reset_bit = usart->facts->bit};

    machine_add_device(usart->machine, &device);
}

static struct event make_event(struct usart *usart, void (*fire)(void *context))
{
    return (struct event){.fire = fire, .context = usart, .name = usart->facts->name};
}

struct usart *usart_create(struct machine *machine, struct rcc *rcc, struct gpio *gpio,
                           const char *name)
{
    struct usart *usart;
    unsigned index = 0;

    while (index < USART_COUNT && strcmp(facts[index].name, name) != 0) {
        index++;
    }
    if (index == USART_COUNT) {
        return NULL;
    }
    usart = calloc(1, sizeof(*usart));
    if (usart == NULL) {
        abort();
    }
    usart->machine = machine;
    usart->rcc = rcc;
    usart->gpio = gpio;
    usart->facts = &facts[index];
    usart->shifted = make_event(usart, character_shifted);
    usart->arrived = make_event(usart, character_arrived);
    usart->line_idle = make_event(usart, line_became_idle);
    usart->line_timeout = make_event(usart, line_timed_out);
    usart_reset(usart, RESET_POWER_ON);
    add_device(usart);
    gpio_on_change(gpio, pins_changed, usart);
    rcc_on_change(rcc, clocks_changed, usart);
    return usart;
}

void usart_on_transmit(struct usart *usart, void (*transmitted)(void *context, uint8_t byte),
                       void *context)
{
    usart->transmitted = transmitted;
    usart->transmitted_context = context;
}

size_t usart_receive(struct usart *usart, const uint8_t *data, size_t length)
{
    size_t taken = 0;

    while (taken < length && usart->line_count < USART_LINE_SIZE) {
        usart->line[(usart->line_start + usart->line_count) % USART_LINE_SIZE] = data[taken++];
        usart->line_count++;
    }
    usart->line_had_no_room = usart->line_had_no_room || taken < length;
    receive_next(usart);
    return taken;
}

size_t usart_receive_pending(const struct usart *usart)
{
    return usart->line_count;
}

void usart_on_room(struct usart *usart, void (*room)(void *context), void *context)
{
    usart->room = room;
    usart->room_context = context;
}
