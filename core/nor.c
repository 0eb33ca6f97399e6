// The NOR flash chip driver. Written from W25Q128JV-DTR rev C and JESD216B; opcodes are those that
// JEDEC-style chips have in common.
//
// SPDX-License-Identifier: MIT
#include "core/nor.h"

#include <string.h>

#include "core/error.h"
#include "core/nor_table.h"

enum {
    OP_WRITE_STATUS_1 = 0x01, // one byte, or two: SR1 and SR2
    OP_READ_STATUS_1 = 0x05,
    OP_WRITE_ENABLE = 0x06,
    OP_READ_STATUS_3 = 0x15,
    OP_WRITE_STATUS_2 = 0x31,
    OP_READ_STATUS_2 = 0x35,
    OP_WRITE_STATUS_2_BIT7 = 0x3E,
    OP_READ_STATUS_2_BIT7 = 0x3F,
    OP_READ_SFDP = 0x5A,
    OP_RESET_ENABLE = 0x66,
    OP_READ_FLAG_STATUS = 0x70,
    OP_RESUME = 0x7A,
    OP_GLOBAL_UNLOCK = 0x98,
    OP_RESET = 0x99,
    OP_READ_JEDEC_ID = 0x9F,
    OP_RELEASE_POWER_DOWN = 0xAB,
    OP_LEAVE_MODE = 0xFF,

    SR1_BUSY = 0x01,
    SR1_WEL = 0x02,
    SR1_QUAD_ENABLE = 0x40,
    SR2_QUAD_ENABLE = 0x02,
    SR2_QUAD_ENABLE_BIT7 = 0x80,
    FLAG_STATUS_READY = 0x80,

    MODE_LEAVE = 0xFF, // mode byte whose bits 5:4 are not 10: no continuous reading

    RELEASE_US = 50, // W25Q128JV needs 3 us, others up to 35 us
    RESET_US = 50,   // tRST 30 us
    // After power-on a W25Q128JV takes no write for 5 ms (tPUW), others for up to 10 ms.
    POWER_UP_WRITE_US = 10000,
    POLL_US = 100,
    FLOATING_WAIT_MS = 20, // longest status write is 15 ms
    STATUS_WRITE_MS = 200,
    RESET_WAIT_MS = 100,
};

// Bits of unprotect_tried.
enum {
    TRIED_SR1 = 1,
    TRIED_SR2 = 2,
    TRIED_LOCKS = 4,
};

void nor_init(struct nor *nor, const struct nor_bus *bus, const uint8_t *mapped)
{
    *nor = (struct nor){.bus = bus, .mapped = mapped, .state = NOR_ABSENT};
    sfdp_defaults(&nor->geometry);
}

static int command_send(const struct nor *nor, uint8_t opcode, uint8_t lanes)
{
    struct nor_command command = {.opcode = opcode, .opcode_lanes = lanes};
    return nor->bus->command(nor->bus->context, &command);
}

static int register_read(const struct nor *nor, uint8_t opcode, uint8_t *bytes, size_t length)
{
    struct nor_command command = {.opcode = opcode, .opcode_lanes = 1, .data_lanes = 1};
    return nor->bus->read(nor->bus->context, &command, bytes, length);
}

static int register_write(const struct nor *nor, uint8_t opcode, const uint8_t *bytes,
                          size_t length)
{
    struct nor_command command = {.opcode = opcode, .opcode_lanes = 1, .data_lanes = 1};
    return nor->bus->write(nor->bus->context, &command, bytes, length);
}

static uint32_t elapsed_ms(const struct nor *nor, uint32_t since_ms)
{
    return nor->bus->now_ms(nor->bus->context) - since_ms;
}

// Waits until the chip is not busy. A line that nobody drives reads FF, which also says busy; it
// gets no more time than a status write, the one thing that can be under way with such a value.
static int busy_wait(const struct nor *nor, uint32_t limit_ms)
{
    uint32_t since_ms = nor->bus->now_ms(nor->bus->context);
    for (;;) {
        uint8_t status;
        int error = register_read(nor, OP_READ_STATUS_1, &status, 1);
        if (error != 0)
            return error;
        if (!(status & SR1_BUSY))
            return 0;
        uint32_t limit = status == 0xFF ? FLOATING_WAIT_MS : limit_ms;
        if (elapsed_ms(nor, since_ms) > limit)
            return QL_ERROR_TIMEOUT;
        nor->bus->delay_us(nor->bus->context, POLL_US);
    }
}

