// The timers' model: counting in each direction, preload, repetition, one pulse, compare events,
// PWM. Expected values are the reference manual's rules worked out by hand.
//
// SPDX-License-Identifier: MIT
#include "tests/model/peripheral_bench.h"

#include "sim/h750_rcc.h"
#include "sim/h750_tim.h"

#define RCC   0x58024400u
#define TIM1  0x40010000u
#define TIM2  0x40000000u
#define TIM6  0x40001000u
#define TIM8  0x40010400u
#define TIM12 0x40001800u
#define CR1   0x00
#define SMCR  0x08
#define DIER  0x0C
#define SR    0x10
#define EGR   0x14
#define CCMR1 0x18
#define CNT   0x24
#define PSC   0x28
#define ARR   0x2C
#define RCR   0x30
#define CCR1  0x34
#define CCR2  0x38
#define CEN   1u
#define UDIS  2u
#define URS   4u
#define OPM   8u
#define DIR   16u
#define ARPE  128u

struct timers {
    struct bench bench;
    struct tim *tim1;
    struct tim *tim2;
};

static int open_timers(void **state)
{
    static struct timers timers;
    struct rcc *rcc;

    memset(&timers, 0, sizeof(timers));
    bench_open(&timers.bench);
    rcc = rcc_create(timers.bench.machine, 0, 0);
    timers.tim1 = tim_create(timers.bench.machine, rcc, "TIM1");
    timers.tim2 = tim_create(timers.bench.machine, rcc, "TIM2");
    assert_non_null(tim_create(timers.bench.machine, rcc, "TIM6"));
    assert_non_null(tim_create(timers.bench.machine, rcc, "TIM8"));
    assert_non_null(tim_create(timers.bench.machine, rcc, "TIM12"));
    assert_null(tim_create(timers.bench.machine, rcc, "TIM9"));
    bench_write(&timers.bench, RCC + 0xE8, 0x51); // TIM2, TIM6, TIM12
    bench_write(&timers.bench, RCC + 0xF0, 3);    // TIM1, TIM8
    *state = &timers;
    return 0;
}

static int close_timers(void **state)
{
    bench_close(&((struct timers *)*state)->bench);
    return 0;
}

// 64 MHz / 64: a tick each microsecond.
static void configure(struct bench *bench, uint32_t tim, uint32_t reload)
{
    bench_write(bench, tim + PSC, 63);
    bench_write(bench, tim + ARR, reload);
    bench_write(bench, tim + EGR, 1);
    bench_write(bench, tim + SR, 0);
}

static void test_up(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    configure(bench, TIM2, 999);
    bench_write(bench, TIM2 + CR1, CEN);
    bench_wait_us(bench, 500);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 500);
    assert_int_equal(bench_read(bench, TIM2 + SR) & 1, 0);
    bench_wait_us(bench, 499);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 999);
    assert_int_equal(bench_read(bench, TIM2 + SR) & 1, 0);
    bench_wait_us(bench, 1);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 0);
    assert_int_equal(bench_read(bench, TIM2 + SR) & 1, 1);
    bench_wait_us(bench, 123456789);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 789);
    bench_write(bench, TIM2 + CR1, 0);
    bench_wait_us(bench, 100);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 789);
    bench_expect_clean(bench);
}

static void test_reset_values(void **state)
{
    struct timers *timers = *state;

    assert_int_equal(bench_read(&timers->bench, TIM2 + ARR), 0xFFFFFFFF);
    assert_int_equal(bench_read(&timers->bench, TIM6 + ARR), 0xFFFF);
    assert_int_equal(bench_read(&timers->bench, TIM2 + SR), 0);
}

static void test_down(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    bench_write(bench, TIM2 + CR1, DIR);
    configure(bench, TIM2, 99);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 99); // UG reloads
    bench_write(bench, TIM2 + CR1, DIR | CEN);
    bench_wait_us(bench, 99);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 0);
    assert_int_equal(bench_read(bench, TIM2 + SR) & 1, 0);
    bench_wait_us(bench, 1);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 99);
    assert_int_equal(bench_read(bench, TIM2 + SR) & 1, 1);
    bench_wait_us(bench, 1010);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 89);
    bench_expect_clean(bench);
}

static void test_centre(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    bench_write(bench, TIM2 + CR1, 3u << 5);
    configure(bench, TIM2, 100);
    bench_write(bench, TIM2 + CR1, 3u << 5 | CEN);
    bench_wait_us(bench, 60);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 60);
    assert_int_equal(bench_read(bench, TIM2 + CR1) & DIR, 0);
    bench_wait_us(bench, 40); // at 100 it turns: overflow
    assert_int_equal(bench_read(bench, TIM2 + SR) & 1, 1);
    bench_write(bench, TIM2 + SR, ~1u & 0x1E5F);
    bench_wait_us(bench, 30);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 70);
    assert_int_equal(bench_read(bench, TIM2 + CR1) & DIR, DIR);
    bench_wait_us(bench, 70); // and at 0 again: underflow
    assert_int_equal(bench_read(bench, TIM2 + CNT), 0);
    assert_int_equal(bench_read(bench, TIM2 + SR) & 1, 1);
    bench_wait_us(bench, 200 * 5 + 130);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 70);
    bench_expect_clean(bench);
}

