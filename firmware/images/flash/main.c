// The bootloader in the internal flash.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/clock.h"
#include "firmware/chip/flash.h"
#include "firmware/chip/reset.h"
#include "firmware/chip/startup.h"
#include "firmware/images/flash/own_flash.h"
#include "firmware/power_on.h"

int main(void);

// Started by the ROM's loader or a debugger in the middle of something: a reset gives the state
// that the rest, and the program, count on.
void startup_settle(void)
{
    if (!clock_is_reset()) {
        reset_system();
    }
}

int main(void)
{
    power_on_run(
        &(struct power_on_image){.own_flash = &own_flash, .own_flash_replace = flash_replace});
}
