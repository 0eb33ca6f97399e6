// The FLASH model: keys, programming in 256-bit words, erase, option bytes, torn operations.
// protection. Expected values from the SVDs, ST's HAL (keys, sequence) and DS12556's typical times.
//
// SPDX-License-Identifier: MIT
#include "tests/model/peripheral_bench.h"

#include "sim/h750_flash.h"
#include "sim/h750_rcc.h"

#define FLASH_R 0x52002000u
#define ACR     (FLASH_R + 0x00)
#define KEYR1   (FLASH_R + 0x04)
#define OPTKEYR (FLASH_R + 0x08)
#define CR1     (FLASH_R + 0x0C)
#define SR1     (FLASH_R + 0x10)
#define CCR1    (FLASH_R + 0x14)
#define OPTCR   (FLASH_R + 0x18)
#define BSY     1u
#define WBNE    2u
#define QW      4u
#define EOP     (1u << 16)

struct chip {
    struct bench bench;
    struct flash *flash;
};

static int open_chip(void **state)
{
    static struct chip chip;

    bench_open(&chip.bench);
    chip.flash = flash_create(chip.bench.machine, rcc_create(chip.bench.machine, 0, 0));
    *state = &chip;
    return 0;
}

static int close_chip(void **state)
{
    bench_close(&((struct chip *)*state)->bench);
    return 0;
}

static void unlock(struct bench *bench)
{
    bench_write(bench, KEYR1, 0x45670123);
    bench_write(bench, KEYR1, 0xCDEF89AB);
    assert_false(bench_read(bench, CR1) & 1);
}

static void program_word(struct bench *bench, uint32_t offset, uint32_t seed)
{
    for (uint32_t i = 0; i < 8; i++) {
        bench_write(bench, FLASH_BASE + offset + 4 * i, seed + i);
    }
}

static void test_program(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    unlock(bench);
    bench_write(bench, CR1, 0x32); // PSIZE 64 bits, PG
    bench_write(bench, FLASH_BASE + 0x40, 0x11223344);
    assert_int_equal(bench_read(bench, SR1), WBNE);
    for (uint32_t i = 1; i < 8; i++) {
        bench_write(bench, FLASH_BASE + 0x40 + 4 * i, i);
    }
    assert_int_equal(bench_read(bench, SR1), BSY | QW);
    bench_wait_us(bench, 90);
    assert_int_equal(flash_array(chip->flash)[0x40], 0xFF);
    bench_wait_us(bench, 20);
    assert_int_equal(bench_read(bench, SR1), EOP);
    assert_int_equal(bench_read(bench, FLASH_BASE + 0x40), 0x11223344);
    assert_int_equal(bench_read(bench, FLASH_BASE + 0x5C), 7);
    bench_write(bench, CCR1, EOP);
    assert_int_equal(bench_read(bench, SR1), 0);
    assert_int_equal(flash_operations(chip->flash), 1);
    machine_reset_now(bench->machine, RESET_POWER_ON);
    assert_int_equal(bench_read(bench, FLASH_BASE + 0x40), 0x11223344);
    bench_expect_clean(bench);
}

static void test_forced_write(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    unlock(bench);
    bench_write(bench, CR1, 0x32);
    assert_true(machine_bus_write(bench->machine, FLASH_BASE, 1, 0x5A));
    bench_set(bench, CR1, 1u << 6);
    bench_wait_us(bench, 200);
    assert_int_equal(bench_read(bench, FLASH_BASE), 0xFFFFFF5A);
    bench_expect_clean(bench);
}

static void test_program_without_erase(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    unlock(bench);
    bench_write(bench, CR1, 0x32);
    program_word(bench, 0, 0xFFFFFFFF - 7);
    bench_wait_us(bench, 200);
    bench_expect_clean(bench);
    program_word(bench, 0, 0);
    bench_expect_violation(bench, "without being erased");
    for (unsigned times = 0; times < 2; times++) { // even all ones use a word up
        for (uint32_t i = 0; i < 8; i++) {
            bench_write(bench, FLASH_BASE + 0x1000 + 4 * i, 0xFFFFFFFF);
        }
        bench_wait_us(bench, 200);
        assert_int_equal(bench->violations, times);
    }
}

