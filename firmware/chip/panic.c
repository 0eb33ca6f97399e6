// The panic record. It is plain RAM that start-up does not touch; DTCM keeps its contents over
// every reset but a loss of power.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/panic.h"

#include "firmware/chip/registers.h"
#include "firmware/chip/reset.h"

#define PANIC_MAGIC 0x43494E50u // "PNIC"

static volatile struct panic_record record __attribute__((section(".noinit.panic"), used));

static uint32_t record_check(void)
{
    return ~(record.magic ^ record.reason * 3u ^ record.detail * 5u ^ record.count * 7u);
}

static bool record_is_valid(void)
{
    return record.magic == PANIC_MAGIC && record.check == record_check();
}

void panic(enum panic_reason reason, uint32_t detail)
{
    __asm volatile("cpsid i" ::: "memory");
    record.count = record_is_valid() ? record.count + 1 : 1;
    record.magic = PANIC_MAGIC;
    record.reason = reason;
    record.detail = detail;
    record.caller = (uint32_t)(uintptr_t)__builtin_return_address(0);
    record.cfsr = SCB_CFSR;
    record.hfsr = SCB_HFSR;
    record.mmfar = SCB_MMFAR;
    record.bfar = SCB_BFAR;
    record.check = record_check();
    reset_into_bootloader();
}

struct panic_record panic_last(void)
{
    if (!record_is_valid()) {
        return (struct panic_record){.reason = PANIC_NONE};
    }
    return record;
}

void panic_acknowledge(void)
{
    if (record_is_valid()) {
        record.reason = PANIC_NONE;
        record.check = record_check();
    }
}
