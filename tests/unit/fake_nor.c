// The fake chip. Written from W25Q128JV-DTR rev C and a W25Q128JV's SFDP dump.
//
// SPDX-License-Identifier: MIT
#include "tests/unit/fake_nor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    BUSY = 0x01,
    WEL = 0x02,
    QE = 0x02,
    SUS = 0x80,
    PAGE = 256,
    PROGRAMS = 0x100000,
    PROGRAM_US = 400,
    STATUS_WRITE_US = 10000,
};

#define NEVER UINT64_MAX

static void violation(const char *what, unsigned value)
{
    fprintf(stderr, "the chip: %s (%Xh)\n", what, value);
    abort();
}

// Bytes 00h-0Fh and the table at 80h as read from a W25Q128JV.
static void sfdp_fill(struct fake_nor *fake)
{
    static const uint8_t header[16] = {0x53, 0x46, 0x44, 0x50, 0x05, 0x01, 0x00, 0xFF,
                                       0x00, 0x05, 0x01, 0x10, 0x80, 0x00, 0x00, 0xFF};
    const uint32_t table[16] = {
        0xFFF920E5, fake->size * 8 - 1, 0x6B08EB44, 0xBB423B08, 0xFFFFFFFE, 0x0000FFFF,
        0xEB40FFFF, 0x520F200C,         0x0000D810, 0x00A60236, 0xC914EA82, 0x337663E9,
        0x757A757A, 0x5CD5A2F7,         0xFF4DF719, 0x80F830E9,
    };
    memset(fake->sfdp, 0xFF, sizeof fake->sfdp);
    memcpy(fake->sfdp, header, sizeof header);
    for (unsigned i = 0; i < 16; i++)
        for (unsigned byte = 0; byte < 4; byte++)
            fake->sfdp[0x80 + 4 * i + byte] = (uint8_t)(table[i] >> 8 * byte);
}

bool fake_nor_is_busy(const struct fake_nor *fake)
{
    return !fake->suspended && fake->now_us < fake->busy_until_us;
}

void fake_nor_pass_us(struct fake_nor *fake, uint32_t time_us)
{
    fake->now_us += time_us;
}

static uint8_t status_value(const struct fake_nor *fake, unsigned index)
{
    uint8_t value = fake->status[index];
    if (index == 0)
        value |=
            (uint8_t)((fake_nor_is_busy(fake) ? BUSY | WEL : 0) | (fake->write_enabled ? WEL : 0));
    if (index == 1 && fake->suspended)
        value |= SUS;
    return value;
}

static void busy_start(struct fake_nor *fake, uint64_t time_us)
{
    fake->write_enabled = false;
    fake->busy_until_us = time_us == NEVER ? NEVER : fake->now_us + time_us;
}

static bool write_allowed(struct fake_nor *fake, uint8_t opcode)
{
    if (fake->write_enabled)
        return true;
    violation("changed without write enable", opcode);
    return false;
}

static void area_check(const struct fake_nor *fake, uint32_t address, uint32_t length)
{
    if (address < fake->allowed_first || address + length > fake->allowed_end)
        violation("changed outside the area that may be changed", address);
}

// BP2..0 with SEC = 0: 1 to 6 protect 256 KiB to 8 MiB at the top (TB = 0) or the bottom, 7 all;
// CMP turns it round.
static bool is_protected(const struct fake_nor *fake, uint32_t address)
{
    unsigned blocks = fake->status[0] >> 2 & 7;
    bool bottom = fake->status[0] & 0x20;
    bool complement = fake->status[1] & 0x40;
    uint32_t area = blocks == 0 ? 0 : blocks == 7 ? fake->size : 0x40000U << (blocks - 1);
    if (area > fake->size)
        area = fake->size;
    bool inside = bottom ? address < area : address >= fake->size - area;
    return inside != complement;
}

