// Is a frame one that a careful driver may send? Rules of W25Q128JV-DTR revision C, chapters 7.1,
// 8.2 and 9.6.
//
// Not everything that a chip ignores is a mistake. A driver that takes over a chip in an unknown
// state has to send commands blindly, so these are never complained about:
//  - FFh, 66h, 99h and ABh in any form and at any time: the only way out of continuous read, QPI,
//    power-down and a hanging operation is to send them in four- and in one-lane form, where most
//    of them miss; F5h, which is other families' way out of QPI;
//  - 9Fh, AFh and 5Ah to a chip in another mode: asking who is there comes before knowing how;
//  - unknown opcodes that read, or that are a bare opcode: other families' id and mode commands.
//    An unknown opcode that brings data or an address with nothing to read is a driver that
//    believes it has written or erased something, and is wrong;
//  - any command without data to the chip and without an address, and any read, as long as the chip
//    is still in a state from before the controller's reset, which its driver cannot know.
// Bit patterns that a chip misreads are carried out as it reads them, without a second complaint.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_chip_parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void say(struct nor_verdict *verdict, bool wrong, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct nor_verdict *verdict, bool wrong, const char *format, ...)
{
    va_list arguments;

    if (verdict->wrong) {
        return; // the first mistake is the cause of the others
    }
    verdict->wrong = wrong;
    va_start(arguments, format);
    vsnprintf(verdict->text, sizeof(verdict->text), format, arguments);
    va_end(arguments);
}

// The opcode that the driver meant; it may stand in the alternate bytes (QUADSPI's erratum on
// bare commands). -1: none.
static int intended_opcode(const struct nor_frame *frame)
{
    if (frame->has_opcode) {
        return frame->opcode;
    }
    if (frame->address_lanes == 0 && frame->mode_lanes != 0 && frame->mode_bytes == 1) {
        return (uint8_t)frame->mode;
    }
    return -1;
}

static bool is_recovery(int opcode)
{
    return opcode == 0xFF || opcode == 0x66 || opcode == 0x99 || opcode == 0xAB || opcode == 0xF5;
}

static bool is_probe(int opcode)
{
    return opcode == 0x9F || opcode == 0xAF || opcode == 0x5A;
}

static bool reads(const struct nor_frame *frame)
{
    return frame->data_lanes != 0 && frame->data_is_read;
}

static bool writes(const struct nor_frame *frame)
{
    return !reads(frame) && (frame->data_lanes != 0 || frame->address_lanes != 0);
}

static bool forgiven(const struct nor_chip *chip, const struct nor_frame *frame)
{
    return is_recovery(intended_opcode(frame)) || (chip->inherited && !writes(frame));
}

// "opcode EBh" or what comes nearest.
static const char *frame_name(const struct nor_frame *frame, char *text, size_t size)
{
    int opcode = intended_opcode(frame);

    if (opcode < 0) {
        snprintf(text, size, "a frame without an opcode");
    } else {
        snprintf(text, size, "opcode %02Xh", (unsigned)opcode);
    }
    return text;
}

// True if the chip hears nothing at all.
static bool judge_deaf(const struct nor_chip *chip, const struct nor_frame *frame,
                       const struct nor_decoder *decoder, struct nor_verdict *verdict)
{
    char name[40];

    frame_name(frame, name, sizeof(name));
    if (!chip->powered) {
        verdict->ignored = true;
    } else if (machine_now_ns(chip->machine) < chip->deaf_until_ns) {
        verdict->ignored = true;
        say(verdict, !forgiven(chip, frame), "%s sent %" PRIu64 " ns too early after %s", name,
            chip->deaf_until_ns - machine_now_ns(chip->machine), chip->deaf_since);
    } else if (chip->power_down &&
               (decoder->command == NULL || decoder->command->action != NOR_RELEASE)) {
        verdict->ignored = true;
        say(verdict, !forgiven(chip, frame),
            "%s sent while the chip is in power-down, where it hears only ABh", name);
    }
    return verdict->ignored;
}

