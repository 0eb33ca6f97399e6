// Interrupts through the vector table in the chip: SysTick ticks, USART1 echoes in upper case; the
// core sleeps meanwhile. A question mark is answered by a full stop, a Q ends it.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"

#define TICK_CYCLES 64000u // 1 ms at 64 MHz

static void tick(void);
static void received(void);

GUEST_VECTORS, [15] = tick, [16 + GUEST_USART1_IRQ] = received GUEST_VECTORS_END;

static volatile uint32_t ticks;
static volatile uint32_t echoed;
static volatile uint32_t quit;

static void tick(void)
{
    ticks++;
}

static void received(void)
{
    char character = (char)USART1(0x24); // RDR

    USART1(0x20) = 0xF; // ICR: an overrun would interrupt for ever
    if (character == '?') {
        guest_put('.');
        return;
    }
    echoed++;
    quit = quit || character == 'Q';
    guest_put(character >= 'a' && character <= 'z' ? (char)(character - 'a' + 'A') : character);
}

void guest_reset(void)
{
    ticks = 0;
    echoed = 0;
    quit = 0;
    guest_uart_start(64000000u);
    USART1(0x00) |= 1u << 5;                          // CR1.RXNEIE
    REG(0xE000E104u) = 1u << (GUEST_USART1_IRQ - 32); // ISER1
    REG(0xE000E014u) = TICK_CYCLES - 1;               // SysTick: LOAD, VAL, CTRL
    REG(0xE000E018u) = 0;
    REG(0xE000E010u) = 7;
    while (!quit || ticks < 20) {
        __asm volatile("wfi");
    }
    REG(0xE000E010u) = 0;
    guest_put('\n');
    guest_print_value("echoed", echoed);
    guest_print(ticks < 100000 ? "ticked\n" : "ticked too often\n");
    guest_end();
}
