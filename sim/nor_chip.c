// A serial NOR flash chip: chip-select periods, what it sends, power.
//
// Written from the W25Q128JV-DTR data sheet, revision C; where other families differ, the
// difference is a field of struct nor_model. Where the sheet is silent the stricter reading was
// taken: reads wrap at the end of the array; a command with clocks behind its end is not executed;
// WEL is 0 during a suspension and must be set anew; a write to a protected place leaves WEL as it
// is; lock commands need WEL and leave it. The supply's rise time to the first command (tVSL, 20
// us) is not modelled: the microcontroller starts later than that.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_chip_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEVELS_FLOATING 0x0Fu // nobody drives: pulled up

bool nor_is_busy(const struct nor_chip *chip)
{
    return chip->active.kind != NOR_OPERATION_NONE;
}

bool nor_is_suspended(const struct nor_chip *chip)
{
    return chip->suspended.kind != NOR_OPERATION_NONE;
}

static uint8_t shown(struct nor_bits bits, unsigned number, bool state)
{
    return bits.number == number && state ? bits.mask : 0;
}

uint8_t nor_status_byte(const struct nor_chip *chip, unsigned number)
{
    const struct nor_layout *layout = &chip->model->layout;
    bool program = chip->suspended.kind == NOR_OPERATION_PROGRAM;
    uint8_t value = chip->status[number];

    if (number == 0) {
        value |= nor_is_busy(chip) ? SR1_BUSY : 0;
        value |= chip->write_enabled ? SR1_WEL : 0;
    }
    value |= shown(layout->suspended_erase, number, nor_is_suspended(chip) && !program);
    value |= shown(layout->suspended_program, number, program);
    value |= shown(layout->four_byte_now, number, chip->bus.four_byte);
    return value;
}

static uint8_t flag_byte(const struct nor_chip *chip)
{
    uint8_t value = chip->error_flags | (nor_is_busy(chip) ? 0 : FLAG_READY);

    if (nor_is_suspended(chip)) {
        value |= chip->suspended.kind == NOR_OPERATION_PROGRAM ? FLAG_PROGRAM_SUSPENDED
                                                               : FLAG_ERASE_SUSPENDED;
    }
    return value | (chip->bus.four_byte ? FLAG_FOUR_BYTE : 0);
}

static uint8_t suspended_byte(const struct nor_chip *chip)
{
    if (!nor_is_suspended(chip)) {
        return 0;
    }
    return chip->suspended.kind == NOR_OPERATION_PROGRAM ? 0x04 : 0x08;
}

bool nor_bits_set(const struct nor_chip *chip, struct nor_bits bits)
{
    return (chip->status[bits.number] & bits.mask) != 0;
}

bool nor_is_quad(const struct nor_chip *chip)
{
    struct nor_bits bits = chip->model->layout.quad_enable;

    return bits.mask == 0 || nor_bits_set(chip, bits);
}

bool nor_may_continue(const struct nor_chip *chip)
{
    return chip->model->continuous != NOR_CONTINUOUS_XIP ||
           !nor_bits_set(chip, chip->model->layout.no_xip);
}

void nor_registers_changed(struct nor_chip *chip)
{
    struct nor_bits field = chip->model->layout.dummy_field;

    if (field.mask != 0) {
        unsigned lowest = field.mask & (unsigned)-field.mask;

        chip->bus.read_clocks =
            chip->model->dummy_clocks[(chip->status[field.number] & field.mask) / lowest];
    }
}

// --- Birth and power ----------------------------------------------------------------------------

