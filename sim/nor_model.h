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
    NOR_DOUBLE_RATE,    // clocked on both edges, which no frame here is
    NOR_WRITE_VOLATILE, // argument: register; takes effect at once
    NOR_READ_FLAGS,     // Micron's flag status register
    NOR_CLEAR_FLAGS,
    NOR_READ_SUSPENDED, // a register that tells suspension: bit 3 of an erase, bit 2 of a program
    NOR_ENTER_4BYTE,
    NOR_EXIT_4BYTE,
    NOR_READ_EXTENDED, // the address byte above three
    NOR_WRITE_EXTENDED,
};

enum nor_data { NOR_DATA_NONE, NOR_DATA_OUT, NOR_DATA_IN };

// Number of address bytes that the chip's address mode decides: 3 or 4.
#define NOR_ADDRESS_MODE 0xFFu

// Flags of a command.
#define NOR_WHILE_BUSY  0x01u  // honoured while BUSY
#define NOR_NEEDS_WEL   0x02u  // ignored without the write enable latch
#define NOR_NEEDS_QE    0x04u  // needs IO2 and IO3 as data lines
#define NOR_CONTINUOUS  0x08u  // its mode byte may start continuous read
#define NOR_DUMMY_SET   0x10u  // QPI: dummy clocks as set by C0h, mode clocks included
#define NOR_BURST_WRAP  0x20u  // QPI: wraps as set by C0h
#define NOR_BARE_TOO    0x40u  // works without the phases behind the opcode
#define NOR_SPI_WRAP    0x80u  // wraps as set by 77h
#define NOR_XIP_CLOCK   0x100u // its mode "byte" is one clock, whose IO0 counts
#define NOR_DUMMY_FIELD 0x200u // mode and dummy clocks may be set by the model's dummy_field

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
    uint16_t flags;
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
// which a volatile write reaches, which a power cycle clears; which every write changes in the
// working copy only, so that a reset brings their factory value back.
struct nor_status {
    uint8_t factory;
    uint8_t writable;
    uint8_t one_time;
    uint8_t volatile_writable;
    uint8_t power_cycle_clears;
    uint8_t volatile_only;
};

// Bits of one of the status registers; mask 0: the chip has none.
struct nor_bits {
    uint8_t number; // of the register, 0..2
    uint8_t mask;
};

// Where a chip keeps what its commands ask for.
struct nor_layout {
    struct nor_bits quad_enable; // mask 0: IO2 and IO3 are always data lines
    struct nor_bits suspended_erase;
    struct nor_bits suspended_program;
    struct nor_bits status_lock;      // set: no status register can be written
    struct nor_bits complement;       // set: all but the area is protected
    struct nor_bits individual_locks; // set: a lock for each sector or block in place of the area
    struct nor_bits bottom;           // set: the area starts at address 0, else it ends at the end
    struct nor_bits small_units;      // set: the second column of protected_size
    uint8_t protect_bits[4];          // masks in register 0, lowest value first; 0: no more
    struct nor_bits four_byte_now;
    struct nor_bits four_byte_at_start;
    struct nor_bits no_xip;      // NOR_CONTINUOUS_XIP: clear: allowed
    struct nor_bits dummy_field; // see dummy_clocks
    uint8_t status_write_max;    // bytes that 01h takes: registers 0, 1
    uint8_t has_flags;           // 1: NOR_READ_FLAGS tells errors
};

// Which mode bytes keep a chip in continuous read.
enum nor_continuous {
    NOR_CONTINUOUS_M54,    // M5-4 = 10
    NOR_CONTINUOUS_M74,    // M7-4 = 1010
    NOR_CONTINUOUS_TOGGLE, // M7-4 are the inverse of M3-0
    NOR_CONTINUOUS_XIP,    // the first clock's IO0 is 0, if a register allows it
};

struct nor_model {
    const char *name;
    uint8_t jedec[6];
    uint8_t jedec_length; // 0: 3
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
    struct nor_layout layout;
    enum nor_continuous continuous;
    uint8_t dummy_clocks[16]; // mode and dummy clocks by dummy_field's value, 0: the command's own
    uint32_t protected_size[2][16];  // [small_units][protect_bits]; the whole chip: `size`
    uint8_t security_registers;      // of 256 bytes, numbered from 1
    struct nor_commands commands[3]; // the last ones may be empty
};

// The chips there are; ends with NULL.
extern const struct nor_model *const nor_models[];

extern const struct nor_model nor_w25q64jv_iq;
extern const struct nor_model nor_w25q128jv_iq;
extern const struct nor_model nor_w25q128jv_im;
extern const struct nor_model nor_w25q256jv_iq;
extern const struct nor_model nor_is25lp064a;
extern const struct nor_model nor_mt25ql512ab;
extern const struct nor_model nor_gd25q64c;
extern const struct nor_model nor_gd25q128e;
extern const struct nor_model nor_mx25l12833f;
extern const struct nor_model nor_py25q64ha;

// The protected sizes of chips with three protect bits and a bit for small units; `small_six`:
// those of value 6 in small units.
#define NOR_PROTECT_THREE_BITS(size, small_six)                                                    \
    {                                                                                              \
        {0, (size) / 64, (size) / 32, (size) / 16, (size) / 8, (size) / 4, (size) / 2, size},      \
        {                                                                                          \
            0, 0x1000, 0x2000, 0x4000, 0x8000, 0x8000, small_six, size                             \
        }                                                                                          \
    }

// 64 KB for 1, doubled by each further value: the protected sizes of chips with four protect bits.
#define NOR_PROTECT_FOUR_BITS(size)                                                                \
    {                                                                                              \
        {                                                                                          \
            0, NOR_PROTECT_STEP(size, 0), NOR_PROTECT_STEP(size, 1), NOR_PROTECT_STEP(size, 2),    \
                NOR_PROTECT_STEP(size, 3), NOR_PROTECT_STEP(size, 4), NOR_PROTECT_STEP(size, 5),   \
                NOR_PROTECT_STEP(size, 6), NOR_PROTECT_STEP(size, 7), NOR_PROTECT_STEP(size, 8),   \
                NOR_PROTECT_STEP(size, 9), NOR_PROTECT_STEP(size, 10), NOR_PROTECT_STEP(size, 11), \
                NOR_PROTECT_STEP(size, 12), NOR_PROTECT_STEP(size, 13),                            \
                NOR_PROTECT_STEP(size, 14),                                                        \
        }                                                                                          \
    }
#define NOR_PROTECT_STEP(size, shift)                                                              \
    (UINT32_C(0x10000) << (shift) < (size) ? UINT32_C(0x10000) << (shift) : (size))

#endif
