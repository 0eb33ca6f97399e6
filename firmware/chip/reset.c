// Reset and backup register, from RM0433, chapters "Reset and clock control", "Power control"
// (backup domain) and "Real-time clock"; SPEC.md sections 9, 16 and 22.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/reset.h"

#include "abi/handoff.h"
#include "firmware/chip/barrier.h"
#include "firmware/chip/registers.h"

_Static_assert(RTC_BASE + 0x50 + 4 * QL_STAY_REQUEST_INDEX == QL_STAY_REQUEST_ADDRESS,
               "the stay request lies in RTC_BKP31R");
_Static_assert(RTC_BASE + 0x50 + 4 * QL_WINDOW_INDEX == QL_WINDOW_ADDRESS, "RTC_BKP30R");
_Static_assert(RTC_BASE + 0x50 + 4 * QL_ATTEMPTS_INDEX == QL_ATTEMPTS_ADDRESS, "RTC_BKP29R");
_Static_assert(RTC_BASE + 0x50 + 4 * QL_DUMP_INDEX == QL_DUMP_ADDRESS, "RTC_BKP13R");

enum { AIRCR_KEY = 0x05FA };

uint32_t reset_cause(void)
{
    return RCC_RSR;
}

bool reset_has_debugger(void)
{
    return (CoreDebug_DHCSR & CoreDebug_DHCSR_C_DEBUGEN) != 0;
}

void reset_system(void)
{
    barrier_data();
    SCB_AIRCR = FIELD(SCB_AIRCR_VECTKEY, AIRCR_KEY) | (SCB_AIRCR & SCB_AIRCR_PRIGROUP) |
                SCB_AIRCR_SYSRESETREQ;
    barrier_data();
    for (;;) {
    }
}

// The backup registers' bus clock must be on.
static void backup_write(volatile uint32_t *place, uint32_t value)
{
    PWR_CR1 |= PWR_CR1_DBP;
    // The write protection takes a few bus cycles to open.
    while ((PWR_CR1 & PWR_CR1_DBP) == 0) {
    }
    *place = value;
    barrier_data();
    PWR_CR1 &= ~PWR_CR1_DBP;
}

static uint32_t backup_clock_on(void)
{
    uint32_t before = RCC_APB4ENR;
    RCC_APB4ENR = before | RCC_APB4ENR_RTCAPBEN;
    (void)RCC_APB4ENR;
    return before;
}

static void backup_write_alone(volatile uint32_t *place, uint32_t value)
{
    uint32_t before = backup_clock_on();
    backup_write(place, value);
    RCC_APB4ENR = before;
}

void reset_stay_request_leave(void)
{
    (void)backup_clock_on();
    backup_write(&RTC_BKP31R, QL_STAY_REQUEST_VALUE);
}

void reset_into_bootloader(void)
{
    reset_stay_request_leave();
    reset_system();
}

struct reset_words reset_words_take(void)
{
    uint32_t before = backup_clock_on();
    struct reset_words words = {
        .stay_requested = RTC_BKP31R == QL_STAY_REQUEST_VALUE,
        .window = RTC_BKP30R,
        .attempts = RTC_BKP29R,
    };
    if (words.stay_requested) {
        backup_write(&RTC_BKP31R, 0);
    }
    if (words.window >> 16 == QL_WINDOW_MAGIC) {
        backup_write(&RTC_BKP30R, 0);
    }
    for (unsigned i = 0; i < QL_DUMP_WORDS; i++) {
        words.dump[i] = (&RTC_BKP13R)[i];
    }
    words.has_dump = QL_DUMP_VERSION(words.dump[QL_DUMP_KIND]) == 1 &&
                     words.dump[QL_DUMP_CHECK] == ql_dump_check(words.dump);
    RCC_APB4ENR = before;
    return words;
}

void reset_window_write(uint32_t word)
{
    backup_write_alone(&RTC_BKP30R, word);
}

void reset_attempts_write(uint32_t word)
{
    backup_write_alone(&RTC_BKP29R, word);
}

void reset_dump_forget(void)
{
    backup_write_alone(&RTC_BKP13R, 0);
}
