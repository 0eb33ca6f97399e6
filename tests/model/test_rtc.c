// The RTC's model: write protection, calendar, alarms, wake-up timer, backup registers, and EXTI,
// through which its interrupts go. Expected values are the reference manual's rules and the
// calendar.
//
// SPDX-License-Identifier: MIT
#include "tests/model/peripheral_bench.h"

#include "sim/h750_peripherals.h"

#define RCC_BDCR 0x58024470u
#define RCC_CSR  0x58024474u
#define APB4ENR  0x580244F4u
#define PWR_CR1  0x58024800u
#define EXTI     0x58000000u
#define RTC      0x58004000u
#define TR       (RTC + 0x00)
#define DR       (RTC + 0x04)
#define CR       (RTC + 0x08)
#define ISR      (RTC + 0x0C)
#define PRER     (RTC + 0x10)
#define WUTR     (RTC + 0x14)
#define ALRMAR   (RTC + 0x1C)
#define WPR      (RTC + 0x24)
#define SSR      (RTC + 0x28)
#define ALRMASSR (RTC + 0x44)
#define BKP0R    (RTC + 0x50)
#define BKP31R   (RTC + 0xCC)

struct clock {
    struct bench bench;
    struct peripherals peripherals;
};

// LSI (32 kHz) drives the RTC, registers unlocked.
static int open_clock(void **state)
{
    static struct clock clock;
    const struct peripherals_settings settings = {.hse_hz = 8000000, .lse_hz = 32768};
    struct bench *bench = &clock.bench;

    bench_open(bench);
    peripherals_create(&clock.peripherals, bench->machine, &settings);
    bench_write(bench, APB4ENR, 1u << 16 | 2);
    bench_set(bench, PWR_CR1, 1u << 8);
    bench_set(bench, RCC_CSR, 1);
    bench_wait_us(bench, 300);
    bench_write(bench, RCC_BDCR, 1u << 15 | 2u << 8);
    bench_write(bench, WPR, 0xCA);
    bench_write(bench, WPR, 0x53);
    *state = &clock;
    return 0;
}

static int close_clock(void **state)
{
    bench_close(&((struct clock *)*state)->bench);
    return 0;
}

static void set_calendar(struct bench *bench, uint32_t time, uint32_t date)
{
    bench_set(bench, ISR, 1u << 7);
    assert_false(bench_read(bench, ISR) & 1u << 6);
    bench_wait_us(bench, 100);
    assert_true(bench_read(bench, ISR) & 1u << 6);
    bench_write(bench, PRER, 127u << 16 | 249); // 32000 / 128 / 250
    bench_write(bench, TR, time);
    bench_write(bench, DR, date);
    bench_clear(bench, ISR, 1u << 7);
}

static void test_calendar(void **state)
{
    struct bench *bench = &((struct clock *)*state)->bench;

    // Saturday, 28 February 2032, 23:59:58; a leap year.
    set_calendar(bench, 0x00235958, 0x0032C228);
    assert_true(bench_read(bench, ISR) & 1u << 4);
    bench_wait_us(bench, 1500000);
    assert_int_equal(bench_read(bench, SSR), 124); // half a second: 249 - 125
    assert_int_equal(bench_read(bench, TR), 0x00235959);
    assert_int_equal(bench_read(bench, DR), 0x0032C228);
    bench_wait_us(bench, 1000000);
    assert_int_equal(bench_read(bench, TR), 0x00000000);
    assert_int_equal(bench_read(bench, DR), 0x0032E229); // Sunday, the 29th
    bench_wait_us(bench, UINT64_C(86400) * 1000000);
    assert_int_equal(bench_read(bench, TR), 0x00000000);
    assert_int_equal(bench_read(bench, DR), 0x00322301); // Monday, 1 March
    bench_expect_clean(bench);
}

static void test_shadow_registers(void **state)
{
    struct bench *bench = &((struct clock *)*state)->bench;

    set_calendar(bench, 0x00235959, 0x00322301);
    assert_int_equal(bench_read(bench, TR), 0x00235959);
    bench_wait_us(bench, 2000000);
    assert_int_equal(bench_read(bench, TR), 0x00235959); // held until DR is read
    assert_int_equal(bench_read(bench, DR), 0x00322301);
    assert_int_equal(bench_read(bench, TR), 0x00000001);
    assert_int_equal(bench_read(bench, DR), 0x00324302);
    bench_expect_clean(bench);
}

static void test_twelve_hours(void **state)
{
    struct bench *bench = &((struct clock *)*state)->bench;

    bench_set(bench, CR, 1u << 6);
    set_calendar(bench, 1u << 22 | 0x00115959, 0x00322301); // 11:59:59 PM
    bench_wait_us(bench, 1001000);
    assert_int_equal(bench_read(bench, TR), 0x00120000); // 12 AM
    bench_expect_clean(bench);
}

