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

#define LOG_MAX     64u
#define FLASH_SIZE  0x20000u
#define DTCM_SIZE   0x20000u
#define WINDOW      0x90000000u
#define WINDOW_SIZE 0x10000u

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
    CASE_IT_BLOCK,
    CASE_INTERRUPTED,
    CASE_INSTRUCTION_CACHE,
    CASE_DATA_CACHE,
    CASE_CACHE_NOT_INVALIDATED,
    CASE_MPU_OPEN,
    CASE_HIDDEN_BY_ITSELF,
    CASE_HIDDEN,
    CASE_MPU_EXECUTE_NEVER,
    CASE_MPU_ALIGNMENT,
    CASE_WINDOW_COST,
    CASE_WINDOW_READ,
    CASE_ORDER,
    CASE_FAULT_MASK,
    CASE_STACK_ALIGNMENT,
    CASE_LEVEL,
};

struct bench {
    struct machine *machine;
    struct core *core;
    struct symbols *symbols;
    uint8_t *flash;
    uint8_t *dtcm;
    uint8_t *window;
    uint32_t guest_case;
    uint32_t log[LOG_MAX];
    size_t log_count;
    struct event later;
    char violation[256];
    unsigned violations;
    size_t violation_at; // entries in the log at the first one
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
    case 0x18:
        machine_window_show(bench->machine, WINDOW, value != 0);
        break;
    case 0x1C:
        bench->window[value] = (uint8_t)(bench->window[value] + 2);
        machine_memory_changed(bench->machine, WINDOW + value, 2);
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

    if (address >= WINDOW && address - WINDOW + length <= WINDOW_SIZE) {
        memcpy(bench->window + (address - WINDOW), data, length);
        return true;
    }
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

