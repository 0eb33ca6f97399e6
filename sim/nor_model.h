// What tells one type of serial NOR flash chip from another: constant data, one file per family.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_NOR_MODEL_H
#define SIM_NOR_MODEL_H

#include <stddef.h>
#include <stdint.h>

enum nor_action {
    NOR_NOTHING, // known, without effect
    NOR_READ_ARRAY,
    NOR_READ_STATUS,  // argument: register 0, 1, 2
    NOR_WRITE_STATUS, // argument: first register written
    NOR_WRITE_ENABLE,
    NOR_WRITE_DISABLE,
    NOR_VOLATILE_ENABLE, // the next status write changes only the working copy
    NOR_PROGRAM,
    NOR_ERASE,      // argument: log2 of the size
    NOR_ERASE_CHIP, // all of it
    NOR_SUSPEND,
    NOR_RESUME,
    NOR_POWER_DOWN,
    NOR_RELEASE, // from power-down; reads the device id if clocked on
    NOR_READ_JEDEC,
    NOR_READ_MAKER_DEVICE, // maker and device id, alternating
    NOR_READ_UNIQUE,
    NOR_READ_SFDP,
    NOR_SECURITY_READ,
    NOR_SECURITY_PROGRAM,
    NOR_SECURITY_ERASE,
    NOR_LOCK, // individual locks of sectors and blocks
    NOR_UNLOCK,
    NOR_READ_LOCK,
    NOR_LOCK_ALL,
    NOR_UNLOCK_ALL,
    NOR_RESET_ENABLE,
    NOR_RESET,
    NOR_ENTER_QPI,
    NOR_EXIT_QPI,
    NOR_SET_WRAP,
    NOR_SET_READ_PARAMETERS,
    NOR_DOUBLE_RATE, // clocked on both edges, which no frame here is
};

enum nor_data { NOR_DATA_NONE, NOR_DATA_OUT, NOR_DATA_IN };

// Flags of a command.
#define NOR_WHILE_BUSY 0x01u // honoured while BUSY
#define NOR_NEEDS_WEL  0x02u // ignored without the write enable latch
#define NOR_NEEDS_QE   0x04u // needs IO2 and IO3 as data lines
#define NOR_CONTINUOUS 0x08u // its mode byte may start continuous read
#define NOR_DUMMY_SET  0x10u // QPI: dummy clocks as set by C0h, mode clocks included
#define NOR_BURST_WRAP 0x20u // QPI: wraps as set by C0h
#define NOR_BARE_TOO   0x40u // works without the phases behind the opcode
#define NOR_SPI_WRAP   0x80u // wraps as set by 77h

// Which way the lines are read: SPI (opcode on one line) or QPI (everything on four).
enum nor_bus_mode { NOR_SPI, NOR_QPI };

struct nor_command {
    uint8_t opcode;
    const char *name;
    enum nor_bus_mode bus;
    enum nor_action action;
    uint8_t argument;
    uint8_t address_bytes;
    uint8_t address_lanes; // also those of the mode byte
    uint8_t mode_bytes;    // 0 or 1
    uint8_t dummy_clocks;
    enum nor_data data;
    uint8_t data_lanes;
    uint8_t max_mhz; // 0: the chip's usual limit
    uint8_t flags;
};

struct nor_commands {
    const struct nor_command *table;
    size_t count;
};

// A piece of a constant address space.
struct nor_bytes {
    uint32_t address;
    uint32_t length;
    const uint8_t *bytes;
};

struct nor_times {
    uint64_t page_program_ns;
    uint64_t erase_4k_ns;
    uint64_t erase_32k_ns;
    uint64_t erase_64k_ns;
    uint64_t erase_chip_ns;
    uint64_t status_write_ns;
    uint64_t suspend_ns;
    uint64_t reset_ns;
    uint64_t power_down_ns;
    uint64_t release_ns;
};

// A status register: which bits a write reaches, which are one-time programmable (can only be set),
// which a volatile write reaches, which a power cycle clears.
struct nor_status {
    uint8_t factory;
    uint8_t writable;
    uint8_t one_time;
    uint8_t volatile_writable;
    uint8_t power_cycle_clears;
};

struct nor_model {
    const char *name;
    uint8_t jedec[3];
    uint8_t device_id;
    uint32_t size;                // power of two
    uint32_t page_size;           // power of two, at most 256
    const struct nor_bytes *sfdp; // FFh elsewhere
    size_t sfdp_count;
    uint32_t sfdp_size; // of the whole space, a power of two
    struct nor_times typical;
    struct nor_times maximum;
    uint64_t power_up_write_ns;    // supply good to first write
    uint32_t select_high_read_ns;  // chip select high behind a read
    uint32_t select_high_write_ns; // behind anything that changes something
    uint8_t max_mhz;               // of commands without a limit of their own
    struct nor_status status[3];
    uint32_t protected_size[2][8];   // [SEC][BP2..0]; the whole chip: `size`
    uint8_t security_registers;      // of 256 bytes, numbered from 1
    struct nor_commands commands[2]; // the second may be empty
};

// The chips there are; ends with NULL.
extern const struct nor_model *const nor_models[];

extern const struct nor_model nor_w25q128jv_iq;
extern const struct nor_model nor_w25q128jv_im;

#endif
