// The bootloader as second stage: a maker's first stage has copied it into AXI SRAM and jumped here
// (SPEC.md section 21).
//
// SPDX-License-Identifier: MIT
#include "firmware/board.h"
#include "firmware/chip/startup.h"
#include "firmware/chip/takeover.h"
#include "firmware/power_on.h"

enum { EXST_SIZE = 448 * 1024 };

int main(void);

// A reset would only bring the first stage again.
void startup_settle(void)
{
    takeover();
}

int main(void)
{
    power_on_run(&(struct power_on_image){.area = board.second_stage, .area_size = EXST_SIZE});
}
