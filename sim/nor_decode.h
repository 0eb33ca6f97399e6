// How a NOR chip reads its lines: clock by clock, in the mode it is in, whatever the controller
// meant. This is what makes a command in the wrong mode go wrong in the way it does on silicon.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_NOR_DECODE_H
#define SIM_NOR_DECODE_H

#include "sim/nor_chip.h"
#include "sim/nor_model.h"

enum nor_stage {
    NOR_STAGE_OPCODE,
    NOR_STAGE_ADDRESS,
    NOR_STAGE_MODE,
    NOR_STAGE_DUMMY,
    NOR_STAGE_DATA, // also: a command without data is complete
    NOR_STAGE_DEAF, // unknown opcode: nothing more until chip select rises
};

// The part of a chip's state that decides how it reads the lines.
struct nor_bus_state {
    const struct nor_model *model;
    enum nor_bus_mode bus;
    bool four_byte;                       // address mode
    uint8_t extended_address;             // above a 3-byte address
    uint8_t read_clocks;                  // by the model's dummy_field; 0: the command's own
    uint8_t qpi_dummy_clocks;             // set by C0h, mode clocks included
    const struct nor_command *continuous; // the command the next frame continues; NULL: none
};

struct nor_decoder {
    enum nor_stage stage;
    enum nor_stage ended;              // stage that the phases before the data phase ended in
    const struct nor_command *command; // NULL while unknown
    uint8_t lanes;                     // that the chip looks at in this stage
    uint8_t clocks_left;               // of the dummy stage
    uint8_t bits;                      // collected in `shift`
    uint32_t shift;
    uint8_t opcode;
    bool opcode_read;
    uint32_t address;
    uint8_t mode;
    bool mode_read;
    // What the chip cannot know, for complaints.
    bool opcode_lanes_wrong;
    bool address_lanes_wrong;
    bool mode_floating;    // some mode clock was not driven on all its lanes
    bool bare;             // nothing was clocked behind the opcode
    uint32_t clocks_short; // clocks missing before the data phase
    uint32_t clocks_over;  // clocks before the data phase that the chip took for data
};

void nor_decode_start(struct nor_decoder *decoder, const struct nor_bus_state *state);

// One clock before the chip's data stage: the levels of IO3..IO0, and how many lanes were driven.
void nor_decode_clock(struct nor_decoder *decoder, const struct nor_bus_state *state,
                      uint8_t levels, uint8_t driven);

// All phases of `frame` before its data phase, from chip select's fall.
void nor_decode_frame(struct nor_decoder *decoder, const struct nor_bus_state *state,
                      const struct nor_frame *frame);

#endif
