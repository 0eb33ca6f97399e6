// The QUADSPI controller, from RM0433, chapter "Quad-SPI interface", with the cures of ES0392 and
// ES0396: CCR is never 0 (2.6.2), the kernel clock HCLK3 is divided by 2 or more (2.7.6), FSIZE
// says twice the chip's size (2.7.5: reading the last bytes locks the bus), and the sequence
// of 2.7.4 runs at the start and after each mapped phase.
//
// The clock is HCLK3 / 2: whatever a program later does to the clocks while it runs from the chip,
// HCLK3 is there and half of it stays within the chip's limits.
//
// SPDX-License-Identifier: MIT
#include "firmware/chip/qspi.h"

#include <string.h>

#include "core/error.h"
#include "firmware/chip/barrier.h"
#include "firmware/chip/cache.h"
#include "firmware/chip/clock.h"
#include "firmware/chip/interrupt.h"
#include "firmware/chip/mpu.h"
#include "firmware/chip/registers.h"
#include "firmware/chip/time.h"
#include "firmware/chip/vectors.h"

enum { MODE_WRITE = 0, MODE_READ = 1, MODE_POLL = 2, MODE_MAPPED = 3 }; // CCR.FMODE
enum { DIVIDER = 2 };
enum { HIGH_CYCLES = 5 }; // NCS between commands: 50 ns at 100 MHz, the chip's tSHSL2
enum { FSIZE_ALL = 31 };  // while the chip's size is not known
enum { FIFO_SIZE = 32 };
enum { POLL_INTERVAL = 256 }; // CLK cycles from one look at the status register to the next
// The longest transfer is a page or a READ of 4 KiB, the slowest clock 32 MHz on one lane: 1 ms.
enum { TRANSFER_LIMIT_US = 20000, ABORT_LIMIT_US = 1000 };

#define FLAGS_ALL (QUADSPI_FCR_CTEF | QUADSPI_FCR_CTCF | QUADSPI_FCR_CSMF | QUADSPI_FCR_CTOF)

static struct nor_bus bus;

static uint32_t size; // the chip's, 0 while it is not known
static bool mapped;
static volatile bool poll_matched;

// Sampling half a cycle later leaves the chip's answer time to cross the board at 100 MHz.
static uint32_t cr_value(void)
{
    return QUADSPI_CR_EN | QUADSPI_CR_SSHIFT | FIELD(QUADSPI_CR_PRESCALER, DIVIDER - 1) |
           (bus.dual ? QUADSPI_CR_DFM : 0);
}

// The status register matched: the core wakes and poll_done sees it.
void quadspi_handler(void)
{
    QUADSPI_FCR = QUADSPI_FCR_CSMF;
    poll_matched = true;
    interrupt_note();
    barrier_data(); // the flag has fallen before the handler returns
}

uint32_t qspi_clock_hz(void)
{
    return clock_bus_hz() / DIVIDER;
}

static int idle_wait(uint32_t limit_us)
{
    struct time_limit limit = time_limit_us(limit_us);
    while ((QUADSPI_SR & QUADSPI_SR_BUSY) != 0) {
        if (time_limit_reached(&limit)) {
            return QL_ERROR_TIMEOUT;
        }
    }
    return 0;
}

// Brings the controller to rest, whatever it is doing.
static int abort_transfer(void)
{
    if ((QUADSPI_SR & QUADSPI_SR_BUSY) != 0) {
        QUADSPI_CR |= QUADSPI_CR_ABORT;
    }
    struct time_limit limit = time_limit_us(ABORT_LIMIT_US);
    while ((QUADSPI_CR & QUADSPI_CR_ABORT) != 0 || (QUADSPI_SR & QUADSPI_SR_BUSY) != 0) {
        if (time_limit_reached(&limit)) {
            return QL_ERROR_TIMEOUT;
        }
    }
    QUADSPI_FCR = FLAGS_ALL;
    return 0;
}

