// The internal flash that holds this image, as the server wants to see it (SPEC.md section 18).
//
// SPDX-License-Identifier: MIT
#include "firmware/images/flash/own_flash.h"

#include "abi/protocol.h"
#include "firmware/chip/flash.h"
#include "firmware/chip/reset.h"
#include "firmware/chip/uid.h"

_Static_assert(FLASH_ADDRESS == QL_BOOTLOADER_ADDRESS && FLASH_SIZE == QL_BOOTLOADER_MAX &&
                   FLASH_STAGING == QL_STAGING_ADDRESS,
               "SPEC.md section 18");

static struct bootloader_protection own_flash_protection(void *context)
{
    (void)context;
    return (struct bootloader_protection){.options = flash_options(),
                                          .read = uid_read_protection(),
                                          .write = flash_is_write_protected(),
                                          .debugger = reset_has_debugger()};
}

static void own_flash_change(void *context, enum ql_protect what)
{
    (void)context;
    flash_options_change(what == QL_PROTECT_READ    ? FLASH_READ_LEVEL_1
                         : what == QL_PROTECT_WRITE ? FLASH_WRITE_PROTECT
                                                    : FLASH_WRITE_ALLOW);
}

static enum bootloader_change own_flash_change_state(void *context)
{
    (void)context;
    switch (flash_options_state()) {
    case FLASH_CHANGING:
        return BOOTLOADER_CHANGING;
    case FLASH_CHANGED:
        return BOOTLOADER_CHANGED;
    default:
        return BOOTLOADER_NOT_CHANGED;
    }
}

const struct bootloader_flash own_flash = {
    .bytes = (const uint8_t *)FLASH_ADDRESS,
    .staging = (const uint8_t *)FLASH_STAGING,
    .protection = own_flash_protection,
    .change = own_flash_change,
    .change_state = own_flash_change_state,
};
