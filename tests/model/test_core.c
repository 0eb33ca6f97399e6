// Tests of the core complex by a guest program: exceptions, sleep, SysTick, faults.
//
// Expected values follow from the ARMv7-M Architecture Reference Manual; the floating-point sums
// are computed here with the same arithmetic.
//
// SPDX-License-Identifier: MIT
#include "sim/core.h"
#include "sim/loader.h"
#include "sim/machine_build.h"
#include "sim/symbols.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LOG_MAX    64u
#define FLASH_SIZE 0x20000u
#define DTCM_SIZE  0x20000u

enum guest_case {
    CASE_NESTED,
    CASE_TAIL_CHAIN,
    CASE_GROUPING,
    CASE_BASEPRI,
    CASE_SVC,
    CASE_WFI,
    CASE_SLEEP_ON_EXIT,
    CASE_SYSTICK,
    CASE_SYSTICK_POLL,
    CASE_BUS_FAULT,
    CASE_ESCALATION,
    CASE_INVALID_STATE,
    CASE_LOCK_UP,
    CASE_EXECUTE_NEVER,
    CASE_SELF_MODIFYING,
    CASE_FPU_OFF,
    CASE_NMI,
    CASE_THREADS,
    CASE_UNPRIVILEGED,
    CASE_COMPUTE,
};

struct bench {
    struct machine *machine;
    struct core *core;
    struct symbols *symbols;
    uint8_t *flash;
    uint8_t *dtcm;
    uint32_t guest_case;
    uint32_t log[LOG_MAX];
    size_t log_count;
    struct event later;
    char violation[256];
};

static uint32_t port_read(void *context, uint32_t offset, unsigned size)
{
    const struct bench *bench = context;

    (void)size;
    return offset == 8 ? bench->guest_case : 0;
}

static void raise_later(void *context)
{
    struct bench *bench = context;

    machine_irq(bench->machine, 5, true);
}

static void port_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct bench *bench = context;

    (void)size;
    switch (offset) {
    case 0x00:
        machine_stop(bench->machine, MACHINE_EXIT_OK);
        break;
    case 0x04:
        if (bench->log_count < LOG_MAX) {
            bench->log[bench->log_count++] = value;
        }
        break;
    case 0x0C:
        machine_irq(bench->machine, value, true);
        break;
    case 0x10:
        machine_irq(bench->machine, value, false);
        break;
    default:
        event_arm_in(bench->machine, &bench->later, value * NS_PER_US);
        break;
    }
}

static bool put(void *context, uint32_t address, const uint8_t *data, size_t length, char *error,
                size_t error_size)
{
    struct bench *bench = context;

    if (address < 0x08000000 || address - 0x08000000 + length > FLASH_SIZE) {
        snprintf(error, error_size, "outside the flash");
        return false;
    }
    memcpy(bench->flash + (address - 0x08000000), data, length);
    return true;
}

static uint32_t boot_address(void *context)
{
    (void)context;
    return 0x08000000;
}

static void violated(void *context, const char *device, const char *text)
{
    struct bench *bench = context;

    snprintf(bench->violation, sizeof(bench->violation), "%s: %s", device, text);
}

static void bench_create(struct bench *bench, uint32_t guest_case)
{
    struct device port = {.name = "TEST",
                          .base = 0x40000000,
                          .size = 0x20,
                          .context = bench,
                          .read = port_read,
                          .write = port_write};
    struct loader_target target = {.context = bench, .write = put};
    uint32_t lowest;
    char error[256];

    memset(bench, 0, sizeof(*bench));
    bench->guest_case = guest_case;
    bench->later = (struct event){.fire = raise_later, .context = bench, .name = "later"};
    bench->machine = machine_create();
    bench->symbols = symbols_create();
    bench->flash = aligned_alloc(4096, FLASH_SIZE);
    bench->dtcm = aligned_alloc(4096, DTCM_SIZE);
    memset(bench->flash, 0xFF, FLASH_SIZE);
    memset(bench->dtcm, 0, DTCM_SIZE);
    if (!loader_load("build/arm/tests/model/guest/core.elf", &target, bench->symbols, &lowest,
                     error, sizeof(error))) {
        fail_msg("%s", error);
    }
    machine_add_device(bench->machine, &port);
    machine_map_memory(bench->machine, "flash", 0x08000000, FLASH_SIZE, bench->flash, false);
    bench->core = core_create(bench->machine, bench->symbols);
    machine_map_memory(bench->machine, "DTCM", 0x20000000, DTCM_SIZE, bench->dtcm, true);
    core_on_boot(bench->core, boot_address, NULL);
    machine_on_violation(bench->machine, violated, bench);
    machine_reset_now(bench->machine, RESET_POWER_ON);
}

