// USART1 as the console, interrupt-driven both ways.
//
// The kernel clock stays the reset choice, rcc_pclk2 (D2CCIP2R.USART16SEL 0).
// Written from RM0433, chapter USART.
//
// SPDX-License-Identifier: MIT
#include "quadlane/uart.h"

#include "quadlane/clock.h"
#include "quadlane/h750.h"
#include "quadlane/interrupts.h"
#include "quadlane/m7.h"

// Powers of two: the positions count up for ever and are reduced when used.
#define RECEIVE_SIZE  1024u
#define TRANSMIT_SIZE 1024u

#define RECEIVE_ERRORS (USART_ISR_PE | USART_ISR_FE | USART_ISR_NE | USART_ISR_ORE)

static uint8_t receive_buffer[RECEIVE_SIZE];
static volatile uint32_t receive_in, receive_out;
static uint8_t transmit_buffer[TRANSMIT_SIZE];
static volatile uint32_t transmit_in, transmit_out;
static volatile uint32_t receive_errors;

static bool started(void)
{
    return (RCC_APB2ENR & RCC_APB2ENR_USART1EN) && (USART1_CR1 & USART_CR1_UE);
}

static void pins_set_up(void)
{
    RCC_AHB4ENR |= RCC_AHB4ENR_GPIOBEN;
    (void)RCC_AHB4ENR;
    // PB14 and PB15: alternate function 4; a pull-up keeps an open receive pin idle.
    GPIOB_AFRH = (GPIOB_AFRH & ~0xFF000000u) | 0x44000000u;
    GPIOB_PUPDR = (GPIOB_PUPDR & ~0xF0000000u) | 0x50000000u;
    GPIOB_OSPEEDR &= ~0xF0000000u;
    GPIOB_MODER = (GPIOB_MODER & ~0xF0000000u) | 0xA0000000u;
}

void ql_uart_start(void)
{
    ql_uart_flush();
    RCC_APB2ENR |= RCC_APB2ENR_USART1EN;
    (void)RCC_APB2ENR;
    USART1_CR1 = 0;
    USART1_CR2 = 0;
    USART1_CR3 = 0;
    USART1_PRESC = 0;
    USART1_BRR = (ql_clock_pclk2_hz() + QL_UART_BAUD / 2) / QL_UART_BAUD;
    // The pin turns to the UART's idle level only once the UART drives it.
    USART1_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
    pins_set_up();
    ql_interrupt_enable(USART1_IRQ, 8);
}

static void receive_one(uint32_t status)
{
    if (status & RECEIVE_ERRORS) {
        USART1_ICR = status & RECEIVE_ERRORS;
        receive_errors++;
    }
    if (!(status & USART_ISR_RXNE))
        return;
    const uint8_t byte = (uint8_t)USART1_RDR;
    // An overrun has lost the byte behind this one; this one is good unless the line damaged it.
    if (status & (RECEIVE_ERRORS & ~USART_ISR_ORE))
        return;
    if (receive_in - receive_out == RECEIVE_SIZE) {
        receive_errors++;
        return;
    }
    receive_buffer[receive_in % RECEIVE_SIZE] = byte;
    receive_in++;
}

void USART1_IRQHandler(void);
void USART1_IRQHandler(void)
{
    const uint32_t status = USART1_ISR;

    receive_one(status);
    if ((status & USART_ISR_TXE) && (USART1_CR1 & USART_CR1_TXEIE)) {
        if (transmit_out == transmit_in)
            USART1_CR1 &= ~USART_CR1_TXEIE;
        else
            USART1_TDR = transmit_buffer[transmit_out++ % TRANSMIT_SIZE];
    }
}

static void byte_send_now(uint8_t byte)
{
    while (!(USART1_ISR & USART_ISR_TXE)) {
    }
    USART1_TDR = byte;
}

// What is in the buffer, without interrupts.
static void transmit_drain(void)
{
    while (transmit_out != transmit_in)
        byte_send_now(transmit_buffer[transmit_out++ % TRANSMIT_SIZE]);
}

static bool interrupts_work(void)
{
    const uint32_t mask = m7_interrupts_disable();

    m7_interrupts_restore(mask);
    return mask == 0 && m7_exception_number() == 0;
}

void ql_uart_write(const void *bytes, size_t size)
{
    const uint8_t *next = bytes;

    if (!interrupts_work()) {
        ql_uart_write_now(bytes, size);
        return;
    }
    if (!started())
        ql_uart_start();
    while (size > 0) {
        const uint32_t mask = m7_interrupts_disable();
        if (transmit_in - transmit_out == TRANSMIT_SIZE)
            m7_wait_for_interrupt(); // wakes up although masked; handled at the restore below
        for (; size > 0 && transmit_in - transmit_out < TRANSMIT_SIZE; size--)
            transmit_buffer[transmit_in++ % TRANSMIT_SIZE] = *next++;
        USART1_CR1 |= USART_CR1_TXEIE;
        m7_interrupts_restore(mask);
    }
}

void ql_uart_write_now(const void *bytes, size_t size)
{
    const uint8_t *next = bytes;
    const uint32_t mask = m7_interrupts_disable();

    if (!started())
        ql_uart_start();
    transmit_drain();
    for (; size > 0; size--)
        byte_send_now(*next++);
    while (!(USART1_ISR & USART_ISR_TC)) {
    }
    m7_interrupts_restore(mask);
}

void ql_uart_flush(void)
{
    if (started())
        ql_uart_write_now(NULL, 0);
}

int ql_uart_read(void)
{
    if (!started())
        ql_uart_start();
    if (receive_in == receive_out)
        return -1;
    return receive_buffer[receive_out++ % RECEIVE_SIZE];
}

uint8_t ql_uart_read_wait(void)
{
    for (;;) {
        const uint32_t mask = m7_interrupts_disable();
        const int byte = ql_uart_read();
        if (byte < 0)
            m7_wait_for_interrupt();
        m7_interrupts_restore(mask);
        if (byte >= 0)
            return (uint8_t)byte;
    }
}

uint32_t ql_uart_receive_errors(void)
{
    return receive_errors;
}
