// RTC of the STM32H750: calendar, two alarms, wake-up timer, write protection and the 32 backup
// registers, all in the backup domain.
//
// From STM32H753.svd, the CMSIS header and ST's HAL. Calibration (CALR) has no effect; tamper
// inputs and time stamps are not modelled: enabling one says so. Time is counted when somebody
// looks.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_rtc.h"

#include "sim/clock_math.h"
#include "sim/h750_exti.h"
#include "sim/h750_pwr.h"
#include "sim/h750_rcc.h"
#include "sim/h750_rtc_calendar.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>
#include <string.h>

enum rtc_offset {
    RTC_TR = 0x00,
    RTC_DR = 0x04,
    RTC_CR = 0x08,
    RTC_ISR = 0x0C,
    RTC_PRER = 0x10,
    RTC_WUTR = 0x14,
    RTC_ALRMAR = 0x1C,
    RTC_ALRMBR = 0x20,
    RTC_WPR = 0x24,
    RTC_SSR = 0x28,
    RTC_SHIFTR = 0x2C,
    RTC_TAMPCR = 0x40,
    RTC_ALRMASSR = 0x44,
    RTC_ALRMBSSR = 0x48,
    RTC_OR = 0x4C,
    RTC_BKP0R = 0x50,
    RTC_REGISTERS_END = 0xD0,
};

#define BIT(number)  (UINT32_C(1) << (number))
#define CR_WUCKSEL   UINT32_C(7)
#define CR_BYPSHAD   BIT(5)
#define CR_FMT       BIT(6)
#define CR_ALRE(i)   BIT(8 + (i))
#define CR_WUTE      BIT(10)
#define CR_TSE       BIT(11)
#define CR_ALRIE(i)  BIT(12 + (i))
#define CR_WUTIE     BIT(14)
#define CR_ADD1H     BIT(16)
#define CR_SUB1H     BIT(17)
#define ISR_ALRWF(i) BIT(0 + (i))
#define ISR_WUTWF    BIT(2)
#define ISR_INITS    BIT(4)
#define ISR_RSF      BIT(5)
#define ISR_INITF    BIT(6)
#define ISR_INIT     BIT(7)
#define ISR_ALRF(i)  BIT(8 + (i))
#define ISR_WUTF     BIT(10)
#define ISR_FLAGS    UINT32_C(0x00023F00)
#define TAMPCR_ON    (BIT(0) | BIT(3) | BIT(5))
#define SYNC_CYCLES  2 // of RTCCLK until INITF and RSF follow

