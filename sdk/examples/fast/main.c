// Measures the same routine from the external chip without caches, from the chip with caches, and
// from ITCM, and prints a table. The figures are CPU cycles of DWT's counter.
//
// SPDX-License-Identifier: MIT
#include <stdbool.h>
#include <stdio.h>

#include "quadlane/cache.h"
#include "quadlane/clock.h"
#include "quadlane/uart.h"
#include "work.h"

#define RUNS 8

struct measurement {
    const char *name;
    uint32_t (*work)(void);
    bool caches;
    uint32_t first_cycles;
    uint32_t best_cycles;
    uint32_t check;
};

static void caches_set(bool on)
{
    // Off and on again: what the previous measurement left in them is gone.
    ql_dcache_disable();
    ql_icache_disable();
    if (on) {
        ql_icache_enable();
        ql_dcache_enable();
    }
}

static void measure(struct measurement *measurement)
{
    ql_uart_flush(); // its interrupts would be measured, too
    caches_set(measurement->caches);
    measurement->best_cycles = UINT32_MAX;
    for (unsigned run = 0; run < RUNS; run++) {
        work_reset();
        const uint32_t start = ql_cycles();
        measurement->check = measurement->work();
        const uint32_t cycles = ql_cycles() - start;
        if (run == 0)
            measurement->first_cycles = cycles;
        if (cycles < measurement->best_cycles)
            measurement->best_cycles = cycles;
    }
    caches_set(true);
}

int main(void)
{
    struct measurement measurements[] = {
        {.name = "chip, caches off", .work = work_in_chip, .caches = false},
        {.name = "chip, caches on", .work = work_in_chip, .caches = true},
        {.name = "ITCM, caches off", .work = work_in_itcm, .caches = false},
        {.name = "ITCM, caches on", .work = work_in_itcm, .caches = true},
    };
    const size_t count = sizeof measurements / sizeof *measurements;

    printf("fast: CPU at %lu MHz, code in the chip at %p, in ITCM at %p\n",
           (unsigned long)(SystemCoreClock / 1000000), (void *)work_in_chip, (void *)work_in_itcm);
    for (size_t i = 0; i < count; i++)
        measure(&measurements[i]);
    printf("%-18s %12s %12s %10s\n", "code from", "first run", "best run", "check");
    for (size_t i = 0; i < count; i++)
        printf("%-18s %12lu %12lu   %08lx\n", measurements[i].name,
               (unsigned long)measurements[i].first_cycles,
               (unsigned long)measurements[i].best_cycles, (unsigned long)measurements[i].check);
    for (size_t i = 1; i < count; i++) {
        if (measurements[i].check != measurements[0].check) {
            printf("fast: the results differ\n");
            return 1;
        }
    }
    printf("fast: done\n");
    return 0;
}