    if (bench->violations++ == 0) {
        snprintf(bench->violation, sizeof(bench->violation), "%s: %s", device, text);
        bench->violation_at = bench->log_count;
    }
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
    bench->window = aligned_alloc(4096, WINDOW_SIZE);
    bench->dtcm = aligned_alloc(4096, DTCM_SIZE);
    memset(bench->flash, 0xFF, FLASH_SIZE);
    memset(bench->dtcm, 0, DTCM_SIZE);
    memset(bench->window, 0xFF, WINDOW_SIZE);
    if (!loader_load("build/arm/tests/model/guest/core.elf", &target, bench->symbols, &lowest,
                     error, sizeof(error))) {
        fail_msg("%s", error);
    }
    machine_add_device(bench->machine, &port);
    machine_map_memory(bench->machine, "flash", 0x08000000, FLASH_SIZE, bench->flash, false);
    bench->core = core_create(bench->machine, bench->symbols);
    machine_map_memory(bench->machine, "DTCM", 0x20000000, DTCM_SIZE, bench->dtcm, true);
    machine_map_window(bench->machine, "QUADSPI window", WINDOW, WINDOW_SIZE, bench->window, NULL,
                       NULL);
    machine_window_timing(bench->machine, WINDOW, 1000, 500); // 64 and 32 cycles
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
    free(bench->window);
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
    EXPECT(CASE_SELF_MODIFYING, 7 + 48, 8, 9, 10);
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

static void test_order(void **state)
{
    (void)state;
    // irq_low (line 1) raises line 2, which is in the same group and comes after it.
    EXPECT(CASE_ORDER, 1, 0x100, 0x101, 0x200 + 18, 0x300 + 16, 0x300 + 21, 2);
}

static void test_fault_mask(void **state)
{
    (void)state;
    EXPECT(CASE_FAULT_MASK, 0x300 + 21, 0);
}

static void test_stack_alignment(void **state)
{
    (void)state;
    EXPECT(CASE_STACK_ALIGNMENT, 0, 0x300 + 21, 0);
}

static void test_level(void **state)
{
    (void)state;
    EXPECT(CASE_LEVEL, 0x300 + 21, 0x300 + 21, 0x300 + 21, 1);
}

static void test_it_block(void **state)
{
    (void)state;
    EXPECT(CASE_IT_BLOCK, 0x5000 + 42, 2, 0);
}

static void test_interrupted(void **state)
{
    uint32_t expected[4];
    uint32_t x = 1;
    uint32_t sum = 0;
    double real = 1.0;

    (void)state;
    for (uint32_t i = 0; i < 200000; i++) {
        x = x * 1664525u + 1013904223u;
        sum += (x >> 9) > i ? x : ~x;
        if ((x & 0x70) == 0x30) {
            sum = (sum << 7) | (sum >> 25);
        }
        real = real * 0.999 + (double)(x >> 20);
    }
    expected[0] = sum;
    memcpy(&expected[1], &real, 8);
    expected[3] = 1;
    assert_int_equal(run_case(CASE_INTERRUPTED, expected, 4), MACHINE_EXIT_OK);
}

// Runs a case that breaks a rule; the violation came when `at` values had been logged.
static void expect_violation(enum guest_case guest_case, const uint32_t *expected, size_t count,
                             const char *text, size_t at)
{
    struct bench bench;

    bench_create(&bench, guest_case);
    core_run(bench.core, false);
    if (strstr(bench.violation, text) == NULL) {
        fail_msg("'%s' is not in '%s'", text, bench.violation);
    }
    assert_int_equal(bench.violation_at, at);
    assert_int_equal(bench.log_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(bench.log[i], expected[i]);
    }
    bench_destroy(&bench);
}

#define VIOLATION(guest_case, text, at, ...)                                                       \
    do {                                                                                           \
        const uint32_t expected[] = {__VA_ARGS__};                                                 \
        expect_violation(guest_case, expected, sizeof(expected) / 4, text, at);                    \
    } while (0)

static void test_instruction_cache(void **state)
{
    (void)state;
    VIOLATION(CASE_INSTRUCTION_CACHE, "ICIALLU is missing", 3, 7, 9, 0x1CAC4E, 11);
}

static void test_data_cache(void **state)
{
    (void)state;
    VIOLATION(CASE_DATA_CACHE, "the data cache was not invalidated", 3, 7, 9, 0xDCAC4E, 11);
}

static void test_cache_not_invalidated(void **state)
{
    (void)state;
    VIOLATION(CASE_CACHE_NOT_INVALIDATED, "I-cache: enabled without having been invalidated", 0, 1,
              2);
}

static void test_mpu_open(void **state)
{
    (void)state;
    VIOLATION(CASE_MPU_OPEN, "while the MPU lets the core read 0x90000000", 1, 7, 1);
}

static void test_hidden_by_itself(void **state)
{
    struct bench bench;

    (void)state;
    bench_create(&bench, CASE_HIDDEN_BY_ITSELF);
    core_run(bench.core, false);
    assert_non_null(strstr(bench.violation, "left by code that runs in the window"));
    assert_int_equal(bench.log[0], 1);
    assert_int_equal(bench.log[1], 0xF003); // the next fetch fails
    assert_int_equal(bench.log[2], 0x100);  // IBUSERR
    bench_destroy(&bench);
}

static void test_hidden(void **state)
{
    (void)state;
    EXPECT(CASE_HIDDEN, 0xF005, 0x100, 0, symbol("window_number"), 1);
}

static void test_mpu_execute_never(void **state)
{
    (void)state;
    EXPECT(CASE_MPU_EXECUTE_NEVER, 0xF003, 1, 0x40000000, symbol("window_number"), 1);
}

static void test_mpu_alignment(void **state)
{
    (void)state;
    VIOLATION(CASE_MPU_ALIGNMENT, "not a multiple of its size of 2^8", 0, 1);
}

// 64 instructions, and a few around them; fetches cost 64 + 3 * 32 cycles without cache and at
// first with it.
static void test_window_cost(void **state)
{
    struct bench bench;

    (void)state;
    bench_create(&bench, CASE_WINDOW_COST);
    core_run(bench.core, false);
    assert_int_equal(bench.log_count, 4);
    for (size_t i = 0; i < 4; i++) {
        uint32_t fetches = i < 3 ? 64 + 3 * 32 : 0;

        assert_in_range(bench.log[i], 64 + fetches, 64 + fetches + 12);
    }
    bench_destroy(&bench);
}

// The first line costs 64 cycles; each of the others is there 32 cycles later.
static void test_window_read(void **state)
{
    struct bench bench;

    (void)state;
    bench_create(&bench, CASE_WINDOW_READ);
    core_run(bench.core, false);
    assert_int_equal(bench.log_count, 4);
    for (size_t i = 0; i < 4; i++) {
        uint32_t reads = i < 3 ? 64 + 3 * 32 : 0;

        assert_in_range(bench.log[i], reads, reads + 12);
    }
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
        cmocka_unit_test(test_level),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_fault_mask),
        cmocka_unit_test(test_stack_alignment),
        cmocka_unit_test(test_it_block),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_instruction_cache),
        cmocka_unit_test(test_data_cache),
        cmocka_unit_test(test_cache_not_invalidated),
        cmocka_unit_test(test_mpu_open),
        cmocka_unit_test(test_hidden_by_itself),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_mpu_execute_never),
        cmocka_unit_test(test_mpu_alignment),
        cmocka_unit_test(test_window_cost),
        cmocka_unit_test(test_window_read),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