// Erratum 2.7.4, "internal timing criticality": a few cycles of free-running clock, which must end
// within 127 kernel clocks. The window is closed here and nothing runs from it.
static int timing_cure(void)
{
    uint32_t state = interrupt_mask();
    QUADSPI_CR = 0;
    int error = idle_wait(ABORT_LIMIT_US);
    QUADSPI_CR = FIELD(QUADSPI_CR_PRESCALER, 255) | QUADSPI_CR_EN;
    QUADSPI_CCR = QUADSPI_CCR_FRCM;
    QUADSPI_CCR = QUADSPI_CCR_FRCM;
    QUADSPI_CR = 0;
    interrupt_restore(state);
    if (error == 0) {
        error = idle_wait(ABORT_LIMIT_US);
    }
    QUADSPI_FCR = FLAGS_ALL;
    QUADSPI_CR = cr_value();
    return error;
}

static uint32_t lanes_code(uint8_t lanes)
{
    return lanes == 4 ? 3 : lanes;
}

static uint32_t ccr_value(const struct nor_command *command, uint32_t mode)
{
    uint32_t address_size = command->address_bytes == 0 ? 0 : command->address_bytes - 1u;
    return FIELD(QUADSPI_CCR_INSTRUCTION, command->opcode) |
           FIELD(QUADSPI_CCR_IMODE, lanes_code(command->opcode_lanes)) |
           FIELD(QUADSPI_CCR_ADMODE,
                 command->address_bytes == 0 ? 0 : lanes_code(command->address_lanes)) |
           FIELD(QUADSPI_CCR_ADSIZE, address_size) |
           FIELD(QUADSPI_CCR_ABMODE, lanes_code(command->mode_lanes)) |
           FIELD(QUADSPI_CCR_DCYC, command->dummy_cycles) |
           FIELD(QUADSPI_CCR_DMODE, lanes_code(command->data_lanes)) |
           FIELD(QUADSPI_CCR_FMODE, mode);
}

// Everything up to the start: the write of CCR, of AR or, for data to the chip, of DR starts.
static int transfer_set(const struct nor_command *command, uint32_t mode, size_t length)
{
    if (mapped) {
        return QL_ERROR_BUSY;
    }
    int error = idle_wait(TRANSFER_LIMIT_US);
    if (error != 0) {
        return error;
    }
    QUADSPI_FCR = FLAGS_ALL;
    if (length > 0) {
        QUADSPI_DLR = (uint32_t)length - 1;
    }
    if (command->mode_lanes != 0) {
        QUADSPI_ABR = command->mode_bits;
    }
    QUADSPI_CCR = ccr_value(command, mode);
    if (command->address_bytes != 0) {
        QUADSPI_AR = command->address;
    }
    return 0;
}

// Waits for the end of the transfer. A controller that is stuck is freed by an abort.
static int transfer_end(void)
{
    struct time_limit limit = time_limit_us(TRANSFER_LIMIT_US);
    uint32_t status;
    do {
        status = QUADSPI_SR;
        if ((status & QUADSPI_SR_TEF) != 0) {
            (void)abort_transfer();
            return QL_ERROR_BUS;
        }
        if (time_limit_reached(&limit)) {
            (void)abort_transfer();
            return QL_ERROR_TIMEOUT;
        }
    } while ((status & QUADSPI_SR_TCF) == 0 || (status & QUADSPI_SR_BUSY) != 0);
    QUADSPI_FCR = FLAGS_ALL;
    return 0;
}

static int bus_command(void *context, const struct nor_command *command)
{
    (void)context;
    struct nor_command bare = *command;
    bare.data_lanes = 0;
    int error = transfer_set(&bare, MODE_WRITE, 0);
    return error != 0 ? error : transfer_end();
}