// The chip may be in any mode that a program left it in, since a reset of the microcontroller does
// not reset it. Each step is harmless in the modes that it is not meant for: four-lane opcodes are
// a quarter of a command to a chip in one-lane mode, which ignores them.
static int state_recover(const struct nor *nor)
{
    const struct nor_bus *bus = nor->bus;
    static const struct {
        uint8_t opcode, lanes;
    } leave[] = {{OP_LEAVE_MODE, 4}, {OP_LEAVE_MODE, 1}, {OP_RELEASE_POWER_DOWN, 1}},
      reset[] = {{OP_RESET_ENABLE, 4}, {OP_RESET, 4}, {OP_RESET_ENABLE, 1}, {OP_RESET, 1}};
    for (size_t i = 0; i < sizeof leave / sizeof leave[0]; i++) {
        int error = command_send(nor, leave[i].opcode, leave[i].lanes);
        if (error != 0)
            return error;
    }
    bus->delay_us(bus->context, RELEASE_US);
    // A reset in the middle of an erase would leave cells half erased: let it end. One that is
    // suspended goes on by 7Ah, which other chips ignore.
    int error = busy_wait(nor, NOR_WAIT_MS);
    if (error == 0) {
        error = command_send(nor, OP_RESUME, 1);
        if (error == 0)
            error = busy_wait(nor, NOR_WAIT_MS);
    }
    if (error != 0 && error != QL_ERROR_TIMEOUT)
        return error;
    for (size_t i = 0; i < sizeof reset / sizeof reset[0]; i++) {
        error = command_send(nor, reset[i].opcode, reset[i].lanes);
        if (error != 0)
            return error;
    }
    bus->delay_us(bus->context, RESET_US);
    return 0;
}

static int sfdp_read(void *context, uint32_t address, uint8_t *bytes, size_t length)
{
    const struct nor *nor = context;
    struct nor_command command = {
        .opcode = OP_READ_SFDP,
        .opcode_lanes = 1,
        .address_bytes = 3,
        .address_lanes = 1,
        .dummy_cycles = 8,
        .data_lanes = 1,
        .address = address,
    };
    return nor->bus->read(nor->bus->context, &command, bytes, length);
}

static int identify(struct nor *nor)
{
    int error = register_read(nor, OP_READ_JEDEC_ID, nor->jedec_id, sizeof nor->jedec_id);
    if (error != 0)
        return error;
    const uint8_t *id = nor->jedec_id;
    if ((id[0] & id[1] & id[2]) == 0xFF || (id[0] | id[1] | id[2]) == 0)
        return QL_ERROR_ABSENT;
    if (busy_wait(nor, RESET_WAIT_MS) != 0)
        return QL_ERROR_TIMEOUT;
    struct sfdp_source source = {.context = nor, .read = sfdp_read};
    int parsed = sfdp_parse(&source, &nor->geometry);
    if (parsed != 0 && parsed != QL_ERROR_UNSUPPORTED)
        return parsed;
    return nor_table_apply(nor, parsed == 0) ? 0 : QL_ERROR_UNSUPPORTED;
}

static int status_read(struct nor *nor)
{
    memset(nor->status, 0, sizeof nor->status);
    int error = register_read(nor, OP_READ_STATUS_1, &nor->status[0], 1);
    if (error == 0 && nor->has_sr2)
        error = register_read(nor, OP_READ_STATUS_2, &nor->status[1], 1);
    if (error == 0 && nor->has_sr3)
        error = register_read(nor, OP_READ_STATUS_3, &nor->status[2], 1);
    return error;
}

// Sends write enable and looks whether the chip took it: a lost one would be noticed only by the
// missing data.
static int write_enable(struct nor *nor)
{
    int error = command_send(nor, OP_WRITE_ENABLE, 1);
    uint8_t status = 0;
    if (error == 0)
        error = register_read(nor, OP_READ_STATUS_1, &status, 1);
    if (error != 0)
        return error;
    if (status & SR1_BUSY)
        return QL_ERROR_BUSY;
    nor->doubtful = false;
    return status & SR1_WEL ? 0 : QL_ERROR_REFUSED;
}

// Makes the chip ready for an operation that changes it.
static int operation_prepare(struct nor *nor)
{
    if (nor->state == NOR_WORKING)
        return QL_ERROR_BUSY;
    int error = nor_unmap(nor);
    return error != 0 ? error : write_enable(nor);
}