// True if chip and controller differ in which bits are the opcode.
static bool judge_misread(const struct nor_chip *chip, const struct nor_frame *frame,
                          const struct nor_decoder *decoder, struct nor_verdict *verdict)
{
    bool blind = forgiven(chip, frame) || is_probe(intended_opcode(frame));
    bool address_first = !frame->has_opcode && frame->address_lanes != 0;
    char name[40];

    frame_name(frame, name, sizeof(name));
    if (chip->bus.continuous != NULL) {
        if (frame->has_opcode) {
            say(verdict, !blind,
                "%s sent while the chip is in continuous read mode: it takes the opcode for "
                "address bits (a mode byte other than A0h, or FFh, ends that mode)",
                name);
        }
        return frame->has_opcode;
    }
    if (address_first) {
        say(verdict, !blind,
            "a frame without an opcode sent while the chip is not in continuous read mode: it "
            "takes the address for an opcode");
        return true;
    }
    if (decoder->opcode_lanes_wrong) {
        say(verdict, !blind,
            "%s sent on %u lane(s) to a chip in %s mode, which reads opcodes on %u", name,
            frame->has_opcode ? frame->opcode_lanes : frame->mode_lanes,
            chip->bus.bus == NOR_QPI ? "QPI" : "SPI", chip->bus.bus == NOR_QPI ? 4 : 1);
    }
    return decoder->opcode_lanes_wrong;
}

// Lanes, clocks and direction of a command that was understood.
static void judge_shape(const struct nor_chip *chip, const struct nor_frame *frame,
                        const struct nor_decoder *decoder, struct nor_verdict *verdict)
{
    const struct nor_command *command = decoder->command;
    bool has_data = frame->data_lanes != 0;

    if (command->action == NOR_NOTHING ||
        ((command->flags & NOR_BARE_TOO) != 0 && decoder->bare && !has_data)) {
        return; // FFh is sent for as many clocks as the mode to be left needs
    }
    if (decoder->address_lanes_wrong) {
        say(verdict, true, "opcode %02Xh (%s) takes its address on %u lane(s), not on %u",
            command->opcode, command->name, command->address_lanes, frame->address_lanes);
    } else if (decoder->mode_floating && nor_may_continue(chip)) {
        say(verdict, true,
            "opcode %02Xh (%s): the mode byte behind the address is not driven; what floats on "
            "the lines may start continuous read (send it as an alternate byte)",
            command->opcode, command->name);
    } else if (decoder->clocks_short != 0 && (has_data || command->data == NOR_DATA_NONE)) {
        say(verdict, true,
            "opcode %02Xh (%s): %" PRIu32 " clocks too few before the data "
            "(wrong dummy cycles, mode byte or address size)",
            command->opcode, command->name, decoder->clocks_short);
    } else if (decoder->clocks_over != 0 && (has_data || command->data == NOR_DATA_NONE)) {
        say(verdict, true,
            "opcode %02Xh (%s): %" PRIu32 " clocks too many before the data "
            "(wrong dummy cycles, mode byte or address size)",
            command->opcode, command->name, decoder->clocks_over);
    } else if (has_data && command->data == NOR_DATA_NONE) {
        say(verdict, true, "opcode %02Xh (%s) has no data phase", command->opcode, command->name);
    } else if (has_data && frame->data_is_read != (command->data == NOR_DATA_OUT)) {
        say(verdict, true, "opcode %02Xh (%s) %s data, the controller does so too", command->opcode,
            command->name, command->data == NOR_DATA_OUT ? "sends" : "takes");
    } else if (has_data && frame->data_lanes != command->data_lanes) {
        say(verdict, true, "opcode %02Xh (%s) has its data on %u lane(s), not on %u",
            command->opcode, command->name, command->data_lanes, frame->data_lanes);
    } else if (!has_data && command->data == NOR_DATA_IN) {
        say(verdict, true, "opcode %02Xh (%s) sent without data", command->opcode, command->name);
    }
}

static uint32_t clock_limit_mhz(const struct nor_chip *chip, const struct nor_command *command)
{
    if ((command->flags & NOR_DUMMY_SET) != 0) { // table 8.2.44: limit by number of dummy clocks
        return chip->bus.qpi_dummy_clocks <= 2   ? 50
               : chip->bus.qpi_dummy_clocks <= 4 ? 80
               : chip->bus.qpi_dummy_clocks <= 6 ? 104
                                                 : 133;
    }
    return command->max_mhz != 0 ? command->max_mhz : chip->model->max_mhz;
}

static bool is_erase(const struct nor_command *command)
{
    return command->action == NOR_ERASE || command->action == NOR_ERASE_CHIP ||
           command->action == NOR_SECURITY_ERASE;
}

