// The line to what a program prints: a UART adapter, the program's own USB serial port, or those of
// a virtual board. It may go away and come back, under another name, too.
//
// SPDX-License-Identifier: MIT
#ifndef HOST_CONSOLE_H
#define HOST_CONSOLE_H

#include "host/connection.h"

struct ql_console {
    char port[QL_PORT_SIZE]; // where it is, or was when it was seen last
    unsigned baud;           // of serial ports
    // A USB port is found again by its serial number; of several ports with the same one it is the
    // so-many-th. Empty: by its name.
    char usb_serial[128];
    unsigned usb_index;
    bool is_open;
    struct ql_transport transport;
};

// `port`: as ql_transport_open takes it; a null pointer: the one USB serial port that is there and
// is no bootloader, or the cable of the one virtual board. `serial`, if it is not a null pointer,
// is the USB serial number that it must have.
int ql_console_choose(struct ql_console *console, const char *port, const char *serial,
                      struct ql_failure *failure);
// Tries once. -QL_NO_BOARD: it is not there.
int ql_console_open(struct ql_console *console, struct ql_failure *failure);
void ql_console_close(struct ql_console *console);
// For poll(); -1 while it is not open.
int ql_console_descriptor(const struct ql_console *console);
// Waits for nothing. Returns how many bytes; when the other end is gone it closes the line and
// returns -QL_BOARD_LOST.
int ql_console_read(struct ql_console *console, uint8_t *bytes, size_t size);
// Waits up to a second. -QL_BOARD_SILENT: nobody took them all; -QL_BOARD_LOST as above.
int ql_console_write(struct ql_console *console, const uint8_t *bytes, size_t size);

#endif
