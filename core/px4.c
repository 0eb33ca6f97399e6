// Commands and answers of the PX4 protocol, and whose bytes are whose. Written from SPEC.md section
// 20; the protocol is that of the bootloaders and uploaders of PX4 and ArduPilot.
//
// SPDX-License-Identifier: MIT
#include "core/px4.h"

#include <string.h>

#include "abi/bytes.h"
#include "abi/crc32.h"
#include "core/px4_parts.h"

enum {
    END_OF_COMMAND = 0x20,
    FRAME_FIRST = 0x02, // what each good frame of ours begins with, if not with 00
    ARGUMENT = 1,
    WORD = 4,
    VARIABLE = 0xFF, // a length and so many bytes
};

// GET_DEVICE.
enum {
    DEVICE_REVISION = 1,
    DEVICE_BOARD_ID = 2,
    DEVICE_BOARD_REVISION = 3,
    DEVICE_SIZE = 4,
    DEVICE_VECTORS = 5,
    DEVICE_EXTERNAL_SIZE = 6,
};

// What a host must have asked before it may change anything.
enum {
    ASKED_SYNC = 1 << 0,
    ASKED_ALL = ASKED_SYNC | 1 << DEVICE_REVISION | 1 << DEVICE_BOARD_ID | 1 << DEVICE_SIZE,
};

static const struct {
    uint8_t opcode, arguments;
} commands[] = {
    {PX4_GET_SYNC, 0},        {PX4_GET_DEVICE, 1},
    {PX4_CHIP_ERASE, 0},      {PX4_CHIP_FULL_ERASE, 0},
    {PX4_READ_MULTI, 1},      {PX4_PROG_MULTI, VARIABLE},
    {PX4_GET_CRC, 0},         {PX4_GET_OTP, WORD},
    {PX4_GET_SN, WORD},       {PX4_GET_CHIP, 0},
    {PX4_SET_DELAY, 1},       {PX4_GET_CHIP_DES, 0},
    {PX4_GET_VERSION, 0},     {PX4_BOOT, 0},
    {PX4_DEBUG, 0},           {PX4_SET_BAUD, WORD},
    {PX4_EXTF_ERASE, WORD},   {PX4_EXTF_PROG_MULTI, VARIABLE},
    {PX4_EXTF_READ_MULTI, 1}, {PX4_EXTF_GET_CRC, WORD},
};

uint32_t px4_now_ms(const struct px4 *px4)
{
    return nor_now_ms(px4->server->nor);
}

void px4_init(struct px4 *px4, struct server *server)
{
    memset(px4, 0, sizeof *px4);
    px4->server = server;
    px4->update = &server->update;
    px4->at_begin = true;
}

uint32_t px4_crc(uint32_t crc, const uint8_t *bytes, size_t length)
{
    return ~ql_crc32(~crc, bytes, length);
}

// a * b modulo the polynomial; bit 31 is the coefficient of x^0.
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (; a != 0; a <<= 1) {
        if (a & UINT32_C(0x80000000))
            product ^= b;
        b = b >> 1 ^ (b & 1 ? UINT32_C(0xEDB88320) : 0);
    }
    return product;
}

// m bytes shift the CRC by x^(8m), and FF adds its own part: both are doubled from the highest bit
// of `count` down, so that megabytes take no time.
uint32_t px4_crc_fill(uint32_t crc, uint32_t count)
{
    static const uint8_t blank = 0xFF;
    const uint32_t one = UINT32_C(0x80000000);
    uint32_t shift = one, part = 0;
    for (uint32_t bit = one; bit != 0; bit >>= 1) {
        part ^= multiply(part, shift);
        shift = multiply(shift, shift);
        if (count & bit) {
            part = px4_crc(part, &blank, 1);
            shift = multiply(shift, one >> 8);
        }
    }
    return multiply(crc, shift) ^ part;
}

// --- Answers ------------------------------------------------------------------------------------

void px4_put(struct px4 *px4, const void *bytes, unsigned length)
{
    if (length > sizeof px4->out - px4->out_length)
        length = (unsigned)sizeof px4->out - px4->out_length;
    memcpy(px4->out + px4->out_length, bytes, length);
    px4->out_length += length;
}

void px4_put_word(struct px4 *px4, uint32_t value)
{
    uint8_t bytes[WORD];
    ql_store_u32(bytes, value);
    px4_put(px4, bytes, sizeof bytes);
}

static void text_put(struct px4 *px4, const char *const *parts, unsigned count)
{
    uint32_t length = 0;
    for (unsigned i = 0; i < count; i++)
        length += (uint32_t)strlen(parts[i]);
    px4_put_word(px4, length);
    for (unsigned i = 0; i < count; i++)
        px4_put(px4, parts[i], (unsigned)strlen(parts[i]));
}

