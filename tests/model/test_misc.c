// Watchdogs, RNG, EXTI with SYSCFG, CRS, ids, and peripherals that are not there. Expected values
// from the reference manual's rules, the SVD and arithmetic.
//
// SPDX-License-Identifier: MIT
#include "tests/model/peripheral_bench.h"

#include "sim/h750_crs.h"
#include "sim/h750_gpio.h"
#include "sim/h750_peripherals.h"
#include "sim/h750_unmodelled.h"

#define RCC   0x58024400u
#define IWDG1 0x58004800u
#define WWDG1 0x50003000u
#define RNG   0x48021800u
#define EXTI  0x58000000u
#define CRS   0x40008400u

struct chip {
    struct bench bench;
    struct peripherals peripherals;
};

static int open_chip(void **state)
{
    static struct chip chip;
    const struct peripherals_settings settings = {
        .unique_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, .random_seed = 1234567};

    bench_open(&chip.bench);
    peripherals_create(&chip.peripherals, chip.bench.machine, &settings);
    unmodelled_create(chip.bench.machine);
    *state = &chip;
    return 0;
}

static int close_chip(void **state)
{
    bench_close(&((struct chip *)*state)->bench);
    return 0;
}

static bool reset_asked(const struct bench *bench, enum reset_kind wanted)
{
    enum reset_kind kind = RESET_PIN;

    return machine_reset_asked(bench->machine, &kind) && kind == wanted;
}

// --- Watchdogs ----------------------------------------------------------------------------------

static void test_iwdg(void **state)
{
    struct bench *bench = &((struct chip *)*state)->bench;

    bench_write(bench, IWDG1, 0xCCCC);
    bench_write(bench, IWDG1, 0x5555);
    bench_write(bench, IWDG1 + 0x04, 3);   // / 32: 1 kHz
    bench_write(bench, IWDG1 + 0x08, 499); // 500 ms
    assert_int_equal(bench_read(bench, IWDG1 + 0x0C), 3);
    bench_wait_us(bench, 10000);
    assert_int_equal(bench_read(bench, IWDG1 + 0x0C), 0);
    assert_true(bench_read(bench, RCC + 0x74) & 2); // LSI runs
    bench_write(bench, IWDG1, 0xAAAA);
    for (unsigned i = 0; i < 5; i++) {
        bench_wait_us(bench, 499000);
        bench_write(bench, IWDG1, 0xAAAA);
    }
    assert_false(machine_reset_asked(bench->machine, NULL));
    bench_wait_us(bench, 499000);
    assert_false(machine_reset_asked(bench->machine, NULL));
    bench_wait_us(bench, 2000);
    assert_true(reset_asked(bench, RESET_IWDG1));
    machine_reset_now(bench->machine, RESET_IWDG1);
    bench_wait_us(bench, 60000000);
    assert_false(machine_reset_asked(bench->machine, NULL));
    bench_expect_clean(bench);
}

static void test_iwdg_window(void **state)
{
    struct bench *bench = &((struct chip *)*state)->bench;

    bench_write(bench, IWDG1, 0xCCCC);
    bench_write(bench, IWDG1, 0x5555);
    bench_write(bench, IWDG1 + 0x04, 3);
    bench_write(bench, IWDG1 + 0x08, 499);
    bench_wait_us(bench, 10000);
    bench_write(bench, IWDG1 + 0x10, 100);
    bench_wait_us(bench, 410000);
    bench_write(bench, IWDG1, 0xAAAA); // counter below 100
    assert_false(machine_reset_asked(bench->machine, NULL));
    bench_wait_us(bench, 200000);
    bench_write(bench, IWDG1, 0xAAAA); // too early
    assert_true(reset_asked(bench, RESET_IWDG1));
    bench_expect_clean(bench);
}

static void test_iwdg_lock(void **state)
{
    struct bench *bench = &((struct chip *)*state)->bench;

    bench_write(bench, IWDG1 + 0x08, 1);
    bench_expect_violation(bench, "without the key");
    bench_write(bench, IWDG1, 0x5555);
    bench_write(bench, IWDG1 + 0x08, 1);
    bench_write(bench, IWDG1 + 0x08, 2);
    bench_expect_violation(bench, "under way");
}