static void test_preload(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    configure(bench, TIM2, 99);
    bench_write(bench, TIM2 + CR1, CEN | ARPE);
    bench_write(bench, TIM2 + ARR, 49);
    bench_write(bench, TIM2 + PSC, 127); // always preloaded
    bench_wait_us(bench, 99);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 99);
    bench_wait_us(bench, 1 + 2 * 49);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 49);
    bench_wait_us(bench, 2);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 0);
    bench_write(bench, TIM2 + CR1, CEN);
    bench_write(bench, TIM2 + CNT, 30);
    bench_write(bench, TIM2 + ARR, 30); // without ARPE at once
    bench_wait_us(bench, 2);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 0);
    bench_expect_clean(bench);
}

static void test_update_interrupt(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    configure(bench, TIM6, 9);
    bench_write(bench, TIM6 + DIER, 1);
    bench_write(bench, TIM6 + CR1, CEN);
    bench_wait_us(bench, 9);
    assert_false(machine_irq_level(bench->machine, 54));
    bench_wait_us(bench, 1);
    assert_true(machine_irq_level(bench->machine, 54));
    bench_write(bench, TIM6 + SR, 0);
    assert_false(machine_irq_level(bench->machine, 54));
    bench_wait_us(bench, 10);
    assert_true(machine_irq_level(bench->machine, 54));
    bench_expect_clean(bench);
}

static void test_update_control(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    bench_write(bench, TIM6 + CR1, URS);
    bench_write(bench, TIM6 + EGR, 1);
    assert_int_equal(bench_read(bench, TIM6 + SR), 0);
    bench_write(bench, TIM6 + CR1, 0);
    bench_write(bench, TIM6 + EGR, 1);
    assert_int_equal(bench_read(bench, TIM6 + SR), 1);
    bench_write(bench, TIM6 + SR, 0);
    configure(bench, TIM6, 9);
    bench_write(bench, TIM6 + CR1, UDIS | CEN);
    bench_wait_us(bench, 25);
    assert_int_equal(bench_read(bench, TIM6 + SR), 0);
    assert_int_equal(bench_read(bench, TIM6 + CNT), 5);
    bench_expect_clean(bench);
}

static void test_one_pulse(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    configure(bench, TIM6, 9);
    bench_write(bench, TIM6 + CR1, OPM | CEN);
    bench_wait_us(bench, 1000);
    assert_int_equal(bench_read(bench, TIM6 + CR1), OPM);
    assert_int_equal(bench_read(bench, TIM6 + CNT), 0);
    assert_int_equal(bench_read(bench, TIM6 + SR), 1);
    bench_expect_clean(bench);
}

static void test_repetition(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    bench_write(bench, TIM1 + RCR, 2); // an update each third overflow
    configure(bench, TIM1, 9);
    bench_write(bench, TIM1 + CR1, CEN);
    bench_wait_us(bench, 29);
    assert_int_equal(bench_read(bench, TIM1 + SR) & 1, 0);
    bench_wait_us(bench, 1);
    assert_int_equal(bench_read(bench, TIM1 + SR) & 1, 1);
    bench_write(bench, TIM1 + SR, 0);
    bench_wait_us(bench, 29);
    assert_int_equal(bench_read(bench, TIM1 + SR) & 1, 0);
    bench_wait_us(bench, 1 + 30 * 7); // skipped periods keep the phase of the repetitions
    bench_write(bench, TIM1 + SR, 0);
    bench_wait_us(bench, 29);
    assert_int_equal(bench_read(bench, TIM1 + SR) & 1, 0);
    bench_wait_us(bench, 1);
    assert_int_equal(bench_read(bench, TIM1 + SR) & 1, 1);
    bench_wait_us(bench, 30 * 7 + 10); // one overflow into the next three
    bench_write(bench, TIM1 + SR, 0);
    bench_wait_us(bench, 19);
    assert_int_equal(bench_read(bench, TIM1 + SR) & 1, 0);
    bench_wait_us(bench, 1);
    assert_int_equal(bench_read(bench, TIM1 + SR) & 1, 1);
    bench_expect_clean(bench);
}