// clang-format off
static const struct register_info registers[] = {
    REGISTER("TR",       0x000, 0x00000000, 0x007F7F7F, 0x007F7F7F),
    REGISTER("DR",       0x004, 0x00002101, 0x00FFFF3F, 0x00FFFF3F),
    REGISTER("CR",       0x008, 0x00000000, 0x01FCFF7F, 0x01FFFF7F),
    REGISTER_FLAGS("ISR", 0x00C, 0x00000007, 0x0003FFFF, 0x0002FFA0),
    REGISTER("PRER",     0x010, 0x007F00FF, 0x007F7FFF, 0x007F7FFF),
    REGISTER("WUTR",     0x014, 0x0000FFFF, 0x0000FFFF, 0x0000FFFF),
    REGISTER("ALRMAR",   0x01C, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("ALRMBR",   0x020, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("WPR",      0x024, 0x00000000, 0x00000000, 0x000000FF),
    REGISTER("SSR",      0x028, 0x00000000, 0x0000FFFF, 0x00000000),
    REGISTER("SHIFTR",   0x02C, 0x00000000, 0x00000000, 0x80007FFF),
    REGISTER("TSTR",     0x030, 0x00000000, 0x007F7F7F, 0x00000000),
    REGISTER("TSDR",     0x034, 0x00000000, 0x0000FF3F, 0x00000000),
    REGISTER("TSSSR",    0x038, 0x00000000, 0x0000FFFF, 0x00000000),
    REGISTER("CALR",     0x03C, 0x00000000, 0x0000E1FF, 0x0000E1FF),
    REGISTER("TAMPCR",   0x040, 0x00000000, 0x01FFFFFF, 0x01FFFFFF),
    REGISTER("ALRMASSR", 0x044, 0x00000000, 0x0F007FFF, 0x0F007FFF),
    REGISTER("ALRMBSSR", 0x048, 0x00000000, 0x0F007FFF, 0x0F007FFF),
    REGISTER("OR",       0x04C, 0x00000000, 0x00000003, 0x00000003),
    REGISTER_ROW("BKPxR", 0x050, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF, 32),
    REGISTER_END,
};
// clang-format on

struct rtc_alarm {
    struct rtc *rtc;
    unsigned index; // 0 A, 1 B
    struct event event;
};

struct rtc {
    struct machine *machine;
    struct rcc *rcc;
    struct pwr *pwr;
    struct exti *exti;
    uint32_t registers[RTC_REGISTERS_END / 4];
    uint32_t flags;       // latched bits of ISR, RSF and INITF among them
    unsigned unlock_step; // 2: unlocked

    uint64_t hz;      // RTCCLK, 0: stopped
    uint64_t base_ns; // cycles are counted from here
    uint64_t cycles_done;
    uint32_t cycle_phase; // of PREDIV_A
    int64_t subsecond;    // ck_apre ticks into the present second, below 0 after a shift
    struct calendar calendar;

    bool shadow_locked; // TR or SSR was read, DR not yet
    uint32_t shadow_tr;
    uint32_t shadow_dr;
    struct rtc_alarm alarms[2];
    struct event wakeup;
    struct event synchronised; // sets INITF or RSF
};

static uint32_t reg(const struct rtc *rtc, uint32_t offset)
{
    return rtc->registers[offset / 4];
}

static uint32_t predivider_a(const struct rtc *rtc)
{
    return (reg(rtc, RTC_PRER) >> 16 & 0x7F) + 1;
}

static uint32_t predivider_s(const struct rtc *rtc)
{
    return (reg(rtc, RTC_PRER) & 0x7FFF) + 1;
}

static bool twelve_hours(const struct rtc *rtc)
{
    return (reg(rtc, RTC_CR) & CR_FMT) != 0;
}

// --- Time passes --------------------------------------------------------------------------------

static void add_subseconds(struct rtc *rtc, uint64_t ticks)
{
    int64_t second = (int64_t)predivider_s(rtc);

    rtc->subsecond += (int64_t)ticks;
    if (rtc->subsecond >= second) {
        calendar_add_seconds(&rtc->calendar, (uint64_t)(rtc->subsecond / second));
        rtc->subsecond %= second;
    }
}

static void sync_time(struct rtc *rtc)
{
    uint64_t cycles;
    uint64_t passed;

    if (rtc->hz == 0) {
        return;
    }
    cycles = ticks_in_ns(machine_now_ns(rtc->machine) - rtc->base_ns, rtc->hz);
    passed = cycles - rtc->cycles_done;
    rtc->cycles_done = cycles;
    if ((rtc->flags & ISR_INITF) == 0) { // initialising stops the calendar
        passed += rtc->cycle_phase;
        rtc->cycle_phase = (uint32_t)(passed % predivider_a(rtc));
        add_subseconds(rtc, passed / predivider_a(rtc));
    }
}

// The time at which `ticks` of ck_apre from now on have passed.
static uint64_t ticks_ns(const struct rtc *rtc, uint64_t ticks)
{
    uint64_t cycles = ticks * predivider_a(rtc) - rtc->cycle_phase;

    return time_after(rtc->base_ns, ns_of_ticks(rtc->cycles_done + cycles, rtc->hz));
}

static void update_lines(struct rtc *rtc)
{
    uint32_t control = reg(rtc, RTC_CR);
    bool alarm = ((rtc->flags & ISR_ALRF(0)) != 0 && (control & CR_ALRIE(0)) != 0) ||
                 ((rtc->flags & ISR_ALRF(1)) != 0 && (control & CR_ALRIE(1)) != 0);

    exti_set_line(rtc->exti, EXTI_LINE_RTC_ALARM, alarm);
    exti_set_line(rtc->exti, EXTI_LINE_RTC_WAKEUP,
                  (rtc->flags & ISR_WUTF) != 0 && (control & CR_WUTIE) != 0);
}

// --- Alarms -------------------------------------------------------------------------------------

// Ticks of ck_apre until the subsecond counter next stands where the alarm wants it: at the start
// of a second, or where the bits that MASKSS names equal SS.
static uint64_t alarm_ticks(const struct rtc *rtc, unsigned index)
{
    uint32_t subseconds = reg(rtc, index == 0 ? RTC_ALRMASSR : RTC_ALRMBSSR);
    uint32_t bits = subseconds >> 24 & 15;
    uint32_t mask = (UINT32_C(1) << bits) - 1;
    int64_t second = (int64_t)predivider_s(rtc);
    uint64_t ticks = 1;

    if (bits == 0) {
        return (uint64_t)(second - rtc->subsecond);
    }
    for (; ticks <= (uint64_t)second; ticks++) {
        uint32_t counter = (uint32_t)(second - 1 - (rtc->subsecond + (int64_t)ticks) % second);

        if (((counter ^ subseconds) & mask) == 0) {
            break;
        }
    }
    return ticks;
}

static void alarm_schedule(struct rtc *rtc, unsigned index)
{
    struct event *event = &rtc->alarms[index].event;

    if (rtc->hz == 0 || (reg(rtc, RTC_CR) & CR_ALRE(index)) == 0 || (rtc->flags & ISR_INITF) != 0) {
        event_cancel(rtc->machine, event);
        return;
    }
    event_arm_at(rtc->machine, event, ticks_ns(rtc, alarm_ticks(rtc, index)));
}

static void alarm_due(void *context)
{
    struct rtc_alarm *alarm = context;
    struct rtc *rtc = alarm->rtc;
    uint32_t fields = reg(rtc, alarm->index == 0 ? RTC_ALRMAR : RTC_ALRMBR);

    sync_time(rtc);
    if (calendar_matches(&rtc->calendar, fields, twelve_hours(rtc))) {
        rtc->flags |= ISR_ALRF(alarm->index);
        update_lines(rtc);
    }
    alarm_schedule(rtc, alarm->index);
}

// --- Wake-up timer ------------------------------------------------------------------------------

static uint64_t wakeup_cycles(const struct rtc *rtc)
{
    uint32_t select = reg(rtc, RTC_CR) & CR_WUCKSEL;
    uint64_t count = (reg(rtc, RTC_WUTR) & 0xFFFF) + UINT64_C(1);

    if (select < 4) {
        return count * (16u >> select);
    }
    if (select >= 6) {
        count += 0x10000;
    }
    return count * predivider_a(rtc) * predivider_s(rtc);
}

static void wakeup_schedule(struct rtc *rtc)
{
    if (rtc->hz == 0 || (reg(rtc, RTC_CR) & CR_WUTE) == 0) {
        event_cancel(rtc->machine, &rtc->wakeup);
        return;
    }
    event_arm_in(rtc->machine, &rtc->wakeup, ns_of_ticks(wakeup_cycles(rtc), rtc->hz));
}

static void wakeup_due(void *context)
{
    struct rtc *rtc = context;

    rtc->flags |= ISR_WUTF;
    update_lines(rtc);
    wakeup_schedule(rtc);
}

// --- Initialisation mode, shadow registers ------------------------------------------------------

static void synchronise_soon(struct rtc *rtc)
{
    if (rtc->hz == 0) {
        event_cancel(rtc->machine, &rtc->synchronised);
    } else {
        event_arm_in(rtc->machine, &rtc->synchronised, ns_of_ticks(SYNC_CYCLES, rtc->hz));
    }
}

static void synchronised(void *context)
{
    struct rtc *rtc = context;

    if ((rtc->flags & ISR_INIT) != 0) {
        sync_time(rtc);
        rtc->flags |= ISR_INITF;
        alarm_schedule(rtc, 0);
        alarm_schedule(rtc, 1);
    } else {
        rtc->flags |= ISR_RSF;
    }
}

static void write_init(struct rtc *rtc, bool on)
{
    if (on == ((rtc->flags & ISR_INIT) != 0)) {
        return;
    }
    sync_time(rtc);
    rtc->flags &= ~(ISR_INIT | ISR_INITF | ISR_RSF);
    rtc->shadow_locked = false;
    if (on) {
        rtc->flags |= ISR_INIT;
    } else { // the calendar starts at a full second
        rtc->cycle_phase = 0;
        rtc->subsecond = 0;
        alarm_schedule(rtc, 0);
        alarm_schedule(rtc, 1);
    }
    synchronise_soon(rtc);
}

static uint32_t read_calendar(struct rtc *rtc, uint32_t word)
{
    uint32_t value = word == RTC_TR ? calendar_time(&rtc->calendar, twelve_hours(rtc))
                                    : calendar_date(&rtc->calendar);

    if ((reg(rtc, RTC_CR) & CR_BYPSHAD) != 0) {
        return value;
    }
    if (rtc->shadow_locked) {
        value = word == RTC_TR ? rtc->shadow_tr : rtc->shadow_dr;
    }
    if (word == RTC_DR) {
        rtc->shadow_locked = false;
    }
    return value;
}

// Reading SSR or TR holds TR and DR still until DR is read.
static void lock_shadow(struct rtc *rtc)
{
    if (!rtc->shadow_locked) {
        rtc->shadow_locked = (reg(rtc, RTC_CR) & CR_BYPSHAD) == 0;
        rtc->shadow_tr = calendar_time(&rtc->calendar, twelve_hours(rtc));
        rtc->shadow_dr = calendar_date(&rtc->calendar);
    }
}

// --- Reading ------------------------------------------------------------------------------------

static uint32_t status(const struct rtc *rtc)
{
    uint32_t control = reg(rtc, RTC_CR);
    uint32_t value = rtc->flags;

    value |= (control & CR_ALRE(0)) == 0 ? ISR_ALRWF(0) : 0;
    value |= (control & CR_ALRE(1)) == 0 ? ISR_ALRWF(1) : 0;
    value |= (control & CR_WUTE) == 0 ? ISR_WUTWF : 0;
    return value | (rtc->calendar.year != 0 ? ISR_INITS : 0);
}

static uint32_t read_word(struct rtc *rtc, uint32_t word)
{
    sync_time(rtc);
    switch (word) {
    case RTC_SSR:
        lock_shadow(rtc);
        return (uint32_t)((int64_t)predivider_s(rtc) - 1 - rtc->subsecond) & 0xFFFF;
    case RTC_TR:
        lock_shadow(rtc);
        return read_calendar(rtc, RTC_TR);
    case RTC_DR:
        return read_calendar(rtc, RTC_DR);
    case RTC_ISR:
        return status(rtc);
    default:
        return reg(rtc, word);
    }
}

static uint32_t rtc_read(void *context, uint32_t offset, unsigned size)
{
    return register_extract(read_word(context, offset & ~UINT32_C(3)), offset, size);
}

// --- Writing ------------------------------------------------------------------------------------

static void write_calendar(struct rtc *rtc, uint32_t word, uint32_t value)
{
    if ((rtc->flags & ISR_INITF) == 0) {
        machine_violation(rtc->machine, "RTC", "%s written outside initialisation mode (INITF 0)",
                          word == RTC_TR   ? "TR"
                          : word == RTC_DR ? "DR"
                                           : "PRER");
        return;
    }
    if (word == RTC_TR) {
        calendar_set_time(&rtc->calendar, value, twelve_hours(rtc));
    } else if (word == RTC_DR) {
        calendar_set_date(&rtc->calendar, value);
    } else {
        rtc->registers[RTC_PRER / 4] = value;
    }
}

static void add_hours(struct rtc *rtc, uint32_t control)
{
    if ((control & CR_ADD1H) != 0) {
        calendar_add_seconds(&rtc->calendar, 3600);
    }
    if ((control & CR_SUB1H) != 0 && rtc->calendar.second_of_day >= 3600) {
        rtc->calendar.second_of_day -= 3600; // the date never changes back
    }
}

static void write_cr(struct rtc *rtc, uint32_t value)
{
    uint32_t old = reg(rtc, RTC_CR);

    if ((value & CR_TSE) != 0) {
        machine_violation(rtc->machine, "RTC", "time stamps are not modelled (CR.TSE)");
    }
    if ((old & value & CR_WUTE) != 0 && ((old ^ value) & CR_WUCKSEL) != 0) {
        machine_violation(rtc->machine, "RTC", "WUCKSEL changed while WUTE is 1");
    }
    sync_time(rtc);
    add_hours(rtc, value);
    rtc->registers[RTC_CR / 4] = value & ~(CR_ADD1H | CR_SUB1H);
    if (((old ^ value) & CR_WUTE) != 0) {
        wakeup_schedule(rtc);
    }
    alarm_schedule(rtc, 0);
    alarm_schedule(rtc, 1);
}

static void write_shift(struct rtc *rtc, uint32_t value)
{
    sync_time(rtc);
    rtc->subsecond -= (int64_t)(value & 0x7FFF);
    if ((value >> 31) != 0) {
        add_subseconds(rtc, predivider_s(rtc));
    }
    alarm_schedule(rtc, 0);
    alarm_schedule(rtc, 1);
}

// A setting that may change only while its unit is off.
static void write_setting(struct rtc *rtc, uint32_t word, uint32_t value)
{
    uint32_t unit = word == RTC_WUTR                             ? CR_WUTE
                    : word == RTC_ALRMAR || word == RTC_ALRMASSR ? CR_ALRE(0)
                                                                 : CR_ALRE(1);

    if ((reg(rtc, RTC_CR) & unit) != 0) {
        machine_violation(rtc->machine, "RTC", "%s written while its unit is on",
                          device_register(&(struct device){.registers = registers}, word)->name);
    }
    rtc->registers[word / 4] = value;
}

static void write_key(struct rtc *rtc, uint32_t key)
{
    bool first = key == 0xCA;
    bool second = key == 0x53 && rtc->unlock_step == 1;

    rtc->unlock_step = first ? 1 : second ? 2 : 0;
}

static void write_status(struct rtc *rtc, uint32_t value)
{
    rtc->flags &= value | ~ISR_FLAGS; // written as 0 to clear
    if (rtc->unlock_step == 2) {
        write_init(rtc, (value & ISR_INIT) != 0);
        if ((value & ISR_RSF) == 0 && (rtc->flags & ISR_RSF) != 0) {
            rtc->flags &= ~ISR_RSF;
            synchronise_soon(rtc);
        }
    } else if (((value ^ rtc->flags) & ISR_INIT) != 0) {
        machine_violation(rtc->machine, "RTC", "ISR.INIT written while WPR protects it");
    }
}

static void write_protected(struct rtc *rtc, uint32_t word, uint32_t value)
{
    if (rtc->unlock_step != 2) {
        machine_violation(rtc->machine, "RTC", "offset 0x%02X written while WPR protects it",
                          (unsigned)word);
        return;
    }
    switch (word) {
    case RTC_TR:
    case RTC_DR:
    case RTC_PRER:
        write_calendar(rtc, word, value);
        break;
    case RTC_CR:
        write_cr(rtc, value);
        break;
    case RTC_SHIFTR:
        write_shift(rtc, value);
        break;
    case RTC_WUTR:
    case RTC_ALRMAR:
    case RTC_ALRMBR:
    case RTC_ALRMASSR:
    case RTC_ALRMBSSR:
        write_setting(rtc, word, value);
        break;
    default:
        rtc->registers[word / 4] = value;
        break;
    }
}

static void write_word(struct rtc *rtc, uint32_t word, uint32_t value)
{
    if (!pwr_backup_writable(rtc->pwr)) {
        machine_violation(rtc->machine, "RTC", "written while PWR_CR1.DBP is 0");
        return;
    }
    if (word == RTC_WPR) {
        write_key(rtc, value & 0xFF);
    } else if (word == RTC_ISR) {
        write_status(rtc, value);
    } else if (word >= RTC_BKP0R || word == RTC_TAMPCR || word == RTC_OR) {
        if (word == RTC_TAMPCR && (value & TAMPCR_ON) != 0) {
            machine_violation(rtc->machine, "RTC", "tamper inputs are not modelled (TAMPCR)");
        }
        rtc->registers[word / 4] = value;
    } else {
        write_protected(rtc, word, value);
    }
    update_lines(rtc);
}

static void rtc_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct rtc *rtc = context;
    uint32_t word = offset & ~UINT32_C(3);
    uint32_t rest = reg(rtc, word);

    if (word == RTC_TR) {
        rest = calendar_time(&rtc->calendar, twelve_hours(rtc));
    } else if (word == RTC_DR) {
        rest = calendar_date(&rtc->calendar);
    } else if (word == RTC_ISR) {
        rest = rtc->flags | ISR_FLAGS;
    }
    write_word(rtc, word, register_merge(rest, offset, size, value));
}

// --- Resets, clocks, construction ---------------------------------------------------------------

static void backup_reset(void *context)
{
    struct rtc *rtc = context;

    sync_time(rtc);
    memset(rtc->registers, 0, sizeof(rtc->registers));
    rtc->registers[RTC_PRER / 4] = UINT32_C(0x007F00FF);
    rtc->registers[RTC_WUTR / 4] = UINT32_C(0xFFFF);
    rtc->flags = 0;
    rtc->unlock_step = 0;
    rtc->calendar = calendar_default();
    rtc->subsecond = 0;
    rtc->cycle_phase = 0;
    rtc->shadow_locked = false;
    event_cancel(rtc->machine, &rtc->wakeup);
    event_cancel(rtc->machine, &rtc->alarms[0].event);
    event_cancel(rtc->machine, &rtc->alarms[1].event);
    update_lines(rtc);
}

// A system reset leaves the backup domain alone; the shadow registers start anew.
static void rtc_reset(void *context, enum reset_kind kind)
{
    struct rtc *rtc = context;

    if (kind == RESET_POWER_ON) {
        backup_reset(rtc);
    }
    rtc->shadow_locked = false;
    rtc->flags &= ~ISR_RSF;
    synchronise_soon(rtc);
}

static void clocks_changed(void *context)
{
    struct rtc *rtc = context;
    uint64_t hz = rcc_clock_hz(rtc->rcc, RCC_CLOCK_RTC);

    if (hz == rtc->hz) {
        return;
    }
    sync_time(rtc);
    rtc->hz = hz;
    rtc->base_ns = machine_now_ns(rtc->machine);
    rtc->cycles_done = 0;
    alarm_schedule(rtc, 0);
    alarm_schedule(rtc, 1);
    wakeup_schedule(rtc);
    synchronise_soon(rtc);
}

static void add_device(struct rtc *rtc)
{
    struct device device = {.name = "RTC",
                            .base = UINT32_C(0x58004000),
                            .size = 0x400,
                            .registers = registers,
                            .context = rtc,
                            .read = rtc_read,
                            .write = rtc_write,
                            .reset = rtc_reset,
                            .gate_offset = 0xF4, // APB4ENR.RTCAPBEN
                            .gate_bit = 16};

    machine_add_device(rtc->machine, &device);
}

struct rtc *rtc_create(struct machine *machine, struct rcc *rcc, struct pwr *pwr, struct exti *exti)
{
    struct rtc *rtc = calloc(1, sizeof(*rtc));

    if (rtc == NULL) {
        abort();
    }
    rtc->machine = machine;
    rtc->rcc = rcc;
    rtc->pwr = pwr;
    rtc->exti = exti;
    rtc->wakeup = (struct event){.fire = wakeup_due, .context = rtc, .name = "RTC wake-up"};
    rtc->synchronised = (struct event){.fire = synchronised, .context = rtc, .name = "RTC sync"};
    for (unsigned index = 0; index < 2; index++) {
        rtc->alarms[index] = (struct rtc_alarm){
            .rtc = rtc,
            .index = index,
            .event = {.fire = alarm_due, .context = &rtc->alarms[index], .name = "RTC alarm"}};
    }
    rtc_reset(rtc, RESET_POWER_ON);
    add_device(rtc);
    rcc_on_change(rcc, clocks_changed, rtc);
    rcc_on_backup_reset(rcc, backup_reset, rtc);
    return rtc;
}