static void test_rules(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    bench_write(bench, CR1, 2);
    bench_expect_violation(bench, "locked");
    bench_write(bench, FLASH_BASE, 0);
    bench_expect_violation(bench, "CR1.PG is 0");
    assert_true(bench_read(bench, SR1) & 1u << 18); // PGSERR
    unlock(bench);
    bench_write(bench, CR1, 0x32);
    bench_write(bench, FLASH_BASE, 0);
    bench_write(bench, FLASH_BASE + 0x20, 0);
    assert_int_equal(bench->violations, 1);
    assert_true(bench_read(bench, SR1) & 1u << 21); // INCERR
    assert_false(bench_read(bench, SR1) & WBNE);    // which loses what was in the buffer
    bench->violations = 0;
    assert_true(machine_bus_write(bench->machine, FLASH_BASE, 1, 0));
    bench_expect_violation(bench, "before SR1.INCERR was cleared");
    bench_write(bench, CCR1, 1u << 21 | 1u << 18);
    bench_write(bench, FLASH_BASE, 0);
    bench_expect_clean(bench);
    bench_write(bench, CR1, 0x30);
    bench_expect_violation(bench, "CR1.PG is cleared");
    assert_int_equal(bench_read(bench, SR1), 0);
    bench_set(bench, CR1, 1u << 7);
    bench_expect_violation(bench, "without SER or BER");
}

static void test_wrong_key(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    assert_false(machine_bus_write(bench->machine, KEYR1, 4, 0x12345678));
    bench_expect_violation(bench, "wrong key");
    assert_false(machine_bus_write(bench->machine, KEYR1, 4, 0x45670123));
    bench->violations = 0;
    machine_reset_now(bench->machine, RESET_SOFTWARE);
    unlock(bench);
    bench_expect_clean(bench);
}

static void test_erase(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    memset(flash_array(chip->flash), 0, FLASH_SIZE);
    unlock(bench);
    bench_write(bench, CR1, 0x34 | 1u << 16); // SER, sector 0, EOPIE
    bench_set(bench, CR1, 1u << 7);
    bench_wait_us(bench, 999000);
    assert_true(bench_read(bench, SR1) & BSY);
    assert_int_equal(flash_array(chip->flash)[0], 0);
    bench_wait_us(bench, 2000);
    assert_int_equal(bench_read(bench, SR1), EOP);
    assert_true(machine_irq_level(bench->machine, 4));
    assert_int_equal(bench_read(bench, FLASH_BASE + FLASH_SIZE - 4), 0xFFFFFFFF);
    bench_write(bench, CR1, 0x134); // sector 1
    bench_set(bench, CR1, 1u << 7);
    bench_expect_violation(bench, "sector 1 does not exist");
}

// What the bus holds up on silicon: forgiven for a word, not for the sector, as nothing is left
// then.
static void test_reading_meanwhile(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    unlock(bench);
    bench_write(bench, CR1, 0x32);
    program_word(bench, 0x40, 0x11223344);
    assert_int_equal(bench_read(bench, FLASH_BASE + 0x40), 0x11223344);
    assert_int_equal(bench_read(bench, SR1), EOP);
    bench_expect_clean(bench);
    bench_write(bench, CR1, 0x34);
    bench_set(bench, CR1, 1u << 7);
    assert_int_equal(bench_read(bench, FLASH_BASE + 0x40), 0xFFFFFFFF);
    bench_expect_violation(bench, "0x08000040 is read or executed while the flash is erased");
}

static void test_unlocking_twice(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    unlock(bench);
    bench_write(bench, KEYR1, 0x45670123);
    bench_expect_violation(bench, "nothing is locked");
    assert_true(bench_read(bench, CR1) & 1);
    bench_write(bench, OPTKEYR, 0x08192A3B);
    bench_write(bench, OPTKEYR, 0x4C5D6E7F);
    bench_write(bench, OPTKEYR, 0x08192A3B);
    bench_expect_violation(bench, "nothing is locked");
    assert_true(bench_read(bench, OPTCR) & 1);
}

