// The NOR flash chip driver. Written from W25Q128JV-DTR rev C and JESD216B; opcodes are those that
// JEDEC-style chips have in common.
//
// SPDX-License-Identifier: MIT
#include "core/nor.h"

#include "abi/protocol.h"
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
    OP_RESUME_30 = 0x30,
    OP_CLEAR_FLAG_STATUS = 0x50,
    OP_READ_FLAG_STATUS = 0x70,
    OP_RESUME = 0x7A,
    OP_GLOBAL_UNLOCK = 0x98,
    OP_RESET = 0x99,
    OP_READ_JEDEC_ID = 0x9F,
    OP_RELEASE_POWER_DOWN = 0xAB,
    OP_ENTER_4BYTE = 0xB7,
    OP_LEAVE_QPI = 0xF5,
    OP_LEAVE_MODE = 0xFF,

    SR1_BUSY = 0x01,
    SR1_WEL = 0x02,
    SR1_QUAD_ENABLE = 0x40,
    SR2_QUAD_ENABLE = 0x02,
    SR2_QUAD_ENABLE_BIT7 = 0x80,
    FLAG_STATUS_READY = 0x80,
    FLAG_STATUS_ERRORS = 0x32, // erase, program, protection

    MODE_LEAVE = 0xFF, // mode byte whose bits 5:4 are not 10: no continuous reading

    RELEASE_US = 50, // W25Q128JV needs 3 us, others up to 35 us
    RESET_US = 100,  // tRST 30 us, others up to 100 us
    // After power-on a W25Q128JV takes no write for 5 ms (tPUW), others for up to 10 ms.
    POWER_UP_WRITE_US = 10000,
    POLL_US = 100,
    FLOATING_WAIT_MS = 20, // longest status write is 15 ms
    STATUS_WRITE_MS = 200,
    RESET_WAIT_MS = 100,
};

enum { CHIPS_MAX = 2, JEDEC_SIZE = 3 };

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

// The value of one register in each chip. Of a single chip the second one is 0.
struct pair {
    uint8_t value[CHIPS_MAX];
};

static unsigned chip_count(const struct nor *nor)
{
    return nor->bus->dual ? 2 : 1;
}

static int register_read(const struct nor *nor, uint8_t opcode, struct pair *pair)
{
    struct nor_command command = {.opcode = opcode, .opcode_lanes = 1, .data_lanes = 1};
    *pair = (struct pair){{0}};
    return nor->bus->read(nor->bus->context, &command, pair->value, chip_count(nor));
}

// Any of these bits in any chip?
static bool any_set(struct pair pair, uint8_t mask)
{
    return ((pair.value[0] | pair.value[1]) & mask) != 0;
}

// All of these bits in all chips?
static bool all_set(const struct nor *nor, struct pair pair, uint8_t mask)
{
    unsigned both = nor->bus->dual ? pair.value[0] & pair.value[1] : pair.value[0];
    return (both & mask) == mask;
}

static struct pair pair_change(struct pair pair, uint8_t clear, uint8_t set)
{
    for (unsigned i = 0; i < CHIPS_MAX; i++)
        pair.value[i] = (uint8_t)((pair.value[i] & ~clear) | set);
    return pair;
}

uint32_t nor_now_ms(const struct nor *nor)
{
    return nor->bus->now_ms(nor->bus->context);
}

static uint32_t elapsed_ms(const struct nor *nor, uint32_t since_ms)
{
    return nor_now_ms(nor) - since_ms;
}

// Waits until the chip is not busy. A line that nobody drives reads FF, which also says busy; it
// gets no more time than a status write, the one thing that can be under way with such a value.
static int busy_wait(const struct nor *nor, uint32_t limit_ms)
{
    uint32_t since_ms = nor_now_ms(nor);
    for (;;) {
        struct pair status;
        int error = register_read(nor, OP_READ_STATUS_1, &status);
        if (error != 0)
            return error;
        if (!any_set(status, SR1_BUSY))
            return 0;
        bool floating = status.value[0] == 0xFF || status.value[1] == 0xFF;
        uint32_t limit = floating ? FLOATING_WAIT_MS : limit_ms;
        if (elapsed_ms(nor, since_ms) > limit)
            return QL_ERROR_TIMEOUT;
        nor->bus->delay_us(nor->bus->context, POLL_US);
    }
}

