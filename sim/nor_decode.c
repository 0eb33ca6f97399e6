// How a NOR chip reads its lines (W25Q128JV-DTR revision C, chapter 8.2).
//
// A line that nobody drives reads 1: boards and chips pull up. IO2 and IO3 in one- and two-line
// phases are as the QUADSPI drives them: 0 and 1 if some phase of the frame has four lanes, else
// not at all.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_decode.h"

#include <string.h>

#define LEVELS_IDLE 0x0Fu
#define LEVEL_IO2   0x04u

static void enter(struct nor_decoder *decoder, enum nor_stage stage, uint8_t lanes)
{
    decoder->stage = stage;
    decoder->lanes = lanes;
    decoder->bits = 0;
    decoder->shift = 0;
}

static void enter_data(struct nor_decoder *decoder)
{
    enter(decoder, NOR_STAGE_DATA, decoder->command->data_lanes);
}

// Bits that the mode stage takes in: a byte, or one clock.
static unsigned mode_bits(const struct nor_command *command)
{
    return (command->flags & NOR_XIP_CLOCK) != 0 ? command->address_lanes : 8;
}

static unsigned address_bytes(const struct nor_command *command, const struct nor_bus_state *state)
{
    if (command->address_bytes == NOR_ADDRESS_MODE) {
        return state->four_byte ? 4 : 3;
    }
    return command->address_bytes;
}

static void enter_dummy(struct nor_decoder *decoder, const struct nor_bus_state *state)
{
    const struct nor_command *command = decoder->command;
    unsigned clocks = command->dummy_clocks;

    if ((command->flags & NOR_DUMMY_FIELD) != 0 && state->read_clocks != 0) {
        unsigned mode = command->mode_bytes == 0 ? 0 : mode_bits(command) / command->address_lanes;

        clocks = state->read_clocks > mode ? state->read_clocks - mode : 0;
    }
    if ((command->flags & NOR_DUMMY_SET) != 0) {
        clocks = state->qpi_dummy_clocks - 2u * command->mode_bytes;
    }
    if (clocks == 0) {
        enter_data(decoder);
        return;
    }
    enter(decoder, NOR_STAGE_DUMMY, 0);
    decoder->clocks_left = (uint8_t)clocks;
}

static void enter_mode(struct nor_decoder *decoder, const struct nor_bus_state *state)
{
    if (decoder->command->mode_bytes != 0) {
        enter(decoder, NOR_STAGE_MODE, decoder->command->address_lanes);
    } else {
        enter_dummy(decoder, state);
    }
}

static void enter_address(struct nor_decoder *decoder, const struct nor_bus_state *state)
{
    if (decoder->command->address_bytes != 0) {
        enter(decoder, NOR_STAGE_ADDRESS, decoder->command->address_lanes);
    } else {
        enter_mode(decoder, state);
    }
}

void nor_decode_start(struct nor_decoder *decoder, const struct nor_bus_state *state)
{
    memset(decoder, 0, sizeof(*decoder));
    if (state->continuous != NULL) {
        decoder->command = state->continuous;
        decoder->opcode = state->continuous->opcode;
        enter_address(decoder, state);
    } else {
        enter(decoder, NOR_STAGE_OPCODE, state->bus == NOR_QPI ? 4 : 1);
    }
}

static const struct nor_command *find_command(const struct nor_bus_state *state, uint8_t opcode)
{
    for (unsigned set = 0; set < 3; set++) {
        const struct nor_commands *commands = &state->model->commands[set];

        for (size_t i = 0; i < commands->count; i++) {
            if (commands->table[i].opcode == opcode && commands->table[i].bus == state->bus) {
                return &commands->table[i];
            }
        }
    }
    return NULL;
}

static void opcode_done(struct nor_decoder *decoder, const struct nor_bus_state *state)
{
    decoder->opcode = (uint8_t)decoder->shift;
    decoder->opcode_read = true;
    decoder->bare = true;
    decoder->command = find_command(state, decoder->opcode);
    if (decoder->command == NULL) {
        enter(decoder, NOR_STAGE_DEAF, 0);
    } else {
        enter_address(decoder, state);
    }
}

