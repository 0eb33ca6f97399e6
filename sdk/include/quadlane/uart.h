// The console: USART1 on PB14 (TX) and PB15 (RX), 115200 baud, 8 data bits, no parity, 1 stop bit.
//
// Reception and transmission are interrupt-driven. stdin, stdout and stderr go through it without
// any of these calls. One user at a time: not for use from interrupt handlers, but for
// ql_uart_write_now().
//
// SPDX-License-Identifier: MIT
#ifndef QUADLANE_UART_H
#define QUADLANE_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QL_UART_BAUD 115200

// Starts it; the first use does so, too. Call it again after a change of PCLK2.
void ql_uart_start(void);

// Takes all bytes; sleeps while its buffer is full.
void ql_uart_write(const void *bytes, size_t size);

// Waits until everything has left the pin.
void ql_uart_flush(void);

// The next byte received, 0..255, or -1 if there is none.
int ql_uart_read(void);

// Sleeps until there is one.
uint8_t ql_uart_read_wait(void);

// Bytes that were lost because the program did not read them in time, or damaged on the line.
uint32_t ql_uart_receive_errors(void);

// Works in any state of the program, with interrupts off too: for fault reports.
void ql_uart_write_now(const void *bytes, size_t size);

#endif