static bool is_program(const struct nor_command *command)
{
    return command->action == NOR_PROGRAM || command->action == NOR_SECURITY_PROGRAM;
}

// Commands that change something: what they need, and when they are out of place.
static void judge_write(const struct nor_chip *chip, const struct nor_decoder *decoder,
                        struct nor_verdict *verdict)
{
    const struct nor_command *command = decoder->command;
    bool status_write = command->action == NOR_WRITE_STATUS;
    enum nor_operation_kind suspended = chip->suspended.kind;

    verdict->ignored = true;
    if (!chip->write_enabled && !(status_write && chip->volatile_enabled)) {
        say(verdict, true, "opcode %02Xh (%s) without write enable (06h) before: ignored",
            command->opcode, command->name);
    } else if (machine_now_ns(chip->machine) < chip->writable_ns) {
        say(verdict, true,
            "opcode %02Xh (%s) sent %" PRIu64 " ns too early after power-up (tPUW %" PRIu64
            " ns): ignored",
            command->opcode, command->name, chip->writable_ns - machine_now_ns(chip->machine),
            chip->model->power_up_write_ns);
    } else if (suspended != NOR_OPERATION_NONE && status_write) {
        say(verdict, true, "opcode %02Xh (%s) while an operation is suspended: ignored",
            command->opcode, command->name);
    } else if (suspended == NOR_OPERATION_ERASE && is_erase(command)) {
        say(verdict, true, "opcode %02Xh (%s) while an erase is suspended: ignored",
            command->opcode, command->name);
    } else if (suspended == NOR_OPERATION_PROGRAM && is_program(command)) {
        say(verdict, true, "opcode %02Xh (%s) while a program is suspended: ignored",
            command->opcode, command->name);
    } else {
        verdict->ignored = false;
    }
}

static void judge_command(const struct nor_chip *chip, const struct nor_frame *frame,
                          const struct nor_decoder *decoder, struct nor_verdict *verdict)
{
    const struct nor_command *command = decoder->command;
    if (command == NULL) {
        verdict->ignored = true;
        if (decoder->opcode_read) {
            say(verdict, writes(frame) && !is_recovery(decoder->opcode),
                "opcode %02Xh is none of this chip's: ignored", decoder->opcode);
        } else {
            say(verdict, !is_recovery(intended_opcode(frame)),
                "chip select fell without a whole opcode being sent");
        }
        return;
    }
    if (nor_is_busy(chip) && (command->flags & NOR_WHILE_BUSY) == 0) {
        verdict->ignored = true;
        say(verdict, !forgiven(chip, frame),
            "opcode %02Xh (%s) sent while the chip is BUSY (%s): ignored", command->opcode,
            command->name, chip->active.name);
        return;
    }
    if (command->action == NOR_DOUBLE_RATE) {
        verdict->ignored = true;
        say(verdict, true, "opcode %02Xh (%s) needs both clock edges, which this board never uses",
            command->opcode, command->name);
        return;
    }
    if ((command->flags & NOR_NEEDS_QE) != 0 && !nor_is_quad(chip)) {
        verdict->ignored = true;
        say(verdict, true, "opcode %02Xh (%s) sent while QE is 0: IO2 and IO3 are /WP and /HOLD",
            command->opcode, command->name);
        return;
    }
    if (frame->clock_hz > clock_limit_mhz(chip, command) * UINT32_C(1000000)) {
        say(verdict, true,
            "opcode %02Xh (%s) clocked at %" PRIu32 " Hz, its limit is %" PRIu32 " MHz",
            command->opcode, command->name, frame->clock_hz, clock_limit_mhz(chip, command));
    }
    judge_shape(chip, frame, decoder, verdict);
    if ((command->flags & NOR_NEEDS_WEL) != 0) {
        judge_write(chip, decoder, verdict);
    }
}

void nor_judge(const struct nor_chip *chip, const struct nor_frame *frame,
               const struct nor_decoder *decoder, struct nor_verdict *verdict)
{
    verdict->ignored = false;
    verdict->wrong = false;
    verdict->text[0] = '\0';
    if (judge_deaf(chip, frame, decoder, verdict)) {
        return;
    }
    if (judge_misread(chip, frame, decoder, verdict)) {
        struct nor_verdict quiet = {.wrong = true};

        judge_command(chip, frame, decoder, &quiet);
        verdict->ignored = quiet.ignored;
        return;
    }
    judge_command(chip, frame, decoder, verdict);
}
