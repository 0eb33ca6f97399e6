// A serial NOR flash chip as seen from its pins: what the QUADSPI model clocks into it and what it
// answers, with data-sheet times. Nothing here knows the microcontroller.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_NOR_CHIP_H
#define SIM_NOR_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine;
struct nor_chip;
struct nor_model; // constant description of a chip type (ids, SFDP, times, commands)

// One chip-select period as clocked by a controller: phases with lanes (0: absent, 1, 2, 4).
struct nor_frame {
    bool has_opcode;
    uint8_t opcode;
    uint8_t opcode_lanes;
    uint32_t address;
    uint8_t address_bytes; // 1..4
    uint8_t address_lanes;
    uint32_t mode;      // alternate bytes, most significant first
    uint8_t mode_bytes; // 0..4
    uint8_t mode_lanes;
    uint8_t dummy_cycles;
    uint8_t data_lanes;
    bool data_is_read; // direction of the data phase
    uint32_t clock_hz;
    uint32_t select_high_ns; // chip select was high that long before; 0: not known, not checked
};

const struct nor_model *nor_model_find(const char *name); // "W25Q128JV-IQ", ...; NULL if unknown

// With `path` the contents (array, status registers) are kept in that file; NULL: in memory, blank.
// A plain image of exactly the chip's size is taken over. The chip is powered when it returns.
// NULL: the file cannot be used; the reason was printed on stderr.
struct nor_chip *nor_chip_create(struct machine *machine, const struct nor_model *model,
                                 const char *name, const char *path);
void nor_chip_destroy(struct nor_chip *chip);
void nor_chip_power_on(struct nor_chip *chip);  // volatile state lost
void nor_chip_power_off(struct nor_chip *chip); // what was under way is torn as in silicon

// The controller was reset while the chip kept its power, its mode and its work under way. Until
// the chip is back in its standard state, harmless commands that it misses are no violations:
// whoever drives it now cannot know yet what it is doing.
void nor_chip_controller_reset(struct nor_chip *chip);

enum nor_timing { NOR_TIMING_TYPICAL, NOR_TIMING_MAXIMUM };
void nor_chip_set_timing(struct nor_chip *chip, enum nor_timing timing); // typical at first
void nor_chip_set_seed(struct nor_chip *chip, uint64_t seed); // decides how torn operations look

// When the status registers will change by themselves next; TIME_NEVER: nothing is under way.
uint64_t nor_chip_busy_until(const struct nor_chip *chip);

// A cell that no longer takes what it should, from the chip's next operation on it.
enum nor_fault {
    NOR_FAULT_NONE,
    NOR_FAULT_ERASE,   // the byte stays 00: an erase leaves bits
    NOR_FAULT_PROGRAM, // the byte stays FF: a program changes nothing
};
// `offset` is inside the chip. False: too many bytes are worn out already.
bool nor_chip_wear_out(struct nor_chip *chip, uint32_t offset, enum nor_fault fault);

// The non-volatile bits of SR1 to SR3 as another tool left them, before the board had its power.
// False: the chip has a bit in `status` that cannot be written, or one that is fixed and missing.
bool nor_chip_preset_status(struct nor_chip *chip, const uint8_t status[3]);

// Erases of a 4 KB sector over the chip's life (kept in the file).
uint32_t nor_chip_wear(const struct nor_chip *chip, uint32_t sector);

// A chip-select period: begin (CS low, command phases), then reads or writes of the data phase,
// then end (CS high), where write-type commands take effect.
void nor_chip_begin(struct nor_chip *chip, const struct nor_frame *frame);
void nor_chip_read(struct nor_chip *chip, uint8_t *data, size_t length);
void nor_chip_write(struct nor_chip *chip, const uint8_t *data, size_t length);
void nor_chip_end(struct nor_chip *chip);

// True if a stream of reads with this frame returns the array itself from `address` on, so that
// memory-mapped mode may show nor_chip_array(); else `reason` says why not, in one sentence.
bool nor_chip_can_map(const struct nor_chip *chip, const struct nor_frame *frame, char *reason,
                      size_t reason_size);
uint8_t *nor_chip_array(struct nor_chip *chip);
size_t nor_chip_size(const struct nor_chip *chip);

// `changed` is called after array bytes changed.
void nor_chip_on_change(struct nor_chip *chip,
                        void (*changed)(void *context, uint32_t offset, uint32_t length),
                        void *context);

// Operations (erase, program, status write) started since creation; the chip loses its power, and
// `cut` is called so that the machine's owner cuts the rest of the board's, at the start of
// operation number `at` (0-based), or in the middle of it if `fraction` (0..1) is above 0.
uint64_t nor_chip_operations(const struct nor_chip *chip);
void nor_chip_cut_at(struct nor_chip *chip, uint64_t at, double fraction,
                     void (*cut)(void *context), void *context);

#endif