struct nor_chip *nor_chip_create(struct machine *machine, const struct nor_model *model,
                                 const char *name, const char *path)
{
    struct nor_chip *chip = calloc(1, sizeof(*chip));

    if (chip == NULL || (chip->locks = malloc(model->size / NOR_SECTOR_SIZE)) == NULL) {
        abort();
    }
    chip->machine = machine;
    chip->model = model;
    chip->name = name;
    chip->times = model->typical;
    chip->cut_at = UINT64_MAX;
    chip->bus.model = model;
    chip->done_event =
        (struct event){.fire = nor_operation_done, .context = chip, .name = "nor operation done"};
    chip->cut_event =
        (struct event){.fire = nor_operation_cut, .context = chip, .name = "nor power cut"};
    if (!nor_store_open(&chip->store, model, name, path)) {
        free(chip->locks);
        free(chip);
        return NULL;
    }
    machine_add_statistic(machine, "nor.operations", &chip->operations);
    machine_add_statistic(machine, "nor.bytes_programmed", &chip->bytes_programmed);
    machine_add_statistic(machine, "nor.sectors_erased", &chip->sectors_erased);
    machine_add_statistic(machine, "nor.programs", &chip->programs);
    machine_add_statistic(machine, "nor.erases", &chip->erases);
    machine_add_statistic(machine, "nor.busy_ns", &chip->busy_ns);
    machine_add_statistic(machine, "nor.first_operation_ns", &chip->first_operation_ns);
    machine_add_statistic(machine, "nor.last_operation_ns", &chip->last_operation_ns);
    nor_chip_power_on(chip);
    return chip;
}

void nor_chip_destroy(struct nor_chip *chip)
{
    nor_chip_power_off(chip);
    nor_store_close(&chip->store);
    free(chip->locks);
    free(chip);
}

void nor_volatile_reset(struct nor_chip *chip)
{
    for (unsigned i = 0; i < 3; i++) {
        chip->status[i] = chip->store.record->status[i];
    }
    chip->write_enabled = false;
    chip->volatile_enabled = false;
    chip->reset_enabled = false;
    chip->power_down = false;
    chip->error_flags = 0;
    chip->bus.bus = NOR_SPI;
    chip->bus.four_byte = nor_bits_set(chip, chip->model->layout.four_byte_at_start);
    chip->bus.extended_address = 0;
    chip->bus.continuous = NULL;
    chip->bus.qpi_dummy_clocks = 2;
    chip->spi_wrap = 0;
    chip->qpi_wrap = 8;
    chip->resumed_ns = 0;
    memset(chip->locks, 1, chip->model->size / NOR_SECTOR_SIZE);
    nor_registers_changed(chip);
}

void nor_chip_power_on(struct nor_chip *chip)
{
    if (chip->powered) {
        return;
    }
    chip->powered = true;
    for (unsigned i = 0; i < 3; i++) {
        uint8_t *status = &chip->store.record->status[i];

        *status = (uint8_t)(*status & ~chip->model->status[i].power_cycle_clears);
    }
    nor_volatile_reset(chip);
    chip->deaf_until_ns = 0;
    chip->inherited = false;
    chip->writable_ns = machine_now_ns(chip->machine) + chip->model->power_up_write_ns;
}

void nor_chip_power_off(struct nor_chip *chip)
{
    if (!chip->powered) {
        return;
    }
    chip->powered = false;
    chip->selected = false;
    nor_operations_tear(chip);
}

static bool in_standard_state(const struct nor_chip *chip)
{
    return !nor_is_busy(chip) && !nor_is_suspended(chip) && !chip->power_down &&
           chip->bus.bus == NOR_SPI && chip->bus.continuous == NULL &&
           machine_now_ns(chip->machine) >= chip->deaf_until_ns;
}

void nor_chip_controller_reset(struct nor_chip *chip)
{
    chip->inherited = !in_standard_state(chip);
}

// --- A chip-select period: what comes in --------------------------------------------------------

static void check_select_high(struct nor_chip *chip, const struct nor_frame *frame)
{
    uint32_t needed_ns = chip->changed_something ? chip->model->select_high_write_ns
                                                 : chip->model->select_high_read_ns;

    if (frame->select_high_ns != 0 && frame->select_high_ns < needed_ns) {
        nor_violation(chip,
                      "chip select was high for %" PRIu32 " ns between two commands, "
                      "the chip needs %" PRIu32 " ns after %s (tSHSL)",
                      frame->select_high_ns, needed_ns,
                      chip->changed_something ? "a command that is not a read" : "a read");
    }
}

