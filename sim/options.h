// The command line of quadlane-board.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_LOADS_MAX 16u
#define OPTIONS_UARTS_MAX 16u

struct options {
    const char *board;
    const char *chip; // NULL: as the board has it
    const char *loads[OPTIONS_LOADS_MAX];
    unsigned load_count;
    const char *nor;
    uint8_t unique_id[12];
    const char *usb;                      // NULL: the socket in the runtime folder
    const char *uarts[OPTIONS_UARTS_MAX]; // NAME=WHERE
    unsigned uart_count;
    const char *control;
    const char *stlink; // TCP ports; NULL: none
    const char *jtag;
    const char *gdb;
    bool max_speed;
    const char *until;
    uint64_t timeout_ns; // 0: none
    bool lenient;
    const char *trace;
    bool list_boards;
    bool list_chips;
    bool list_registers;
    bool help;
    bool version;
};

// False: a sentence is on stderr.
bool options_parse(struct options *options, int argc, char **argv);
void options_print_help(void);

#endif
