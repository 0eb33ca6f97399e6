// What tools read of an external loader's file before they run anything: name, size and sectors, in
// the forms of STM32CubeProgrammer and of CMSIS-Pack (SPEC.md section 23). Each board's file has
// both; an image's linker script takes the one that it needs.
//
// Written from UM2237 with the headers of ST's loader examples, and from the Open-CMSIS-Pack
// specification, "Flash programming".
//
// SPDX-License-Identifier: MIT
#ifndef FIRMWARE_LOADER_TABLES_H
#define FIRMWARE_LOADER_TABLES_H

#include <stdint.h>

// The smallest unit, and what EraseSector of CMSIS erases; two chips side by side have twice that.
#define LOADER_SECTOR(dual) (4096u << (dual))
#define LOADER_BLOCK(dual)  (65536u << (dual))

enum {
    STORAGE_NOR_FLASH = 3,
    STORAGE_SECTOR_KINDS = 10,
    FLASH_DRIVER_VERSION = 0x0101, // of the format, of this
    FLASH_EXTERNAL_SPI = 5,
    FLASH_PAGE = 4096,
    PROGRAM_LIMIT_MS = 1000, // for FLASH_PAGE bytes
    ERASE_LIMIT_MS = 10000,
};

struct storage_sectors {
    uint32_t count, size;
};

struct storage_info {
    char name[100]; // the file's, without .stldr
    uint16_t type;
    uint32_t address, size, page_size;
    uint8_t erased;
    struct storage_sectors sectors[STORAGE_SECTOR_KINDS]; // count 0 ends them
};

struct flash_sectors {
    uint32_t size, first;
};

struct flash_device {
    uint16_t version;
    char name[128];
    uint16_t type;
    uint32_t address, size, page_size, reserved;
    uint8_t erased;
    uint32_t program_limit_ms, erase_limit_ms;
    struct flash_sectors sectors[2]; // all ones end them
};

_Static_assert(sizeof(struct storage_info) == 200 && sizeof(struct flash_device) == 176,
               "the tools' formats");

// The names are the tools'.
extern const struct storage_info StorageInfo;
extern const struct flash_device FlashDevice;

#define LOADER_TABLES(board_name, chip_size, dual)                                                 \
    const struct storage_info StorageInfo __attribute__((section(".loader.storage"))) = {          \
        .name = board_name,                                                                        \
        .type = STORAGE_NOR_FLASH,                                                                 \
        .address = 0x90000000,                                                                     \
        .size = (chip_size),                                                                       \
        .page_size = 256,                                                                          \
        .erased = 0xFF,                                                                            \
        .sectors = {{(chip_size) / LOADER_SECTOR(dual), LOADER_SECTOR(dual)}},                     \
    };                                                                                             \
    const struct flash_device FlashDevice __attribute__((section(".loader.device"))) = {           \
        .version = FLASH_DRIVER_VERSION,                                                           \
        .name = board_name " quad-SPI flash (quadlane)",                                           \
        .type = FLASH_EXTERNAL_SPI,                                                                \
        .address = 0x90000000,                                                                     \
        .size = (chip_size),                                                                       \
        .page_size = FLASH_PAGE,                                                                   \
        .erased = 0xFF,                                                                            \
        .program_limit_ms = PROGRAM_LIMIT_MS,                                                      \
        .erase_limit_ms = ERASE_LIMIT_MS,                                                          \
        .sectors = {{LOADER_BLOCK(dual), 0}, {UINT32_MAX, UINT32_MAX}},                            \
    }

#endif
