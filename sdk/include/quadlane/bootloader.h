// What a running program can ask of the bootloader.
//
// SPDX-License-Identifier: MIT
#ifndef QUADLANE_BOOTLOADER_H
#define QUADLANE_BOOTLOADER_H

#include <stdbool.h>
#include <stdint.h>

// The next reset, whatever causes it but a loss of power, ends in the bootloader, once. It uses
// RTC backup register 31 and leaves the backup domain's clock and write access switched on.
void ql_stay_in_bootloader_after_reset(void);

// The program runs well: its starts are not counted against it any more. A program that promises to
// confirm (CONFIRM := 1 in its Makefile) calls this once at each start, when it has done what shows
// that it works; the bootloader stays when too many starts in a row went without. It uses RTC
// backup register 29 and leaves the backup domain's clock and write access switched on.
void ql_confirm(void);

// The 1200-baud touch, for programs with a USB serial port of their own: a host that opens the port
// at 1200 baud and closes it (`quadlane flash --touch PORT`, Arduino's tools, `stty -F PORT 1200`)
// asks for the bootloader.
//
// To be called whenever the host has changed the line's state, with the baud rate of the last
// SET_LINE_CODING and DTR of SET_CONTROL_LINE_STATE; from the USB interrupt, too. When DTR goes
// away at 1200 baud it does not return: it resets into the bootloader.
void ql_touch(uint32_t baud, bool dtr);

// Resets the system. Output still in the console's buffer is lost: ql_uart_flush() first.
__attribute__((noreturn)) void ql_reset(void);

#endif
