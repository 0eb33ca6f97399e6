// A whole virtual board: the microcontroller, its flash chip, its USB host, LED and button.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_VIRTUAL_BOARD_H
#define SIM_VIRTUAL_BOARD_H

#include "sim/board.h"
#include "sim/h750_peripherals.h"
#include "sim/machine_build.h"
#include "sim/nor_chip.h"

struct core;
struct usb_host;
struct usb_cable;
struct virtual_board;

struct virtual_board_settings {
    const struct board_description *board;
    const struct nor_model *chip; // in place of the board's; NULL: as it has it
    const char *nor_path;         // NULL: the chip's content lives as long as the process
    uint8_t unique_id[12];
    bool usb_plugged;
};

// NULL: a message is on stderr.
struct virtual_board *virtual_board_create(const struct virtual_board_settings *settings);
void virtual_board_destroy(struct virtual_board *board);

// Loads "FILE[@ADDRESS]" into internal flash, RAM or the chip. False: `error` holds a sentence.
bool virtual_board_load(struct virtual_board *board, const char *specification, char *error,
                        size_t error_size);

// For a debugger's `load`: erases (data NULL) or writes internal flash or the chip, at once and
// without the rules that the program's own stores are under. False: no flash is there.
bool virtual_board_write_flash(struct virtual_board *board, uint32_t address, const uint8_t *data,
                               size_t length);

// Power comes on; call once, after loading.
void virtual_board_power_on(struct virtual_board *board);

// Power goes away and comes back: RAM and all that is volatile is lost.
void virtual_board_power_cycle(struct virtual_board *board);

// The same in the middle of the chip's operation number `operations` from now (0: the next one),
// when `fraction` (0..1) of it is done. `stay_off`: the power does not come back, the process ends.
void virtual_board_cut_power_after(struct virtual_board *board, uint64_t operations,
                                   double fraction, bool stay_off);

// The same in the middle of an operation of the internal flash; power comes back.
void virtual_board_cut_power_in_flash(struct virtual_board *board, uint64_t operations,
                                      double fraction);

// Decides how operations look that the power cut.
void virtual_board_seed_tears(struct virtual_board *board, uint64_t seed);

// A byte of the mapped chips that no longer takes an erase or a program; status registers of all
// chips as another tool left them; typical or maximum times. False: `error` holds a sentence.
bool virtual_board_wear_out(struct virtual_board *board, uint32_t address, enum nor_fault fault,
                            char *error, size_t error_size);
bool virtual_board_preset_status(struct virtual_board *board, const uint8_t status[3], char *error,
                                 size_t error_size);
void virtual_board_set_chip_times(struct virtual_board *board, enum nor_timing timing);

void virtual_board_press(struct virtual_board *board, bool down);
// The BOOT0 pin, for the resets to come. False: high leads to ST's loader, which is not part of
// this board, and nothing was loaded in its place.
bool virtual_board_set_boot0(struct virtual_board *board, bool high);
void virtual_board_plug(struct virtual_board *board, bool plugged);

struct machine *virtual_board_machine(struct virtual_board *board);
struct core *virtual_board_core(struct virtual_board *board);
struct usb_host *virtual_board_usb(struct virtual_board *board);
const struct peripherals *virtual_board_peripherals(const struct virtual_board *board);
const struct board_description *virtual_board_description(const struct virtual_board *board);

// Brings all counters up to date and prints them.
void virtual_board_print_statistics(struct virtual_board *board, FILE *stream);

#endif