static void test_alarm(void **state)
{
    struct bench *bench = &((struct clock *)*state)->bench;

    set_calendar(bench, 0x00081055, 0x00322301);
    bench_write(bench, ALRMAR, 1u << 31 | 0x00001100 | 1u << 23); // at minute 11, second 0
    bench_set(bench, CR, 1u << 8 | 1u << 12);
    bench_write(bench, EXTI + 0x00, 1u << 17); // rising edge, unmasked
    bench_set(bench, EXTI + 0x80, 1u << 17);
    bench_wait_us(bench, 4900000);
    assert_false(machine_irq_level(bench->machine, 41));
    bench_wait_us(bench, 200000);
    assert_true(machine_irq_level(bench->machine, 41));
    assert_true(bench_read(bench, ISR) & 1u << 8);
    bench_write(bench, EXTI + 0x88, 1u << 17);
    assert_false(machine_irq_level(bench->machine, 41));
    bench_clear(bench, ISR, 1u << 8);
    assert_false(bench_read(bench, ISR) & 1u << 8);
    bench_expect_clean(bench);
    bench_write(bench, ALRMAR, 0);
    bench_expect_violation(bench, "while its unit is on");
}

static void test_subsecond_alarm(void **state)
{
    struct bench *bench = &((struct clock *)*state)->bench;

    set_calendar(bench, 0, 0x00322301);
    bench_write(bench, ALRMAR, 0x80808080);
    bench_write(bench, ALRMASSR, 15u << 24 | 199); // 50 ticks of 4 ms into each second
    bench_set(bench, CR, 1u << 8);
    bench_wait_us(bench, 195000);
    assert_false(bench_read(bench, ISR) & 1u << 8);
    bench_wait_us(bench, 10000);
    assert_true(bench_read(bench, ISR) & 1u << 8);
    bench_expect_clean(bench);
}

static void test_wakeup(void **state)
{
    struct bench *bench = &((struct clock *)*state)->bench;

    bench_write(bench, WUTR, 1999); // 2000 ticks of 32 kHz / 16: one second
    bench_set(bench, CR, 1u << 10 | 1u << 14);
    bench_write(bench, EXTI + 0x00, 1u << 19);
    bench_set(bench, EXTI + 0x80, 1u << 19);
    bench_wait_us(bench, 999000);
    assert_false(machine_irq_level(bench->machine, 3));
    bench_wait_us(bench, 2000);
    assert_true(machine_irq_level(bench->machine, 3));
    bench_expect_clean(bench);
}

static void test_protection(void **state)
{
    struct bench *bench = &((struct clock *)*state)->bench;

    bench_write(bench, TR, 0);
    bench_expect_violation(bench, "outside initialisation mode");
    bench_write(bench, WPR, 0xFF);
    bench_write(bench, CR, 0);
    bench_expect_violation(bench, "WPR protects");
    bench_write(bench, BKP0R, 1); // not protected
    bench_expect_clean(bench);
    bench_clear(bench, PWR_CR1, 1u << 8);
    bench_write(bench, BKP0R, 2);
    bench_expect_violation(bench, "DBP");
    assert_int_equal(bench_read(bench, BKP0R), 1);
}

static void test_backup_registers(void **state)
{
    struct bench *bench = &((struct clock *)*state)->bench;

    set_calendar(bench, 0x00120000, 0x00322301);
    bench_write(bench, BKP31R, 0x544C4251);
    machine_reset_now(bench->machine, RESET_SOFTWARE); // RTCAPBEN is on
    assert_int_equal(bench_read(bench, BKP31R), 0x544C4251);
    assert_int_equal(bench_read(bench, TR), 0x00120000);
    bench_set(bench, PWR_CR1, 1u << 8);
    bench_write(bench, RCC_BDCR, 1u << 16);
    assert_int_equal(bench_read(bench, BKP31R), 0);
    bench_write(bench, BKP31R, 5);
    machine_reset_now(bench->machine, RESET_POWER_ON);
    bench_write(bench, APB4ENR, 1u << 16);
    assert_int_equal(bench_read(bench, BKP31R), 0);
    bench_expect_clean(bench);
}

#define CLOCK_TEST(name) cmocka_unit_test_setup_teardown(name, open_clock, close_clock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLOCK_TEST(test_calendar),        CLOCK_TEST(test_shadow_registers),
        CLOCK_TEST(test_twelve_hours),    CLOCK_TEST(test_alarm),
        CLOCK_TEST(test_subsecond_alarm), CLOCK_TEST(test_wakeup),
        CLOCK_TEST(test_protection),      CLOCK_TEST(test_backup_registers),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("rtc", tests, NULL, NULL);
}