// The bytes that can be moved now: what the FIFO holds, or what it has room for.
static int fifo_wait(bool reading, uint32_t wanted, uint32_t *count)
{
    struct time_limit limit = time_limit_us(TRANSFER_LIMIT_US);
    for (;;) {
        uint32_t status = QUADSPI_SR;
        uint32_t level = FIELD_GET(QUADSPI_SR_FLEVEL, status);
        *count = reading ? level : FIFO_SIZE - level;
        if ((status & QUADSPI_SR_TEF) != 0) {
            return QL_ERROR_BUS;
        }
        if (*count >= wanted) {
            return 0;
        }
        if (time_limit_reached(&limit)) {
            return QL_ERROR_TIMEOUT;
        }
    }
}

// The width of an access to DR says how many bytes it moves.
static volatile uint8_t *const data_byte = (volatile uint8_t *)&QUADSPI_DR;

static int bus_read(void *context, const struct nor_command *command, uint8_t *data, size_t length)
{
    (void)context;
    int error = transfer_set(command, MODE_READ, length);
    while (error == 0 && length > 0) {
        uint32_t count;
        error = fifo_wait(true, length < 4 ? (uint32_t)length : 4, &count);
        if (error != 0) {
            (void)abort_transfer();
            return error;
        }
        for (; count >= 4 && length >= 4; count -= 4, length -= 4, data += 4) {
            uint32_t word = QUADSPI_DR;
            memcpy(data, &word, sizeof word);
        }
        if (length < 4) {
            for (; count > 0 && length > 0; --count, --length) {
                *data++ = *data_byte;
            }
        }
    }
    return error != 0 ? error : transfer_end();
}

static int bus_write(void *context, const struct nor_command *command, const uint8_t *data,
                     size_t length)
{
    (void)context;
    int error = transfer_set(command, MODE_WRITE, length);
    while (error == 0 && length > 0) {
        uint32_t count;
        error = fifo_wait(false, 4, &count);
        if (error != 0) {
            (void)abort_transfer();
            return error;
        }
        for (; count >= 4 && length >= 4; count -= 4, length -= 4, data += 4) {
            uint32_t word;
            memcpy(&word, data, sizeof word);
            QUADSPI_DR = word;
        }
        if (length < 4) {
            for (; count > 0 && length > 0; --count, --length) {
                *data_byte = *data++;
            }
        }
    }
    return error != 0 ? error : transfer_end();
}

static int bus_poll_start(void *context, const struct nor_command *command, uint8_t mask,
                          uint8_t match)
{
    (void)context;
    int error = mapped ? QL_ERROR_BUSY : idle_wait(TRANSFER_LIMIT_US);
    if (error != 0) {
        return error;
    }
    poll_matched = false;
    // Polling stops at a match, and interrupts. Of two chips the status bytes stand side by side.
    QUADSPI_CR = cr_value() | QUADSPI_CR_SMIE | QUADSPI_CR_APMS;
    QUADSPI_PSMKR = bus.dual ? mask * 0x101u : mask;
    QUADSPI_PSMAR = bus.dual ? match * 0x101u : match;
    QUADSPI_PIR = POLL_INTERVAL;
    return transfer_set(command, MODE_POLL, bus.dual ? 2 : 1);
}

static bool bus_poll_done(void *context)
{
    (void)context;
    return poll_matched;
}

static void bus_poll_stop(void *context)
{
    (void)context;
    if (abort_transfer() == 0) {
        QUADSPI_CR = cr_value();
    }
}

static int bus_map(void *context, const struct nor_command *command)
{
    (void)context;
    if (size == 0) {
        return QL_ERROR_ARGUMENT;
    }
    struct nor_command window = *command;
    window.address = 0;
    int error = idle_wait(TRANSFER_LIMIT_US);
    if (error != 0 || mapped) {
        return error;
    }
    QUADSPI_FCR = FLAGS_ALL;
    QUADSPI_CR = cr_value();
    // A program finds the registers of polling as after a reset.
    QUADSPI_PSMKR = 0;
    QUADSPI_PSMAR = 0;
    QUADSPI_PIR = 0;
    if (window.mode_lanes != 0) {
        QUADSPI_ABR = window.mode_bits;
    }
    QUADSPI_CCR = ccr_value(&window, MODE_MAPPED);
    mapped = true;
    // Nothing of the window can be in a cache while it is closed, but what was read before it was
    // closed still is.
    cache_invalidate();
    mpu_window_open(size);
    return 0;
}

