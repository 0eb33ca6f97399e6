// The serial ports of the STM32H750: USART1-3, USART6, UART4, 5, 7, 8 and LPUART1.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_USART_H
#define SIM_H750_USART_H

#include <stddef.h>
#include <stdint.h>

struct gpio;
struct machine;
struct rcc;
struct usart;

extern const char *const usart_names[]; // "USART1", ... "LPUART1"; ends with NULL

// NULL if there is no serial port of that name.
struct usart *usart_create(struct machine *machine, struct rcc *rcc, struct gpio *gpio,
                           const char *name);

// `transmitted` is called when the stop bit of a character has left the TX pin.
void usart_on_transmit(struct usart *usart, void (*transmitted)(void *context, uint8_t byte),
                       void *context);

// Bytes for the RX pin; they arrive one after the other at the port's baud rate. Returns how many
// of them were taken: the line holds back USART_LINE_SIZE bytes.
#define USART_LINE_SIZE 4096u
size_t usart_receive(struct usart *usart, const uint8_t *data, size_t length);

// Bytes of the line that have not yet arrived, and a call whenever it has room again.
size_t usart_receive_pending(const struct usart *usart);
void usart_on_room(struct usart *usart, void (*room)(void *context), void *context);

#endif
