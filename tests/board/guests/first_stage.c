// A stand-in for the closed first stage of SP Racing's boards: finds the EXST block in the chip,
// checks its MD5, copies it into RAM and starts it, and leaves the microcontroller in a state that
// a second stage must not count on. With the BIND button held it goes into DFU mode, with the chip
// at its mapped addresses.
//
// Written from what SSBL's README, Cleanflight's documents and the linker scripts of images for
// that first stage say, and from RFC 1321, RM0433 and the W25Q128JV data sheet. What the maker's
// checks, and what it leaves behind, is not confirmed; this one does both thoroughly. Of its DFU
// mode is known: the ids, one alternate setting, and how the layout's string names its partitions
// on boards with other chips. Not confirmed: this board's string, and the transfer size.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"
#include "tests/board/guests/loader/dfuse.h"

#include <stdbool.h>

enum { BLOCK_SIZE = 448 * 1024, FOOTER = BLOCK_SIZE - 64, DIGEST = BLOCK_SIZE - 16 };

#define BLOCK_IN_CHIP 0x90F90000u
#define BLOCK_IN_RAM  0x24010000u

#define PWR(offset)     REG(0x58024800u + (offset))
#define QUADSPI(offset) REG(0x52005000u + (offset))
#define GPIO(port)      (0x58020000u + 0x400u * (uint32_t)((port) - 'A'))
#define FLASH_ACR       REG(0x52002000u)
#define MPU(offset)     REG(0xE000ED90u + (offset))
#define SCB(offset)     REG(0xE000ED00u + (offset))

GUEST_VECTORS GUEST_VECTORS_END;

static void wait_for(uint32_t address, uint32_t mask, uint32_t value)
{
    while ((REG(address) & mask) != value) {
    }
}

// 400 MHz from the 8 MHz crystal, and PLL2, HSI48 and CSI beside it.
static void clocks_start(void)
{
    PWR(0x0C) = (PWR(0x0C) & ~7u) | 1u << 1; // CR3: LDO
    wait_for(0x58024804u, 1u << 13, 1u << 13);
    PWR(0x18) = (PWR(0x18) & ~(3u << 14)) | 3u << 14; // D3CR: scale 1
    wait_for(0x58024818u, 1u << 13, 1u << 13);
    RCC(0x00) |= 1u << 16 | 1u << 12 | 1u << 7; // HSE, HSI48, CSI
    wait_for(0x58024400u, 1u << 17 | 1u << 13 | 1u << 8, 1u << 17 | 1u << 13 | 1u << 8);
    RCC(0x28) = 2u << 12 | 2u << 4 | 2u; // both PLLs: 4 MHz from HSE
    RCC(0x2C) = 1u << 16 | 1u << 19 | 2u << 6 | 2u << 2;
    RCC(0x30) = 1u << 24 | 3u << 16 | 1u << 9 | 199u;
    RCC(0x38) = 1u << 24 | 1u << 16 | 1u << 9 | 99u;
    RCC(0x00) |= 1u << 24 | 1u << 26;
    wait_for(0x58024400u, 1u << 25 | 1u << 27, 1u << 25 | 1u << 27);
    FLASH_ACR = 0x22u;
    wait_for(0x52002000u, 0x3Fu, 0x22u);
    RCC(0x18) = 0x048u;
    RCC(0x1C) = 0x440u;
    RCC(0x20) = 0x40u;
    RCC(0x10) = (RCC(0x10) & ~7u) | 3u;
    wait_for(0x58024410u, 7u << 3, 3u << 3);
    PWR(0x0C) |= 1u << 24; // USB33DEN
}

static void pin_function_9(char port, uint32_t pin)
{
    uint32_t base = GPIO(port), half = base + (pin < 8 ? 0x20u : 0x24u);
    REG(base + 0x08) |= 3u << 2 * pin;
    REG(half) = (REG(half) & ~(15u << 4 * (pin % 8))) | 9u << 4 * (pin % 8);
    REG(base) = (REG(base) & ~(3u << 2 * pin)) | 2u << 2 * pin;
}

static bool button_is_held(void)
{
    RCC(0xE0) |= 1u << 4; // GPIOE
    (void)RCC(0xE0);
    REG(GPIO('E') + 0x0C) |= 1u << 8; // PE4 pulled up
    REG(GPIO('E')) &= ~(3u << 8);
    for (volatile uint32_t i = 0; i < 100; i = i + 1) {
    }
    return (REG(GPIO('E') + 0x10) >> 4 & 1u) == 0;
}