static void test_write_protection(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    flash_array(chip->flash)[0] = 0;
    for (unsigned on = 1; on < 2; on--) {
        bench_write(bench, OPTKEYR, 0x08192A3B);
        bench_write(bench, OPTKEYR, 0x4C5D6E7F);
        bench_write(bench, FLASH_R + 0x3C, on ? 0xFE : 0xFF);
        bench_set(bench, OPTCR, 2);
        assert_int_equal(bench_read(bench, SR1), BSY | QW);
        bench_wait_us(bench, 1000000);
        assert_int_equal(bench_read(bench, FLASH_R + 0x38), on ? 0xFE : 0xFF);
        unlock(bench);
        bench_write(bench, CR1, 0x34);
        bench_set(bench, CR1, 1u << 7);
        bench_wait_us(bench, 1100000);
        assert_int_equal(flash_array(chip->flash)[0], on ? 0 : 0xFF);
        assert_int_equal(bench_read(bench, SR1), on ? 1u << 17 : EOP); // WRPERR
        if (on) {
            bench_expect_violation(bench, "WPSN protects");
            machine_reset_now(bench->machine, RESET_SOFTWARE);
        }
    }
    bench_expect_clean(bench);
}

static void options_write(struct bench *bench, uint32_t rdp)
{
    bench_write(bench, OPTKEYR, 0x08192A3B);
    bench_write(bench, OPTKEYR, 0x4C5D6E7F);
    bench_change(bench, FLASH_R + 0x20, 0xFF00, rdp << 8);
    bench_set(bench, OPTCR, 2);
}

static void test_option_errors(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    flash_fail(chip->flash, FLASH_FAILURE_OPTIONS, 1);
    options_write(bench, 0x55);
    bench_write(bench, FLASH_R + 0x3C, 0xFE);
    bench_expect_violation(bench, "while the option bytes are being programmed");
    bench_wait_us(bench, 1000000);
    assert_int_equal(bench_read(bench, FLASH_R + 0x1C) & 0x4000FF00, 0x4000AA00); // OPTCHANGEERR
    bench_write(bench, FLASH_R + 0x24, 1u << 30);
    assert_int_equal(bench_read(bench, FLASH_R + 0x1C) & 0x4000FF00, 0xAA00);
    bench_set(bench, OPTCR, 2);
    bench_wait_us(bench, 100000);
    machine_reset_now(bench->machine, RESET_POWER_ON); // a torn change changes nothing
    bench_wait_us(bench, 1000000);
    assert_int_equal(bench_read(bench, FLASH_R + 0x1C) & 0xFF00, 0xAA00);
    assert_int_equal(bench_read(bench, FLASH_R + 0x20) & 0xFF00, 0xAA00);
    bench_expect_clean(bench);
    options_write(bench, 0xCC);
    bench_expect_violation(bench, "level 2");
}

// At level 1 a debugger costs the flash until power was off, whoever came first.
static void test_intrusion(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;
    uint32_t value;

    machine_tell_debugger(bench->machine);
    assert_int_equal(bench_read(bench, FLASH_BASE), 0xFFFFFFFF);
    options_write(bench, 0x55);
    bench_wait_us(bench, 1000000);
    for (unsigned i = 0; i < 2; i++) {
        assert_false(machine_bus_read(bench->machine, FLASH_BASE, 4, &value));
        assert_true(bench_read(bench, SR1) & 1u << 23); // RDPERR
        machine_reset_now(bench->machine, RESET_PIN);
        assert_false(machine_bus_read(bench->machine, FLASH_BASE, 4, &value));
        machine_reset_now(bench->machine, RESET_POWER_ON);
        assert_int_equal(bench_read(bench, FLASH_BASE), 0xFFFFFFFF);
        machine_tell_debugger(bench->machine);
    }
    bench_expect_clean(bench);
}

static void power_off(void *context)
{
    struct chip *chip = context;

    flash_power_off(chip->flash);
    machine_reset_now(chip->bench.machine, RESET_POWER_ON);
}

static void test_cut_and_failures(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    memset(flash_array(chip->flash), 0, FLASH_SIZE);
    flash_cut_after(chip->flash, 1, 0.25, power_off, chip);
    flash_fail(chip->flash, FLASH_FAILURE_ERASE, 1);
    unlock(bench);
    for (unsigned i = 0; i < 2; i++) {
        bench_write(bench, CR1, 0x34);
        bench_set(bench, CR1, 1u << 7);
        bench_wait_us(bench, 1100000);
        if (i == 0) {
            assert_int_equal(bench_read(bench, SR1), EOP | 1u << 22); // OPERR
            assert_int_equal(bench_read(bench, FLASH_BASE + FLASH_SIZE - 4), 0);
            memset(flash_array(chip->flash), 0, FLASH_SIZE);
        }
    }
    assert_int_equal(bench_read(bench, CR1), 0x31 & 1); // power was off
    assert_int_equal(bench_read(bench, FLASH_BASE + FLASH_SIZE / 4 - 4), 0xFFFFFFFF);
    assert_int_equal(bench_read(bench, FLASH_BASE + FLASH_SIZE / 4), 0);
    flash_fail(chip->flash, FLASH_FAILURE_PROGRAM, 1);
    unlock(bench);
    bench_write(bench, CR1, 0x32);
    program_word(bench, 0, 0);
    assert_int_equal(bench_read(bench, FLASH_BASE + 28), 0xFFFFFFFF);
    bench_expect_clean(bench);
}