// The operation's command has been sent: watches the chip until it ends.
static int operation_watch(struct nor *nor, uint32_t maximum_ms)
{
    bool flag = nor->geometry.flag_status;
    struct nor_command command = {
        .opcode = flag ? OP_READ_FLAG_STATUS : OP_READ_STATUS_1,
        .opcode_lanes = 1,
        .data_lanes = 1,
    };
    uint8_t mask = flag ? FLAG_STATUS_READY : SR1_BUSY;
    uint8_t match = flag ? FLAG_STATUS_READY : 0;
    int error = nor->bus->poll_start(nor->bus->context, &command, mask, match);
    if (error != 0) {
        nor->doubtful = true;
        return error;
    }
    nor->state = NOR_WORKING;
    nor->started_ms = nor->bus->now_ms(nor->bus->context);
    nor->limit_ms = maximum_ms + 2; // the clock's grain, at both ends
    return 0;
}

static int status_write_start(struct nor *nor, uint8_t opcode, const uint8_t *bytes, size_t length)
{
    int error = operation_prepare(nor);
    if (error == 0)
        error = register_write(nor, opcode, bytes, length);
    return error != 0 ? error : operation_watch(nor, STATUS_WRITE_MS);
}

// Does 01h with SR1 alone change SR2?
static bool sr1_takes_sr2_along(const struct nor *nor)
{
    return nor->geometry.quad_enable == NOR_QUAD_SR2_BIT1_01H_BOTH ||
           nor->geometry.quad_enable == NOR_QUAD_SR2_BIT1_35H;
}

// Starts to write SR1 with SR2 as it is, or SR2 with SR1 as it is, by the chip's own method.
static int sr1_write_start(struct nor *nor, uint8_t value)
{
    uint8_t bytes[2] = {value, nor->status[1]};
    return status_write_start(nor, OP_WRITE_STATUS_1, bytes, sr1_takes_sr2_along(nor) ? 2 : 1);
}

static int sr2_write_start(struct nor *nor, uint8_t value)
{
    if (nor->geometry.quad_enable == NOR_QUAD_SR2_BIT1_31H)
        return status_write_start(nor, OP_WRITE_STATUS_2, &value, 1);
    uint8_t bytes[2] = {(uint8_t)(nor->status[0] & ~(SR1_BUSY | SR1_WEL)), value};
    return status_write_start(nor, OP_WRITE_STATUS_1, bytes, 2);
}

static int operation_wait(struct nor *nor)
{
    int result;
    while ((result = nor_poll(nor)) == 1)
        nor->bus->delay_us(nor->bus->context, POLL_US);
    return result;
}

// Is the quad enable bit set? 1, 0, or an error. `value` holds the register's value.
static int quad_bit_read(struct nor *nor, uint8_t *value)
{
    int error = status_read(nor);
    if (error != 0)
        return error;
    switch (nor->geometry.quad_enable) {
    case NOR_QUAD_ALWAYS:
        return 1;
    case NOR_QUAD_UNKNOWN:
        return 0;
    case NOR_QUAD_SR1_BIT6:
        *value = nor->status[0];
        return (*value & SR1_QUAD_ENABLE) != 0;
    case NOR_QUAD_SR2_BIT7_3EH:
        error = register_read(nor, OP_READ_STATUS_2_BIT7, value, 1);
        return error != 0 ? error : (*value & SR2_QUAD_ENABLE_BIT7) != 0;
    default:
        *value = nor->status[1];
        return (*value & SR2_QUAD_ENABLE) != 0;
    }
}

static int quad_bit_set(struct nor *nor, uint8_t value)
{
    int error;
    switch (nor->geometry.quad_enable) {
    case NOR_QUAD_SR1_BIT6:
        error = sr1_write_start(nor, (uint8_t)((value & ~(SR1_BUSY | SR1_WEL)) | SR1_QUAD_ENABLE));
        break;
    case NOR_QUAD_SR2_BIT7_3EH:
        value |= SR2_QUAD_ENABLE_BIT7;
        error = status_write_start(nor, OP_WRITE_STATUS_2_BIT7, &value, 1);
        break;
    default:
        error = sr2_write_start(nor, value | SR2_QUAD_ENABLE);
    }
    return error != 0 ? error : operation_wait(nor);
}

