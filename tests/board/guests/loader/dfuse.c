// DFU 1.1 with ST's extensions, as loaders of STM32 speak it.
//
// Written from DFU 1.1, USB 2.0 chapter 9, UM0424 (memory layout, commands in block 0) and AN3156
// (the loader's answers), apart from the bootloader's own DFU interface.
//
// SPDX-License-Identifier: MIT
#include "tests/board/guests/loader/dfuse.h"

#include "tests/board/guests/guest.h"
#include "tests/board/guests/loader/control_pipe.h"

enum { DNLOAD = 1, UPLOAD, GETSTATUS, CLRSTATUS, GETSTATE, ABORT };
enum {
    IDLE = 2,
    DNLOAD_SYNC,
    DNBUSY,
    DNLOAD_IDLE,
    MANIFEST_SYNC,
    MANIFEST,
    UPLOAD_IDLE = 9,
    ERROR
};
enum { OK = 0, ERR_TARGET = 1, ERR_WRITE = 3, ERR_ERASE = 4, ERR_ADDRESS = 8, ERR_STALLED = 15 };
enum { SET_ADDRESS_POINTER = 0x21, ERASE = 0x41 };
enum { STRING_LAYOUT = 4, STRING_MAX = 120, ALTERNATES_MAX = 4, WRITE_MS = 4 };

static const struct dfuse_memory *memory;
static uint8_t state, status, alternate, configuration;
static uint32_t pointer;
static uint8_t block[DFUSE_TRANSFER_MAX];
static uint32_t block_length, block_number; // of the DNLOAD under way

// --- Chapter 9 ----------------------------------------------------------------------------------

static bool answer_string(const struct pipe_request *request, unsigned index)
{
    static const char serial[] = "200364500000";
    uint8_t text[2 + 2 * STRING_MAX];
    uint32_t length = 2;
    const char *ascii = index == 1   ? "stand-in"
                        : index == 2 ? memory->product
                        : index == 3 ? serial
                                     : memory->layouts[index - STRING_LAYOUT];
    for (; *ascii != '\0' && length < sizeof text; ++ascii) {
        text[length++] = (uint8_t)*ascii;
        text[length++] = 0;
    }
    text[0] = (uint8_t)length;
    text[1] = 3;
    return pipe_answer(request, text, length);
}

static bool answer_configuration(const struct pipe_request *request)
{
    uint8_t bytes[9 + 9 * ALTERNATES_MAX + 9];
    const uint8_t length = (uint8_t)(9 + 9 * memory->layout_count + 9);
    const uint8_t head[] = {9, 2, length, 0, 1, 1, 0, 0xC0, 50};
    const uint8_t functional[] = {
        9,    0x21,
        0x0B, // download, upload, detaches by itself
        0xFF, 0,    (uint8_t)memory->transfer_size, (uint8_t)(memory->transfer_size >> 8),
        0x1A, 0x01};
    uint32_t at = 0;
    for (unsigned i = 0; i < 9; ++i) {
        bytes[at++] = head[i];
    }
    for (unsigned number = 0; number < memory->layout_count; ++number) {
        const uint8_t interface[] = {
            9, 4, 0, (uint8_t)number, 0, 0xFE, 1, 2, (uint8_t)(STRING_LAYOUT + number)};
        for (unsigned i = 0; i < 9; ++i) {
            bytes[at++] = interface[i];
        }
    }
    for (unsigned i = 0; i < 9; ++i) {
        bytes[at++] = functional[i];
    }
    return pipe_answer(request, bytes, at);
}

static bool answer_descriptor(const struct pipe_request *request)
{
    static const uint8_t device[] = {18,   1,    0x00, 0x02, 0,    0,    0, PIPE_PACKET_SIZE,
                                     0x83, 0x04, 0x11, 0xDF, 0x00, 0x02, 1, 2,
                                     3,    1};
    static const uint8_t languages[] = {4, 3, 0x09, 0x04};
    const unsigned index = request->value & 0xFFu;
    switch (request->value >> 8) {
    case 1:
        return pipe_answer(request, device, sizeof device);
    case 2:
        return answer_configuration(request);
    case 3:
        if (index == 0) {
            return pipe_answer(request, languages, sizeof languages);
        }
        if (index < STRING_LAYOUT + memory->layout_count) {
            return answer_string(request, index);
        }
        break;
    default:
        break;
    }
    pipe_stall();
    return false;
}

static void standard_request(const struct pipe_request *request)
{
    static const uint8_t zero[2];
    switch (request->request) {
    case 0: // GET_STATUS
        pipe_answer(request, zero, 2);
        break;
    case 5:
        pipe_set_address(request->value);
        pipe_done();
        break;
    case 6:
        answer_descriptor(request);
        break;
    case 8:
        pipe_answer(request, &configuration, 1);
        break;
    case 9:
        configuration = (uint8_t)request->value;
        alternate = 0;
        pipe_done();
        break;
    case 10:
        pipe_answer(request, &alternate, 1);
        break;
    case 11:
        if (request->value < memory->layout_count) {
            alternate = (uint8_t)request->value;
            pipe_done();
            break;
        }
        pipe_stall();
        break;
    default:
        pipe_stall();
        break;
    }
}