static bool has_fault(const struct fake_nor *fake, uint32_t address)
{
    return address >= fake->fault_first && address < fake->fault_end;
}

static void erase(struct fake_nor *fake, uint8_t opcode, uint32_t address)
{
    uint32_t size = opcode == 0x20 ? 0x1000 : opcode == 0x52 ? 0x8000 : 0x10000;
    uint32_t time_us = opcode == 0x20 ? 45000 : opcode == 0x52 ? 120000 : 150000;
    if (!write_allowed(fake, opcode))
        return;
    address = address % fake->size / size * size;
    if (is_protected(fake, address)) {
        fake->write_enabled = false;
        return;
    }
    area_check(fake, address, size);
    memset(fake->array + address, 0xFF, size);
    if (fake->erase_leaves_bit && has_fault(fake, address))
        fake->array[address + size - 1] = 0x7F;
    *(address < PROGRAMS ? &fake->low_erases : &fake->erases) += 1;
    busy_start(fake, fake->erase_hangs && has_fault(fake, address) ? NEVER : time_us);
}

static void program(struct fake_nor *fake, const struct nor_command *command, const uint8_t *data,
                    size_t length)
{
    if (!write_allowed(fake, command->opcode))
        return;
    uint32_t address = command->address % fake->size;
    if (address % PAGE + length > PAGE)
        violation("a program wraps around its page", address);
    if (command->opcode == 0x32 && !(fake->status[1] & QE))
        violation("quad program without QE", address);
    if (is_protected(fake, address)) {
        fake->write_enabled = false;
        return;
    }
    area_check(fake, address, (uint32_t)length);
    for (size_t i = 0; i < length; i++)
        fake->array[address + i] &= data[i];
    if (fake->program_leaves_bit && has_fault(fake, address))
        fake->array[address + length - 1] ^= 0x10;
    *(address < PROGRAMS ? &fake->low_programs : &fake->programs) += 1;
    busy_start(fake, fake->program_hangs && has_fault(fake, address) ? NEVER : PROGRAM_US);
}

static void status_write(struct fake_nor *fake, unsigned first, const uint8_t *data, size_t length)
{
    if (!write_allowed(fake, 0x01))
        return;
    fake->status_writes++;
    for (size_t i = 0; i < length && !fake->status_locked; i++) {
        uint8_t keep = first + i == 0 ? 0x03 : 0x80;
        fake->status[first + i] = (uint8_t)(data[i] & ~keep);
    }
    if (fake->quad_fixed)
        fake->status[1] |= QE;
    busy_start(fake, STATUS_WRITE_US);
}

static void software_reset(struct fake_nor *fake)
{
    fake->resets++;
    fake->write_enabled = false;
    fake->continuous = false;
    fake->qpi = false;
    fake->suspended = false;
    fake->busy_until_us = 0;
}

// May the chip hear this command, in the mode that it is in? Also leaves modes.
static bool is_heard(struct fake_nor *fake, const struct nor_command *command)
{
    uint8_t opcode = command->opcode;
    if (fake->absent)
        return false;
    if (fake->power_down) {
        if (opcode == 0xAB && command->opcode_lanes == 1)
            fake->power_down = false;
        return false;
    }
    if (fake->continuous) {
        // No opcode is expected. FFh on one lane is eight clocks of ones on IO0: M4 = 1 ends it.
        if (opcode == 0xFF && command->opcode_lanes == 1)
            fake->continuous = false;
        return false;
    }
    if (fake->qpi) {
        if (opcode == 0xFF && command->opcode_lanes == 4)
            fake->qpi = false;
        return command->opcode_lanes == 4 && opcode != 0xFF;
    }
    if (command->opcode_lanes != 1)
        return false; // two clocks: not a whole command
    bool status_read = opcode == 0x05 || opcode == 0x35 || opcode == 0x15;
    bool any_time = status_read || opcode == 0x75 || opcode == 0x66 || opcode == 0x99;
    if (fake_nor_is_busy(fake) && !any_time) {
        if (fake->strict)
            violation("a command while it works", opcode);
        return false;
    }
    return true;
}

