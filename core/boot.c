// What can be started, and whether to start it. Written from SPEC.md sections 7 and 16.
//
// SPDX-License-Identifier: MIT
#include "core/boot.h"

#include <stddef.h>

bool boot_stack_is_in_ram(uint32_t stack)
{
    // First address and the one behind the last, RM0433 table 6: DTCM, AXI SRAM, D2 SRAM, SRAM4.
    static const struct {
        uint32_t start, end;
    } areas[] = {
        {0x20000000, 0x20020000},
        {0x24000000, 0x24080000},
        {0x30000000, 0x30048000},
        {0x38000000, 0x38010000},
    };
    if (stack % 4 != 0)
        return false;
    for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++)
        if (stack > areas[i].start && stack <= areas[i].end)
            return true;
    return false;
}

struct outcome boot_check(uint32_t address, uint32_t stack, uint32_t entry, uint32_t end)
{
    if (address % QL_BOOT_ALIGNMENT != 0)
        return (struct outcome){QL_STATUS_ALIGNMENT, address};
    if (stack == UINT32_MAX && entry == UINT32_MAX)
        return (struct outcome){QL_STATUS_BLANK, address};
    if (!boot_stack_is_in_ram(stack))
        return (struct outcome){QL_STATUS_BAD_STACK, stack};
    uint32_t first = entry - 1;
    if (entry % 2 == 0 || first < address + BOOT_VECTORS_SIZE || first >= end)
        return (struct outcome){QL_STATUS_BAD_ENTRY, entry};
    return (struct outcome){QL_STATUS_OK, 0};
}

static enum ql_stay_reason reason_to_stay(const struct boot_facts *facts)
{
    // What the user asked for comes before what the board found.
    if (facts->stay_requested)
        return QL_STAY_REQUESTED;
    if (facts->button_held)
        return QL_STAY_BUTTON;
    if (facts->reset_twice && facts->usb_power)
        return QL_STAY_RESET_TWICE;
    if (!facts->chip_usable)
        return QL_STAY_CHIP_ABSENT;
    switch (facts->program.status) {
    case QL_STATUS_OK:
        return facts->unconfirmed ? QL_STAY_NOT_CONFIRMED : QL_STAY_NOT;
    case QL_STATUS_INCOMPLETE:
        return QL_STAY_UNFINISHED;
    case QL_STATUS_BLANK:
        return QL_STAY_BLANK;
    case QL_STATUS_NOT_SEALED:
    case QL_STATUS_CHANGED:
        return QL_STAY_NOT_SEALED;
    default:
        return QL_STAY_BAD_VECTORS;
    }
}

struct boot_decision boot_decide(const struct boot_facts *facts)
{
    enum ql_stay_reason reason = reason_to_stay(facts);
    if (reason != QL_STAY_NOT)
        return (struct boot_decision){BOOT_STAY, reason};
    bool window = facts->usb_power && facts->window_ms > 0;
    return (struct boot_decision){window ? BOOT_OFFER : BOOT_START, QL_STAY_NOT};
}

void boot_window_open(struct boot_window *window, uint32_t now_ms, uint32_t hello_ms)
{
    *window = (struct boot_window){.since_ms = now_ms, .hello_ms = hello_ms};
}

enum boot_window_state boot_window_step(struct boot_window *window, uint32_t now_ms,
                                        bool configured, uint32_t frames)
{
    if (frames > 0)
        return BOOT_WINDOW_STAY;
    if (configured != window->configured) {
        window->configured = configured;
        if (window->changes < BOOT_WINDOW_CHANGES_MAX) {
            window->changes++;
            window->since_ms = now_ms;
        }
    }
    uint32_t limit_ms = window->configured ? window->hello_ms : QL_START_CONFIGURE_MS;
    return now_ms - window->since_ms < limit_ms ? BOOT_WINDOW_OPEN : BOOT_WINDOW_START;
}