static void trace_frame(const struct nor_chip *chip, const struct nor_frame *frame,
                        const struct nor_verdict *verdict)
{
    nor_trace(chip, "%s: %s%02X lanes %u-%u-%u-%u address 0x%06" PRIX32 " dummy %u%s%s", chip->name,
              frame->has_opcode ? "" : "no opcode ", frame->opcode, frame->opcode_lanes,
              frame->address_lanes, frame->mode_lanes, frame->data_lanes, frame->address,
              frame->dummy_cycles, verdict->text[0] != '\0' ? ": " : "", verdict->text);
}

void nor_chip_begin(struct nor_chip *chip, const struct nor_frame *frame)
{
    struct nor_verdict verdict;

    if (in_standard_state(chip)) {
        chip->inherited = false;
    }
    chip->selected = chip->powered;
    chip->frame_lanes = frame->data_lanes;
    chip->out_bits = 0;
    chip->in_count = 0;
    chip->in_bits = 0;
    chip->in_shift = 0;
    chip->complained = false;
    memset(chip->in_data, 0xFF, sizeof(chip->in_data));
    nor_decode_frame(&chip->decoder, &chip->bus, frame);
    nor_judge(chip, frame, &chip->decoder, &verdict);
    chip->ignored = verdict.ignored;
    if (machine_tracing(chip->machine, "nor")) {
        trace_frame(chip, frame, &verdict);
    }
    if (verdict.wrong) {
        nor_violation(chip, "%s", verdict.text);
        chip->complained = true;
    } else if (chip->powered) {
        check_select_high(chip, frame);
    }
    if (chip->decoder.stage == NOR_STAGE_DATA) { // data clocked out while the controller talked
        chip->out_bits = (uint64_t)chip->decoder.clocks_over * chip->decoder.lanes;
    }
}

static void take_byte(struct nor_chip *chip, uint8_t byte)
{
    const struct nor_command *command = chip->decoder.command;
    uint32_t index = chip->in_count++;

    if (command->action == NOR_PROGRAM || command->action == NOR_SECURITY_PROGRAM) {
        index = (chip->decoder.address + index) & (chip->model->page_size - 1);
        chip->in_data[index] = byte;
    } else if (index < sizeof(chip->in_data)) {
        chip->in_data[index] = byte;
    }
}

static void take_clock(struct nor_chip *chip, uint8_t levels, uint8_t driven)
{
    uint8_t lanes = chip->decoder.lanes;

    if (chip->decoder.stage != NOR_STAGE_DATA) {
        nor_decode_clock(&chip->decoder, &chip->bus, levels, driven);
        return;
    }
    if (chip->decoder.command->data != NOR_DATA_IN || lanes == 0) {
        chip->decoder.clocks_over++;
        return;
    }
    chip->in_shift =
        (uint8_t)(((unsigned)chip->in_shift << lanes) | (levels & ((1u << lanes) - 1u)));
    chip->in_bits = (uint8_t)(chip->in_bits + lanes);
    if (chip->in_bits >= 8) {
        take_byte(chip, chip->in_shift);
        chip->in_bits = 0;
    }
}

void nor_chip_write(struct nor_chip *chip, const uint8_t *data, size_t length)
{
    uint8_t lanes = chip->frame_lanes;
    uint8_t mask = (uint8_t)((1u << lanes) - 1u);

    if (!chip->selected || chip->ignored) {
        return;
    }
    for (size_t i = 0; i < length; i++) {
        for (unsigned left = 8; left > 0 && lanes > 0; left -= lanes) {
            uint8_t bits = (uint8_t)((data[i] >> (left - lanes)) & mask);

            take_clock(chip, (uint8_t)((LEVELS_FLOATING & ~mask) | bits), lanes);
        }
    }
}

// --- What goes out ------------------------------------------------------------------------------

static uint8_t security_byte(const struct nor_chip *chip, uint32_t address)
{
    uint32_t number = chip->decoder.address >> 12;

    return number >= 1 && number <= chip->model->security_registers
               ? chip->store.record->security[number - 1][address % NOR_SECURITY_SIZE]
               : 0xFF;
}