// Continuous reading ends with a mode byte of ones. The chip takes one clock for each bit of the
// address on one line, half or a quarter of that on two or four, and the mode byte behind it: each
// of these frames ends at the mode byte's end in one of the modes, and all its clocks are ones.
// FFh on one line is nothing to a chip in plain mode.
static const struct nor_command leave_reading[] = {
    {.opcode = OP_LEAVE_MODE, .opcode_lanes = 1}, // 8 clocks: quad, 3 bytes
    {.opcode = OP_LEAVE_MODE,                     // 10: quad, 4 bytes
     .opcode_lanes = 1,
     .mode_lanes = 4,
     .mode_bits = MODE_LEAVE},
    {.opcode = OP_LEAVE_MODE, // 16: dual, 3 bytes
     .opcode_lanes = 1,
     .mode_lanes = 1,
     .mode_bits = MODE_LEAVE},
    {.opcode = OP_LEAVE_MODE, // 20: dual, 4 bytes
     .opcode_lanes = 1,
     .address_bytes = 3,
     .address_lanes = 2,
     .address = UINT32_MAX},
};

struct bare {
    uint8_t opcode, lanes;
};

static int commands_send(const struct nor *nor, const struct bare *commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int error = command_send(nor, commands[i].opcode, commands[i].lanes);
        if (error != 0)
            return error;
    }
    return 0;
}

static int modes_leave(const struct nor *nor)
{
    static const struct bare leave_qpi[] = {{OP_LEAVE_MODE, 4}, {OP_LEAVE_QPI, 4}};
    static const struct bare wake[] = {{OP_RELEASE_POWER_DOWN, 1}};
    int error = commands_send(nor, leave_qpi, 2);
    for (size_t i = 0; i < sizeof leave_reading / sizeof leave_reading[0] && error == 0; i++) {
        struct nor_command command = leave_reading[i];
        if (nor->bus->dual)
            command.address &= ~UINT32_C(1); // half of it is still all ones
        error = nor->bus->command(nor->bus->context, &command);
    }
    if (error == 0)
        error = commands_send(nor, wake, 1);
    nor->bus->delay_us(nor->bus->context, RELEASE_US);
    return error;
}

// The chip may be in any mode that a program left it in, since a reset of the microcontroller does
// not reset it. Each step is harmless in the modes that it is not meant for: four-lane opcodes are
// a quarter of a command to a chip in one-lane mode, which ignores them. All of it comes before the
// chip can be asked what it is, so it does not depend on that.
static int state_recover(const struct nor *nor)
{
    static const struct bare resume[] = {{OP_RESUME, 1}, {OP_RESUME_30, 1}};
    static const struct bare reset[] = {
        {OP_RESET_ENABLE, 4}, {OP_RESET, 4}, {OP_RESET_ENABLE, 1}, {OP_RESET, 1}};
    int error = modes_leave(nor);
    if (error != 0)
        return error;
    // A reset in the middle of an erase would leave cells half erased: let it end. One that is
    // suspended goes on by 7Ah or, on some makers' chips, 30h, which the others ignore.
    error = busy_wait(nor, NOR_WAIT_MS);
    if (error == 0)
        error = commands_send(nor, resume, 2);
    if (error == 0)
        error = busy_wait(nor, NOR_WAIT_MS);
    if (error != 0 && error != QL_ERROR_TIMEOUT)
        return error;
    error = commands_send(nor, reset, 4);
    nor->bus->delay_us(nor->bus->context, RESET_US);
    return error;
}

// Reads from both chips, which hold the same, what is of the first. As much as the SFDP reader asks
// for at once.
static int split_read(const struct nor *nor, const struct nor_command *command, uint8_t *bytes,
                      size_t length)
{
    uint8_t both[CHIPS_MAX * 8];
    if (!nor->bus->dual)
        return nor->bus->read(nor->bus->context, command, bytes, length);
    if (length > sizeof both / 2)
        return QL_ERROR_ARGUMENT;
    int error = nor->bus->read(nor->bus->context, command, both, 2 * length);
    for (size_t i = 0; i < length; i++)
        bytes[i] = both[2 * i];
    return error;
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
        .address = address * chip_count(nor),
    };
    return split_read(nor, &command, bytes, length);
}

