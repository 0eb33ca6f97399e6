// The RCC and PWR models: reset state, oscillators, PLLs, switching, limits, backup domain.
// Expected values from RM0433's tables as restated by stm32h7xx-hal, ST's HAL and the SVD.
//
// SPDX-License-Identifier: MIT
#include "tests/model/peripheral_bench.h"

#include "sim/h750_flash.h"
#include "sim/h750_gpio.h"
#include "sim/h750_pwr.h"
#include "sim/h750_rcc.h"

#define RCC       0x58024400u
#define CR        (RCC + 0x00)
#define CFGR      (RCC + 0x10)
#define D1CFGR    (RCC + 0x18)
#define D2CFGR    (RCC + 0x1C)
#define D3CFGR    (RCC + 0x20)
#define PLLCKSELR (RCC + 0x28)
#define PLLCFGR   (RCC + 0x2C)
#define PLL1DIVR  (RCC + 0x30)
#define D1CCIPR   (RCC + 0x4C)
#define D2CCIP2R  (RCC + 0x54)
#define BDCR      (RCC + 0x70)
#define CSR       (RCC + 0x74)
#define RSR       (RCC + 0xD0)
#define AHB3ENR   (RCC + 0xD4)
#define AHB4ENR   (RCC + 0xE0)
#define AHB4RSTR  (RCC + 0x88)
#define PWR       0x58024800u
#define FLASH_ACR 0x52002000u
#define GPIOB     0x58020400u
#define MHZ       1000000u

struct clocks {
    struct bench bench;
    struct rcc *rcc;
    struct pwr *pwr;
    struct gpio *gpio;
};

static int open_clocks(void **state)
{
    static struct clocks clocks;

    bench_open(&clocks.bench);
    clocks.rcc = rcc_create(clocks.bench.machine, 8 * MHZ, 32768);
    clocks.pwr = pwr_create(clocks.bench.machine, clocks.rcc);
    clocks.gpio = gpio_create(clocks.bench.machine);
    flash_create(clocks.bench.machine, clocks.rcc);
    *state = &clocks;
    return 0;
}

static int close_clocks(void **state)
{
    struct clocks *clocks = *state;

    bench_close(&clocks->bench);
    return 0;
}

// As ST's SystemClock_Config does it for an 8 MHz crystal and 400 MHz.
static void start_400_mhz(struct clocks *clocks)
{
    struct bench *bench = &clocks->bench;

    bench_change(bench, PWR + 0x0C, 7, 2); // LDO
    bench_wait_us(bench, 100);
    bench_set(bench, PWR + 0x18, 0xC000); // VOS1
    bench_wait_us(bench, 100);
    assert_int_equal(bench_read(bench, PWR + 0x18), 0xE000);
    bench_set(bench, CR, 1u << 16);
    bench_wait_us(bench, 3000);
    assert_true(bench_read(bench, CR) & 1u << 17);
    bench_change(bench, PLLCKSELR, 0x3F3, 4 << 4 | 2);
    bench_change(bench, PLLCFGR, 0xF, 1 << 2); // 2 MHz: range 1
    bench_write(bench, PLL1DIVR, 1u << 24 | 3u << 16 | 1u << 9 | (400 - 1));
    bench_set(bench, CR, 1u << 24);
    bench_wait_us(bench, 200);
    assert_true(bench_read(bench, CR) & 1u << 25);
    bench_write(bench, FLASH_ACR, 0x22);
    bench_write(bench, D1CFGR, 8 | 4 << 4);
    bench_write(bench, D2CFGR, 4 << 4 | 4 << 8);
    bench_write(bench, D3CFGR, 4 << 4);
    bench_change(bench, CFGR, 7, 3);
    assert_int_equal(bench_read(bench, CFGR) >> 3 & 7, 3);
}