static uint8_t sfdp_byte(const struct nor_model *model, uint32_t address)
{
    address &= model->sfdp_size - 1;
    for (size_t i = 0; i < model->sfdp_count; i++) {
        if (address - model->sfdp[i].address < model->sfdp[i].length) {
            return model->sfdp[i].bytes[address - model->sfdp[i].address];
        }
    }
    return 0xFF;
}

// Bytes after which reads by the present command wrap; 0: at the end of the array.
static uint32_t burst_length(const struct nor_chip *chip)
{
    if ((chip->decoder.command->flags & NOR_BURST_WRAP) != 0) {
        return chip->qpi_wrap;
    }
    return (chip->decoder.command->flags & NOR_SPI_WRAP) != 0 ? chip->spi_wrap : 0;
}

static uint32_t array_address(const struct nor_chip *chip, uint64_t index)
{
    uint32_t address = chip->decoder.address;
    uint32_t wrap = burst_length(chip);

    if (wrap != 0) {
        return (address & (chip->model->size - 1) & ~(wrap - 1)) |
               ((address + (uint32_t)index) & (wrap - 1));
    }
    return (uint32_t)(address + index) & (chip->model->size - 1);
}

static uint8_t out_byte(const struct nor_chip *chip, uint64_t index)
{
    const struct nor_model *model = chip->model;
    uint32_t address = chip->decoder.address;

    switch (chip->decoder.command->action) {
    case NOR_READ_ARRAY:
        return chip->store.array[array_address(chip, index)];
    case NOR_READ_STATUS:
        return nor_status_byte(chip, chip->decoder.command->argument);
    case NOR_READ_FLAGS:
        return flag_byte(chip);
    case NOR_READ_SUSPENDED:
        return suspended_byte(chip);
    case NOR_READ_EXTENDED:
        return chip->bus.extended_address;
    case NOR_RELEASE:
        return model->device_id;
    case NOR_READ_JEDEC:
        return model->jedec[index % (model->jedec_length != 0 ? model->jedec_length : 3)];
    case NOR_READ_MAKER_DEVICE:
        return ((address + index) & 1) != 0 ? model->device_id : model->jedec[0];
    case NOR_READ_UNIQUE:
        return chip->store.record->unique_id[index % sizeof(chip->store.record->unique_id)];
    case NOR_READ_SFDP:
        return sfdp_byte(model, (uint32_t)(address + index));
    case NOR_SECURITY_READ:
        return security_byte(chip, (uint32_t)(address + index));
    case NOR_READ_LOCK:
        return chip->locks[(address & (model->size - 1)) / NOR_SECTOR_SIZE];
    default:
        return 0xFF;
    }
}

static bool sends(const struct nor_chip *chip)
{
    return chip->decoder.stage == NOR_STAGE_DATA && chip->decoder.command->data == NOR_DATA_OUT;
}

// One clock of a read: the levels the controller sees.
static uint8_t give_clock(struct nor_chip *chip)
{
    uint8_t lanes = chip->decoder.lanes;
    uint8_t bits;

    if (!sends(chip)) {
        take_clock(chip, LEVELS_FLOATING, 0);
        return LEVELS_FLOATING;
    }
    bits = (uint8_t)(out_byte(chip, chip->out_bits / 8) >> (8 - lanes - chip->out_bits % 8));
    chip->out_bits += lanes;
    if (lanes == 1) { // the chip's output line is IO1
        return (uint8_t)((LEVELS_FLOATING & ~2u) | ((bits & 1u) << 1));
    }
    return (uint8_t)((LEVELS_FLOATING & ~((1u << lanes) - 1u)) | (bits & ((1u << lanes) - 1u)));
}

static uint8_t read_by_clock(struct nor_chip *chip)
{
    uint8_t lanes = chip->frame_lanes;
    unsigned value = 0;

    for (unsigned bits = 0; bits < 8; bits += lanes) {
        uint8_t levels = give_clock(chip);
        unsigned sampled = lanes == 1 ? (levels >> 1) & 1u : levels & ((1u << lanes) - 1u);

        value = (value << lanes) | sampled;
    }
    return (uint8_t)value;
}

