// Which pin in which alternate function is the TX or RX of a serial port.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_USART_PINS_H
#define SIM_H750_USART_PINS_H

#include <stdbool.h>
#include <stdint.h>

struct gpio;

enum usart_signal { USART_TX, USART_RX };

// True if some pin of `gpio` is switched to this signal of the port called `name`.
bool usart_pin_connected(const struct gpio *gpio, const char *name, enum usart_signal signal);

#endif