static uint32_t chip_status(void)
{
    QUADSPI(0x0C) = 0x1Bu;
    QUADSPI(0x10) = 0;
    QUADSPI(0x14) = 0x05u | 1u << 8 | 1u << 24 | 1u << 26;
    while ((QUADSPI(0x08) & 1u << 1) == 0) {
    }
    uint32_t status = QUADSPI(0x20) & 0xFFu;
    while ((QUADSPI(0x08) & 1u << 5) != 0) {
    }
    QUADSPI(0x0C) = 0x1Bu;
    return status;
}

static void chip_start(void)
{
    RCC(0xE0) |= 1u << 1 | 1u << 3 | 1u << 4; // GPIOB, D, E
    RCC(0xD4) |= 1u << 14;
    (void)RCC(0xD4);
    pin_function_9('B', 2);
    pin_function_9('B', 10);
    pin_function_9('D', 11);
    pin_function_9('D', 12);
    pin_function_9('D', 13);
    pin_function_9('E', 2);
    QUADSPI(0x04) = 24u << 16 | 4u << 8; // twice the chip's size (ES0392)
    QUADSPI(0x00) = 1u << 24 | 1u << 4 | 1u;
    while ((chip_status() & 1u) != 0) {
    }
}

// Mapped at 100 MHz: EBh, 1-4-4, mode byte FF.
static void chip_map(void)
{
    QUADSPI(0x1C) = 0xFF;
    QUADSPI(0x14) =
        0xEBu | 1u << 8 | 3u << 10 | 2u << 12 | 3u << 14 | 4u << 18 | 3u << 24 | 3u << 26;
}

// --- DFU mode -----------------------------------------------------------------------------------

#define CHIP_IN_SPACE 0x90000000u

enum { CHIP_SIZE = 16 << 20, CHIP_BLOCK = 64 * 1024, CHIP_PAGE = 256 };

static void chip_command(uint32_t code)
{
    QUADSPI(0x14) = code | 1u << 8;
    while ((QUADSPI(0x08) & 1u << 1) == 0) {
    }
    QUADSPI(0x0C) = 0x1Bu;
}

// Looks now and then, asleep in between: SysTick wakes the core although interrupts are masked.
static void chip_wait(uint32_t period_us)
{
    REG(0xE000E014u) = 400u * period_us - 1;
    REG(0xE000E018u) = 0;
    REG(0xE000E010u) = 7u;
    while ((chip_status() & 1u) != 0) {
        __asm volatile("wfi" ::: "memory");
        SCB(0x04) = 1u << 25; // PENDSTCLR
    }
    REG(0xE000E010u) = 0;
    SCB(0x04) = 1u << 25;
}

static bool chip_erase(uint32_t address)
{
    chip_command(0x06);
    QUADSPI(0x14) = 0xD8u | 1u << 8 | 1u << 10 | 2u << 12;
    QUADSPI(0x18) = address - CHIP_IN_SPACE;
    while ((QUADSPI(0x08) & 1u << 1) == 0) {
    }
    QUADSPI(0x0C) = 0x1Bu;
    chip_wait(5000);
    return true;
}

static void chip_write_page(uint32_t address, const uint8_t *bytes, uint32_t length)
{
    chip_command(0x06);
    QUADSPI(0x10) = length - 1;
    QUADSPI(0x14) = 0x02u | 1u << 8 | 1u << 10 | 2u << 12 | 1u << 24;
    QUADSPI(0x18) = address - CHIP_IN_SPACE;
    for (uint32_t i = 0, width; i < length; i += width) {
        uint32_t word;
        width = length - i < 4 ? 1 : 4;
        while ((QUADSPI(0x08) >> 8 & 63u) + width > 32) {
        }
        if (width == 1) {
            *(volatile uint8_t *)0x52005020u = bytes[i];
        } else {
            __builtin_memcpy(&word, bytes + i, 4);
            QUADSPI(0x20) = word;
        }
    }
    while ((QUADSPI(0x08) & 1u << 1) == 0) {
    }
    QUADSPI(0x0C) = 0x1Bu;
    chip_wait(50);
}

static bool chip_write(uint32_t address, const uint8_t *bytes, uint32_t length)
{
    for (uint32_t at = 0; at < length;) {
        uint32_t part = CHIP_PAGE - (address + at) % CHIP_PAGE;
        part = part < length - at ? part : length - at;
        chip_write_page(address + at, bytes + at, part);
        at += part;
    }
    return true;
}

