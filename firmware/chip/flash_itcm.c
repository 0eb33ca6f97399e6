// The moment without a bootloader: erasing and programming the internal flash from ITCM. From
// RM0433, chapter "Embedded flash memory" (erase and single-write sequences, errors).
//
// Everything here lies in one section, calls nothing and reads no constants that lie in flash: the
// copies are written out, since a compiler would turn plain loops into calls of memcpy.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/flash_itcm.h"

#include <stdbool.h>
#include <stdint.h>

#include "firmware/chip/barrier.h"
#include "firmware/chip/flash.h"
#include "firmware/chip/registers.h"

#define IN_ITCM __attribute__((section(".itcm"), noinline, used))
#define INLINE  static inline __attribute__((always_inline))

enum {
    TRIES = 5,
    ERASE_LIMIT_MS = 10000, // the data sheet's longest is a third of that
    PROGRAM_LIMIT_MS = 100,
    ERASE_PAUSE = 300, // turns: some 50 us
    PROGRAM_PAUSE = 6,
    WORD_WORDS = 8, // 256 bits are programmed at once
    SECTOR_WORDS = FLASH_SIZE / 4,
    PSIZE_64_BITS = 3, // at once; needs the 3.3 V that the board has
    AIRCR_KEY = 0x05FA,
};

#define ERRORS                                                                                     \
    (FLASH_SR1_WRPERR1 | FLASH_SR1_PGSERR1 | FLASH_SR1_STRBERR1 | FLASH_SR1_INCERR1 |              \
     FLASH_SR1_OPERR1)
#define FLAGS_ALL 0x1FEF0000u // of SR1, as CCR1 clears them
#define BLANK     0xFFFFFFFFu

// Looking all the time would only keep the bus busy. A turn is 64 instructions.
INLINE void pause(uint32_t turns)
{
    __asm volatile("1: .rept 62\n"
                   "   nop\n"
                   "   .endr\n"
                   "   subs %0, #1\n"
                   "   bne 1b\n"
                   : "+r"(turns)
                   :
                   : "cc");
}

// Until the queue is empty; false when that took too long or went wrong.
INLINE bool idle_wait(uint32_t limit_ms, uint32_t pause_turns)
{
    while ((FLASH_SR1 & (FLASH_SR1_QW1 | FLASH_SR1_BSY1)) != 0) {
        if ((SYST_CSR & SYST_CSR_COUNTFLAG) != 0 && limit_ms-- == 0) {
            return false;
        }
        pause(pause_turns);
    }
    return (FLASH_SR1 & ERRORS) == 0;
}

INLINE bool sector_erase(void)
{
    FLASH_CCR1 = FLAGS_ALL;
    FLASH_CR1 = FIELD(FLASH_CR1_PSIZE1, PSIZE_64_BITS) | FLASH_CR1_SER1;
    FLASH_CR1 = FIELD(FLASH_CR1_PSIZE1, PSIZE_64_BITS) | FLASH_CR1_SER1 | FLASH_CR1_START1;
    barrier_data();
    bool done = idle_wait(ERASE_LIMIT_MS, ERASE_PAUSE);
    FLASH_CR1 = FIELD(FLASH_CR1_PSIZE1, PSIZE_64_BITS);
    return done;
}

INLINE bool word_is_blank(const volatile uint32_t *from)
{
    uint32_t bits = BLANK;
    for (unsigned i = 0; i < WORD_WORDS; ++i) {
        bits &= from[i];
    }
    return bits == BLANK;
}

INLINE bool word_program(volatile uint32_t *to, const volatile uint32_t *from)
{
    FLASH_CR1 = FIELD(FLASH_CR1_PSIZE1, PSIZE_64_BITS) | FLASH_CR1_PG1;
    barrier_instruction();
    for (unsigned i = 0; i < WORD_WORDS; ++i) {
        to[i] = from[i];
    }
    barrier_instruction();
    bool done = idle_wait(PROGRAM_LIMIT_MS, PROGRAM_PAUSE);
    FLASH_CR1 = FIELD(FLASH_CR1_PSIZE1, PSIZE_64_BITS);
    return done;
}

// The first word comes last: without its stack pointer and entry a torn image starts nothing.
INLINE bool sector_program(void)
{
    volatile uint32_t *flash = (volatile uint32_t *)FLASH_ADDRESS;
    const volatile uint32_t *staging = (const volatile uint32_t *)FLASH_STAGING;
    for (uint32_t i = SECTOR_WORDS; i > 0;) {
        i -= WORD_WORDS;
        if (!word_is_blank(staging + i) && !word_program(flash + i, staging + i)) {
            return false;
        }
    }
    return true;
}

INLINE bool sector_is_right(void)
{
    const volatile uint32_t *flash = (const volatile uint32_t *)FLASH_ADDRESS;
    const volatile uint32_t *staging = (const volatile uint32_t *)FLASH_STAGING;
    for (uint32_t i = 0; i < SECTOR_WORDS; ++i) {
        if (flash[i] != staging[i]) {
            return false;
        }
    }
    return true;
}

IN_ITCM _Noreturn void flash_itcm_replace(void)
{
    // A word with a wrong ECC is a bus error when it is read, and the fault's handler is gone: at
    // this priority with this bit the read just goes on.
    SCB_CCR |= SCB_CCR_BFHFNMIGN;
    __asm volatile("cpsid f" ::: "memory");
    barrier_instruction();
    for (unsigned i = 0; i < TRIES; ++i) {
        if (sector_erase() && sector_program() && sector_is_right()) {
            break;
        }
    }
    barrier_data();
    SCB_AIRCR = FIELD(SCB_AIRCR_VECTKEY, AIRCR_KEY) | (SCB_AIRCR & SCB_AIRCR_PRIGROUP) |
                SCB_AIRCR_SYSRESETREQ;
    barrier_data();
    for (;;) {
    }
}
