// The inside of the PX4 protocol, shared by the files core/px4*.c only.
//
// px4.c: whose bytes they are, commands and answers; px4_upload.c: what they set to work.
//
// SPDX-License-Identifier: MIT
#ifndef CORE_PX4_PARTS_H
#define CORE_PX4_PARTS_H

#include "core/px4.h"

enum px4_status {
    PX4_INSYNC = 0x12,
    PX4_OK = 0x10,
    PX4_FAILED = 0x11,
    PX4_INVALID = 0x13,
};

enum px4_opcode {
    PX4_GET_SYNC = 0x21,
    PX4_GET_DEVICE = 0x22,
    PX4_CHIP_ERASE = 0x23,
    PX4_PROG_MULTI = 0x27,
    PX4_READ_MULTI = 0x28,
    PX4_GET_CRC = 0x29,
    PX4_GET_OTP = 0x2A,
    PX4_GET_SN = 0x2B,
    PX4_GET_CHIP = 0x2C,
    PX4_SET_DELAY = 0x2D,
    PX4_GET_CHIP_DES = 0x2E,
    PX4_GET_VERSION = 0x2F,
    PX4_BOOT = 0x30,
    PX4_DEBUG = 0x31,
    PX4_SET_BAUD = 0x33,
    PX4_EXTF_ERASE = 0x34,
    PX4_EXTF_PROG_MULTI = 0x35,
    PX4_EXTF_READ_MULTI = 0x36,
    PX4_EXTF_GET_CRC = 0x37,
    PX4_CHIP_FULL_ERASE = 0x40,
};

enum {
    PX4_VECTORS_OFFSET = 7 * 4, // of what GET_DEVICE 5 reads
    PX4_VECTORS_SIZE = 16,
};

// px4.c
uint32_t px4_now_ms(const struct px4 *px4);
void px4_put(struct px4 *px4, const void *bytes, unsigned length);
void px4_put_word(struct px4 *px4, uint32_t value);
// Ends the command's answer.
void px4_answer(struct px4 *px4, enum px4_status status);
// The upload has failed; so does the command.
void px4_fail(struct px4 *px4, struct outcome outcome);

// px4_upload.c
// Bytes that an upload may have.
uint32_t px4_area_size(const struct px4 *px4);
// A command that changes or reads the chip, in px4->command.
void px4_begin(struct px4 *px4, enum px4_opcode opcode);
// Reads `length` bytes at this offset of the area.
void px4_read_begin(struct px4 *px4, uint32_t offset, uint32_t length);
// Closes the engine; what was written stays unsealed.
void px4_forget(struct px4 *px4);

#endif