static void test_torn_erase(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    memset(flash_array(chip->flash), 0, FLASH_SIZE);
    unlock(bench);
    bench_write(bench, CR1, 0x34);
    bench_set(bench, CR1, 1u << 7);
    bench_wait_us(bench, 500000);
    flash_power_off(chip->flash);
    machine_reset_now(bench->machine, RESET_POWER_ON);
    assert_int_equal(bench_read(bench, FLASH_BASE), 0xFFFFFFFF);
    assert_int_equal(bench_read(bench, FLASH_BASE + FLASH_SIZE - 4), 0);
    bench_expect_clean(bench);
}

static void test_write_high_frequency(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    bench_write(bench, ACR, 0x01); // 64 MHz at scale 3: 1 wait state, WRHIGHFREQ 1
    unlock(bench);
    bench_write(bench, CR1, 0x32);
    program_word(bench, 0, 0);
    bench_expect_violation(bench, "WRHIGHFREQ");
}

static void test_options(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    assert_int_equal(flash_boot_address(chip->flash, false), 0x08000000);
    assert_int_equal(flash_boot_address(chip->flash, true), 0x1FF00000);
    assert_int_equal(bench_read(bench, FLASH_R + 0x1C) >> 8 & 0xFF, 0xAA);
    bench_write(bench, FLASH_R + 0x44, 0x1FF02400);
    bench_expect_violation(bench, "OPTLOCK");
    bench_write(bench, OPTKEYR, 0x08192A3B);
    bench_write(bench, OPTKEYR, 0x4C5D6E7F);
    bench_write(bench, FLASH_R + 0x44, 0x1FF02400);
    assert_int_equal(flash_boot_address(chip->flash, false), 0x08000000);
    bench_set(bench, OPTCR, 2);
    assert_true(bench_read(bench, FLASH_R + 0x1C) & 1);
    bench_wait_us(bench, 1000000);
    assert_false(bench_read(bench, FLASH_R + 0x1C) & 1);
    assert_int_equal(flash_boot_address(chip->flash, false), 0x24000000);
    machine_reset_now(bench->machine, RESET_POWER_ON);
    assert_int_equal(flash_boot_address(chip->flash, false), 0x24000000);
    bench_expect_clean(bench);
}

static void test_regression_erases(void **state)
{
    struct chip *chip = *state;
    struct bench *bench = &chip->bench;

    memset(flash_array(chip->flash), 0, FLASH_SIZE);
    for (unsigned level = 1; level <= 2; level++) {
        bench_write(bench, OPTKEYR, 0x08192A3B);
        bench_write(bench, OPTKEYR, 0x4C5D6E7F);
        bench_change(bench, FLASH_R + 0x20, 0xFF00, level == 1 ? 0x5500 : 0xAA00);
        bench_set(bench, OPTCR, 2);
        bench_wait_us(bench, 1000000);
        assert_int_equal(bench_read(bench, FLASH_BASE), level == 1 ? 0 : 0xFFFFFFFF);
        bench_set(bench, OPTCR, 1);
    }
    bench_expect_clean(bench);
}

#define CHIP_TEST(name) cmocka_unit_test_setup_teardown(name, open_chip, close_chip)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHIP_TEST(test_program),
        CHIP_TEST(test_forced_write),
        CHIP_TEST(test_program_without_erase),
        CHIP_TEST(test_rules),
        CHIP_TEST(test_wrong_key),
        CHIP_TEST(test_erase),
        CHIP_TEST(test_reading_meanwhile),
        CHIP_TEST(test_unlocking_twice),
        CHIP_TEST(test_write_protection),
        CHIP_TEST(test_option_errors),
        CHIP_TEST(test_intrusion),
        CHIP_TEST(test_cut_and_failures),
        CHIP_TEST(test_torn_erase),
        CHIP_TEST(test_write_high_frequency),
        CHIP_TEST(test_options),
        CHIP_TEST(test_regression_erases),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("flash", tests, NULL, NULL);
}
