// Exercises the core: each case writes what it saw to the test port's log.
//
// SPDX-License-Identifier: MIT
#include "tests/model/guest/guest.h"

#define STACK_TOP 0x20010000u

void guest_reset(void);
static void irq_low(void);
static void irq_high(void);
static void irq_plain(void);
static void systick(void);
void guest_svc(void);
void guest_pendsv(void);
void guest_hard_fault(void);
void guest_bus_fault(void);
void guest_usage_fault(void);
void guest_nmi(void);

typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) static const vector vectors[16 + 16] = {
    (vector)STACK_TOP,      guest_reset,           [2] = guest_nmi,
    [3] = guest_hard_fault, [5] = guest_bus_fault, [6] = guest_usage_fault,
    [11] = guest_svc,       [14] = guest_pendsv,   [15] = systick,
    [16 + 0] = irq_plain,   [16 + 1] = irq_low,    [16 + 2] = irq_high,
    [16 + 5] = irq_plain,
};

static volatile uint32_t ticks;
static volatile uint32_t flow; // lets handlers act by case

// --- Handlers -----------------------------------------------------------------------------------

static void irq_low(void)
{
    PORT_LOG = 0x100;
    PORT_LOWER = 1;
    PORT_RAISE = 2; // a line of higher or equal priority
    BARRIER();
    PORT_LOG = 0x101;
}

static void irq_high(void)
{
    PORT_LOG = 0x200 + (get_ipsr() & 0xFF);
    PORT_LOWER = 2;
    BARRIER();
}

static void irq_plain(void)
{
    if (flow == 3) {
        __asm volatile("cpsid f" ::: "memory"); // ends with the handler
    }
    if (flow == 4) {
        PORT_LOG = (uint32_t)__builtin_frame_address(0) & 7u;
    }
    PORT_LOG = 0x300 + (get_ipsr() & 0xFF);
    if (flow == 5 && ++ticks < 3) {
        return; // the line stays up
    }
    PORT_LOWER = (get_ipsr() & 0xFF) - 16;
    BARRIER();
}

static void systick(void)
{
    ticks++;
}

void guest_nmi(void)
{
    PORT_LOG = 0x22;
}

// Logs the call's number and puts a value into the caller's r0. one: all of the handler's first
// instructions were executed.
__attribute__((used)) static void svc_body(uint32_t *frame, uint32_t one)
{
    const uint16_t *behind = (const uint16_t *)frame[6];

    if (one != 1) {
        PORT_LOG = 0xBAD;
    }
    PORT_LOG = 0x5000u + (behind[-1] & 0xFFu);
    frame[0] = frame[0] + frame[1];
}

// A caller's IT block must not reach into the handler.
__attribute__((naked)) void guest_svc(void)
{
    __asm volatile("cmp r0, r0\n movs r1, #1\n tst lr, #4\n"
                   "ite eq\n mrseq r0, msp\n mrsne r0, psp\n b svc_body");
}

__attribute__((used)) static void fault_body(uint32_t *frame, uint32_t number)
{
    PORT_LOG = 0xF000u + number;
    PORT_LOG = CFSR;
    PORT_LOG = HFSR;
    if ((CFSR & 0x8000u) != 0) {
        PORT_LOG = BFAR;
    }
    CFSR = CFSR;
    HFSR = HFSR;
    PORT_LOG = frame[6];
    if (flow == 1) {
        frame[6] = frame[5] & ~1u; // as if the function that failed had returned
        frame[7] |= 1u << 24;      // its Thumb bit may be what failed
    } else if (flow == 2) {
        PORT_EXIT = 0;
    } else {
        frame[6] += 2;
    }
}

#define FAULT_HANDLER(name)                                                                        \
    __attribute__((naked)) void name(void)                                                         \
    {                                                                                              \
        __asm volatile("tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n mrs r1, ipsr\n"      \
                       "b fault_body");                                                            \
    }
