// What a NOR chip does when chip select rises behind a complete command (W25Q128JV-DTR revision C,
// chapters 7.1 and 8.2).
//
// SPDX-License-Identifier: MIT
#include "sim/nor_chip_parts.h"

#include <inttypes.h>
#include <string.h>

#define BLOCK_SIZE 0x10000u

// --- Protection ---------------------------------------------------------------------------------

static bool locked_individually(const struct nor_chip *chip, uint32_t address, uint32_t length)
{
    for (uint32_t at = address; at < address + length; at += NOR_SECTOR_SIZE) {
        if (chip->locks[at / NOR_SECTOR_SIZE] != 0) {
            return true;
        }
    }
    return false;
}

bool nor_is_protected(const struct nor_chip *chip, uint32_t address, uint32_t length)
{
    const struct nor_layout *layout = &chip->model->layout;
    unsigned value = 0;
    uint32_t size;
    uint32_t start;

    for (unsigned i = 0; i < 4; i++) {
        value |= (chip->status[0] & layout->protect_bits[i]) != 0 ? 1u << i : 0;
    }
    size = chip->model->protected_size[nor_bits_set(chip, layout->small_units)][value];
    start = nor_bits_set(chip, layout->bottom) ? 0 : chip->model->size - size;
    if (nor_bits_set(chip, layout->individual_locks)) {
        return locked_individually(chip, address & ~(NOR_SECTOR_SIZE - 1), length);
    }
    if (nor_bits_set(chip, layout->complement)) { // everything but that range
        return address < start || address + length > start + size;
    }
    return address < start + size && start < address + length;
}

// The first and the last 64 KB have a lock for each sector, the others one for the block.
static void set_lock(struct nor_chip *chip, uint32_t address, uint8_t lock)
{
    uint32_t block = address & ~(BLOCK_SIZE - 1);

    if (!nor_bits_set(chip, chip->model->layout.individual_locks)) {
        nor_trace(chip, "%s: individual locks are not in use (WPS 0)", chip->name);
    } else if (block == 0 || block == chip->model->size - BLOCK_SIZE) {
        chip->locks[address / NOR_SECTOR_SIZE] = lock;
    } else {
        memset(chip->locks + block / NOR_SECTOR_SIZE, lock, BLOCK_SIZE / NOR_SECTOR_SIZE);
    }
}

static void set_all_locks(struct nor_chip *chip, uint8_t lock)
{
    if (!nor_bits_set(chip, chip->model->layout.individual_locks)) {
        nor_trace(chip, "%s: individual locks are not in use (WPS 0)", chip->name);
    } else {
        memset(chip->locks, lock, chip->model->size / NOR_SECTOR_SIZE);
    }
}

// The chip ignores it without a sign, which a driver has to find out by reading back.
static void refuse_protected(struct nor_chip *chip, const char *name, uint32_t address)
{
    if (chip->model->layout.has_flags) {
        chip->error_flags |= FLAG_PROTECTED;
    }
    nor_trace(chip, "%s: %s at 0x%06" PRIX32 " ignored, protected", chip->name, name, address);
}

// --- Program and erase --------------------------------------------------------------------------

// Bits cannot go from 0 to 1. FFh is "leave this byte alone", which drivers use to fill up.
static void check_erased(const struct nor_chip *chip, const struct nor_operation *operation)
{
    const uint8_t *array = chip->store.array + operation->address;

    for (uint32_t i = 0; i < operation->length; i++) {
        if (operation->data[i] != 0xFF && (array[i] & operation->data[i]) != operation->data[i]) {
            nor_violation(chip, "program of 0x%02X at 0x%06" PRIX32 ", where 0x%02X is: not erased",
                          operation->data[i], operation->address + i, array[i]);
            return;
        }
    }
}