// Two chips double all that is counted in bytes.
static void geometry_double(struct nor_geometry *geometry)
{
    geometry->size *= 2;
    geometry->page_size *= 2;
    for (unsigned i = 0; i < NOR_ERASE_TYPES; i++)
        if (geometry->erase[i].size_log2 != 0)
            geometry->erase[i].size_log2++;
}

static bool nobody_answers(const uint8_t *id)
{
    return (id[0] & id[1] & id[2]) == 0xFF || (id[0] | id[1] | id[2]) == 0;
}

static int jedec_read(struct nor *nor)
{
    struct nor_command command = {.opcode = OP_READ_JEDEC_ID, .opcode_lanes = 1, .data_lanes = 1};
    uint8_t ids[CHIPS_MAX * JEDEC_SIZE];
    unsigned chips = chip_count(nor);
    int error = nor->bus->read(nor->bus->context, &command, ids, chips * JEDEC_SIZE);
    if (error != 0)
        return error;
    for (unsigned chip = chips; chip-- > 0;) { // the first chip's is what is kept
        uint8_t id[JEDEC_SIZE];
        for (unsigned i = 0; i < JEDEC_SIZE; i++)
            id[i] = ids[i * chips + chip];
        if (nobody_answers(id)) {
            memcpy(nor->jedec_id, id, JEDEC_SIZE);
            return QL_ERROR_ABSENT;
        }
        // Two chips that differ cannot take the same commands.
        if (chip + 1 < chips && memcmp(nor->jedec_id, id, JEDEC_SIZE) != 0)
            return QL_ERROR_UNSUPPORTED;
        memcpy(nor->jedec_id, id, JEDEC_SIZE);
    }
    return 0;
}

static int identify(struct nor *nor)
{
    int error = jedec_read(nor);
    if (error != 0)
        return error;
    if (busy_wait(nor, RESET_WAIT_MS) != 0)
        return QL_ERROR_TIMEOUT;
    struct sfdp_source source = {.context = nor, .read = sfdp_read};
    int parsed = sfdp_parse(&source, &nor->geometry);
    if (parsed != 0 && parsed != QL_ERROR_UNSUPPORTED)
        return parsed;
    if (!nor_table_apply(nor, parsed == 0))
        return QL_ERROR_UNSUPPORTED;
    if (nor->bus->dual)
        geometry_double(&nor->geometry);
    return 0;
}

// Makes a large chip without commands of their own for 4-byte addresses take these in the usual
// ones. A reset brings it back.
static int four_byte_enter(struct nor *nor)
{
    static const struct bare enter[] = {{OP_WRITE_ENABLE, 1}, {OP_ENTER_4BYTE, 1}};
    struct nor_geometry *geometry = &nor->geometry;
    if (geometry->four_byte_entry == NOR_FOUR_BYTE_NONE)
        return 0;
    geometry->address_bytes = 4;
    return geometry->four_byte_entry == NOR_FOUR_BYTE_B7 ? commands_send(nor, enter + 1, 1)
                                                         : commands_send(nor, enter, 2);
}

static struct pair status_pair(const struct nor *nor, unsigned number)
{
    return (struct pair){{nor->status[number], nor->second_status[number]}};
}

static int status_read(struct nor *nor)
{
    static const uint8_t opcodes[] = {OP_READ_STATUS_1, OP_READ_STATUS_2, OP_READ_STATUS_3};
    const bool has[] = {true, nor->has_sr2, nor->has_sr3};
    int error = 0;
    for (unsigned i = 0; i < sizeof opcodes && error == 0; i++) {
        struct pair pair = {{0}};
        if (has[i])
            error = register_read(nor, opcodes[i], &pair);
        nor->status[i] = pair.value[0];
        nor->second_status[i] = pair.value[1];
    }
    return error;
}

// Sends write enable and looks whether the chip took it: a lost one would be noticed only by the
// missing data.
static int write_enable(struct nor *nor)
{
    int error = command_send(nor, OP_WRITE_ENABLE, 1);
    struct pair status;
    if (error == 0)
        error = register_read(nor, OP_READ_STATUS_1, &status);
    if (error != 0)
        return error;
    if (any_set(status, SR1_BUSY))
        return QL_ERROR_BUSY;
    nor->doubtful = false;
    return all_set(nor, status, SR1_WEL) ? 0 : QL_ERROR_REFUSED;
}