FAULT_HANDLER(guest_hard_fault)
FAULT_HANDLER(guest_bus_fault)
FAULT_HANDLER(guest_usage_fault)

// --- Cases --------------------------------------------------------------------------------------

// A line of higher priority runs inside one of lower priority.
static void case_nested(void)
{
    IPR(1) = 0x80;
    IPR(2) = 0x40;
    ISER0 = 6;
    PORT_RAISE = 1;
    BARRIER();
    PORT_LOG = 1;
}

// A line of equal priority waits and is tail-chained.
static void case_tail_chain(void)
{
    IPR(1) = 0x80;
    IPR(2) = 0x80;
    ISER0 = 6;
    PORT_RAISE = 1;
    BARRIER();
    PORT_LOG = 1;
}

// Priorities 0x80 and 0x90 are one group when the group has three bits only.
static void case_grouping(void)
{
    AIRCR = 0x05FA0000u | 4u << 8;
    IPR(1) = 0x90;
    IPR(2) = 0x80;
    ISER0 = 6;
    PORT_RAISE = 1;
    BARRIER();
    PORT_LOG = 1;
}

static void case_basepri(void)
{
    IPR(2) = 0x80;
    ISER0 = 4;
    set_basepri(0x80);
    PORT_RAISE = 2;
    BARRIER();
    PORT_LOG = 1;
    set_basepri(0x90);
    PORT_LOG = 2;
    set_basepri(0);
    __asm volatile("cpsid i" ::: "memory");
    PORT_RAISE = 2;
    BARRIER();
    PORT_LOG = 3;
    __asm volatile("cpsie i" ::: "memory");
    PORT_LOG = 4;
}