static void bench_destroy(struct bench *bench)
{
    core_destroy(bench->core);
    machine_destroy(bench->machine);
    symbols_destroy(bench->symbols);
    free(bench->flash);
    free(bench->dtcm);
}

// Runs a case and compares its log; returns the exit code.
static int run_case(enum guest_case guest_case, const uint32_t *expected, size_t count)
{
    struct bench bench;
    int code;

    bench_create(&bench, guest_case);
    code = core_run(bench.core, false);
    for (size_t i = 0; i < bench.log_count && i < count; i++) {
        assert_int_equal(bench.log[i], expected[i]);
    }
    assert_int_equal(bench.log_count, count);
    assert_string_equal(bench.violation, "");
    bench_destroy(&bench);
    return code;
}

#define EXPECT(guest_case, ...)                                                                    \
    do {                                                                                           \
        const uint32_t expected[] = {__VA_ARGS__};                                                 \
        assert_int_equal(run_case(guest_case, expected, sizeof(expected) / 4), MACHINE_EXIT_OK);   \
    } while (0)

static void test_nested(void **state)
{
    (void)state;
    EXPECT(CASE_NESTED, 0x100, 0x200 + 18, 0x101, 1);
}

static void test_tail_chain(void **state)
{
    (void)state;
    EXPECT(CASE_TAIL_CHAIN, 0x100, 0x101, 0x200 + 18, 1);
}

static void test_grouping(void **state)
{
    (void)state;
    EXPECT(CASE_GROUPING, 0x100, 0x101, 0x200 + 18, 1);
}

static void test_basepri(void **state)
{
    (void)state;
    EXPECT(CASE_BASEPRI, 1, 0x200 + 18, 2, 3, 0x200 + 18, 4);
}

static void test_svc(void **state)
{
    (void)state;
    EXPECT(CASE_SVC, 0x5000 + 42, 1234);
}

static void test_wfi(void **state)
{
    struct bench bench;
    const uint32_t expected[] = {1, 0x300 + 21, 2, 0x300 + 21, 3, 4};

    (void)state;
    bench_create(&bench, CASE_WFI);
    assert_int_equal(core_run(bench.core, false), MACHINE_EXIT_OK);
    assert_int_equal(bench.log_count, 6);
    assert_memory_equal(bench.log, expected, sizeof(expected));
    // Two sleeps of 500 us each, and little else.
    assert_in_range(machine_now_ns(bench.machine), 1000000, 1100000);
    bench_destroy(&bench);
}

static void test_sleep_on_exit(void **state)
{
    const uint32_t expected[] = {0x300 + 21};

    (void)state;
    assert_int_equal(run_case(CASE_SLEEP_ON_EXIT, expected, 1), MACHINE_EXIT_DEAD);
}

static void test_systick(void **state)
{
    struct bench bench;

    (void)state;
    bench_create(&bench, CASE_SYSTICK);
    assert_int_equal(core_run(bench.core, false), MACHINE_EXIT_OK);
    assert_int_equal(bench.log_count, 1);
    assert_int_equal(bench.log[0], 100);
    assert_in_range(machine_now_ns(bench.machine), 10000000, 10010000);
    bench_destroy(&bench);
}

static void test_systick_poll(void **state)
{
    (void)state;
    EXPECT(CASE_SYSTICK_POLL, 3);
}

static uint32_t symbol(const char *name)
{
    struct bench bench;
    uint32_t address = 0;

    bench_create(&bench, 0);
    assert_true(symbols_find(bench.symbols, name, &address));
    bench_destroy(&bench);
    return address;
}

static void test_bus_fault(void **state)
{
    struct bench bench;

    (void)state;
    bench_create(&bench, CASE_BUS_FAULT);
    assert_int_equal(core_run(bench.core, false), MACHINE_EXIT_OK);
    assert_int_equal(bench.log_count, 11);
    assert_int_equal(bench.log[0], 0xF005);
    assert_int_equal(bench.log[1], 0x8200); // BFARVALID, PRECISERR
    assert_int_equal(bench.log[2], 0);
    assert_int_equal(bench.log[3], 0x60000004);
    // The load itself, somewhere in the first instructions of the function.
    assert_in_range(bench.log[4], symbol("read_nowhere"), symbol("read_nowhere") + 8);
    assert_int_equal(bench.log[5], 1);
    assert_int_equal(bench.log[6], 0xF006);
    assert_int_equal(bench.log[7], 0x10000); // UNDEFINSTR
    assert_int_equal(bench.log[9], symbol("undefined_instruction"));
    assert_int_equal(bench.log[10], 2);
    bench_destroy(&bench);
}