// After an operation that ran out of time the chip may still be at work, and takes no command then.
static int doubt_end(struct nor *nor)
{
    struct pair status;
    if (!nor->doubtful)
        return 0;
    int error = register_read(nor, OP_READ_STATUS_1, &status);
    if (error != 0)
        return error;
    if (any_set(status, SR1_BUSY))
        return QL_ERROR_BUSY;
    nor->doubtful = false;
    return 0;
}

// Makes the chip ready for an operation that changes it.
static int operation_prepare(struct nor *nor)
{
    if (nor->state == NOR_WORKING)
        return QL_ERROR_BUSY;
    int error = nor_unmap(nor);
    if (error == 0)
        error = doubt_end(nor);
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
    nor->started_ms = nor_now_ms(nor);
    // Twice what the chip says, since not every chip's SFDP covers its data sheet's worst case; the
    // rest is the clock's grain, at both ends.
    nor->limit_ms = 2 * maximum_ms + 2;
    return 0;
}

// Starts to write `count` registers.
static int status_write_start(struct nor *nor, uint8_t opcode, const struct pair *pairs,
                              unsigned count)
{
    struct nor_command command = {.opcode = opcode, .opcode_lanes = 1, .data_lanes = 1};
    uint8_t bytes[2 * CHIPS_MAX];
    unsigned chips = chip_count(nor);
    for (unsigned i = 0; i < count; i++)
        memcpy(bytes + i * chips, pairs[i].value, chips);
    int error = operation_prepare(nor);
    if (error == 0)
        error = nor->bus->write(nor->bus->context, &command, bytes, count * chips);
    return error != 0 ? error : operation_watch(nor, STATUS_WRITE_MS);
}

// Does 01h with SR1 alone change SR2?
static bool sr1_takes_sr2_along(const struct nor *nor)
{
    return nor->geometry.quad_enable == NOR_QUAD_SR2_BIT1_01H_BOTH ||
           nor->geometry.quad_enable == NOR_QUAD_SR2_BIT1_35H;
}

// Starts to write SR1 with SR2 as it is, or SR2 with SR1 as it is, by the chip's own method.
static int sr1_write_start(struct nor *nor, struct pair value)
{
    struct pair pairs[2] = {pair_change(value, SR1_BUSY | SR1_WEL, 0), status_pair(nor, 1)};
    return status_write_start(nor, OP_WRITE_STATUS_1, pairs, sr1_takes_sr2_along(nor) ? 2 : 1);
}

static int sr2_write_start(struct nor *nor, struct pair value)
{
    if (nor->geometry.quad_enable == NOR_QUAD_SR2_BIT1_31H)
        return status_write_start(nor, OP_WRITE_STATUS_2, &value, 1);
    struct pair pairs[2] = {pair_change(status_pair(nor, 0), SR1_BUSY | SR1_WEL, 0), value};
    return status_write_start(nor, OP_WRITE_STATUS_1, pairs, 2);
}

static int operation_wait(struct nor *nor)
{
    int result;
    while ((result = nor_poll(nor)) == 1)
        nor->bus->delay_us(nor->bus->context, POLL_US);
    return result;
}

// Is the quad enable bit set? 1, 0, or an error. `value` holds the register's value.
static int quad_bit_read(struct nor *nor, struct pair *value)
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
        *value = status_pair(nor, 0);
        return all_set(nor, *value, SR1_QUAD_ENABLE);
    case NOR_QUAD_SR2_BIT7_3EH:
        error = register_read(nor, OP_READ_STATUS_2_BIT7, value);
        return error != 0 ? error : all_set(nor, *value, SR2_QUAD_ENABLE_BIT7);
    default:
        *value = status_pair(nor, 1);
        return all_set(nor, *value, SR2_QUAD_ENABLE);
    }
}

static int quad_bit_set(struct nor *nor, struct pair value)
{
    int error;
    switch (nor->geometry.quad_enable) {
    case NOR_QUAD_SR1_BIT6:
        error = sr1_write_start(nor, pair_change(value, 0, SR1_QUAD_ENABLE));
        break;
    case NOR_QUAD_SR2_BIT7_3EH:
        value = pair_change(value, 0, SR2_QUAD_ENABLE_BIT7);
        error = status_write_start(nor, OP_WRITE_STATUS_2_BIT7, &value, 1);
        break;
    default:
        error = sr2_write_start(nor, pair_change(value, 0, SR2_QUAD_ENABLE));
    }
    return error != 0 ? error : operation_wait(nor);
}

