// The calendar of the STM32H750's RTC: a point in time, its BCD registers, alarms.
//
// Layout of TR, DR and ALRMxR from STM32H753.svd. Each fourth year is a leap year.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_rtc_calendar.h"

#define DAY_SECONDS 86400u
#define TR_PM       (UINT32_C(1) << 22)

static uint32_t to_bcd(uint32_t value)
{
    return value / 10 << 4 | value % 10;
}

static uint32_t from_bcd(uint32_t value, unsigned bit, uint32_t tens_mask)
{
    uint32_t field = value >> bit;

    return (field >> 4 & tens_mask) * 10 + (field & 15);
}

struct calendar calendar_default(void)
{
    return (struct calendar){.day = 1, .month = 1, .weekday = 1};
}

static uint8_t month_days(const struct calendar *calendar)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint8_t month = calendar->month >= 1 && calendar->month <= 12 ? calendar->month : 1;

    return month == 2 && calendar->year % 4 == 0 ? 29 : days[month - 1];
}

static void next_day(struct calendar *calendar)
{
    calendar->weekday = calendar->weekday >= 7 ? 1 : (uint8_t)(calendar->weekday + 1);
    if (calendar->day < month_days(calendar)) {
        calendar->day++;
        return;
    }
    calendar->day = 1;
    if (calendar->month < 12) {
        calendar->month++;
        return;
    }
    calendar->month = 1;
    calendar->year = (uint8_t)((calendar->year + 1) % 100);
}

void calendar_add_seconds(struct calendar *calendar, uint64_t seconds)
{
    uint64_t total = calendar->second_of_day + seconds;

    calendar->second_of_day = (uint32_t)(total % DAY_SECONDS);
    for (uint64_t days = total / DAY_SECONDS; days > 0; days--) {
        next_day(calendar);
    }
}

uint32_t calendar_time(const struct calendar *calendar, bool twelve_hours)
{
    uint32_t hour = calendar->second_of_day / 3600;
    uint32_t minute = calendar->second_of_day / 60 % 60;
    uint32_t second = calendar->second_of_day % 60;
    uint32_t afternoon = 0;

    if (twelve_hours) {
        afternoon = hour >= 12 ? TR_PM : 0;
        hour = hour % 12 == 0 ? 12 : hour % 12;
    }
    return afternoon | to_bcd(hour) << 16 | to_bcd(minute) << 8 | to_bcd(second);
}

uint32_t calendar_date(const struct calendar *calendar)
{
    return to_bcd(calendar->year) << 16 | (uint32_t)calendar->weekday << 13 |
           to_bcd(calendar->month) << 8 | to_bcd(calendar->day);
}

void calendar_set_time(struct calendar *calendar, uint32_t tr, bool twelve_hours)
{
    uint32_t hour = from_bcd(tr, 16, 3);

    if (twelve_hours) {
        hour = hour % 12 + ((tr & TR_PM) != 0 ? 12 : 0);
    }
    calendar->second_of_day =
        (hour * 3600 + from_bcd(tr, 8, 7) * 60 + from_bcd(tr, 0, 7)) % DAY_SECONDS;
}

void calendar_set_date(struct calendar *calendar, uint32_t dr)
{
    calendar->day = (uint8_t)from_bcd(dr, 0, 3);
    calendar->month = (uint8_t)from_bcd(dr, 8, 1);
    calendar->year = (uint8_t)from_bcd(dr, 16, 15);
    calendar->weekday = (uint8_t)(dr >> 13 & 7);
}

bool calendar_matches(const struct calendar *calendar, uint32_t alarm, bool twelve_hours)
{
    uint32_t time = calendar_time(calendar, twelve_hours);
    uint32_t day = to_bcd(calendar->day) << 24;
    uint32_t day_mask = UINT32_C(0x3F000000);

    if ((alarm >> 30 & 1) != 0) { // WDSEL: DU is the day of the week
        day = (uint32_t)calendar->weekday << 24;
        day_mask = UINT32_C(0x0F000000);
    }
    return ((alarm >> 7 & 1) != 0 || ((alarm ^ time) & 0x7F) == 0) &&
           ((alarm >> 15 & 1) != 0 || ((alarm ^ time) & 0x7F00) == 0) &&
           ((alarm >> 23 & 1) != 0 || ((alarm ^ time) & 0x7F0000) == 0) &&
           ((alarm >> 31 & 1) != 0 || ((alarm ^ day) & day_mask) == 0);
}