static void test_reset_state(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    assert_int_equal(bench_read(bench, CR) & 0x83, 0x83);
    assert_true(bench_read(bench, CR) & 4); // HSIRDY
    assert_int_equal(bench_read(bench, PLLCKSELR), 0x02020200);
    assert_int_equal(bench_read(bench, PLLCFGR), 0x01FF0000);
    assert_int_equal(bench_read(bench, PLL1DIVR), 0x01010280);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_CPU), 64 * MHZ);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_PCLK4), 64 * MHZ);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_USB), 0);
    assert_true(bench_read(bench, RSR) & 1u << 23);
    bench_set(bench, RSR, 1u << 16);
    assert_int_equal(bench_read(bench, RSR), 0);
    bench_expect_clean(bench);
}

static void test_400_mhz(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    start_400_mhz(clocks);
    bench_expect_clean(bench);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_CPU), 400 * MHZ);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_HCLK), 200 * MHZ);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_PCLK1), 100 * MHZ);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_TIMX), 200 * MHZ);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_QUADSPI), 0); // QSPIEN is 0
    bench_set(bench, AHB3ENR, 1u << 14);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_QUADSPI), 200 * MHZ);
    bench_write(bench, D1CCIPR, 1 << 4); // PLL1Q: 800 / 4
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_QUADSPI), 200 * MHZ);
    // What ST's SystemInit does over it: back to HSI, everything else off in one write.
    bench_write(bench, CFGR, 0);
    bench_write(bench, CR, bench_read(bench, CR) & 0xEAF6ED7F);
    bench_write(bench, PLLCKSELR, 0x02020200);
    bench_write(bench, PLL1DIVR, 0x01010280);
    bench_expect_clean(bench);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_CPU), 64 * MHZ);
}

static void test_timer_clocks(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_write(bench, D2CFGR, 5 << 4 | 6 << 8); // PCLK1 / 4, PCLK2 / 8
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_TIMX), 32 * MHZ);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_TIMY), 16 * MHZ);
    bench_set(bench, CFGR, 1u << 15); // TIMPRE
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_TIMX), 64 * MHZ);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_TIMY), 32 * MHZ);
    bench_expect_clean(bench);
}

static void test_oscillators_take_their_time(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_set(bench, CR, 1u << 16);
    bench_wait_us(bench, 1000);
    assert_false(bench_read(bench, CR) & 1u << 17);
    bench_wait_us(bench, 1100);
    assert_true(bench_read(bench, CR) & 1u << 17);
    bench_set(bench, CR, 1u << 12);
    bench_wait_us(bench, 10);
    assert_true(bench_read(bench, CR) & 1u << 13);
    bench_write(bench, D2CCIP2R, 3u << 20);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_USB), 48 * MHZ);
    bench_expect_clean(bench);
}

static void test_switch_to_dead_clock(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_write(bench, CFGR, 2);
    bench_expect_violation(bench, "not ready");
    assert_int_equal(bench_read(bench, CFGR) >> 3 & 7, 0);
}

static void test_pll_rules(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    // HSI / 32 = 2 MHz with the reset value's range 0 (1 to 2 MHz) fits, 129 * 2 = 258 MHz too.
    bench_set(bench, CR, 1u << 24);
    bench_wait_us(bench, 200);
    bench_expect_clean(bench);
    bench_write(bench, PLL1DIVR, 0x01010281);
    bench_expect_violation(bench, "while that PLL is on");
    bench_change(bench, PLLCKSELR, 3, 2);
    bench_expect_violation(bench, "PLLSRC");
    bench_clear(bench, CR, 1u << 24);
    bench_write(bench, PLL1DIVR, 0x01010200 | 39); // 80 MHz VCO
    bench_set(bench, CR, 1u << 24);
    bench_expect_violation(bench, "VCO");
    bench_clear(bench, CR, 1u << 24);
    bench_write(bench, PLL1DIVR, 0x01010280);
    bench_change(bench, PLLCFGR, 0xC, 3 << 2);
    bench_set(bench, CR, 1u << 24);
    bench_expect_violation(bench, "outside 8 to 16 MHz");
}