// Sees to it that quad commands may be used, or that none is. The bit is non-volatile: it is
// written once in a chip's life.
static int quad_prepare(struct nor *nor)
{
    struct nor_geometry *geometry = &nor->geometry;
    uint8_t value = 0;
    int set = quad_bit_read(nor, &value);
    bool wanted = geometry->quad_io.opcode != 0 || geometry->quad_data.opcode != 0 ||
                  geometry->program_data_lanes == 4;
    if (set == 0 && wanted && geometry->quad_enable != NOR_QUAD_UNKNOWN) {
        nor->bus->delay_us(nor->bus->context, POWER_UP_WRITE_US);
        set = quad_bit_set(nor, value);
        if (set == 0)
            set = quad_bit_read(nor, &value);
    }
    if (set < 0 && set != QL_ERROR_REFUSED)
        return set;
    if (set != 1) {
        // A chip whose status registers are locked still works on one lane.
        geometry->quad_io.opcode = 0;
        geometry->quad_data.opcode = 0;
        if (geometry->program_data_lanes == 4) {
            geometry->program_opcode = 0x02;
            geometry->program_data_lanes = 1;
        }
    }
    return 0;
}

int nor_start(struct nor *nor)
{
    nor_init(nor, nor->bus, nor->mapped);
    int error = state_recover(nor);
    if (error == 0)
        error = identify(nor);
    if (error == 0)
        error = nor->bus->set_size(nor->bus->context, nor->geometry.size);
    if (error != 0)
        return error;
    nor->state = NOR_IDLE;
    error = quad_prepare(nor);
    if (error != 0)
        nor->state = NOR_ABSENT;
    return error;
}

void nor_read_command(const struct nor *nor, struct nor_command *command)
{
    const struct nor_geometry *geometry = &nor->geometry;
    *command = (struct nor_command){
        .opcode_lanes = 1,
        .address_bytes = geometry->address_bytes,
        .address_lanes = 1,
    };
    if (geometry->quad_io.opcode != 0) {
        unsigned clocks = geometry->quad_io.mode_clocks + geometry->quad_io.wait_clocks;
        command->opcode = geometry->quad_io.opcode;
        command->address_lanes = 4;
        command->data_lanes = 4;
        // The mode byte takes two clocks, also of a chip that looks at the first only.
        if (geometry->quad_io.mode_clocks > 0 && clocks >= 2) {
            command->mode_bits = MODE_LEAVE;
            command->mode_lanes = 4;
            clocks -= 2;
        }
        command->dummy_cycles = (uint8_t)clocks;
    } else if (geometry->quad_data.opcode != 0) {
        command->opcode = geometry->quad_data.opcode;
        command->data_lanes = 4;
        command->dummy_cycles =
            (uint8_t)(geometry->quad_data.mode_clocks + geometry->quad_data.wait_clocks);
    } else {
        command->opcode = geometry->read_opcode;
        command->data_lanes = 1;
        command->dummy_cycles = 8;
    }
}

int nor_map(struct nor *nor)
{
    if (nor->state == NOR_MAPPED)
        return 0;
    if (nor->state == NOR_ABSENT)
        return QL_ERROR_ABSENT;
    if (nor->state == NOR_WORKING)
        return QL_ERROR_BUSY;
    if (nor->doubtful) {
        uint8_t status;
        int error = register_read(nor, OP_READ_STATUS_1, &status, 1);
        if (error != 0)
            return error;
        if (status & SR1_BUSY)
            return QL_ERROR_BUSY;
        nor->doubtful = false;
    }
    struct nor_command command;
    nor_read_command(nor, &command);
    int error = nor->bus->map(nor->bus->context, &command);
    if (error == 0)
        nor->state = NOR_MAPPED;
    return error;
}

int nor_unmap(struct nor *nor)
{
    if (nor->state != NOR_MAPPED)
        return 0;
    int error = nor->bus->unmap(nor->bus->context);
    if (error == 0)
        nor->state = NOR_IDLE;
    return error;
}

const struct nor_erase_type *nor_erase_type_find(const struct nor *nor, uint32_t size)
{
    for (unsigned i = 0; i < NOR_ERASE_TYPES; i++) {
        const struct nor_erase_type *type = &nor->geometry.erase[i];
        if (type->size_log2 != 0 && UINT32_C(1) << type->size_log2 == size)
            return type;
    }
    return NULL;
}