static void test_compare(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    configure(bench, TIM2, 999);
    bench_write(bench, TIM2 + CCR1, 250);
    bench_write(bench, TIM2 + CCR2, 5000); // never reached: flagged with the overflow
    bench_write(bench, TIM2 + SR, 0);
    bench_write(bench, TIM2 + DIER, 2);
    bench_write(bench, TIM2 + CR1, CEN);
    bench_wait_us(bench, 249);
    assert_false(machine_irq_level(bench->machine, 28));
    bench_wait_us(bench, 1);
    assert_true(machine_irq_level(bench->machine, 28));
    assert_int_equal(bench_read(bench, TIM2 + SR), 2);
    bench_write(bench, TIM2 + SR, ~2u & 0x1E5F);
    assert_false(machine_irq_level(bench->machine, 28));
    bench_wait_us(bench, 999);
    assert_false(machine_irq_level(bench->machine, 28));
    assert_int_equal(bench_read(bench, TIM2 + SR) & 7, 5);
    bench_wait_us(bench, 1);
    assert_true(machine_irq_level(bench->machine, 28));
    bench_expect_clean(bench);
}

static void test_moving_compare(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    // A free-running 32-bit timer with its next alarm set ahead, as an RTOS does it.
    configure(bench, TIM2, 0xFFFFFFFF);
    bench_write(bench, TIM2 + CNT, 0xFFFFFFF0);
    bench_write(bench, TIM2 + CCR1, 16); // 32 ticks ahead, over the wrap
    bench_write(bench, TIM2 + SR, 0);
    bench_write(bench, TIM2 + DIER, 2);
    bench_write(bench, TIM2 + CR1, CEN);
    bench_wait_us(bench, 31);
    assert_false(machine_irq_level(bench->machine, 28));
    bench_wait_us(bench, 1);
    assert_true(machine_irq_level(bench->machine, 28));
    bench_expect_clean(bench);
}

static void test_pwm(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    configure(bench, TIM2, 99);
    bench_write(bench, TIM2 + CCMR1, 6u << 4 | 3u << 12); // PWM mode 1, toggle
    bench_write(bench, TIM2 + CCR1, 30);
    bench_write(bench, TIM2 + CCR2, 50);
    bench_write(bench, TIM2 + CR1, CEN);
    bench_wait_us(bench, 29);
    assert_true(tim_output_reference(timers->tim2, 1));
    bench_wait_us(bench, 1);
    assert_false(tim_output_reference(timers->tim2, 1));
    assert_false(tim_output_reference(timers->tim2, 2));
    bench_wait_us(bench, 20);
    assert_true(tim_output_reference(timers->tim2, 2));
    bench_wait_us(bench, 100 * 7);
    assert_false(tim_output_reference(timers->tim2, 2)); // seven toggles later
    bench_expect_clean(bench);
}

static void test_clock_change(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    configure(bench, TIM2, 0xFFFF);
    bench_write(bench, TIM2 + CR1, CEN);
    bench_wait_us(bench, 100);
    bench_write(bench, RCC + 0x18, 8); // HPRE / 2: all clocks
    bench_wait_us(bench, 100);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 150);
    bench_write(bench, RCC + 0xE8, 0);
    bench_wait_us(bench, 100);
    bench_write(bench, RCC + 0xE8, 1);
    assert_int_equal(bench_read(bench, TIM2 + CNT), 150);
    bench_expect_clean(bench);
}

static void test_shared_line(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    bench_write(bench, TIM8 + DIER, 1u << 7);
    bench_write(bench, TIM12 + DIER, 1);
    bench_write(bench, TIM8 + EGR, 1u << 7);
    bench_write(bench, TIM12 + EGR, 1);
    assert_true(machine_irq_level(bench->machine, 43));
    bench_write(bench, TIM12 + SR, 0);
    assert_true(machine_irq_level(bench->machine, 43));
    bench_write(bench, TIM8 + SR, 0);
    assert_false(machine_irq_level(bench->machine, 43));
    bench_expect_clean(bench);
}

static void test_unmodelled_modes(void **state)
{
    struct timers *timers = *state;
    struct bench *bench = &timers->bench;

    bench_write(bench, TIM2 + SMCR, 7);
    bench_expect_violation(bench, "not modelled");
}

#define TIMER_TEST(name) cmocka_unit_test_setup_teardown(name, open_timers, close_timers)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIMER_TEST(test_up),
        TIMER_TEST(test_reset_values),
        TIMER_TEST(test_down),
        TIMER_TEST(test_centre),
        TIMER_TEST(test_preload),
        TIMER_TEST(test_update_interrupt),
        TIMER_TEST(test_update_control),
        TIMER_TEST(test_one_pulse),
        TIMER_TEST(test_repetition),
        TIMER_TEST(test_compare),
        TIMER_TEST(test_moving_compare),
        TIMER_TEST(test_pwm),
        TIMER_TEST(test_clock_change),
        TIMER_TEST(test_shared_line),
        TIMER_TEST(test_unmodelled_modes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("tim", tests, NULL, NULL);
}