static void test_pll_fraction(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    // 2 MHz * (96 + 2496/8192) = 192.609375 MHz, / 2: 98.304 kHz audio family needs fractions.
    bench_write(bench, PLL1DIVR, 0x01010200 | 95);
    bench_write(bench, RCC + 0x34, 2496 << 3);
    bench_set(bench, PLLCFGR, 1);
    bench_set(bench, CR, 1u << 24);
    bench_wait_us(bench, 200);
    bench_write(bench, D2CCIP2R, 1u << 20);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_USB), 192609375 / 2);
    bench_expect_clean(bench);
}

static void test_limits(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_write(bench, FLASH_ACR, 0);
    bench_expect_violation(bench, "wait states"); // 64 MHz at scale 3 needs 1
    bench_write(bench, FLASH_ACR, 0x37);
    start_400_mhz(clocks);
    bench_expect_clean(bench);
    bench_write(bench, D2CFGR, 4 << 4);
    bench_expect_violation(bench, "PCLK2");
    bench_write(bench, D2CFGR, 4 << 4 | 4 << 8);
    bench_change(bench, PWR + 0x18, 0xC000, 0x8000); // VOS2 at 400 MHz
    // CPU 400 > 300, HCLK 200 > 150, four times PCLK 100 > 75, 2 wait states reach 165 MHz.
    assert_int_equal(bench->violations, 7);
}

static void test_overdrive_needs_scale_1(void **state)
{
    struct clocks *clocks = *state;

    pwr_set_overdrive(clocks->pwr, true);
    bench_expect_violation(&clocks->bench, "ODEN");
}

static void test_supply_once(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_set(bench, PWR + 0x18, 0x4000); // as it is
    bench_expect_violation(bench, "before the supply was ready");
    bench_change(bench, PWR + 0x0C, 7, 2);
    bench_wait_us(bench, 100);
    assert_true(bench_read(bench, PWR + 0x04) & 1u << 13);
    assert_false(bench_read(bench, PWR + 0x0C) & 4); // SCUEN: locked now
    bench_change(bench, PWR + 0x0C, 7, 1);
    bench_expect_violation(bench, "second time");
}

// NuttX writes the scale right behind CR3 and awaits ACTVOSRDY afterwards, ST's older examples
// never write CR3. Both run on real chips.
static void test_scale_too_early(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_set(bench, PWR + 0x18, 0xC000);
    bench_expect_violation(bench, "before the supply was ready");
    assert_int_equal(bench_read(bench, PWR + 0x18), 0xC000); // no VOSRDY yet
    bench_wait_us(bench, 100);
    assert_int_equal(bench_read(bench, PWR + 0x18), 0xE000);
    assert_int_equal(pwr_voltage_scale(clocks->pwr), 1);
    assert_false(bench_read(bench, PWR + 0x04) & 1u << 13); // ACTVOSRDY waits for CR3
    bench_change(bench, PWR + 0x0C, 7, 2);
    bench_wait_us(bench, 100);
    assert_true(bench_read(bench, PWR + 0x04) & 1u << 13);
    bench_expect_clean(bench);
}

static void test_backup_regulator(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_write(bench, PWR + 0x08, 0); // as it is
    bench_expect_clean(bench);
    bench_write(bench, PWR + 0x08, 1);
    bench_expect_violation(bench, "BREN 1, MONEN 0 while CR1.DBP is 0");
    assert_int_equal(bench_read(bench, PWR + 0x08), 0);
    bench_set(bench, PWR + 0x00, 1u << 8);
    bench_write(bench, PWR + 0x08, 1);
    assert_int_equal(bench_read(bench, PWR + 0x08), 1u << 16 | 1);
    bench_expect_clean(bench);
}

static void test_gates_and_resets(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_read(bench, GPIOB);
    bench_expect_violation(bench, "clock is off");
    bench_set(bench, AHB4ENR, 2);
    assert_int_equal(bench_read(bench, RCC + 0x140), 2); // C1_AHB4ENR shows the same
    bench_write(bench, GPIOB, 0);
    bench_set(bench, AHB4RSTR, 2);
    bench_read(bench, GPIOB);
    bench_expect_violation(bench, "held in reset");
    bench_clear(bench, AHB4RSTR, 2);
    assert_int_equal(bench_read(bench, GPIOB), 0xFFFFFEBF);
    bench_expect_clean(bench);
}

