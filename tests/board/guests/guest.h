// What the guest programs share: registers by address, a console on USART1, interrupts.
//
// Written from RM0433 and the Armv7-M Architecture Reference Manual, apart from the SDK, so that
// the bootloader's hand-over is tested by a program that owes it nothing. There is no start-up
// code: nothing is copied or cleared before guest_reset.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_BOARD_GUESTS_GUEST_H
#define TESTS_BOARD_GUESTS_GUEST_H

#include <stddef.h>
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))

#define RCC(offset)    REG(0x58024400u + (offset))
#define USART1(offset) REG(0x40011000u + (offset))
#define GPIOB(offset)  REG(0x58020400u + (offset))

#define GUEST_STACK      0x20020000u
#define GUEST_USART1_IRQ 37u

typedef void (*guest_vector)(void);

void guest_reset(void);

// The first words of a program.
#define GUEST_VECTORS                                                                              \
    __attribute__((section(".vectors"),                                                            \
                   used)) static const guest_vector guest_vectors[16 + 40] = {                     \
        (guest_vector)GUEST_STACK, guest_reset
#define GUEST_VECTORS_END }

// 115200 baud on PB14 (TX) and PB15 (RX), alternate function 4. The other pins of port B stay as
// they are: some of them belong to the chip that this program runs from.
static inline void guest_uart_start(uint32_t pclk2_hz)
{
    RCC(0xE0) |= 1u << 1; // AHB4ENR.GPIOBEN
    (void)RCC(0xE0);
    RCC(0xF0) |= 1u << 4; // APB2ENR.USART1EN
    (void)RCC(0xF0);
    USART1(0x00) = 0;
    USART1(0x0C) = (pclk2_hz + 57600u) / 115200u; // BRR
    USART1(0x00) = 1u << 0 | 1u << 2 | 1u << 3;   // CR1: UE, RE, TE
    GPIOB(0x24) = (GPIOB(0x24) & ~0xFF000000u) | 0x44000000u;
    GPIOB(0x0C) = (GPIOB(0x0C) & ~0xF0000000u) | 0x50000000u;
    GPIOB(0x00) = (GPIOB(0x00) & ~0xF0000000u) | 0xA0000000u;
}

// Until the last bit is on the wire; before a clock changes.
static inline void guest_uart_stop(void)
{
    while ((USART1(0x1C) & 1u << 6) == 0) { // ISR.TC
    }
    USART1(0x00) = 0;
}

static inline void guest_put(char character)
{
    while ((USART1(0x1C) & 1u << 7) == 0) { // ISR.TXE
    }
    USART1(0x28) = (uint8_t)character; // TDR
}

static inline void guest_print(const char *text)
{
    while (*text != '\0') {
        guest_put(*text++);
    }
}

static inline void guest_print_hex(uint32_t value)
{
    for (unsigned i = 0; i < 8; ++i, value <<= 4) {
        guest_put("0123456789abcdef"[value >> 28]);
    }
}

// "name 0123abcd" and a line's end.
static inline void guest_print_value(const char *name, uint32_t value)
{
    guest_print(name);
    guest_put(' ');
    guest_print_hex(value);
    guest_put('\n');
}

static inline _Noreturn void guest_end(void)
{
    guest_print("end\n");
    for (;;) {
    }
}

#endif
