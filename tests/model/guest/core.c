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
    PORT_LOG = 0x300 + (get_ipsr() & 0xFF);
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

// Logs the call's number and puts a value into the caller's r0.
__attribute__((used)) static void svc_body(uint32_t *frame)
{
    const uint16_t *behind = (const uint16_t *)frame[6];

    PORT_LOG = 0x5000u + (behind[-1] & 0xFFu);
    frame[0] = frame[0] + frame[1];
}

__attribute__((naked)) void guest_svc(void)
{
    __asm volatile("tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n b svc_body");
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
    static uint16_t code[2];
    uint32_t (*function)(void) = (uint32_t(*)(void))((uintptr_t)code | 1);

    code[0] = 0x2007; // movs r0, #7
    code[1] = 0x4770; // bx lr
    BARRIER();
    PORT_LOG = function();
    code[0] = 0x2009;
    BARRIER();
    PORT_LOG = function();
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

static void (*const cases[])(void) = {
    case_nested,     case_tail_chain,    case_grouping, case_basepri,       case_svc,
    case_wfi,        case_sleep_on_exit, case_systick,  case_systick_poll,  case_bus_fault,
    case_escalation, case_invalid_state, case_lock_up,  case_execute_never, case_self_modifying,
    case_fpu_off,    case_nmi,           case_threads,  case_unprivileged,  case_compute,
};

void guest_reset(void)
{
    cases[PORT_CASE]();
    PORT_EXIT = 0;
    for (;;) {
        __asm volatile("wfi");
    }
}
