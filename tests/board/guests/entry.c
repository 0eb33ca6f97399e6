// Promises to confirm its start (SPEC.md sections 15 and 16), and then does what the word at
// 0x90700000 in the chip says: confirms, crashes or hangs in one of several ways, or shows what the
// bootloader leaves in the backup registers.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"

enum mode {
    CONFIRM = 1,       // and wait
    HANG_WATCHED = 2,  // in a loop, the watchdog running
    BREAKPOINT = 3,    // BKPT without a debugger: HardFault, whose handler hangs; watchdog
    LOCK_UP = 4,       // a fault in the HardFault handler; watchdog
    RESET = 5,         // by itself, at once
    HANG = 6,          // without a watchdog: for ever
    LOCK_UP_ALONE = 7, // the same
    BACKUP = 8,        // fills the backup registers from the words behind the mode, resets, prints
    WAIT = 9,          // neither confirms nor crashes
};

#define MODE        (*(const volatile uint32_t *)0x90700000u)
#define PATTERNS    ((const volatile uint32_t *)0x90700004u)
#define BACKUP_MARK 0x6D61726Bu // in the first word of D2's SRAM4: the registers are filled

#define PWR_CR1      REG(0x58024800u)
#define RTC_BKPR(n)  REG(0x58004050u + 4u * (n))
#define IWDG(offset) REG(0x58004800u + (offset))
#define AIRCR        REG(0xE000ED0Cu)
#define MARK         REG(0x38000000u) // SRAM4 keeps it over resets

static void hard_fault(void);

struct header {
    char magic[8];
    uint16_t version, size;
    const void *program;
    uint32_t flags, zero;
    char name[32], program_version[24];
};

static const struct {
    guest_vector vectors[0x2C0 / 4];
    struct header header;
} program __attribute__((section(".vectors"), used)) = {
    .vectors = {(guest_vector)GUEST_STACK, guest_reset, [3] = hard_fault},
    .header =
        {
            .magic = {'Q', 'L', 'H', 'E', 'A', 'D', 'E', 'R'},
            .version = 1,
            .size = sizeof(struct header),
            .program = &program,
            .flags = 1,
            .name = "entry",
            .program_version = "7",
        },
};

static void backup_open(void)
{
    RCC(0xF4) |= 1u << 16; // APB4ENR.RTCAPBEN
    (void)RCC(0xF4);
    PWR_CR1 |= 1u << 8; // DBP
    while ((PWR_CR1 & 1u << 8) == 0) {
    }
}

// 50 ms on LSI's 32 kHz.
static void watchdog_start(void)
{
    IWDG(0x00) = 0xCCCC;
    IWDG(0x00) = 0x5555;
    IWDG(0x08) = 400; // RLR; the prescaler is 4
    while (IWDG(0x0C) != 0) {
    }
    IWDG(0x00) = 0xAAAA;
}

static _Noreturn void system_reset(void)
{
    AIRCR = 0x05FA0004;
    for (;;) {
    }
}

static _Noreturn void wait(void)
{
    for (;;) {
        __asm volatile("wfi");
    }
}

static void hard_fault(void)
{
    if (MODE != BREAKPOINT) {
        __asm volatile("udf #1");
    }
    guest_print("fault\n");
    for (;;) {
    }
}

static void backup_show(void)
{
    backup_open();
    if (MARK != BACKUP_MARK) {
        for (unsigned i = 0; i < 32; ++i) {
            RTC_BKPR(i) = PATTERNS[i];
        }
        MARK = BACKUP_MARK;
        system_reset();
    }
    for (unsigned i = 0; i < 32; ++i) {
        guest_print_hex(RTC_BKPR(i));
        guest_put('\n');
    }
    guest_print("end\n");
    wait();
}

void guest_reset(void)
{
    guest_uart_start(64000000u);
    guest_print("start\n");
    guest_uart_stop();
    guest_uart_start(64000000u);
    switch (MODE) {
    case CONFIRM:
        backup_open();
        RTC_BKPR(29) = 0;
        guest_print("confirmed\n");
        wait();
    case HANG_WATCHED:
        watchdog_start();
        break;
    case BREAKPOINT:
        watchdog_start();
        __asm volatile("bkpt #0");
        break;
    case LOCK_UP:
        watchdog_start();
        __asm volatile("udf #0");
        break;
    case LOCK_UP_ALONE:
        __asm volatile("udf #0");
        break;
    case RESET:
        system_reset();
    case BACKUP:
        backup_show();
        break;
    case WAIT:
        wait();
    default:
        break;
    }
    for (;;) {
    }
}