static void test_backup_domain(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_set(bench, BDCR, 1);
    bench_expect_violation(bench, "DBP");
    bench_set(bench, PWR, 1u << 8);
    bench_set(bench, BDCR, 1);
    bench_wait_us(bench, 2100000);
    assert_int_equal(bench_read(bench, BDCR), 3);
    bench_set(bench, BDCR, 1u << 8 | 1u << 15);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_RTC), 32768);
    bench_change(bench, BDCR, 3u << 8, 2u << 8);
    bench_expect_violation(bench, "RTCSEL");
    machine_reset_now(bench->machine, RESET_SOFTWARE);
    assert_int_equal(bench_read(bench, BDCR), 0x8103);
    bench_set(bench, PWR, 1u << 8);
    bench_write(bench, BDCR, 1u << 16);
    bench_write(bench, BDCR, 0);
    assert_int_equal(bench_read(bench, BDCR), 0);
    bench_expect_clean(bench);
}

static void test_reset_causes(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_write(bench, RSR, 1u << 16);
    start_400_mhz(clocks);
    machine_reset_now(bench->machine, RESET_SOFTWARE);
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_CPU), 64 * MHZ);
    assert_int_equal(bench_read(bench, RSR), 1u << 24 | 1u << 22 | 1u << 17);
    machine_reset_now(bench->machine, RESET_IWDG1);
    assert_true(bench_read(bench, RSR) & 1u << 26);
    assert_true(bench_read(bench, RCC + 0x130) & 1u << 24); // flags add up; C1_RSR is the same
    bench_expect_clean(bench);
}

static void test_ready_interrupt(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_write(bench, RCC + 0x60, 1); // LSIRDYIE
    bench_set(bench, CSR, 1);
    bench_wait_us(bench, 500);
    assert_int_equal(bench_read(bench, CSR), 3);
    assert_int_equal(bench_read(bench, RCC + 0x64), 1);
    assert_true(machine_irq_level(bench->machine, 5));
    bench_write(bench, RCC + 0x68, 1);
    assert_false(machine_irq_level(bench->machine, 5));
    bench_expect_clean(bench);
}

static void test_stopping_the_system(void **state)
{
    struct clocks *clocks = *state;
    struct bench *bench = &clocks->bench;

    bench_clear(bench, CR, 1);
    bench_expect_violation(bench, "HSI switched off");
    assert_true(bench_read(bench, CR) & 1);
    start_400_mhz(clocks);
    bench_clear(bench, CR, 1u << 24);
    bench_expect_violation(bench, "PLL1 switched off");
    assert_int_equal(rcc_clock_hz(clocks->rcc, RCC_CLOCK_CPU), 400 * MHZ);
}

#define CLOCK_TEST(name) cmocka_unit_test_setup_teardown(name, open_clocks, close_clocks)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLOCK_TEST(test_reset_state),
        CLOCK_TEST(test_400_mhz),
        CLOCK_TEST(test_timer_clocks),
        CLOCK_TEST(test_oscillators_take_their_time),
        CLOCK_TEST(test_switch_to_dead_clock),
        CLOCK_TEST(test_pll_rules),
        CLOCK_TEST(test_pll_fraction),
        CLOCK_TEST(test_limits),
        CLOCK_TEST(test_overdrive_needs_scale_1),
        CLOCK_TEST(test_supply_once),
        CLOCK_TEST(test_scale_too_early),
        CLOCK_TEST(test_backup_regulator),
        CLOCK_TEST(test_gates_and_resets),
        CLOCK_TEST(test_backup_domain),
        CLOCK_TEST(test_reset_causes),
        CLOCK_TEST(test_ready_interrupt),
        CLOCK_TEST(test_stopping_the_system),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("rcc", tests, NULL, NULL);
}