static void test_escalation(void **state)
{
    struct bench bench;

    (void)state;
    bench_create(&bench, CASE_ESCALATION);
    assert_int_equal(core_run(bench.core, false), MACHINE_EXIT_OK);
    assert_int_equal(bench.log[0], 0xF003);
    assert_int_equal(bench.log[1], 0x8200);
    assert_int_equal(bench.log[2], 0x40000000); // FORCED
    assert_int_equal(bench.log[5], 1);
    bench_destroy(&bench);
}

static void test_invalid_state(void **state)
{
    (void)state;
    EXPECT(CASE_INVALID_STATE, 0xF006, 0x20000, 0, 0x08000100, 1);
}

static void test_lock_up(void **state)
{
    (void)state;
    assert_int_equal(run_case(CASE_LOCK_UP, NULL, 0), MACHINE_EXIT_LOCKUP);
}

static void test_execute_never(void **state)
{
    (void)state;
    EXPECT(CASE_EXECUTE_NEVER, 0xF003, 0x1, 0x40000000, 0x40000000, 1);
}

static void test_self_modifying(void **state)
{
    (void)state;
    EXPECT(CASE_SELF_MODIFYING, 7, 9);
}

static void test_fpu_off(void **state)
{
    struct bench bench;

    (void)state;
    bench_create(&bench, CASE_FPU_OFF);
    core_run(bench.core, false);
    assert_non_null(strstr(bench.violation, "CPACR keeps the FPU off"));
    bench_destroy(&bench);
}

static void test_nmi(void **state)
{
    (void)state;
    EXPECT(CASE_NMI, 0x22, 1);
}

static double work(double start, double factor)
{
    double sum = start;

    for (int i = 0; i < 200; i++) {
        sum = sum * factor + i;
    }
    return sum;
}

static void test_threads(void **state)
{
    double first = work(1.25, 0.75);
    double second = work(2.5, 0.5);
    uint32_t expected[4];

    (void)state;
    memcpy(&expected[0], &first, 8);
    memcpy(&expected[2], &second, 8);
    assert_int_equal(run_case(CASE_THREADS, expected, 4), MACHINE_EXIT_OK);
}

static void test_unprivileged(void **state)
{
    struct bench bench;

    (void)state;
    bench_create(&bench, CASE_UNPRIVILEGED);
    core_run(bench.core, false);
    assert_int_equal(bench.log[0], 0x5000 + 42);
    assert_int_equal(bench.log[1], 11);
    assert_int_equal(bench.log[2], 0x300 + 21);
    assert_int_equal(bench.log[3], 0xF005);
    assert_int_equal(bench.log[4], 0x8200);
    assert_int_equal(bench.log[6], 0xE000E100);
    bench_destroy(&bench);
}

// The same run takes the same number of instructions and the same virtual time.
static void test_repeats(void **state)
{
    uint64_t times[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct bench bench;

        bench_create(&bench, CASE_THREADS);
        core_run(bench.core, false);
        times[i] = machine_cycles(bench.machine);
        bench_destroy(&bench);
    }
    assert_int_equal(times[0], times[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_tail_chain),
        cmocka_unit_test(test_grouping),
        cmocka_unit_test(test_basepri),
        cmocka_unit_test(test_svc),
        cmocka_unit_test(test_wfi),
        cmocka_unit_test(test_sleep_on_exit),
        cmocka_unit_test(test_systick),
        cmocka_unit_test(test_systick_poll),
        cmocka_unit_test(test_bus_fault),
        cmocka_unit_test(test_escalation),
        cmocka_unit_test(test_invalid_state),
        cmocka_unit_test(test_lock_up),
        cmocka_unit_test(test_execute_never),
        cmocka_unit_test(test_self_modifying),
        cmocka_unit_test(test_fpu_off),
        cmocka_unit_test(test_nmi),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_unprivileged),
        cmocka_unit_test(test_repeats),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
