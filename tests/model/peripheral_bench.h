// A machine without a processor for the tests of single peripherals: register access as the CPU
// does it, and the violations that it caused.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_MODEL_PERIPHERAL_BENCH_H
#define TESTS_MODEL_PERIPHERAL_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/machine_build.h"

// Models live as long as the process, they have no destructors.
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

struct bench {
    struct machine *machine;
    unsigned violations;
    char last[512]; // the last violation: "DEVICE: text"
};

static inline void bench_record(void *context, const char *device, const char *text)
{
    struct bench *bench = context;

    bench->violations++;
    snprintf(bench->last, sizeof(bench->last), "%s: %s", device, text);
}

static inline void bench_open(struct bench *bench)
{
    memset(bench, 0, sizeof(*bench));
    bench->machine = machine_create();
    machine_on_violation(bench->machine, bench_record, bench);
}

static inline void bench_close(struct bench *bench)
{
    machine_destroy(bench->machine);
}

static inline uint32_t bench_read(struct bench *bench, uint32_t address)
{
    uint32_t value = 0;

    assert_true(machine_bus_read(bench->machine, address, 4, &value));
    return value;
}

static inline void bench_write(struct bench *bench, uint32_t address, uint32_t value)
{
    assert_true(machine_bus_write(bench->machine, address, 4, value));
}

static inline void bench_set(struct bench *bench, uint32_t address, uint32_t bits)
{
    bench_write(bench, address, bench_read(bench, address) | bits);
}

static inline void bench_clear(struct bench *bench, uint32_t address, uint32_t bits)
{
    bench_write(bench, address, bench_read(bench, address) & ~bits);
}

static inline void bench_change(struct bench *bench, uint32_t address, uint32_t mask,
                                uint32_t value)
{
    bench_write(bench, address, (bench_read(bench, address) & ~mask) | value);
}

static inline void bench_wait_us(struct bench *bench, uint64_t us)
{
    machine_advance(bench->machine, us * NS_PER_US);
}

// No violation since the last look.
static inline void bench_expect_clean(struct bench *bench)
{
    if (bench->violations != 0) {
        print_error("unexpected violation: %s\n", bench->last);
    }
    assert_int_equal(bench->violations, 0);
}

// Exactly one violation since the last look, and it says this.
static inline void bench_expect_violation(struct bench *bench, const char *text)
{
    assert_int_equal(bench->violations, 1);
    if (strstr(bench->last, text) == NULL) {
        print_error("violation: %s\nexpected: %s\n", bench->last, text);
    }
    assert_non_null(strstr(bench->last, text));
    bench->violations = 0;
}

#endif