static void program(struct nor_chip *chip)
{
    uint32_t page_size = chip->model->page_size;
    uint32_t address = chip->decoder.address & (chip->model->size - 1);
    uint32_t first = address & (page_size - 1);
    struct nor_operation operation = {.kind = NOR_OPERATION_PROGRAM,
                                      .name = "page program",
                                      .address = address - first,
                                      .length = page_size,
                                      .duration_ns = chip->times.page_program_ns};

    if (first + chip->in_count > page_size) {
        nor_violation(chip,
                      "program of %" PRIu32 " bytes at 0x%06" PRIX32
                      " passes the end of its page and wraps to the page's start",
                      chip->in_count, address);
    }
    if (nor_is_protected(chip, address, 1)) {
        refuse_protected(chip, operation.name, address);
        chip->error_flags |= chip->model->layout.has_flags ? FLAG_PROGRAM_FAILED : 0;
        return;
    }
    if (nor_operation_covers(&chip->suspended, operation.address, page_size)) {
        nor_violation(chip, "program at 0x%06" PRIX32 " inside the sector whose erase is suspended",
                      address);
    }
    memcpy(operation.data, chip->in_data, sizeof(operation.data));
    check_erased(chip, &operation);
    chip->bytes_programmed += chip->in_count;
    nor_operation_start(chip, &operation);
}

static void erase(struct nor_chip *chip, unsigned size_log2)
{
    uint32_t length = UINT32_C(1) << size_log2;
    uint32_t address = chip->decoder.address & (chip->model->size - 1) & ~(length - 1);
    struct nor_operation operation = {.kind = NOR_OPERATION_ERASE,
                                      .name = chip->decoder.command->name,
                                      .address = address,
                                      .length = length,
                                      .duration_ns = length == 0x1000   ? chip->times.erase_4k_ns
                                                     : length == 0x8000 ? chip->times.erase_32k_ns
                                                                        : chip->times.erase_64k_ns};

    if (nor_is_protected(chip, address, length)) {
        refuse_protected(chip, operation.name, address);
        chip->error_flags |= chip->model->layout.has_flags ? FLAG_ERASE_FAILED : 0;
        return;
    }
    if (nor_operation_covers(&chip->suspended, address, length)) {
        nor_violation(chip, "erase at 0x%06" PRIX32 " over the page whose program is suspended",
                      address);
    }
    nor_operation_start(chip, &operation);
}

static void erase_chip(struct nor_chip *chip)
{
    struct nor_operation operation = {.kind = NOR_OPERATION_ERASE_CHIP,
                                      .name = "chip erase",
                                      .length = chip->model->size,
                                      .duration_ns = chip->times.erase_chip_ns};

    if (nor_is_protected(chip, 0, chip->model->size)) {
        refuse_protected(chip, operation.name, 0);
        chip->error_flags |= chip->model->layout.has_flags ? FLAG_ERASE_FAILED : 0;
        return;
    }
    nor_operation_start(chip, &operation);
}

// --- Security registers -------------------------------------------------------------------------

// 1 to 3 by A15..A12; 0: there is none at this address.
static unsigned security_register(const struct nor_chip *chip)
{
    uint32_t number = chip->decoder.address >> 12;

    return number <= chip->model->security_registers ? number : 0;
}

static void security(struct nor_chip *chip, enum nor_operation_kind kind)
{
    unsigned number = security_register(chip);
    bool is_erase = kind == NOR_OPERATION_SECURITY_ERASE;
    struct nor_operation operation = {.kind = kind,
                                      .name = chip->decoder.command->name,
                                      .address = number,
                                      .length = NOR_SECURITY_SIZE,
                                      .duration_ns = is_erase ? chip->times.erase_4k_ns
                                                              : chip->times.page_program_ns};

    if (number == 0) {
        nor_violation(chip, "%s at 0x%06" PRIX32 ", where there is none", operation.name,
                      chip->decoder.address);
        return;
    }
    if ((chip->status[1] >> (SR2_LB_SHIFT + number - 1) & 1u) != 0) {
        refuse_protected(chip, operation.name, chip->decoder.address);
        return;
    }
    if ((chip->decoder.address & 0xFF) + chip->in_count > NOR_SECURITY_SIZE) {
        nor_violation(chip, "program of %" PRIu32 " bytes passes the end of security register %u",
                      chip->in_count, number);
    }
    memcpy(operation.data, chip->in_data, sizeof(operation.data));
    nor_operation_start(chip, &operation);
}

