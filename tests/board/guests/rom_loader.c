// A stand-in for ST's loader in the microcontroller's ROM: the internal flash by DFU.
//
// Written from AN2606 and AN3156 (ids, alternate settings, commands) and RM0433 (embedded flash
// memory: erase and single-write sequences). What `dfu-util -l` shows of an STM32H750 is repeated:
// sixteen sectors, of which it has one. Not confirmed: the transfer size, what is left behind for
// the program that it starts.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/guest.h"
#include "tests/board/guests/loader/control_pipe.h"
#include "tests/board/guests/loader/dfuse.h"

#define FLASH(offset) REG(0x52002000u + (offset))
#define KEYR1         FLASH(0x04)
#define CR1           FLASH(0x0C)
#define SR1           FLASH(0x10)
#define CCR1          FLASH(0x14)

enum { SECTOR = 128 * 1024, WORD = 32 };
enum { LOCK = 1, PG = 1 << 1, SER = 1 << 2, PSIZE_64 = 3 << 4, START = 1 << 7 }; // CR1
enum { BUSY = 1 << 0 | 1 << 2 };                                                 // SR1: BSY, QW
#define FLAGS  0x1FEF0000u
#define ERRORS (1u << 17 | 1u << 18 | 1u << 19 | 1u << 21 | 1u << 22)

GUEST_VECTORS GUEST_VECTORS_END;

static bool flash_wait(void)
{
    while ((SR1 & BUSY) != 0) {
        for (volatile uint32_t i = 0; i < 100; i = i + 1) {
        }
    }
    return (SR1 & ERRORS) == 0;
}

static void flash_unlock(void)
{
    if ((CR1 & LOCK) != 0) {
        KEYR1 = 0x45670123u;
        KEYR1 = 0xCDEF89ABu;
    }
    CCR1 = FLAGS;
}

static bool flash_erase(uint32_t address)
{
    (void)address; // there is one sector
    flash_unlock();
    CR1 = PSIZE_64 | SER;
    CR1 = PSIZE_64 | SER | START;
    __asm volatile("dsb" ::: "memory");
    const bool good = flash_wait();
    CR1 = PSIZE_64;
    return good;
}

static bool flash_write_word(uint32_t address, const uint8_t *bytes, uint32_t length)
{
    CR1 = PSIZE_64 | PG;
    __asm volatile("isb\n dsb" ::: "memory");
    for (uint32_t at = 0; at < WORD; at += 4) {
        uint32_t word = 0;
        for (uint32_t i = 0; i < 4; ++i) {
            word |= (uint32_t)(at + i < length ? bytes[at + i] : 0xFFu) << 8 * i;
        }
        REG(address + at) = word;
    }
    __asm volatile("dsb" ::: "memory");
    const bool good = flash_wait();
    CR1 = PSIZE_64;
    return good;
}

static bool flash_write(uint32_t address, const uint8_t *bytes, uint32_t length)
{
    if (address % WORD != 0) {
        return false;
    }
    flash_unlock();
    for (uint32_t at = 0; at < length; at += WORD) {
        if (!flash_write_word(address + at, bytes + at, length - at)) {
            return false;
        }
    }
    return true;
}

static void flash_read(uint32_t address, uint8_t *bytes, uint32_t length)
{
    const volatile uint8_t *from = (const volatile uint8_t *)address;
    for (uint32_t i = 0; i < length; ++i) {
        bytes[i] = from[i];
    }
}

// Leaves HSI48 on, as a trace of itself.
static void flash_leave(uint32_t address)
{
    pipe_stop();
    CR1 |= LOCK;
    REG(0xE000ED08u) = address; // VTOR
    __asm volatile("dsb\n"
                   "isb\n"
                   "msr msp, %0\n"
                   "cpsie i\n"
                   "bx %1\n"
                   :
                   : "r"(REG(address)), "r"(REG(address + 4))
                   : "memory");
}

static const char *const layouts[] = {"@Internal Flash   /0x08000000/16*128Kg",
                                      "@Option Bytes   /0x5200201C/01*128 e"};

static const struct dfuse_memory flash_memory = {
    .product = "STM32  BOOTLOADER",
    .layouts = layouts,
    .layout_count = 2,
    .transfer_size = 1024,
    .first = 0x08000000,
    .end = 0x08000000 + SECTOR,
    .page_size = SECTOR,
    .erase_ms = 1500,
    .erase = flash_erase,
    .write = flash_write,
    .read = flash_read,
    .leave = flash_leave,
};

void guest_reset(void)
{
    __asm volatile("cpsid i");
    REG(0x5802480Cu) |= 1u << 24; // PWR_CR3: USB33DEN
    RCC(0x00) |= 1u << 12;        // HSI48
    while ((RCC(0x00) & 1u << 13) == 0) {
    }
    dfuse_run(&flash_memory);
}