static void chip_read(uint32_t address, uint8_t *bytes, uint32_t length)
{
    QUADSPI(0x10) = length - 1;
    QUADSPI(0x14) = 0x0Bu | 1u << 8 | 1u << 10 | 2u << 12 | 8u << 18 | 1u << 24 | 1u << 26;
    QUADSPI(0x18) = address - CHIP_IN_SPACE;
    for (uint32_t i = 0, width; i < length; i += width) {
        width = length - i < 4 ? 1 : 4;
        while ((QUADSPI(0x08) >> 8 & 63u) < width) {
        }
        if (width == 1) {
            bytes[i] = *(volatile uint8_t *)0x52005020u;
        } else {
            const uint32_t word = QUADSPI(0x20);
            __builtin_memcpy(bytes + i, &word, 4);
        }
    }
    while ((QUADSPI(0x08) & 1u << 5) != 0) {
    }
    QUADSPI(0x0C) = 0x1Bu;
}

// No way out but the power is known.
static void chip_leave(uint32_t address)
{
    (void)address;
}

static const char *const chip_layout[] = {"@External Flash /0x90000000/248*64Kg,1*64Kg,7*64Kg"};

static const struct dfuse_memory chip_memory = {
    .product = "a first stage in DFU mode",
    .layouts = chip_layout,
    .layout_count = 1,
    .transfer_size = 2048,
    .first = CHIP_IN_SPACE,
    .end = CHIP_IN_SPACE + CHIP_SIZE,
    .page_size = CHIP_BLOCK,
    .erase_ms = 150,
    .erase = chip_erase,
    .write = chip_write,
    .read = chip_read,
    .leave = chip_leave,
};

// --- MD5 ----------------------------------------------------------------------------------------

static const uint32_t sines[64] = {
    0xD76AA478, 0xE8C7B756, 0x242070DB, 0xC1BDCEEE, 0xF57C0FAF, 0x4787C62A, 0xA8304613, 0xFD469501,
    0x698098D8, 0x8B44F7AF, 0xFFFF5BB1, 0x895CD7BE, 0x6B901122, 0xFD987193, 0xA679438E, 0x49B40821,
    0xF61E2562, 0xC040B340, 0x265E5A51, 0xE9B6C7AA, 0xD62F105D, 0x02441453, 0xD8A1E681, 0xE7D3FBC8,
    0x21E1CDE6, 0xC33707D6, 0xF4D50D87, 0x455A14ED, 0xA9E3E905, 0xFCEFA3F8, 0x676F02D9, 0x8D2A4C8A,
    0xFFFA3942, 0x8771F681, 0x6D9D6122, 0xFDE5380C, 0xA4BEEA44, 0x4BDECFA9, 0xF6BB4B60, 0xBEBFBC70,
    0x289B7EC6, 0xEAA127FA, 0xD4EF3085, 0x04881D05, 0xD9D4D039, 0xE6DB99E5, 0x1FA27CF8, 0xC4AC5665,
    0xF4292244, 0x432AFF97, 0xAB9423A7, 0xFC93A039, 0x655B59C3, 0x8F0CCC92, 0xFFEFF47D, 0x85845DD1,
    0x6FA87E4F, 0xFE2CE6E0, 0xA3014314, 0x4E0811A1, 0xF7537E82, 0xBD3AF235, 0x2AD7D2BB, 0xEB86D391,
};