static void bus_check(const struct fake_nor *fake, const struct nor_command *command)
{
    if (fake->mapped)
        violation("a command while it is mapped", command->opcode);
    if (fake->polling)
        violation("a command while its status is polled", command->opcode);
}

static int bus_command(void *context, const struct nor_command *command)
{
    struct fake_nor *fake = context;
    bus_check(fake, command);
    fake->now_us++;
    bool reset = fake->reset_enabled && command->opcode == 0x99;
    fake->reset_enabled = false;
    if (!is_heard(fake, command))
        return 0;
    switch (command->opcode) {
    case 0x06:
        fake->write_enabled = !fake->write_enable_broken;
        break;
    case 0x04:
        fake->write_enabled = false;
        break;
    case 0x66:
        fake->reset_enabled = true;
        break;
    case 0x99:
        if (reset)
            software_reset(fake);
        break;
    case 0x7A:
        fake->suspended = false;
        break;
    case 0x20:
    case 0x52:
    case 0xD8:
        if (command->address_bytes != 3 || command->address_lanes != 1)
            violation("an erase with a wrong address phase", command->opcode);
        erase(fake, command->opcode, command->address);
        break;
    case 0x30: // none of its own
    case 0x98:
    case 0xAB:
    case 0xFF:
        break;
    default:
        violation("a command that it does not know", command->opcode);
    }
    return 0;
}

static int bus_read(void *context, const struct nor_command *command, uint8_t *data, size_t length)
{
    struct fake_nor *fake = context;
    bus_check(fake, command);
    fake->now_us++;
    fake->reset_enabled = false;
    memset(data, 0xFF, length);
    if (!is_heard(fake, command))
        return 0;
    switch (command->opcode) {
    case 0x05:
        memset(data, status_value(fake, 0), length);
        break;
    case 0x35:
        memset(data, status_value(fake, 1), length);
        break;
    case 0x15:
        memset(data, status_value(fake, 2), length);
        break;
    case 0x9F:
        memcpy(data, fake->jedec_id, length < 3 ? length : 3);
        fake->strict = true;
        break;
    case 0x5A:
        if (command->dummy_cycles != 8 || command->address_bytes != 3)
            violation("SFDP read with wrong phases", command->opcode);
        for (size_t i = 0; i < length; i++)
            data[i] = fake->sfdp[(command->address + i) % sizeof fake->sfdp];
        break;
    default:
        violation("a read command that it does not know", command->opcode);
    }
    return 0;
}

static int bus_write(void *context, const struct nor_command *command, const uint8_t *data,
                     size_t length)
{
    struct fake_nor *fake = context;
    bus_check(fake, command);
    fake->now_us++;
    fake->reset_enabled = false;
    if (!is_heard(fake, command))
        return 0;
    switch (command->opcode) {
    case 0x01:
        status_write(fake, 0, data, length);
        break;
    case 0x31:
        status_write(fake, 1, data, length);
        break;
    case 0x02:
    case 0x32:
        if (command->address_bytes != 3 || command->data_lanes != (command->opcode == 2 ? 1 : 4))
            violation("a program with wrong phases", command->opcode);
        program(fake, command, data, length);
        break;
    default:
        violation("a write command that it does not know", command->opcode);
    }
    return 0;
}

static int bus_poll_start(void *context, const struct nor_command *command, uint8_t mask,
                          uint8_t match)
{
    struct fake_nor *fake = context;
    bus_check(fake, command);
    if (command->opcode != 0x05 || mask != 1 || match != 0)
        violation("polled for something else than BUSY = 0", command->opcode);
    fake->polling = true;
    return 0;
}