void px4_answer(struct px4 *px4, enum px4_status status)
{
    const uint8_t bytes[] = {PX4_INSYNC, (uint8_t)status};
    if (status == PX4_INVALID)
        px4->asked = 0;
    px4_put(px4, bytes, sizeof bytes);
    px4->work = PX4_WORK_NOT;
    px4->length = 0;
    server_release(px4->server, px4);
}

void px4_fail(struct px4 *px4, struct outcome outcome)
{
    px4->server->upload_failure = outcome;
    px4_forget(px4);
    px4_answer(px4, PX4_FAILED);
}

// --- Commands -----------------------------------------------------------------------------------

static void device_serve(struct px4 *px4, uint8_t what)
{
    const struct server_facts *facts = px4->server->facts;
    px4->read_next = px4->read_ext_next = 0;
    switch (what) {
    case DEVICE_REVISION:
        px4_put_word(px4, PX4_REVISION);
        break;
    case DEVICE_BOARD_ID:
        px4_put_word(px4, facts->px4_board_id);
        break;
    case DEVICE_BOARD_REVISION:
        px4_put_word(px4, facts->px4_board_revision);
        break;
    case DEVICE_SIZE:
    case DEVICE_EXTERNAL_SIZE:
        px4_put_word(px4, px4_area_size(px4));
        break;
    case DEVICE_VECTORS:
        px4_read_begin(px4, PX4_VECTORS_OFFSET, PX4_VECTORS_SIZE);
        return;
    default:
        px4_answer(px4, PX4_INVALID);
        return;
    }
    px4->asked |= 1u << what;
    px4_answer(px4, PX4_OK);
}

static void serial_serve(struct px4 *px4, uint32_t address)
{
    const uint32_t *uid = px4->server->facts->uid;
    if (address % WORD != 0 || address >= QL_UID_SIZE) {
        px4_answer(px4, PX4_INVALID);
        return;
    }
    px4_put_word(px4, uid[address / WORD]);
    px4_answer(px4, PX4_OK);
}

static void chip_name_serve(struct px4 *px4)
{
    // REV_ID of DBGMCU_IDCODE, RM0433.
    static const struct {
        uint16_t id;
        const char *letter;
    } revisions[] = {{0x1001, "Z"}, {0x1003, "Y"}, {0x2001, "X"}, {0x2003, "V"}};
    const char *parts[] = {"STM32H750,", "?"};
    for (size_t i = 0; i < sizeof revisions / sizeof revisions[0]; i++)
        if (revisions[i].id == px4->server->facts->idcode >> 16)
            parts[1] = revisions[i].letter;
    text_put(px4, parts, 2);
    px4_answer(px4, PX4_OK);
}

static void version_serve(struct px4 *px4)
{
    const char *parts[] = {"quadlane ", px4->server->facts->version};
    text_put(px4, parts, 2);
    px4_answer(px4, PX4_OK);
}

static void command_serve(struct px4 *px4)
{
    const uint8_t *argument = px4->command + ARGUMENT;
    enum px4_opcode opcode = (enum px4_opcode)px4->command[0];
    px4->commands++;
    switch (opcode) {
    case PX4_GET_SYNC:
        px4->asked |= ASKED_SYNC;
        px4_answer(px4, PX4_OK);
        break;
    case PX4_DEBUG:
    case PX4_SET_BAUD: // USB has none
        px4_answer(px4, PX4_OK);
        break;
    case PX4_GET_DEVICE:
        device_serve(px4, argument[0]);
        break;
    case PX4_GET_OTP: // the H750 has none
        px4_put_word(px4, 0);
        px4_answer(px4, PX4_OK);
        break;
    case PX4_GET_SN:
        serial_serve(px4, ql_load_u32(argument));
        break;
    case PX4_GET_CHIP:
        px4_put_word(px4, px4->server->facts->idcode);
        px4_answer(px4, PX4_OK);
        break;
    case PX4_GET_CHIP_DES:
        chip_name_serve(px4);
        break;
    case PX4_GET_VERSION:
        version_serve(px4);
        break;
    case PX4_SET_DELAY: // the start window is a setting
        px4_answer(px4, PX4_INVALID);
        break;
    default:
        px4_begin(px4, opcode);
        break;
    }
}

static bool gate_is_open(const struct px4 *px4)
{
    switch (px4->command[0]) {
    case PX4_CHIP_ERASE:
    case PX4_CHIP_FULL_ERASE:
    case PX4_EXTF_ERASE:
    case PX4_PROG_MULTI:
    case PX4_EXTF_PROG_MULTI:
        return (px4->asked & ASKED_ALL) == ASKED_ALL;
    default:
        return true;
    }
}