static uint32_t call(uint32_t a, uint32_t b)
{
    register uint32_t r0 __asm("r0") = a;
    register uint32_t r1 __asm("r1") = b;

    __asm volatile("svc #42" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void case_svc(void)
{
    PORT_LOG = call(1000, 234);
}

// WFI sleeps until a line comes up, also with PRIMASK set; then the line waits for CPSIE.
static void case_wfi(void)
{
    ISER0 = 1u << 5;
    PORT_LATER = 500;
    __asm volatile("cpsid i\n wfi" ::: "memory");
    PORT_LOG = 1;
    __asm volatile("cpsie i" ::: "memory");
    PORT_LOG = 2;
    PORT_LATER = 500;
    __asm volatile("wfi" ::: "memory");
    PORT_LOG = 3;
    __asm volatile("sev\n wfe" ::: "memory"); // the event is there: no sleep
    PORT_LOG = 4;
}

static void case_sleep_on_exit(void)
{
    ISER0 = 1u << 5;
    SCR = 2;
    PORT_LATER = 100;
    __asm volatile("wfi" ::: "memory");
    PORT_LOG = 99; // never: the core sleeps again when the handler returns
    PORT_EXIT = 0;
}

// 100 ticks of 6400 cycles of 64 MHz: 10 ms.
static void case_systick(void)
{
    uint32_t start;

    DEMCR = 1u << 24;
    CYCCNT = 0;
    DWT_CTRL = 1;
    SYST_LOAD = 6399;
    SYST_VAL = 0;
    SYST_CTRL = 7;
    start = CYCCNT;
    while (ticks < 100) {
        __asm volatile("wfi" ::: "memory");
    }
    PORT_LOG = (CYCCNT - start) / 6400;
    SYST_CTRL = 0;
}

// Reading SysTick's value and flag without interrupts.
static void case_systick_poll(void)
{
    unsigned wraps = 0;

    SYST_LOAD = 999;
    SYST_VAL = 0;
    SYST_CTRL = 5;
    while (wraps < 3) {
        uint32_t value = SYST_VAL;

        if (value > 999) {
            PORT_LOG = 0xBAD;
        }
        if ((SYST_CTRL & 0x10000u) != 0) {
            wraps++;
        }
    }
    PORT_LOG = wraps;
}

__attribute__((noinline)) static void read_nowhere(void)
{
    (void)WORD(0x60000004);
}

__attribute__((noinline)) static void undefined_instruction(void)
{
    __asm volatile("udf #0");
}

static void case_bus_fault(void)
{
    SHCSR = 7u << 16;
    flow = 1;
    read_nowhere();
    PORT_LOG = 1;
    undefined_instruction();
    PORT_LOG = 2;
}

// Without its own handler enabled a fault becomes a HardFault.
static void case_escalation(void)
{
    flow = 1;
    read_nowhere();
    PORT_LOG = 1;
}

// A call through a null pointer's neighbour: bit 0 clear.
static void case_invalid_state(void)
{
    void (*function)(void) = (void (*)(void))0x08000100;

    SHCSR = 7u << 16;
    flow = 1;
    __asm volatile("" : "+r"(function));
    function();
    PORT_LOG = 1;
}

// A fault in the HardFault handler: the case makes fault_body itself fail.
static void case_lock_up(void)
{
    flow = 0;
    __asm volatile("cpsid f" ::: "memory");
    read_nowhere();
}

// Executing from a peripheral's address.
static void case_execute_never(void)
{
    void (*function)(void) = (void (*)(void))0x40000001;

    flow = 1;
    __asm volatile("" : "+r"(function));
    function();
    PORT_LOG = 1;
}

// Code that is written, run, written anew and run again.
static void case_self_modifying(void)
{
    static uint16_t code[4];
    uint32_t (*function)(void) = (uint32_t(*)(void))((uintptr_t)code | 1);
    uint32_t (*neighbour)(void) = (uint32_t(*)(void))((uintptr_t)(code + 2) | 1);

    code[0] = 0x2007; // movs r0, #7
    code[1] = 0x4770; // bx lr
    code[2] = 0x2030; // movs r0, #48
    code[3] = 0x4770;
    BARRIER();
    PORT_LOG = function() + neighbour();
    for (uint16_t i = 8; i < 11; i++) {
        code[0] = 0x2000 + i;
        BARRIER();
        PORT_LOG = function();
    }
}

static void case_fpu_off(void)
{
    __asm volatile("vmov.f32 s0, #1.0" ::: "memory");
    PORT_LOG = 1;
}

// NMI is taken with interrupts off, before the next instruction.
static void case_nmi(void)
{
    __asm volatile("cpsid i" ::: "memory");
    ICSR = 1u << 31;
    BARRIER();
    PORT_LOG = 1;
}

// --- Two threads with floating-point registers, switched by PendSV ------------------------------

static uint32_t *thread_sp[2];
static volatile uint32_t thread;
static volatile double sums[2];
static uint32_t stacks[2][256] __attribute__((aligned(8)));

__attribute__((used)) static uint32_t *switch_thread(uint32_t *sp)
{
    thread_sp[thread] = sp;
    thread ^= 1;
    return thread_sp[thread];
}

// As an RTOS does it: EXC_RETURN and r4-r11 on the process stack, s16-s31 if they are in use.
__attribute__((naked)) void guest_pendsv(void)
{
    __asm volatile("mrs r0, psp\n"
                   "tst lr, #16\n it eq\n vstmdbeq r0!, {s16-s31}\n"
                   "stmdb r0!, {r4-r11, lr}\n"
                   "bl switch_thread\n"
                   "ldmia r0!, {r4-r11, lr}\n"
                   "tst lr, #16\n it eq\n vldmiaeq r0!, {s16-s31}\n"
                   "msr psp, r0\n"
                   "bx lr");
}

static void yield(void)
{
    ICSR = 1u << 28;
    BARRIER();
}

static double work(double start, double factor)
{
    double sum = start;

    for (int i = 0; i < 200; i++) {
        sum = sum * factor + i;
        if (i % 10 == 0) {
            yield();
        }
    }
    return sum;
}

static void second_thread(void)
{
    sums[1] = work(2.5, 0.5);
    for (;;) {
        yield();
    }
}

static void log_double(double value)
{
    union {
        double number;
        uint32_t words[2];
    } bits = {.number = value};

    PORT_LOG = bits.words[0];
    PORT_LOG = bits.words[1];
}

static void case_threads(void)
{
    uint32_t control = 2;
    uint32_t *sp = &stacks[1][256];

    CPACR = 0xFu << 20;
    BARRIER();
    SHPR(14) = 0xF0;
    *--sp = 0x01000000;
    *--sp = (uint32_t)second_thread;
    for (int i = 0; i < 6; i++) {
        *--sp = 0;
    }
    *--sp = 0xFFFFFFFD;
    for (int i = 0; i < 8; i++) {
        *--sp = 0;
    }
    thread_sp[1] = sp;
    // From here on the process stack is in use: no return.
    __asm volatile(
        "msr psp, %0\n msr control, %1\n isb\n b run_first_thread" ::"r"(&stacks[0][256]),
        "r"(control)
        : "memory");
}

__attribute__((used)) static void run_first_thread(void)
{
    sums[0] = work(1.25, 0.75);
    while (sums[1] == 0.0) {
        yield();
    }
    log_double(sums[0]);
    log_double(sums[1]);
    PORT_EXIT = 0;
}

// A thread without privilege can't write the NVIC: BusFault; SVC still works.
static void case_unprivileged(void)
{
    flow = 1;
    SHCSR = 7u << 16;
    ISER0 = 1u << 5;
    __asm volatile("msr psp, %0\n msr control, %1\n isb" ::"r"(&stacks[0][256]), "r"(3) : "memory");
    PORT_LOG = call(5, 6);
    PORT_RAISE = 5;
    BARRIER();
    ISER0 = 2; // NOLINT: refused
    PORT_LOG = 2;
    PORT_EXIT = 0;
}

// Something to measure the speed of the simulation with: bit tricks and multiplications.
static void case_compute(void)
{
    uint32_t x = 123456789;
    uint32_t sum = 0;

    for (uint32_t i = 0; i < 20000000; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        sum += x * i;
        if ((x & 3) == 0) {
            sum ^= sum >> 7;
        }
    }
    PORT_LOG = sum;
}

// An SVC inside an IT block: what follows in the block keeps its condition.
static void case_it_block(void)
{
    uint32_t taken = 0;
    uint32_t not_taken = 0;

    __asm volatile("movs r0, #1\n movs r1, #9\n"
                   "cmp r0, #2\n"
                   "ittte ne\n"
                   "svcne #42\n"
                   "addne %0, %0, #1\n"
                   "addne %0, %0, #1\n"
                   "addeq %1, %1, #1\n"
                   : "+r"(taken), "+r"(not_taken)
                   :
                   : "r0", "r1", "cc", "memory");
    PORT_LOG = taken;
    PORT_LOG = not_taken;
}

// Branches, conditions, flags and floating point while an interrupt comes every 211 cycles.
static void case_interrupted(void)
{
    uint32_t x = 1;
    uint32_t sum = 0;
    double real = 1.0;

    CPACR = 0xFu << 20;
    BARRIER();
    SYST_LOAD = 210;
    SYST_VAL = 0;
    SYST_CTRL = 7;
    for (uint32_t i = 0; i < 200000; i++) {
        x = x * 1664525u + 1013904223u;
        sum += (x >> 9) > i ? x : ~x;
        if ((x & 0x70) == 0x30) {
            sum = (sum << 7) | (sum >> 25);
        }
        real = real * 0.999 + (double)(x >> 20);
    }
    SYST_CTRL = 0;
    PORT_LOG = sum;
    log_double(real);
    PORT_LOG = ticks > 1000;
}

// --- The window ---------------------------------------------------------------------------------

#define MPU_WINDOW(attributes) ((attributes) | 15u << 1 | 1u) // 64 KB
#define MPU_CLOSED             (1u << 28)                     // no access, execute never
#define MPU_OPEN               (6u << 24 | 1u << 17 | 1u << 16 | 1u << 19)

__attribute__((section(".window"), naked, noinline)) static uint32_t window_number(void)
{
    __asm volatile("movs r0, #7\n bx lr");
}

// 64 instructions of 2 bytes: 4 lines.
__attribute__((section(".window.long"), naked, noinline, aligned(32))) static void window_long(void)
{
    __asm volatile(".rept 63\n nop\n .endr\n bx lr");
}

__attribute__((section(".window.self"), noinline)) static void window_hides_itself(void)
{
    PORT_WINDOW = 0;
    BARRIER();
}

static void window_attributes(uint32_t attributes)
{
    MPU_RNR = 3;
    MPU_RBAR = 0x90000000;
    MPU_RASR = MPU_WINDOW(attributes);
    MPU_CTRL = 5;
    BARRIER();
}

static void window_close(void)
{
    window_attributes(MPU_CLOSED);
    PORT_WINDOW = 0;
    BARRIER();
}

static void window_open(void)
{
    PORT_WINDOW = 1;
    window_attributes(MPU_OPEN);
}

static void data_cache_invalidate(void)
{
    for (uint32_t set = 0; set < 128; set++) {
        for (uint32_t way = 0; way < 4; way++) {
            DCISW = way << 30 | set << 5;
        }
    }
    BARRIER();
}

static void case_instruction_cache(void)
{
    ICIALLU = 0;
    CCR |= 1u << 17;
    BARRIER();
    window_open();
    PORT_LOG = window_number();
    window_close();
    PORT_PATCH = 0;
    window_open();
    ICIALLU = 0;
    BARRIER();
    PORT_LOG = window_number();
    window_close();
    PORT_PATCH = 0;
    window_open();
    PORT_LOG = 0x1CAC4E; // from here on the invalidation is missing
    PORT_LOG = window_number();
}

static void case_data_cache(void)
{
    data_cache_invalidate();
    CCR |= 1u << 16;
    BARRIER();
    window_open();
    PORT_LOG = WORD(0x90000000) & 0xFF;
    window_close();
    PORT_PATCH = 0;
    DCIMVAC = 0x90000000;
    BARRIER();
    window_open();
    PORT_LOG = WORD(0x90000000) & 0xFF;
    window_close();
    PORT_PATCH = 0;
    window_open();
    PORT_LOG = 0xDCAC4E; // from here on the invalidation is missing
    PORT_LOG = WORD(0x90000000) & 0xFF;
}

static void case_cache_not_invalidated(void)
{
    CCR |= 1u << 17;
    BARRIER();
    PORT_LOG = 1;
    CCR |= 1u << 16;
    BARRIER();
    PORT_LOG = 2;
}

// The window is hidden while speculative reads could reach it.
static void case_mpu_open(void)
{
    window_open();
    PORT_LOG = WORD(0x90000000) & 0xFF;
    PORT_WINDOW = 0;
    BARRIER();
    PORT_LOG = 1;
}

static void case_hidden_by_itself(void)
{
    flow = 2;
    window_open();
    PORT_LOG = 1;
    window_hides_itself();
}

static void case_hidden(void)
{
    SHCSR = 7u << 16;
    flow = 1;
    window_number();
    PORT_LOG = 1;
}

static void case_mpu_execute_never(void)
{
    flow = 1;
    window_open();
    window_attributes(MPU_OPEN | 1u << 28);
    window_number();
    PORT_LOG = 1;
}

static void case_mpu_alignment(void)
{
    MPU_RNR = 0;
    MPU_RBAR = 0x20000020;
    MPU_RASR = 3u << 24 | 7u << 1 | 1u;
    PORT_LOG = 1;
}

// Cycles that 64 instructions in 4 lines take: without and with the instruction cache.
static void case_window_cost(void)
{
    uint32_t start;

    DEMCR = 1u << 24;
    DWT_CTRL = 1;
    window_open();
    for (int i = 0; i < 2; i++) {
        start = CYCCNT;
        BARRIER();
        window_long();
        BARRIER();
        PORT_LOG = CYCCNT - start;
    }
    ICIALLU = 0;
    CCR |= 1u << 17;
    BARRIER();
    for (int i = 0; i < 2; i++) {
        start = CYCCNT;
        BARRIER();
        window_long();
        BARRIER();
        PORT_LOG = CYCCNT - start;
    }
}

// Cycles that reading a word of each of 4 lines takes: without and with the data cache.
static void case_window_read(void)
{
    const volatile uint32_t *words = (const volatile uint32_t *)0x90008000u;
    uint32_t start;

    DEMCR = 1u << 24;
    DWT_CTRL = 1;
    window_open();
    for (int i = 0; i < 4; i++) {
        if (i == 2) {
            data_cache_invalidate();
            CCR |= 1u << 16;
        }
        BARRIER();
        start = CYCCNT;
        (void)words[0];
        (void)words[8];
        (void)words[16];
        (void)words[24];
        PORT_LOG = CYCCNT - start;
    }
}

// Of pending lines the one with the lower priority value comes first, then the lower number; all
// one after the other within one group.
static void case_order(void)
{
    IPR(0) = 0xB0;
    IPR(1) = 0xA0;
    IPR(2) = 0x90;
    IPR(5) = 0xB0;
    ISER0 = 0x27;
    AIRCR = 0x05FA0000u | 7u << 8;
    __asm volatile("cpsid i" ::: "memory");
    PORT_RAISE = 5;
    PORT_RAISE = 1;
    PORT_RAISE = 0;
    BARRIER();
    PORT_LOG = 1;
    __asm volatile("cpsie i" ::: "memory");
    PORT_LOG = 2;
}

static void case_fault_mask(void)
{
    uint32_t mask;

    flow = 3;
    ISER0 = 1u << 5;
    PORT_RAISE = 5;
    BARRIER();
    __asm volatile("mrs %0, faultmask" : "=r"(mask));
    PORT_LOG = mask;
}

// The stack is off by 4 when the interrupt comes: the frame is aligned to 8 all the same.
static void case_stack_alignment(void)
{
    uint32_t before;
    uint32_t after;

    flow = 4;
    ISER0 = 1u << 5;
    __asm volatile("mov r4, sp\n"
                   "bic r5, r4, #7\n sub r5, r5, #4\n mov sp, r5\n"
                   "movs r6, #5\n str r6, [%2]\n dsb\n isb\n"
                   "mov %0, r5\n mov %1, sp\n mov sp, r4"
                   : "=&r"(before), "=&r"(after)
                   : "r"(&PORT_RAISE)
                   : "r4", "r5", "r6", "memory");
    PORT_LOG = before - after;
}

// A line that stays up interrupts again.
static void case_level(void)
{
    flow = 5;
    ISER0 = 1u << 5;
    PORT_RAISE = 5;
    BARRIER();
    PORT_LOG = 1;
}

static void (*const cases[])(void) = {
    case_nested,
    case_tail_chain,
    case_grouping,
    case_basepri,
    case_svc,
    case_wfi,
    case_sleep_on_exit,
    case_systick,
    case_systick_poll,
    case_bus_fault,
    case_escalation,
    case_invalid_state,
    case_lock_up,
    case_execute_never,
    case_self_modifying,
    case_fpu_off,
    case_nmi,
    case_threads,
    case_unprivileged,
    case_compute,
    case_it_block,
    case_interrupted,
    case_instruction_cache,
    case_data_cache,
    case_cache_not_invalidated,
    case_mpu_open,
    case_hidden_by_itself,
    case_hidden,
    case_mpu_execute_never,
    case_mpu_alignment,
    case_window_cost,
    case_window_read,
    case_order,
    case_fault_mask,
    case_stack_alignment,
    case_level,
};

void guest_reset(void)
{
    cases[PORT_CASE]();
    PORT_EXIT = 0;
    for (;;) {
        __asm volatile("wfi");
    }
}