static bool bus_poll_done(void *context)
{
    struct fake_nor *fake = context;
    if (!fake->polling)
        violation("asked for the end of a polling that was not started", 0);
    if (fake_nor_is_busy(fake))
        return false;
    fake->polling = false;
    return true;
}

static void bus_poll_stop(void *context)
{
    struct fake_nor *fake = context;
    fake->polling = false;
}

static int bus_map(void *context, const struct nor_command *command)
{
    struct fake_nor *fake = context;
    bus_check(fake, command);
    if (fake_nor_is_busy(fake))
        violation("mapped while it works", command->opcode);
    bool quad = command->opcode == 0xEB && command->address_lanes == 4 &&
                command->mode_lanes == 4 && command->mode_bits == 0xFF &&
                command->dummy_cycles == 4 && command->data_lanes == 4 && fake->status[1] & QE;
    bool fast = command->opcode == 0x0B && command->address_lanes == 1 &&
                command->mode_lanes == 0 && command->dummy_cycles == 8 && command->data_lanes == 1;
    bool quad_data = command->opcode == 0x6B && command->address_lanes == 1 &&
                     command->mode_lanes == 0 && command->dummy_cycles == 8 &&
                     command->data_lanes == 4 && fake->status[1] & QE;
    if ((!quad && !fast && !quad_data) || command->opcode_lanes != 1 || command->address_bytes != 3)
        violation("mapped by a command that would not read", command->opcode);
    fake->mapped = true;
    fake->maps++;
    return mprotect(fake->window, fake->size, PROT_READ);
}

static int bus_unmap(void *context)
{
    struct fake_nor *fake = context;
    fake->mapped = false;
    return mprotect(fake->window, fake->size, PROT_NONE);
}

static int bus_set_size(void *context, uint32_t size)
{
    struct fake_nor *fake = context;
    fake->set_size = size;
    return 0;
}

static void bus_delay_us(void *context, uint32_t delay_us)
{
    fake_nor_pass_us(context, delay_us);
}

static uint32_t bus_now_ms(void *context)
{
    const struct fake_nor *fake = context;
    return (uint32_t)(fake->now_us / 1000);
}

void fake_nor_create(struct fake_nor *fake, uint32_t size)
{
    memset(fake, 0, sizeof *fake);
    fake->size = size;
    int file = memfd_create("fake_nor", 0);
    if (file < 0 || ftruncate(file, size) != 0) {
        perror("memfd_create");
        abort();
    }
    fake->array = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    fake->window = mmap(NULL, size, PROT_NONE, MAP_SHARED, file, 0);
    close(file);
    if (fake->array == MAP_FAILED || fake->window == MAP_FAILED) {
        perror("mmap");
        abort();
    }
    memset(fake->array, 0xFF, size);
    fake_nor_reset(fake);
}

void fake_nor_destroy(struct fake_nor *fake)
{
    munmap(fake->array, fake->size);
    munmap(fake->window, fake->size);
}

void fake_nor_reset(struct fake_nor *fake)
{
    uint8_t *array = fake->array, *window = fake->window;
    uint32_t size = fake->size;
    *fake = (struct fake_nor){
        .bus = {.context = fake,
                .command = bus_command,
                .read = bus_read,
                .write = bus_write,
                .poll_start = bus_poll_start,
                .poll_done = bus_poll_done,
                .poll_stop = bus_poll_stop,
                .map = bus_map,
                .unmap = bus_unmap,
                .set_size = bus_set_size,
                .delay_us = bus_delay_us,
                .now_ms = bus_now_ms},
        .array = array,
        .window = window,
        .size = size,
        .jedec_id = {0xEF, 0x40, 0x18},
        .quad_fixed = true,
        .allowed_end = size,
        .fault_first = PROGRAMS,
        .fault_end = size,
        .status = {0x00, QE, 0x60},
        .now_us = 5000,
    };
    sfdp_fill(fake);
    mprotect(window, size, PROT_NONE);
}