static void test_wwdg(void **state)
{
    struct bench *bench = &((struct chip *)*state)->bench;

    bench_write(bench, RCC + 0xE4, 1u << 6);
    bench_write(bench, RCC + 0xA0, 1);
    bench_write(bench, WWDG1 + 4, 0x50 | 1u << 9);
    bench_write(bench, WWDG1, 0x80 | 0x7F); // 63 counts of 64 us to 0x40
    bench_wait_us(bench, 63 * 64 - 1);
    assert_false(machine_irq_level(bench->machine, 0));
    assert_int_equal(bench_read(bench, WWDG1) & 0x7F, 0x41);
    bench_wait_us(bench, 2);
    assert_true(machine_irq_level(bench->machine, 0));
    bench_write(bench, WWDG1, 0x80 | 0x7F);
    bench_write(bench, WWDG1 + 8, 0);
    assert_false(machine_irq_level(bench->machine, 0));
    assert_false(machine_reset_asked(bench->machine, NULL));
    bench_wait_us(bench, 64 * 64 + 1);
    assert_true(reset_asked(bench, RESET_WWDG1));
    machine_reset_now(bench->machine, RESET_WWDG1);
    bench_write(bench, RCC + 0xE4, 1u << 6);
    bench_write(bench, RCC + 0xA0, 1);
    bench_write(bench, WWDG1 + 4, 0x50);
    bench_write(bench, WWDG1, 0x80 | 0x7F);
    bench_write(bench, WWDG1, 0x80 | 0x7F); // before its window
    assert_true(reset_asked(bench, RESET_WWDG1));
    machine_reset_now(bench->machine, RESET_WWDG1);
    bench_write(bench, RCC + 0xE4, 1u << 6);
    bench_write(bench, WWDG1 + 4, 7u << 11 | 0x7F); // WDGTB 7: 128 times slower
    bench_write(bench, WWDG1, 0x80 | 0x7F);
    bench_wait_us(bench, 128 * 64 - 1);
    assert_int_equal(bench_read(bench, WWDG1) & 0x7F, 0x7F);
    bench_wait_us(bench, 2);
    assert_int_equal(bench_read(bench, WWDG1) & 0x7F, 0x7E);
    bench_expect_clean(bench);
}

// --- RNG ----------------------------------------------------------------------------------------

static void test_rng(void **state)
{
    struct bench *bench = &((struct chip *)*state)->bench;

    bench_write(bench, RCC + 0xDC, 1u << 6);
    bench_write(bench, RNG, 4);
    bench_expect_violation(bench, "kernel clock");
    assert_int_equal(bench_read(bench, RNG + 4), 1u << 1 | 1u << 5); // CECS, CEIS
    bench_set(bench, RCC, 1u << 12);                                 // HSI48
    bench_wait_us(bench, 5);
    bench_write(bench, RNG + 4, 0);
    assert_int_equal(bench_read(bench, RNG + 4), 1);
    // splitmix64 with seed 1234567 begins 6457827717110365317, 3203168211198807973.
    assert_int_equal(bench_read(bench, RNG + 8), (uint32_t)UINT64_C(6457827717110365317));
    bench_expect_clean(bench);
    bench_read(bench, RNG + 8);
    bench_expect_violation(bench, "DRDY is 0");
    bench_wait_us(bench, 1);
    assert_int_equal(bench_read(bench, RNG + 8), (uint32_t)UINT64_C(3203168211198807973));
    bench_expect_clean(bench);
}

// --- EXTI ---------------------------------------------------------------------------------------

static void test_exti_pin(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;
    struct pin button = {'E', 4};

    bench_write(bench, RCC + 0xF4, 2); // SYSCFG
    bench_write(bench, 0x58000400u + 0x0C, 4);
    bench_write(bench, EXTI + 0x04, 1u << 4); // falling
    bench_set(bench, EXTI + 0x80, 1u << 4);
    gpio_drive(chip->peripherals.gpio, button, PIN_DRIVEN_HIGH);
    assert_false(machine_irq_level(bench->machine, 10));
    gpio_drive(chip->peripherals.gpio, button, PIN_DRIVEN_LOW);
    assert_true(machine_irq_level(bench->machine, 10));
    assert_int_equal(bench_read(bench, EXTI + 0x88), 1u << 4);
    bench_write(bench, EXTI + 0x88, 1u << 4);
    assert_false(machine_irq_level(bench->machine, 10));
    gpio_drive(chip->peripherals.gpio, (struct pin){'A', 4}, PIN_DRIVEN_HIGH); // another port
    gpio_drive(chip->peripherals.gpio, (struct pin){'A', 4}, PIN_DRIVEN_LOW);
    assert_false(machine_irq_level(bench->machine, 10));
    bench_expect_clean(bench);
}