// --- Status registers ---------------------------------------------------------------------------

static void write_status(struct nor_chip *chip, unsigned first)
{
    const struct nor_status *rules = chip->model->status;
    uint32_t room = first == 0 ? chip->model->layout.status_write_max : 1;
    bool volatile_only = chip->volatile_enabled;
    struct nor_operation operation = {.kind = NOR_OPERATION_STATUS,
                                      .name = chip->decoder.command->name,
                                      .address = first,
                                      .length = chip->in_count,
                                      .duration_ns = chip->times.status_write_ns};

    chip->volatile_enabled = false;
    if (chip->in_count > room) {
        nor_violation(chip, "opcode %02Xh (%s) with %" PRIu32 " bytes: it takes at most %" PRIu32,
                      chip->decoder.opcode, operation.name, chip->in_count, room);
        return;
    }
    if (nor_bits_set(
            chip,
            chip->model->layout.status_lock)) { // SRP needs /WP low, which the wiring never drives
        refuse_protected(chip, operation.name, 0);
        return;
    }
    for (uint32_t i = first; i < first + chip->in_count; i++) {
        uint8_t value = chip->in_data[i - first];
        uint8_t old = chip->store.record->status[i];
        uint8_t mask = rules[i].writable;

        if (i == chip->model->layout.quad_enable.number && chip->bus.bus == NOR_QPI) {
            mask &= (uint8_t)~chip->model->layout.quad_enable
                        .mask; // QE cannot be cleared while the mode needs it
        }
        operation.status[i] = (uint8_t)((old & ~mask) | (value & mask) | (old & rules[i].one_time));
        if (volatile_only) {
            mask &= rules[i].volatile_writable;
            chip->status[i] = (uint8_t)((chip->status[i] & ~mask) | (value & mask));
            nor_registers_changed(chip);
        }
    }
    if (!volatile_only) {
        nor_operation_start(chip, &operation);
    }
}

// A register without a non-volatile copy of its own.
static void write_volatile(struct nor_chip *chip, unsigned number)
{
    uint8_t mask = chip->model->status[number].writable;

    chip->status[number] = (uint8_t)((chip->status[number] & ~mask) | (chip->in_data[0] & mask));
    nor_registers_changed(chip);
}

// --- Modes --------------------------------------------------------------------------------------

static void suspend(struct nor_chip *chip)
{
    enum nor_operation_kind kind = chip->active.kind;

    if (chip->suspending || chip->suspended.kind != NOR_OPERATION_NONE ||
        (kind != NOR_OPERATION_ERASE && kind != NOR_OPERATION_PROGRAM)) {
        nor_trace(chip, "%s: suspend ignored", chip->name); // the operation may just have ended
        return;
    }
    if (chip->resumed_ns != 0 &&
        machine_now_ns(chip->machine) < chip->resumed_ns + chip->times.suspend_ns) {
        nor_violation(chip, "suspend (75h) less than tSUS (%" PRIu64 " ns) after resume (7Ah)",
                      chip->times.suspend_ns);
    }
    nor_operation_suspend(chip);
}

static void resume(struct nor_chip *chip)
{
    if (chip->suspended.kind == NOR_OPERATION_NONE) {
        nor_trace(chip, "%s: resume ignored, nothing is suspended", chip->name);
        return;
    }
    nor_operation_resume(chip);
}

static void software_reset(struct nor_chip *chip)
{
    if (!chip->reset_enabled) {
        nor_trace(chip, "%s: reset (99h) ignored, 66h was not right before it", chip->name);
        return;
    }
    nor_trace(chip, "%s: software reset", chip->name);
    nor_operations_tear(chip);
    nor_volatile_reset(chip);
    chip->deaf_until_ns = machine_now_ns(chip->machine) + chip->times.reset_ns;
    chip->deaf_since = "a software reset (tRST)";
}

static void power_down(struct nor_chip *chip, bool down)
{
    if (chip->power_down == down) {
        return; // ABh to a chip that is awake has no effect
    }
    chip->power_down = down;
    chip->deaf_until_ns =
        machine_now_ns(chip->machine) + (down ? chip->times.power_down_ns : chip->times.release_ns);
    chip->deaf_since = down ? "power-down (tDP)" : "release from power-down (tRES1)";
}

