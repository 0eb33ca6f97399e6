// What keeps a NOR chip BUSY: programming, erasing, writing status registers; their suspension,
// and how they look when power or a reset cuts them.
//
// Written from W25Q128JV-DTR revision C, chapters 8.2.15 to 8.2.23. The data sheet says of an
// operation cut short only that the data may be corrupt; the pattern here follows how NOR flash
// works: a program moves bits from 1 to 0 one by one; an erase first moves all bits to 0, then all
// to 1. Which bits have moved is drawn from a seed, so that each run gives the same.
//
// SPDX-License-Identifier: MIT
#include "sim/nor_chip_parts.h"

#include <inttypes.h>
#include <string.h>

// Part of an erase's time that goes into bringing all bits to 0 first.
#define PRE_PROGRAM_PART 0.25

// Sequence of bits that are 1 with a given probability.
struct chance {
    uint64_t state;
};

static uint64_t chance_next(struct chance *chance) // splitmix64
{
    uint64_t value = chance->state += UINT64_C(0x9E3779B97F4A7C15);

    value = (value ^ (value >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94D049BB133111EB);
    return value ^ (value >> 31);
}

static uint8_t chance_byte(struct chance *chance, double probability)
{
    uint64_t threshold = (uint64_t)(probability * 256.0);
    uint64_t random = chance_next(chance);
    uint8_t byte = 0;

    for (unsigned bit = 0; bit < 8; bit++) {
        byte = (uint8_t)(byte | ((((random >> (8 * bit)) & 0xFF) < threshold) << bit));
    }
    return byte;
}

static void tell_changed(struct nor_chip *chip, uint32_t address, uint32_t length)
{
    if (chip->changed != NULL && length != 0) {
        chip->changed(chip->changed_context, address, length);
    }
}

static void program_bytes(uint8_t *bytes, const uint8_t *data, uint32_t length, double fraction,
                          struct chance *chance)
{
    for (uint32_t i = 0; i < length; i++) {
        uint8_t moving = (uint8_t)(bytes[i] & ~data[i]);

        if (fraction < 1.0 && moving != 0) {
            moving &= chance_byte(chance, fraction);
        }
        bytes[i] = (uint8_t)(bytes[i] & ~moving);
    }
}

static void erase_bytes(uint8_t *bytes, uint32_t length, double fraction, struct chance *chance)
{
    if (fraction >= 1.0) {
        memset(bytes, 0xFF, length);
        return;
    }
    for (uint32_t i = 0; i < length; i++) {
        if (fraction < PRE_PROGRAM_PART) {
            bytes[i] = (uint8_t)(bytes[i] & ~chance_byte(chance, fraction / PRE_PROGRAM_PART));
        } else {
            bytes[i] =
                chance_byte(chance, (fraction - PRE_PROGRAM_PART) / (1.0 - PRE_PROGRAM_PART));
        }
    }
}

static void count_wear(struct nor_chip *chip, uint32_t address, uint32_t length)
{
    for (uint32_t at = address; at < address + length; at += NOR_SECTOR_SIZE) {
        chip->store.record->wear[at / NOR_SECTOR_SIZE]++;
        chip->sectors_erased++;
    }
}

// The chip erase goes through the array from its start; one sector is in work.
static void erase_chip(struct nor_chip *chip, double fraction, struct chance *chance)
{
    uint32_t sectors = chip->model->size / NOR_SECTOR_SIZE;
    double place = fraction * sectors;
    uint32_t whole = fraction >= 1.0 ? sectors : (uint32_t)place;

    memset(chip->store.array, 0xFF, (size_t)whole * NOR_SECTOR_SIZE);
    count_wear(chip, 0, whole * NOR_SECTOR_SIZE);
    if (whole < sectors) {
        erase_bytes(chip->store.array + (size_t)whole * NOR_SECTOR_SIZE, NOR_SECTOR_SIZE,
                    place - whole, chance);
        count_wear(chip, whole * NOR_SECTOR_SIZE, NOR_SECTOR_SIZE);
    }
}

// `address` is the first register written, `length` how many.
static void write_status(struct nor_chip *chip, const struct nor_operation *operation,
                         double fraction, struct chance *chance)
{
    for (uint32_t i = operation->address; i < operation->address + operation->length; i++) {
        uint8_t old = chip->store.record->status[i];
        uint8_t moving = old ^ operation->status[i];

        if (fraction < 1.0) {
            moving &= chance_byte(chance, fraction);
        }
        chip->status[i] = old ^ moving;
        chip->store.record->status[i] =
            old ^ (moving & (uint8_t)~chip->model->status[i].volatile_only);
    }
    nor_registers_changed(chip);
}

// What an operation on [address, address + length) leaves in the bytes that are worn out.
static void keep_worn(struct nor_chip *chip, uint32_t address, uint32_t length)
{
    for (unsigned i = 0; i < chip->worn_count; i++) {
        const struct nor_worn_byte *worn = &chip->worn[i];

        if (worn->fault != NOR_FAULT_NONE && worn->offset >= address &&
            worn->offset - address < length) {
            chip->store.array[worn->offset] = worn->fault == NOR_FAULT_ERASE ? 0x00 : 0xFF;
        }
    }
}

// Does what `operation` does, up to `fraction` (1: all).
static void apply(struct nor_chip *chip, const struct nor_operation *operation, double fraction)
{
    struct chance chance = {chip->seed ^ (operation->number * UINT64_C(0xD1342543DE82EF95))};
    uint8_t *array = chip->store.array + operation->address;

    switch (operation->kind) {
    case NOR_OPERATION_PROGRAM:
        program_bytes(array, operation->data, operation->length, fraction, &chance);
        keep_worn(chip, operation->address, operation->length);
        tell_changed(chip, operation->address, operation->length);
        break;
    case NOR_OPERATION_ERASE:
        erase_bytes(array, operation->length, fraction, &chance);
        keep_worn(chip, operation->address, operation->length);
        count_wear(chip, operation->address, operation->length);
        tell_changed(chip, operation->address, operation->length);
        break;
    case NOR_OPERATION_ERASE_CHIP:
        erase_chip(chip, fraction, &chance);
        keep_worn(chip, 0, chip->model->size);
        tell_changed(chip, 0, chip->model->size);
        break;
    case NOR_OPERATION_STATUS:
        write_status(chip, operation, fraction, &chance);
        break;
    case NOR_OPERATION_SECURITY_PROGRAM:
        program_bytes(chip->store.record->security[operation->address - 1], operation->data,
                      NOR_SECURITY_SIZE, fraction, &chance);
        break;
    case NOR_OPERATION_SECURITY_ERASE:
        erase_bytes(chip->store.record->security[operation->address - 1], NOR_SECURITY_SIZE,
                    fraction, &chance);
        break;
    case NOR_OPERATION_NONE:
        break;
    }
}

static void cut_now(struct nor_chip *chip)
{
    nor_trace(chip, "%s: power cut at operation %" PRIu64, chip->name, chip->cut_at);
    nor_chip_power_off(chip);
    if (chip->cut != NULL) {
        chip->cut(chip->cut_context);
    }
}

void nor_operation_cut(void *context)
{
    cut_now(context);
}

static void count_start(struct nor_chip *chip, const struct nor_operation *operation)
{
    chip->programs += operation->kind == NOR_OPERATION_PROGRAM;
    chip->erases += operation->kind == NOR_OPERATION_ERASE;
    if (chip->first_operation_ns == 0) {
        chip->first_operation_ns = machine_now_ns(chip->machine);
    }
}

static void count_end(struct nor_chip *chip, uint64_t spent_ns)
{
    chip->busy_ns += spent_ns;
    chip->last_operation_ns = machine_now_ns(chip->machine);
}

void nor_operation_start(struct nor_chip *chip, const struct nor_operation *operation)
{
    uint64_t number = chip->operations++;

    if (number == chip->cut_at && chip->cut_fraction <= 0.0) {
        cut_now(chip);
        return;
    }
    nor_trace(chip, "%s: %s at 0x%06" PRIX32 ", operation %" PRIu64, chip->name, operation->name,
              operation->address, number);
    count_start(chip, operation);
    chip->active = *operation;
    chip->active.number = number;
    chip->active.spent_ns = 0;
    chip->active.started_ns = machine_now_ns(chip->machine);
    event_arm_in(chip->machine, &chip->done_event, operation->duration_ns);
    if (number == chip->cut_at) {
        event_arm_in(chip->machine, &chip->cut_event,
                     (uint64_t)(chip->cut_fraction * (double)operation->duration_ns));
    }
}

static uint64_t time_spent(const struct nor_chip *chip)
{
    return chip->active.spent_ns + machine_now_ns(chip->machine) - chip->active.started_ns;
}

void nor_operation_done(void *context)
{
    struct nor_chip *chip = context;
    struct nor_operation *operation = &chip->active;

    if (chip->suspending) {
        chip->suspending = false;
        chip->suspended = *operation;
        operation->kind = NOR_OPERATION_NONE;
        chip->write_enabled = false; // a program during the suspension has to enable anew
        return;
    }
    apply(chip, operation, 1.0);
    count_end(chip, operation->duration_ns);
    operation->kind = NOR_OPERATION_NONE;
    chip->write_enabled = false;
}

// The operation stops within tSUS; one that would end before that ends.
void nor_operation_suspend(struct nor_chip *chip)
{
    uint64_t spent_ns = time_spent(chip);

    if (chip->active.duration_ns <= spent_ns + chip->times.suspend_ns) {
        return;
    }
    chip->active.spent_ns = spent_ns;
    chip->suspending = true;
    event_arm_in(chip->machine, &chip->done_event, chip->times.suspend_ns);
}

void nor_operation_resume(struct nor_chip *chip)
{
    chip->active = chip->suspended;
    chip->suspended.kind = NOR_OPERATION_NONE;
    chip->active.started_ns = machine_now_ns(chip->machine);
    chip->resumed_ns = chip->active.started_ns;
    event_arm_in(chip->machine, &chip->done_event,
                 chip->active.duration_ns - chip->active.spent_ns);
}

static void tear(struct nor_chip *chip, struct nor_operation *operation, uint64_t spent_ns)
{
    if (operation->kind != NOR_OPERATION_NONE) {
        double fraction = (double)spent_ns / (double)operation->duration_ns;

        nor_trace(chip, "%s: %s at 0x%06" PRIX32 " torn at %.3f", chip->name, operation->name,
                  operation->address, fraction);
        apply(chip, operation, fraction);
        count_end(chip, spent_ns);
        operation->kind = NOR_OPERATION_NONE;
    }
}

void nor_operations_tear(struct nor_chip *chip)
{
    event_cancel(chip->machine, &chip->done_event);
    event_cancel(chip->machine, &chip->cut_event);
    tear(chip, &chip->active, chip->suspending ? chip->active.spent_ns : time_spent(chip));
    tear(chip, &chip->suspended, chip->suspended.spent_ns);
    chip->suspending = false;
}

bool nor_operation_covers(const struct nor_operation *operation, uint32_t address, uint32_t length)
{
    return (operation->kind == NOR_OPERATION_PROGRAM || operation->kind == NOR_OPERATION_ERASE) &&
           address < operation->address + operation->length &&
           operation->address < address + length;
}
