// Prints how it found the world: the core's special registers, then each register that the list at
// 0x24000000 names. The list, made by the test, is: a number n of addresses, n addresses that can
// be read at once, a number m, m addresses that need their peripheral's clock.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"

#define LIST        0x24000000u
#define RESULTS_MAX 4096u

GUEST_VECTORS GUEST_VECTORS_END;

struct special {
    const char *name;
    uint32_t value;
};

static uint32_t results[RESULTS_MAX];

// Clears what keeps a clock off, of every peripheral.
static void clocks_enable(void)
{
    static const uint32_t all[][2] = {{0xD4, 0x00015031}, {0xD8, 0x1E038023}, {0xDC, 0xE0000271},
                                      {0xE0, 0x132807FF}, {0xE4, 0x00000048}, {0xE8, 0xE8FFC3FF},
                                      {0xEC, 0x00000136}, {0xF0, 0x31D73033}, {0xF4, 0x0021DEAA}};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; ++i) {
        RCC(all[i][0]) |= all[i][1];
        (void)RCC(all[i][0]);
    }
}

static uint32_t list_read(const volatile uint32_t **next, uint32_t at)
{
    uint32_t count = *(*next)++;
    for (uint32_t i = 0; i < count; ++i, ++*next) {
        results[at + i] = REG(**next);
    }
    return count;
}

static void list_print(uint32_t first, const volatile uint32_t *addresses, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) {
        guest_print_hex(addresses[i]);
        guest_put(' ');
        guest_print_hex(results[first + i]);
        guest_put('\n');
    }
}

static void mpu_print(void)
{
    for (uint32_t region = 0; region < 16; ++region) {
        REG(0xE000ED98u) = region; // MPU_RNR
        guest_print("region ");
        guest_print_hex(REG(0xE000ED9Cu) & ~31u);
        guest_put(' ');
        guest_print_hex(REG(0xE000EDA0u));
        guest_put('\n');
    }
}

#define SPECIAL(name)                                                                              \
    {                                                                                              \
#name, special_##name()                                                                    \
    }
#define SPECIAL_READ(name)                                                                         \
    static inline uint32_t special_##name(void)                                                    \
    {                                                                                              \
        uint32_t value;                                                                            \
        __asm volatile("mrs %0, " #name : "=r"(value));                                            \
        return value;                                                                              \
    }
SPECIAL_READ(primask)
SPECIAL_READ(faultmask)
SPECIAL_READ(basepri)
SPECIAL_READ(control)
SPECIAL_READ(ipsr)

__attribute__((used)) void guest_run(uint32_t stack);

void guest_run(uint32_t stack)
{
    struct special special[] = {SPECIAL(primask), SPECIAL(faultmask), SPECIAL(basepri),
                                SPECIAL(control), SPECIAL(ipsr),      {"msp", stack}};
    const volatile uint32_t *next = (const volatile uint32_t *)LIST;
    const volatile uint32_t *first = next + 1;
    uint32_t count = list_read(&next, 0);
    const volatile uint32_t *second = next + 1;
    clocks_enable();
    uint32_t more = list_read(&next, count);

    guest_uart_start(64000000u);
    for (unsigned i = 0; i < sizeof special / sizeof special[0]; ++i) {
        guest_print_value(special[i].name, special[i].value);
    }
    list_print(0, first, count);
    list_print(count, second, more);
    mpu_print();
    guest_end();
}

__attribute__((naked)) void guest_reset(void)
{
    __asm volatile("mov r0, sp\n"
                   "b guest_run\n");
}