// True when `wanted` bits are in `shift`.
static bool collect(struct nor_decoder *decoder, uint8_t levels, unsigned wanted)
{
    uint8_t mask = (uint8_t)((1u << decoder->lanes) - 1u);

    decoder->shift = (decoder->shift << decoder->lanes) | (levels & mask);
    decoder->bits = (uint8_t)(decoder->bits + decoder->lanes);
    return decoder->bits >= wanted;
}

void nor_decode_clock(struct nor_decoder *decoder, const struct nor_bus_state *state,
                      uint8_t levels, uint8_t driven)
{
    if (decoder->stage != NOR_STAGE_OPCODE) {
        decoder->bare = false;
    }
    switch (decoder->stage) {
    case NOR_STAGE_OPCODE:
        decoder->opcode_lanes_wrong |= driven != decoder->lanes;
        if (collect(decoder, levels, 8)) {
            opcode_done(decoder, state);
        }
        break;
    case NOR_STAGE_ADDRESS:
        decoder->address_lanes_wrong |= driven != decoder->lanes;
        if (collect(decoder, levels, 8u * address_bytes(decoder->command, state))) {
            decoder->address = decoder->shift;
            if (decoder->command->address_bytes == NOR_ADDRESS_MODE && !state->four_byte) {
                decoder->address |= (uint32_t)state->extended_address << 24;
            }
            enter_mode(decoder, state);
        }
        break;
    case NOR_STAGE_MODE:
        decoder->mode_floating |= driven != decoder->lanes;
        if (collect(decoder, levels, mode_bits(decoder->command))) {
            decoder->mode = (uint8_t)decoder->shift;
            decoder->mode_read = true;
            enter_dummy(decoder, state);
        }
        break;
    case NOR_STAGE_DUMMY:
        decoder->clocks_left--;
        if (decoder->clocks_left == 0) {
            enter_data(decoder);
        }
        break;
    case NOR_STAGE_DATA:
        decoder->clocks_over++;
        break;
    case NOR_STAGE_DEAF:
        break;
    }
}

// --- What the controller puts on the lines ------------------------------------------------------

struct phase {
    uint32_t value;
    unsigned bits;
    uint8_t lanes;
    uint8_t idle; // levels of the lines that carry no data
};

static void clock_phase(struct nor_decoder *decoder, const struct nor_bus_state *state,
                        struct phase phase)
{
    uint8_t mask = (uint8_t)((1u << phase.lanes) - 1u);

    for (unsigned left = phase.bits; left > 0 && phase.lanes > 0; left -= phase.lanes) {
        uint8_t data = (uint8_t)((phase.value >> (left - phase.lanes)) & mask);

        nor_decode_clock(decoder, state, (uint8_t)((phase.idle & ~mask) | data), phase.lanes);
    }
}

// Clocks that the chip still wants before it answers.
static uint32_t clocks_missing(struct nor_decoder decoder, const struct nor_bus_state *state)
{
    uint32_t clocks = 0;

    while (decoder.stage == NOR_STAGE_ADDRESS || decoder.stage == NOR_STAGE_MODE ||
           decoder.stage == NOR_STAGE_DUMMY) {
        nor_decode_clock(&decoder, state, LEVELS_IDLE, 0);
        clocks++;
    }
    return clocks;
}

void nor_decode_frame(struct nor_decoder *decoder, const struct nor_bus_state *state,
                      const struct nor_frame *frame)
{
    bool quad = frame->opcode_lanes == 4 || frame->address_lanes == 4 || frame->mode_lanes == 4 ||
                frame->data_lanes == 4;
    uint8_t idle = quad ? LEVELS_IDLE & ~LEVEL_IO2 : LEVELS_IDLE;

    nor_decode_start(decoder, state);
    if (frame->has_opcode) {
        clock_phase(decoder, state, (struct phase){frame->opcode, 8, frame->opcode_lanes, idle});
    }
    clock_phase(
        decoder, state,
        (struct phase){frame->address, 8u * frame->address_bytes, frame->address_lanes, idle});
    clock_phase(decoder, state,
                (struct phase){frame->mode, 8u * frame->mode_bytes, frame->mode_lanes, idle});
    for (unsigned i = 0; i < frame->dummy_cycles; i++) {
        nor_decode_clock(decoder, state, LEVELS_IDLE, 0);
    }
    decoder->ended = decoder->stage;
    decoder->clocks_short = clocks_missing(*decoder, state);
}