static int bus_unmap(void *context)
{
    (void)context;
    if (!mapped) {
        return 0;
    }
    // First the MPU, so that no speculative read follows; the controller comes to rest by ABORT, as
    // it goes on reading ahead by itself.
    mpu_window_close();
    int error = abort_transfer();
    mapped = false;
    int cure_error = timing_cure();
    return error != 0 ? error : cure_error;
}

static int bus_set_size(void *context, uint32_t chip_size)
{
    (void)context;
    if (chip_size < 4096 || chip_size > 0x10000000u || (chip_size & (chip_size - 1)) != 0) {
        return QL_ERROR_ARGUMENT;
    }
    int error = mapped ? QL_ERROR_BUSY : idle_wait(TRANSFER_LIMIT_US);
    if (error != 0) {
        return error;
    }
    size = chip_size;
    // FSIZE n stands for 2^(n + 1) bytes; one more than that for erratum 2.7.5.
    QUADSPI_DCR = FIELD(QUADSPI_DCR_CSHT, HIGH_CYCLES - 1) |
                  FIELD(QUADSPI_DCR_FSIZE, 31 - __builtin_clz(chip_size));
    return 0;
}

static void bus_delay_us(void *context, uint32_t delay_us)
{
    (void)context;
    time_delay_us(delay_us);
}

static uint32_t bus_now_ms(void *context)
{
    (void)context;
    return time_now_ms();
}

static struct nor_bus bus = {
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
    .now_ms = bus_now_ms,
};

const struct nor_bus *qspi_bus(void)
{
    return &bus;
}

static void lanes_start(const struct qspi_pin io[4])
{
    for (unsigned lane = 0; lane < 4; ++lane) {
        // In commands without a four-lane phase the controller leaves IO2 and IO3 alone; to a chip
        // whose quad enable bit is not set they are /WP and /HOLD.
        gpio_alternate(io[lane].pin, io[lane].function, lane >= 2 ? GPIO_PULL_UP : GPIO_PULL_NONE);
    }
}

static void pins_start(const struct qspi_pins *pins)
{
    gpio_alternate(pins->ncs.pin, pins->ncs.function, GPIO_PULL_NONE);
    gpio_alternate(pins->clk.pin, pins->clk.function, GPIO_PULL_NONE);
    lanes_start(pins->io);
    if (pins->dual) {
        lanes_start(pins->bank2_io);
    }
}

uint32_t qspi_ports(const struct qspi_pins *pins)
{
    uint32_t ports = 1u << pins->clk.pin.port | 1u << pins->ncs.pin.port;
    for (unsigned lane = 0; lane < 4; ++lane) {
        ports |= 1u << pins->io[lane].pin.port;
        ports |= pins->dual ? 1u << pins->bank2_io[lane].pin.port : 0;
    }
    return ports;
}

void qspi_start(const struct qspi_pins *pins)
{
    RCC_AHB3ENR |= RCC_AHB3ENR_QSPIEN;
    (void)RCC_AHB3ENR;
    RCC_AHB3RSTR |= RCC_AHB3RSTR_QSPIRST;
    RCC_AHB3RSTR &= ~RCC_AHB3RSTR_QSPIRST;

    size = 0;
    mapped = false;
    bus.dual = pins->dual;
    (void)timing_cure(); // before the pins are connected: the chip sees nothing of it
    QUADSPI_DCR = FIELD(QUADSPI_DCR_CSHT, HIGH_CYCLES - 1) | FIELD(QUADSPI_DCR_FSIZE, FSIZE_ALL);
    pins_start(pins);
    interrupt_enable(INTERRUPT_QUADSPI);
}