// Sees to it that quad commands may be used, or that none is. The bit is non-volatile: it is
// written once in a chip's life.
static int quad_prepare(struct nor *nor)
{
    struct nor_geometry *geometry = &nor->geometry;
    struct pair value = {{0}};
    int set = quad_bit_read(nor, &value);
    bool wanted = geometry->quad_io.opcode != 0 || geometry->quad_data.opcode != 0 ||
                  geometry->quad_program_opcode != 0;
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
        geometry->quad_program_opcode = 0;
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
        error = four_byte_enter(nor);
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
    int error = doubt_end(nor);
    if (error != 0)
        return error;
    struct nor_command command;
    nor_read_command(nor, &command);
    error = nor->bus->map(nor->bus->context, &command);
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

uint32_t nor_sector_size(const struct nor *nor)
{
    uint32_t smallest = 0;
    for (unsigned i = 0; i < NOR_ERASE_TYPES; i++) {
        uint8_t log2 = nor->geometry.erase[i].size_log2;
        if (log2 != 0 && (smallest == 0 || UINT32_C(1) << log2 < smallest))
            smallest = UINT32_C(1) << log2;
    }
    return smallest > QL_SECTOR_SIZE ? smallest : QL_SECTOR_SIZE;
}

uint32_t nor_sector_down(const struct nor *nor, uint32_t address)
{
    return address - address % nor_sector_size(nor);
}

uint32_t nor_sector_up(const struct nor *nor, uint32_t address)
{
    return nor_sector_down(nor, address + nor_sector_size(nor) - 1);
}

uint32_t nor_erase_size(const struct nor *nor, uint32_t address, uint32_t limit)
{
    uint32_t best = nor_sector_size(nor);
    for (unsigned i = 0; i < NOR_ERASE_TYPES; i++) {
        uint8_t log2 = nor->geometry.erase[i].size_log2;
        uint32_t size = log2 == 0 ? 0 : UINT32_C(1) << log2;
        if (size > best && size <= limit && address % size == 0)
            best = size;
    }
    return best;
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
        address % geometry->page_size + length > geometry->page_size ||
        (nor->bus->dual && (address | length) % 2 != 0))
        return QL_ERROR_ARGUMENT;
    int error = operation_prepare(nor);
    if (error != 0)
        return error;
    bool quad = geometry->quad_program_opcode != 0;
    struct nor_command command = {
        .opcode = quad ? geometry->quad_program_opcode : geometry->program_opcode,
        .opcode_lanes = 1,
        .address_bytes = geometry->address_bytes,
        .address_lanes = 1,
        .data_lanes = quad ? 4 : 1,
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
    struct pair sr1 = status_pair(nor, 0), sr2 = status_pair(nor, 1);
    unsigned set = (any_set(sr1, nor->sr1_protect) ? TRIED_SR1 : 0) |
                   (any_set(sr2, nor->sr2_protect) ? TRIED_SR2 : 0);
    if (set & nor->unprotect_tried) {
        nor->unprotect_tried = 0;
        return QL_ERROR_PROTECTED;
    }
    if (set & TRIED_SR1) {
        nor->unprotect_tried |= TRIED_SR1;
        error = sr1_write_start(nor, pair_change(sr1, nor->sr1_protect, 0));
    } else if (set & TRIED_SR2) {
        nor->unprotect_tried |= TRIED_SR2;
        error = sr2_write_start(nor, pair_change(sr2, nor->sr2_protect, 0));
    } else if (any_set(status_pair(nor, 2), nor->sr3_locks) &&
               !(nor->unprotect_tried & TRIED_LOCKS)) {
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

// A chip with a flag status register keeps there what went wrong, until it is told to forget it.
static int errors_check(const struct nor *nor)
{
    struct pair flags;
    if (!nor->geometry.flag_status)
        return 0;
    int error = register_read(nor, OP_READ_FLAG_STATUS, &flags);
    if (error != 0 || !any_set(flags, FLAG_STATUS_ERRORS))
        return error;
    error = command_send(nor, OP_CLEAR_FLAG_STATUS, 1);
    return error != 0 ? error : QL_ERROR_WORN;
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
        return errors_check(nor);
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
