// The internal flash: option bytes, and the way into flash_itcm.c. From RM0433, chapter "Embedded
// flash memory" (unlocking, option byte modification, protections), and ST's HAL for the keys.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/flash.h"

#include "firmware/chip/barrier.h"
#include "firmware/chip/cache.h"
#include "firmware/chip/flash_itcm.h"
#include "firmware/chip/interrupt.h"
#include "firmware/chip/mpu.h"
#include "firmware/chip/registers.h"
#include "firmware/chip/reset.h"

#define KEY_1        0x45670123u
#define KEY_2        0xCDEF89ABu
#define OPTION_KEY_1 0x08192A3Bu
#define OPTION_KEY_2 0x4C5D6E7Fu

// Bits of OPTSR_PRG and OPTSR_CUR that hold options. What is reserved stays as it is.
#define OPTSR_OPTIONS 0xA03EFFDCu

enum {
    RDP_LEVEL_0 = 0xAA,
    RDP_LEVEL_2 = 0xCC, // never written: no power could take it back
    RDP_LEVEL_1 = 0x55, // any value but those of the levels 0 and 2; ST's tools write this one
};

// Bit 0 of WRPSn1: 0 protects sector 0, the only one.
enum { SECTOR_0 = 0x01 };

// From link/sections.ld.
extern uint32_t link_itcm_start[], link_itcm_end[], link_itcm_load[];

uint32_t flash_options(void)
{
    return FLASH_OPTSR_CUR;
}

bool flash_is_write_protected(void)
{
    return (FLASH_WPSN_CUR1R & SECTOR_0) == 0;
}

static bool is_changing(void)
{
    return (FLASH_OPTSR_CUR & FLASH_OPTSR_CUR_OPT_BUSY) != 0;
}

void flash_options_change(enum flash_change change)
{
    uint32_t level = FIELD_GET(FLASH_OPTSR_CUR_RDP, FLASH_OPTSR_CUR);
    uint32_t sectors = FLASH_WPSN_CUR1R;

    if (is_changing() || level == RDP_LEVEL_2) {
        return;
    }
    if (change == FLASH_READ_LEVEL_1) {
        if (level != RDP_LEVEL_0) {
            return;
        }
        level = RDP_LEVEL_1;
    } else {
        sectors =
            change == FLASH_WRITE_PROTECT ? sectors & ~(uint32_t)SECTOR_0 : sectors | SECTOR_0;
    }
    if ((FLASH_OPTCR & FLASH_OPTCR_OPTLOCK) != 0) {
        FLASH_OPTKEYR = OPTION_KEY_1;
        FLASH_OPTKEYR = OPTION_KEY_2;
    }
    // Both anew from what holds now: a change that failed before left its wishes in them.
    FLASH_OPTSR_PRG = (FLASH_OPTSR_PRG & ~OPTSR_OPTIONS) |
                      (FLASH_OPTSR_CUR & OPTSR_OPTIONS & ~FLASH_OPTSR_PRG_RDP) |
                      FIELD(FLASH_OPTSR_PRG_RDP, level);
    FLASH_WPSN_PRG1R = sectors;
    FLASH_OPTCCR = FLASH_OPTCCR_CLR_OPTCHANGEERR;
    FLASH_OPTCR |= FLASH_OPTCR_OPTSTART;
    barrier_data();
}

enum flash_change_state flash_options_state(void)
{
    if (is_changing()) {
        return FLASH_CHANGING;
    }
    if ((FLASH_OPTCR & FLASH_OPTCR_OPTLOCK) == 0) {
        FLASH_OPTCR |= FLASH_OPTCR_OPTLOCK;
    }
    return (FLASH_OPTSR_CUR & FLASH_OPTSR_CUR_OPTCHANGEERR) != 0 ? FLASH_NOT_CHANGED
                                                                 : FLASH_CHANGED;
}

// What is not part of the image stays blank.
static void staging_fill(uint32_t length)
{
    if (length % sizeof(uint64_t) != 0) { // its other half came with the image
        *(volatile uint32_t *)(FLASH_STAGING + length) = UINT32_MAX;
        length += sizeof(uint32_t);
    }
    // The RAM's error correction works on 64 bits.
    for (uint32_t i = length; i < FLASH_SIZE; i += sizeof(uint64_t)) {
        *(volatile uint64_t *)(FLASH_STAGING + i) = UINT64_MAX;
    }
}

static void itcm_load(void)
{
    mpu_null_open();
    volatile uint32_t *to = link_itcm_start;
    for (const volatile uint32_t *from = link_itcm_load; to < link_itcm_end;) {
        *to++ = *from++;
    }
    barrier_instruction();
}

void flash_replace(uint32_t length)
{
    // Revision Y reads wrong from AXI SRAM without this (ES0392); a reset takes it back.
    AXI_TARG7_FN_MOD |= AXI_TARG7_FN_MOD_READ_ISS_OVERRIDE;
    // The new bootloader stays for the host that brought it.
    reset_stay_request_leave();
    (void)interrupt_mask();
    cache_disable(); // so that what is read back comes from the flash
    staging_fill(length);
    if ((FLASH_CR1 & FLASH_CR1_LOCK1) != 0) {
        FLASH_KEYR1 = KEY_1;
        FLASH_KEYR1 = KEY_2;
    }
    itcm_load();
    flash_itcm_replace();
}