// --- DFU ----------------------------------------------------------------------------------------

static void fail(uint8_t why)
{
    state = ERROR;
    status = why;
}

static bool is_inside(uint32_t address, uint32_t length)
{
    return alternate == 0 && address >= memory->first && address < memory->end &&
           length <= memory->end - address;
}

static uint32_t block_address(uint32_t number)
{
    return pointer + (number - 2) * memory->transfer_size;
}

static uint32_t command_address(void)
{
    return block[1] | (uint32_t)block[2] << 8 | (uint32_t)block[3] << 16 | (uint32_t)block[4] << 24;
}

static void execute_command(void)
{
    const uint32_t address = command_address();
    if (block_length != 5 || (block[0] != SET_ADDRESS_POINTER && block[0] != ERASE)) {
        fail(ERR_STALLED);
    } else if (!is_inside(address, 1)) {
        fail(ERR_ADDRESS);
    } else if (block[0] == SET_ADDRESS_POINTER) {
        pointer = address;
    } else if (!memory->erase(address & ~(memory->page_size - 1))) {
        fail(ERR_ERASE);
    }
}

// What a DNLOAD has brought, once its GETSTATUS is answered; the host waits meanwhile.
static void execute(void)
{
    state = DNLOAD_IDLE;
    if (block_number == 0) {
        execute_command();
    } else if (!is_inside(block_address(block_number), block_length)) {
        fail(ERR_ADDRESS);
    } else if (!memory->write(block_address(block_number), block, block_length)) {
        fail(ERR_WRITE);
    }
}

static void download(const struct pipe_request *request)
{
    if ((state != IDLE && state != DNLOAD_IDLE) || request->length > memory->transfer_size ||
        request->value == 1) {
        fail(ERR_STALLED);
        pipe_stall();
        return;
    }
    if (!pipe_take(block, request->length) || !pipe_done()) {
        return;
    }
    block_length = request->length;
    block_number = request->value;
    state = block_length == 0 ? MANIFEST_SYNC : DNLOAD_SYNC;
}

static void upload(const struct pipe_request *request)
{
    static const uint8_t commands[] = {0, SET_ADDRESS_POINTER, ERASE};
    const uint32_t address = block_address(request->value);
    if ((state != IDLE && state != UPLOAD_IDLE) || request->length > memory->transfer_size ||
        request->value == 1 || (request->value > 1 && !is_inside(address, request->length))) {
        fail(ERR_STALLED);
        pipe_stall();
        return;
    }
    state = UPLOAD_IDLE;
    if (request->value == 0) {
        pipe_answer(request, commands, sizeof commands);
        return;
    }
    memory->read(address, block, request->length);
    pipe_answer(request, block, request->length);
}

static void get_status(const struct pipe_request *request)
{
    uint32_t wait_ms = 0;
    if (state == DNLOAD_SYNC) {
        state = DNBUSY;
        wait_ms = block_number == 0 && block[0] == ERASE ? memory->erase_ms : WRITE_MS;
    } else if (state == MANIFEST_SYNC) {
        state = MANIFEST;
    }
    const uint8_t bytes[6] = {status, (uint8_t)wait_ms, (uint8_t)(wait_ms >> 8), 0, state, 0};
    pipe_answer(request, bytes, sizeof bytes);
    if (state == DNBUSY) {
        execute();
    } else if (state == MANIFEST) {
        state = IDLE;
        memory->leave(pointer);
    }
}

static void dfu_request(const struct pipe_request *request)
{
    switch (request->request) {
    case DNLOAD:
        download(request);
        break;
    case UPLOAD:
        upload(request);
        break;
    case GETSTATUS:
        get_status(request);
        break;
    case GETSTATE:
        pipe_answer(request, &state, 1);
        break;
    case CLRSTATUS:
    case ABORT:
        if (state != ERROR || request->request == CLRSTATUS) {
            state = IDLE;
            status = OK;
            pipe_done();
            break;
        }
        pipe_stall();
        break;
    default:
        pipe_stall();
        break;
    }
}

_Noreturn void dfuse_run(const struct dfuse_memory *what)
{
    memory = what;
    state = IDLE;
    status = OK;
    alternate = configuration = 0;
    pointer = memory->first;
    pipe_start();
    for (;;) {
        struct pipe_request request;
        bool reset;
        pipe_wait(&request, &reset);
        if (reset) {
            state = IDLE;
            status = OK;
            alternate = configuration = 0;
        }
        if ((request.type & 0x60u) == 0) {
            standard_request(&request);
        } else if ((request.type & 0x7Fu) == 0x21 && request.index == 0) {
            dfu_request(&request);
        } else {
            pipe_stall();
        }
    }
}