static void set_bus(struct nor_chip *chip, enum nor_bus_mode bus)
{
    chip->bus.bus = bus;
    chip->bus.continuous = NULL;
}

static void set_read_parameters(struct nor_chip *chip, uint8_t value)
{
    chip->bus.qpi_dummy_clocks = (uint8_t)(2 + 2 * ((value >> 4) & 3));
    chip->qpi_wrap = (uint8_t)(8 << (value & 3));
}

static void execute_mode(struct nor_chip *chip, const struct nor_command *command)
{
    switch (command->action) {
    case NOR_WRITE_ENABLE:
        chip->write_enabled = true;
        chip->volatile_enabled = false;
        break;
    case NOR_WRITE_DISABLE:
        chip->write_enabled = false;
        chip->volatile_enabled = false;
        break;
    case NOR_VOLATILE_ENABLE:
        chip->volatile_enabled = true;
        break;
    case NOR_SUSPEND:
        suspend(chip);
        break;
    case NOR_RESUME:
        resume(chip);
        break;
    case NOR_POWER_DOWN:
        power_down(chip, true);
        break;
    case NOR_RELEASE:
        power_down(chip, false);
        break;
    case NOR_RESET:
        software_reset(chip);
        break;
    case NOR_ENTER_QPI:
        set_bus(chip, NOR_QPI);
        break;
    case NOR_EXIT_QPI:
        set_bus(chip, NOR_SPI);
        break;
    case NOR_SET_WRAP: // W4 = 1: off; W6-5: 8, 16, 32, 64 bytes
        chip->spi_wrap =
            (chip->decoder.mode & 0x10) != 0 ? 0 : (uint8_t)(8 << ((chip->decoder.mode >> 5) & 3));
        break;
    case NOR_WRITE_VOLATILE:
        write_volatile(chip, command->argument);
        break;
    case NOR_CLEAR_FLAGS:
        chip->error_flags = 0;
        break;
    case NOR_ENTER_4BYTE:
        chip->bus.four_byte = true;
        break;
    case NOR_EXIT_4BYTE:
        chip->bus.four_byte = false;
        break;
    case NOR_WRITE_EXTENDED:
        chip->bus.extended_address = chip->in_data[0];
        break;
    case NOR_SET_READ_PARAMETERS:
        set_read_parameters(chip, chip->in_data[0]);
        break;
    default: // reads, and what is known but has no effect
        break;
    }
}

static void execute_write(struct nor_chip *chip, const struct nor_command *command)
{
    switch (command->action) {
    case NOR_PROGRAM:
        program(chip);
        break;
    case NOR_ERASE:
        erase(chip, command->argument);
        break;
    case NOR_ERASE_CHIP:
        erase_chip(chip);
        break;
    case NOR_WRITE_STATUS:
        write_status(chip, command->argument);
        break;
    case NOR_SECURITY_PROGRAM:
        security(chip, NOR_OPERATION_SECURITY_PROGRAM);
        break;
    case NOR_SECURITY_ERASE:
        security(chip, NOR_OPERATION_SECURITY_ERASE);
        break;
    case NOR_LOCK:
    case NOR_UNLOCK:
        set_lock(chip, chip->decoder.address & (chip->model->size - 1),
                 command->action == NOR_LOCK);
        break;
    case NOR_LOCK_ALL:
    case NOR_UNLOCK_ALL:
        set_all_locks(chip, command->action == NOR_LOCK_ALL);
        break;
    default: // a mode that asks for the latch
        execute_mode(chip, command);
        chip->write_enabled = false;
        break;
    }
}

void nor_command_execute(struct nor_chip *chip)
{
    const struct nor_command *command = chip->decoder.command;

    if ((command->flags & NOR_NEEDS_WEL) != 0) {
        execute_write(chip, command);
    } else {
        execute_mode(chip, command);
    }
    chip->reset_enabled = command->action == NOR_RESET_ENABLE;
}