static void check_suspended_read(struct nor_chip *chip, uint32_t address, size_t length)
{
    if (!chip->complained && nor_operation_covers(&chip->suspended, address, (uint32_t)length)) {
        nor_violation(chip,
                      "read at 0x%06" PRIX32 ", where a suspended operation has left "
                      "undefined data",
                      address);
        chip->complained = true;
    }
}

void nor_chip_read(struct nor_chip *chip, uint8_t *data, size_t length)
{
    size_t done = 0;

    if (!chip->selected || chip->ignored || chip->frame_lanes == 0) {
        memset(data, 0xFF, length);
        return;
    }
    if (!sends(chip) || chip->decoder.lanes != chip->frame_lanes || chip->out_bits % 8 != 0) {
        for (; done < length; done++) {
            data[done] = read_by_clock(chip);
        }
        return;
    }
    if (chip->decoder.command->action == NOR_READ_ARRAY && burst_length(chip) == 0) {
        while (done < length) {
            uint32_t address = array_address(chip, chip->out_bits / 8 + done);
            size_t part = chip->model->size - address;

            part = part < length - done ? part : length - done;
            check_suspended_read(chip, address, part);
            memcpy(data + done, chip->store.array + address, part);
            done += part;
        }
    }
    for (; done < length; done++) {
        data[done] = out_byte(chip, chip->out_bits / 8 + done);
    }
    chip->out_bits += (uint64_t)length * 8;
}

// --- Chip select rises --------------------------------------------------------------------------

static bool mode_stays(const struct nor_chip *chip, uint8_t mode)
{
    switch (chip->model->continuous) {
    case NOR_CONTINUOUS_M74:
        return (mode & 0xF0) == 0xA0;
    case NOR_CONTINUOUS_TOGGLE:
        return ((mode >> 4) ^ mode ^ 0x0F) % 16 == 0;
    case NOR_CONTINUOUS_XIP:
        return nor_may_continue(chip) && (mode & 1) == 0;
    default:
        return (mode & 0x30) == 0x20;
    }
}

// Continuous read is entered and left by the mode byte, whatever follows it.
static void update_continuous(struct nor_chip *chip)
{
    const struct nor_decoder *decoder = &chip->decoder;

    if (decoder->mode_read && (decoder->command->flags & NOR_CONTINUOUS) != 0) {
        bool stay = mode_stays(chip, decoder->mode);

        if (stay != (chip->bus.continuous != NULL)) {
            nor_trace(chip, "%s: continuous read %s", chip->name, stay ? "on" : "off");
        }
        chip->bus.continuous = stay ? decoder->command : NULL;
    }
}

// All bits there, none over, and on a byte's boundary; else the chip does nothing.
static bool is_complete(const struct nor_chip *chip)
{
    const struct nor_decoder *decoder = &chip->decoder;

    if (decoder->command == NULL) {
        return false;
    }
    switch (decoder->command->data) {
    case NOR_DATA_NONE:
        return decoder->stage == NOR_STAGE_DATA && decoder->clocks_over == 0;
    case NOR_DATA_IN:
        return decoder->stage == NOR_STAGE_DATA && decoder->clocks_over == 0 &&
               chip->in_bits == 0 && chip->in_count != 0;
    default:
        return decoder->opcode_read;
    }
}

void nor_chip_end(struct nor_chip *chip)
{
    if (!chip->selected) {
        return;
    }
    chip->selected = false;
    chip->changed_something =
        chip->decoder.command == NULL || chip->decoder.command->data != NOR_DATA_OUT;
    if (chip->ignored) {
        if (chip->decoder.opcode_read) {
            chip->reset_enabled = false;
        }
        return;
    }
    update_continuous(chip);
    if (is_complete(chip)) {
        nor_command_execute(chip);
    } else if (chip->decoder.opcode_read) {
        chip->reset_enabled = false;
        nor_trace(chip, "%s: opcode %02Xh not executed, incomplete", chip->name,
                  chip->decoder.opcode);
    }
}

// --- Memory-mapped reads ------------------------------------------------------------------------

