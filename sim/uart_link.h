// What joins a serial port of the virtual board to this computer: standard streams, a socket, a
// file, a pseudo-terminal; and the search for a text in what it prints.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_UART_LINK_H
#define SIM_UART_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct machine;
struct uart_link;
struct usart;

// specification: "stdio", "unix:PATH", "file:PATH", "pty", or NULL: nothing is connected.
// NULL: `error` holds a sentence. A pty's path is printed on stderr.
struct uart_link *uart_link_create(struct machine *machine, struct usart *usart, const char *name,
                                   const char *specification, char *error, size_t error_size);

// `found` is called when the port has printed `text`.
void uart_link_watch(struct uart_link *link, const char *text, void (*found)(void *context),
                     void *context);

// Flushes, closes, gives the terminal its settings back.
void uart_link_close(struct uart_link *link);

#endif