static const uint8_t shifts[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static void md5_block(uint32_t state[4], const uint32_t *words)
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (unsigned i = 0; i < 64; ++i) {
        uint32_t mix, word;
        switch (i / 16) {
        case 0:
            mix = (b & c) | (~b & d), word = i;
            break;
        case 1:
            mix = (b & d) | (c & ~d), word = 5 * i + 1;
            break;
        case 2:
            mix = b ^ c ^ d, word = 3 * i + 5;
            break;
        default:
            mix = c ^ (b | ~d), word = 7 * i;
            break;
        }
        uint32_t sum = a + mix + sines[i] + words[word % 16];
        unsigned shift = shifts[i / 16][i % 4];
        a = d, d = c, c = b, b += sum << shift | sum >> (32 - shift);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

// The block's bytes with zeros for the digest: a whole number of MD5's blocks.
static bool digest_is_right(const volatile uint32_t *block)
{
    uint32_t state[4] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476};
    uint32_t words[16];
    for (uint32_t at = 0; at < BLOCK_SIZE; at += 64) {
        for (unsigned i = 0; i < 16; ++i) {
            words[i] = at + 4 * i < DIGEST ? block[at / 4 + i] : 0;
        }
        md5_block(state, words);
    }
    for (unsigned i = 0; i < 16; ++i) {
        words[i] = 0;
    }
    words[0] = 0x80;
    words[14] = BLOCK_SIZE * 8;
    md5_block(state, words);
    bool right = true;
    for (unsigned i = 0; i < 4; ++i) {
        right = right && block[DIGEST / 4 + i] == state[i];
    }
    return right;
}

// --- Starting the second stage ------------------------------------------------------------------

static void block_copy(void)
{
    volatile uint32_t *to = (volatile uint32_t *)BLOCK_IN_RAM;
    const volatile uint32_t *from = (const volatile uint32_t *)BLOCK_IN_CHIP;
    for (uint32_t i = 0; i < BLOCK_SIZE / 4; ++i) {
        to[i] = from[i];
    }
}

static void region_set(uint32_t region, uint32_t address, uint32_t size_log2, uint32_t attributes)
{
    MPU(0x08) = region;
    MPU(0x0C) = address;
    MPU(0x10) = attributes | (size_log2 - 1) << 1 | 1u;
}

// What Betaflight calls the loader's own: the upper eight regions. What they say is this one's
// choice: no writes and no execution where a second stage must later be able to do both.
static void mpu_lock(void)
{
    region_set(8, 0x08000000u, 17, 6u << 24 | 1u << 17);
    region_set(9, 0x90000000u, 28, 6u << 24 | 1u << 28 | 1u << 17);
    region_set(10, 0x00000000u, 16, 6u << 24 | 1u << 28);
    region_set(11, 0x30000000u, 19, 6u << 24 | 1u << 28);
    region_set(15, 0x38000000u, 16, 1u << 28); // no access at all
    MPU(0x04) = 5u;
    __asm volatile("dsb\n isb" ::: "memory");
}

static void caches_start(void)
{
    SCB(0x250) = 0; // ICIALLU
    SCB(0x84) = 0;  // CSSELR
    for (uint32_t set = 0; set < 128; ++set) {
        for (uint32_t way = 0; way < 4; ++way) {
            SCB(0x260) = way << 30 | set << 5; // DCISW
        }
    }
    __asm volatile("dsb\n isb" ::: "memory");
    SCB(0x14) |= 3u << 16;
    __asm volatile("dsb\n isb" ::: "memory");
}

// Interrupts enabled, pending and with priorities, faults on, the FPU on, memories' clocks on.
static void leave_traces(void)
{
    RCC(0xDC) |= 7u << 29;
    SCB(0x88) = 0xF00000u;
    SCB(0x24) = 7u << 16;
    SCB(0x20) = 0x80u << 24;
    REG(0xE000E400u + 36) = 0x50505050u;
    REG(0xE000E104u) = 1u << 5; // ISER1: USART1
    REG(0xE000E204u) = 1u << 5; // ISPR1
    REG(0xE000E014u) = 399999u; // SysTick with its interrupt
    REG(0xE000E018u) = 0;
    REG(0xE000E010u) = 7u;
}

static _Noreturn void block_start(void)
{
    uint32_t stack = REG(BLOCK_IN_RAM), entry = REG(BLOCK_IN_RAM + 4);
    for (uint32_t line = BLOCK_IN_RAM; line < BLOCK_IN_RAM + BLOCK_SIZE; line += 32) {
        SCB(0x268) = line; // DCCMVAC
    }
    __asm volatile("dsb\n isb" ::: "memory");
    SCB(0x08) = BLOCK_IN_RAM; // VTOR
    __asm volatile("dsb\n"
                   "msr msp, %0\n"
                   "bx %1\n"
                   :
                   : "r"(stack), "r"(entry)
                   : "memory");
    __builtin_unreachable();
}

static _Noreturn void stay(const char *why)
{
    guest_print("first stage: ");
    guest_print(why);
    guest_print("\n");
    guest_end();
}

void guest_reset(void)
{
    __asm volatile("cpsid i");
    clocks_start();
    caches_start();
    guest_uart_start(100000000u);
    chip_start();
    if (button_is_held()) {
        guest_print("first stage: DFU\n");
        dfuse_run(&chip_memory);
    }
    chip_map();
    block_copy();
    const volatile uint8_t *footer = (const volatile uint8_t *)(BLOCK_IN_RAM + FOOTER);
    if (footer[0] != 0 || footer[1] > 1) {
        stay("no block");
    }
    if (!digest_is_right((const volatile uint32_t *)BLOCK_IN_RAM)) {
        stay("MD5 is wrong");
    }
    guest_print("first stage: starts the second\n");
    while ((USART1(0x1C) & 1u << 6) == 0) {
    }
    mpu_lock();
    leave_traces();
    block_start();
}