int nor_erase_start(struct nor *nor, uint32_t address, uint32_t size)
{
    if (nor->state == NOR_ABSENT)
        return QL_ERROR_ABSENT;
    const struct nor_erase_type *type = nor_erase_type_find(nor, size);
    if (!type || address % size != 0 || address >= nor->geometry.size)
        return QL_ERROR_ARGUMENT;
    int error = operation_prepare(nor);
    if (error != 0)
        return error;
    struct nor_command command = {
        .opcode = type->opcode,
        .opcode_lanes = 1,
        .address_bytes = nor->geometry.address_bytes,
        .address_lanes = 1,
        .address = address,
    };
    error = nor->bus->command(nor->bus->context, &command);
    return error != 0 ? error : operation_watch(nor, type->maximum_ms);
}

int nor_program_start(struct nor *nor, uint32_t address, const uint8_t *bytes, size_t length)
{
    const struct nor_geometry *geometry = &nor->geometry;
    if (nor->state == NOR_ABSENT)
        return QL_ERROR_ABSENT;
    if (length == 0 || length > geometry->page_size || address >= geometry->size ||
        address % geometry->page_size + length > geometry->page_size)
        return QL_ERROR_ARGUMENT;
    int error = operation_prepare(nor);
    if (error != 0)
        return error;
    struct nor_command command = {
        .opcode = geometry->program_opcode,
        .opcode_lanes = 1,
        .address_bytes = geometry->address_bytes,
        .address_lanes = 1,
        .data_lanes = geometry->program_data_lanes,
        .address = address,
    };
    error = nor->bus->write(nor->bus->context, &command, bytes, length);
    return error != 0 ? error : operation_watch(nor, geometry->program_maximum_us / 1000 + 1);
}

int nor_unprotect_start(struct nor *nor)
{
    if (nor->state == NOR_ABSENT)
        return QL_ERROR_ABSENT;
    if (nor->state == NOR_WORKING)
        return QL_ERROR_BUSY;
    int error = nor_unmap(nor);
    if (error == 0)
        error = status_read(nor);
    if (error != 0)
        return error;
    unsigned set = (nor->status[0] & nor->sr1_protect ? TRIED_SR1 : 0) |
                   (nor->status[1] & nor->sr2_protect ? TRIED_SR2 : 0);
    if (set & nor->unprotect_tried) {
        nor->unprotect_tried = 0;
        return QL_ERROR_PROTECTED;
    }
    if (set & TRIED_SR1) {
        nor->unprotect_tried |= TRIED_SR1;
        uint8_t keep = (uint8_t) ~(nor->sr1_protect | SR1_BUSY | SR1_WEL);
        error = sr1_write_start(nor, nor->status[0] & keep);
    } else if (set & TRIED_SR2) {
        nor->unprotect_tried |= TRIED_SR2;
        error = sr2_write_start(nor, (uint8_t)(nor->status[1] & ~nor->sr2_protect));
    } else if (nor->status[2] & nor->sr3_locks && !(nor->unprotect_tried & TRIED_LOCKS)) {
        nor->unprotect_tried |= TRIED_LOCKS;
        error = operation_prepare(nor);
        if (error == 0)
            error = command_send(nor, OP_GLOBAL_UNLOCK, 1);
        if (error == 0)
            error = operation_watch(nor, STATUS_WRITE_MS);
    } else {
        nor->unprotect_tried = 0;
        return 0;
    }
    return error != 0 ? error : 1;
}

int nor_poll(struct nor *nor)
{
    const struct nor_bus *bus = nor->bus;
    if (nor->state != NOR_WORKING)
        return 0;
    // The time is taken first: an operation that ended by then has ended in time.
    bool late = elapsed_ms(nor, nor->started_ms) > nor->limit_ms;
    if (bus->poll_done(bus->context)) {
        nor->state = NOR_IDLE;
        return 0;
    }
    if (!late)
        return 1;
    bus->poll_stop(bus->context);
    nor->state = NOR_IDLE;
    nor->doubtful = true;
    return QL_ERROR_TIMEOUT;
}

bool nor_is_blank(const uint8_t *bytes, size_t length)
{
    uint32_t all = UINT32_MAX;
    size_t i = 0;
    // Whole words while the early exit is cheap against the reading itself.
    for (; i + 16 <= length; i += 16) {
        uint32_t words[4];
        memcpy(words, bytes + i, sizeof words);
        all = words[0] & words[1] & words[2] & words[3];
        if (all != UINT32_MAX)
            return false;
    }
    for (; i < length; i++)
        if (bytes[i] != 0xFF)
            return false;
    return true;
}