bool nor_chip_can_map(const struct nor_chip *chip, const struct nor_frame *frame, char *reason,
                      size_t reason_size)
{
    struct nor_decoder decoder;
    struct nor_verdict verdict;
    const char *why = NULL;

    nor_decode_frame(&decoder, &chip->bus, frame);
    nor_judge(chip, frame, &decoder, &verdict);
    if (!chip->powered) {
        why = "the chip has no power";
    } else if (verdict.wrong || verdict.ignored) {
        why = verdict.text;
    } else if (decoder.command == NULL || decoder.command->action != NOR_READ_ARRAY) {
        why = "the command does not read the array";
    } else if (frame->data_lanes == 0 || !frame->data_is_read || decoder.clocks_short != 0 ||
               decoder.clocks_over != 0) {
        why = "the frame does not reach the array's data";
    } else if ((decoder.command->flags & NOR_BURST_WRAP) != 0 ||
               ((decoder.command->flags & NOR_SPI_WRAP) != 0 && chip->spi_wrap != 0)) {
        why = "reads wrap inside a burst (set by 77h or C0h)";
    } else if (nor_is_suspended(chip)) {
        why = "an erase or program is suspended, part of the array is undefined";
    } else if (frame->address_bytes < 4 && chip->model->size > UINT32_C(0x1000000)) {
        why = "3 address bytes reach only the first 16 MiB of the chip";
    } else if (decoder.address != (frame->address & (chip->model->size - 1))) {
        why = "the chip takes another address than the controller sends";
    }
    if (why != NULL) {
        snprintf(reason, reason_size, "%s", why);
    }
    return why == NULL;
}

uint8_t *nor_chip_array(struct nor_chip *chip)
{
    return chip->store.array;
}

size_t nor_chip_size(const struct nor_chip *chip)
{
    return chip->model->size;
}

// --- Set-up and figures -------------------------------------------------------------------------

void nor_chip_on_change(struct nor_chip *chip,
                        void (*changed)(void *context, uint32_t offset, uint32_t length),
                        void *context)
{
    chip->changed = changed;
    chip->changed_context = context;
}

void nor_chip_set_timing(struct nor_chip *chip, enum nor_timing timing)
{
    chip->times = timing == NOR_TIMING_MAXIMUM ? chip->model->maximum : chip->model->typical;
}

void nor_chip_set_seed(struct nor_chip *chip, uint64_t seed)
{
    chip->seed = seed;
}

uint64_t nor_chip_busy_until(const struct nor_chip *chip)
{
    if (machine_now_ns(chip->machine) < chip->deaf_until_ns) {
        return chip->deaf_until_ns;
    }
    return chip->done_event.armed ? chip->done_event.at_ns : TIME_NEVER;
}

bool nor_chip_wear_out(struct nor_chip *chip, uint32_t offset, enum nor_fault fault)
{
    unsigned i = 0;

    while (i < chip->worn_count && chip->worn[i].offset != offset) {
        i++;
    }
    if (i == NOR_FAULTS_MAX) {
        return false;
    }
    chip->worn[i] = (struct nor_worn_byte){offset, fault};
    if (i == chip->worn_count) {
        chip->worn_count++;
    }
    return true;
}

bool nor_chip_preset_status(struct nor_chip *chip, const uint8_t status[3])
{
    for (unsigned i = 0; i < 3; i++) {
        uint8_t fixed = (uint8_t)~chip->model->status[i].writable;

        if (((status[i] ^ chip->model->status[i].factory) & fixed) != 0) {
            return false;
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        uint8_t kept = chip->model->status[i].volatile_only;

        chip->store.record->status[i] =
            (uint8_t)((status[i] & ~kept) | (chip->model->status[i].factory & kept));
        chip->status[i] = chip->store.record->status[i];
    }
    return true;
}

uint32_t nor_chip_wear(const struct nor_chip *chip, uint32_t sector)
{
    return chip->store.record->wear[sector];
}

uint64_t nor_chip_operations(const struct nor_chip *chip)
{
    return chip->operations;
}

void nor_chip_cut_at(struct nor_chip *chip, uint64_t at, double fraction,
                     void (*cut)(void *context), void *context)
{
    chip->cut_at = at;
    chip->cut_fraction = fraction;
    chip->cut = cut;
    chip->cut_context = context;
}
