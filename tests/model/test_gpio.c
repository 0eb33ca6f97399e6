// The GPIO model: modes, levels, set and reset, locking. Expected values from the SVD, stm32-rs'
// reset values and the reference manual's rules.
//
// SPDX-License-Identifier: MIT
#include "tests/model/peripheral_bench.h"

#include "sim/h750_gpio.h"
#include "sim/h750_rcc.h"

#define AHB4ENR 0x580244E0u
#define GPIOA   0x58020000u
#define GPIOB   0x58020400u
#define GPIOE   0x58021000u
#define MODER   0x00
#define OTYPER  0x04
#define PUPDR   0x0C
#define IDR     0x10
#define ODR     0x14
#define BSRR    0x18
#define LCKR    0x1C
#define AFRL    0x20
#define AFRH    0x24

struct pins {
    struct bench bench;
    struct gpio *gpio;
    unsigned changes;
    struct pin changed;
};

static void record_change(void *context, struct pin pin)
{
    struct pins *pins = context;

    pins->changes++;
    pins->changed = pin;
}

static int open_pins(void **state)
{
    static struct pins pins;

    memset(&pins, 0, sizeof(pins));
    bench_open(&pins.bench);
    rcc_create(pins.bench.machine, 0, 0);
    pins.gpio = gpio_create(pins.bench.machine);
    gpio_on_change(pins.gpio, record_change, &pins);
    bench_write(&pins.bench, AHB4ENR, 0x7FF);
    *state = &pins;
    return 0;
}

static int close_pins(void **state)
{
    bench_close(&((struct pins *)*state)->bench);
    return 0;
}

static void test_reset_values(void **state)
{
    struct pins *pins = *state;

    assert_int_equal(bench_read(&pins->bench, GPIOA + MODER), 0xABFFFFFF);
    assert_int_equal(bench_read(&pins->bench, GPIOA + PUPDR), 0x64000000);
    assert_int_equal(bench_read(&pins->bench, GPIOB + MODER), 0xFFFFFEBF);
    assert_int_equal(bench_read(&pins->bench, GPIOE + MODER), 0xFFFFFFFF);
    assert_int_equal(gpio_pin_mode(pins->gpio, (struct pin){'A', 13}), PIN_ALTERNATE);
    assert_int_equal(gpio_pin_mode(pins->gpio, (struct pin){'E', 3}), PIN_ANALOG);
    assert_true(gpio_level(pins->gpio, (struct pin){'A', 13})); // SWDIO is pulled up
    assert_false(gpio_level(pins->gpio, (struct pin){'A', 14}));
    bench_expect_clean(&pins->bench);
}

static void test_output(void **state)
{
    struct pins *pins = *state;
    struct pin led = {'E', 3};

    bench_change(&pins->bench, GPIOE + MODER, 3u << 6, 1u << 6);
    pins->changes = 0;
    bench_write(&pins->bench, GPIOE + BSRR, 1u << 3);
    assert_true(gpio_level(pins->gpio, led));
    assert_int_equal(pins->changes, 1);
    assert_int_equal(pins->changed.port, 'E');
    assert_int_equal(pins->changed.number, 3);
    bench_write(&pins->bench, GPIOE + BSRR, 1u << 3);
    assert_true(gpio_level(pins->gpio, led));
    bench_write(&pins->bench, GPIOE + BSRR, 1u << 3 | 1u << 19); // both: set wins
    assert_true(gpio_level(pins->gpio, led));
    assert_int_equal(pins->changes, 1);
    bench_write(&pins->bench, GPIOE + BSRR, 1u << 19);
    assert_false(gpio_level(pins->gpio, led));
    assert_int_equal(bench_read(&pins->bench, GPIOE + ODR), 0);
    assert_true(machine_bus_write(pins->bench.machine, GPIOE + BSRR + 2, 2, 0)); // half-word
    bench_expect_clean(&pins->bench);
}

static void test_input_and_pulls(void **state)
{
    struct pins *pins = *state;
    struct pin button = {'E', 4};

    gpio_drive(pins->gpio, button, PIN_DRIVEN_HIGH);
    assert_int_equal(bench_read(&pins->bench, GPIOE + IDR), 0); // analog: no input
    bench_change(&pins->bench, GPIOE + MODER, 3u << 8, 0);
    assert_int_equal(bench_read(&pins->bench, GPIOE + IDR), 1u << 4);
    gpio_drive(pins->gpio, button, PIN_FLOATING);
    assert_int_equal(bench_read(&pins->bench, GPIOE + IDR), 0);
    bench_write(&pins->bench, GPIOE + PUPDR, 1u << 8);
    assert_int_equal(bench_read(&pins->bench, GPIOE + IDR), 1u << 4);
    bench_expect_clean(&pins->bench);
}

static void test_open_drain_and_conflict(void **state)
{
    struct pins *pins = *state;
    struct pin pin = {'E', 0};

    bench_write(&pins->bench, GPIOE + OTYPER, 1);
    bench_write(&pins->bench, GPIOE + BSRR, 1);
    bench_change(&pins->bench, GPIOE + MODER, 3, 1);
    gpio_drive(pins->gpio, pin, PIN_DRIVEN_LOW);
    assert_false(gpio_level(pins->gpio, pin)); // released, the board pulls it low
    bench_expect_clean(&pins->bench);
    bench_write(&pins->bench, GPIOE + OTYPER, 0);
    bench_expect_violation(&pins->bench, "PE0 is an output driven high against the board");
}

static void test_alternate_function(void **state)
{
    struct pins *pins = *state;

    bench_change(&pins->bench, GPIOB + MODER, 3u << 20, 2u << 20);
    bench_write(&pins->bench, GPIOB + AFRH, 9u << 8);
    assert_int_equal(gpio_pin_mode(pins->gpio, (struct pin){'B', 10}), PIN_ALTERNATE);
    assert_int_equal(gpio_pin_alternate(pins->gpio, (struct pin){'B', 10}), 9);
    bench_expect_clean(&pins->bench);
}

static void test_lock(void **state)
{
    struct pins *pins = *state;
    struct bench *bench = &pins->bench;

    bench_write(bench, GPIOE + LCKR, 1u << 16 | 8);
    bench_write(bench, GPIOE + LCKR, 8);
    bench_write(bench, GPIOE + LCKR, 1u << 16 | 4); // other pins: starts anew
    assert_false(bench_read(bench, GPIOE + LCKR) & 1u << 16);
    bench_write(bench, GPIOE + LCKR, 4);
    bench_write(bench, GPIOE + LCKR, 1u << 16 | 4);
    assert_int_equal(bench_read(bench, GPIOE + LCKR), 1u << 16 | 4);
    bench_change(bench, GPIOE + MODER, 3u << 6, 0); // pin 3 is free
    bench_expect_clean(bench);
    bench_change(bench, GPIOE + MODER, 3u << 4, 0);
    bench_expect_violation(bench, "locked");
    assert_int_equal(bench_read(bench, GPIOE + MODER), 0xFFFFFF3F);
}

#define PIN_TEST(name) cmocka_unit_test_setup_teardown(name, open_pins, close_pins)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PIN_TEST(test_reset_values),       PIN_TEST(test_output),
        PIN_TEST(test_input_and_pulls),    PIN_TEST(test_open_drain_and_conflict),
        PIN_TEST(test_alternate_function), PIN_TEST(test_lock),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("gpio", tests, NULL, NULL);
}