// The whole command's length, as far as its bytes tell; 0: an unknown one.
static unsigned command_size(const struct px4 *px4)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].opcode != px4->command[0])
            continue;
        if (commands[i].arguments != VARIABLE)
            return 2u + commands[i].arguments;
        return 3u + (px4->length > ARGUMENT ? px4->command[ARGUMENT] : 0);
    }
    return 0;
}

static void byte_take(struct px4 *px4, uint8_t byte)
{
    px4->command[px4->length++] = byte;
    unsigned size = command_size(px4);
    if (size == 0)
        px4->length = 0; // no answer to what is unknown
    else if (px4->length < size)
        return;
    else if (byte != END_OF_COMMAND || !gate_is_open(px4))
        px4_answer(px4, PX4_INVALID);
    else
        command_serve(px4);
}

// --- Whose bytes --------------------------------------------------------------------------------

static void session_begin(struct px4 *px4)
{
    server_silence(px4->server);
    px4->speaking = true;
    px4->length = 0;
    px4->out_length = px4->out_sent = 0;
    px4->asked = 0;
}

static void session_end(struct px4 *px4)
{
    px4_forget(px4);
    px4->speaking = false;
    px4->at_begin = true;
    px4->out_length = px4->out_sent = 0;
}

bool px4_is_ready(const struct px4 *px4)
{
    return !px4->speaking || (px4->work == PX4_WORK_NOT && px4->out_length == 0);
}

// Bytes behind a command under way wait, but for a frame of ours: then its host is gone.
static size_t commands_take(struct px4 *px4, const uint8_t *bytes, size_t length)
{
    size_t used = 0;
    while (used < length && px4->work != PX4_WORK_LEFT) {
        bool ready = px4_is_ready(px4);
        bool begins = !ready || px4->length == 0;
        if (begins && (bytes[used] == 0 || bytes[used] == FRAME_FIRST)) {
            session_end(px4);
            break;
        }
        if (!ready)
            break;
        byte_take(px4, bytes[used++]);
    }
    return used;
}

static size_t frames_take(struct px4 *px4, const uint8_t *bytes, size_t length)
{
    static const uint8_t sync = PX4_GET_SYNC;
    size_t used = 0;
    while (used < length) {
        if (px4->at_begin && bytes[used] == PX4_GET_SYNC) {
            px4->at_begin = false;
            px4->kept_sync = true;
            used++;
            continue;
        }
        if (px4->kept_sync) {
            px4->kept_sync = false;
            if (bytes[used] == END_OF_COMMAND) {
                session_begin(px4);
                byte_take(px4, sync);
                byte_take(px4, bytes[used++]);
                break;
            }
            server_receive(px4->server, &sync, 1);
        }
        const uint8_t *end = memchr(bytes + used, 0, length - used);
        size_t size = end ? (size_t)(end - bytes) + 1 - used : length - used;
        px4->at_begin = end != NULL;
        server_receive(px4->server, bytes + used, size);
        used += size;
    }
    return used;
}

size_t px4_receive(struct px4 *px4, const uint8_t *bytes, size_t length)
{
    uint32_t since_ms = px4_now_ms(px4) - px4->heard_ms;
    size_t used = 0;
    if (!px4->speaking && since_ms >= PX4_SPLIT_MS && !px4->kept_sync)
        px4->at_begin = true;
    if (px4->speaking && px4_is_ready(px4) && since_ms >= PX4_HALF_COMMAND_MS)
        px4->length = 0;
    for (bool goes_on = true; goes_on && used < length;) {
        bool speaking = px4->speaking;
        size_t taken = speaking ? commands_take(px4, bytes + used, length - used)
                                : frames_take(px4, bytes + used, length - used);
        used += taken;
        goes_on = taken > 0 || px4->speaking != speaking;
    }
    if (used > 0)
        px4->heard_ms = px4_now_ms(px4);
    return used;
}

size_t px4_transmit(struct px4 *px4, uint8_t *bytes, size_t capacity)
{
    if (!px4->speaking)
        return server_transmit(px4->server, bytes, capacity);
    size_t length = px4->out_length - px4->out_sent;
    if (length > capacity)
        length = capacity;
    memcpy(bytes, px4->out + px4->out_sent, length);
    px4->out_sent += (unsigned)length;
    if (px4->out_sent == px4->out_length)
        px4->out_length = px4->out_sent = 0;
    return length;
}

void px4_line_reset(struct px4 *px4)
{
    if (px4->work != PX4_WORK_LEFT)
        session_end(px4);
    px4->kept_sync = false;
}

struct server_action px4_action(const struct px4 *px4)
{
    if (px4->work == PX4_WORK_LEFT && px4_now_ms(px4) - px4->left_ms >= PX4_LEAVE_MS)
        return (struct server_action){.kind = SERVER_ACT_BOOT, .address = px4->start_address};
    return (struct server_action){.kind = SERVER_ACT_NOT};
}
