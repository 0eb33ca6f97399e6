// Identity, from RM0433, chapters "Device electronic signature", "Debug infrastructure" and
// "Embedded flash memory".
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/uid.h"

#include "firmware/chip/registers.h"

void uid_read(uint32_t words[UID_WORDS])
{
    for (unsigned i = 0; i < UID_WORDS; ++i) {
        words[i] = UID_WORD(i);
    }
}

uint32_t uid_idcode(void)
{
    return DBGMCU_IDC;
}

uint8_t uid_read_protection(void)
{
    return (uint8_t)FIELD_GET(FLASH_OPTSR_CUR_RDP, FLASH_OPTSR_CUR);
}
