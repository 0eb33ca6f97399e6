// The calendar of the STM32H750's RTC: a point in time, its BCD registers, alarms.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_H750_RTC_CALENDAR_H
#define SIM_H750_RTC_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

struct calendar {
    uint32_t second_of_day;
    uint8_t day;     // 1..31
    uint8_t month;   // 1..12
    uint8_t year;    // 0..99
    uint8_t weekday; // 1 Monday .. 7
};

// What the registers hold after a backup domain reset: 2000-01-01, a Monday, 00:00:00.
struct calendar calendar_default(void);

void calendar_add_seconds(struct calendar *calendar, uint64_t seconds);

// TR and DR; `twelve_hours` is CR.FMT.
uint32_t calendar_time(const struct calendar *calendar, bool twelve_hours);
uint32_t calendar_date(const struct calendar *calendar);
void calendar_set_time(struct calendar *calendar, uint32_t tr, bool twelve_hours);
void calendar_set_date(struct calendar *calendar, uint32_t dr);

// The fields that an alarm register does not mask equal the calendar's.
bool calendar_matches(const struct calendar *calendar, uint32_t alarm, bool twelve_hours);

#endif
