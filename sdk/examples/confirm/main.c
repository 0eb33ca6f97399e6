// Confirms its start when it has run well for a second, under a watchdog; crashes on purpose by a
// key on the console, before that or after it.
//
// `CONFIRM := 1` in the Makefile is the promise: the bootloader counts the starts, and stays when
// three in a row ended before ql_confirm(). A crash or a hang ends here by the watchdog: on this
// microcontroller not even a lock-up does by itself.
//
// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "quadlane/bootloader.h"
#include "quadlane/clock.h"
#include "quadlane/m7.h"
#include "quadlane/uart.h"
#include "quadlane/watchdog.h"

#define WATCHDOG_MS 500u
#define TRIAL_MS    1000u
#define NOWHERE     0x40100000u // between the peripherals

static void crash(const char *how)
{
    printf("confirm: %s\n", how);
    ql_uart_flush();
}

// Told by the SDK's report, which then waits: until the watchdog bites.
static void bus_fault(void)
{
    crash("reads where nothing is");
    (void)*(volatile uint32_t *)NOWHERE;
}

static void hang(void)
{
    crash("hangs");
    for (;;) {
    }
}

// A fault that no handler may take.
static void lock_up(void)
{
    crash("locks up");
    __asm volatile("cpsid f\n\tudf #0");
}

static void obey(int key)
{
    if (key == 'c')
        bus_fault();
    else if (key == 'h')
        hang();
    else if (key == 'l')
        lock_up();
    else if (key == 'b')
        __asm volatile("bkpt #0");
}

int main(void)
{
    bool confirmed = false;

    printf("confirm: started; c crashes, b breaks, h hangs, l locks up\n");
    ql_ticks_start();
    ql_watchdog_start(WATCHDOG_MS);
    for (;;) {
        ql_watchdog_feed();
        obey(ql_uart_read());
        if (!confirmed && ql_ticks_ms() >= TRIAL_MS) {
            ql_confirm();
            confirmed = true;
            printf("confirm: confirmed\n");
        }
        m7_wait_for_interrupt();
    }
}