static void test_exti_software(void **state)
{
    struct bench *bench = &((struct chip *)*state)->bench;

    bench_write(bench, EXTI + 0x08, 1u << 12);
    assert_false(machine_irq_level(bench->machine, 40)); // masked
    bench_set(bench, EXTI + 0x80, 1u << 12);
    assert_true(machine_irq_level(bench->machine, 40));
    bench_write(bench, EXTI + 0x88, 1u << 12);
    assert_int_equal(bench_read(bench, EXTI + 0x08), 0);
    assert_false(machine_irq_level(bench->machine, 40));
    bench_expect_clean(bench);
}

// --- CRS ----------------------------------------------------------------------------------------

static void test_crs(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    bench_set(bench, RCC, 1u << 12);
    bench_wait_us(bench, 10);
    bench_write(bench, RCC + 0xEC, 2);
    bench_change(bench, CRS + 4, 3u << 28, 3u << 28); // frames of OTG_FS
    bench_set(bench, CRS, 1u << 5 | 1u << 6);
    crs_usb_frame(chip->peripherals.crs, 2);
    bench_wait_us(bench, 1000);
    crs_usb_frame(chip->peripherals.crs, 1); // the other core's do not count
    assert_int_equal(bench_read(bench, CRS + 8) & 1, 0);
    crs_usb_frame(chip->peripherals.crs, 2);
    assert_int_equal(bench_read(bench, CRS + 8) & 7, 1);   // SYNCOKF
    assert_int_equal(bench_read(bench, CRS + 8) >> 16, 1); // 48000 ticks, RELOAD is 47999
    bench_write(bench, CRS + 0x0C, 9);
    assert_int_equal(bench_read(bench, CRS + 8) & 15, 0);
    bench_wait_us(bench, 2000);
    assert_int_equal(bench_read(bench, CRS + 8) & 0x20C, 0x20C); // missed
    bench_expect_clean(bench);
}

// --- Ids and others -----------------------------------------------------------------------------

static void test_ids(void **state)
{
    struct bench *bench = &((struct chip *)*state)->bench;
    uint32_t value;

    assert_int_equal(bench_read(bench, 0x5C001000), 0x20036450);
    assert_int_equal(bench_read(bench, 0x1FF1E800), 0x04030201);
    assert_int_equal(bench_read(bench, 0x1FF1E808), 0x0C0B0A09);
    assert_true(machine_bus_read(bench->machine, 0x1FF1E880, 2, &value));
    assert_int_equal(value, 128);
    bench_expect_clean(bench);
    bench_write(bench, 0x1FF1E800, 0);
    bench_expect_violation(bench, "read-only");
}

// What ST's SystemInit writes beyond RCC.
static void test_start_up_writes(void **state)
{
    struct bench *bench = &((struct chip *)*state)->bench;

    bench_write(bench, 0x51008108, 1);
    assert_int_equal(bench_read(bench, 0x51008108), 1);
    bench_write(bench, RCC + 0xD4, 1u << 12);
    bench_write(bench, 0x52004000, 0x30D2);
    bench_expect_clean(bench);
}

static void test_unmodelled(void **state)
{
    struct bench *bench = &((struct chip *)*state)->bench;

    bench_read(bench, 0x50001008);
    bench_expect_violation(bench, "LTDC is not modelled");
    bench_write(bench, 0x40013000, 0);
    bench_expect_violation(bench, "SPI1 is not modelled");
}

#define CHIP_TEST(name) cmocka_unit_test_setup_teardown(name, open_chip, close_chip)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHIP_TEST(test_iwdg),          CHIP_TEST(test_iwdg_window),
        CHIP_TEST(test_iwdg_lock),     CHIP_TEST(test_wwdg),
        CHIP_TEST(test_rng),           CHIP_TEST(test_exti_pin),
        CHIP_TEST(test_exti_software), CHIP_TEST(test_crs),
        CHIP_TEST(test_ids),           CHIP_TEST(test_start_up_writes),
        CHIP_TEST(test_unmodelled),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("misc", tests, NULL, NULL);
}
