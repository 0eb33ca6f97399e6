// The inside of a NOR chip, shared by the files nor_*.c only.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_NOR_CHIP_PARTS_H
#define SIM_NOR_CHIP_PARTS_H

#include "sim/machine.h"
#include "sim/nor_chip.h"
#include "sim/nor_decode.h"
#include "sim/nor_store.h"

#define NOR_PAGE_MAX   256u
#define NOR_FAULTS_MAX 8u

enum nor_operation_kind {
    NOR_OPERATION_NONE,
    NOR_OPERATION_PROGRAM,
    NOR_OPERATION_ERASE,
    NOR_OPERATION_ERASE_CHIP,
    NOR_OPERATION_STATUS,
    NOR_OPERATION_SECURITY_PROGRAM,
    NOR_OPERATION_SECURITY_ERASE,
};

// Something that keeps the chip BUSY. What it does becomes visible when it ends; before that the
// chip shows its array to nobody.
struct nor_operation {
    enum nor_operation_kind kind;
    const char *name;
    uint32_t address; // of its first byte; security register number for those
    uint32_t length;
    uint8_t data[NOR_PAGE_MAX]; // program: what to AND into the page, from the page's start
    uint8_t status[3];          // status write: the new contents
    uint64_t duration_ns;
    uint64_t spent_ns; // before the last suspend
    uint64_t started_ns;
    uint64_t number;
};

struct nor_worn_byte {
    uint32_t offset;
    enum nor_fault fault;
};

struct nor_chip {
    struct machine *machine;
    const struct nor_model *model;
    const char *name;
    struct nor_store store;
    struct nor_times times;
    uint64_t seed;
    bool powered;

    // Lost with the power, and by a software reset.
    uint8_t status[3]; // working copies, without BUSY, WEL, SUS
    bool write_enabled;
    bool volatile_enabled; // 50h was sent
    bool reset_enabled;    // 66h was the last command
    bool power_down;
    uint8_t error_flags; // of the flag status register, until they are cleared
    uint8_t *locks;      // individual lock bits, one byte a sector
    struct nor_bus_state bus;
    uint8_t spi_wrap; // 0: off, else 8..64 bytes
    uint8_t qpi_wrap;
    uint64_t deaf_until_ns; // hears nothing before
    const char *deaf_since; // what made it deaf
    uint64_t writable_ns;   // first time for a write after power-up
    struct nor_operation active;
    struct nor_operation suspended;
    bool suspending;
    uint64_t resumed_ns;
    struct event done_event;

    // The frame under way.
    bool selected;
    bool ignored;
    bool complained;
    struct nor_decoder decoder;
    uint8_t frame_lanes; // of the controller's data phase
    uint64_t out_bits;   // given out since the data stage began
    uint32_t in_count;   // whole bytes taken in
    uint8_t in_shift;
    uint8_t in_bits;
    uint8_t in_data[NOR_PAGE_MAX]; // program: the page; else the first bytes
    bool changed_something;        // the last command asks for the long chip-select-high time

    struct nor_worn_byte worn[NOR_FAULTS_MAX];
    unsigned worn_count;

    bool inherited; // see nor_chip_controller_reset
    uint64_t operations;
    uint64_t bytes_programmed;
    uint64_t sectors_erased;
    uint64_t programs; // operations of these kinds
    uint64_t erases;
    uint64_t busy_ns;            // spent in operations, to their ends
    uint64_t first_operation_ns; // when the first one began
    uint64_t last_operation_ns;  // when the last one ended
    uint64_t cut_at;
    double cut_fraction;
    void (*cut)(void *context);
    void *cut_context;
    struct event cut_event;
    void (*changed)(void *context, uint32_t offset, uint32_t length);
    void *changed_context;
};

// Status register bits that all chips have in the same place; those of the one-time locks of
// security registers are Winbond's. The others: struct nor_layout.
#define SR1_BUSY     0x01u
#define SR1_WEL      0x02u
#define SR2_LB_SHIFT 3u

// Micron's flag status register.
#define FLAG_READY             0x80u
#define FLAG_ERASE_SUSPENDED   0x40u
#define FLAG_ERASE_FAILED      0x20u
#define FLAG_PROGRAM_FAILED    0x10u
#define FLAG_PROGRAM_SUSPENDED 0x04u
#define FLAG_PROTECTED         0x02u
#define FLAG_FOUR_BYTE         0x01u

#define nor_violation(chip, ...) machine_violation((chip)->machine, (chip)->name, __VA_ARGS__)
#define nor_trace(chip, ...)     machine_trace((chip)->machine, "nor", __VA_ARGS__)

bool nor_is_busy(const struct nor_chip *chip);
bool nor_is_suspended(const struct nor_chip *chip);
uint8_t nor_status_byte(const struct nor_chip *chip, unsigned number);
bool nor_bits_set(const struct nor_chip *chip, struct nor_bits bits);
bool nor_is_quad(const struct nor_chip *chip);      // IO2 and IO3 are data lines
bool nor_may_continue(const struct nor_chip *chip); // a mode byte can start continuous read
void nor_registers_changed(struct nor_chip *chip);  // the working copies, by whatever
bool nor_is_protected(const struct nor_chip *chip, uint32_t address, uint32_t length);
void nor_volatile_reset(struct nor_chip *chip); // what a software reset clears

// --- nor_judge.c: may this frame be? ------------------------------------------------------------

struct nor_verdict {
    bool ignored; // the chip does not act on it
    bool wrong;   // the driver broke a rule
    char text[256];
};
void nor_judge(const struct nor_chip *chip, const struct nor_frame *frame,
               const struct nor_decoder *decoder, struct nor_verdict *verdict);

// --- nor_operation.c: what takes time -----------------------------------------------------------

void nor_operation_start(struct nor_chip *chip, const struct nor_operation *operation);
void nor_operation_suspend(struct nor_chip *chip);
void nor_operation_resume(struct nor_chip *chip);
void nor_operations_tear(struct nor_chip *chip); // power or reset in the middle
bool nor_operation_covers(const struct nor_operation *operation, uint32_t address, uint32_t length);
void nor_operation_done(void *context); // the chip's event
void nor_operation_cut(void *context);  // likewise

// --- nor_command.c: what a command does when chip select rises ----------------------------------

void nor_command_execute(struct nor_chip *chip);

#endif
