// The bootloader's own flash: its protection, and another bootloader in its place (SPEC.md section
// 18).
//
// What is decided stands here; who may ask is the lock's business, and the registers are behind
// struct bootloader_flash. Level 2 of the read-out protection has no name in this interface.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_BOOTLOADER_H
#define CORE_BOOTLOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/boot.h"
#include "core/lock.h"
#include "core/sha256.h"

struct bootloader_protection {
    uint32_t options; // FLASH_OPTSR_CUR
    uint8_t read;     // the read-out protection byte
    bool write;       // the sector can be neither erased nor programmed
    bool debugger;    // one is connected
};

enum bootloader_change {
    BOOTLOADER_CHANGING,
    BOOTLOADER_CHANGED,
    BOOTLOADER_NOT_CHANGED, // the option bytes are as they were
};

// The flash that the bootloader runs from, and RAM for another one.
struct bootloader_flash {
    void *context;
    const uint8_t *bytes;   // QL_BOOTLOADER_MAX bytes: what stands at QL_BOOTLOADER_ADDRESS
    const uint8_t *staging; // as many: what RAM_WRITE put at QL_STAGING_ADDRESS
    struct bootloader_protection (*protection)(void *context);
    // Begins to change the option bytes; the other one tells how that is going.
    void (*change)(void *context, enum ql_protect what);
    enum bootloader_change (*change_state)(void *context);
};

struct bootloader {
    const struct bootloader_flash *flash; // null: nothing here can be done on this board
    const struct lock *lock;
    const char *board_name;
    bool begun;          // the job under way has done its first step
    uint32_t hashed;     // bytes of it
    uint32_t started_ms; // when the option bytes began to change
};

void bootloader_init(struct bootloader *bootloader, const struct bootloader_flash *flash,
                     const struct lock *lock, const char *board_name);

// PROTECT or REPLACE: what can be said at once. After OK it is a job for bootloader_run.
struct outcome bootloader_begin(struct bootloader *bootloader, uint8_t kind,
                                const uint8_t *payload);

// What a job has come to.
struct bootloader_answer {
    struct outcome outcome;
    uint8_t content[QL_OWN_FLASH_SIZE];
    uint32_t content_size;
    uint32_t replace; // bytes staged that shall replace the bootloader now; 0: none
};

// Goes on with a job, for about half a millisecond at most; true when it is done.
bool bootloader_run(struct bootloader *bootloader, const struct sha256_service *sha256,
                    uint8_t kind, const uint8_t *payload, uint32_t now_ms,
                    struct bootloader_answer *answer);

// The value of INFO's item, or false without a flash.
bool bootloader_info(const struct bootloader *bootloader, uint8_t value[QL_OWN_FLASH_SIZE]);

// Is this an image for the board of that name? OK, or NOT_A_BOOTLOADER with the offset of what is
// not right.
struct outcome bootloader_image_check(const uint8_t *image, uint32_t length,
                                      const char *board_name);

#endif
