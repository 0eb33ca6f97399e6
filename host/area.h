// What may be written where, checked before anything is sent: the chip's map and the vector table
// (SPEC.md section 7).
//
// SPDX-License-Identifier: MIT
#ifndef HOST_AREA_H
#define HOST_AREA_H

#include "host/error.h"
#include "host/image.h"

#include <stdbool.h>
#include <stdint.h>

// Where the controller maps the chip; at most 256 MiB.
#define QL_CHIP_WINDOW     0x90000000U
#define QL_CHIP_WINDOW_END 0xA0000000U // the address behind it

static inline bool ql_in_chip_window(uint32_t address)
{
    return address >= QL_CHIP_WINDOW && address < QL_CHIP_WINDOW_END;
}

// Ends are the addresses behind the last byte.
struct ql_area {
    uint32_t chip_start;
    uint32_t chip_end;
    uint32_t program_start;
    uint32_t program_end;
    uint32_t image_start, image_end; // the block of a bootloader that lies in the chip; else equal
    uint32_t sector_size; // bytes: 4096, or the chip's smallest erase size where that is larger
    bool known;           // from a board; else the widest that any board could have
};

// Does this extent begin at the block of a bootloader that lies in the chip?
bool ql_area_is_image(const struct ql_area *area, const struct ql_extent *extent);

// For checks before a board is there.
struct ql_area ql_area_unknown(void);

// Can `length` bytes at `address` be written? `what` begins the sentence ("firmware.bin").
int ql_area_check_write(const struct ql_area *area, const char *what, uint32_t address,
                        uint64_t length, struct ql_failure *failure);
// Can they be read?
int ql_area_check_read(const struct ql_area *area, const char *what, uint32_t address,
                       uint64_t length, struct ql_failure *failure);
// All extents of the image; the raw binary's or program's start must begin a sector.
int ql_area_check_image(const struct ql_area *area, const char *name, const struct ql_image *image,
                        bool is_program, struct ql_failure *failure);

// Can a program of `length` bytes at `address`, whose first bytes are at `data`, be started?
int ql_vectors_check(const char *name, uint32_t address, const uint8_t *data, uint32_t length,
                     struct ql_failure *failure);

#endif
