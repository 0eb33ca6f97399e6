// FLASH of the STM32H750: interface registers, one sector of 128 KB programmed in 256-bit words,
// option bytes.
//
// From STM32H753.svd (bank 1; the H750 has no bank 2), the CMSIS header, ST's HAL flash driver, the
// field descriptions of ST's SVD for the H7B0 (whose controller has the same flags), DS12556's
// typical times, and, for what a debugger does at read-out protection level 1, what users of
// silicon and ST's own people say. Where it is stricter: programming a word that is not erased
// (silicon would leave a word with wrong ECC), touching the array while it is erased (silicon holds
// the bus, then the program is gone), CR1 changed or a register written while something is under
// way (silicon holds the bus), and read-out protection level 2, which nobody could take back.
//
// Differs from silicon: a store that comes while the controller is busy is queued, and reading or
// executing while a word is programmed ends that at once and costs the time; silicon holds up the
// bus for both. A word torn by a power cut has no wrong ECC. The CRC unit, PCROP and secure areas
// are not modelled. Unconfirmed: that the option bytes take 200 ms, and that code may run from the
// flash meanwhile.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_flash.h"

#include "sim/h750_rcc.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FLASH_REGISTERS_BASE UINT32_C(0x52002000)
#define FLASH_IRQ            4u
#define WORD_SIZE            32u // the unit of programming
#define WORD_COUNT           (FLASH_SIZE / WORD_SIZE)
#define QUEUE_SIZE           16u

#define KEY1        UINT32_C(0x45670123)
#define KEY2        UINT32_C(0xCDEF89AB)
#define OPTION_KEY1 UINT32_C(0x08192A3B)
#define OPTION_KEY2 UINT32_C(0x4C5D6E7F)

enum flash_offset {
    FLASH_ACR = 0x00,
    FLASH_KEYR1 = 0x04,
    FLASH_OPTKEYR = 0x08,
    FLASH_CR1 = 0x0C,
    FLASH_SR1 = 0x10,
    FLASH_CCR1 = 0x14,
    FLASH_OPTCR = 0x18,
    FLASH_OPTSR_CUR = 0x1C,
    FLASH_OPTSR_PRG = 0x20,
    FLASH_OPTCCR = 0x24,
    FLASH_PRAR_CUR1 = 0x28,
    FLASH_PRAR_PRG1 = 0x2C,
    FLASH_SCAR_CUR1 = 0x30,
    FLASH_SCAR_PRG1 = 0x34,
    FLASH_WPSN_CUR1R = 0x38,
    FLASH_WPSN_PRG1R = 0x3C,
    FLASH_BOOT_CURR = 0x40,
    FLASH_BOOT_PRGR = 0x44,
    FLASH_CRCCR1 = 0x50,
    FLASH_REGISTERS_END = 0x64,
};

#define CR_LOCK     (UINT32_C(1) << 0)
#define CR_PG       (UINT32_C(1) << 1)
#define CR_SER      (UINT32_C(1) << 2)
#define CR_BER      (UINT32_C(1) << 3)
#define CR_FW       (UINT32_C(1) << 6)
#define CR_START    (UINT32_C(1) << 7)
#define CR_SNB      (UINT32_C(7) << 8)
#define SR_BSY      (UINT32_C(1) << 0)
#define SR_WBNE     (UINT32_C(1) << 1)
#define SR_QW       (UINT32_C(1) << 2)
#define SR_EOP      (UINT32_C(1) << 16)
#define SR_WRPERR   (UINT32_C(1) << 17)
#define SR_PGSERR   (UINT32_C(1) << 18)
#define SR_STRBERR  (UINT32_C(1) << 19)
#define SR_INCERR   (UINT32_C(1) << 21)
#define SR_OPERR    (UINT32_C(1) << 22)
#define SR_RDPERR   (UINT32_C(1) << 23)
#define OPTCR_LOCK  (UINT32_C(1) << 0)
#define OPTCR_START (UINT32_C(1) << 1)
#define OPTCR_MER   (UINT32_C(1) << 4)
#define OPTSR_BUSY  (UINT32_C(1) << 0)
#define OPTSR_ERROR (UINT32_C(1) << 30)
#define RDP_BIT     8
#define RDP_LEVEL_0 0xAAu
#define RDP_LEVEL_2 0xCCu
#define OPTIONS_NS  (200 * NS_PER_MS)

// Typical times at PSIZE 0 to 3 (bytes to 64 bits at once).
static const uint64_t program_ns[] = {290 * NS_PER_US, 180 * NS_PER_US, 130 * NS_PER_US,
                                      100 * NS_PER_US};
static const uint64_t erase_ns[] = {2000 * NS_PER_MS, 1800 * NS_PER_MS, 1100 * NS_PER_MS,
                                    1000 * NS_PER_MS};

// clang-format off
static const struct register_info registers[] = {
    REGISTER("ACR",       0x000, 0x00000037, 0x0000003F, 0x0000003F),
    REGISTER("KEYR1",     0x004, 0x00000000, 0x00000000, 0xFFFFFFFF),
    REGISTER("OPTKEYR",   0x008, 0x00000000, 0x00000000, 0xFFFFFFFF),
    REGISTER("CR1",       0x00C, 0x00000001, 0x1FEF87FF, 0x1FEF87FF),
    REGISTER("SR1",       0x010, 0x00000000, 0x1FEF000F, 0x00000000),
    REGISTER("CCR1",      0x014, 0x00000000, 0x00000000, 0x1FEF0000),
    REGISTER("OPTCR",     0x018, 0x00000001, 0xC0000013, 0xC0000013),
    REGISTER("OPTSR_CUR", 0x01C, 0x00000000, 0xE03EFFDD, 0x00000000),
    REGISTER("OPTSR_PRG", 0x020, 0x00000000, 0xA03EFFDC, 0xA03EFFDC),
    REGISTER("OPTCCR",    0x024, 0x00000000, 0x00000000, 0x40000000),
    REGISTER("PRAR_CUR1", 0x028, 0x00000000, 0x8FFF0FFF, 0x00000000),
    REGISTER("PRAR_PRG1", 0x02C, 0x00000000, 0x8FFF0FFF, 0x8FFF0FFF),
    REGISTER("SCAR_CUR1", 0x030, 0x00000000, 0x8FFF0FFF, 0x00000000),
    REGISTER("SCAR_PRG1", 0x034, 0x00000000, 0x8FFF0FFF, 0x8FFF0FFF),
    REGISTER("WPSN_CUR1R", 0x038, 0x00000000, 0x000000FF, 0x00000000),
    REGISTER("WPSN_PRG1R", 0x03C, 0x00000000, 0x000000FF, 0x000000FF),
    REGISTER("BOOT_CURR", 0x040, 0x00000000, 0xFFFFFFFF, 0x00000000),
    REGISTER("BOOT_PRGR", 0x044, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("CRCCR1",    0x050, 0x00000000, 0x00330787, 0x00330787),
    REGISTER("CRCSADD1R", 0x054, 0x00000000, 0x000FFFFC, 0x000FFFFC),
    REGISTER("CRCEADD1R", 0x058, 0x00000000, 0x000FFFFC, 0x000FFFFC),
    REGISTER("CRCDATAR",  0x05C, 0x00000000, 0xFFFFFFFF, 0x00000000),
    REGISTER("ECC_FA1R",  0x060, 0x00000000, 0x00007FFF, 0x00000000),
    REGISTER_END,
};
// clang-format on

// Option registers: where each *_PRG goes to, and what the factory left in it (RDP level 0, no
// watchdog, no protection, boot from 0x08000000 or 0x1FF00000).
struct option {
    uint8_t programmed; // offset of the register the program writes
    uint8_t current;
    uint32_t factory;
};
static const struct option options[] = {
    {FLASH_OPTSR_PRG, FLASH_OPTSR_CUR, 0x0006AAD0},
    {FLASH_PRAR_PRG1, FLASH_PRAR_CUR1, 0x000000FF},
    {FLASH_SCAR_PRG1, FLASH_SCAR_CUR1, 0x000000FF},
    {FLASH_WPSN_PRG1R, FLASH_WPSN_CUR1R, 0x000000FF},
    {FLASH_BOOT_PRGR, FLASH_BOOT_CURR, 0x1FF00800},
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

enum operation_kind { OPERATION_PROGRAM, OPERATION_ERASE };

struct operation {
    enum operation_kind kind;
    uint32_t offset; // of a word
    uint8_t bytes[WORD_SIZE];
    uint64_t length_ns;
};

struct flash {
    struct machine *machine;
    struct rcc *rcc;
    uint32_t registers[FLASH_REGISTERS_END / 4];
    uint8_t array[FLASH_SIZE];
    bool programmed[WORD_COUNT]; // even with all ones a word cannot be programmed again

    unsigned key_step;
    bool key_refused; // wrong key: locked until reset
    unsigned option_key_step;
    bool option_key_refused;

    uint32_t buffer_offset; // of the word that the write buffer collects
    uint8_t buffer[WORD_SIZE];
    uint32_t buffer_filled; // a bit for each byte

    struct operation queue[QUEUE_SIZE];
    unsigned queue_count;
    struct event done;
    uint64_t started_ns; // of the first in the queue
    struct event options_done;
    uint64_t operations; // enqueued
    uint64_t begun;      // the same with changes of the option bytes, in the order of beginning

    bool debugger; // one has connected since power-on
    bool blocked;  // by level 1: the array is out of reach until power was off

    uint64_t cut_at; // the operation, counted as `begun`, that power is cut in; 0: none
    double cut_fraction;
    struct event cut;
    void (*cut_power)(void *context);
    void *cut_context;
    uint64_t failures[FLASH_FAILURES]; // of each kind that are still to happen

    uint64_t rdp, write_protected; // for the statistics
};

// --- Flags --------------------------------------------------------------------------------------

static uint32_t status(const struct flash *flash)
{
    uint32_t value = flash->registers[FLASH_SR1 / 4];

    if (flash->queue_count > 0 || flash->options_done.armed) {
        value |= SR_BSY | SR_QW;
    }
    return value | (flash->buffer_filled != 0 ? SR_WBNE : 0);
}

static void update_irq(struct flash *flash)
{
    // Flags 16 to 28 of SR1 and their enables in CR1 have the same bits.
    uint32_t enabled = flash->registers[FLASH_CR1 / 4] & UINT32_C(0x1FEF0000);

    machine_irq(flash->machine, FLASH_IRQ, (flash->registers[FLASH_SR1 / 4] & enabled) != 0);
}

static void raise_flag(struct flash *flash, uint32_t flag)
{
    flash->registers[FLASH_SR1 / 4] |= flag;
    update_irq(flash);
}

// --- The array's being there --------------------------------------------------------------------

// Hidden while it is at work, so that the bus asks (array_refused), and while it is blocked.
static void show_array(struct flash *flash)
{
    machine_window_show(flash->machine, FLASH_BASE, flash->queue_count == 0 && !flash->blocked);
}

static unsigned rdp_of(const struct flash *flash, uint32_t offset)
{
    return flash->registers[offset / 4] >> RDP_BIT & 0xFF;
}

// At level 1 a debugger blocks the flash, whoever came first.
static void check_intrusion(struct flash *flash)
{
    if (flash->debugger && rdp_of(flash, FLASH_OPTSR_CUR) != RDP_LEVEL_0) {
        flash->blocked = true;
        show_array(flash);
    }
}

static void debugger_connected(void *context)
{
    struct flash *flash = context;

    flash->debugger = true;
    check_intrusion(flash);
}

// --- Operations on the array --------------------------------------------------------------------

// Is this one to go wrong?
static bool fails(struct flash *flash, enum flash_failure kind)
{
    if (flash->failures[kind] == 0) {
        return false;
    }
    flash->failures[kind]--;
    return true;
}

// Power may be cut in what begins now.
static void begin(struct flash *flash, uint64_t length_ns)
{
    flash->begun++;
    if (flash->begun == flash->cut_at) {
        flash->cut_at = 0;
        event_arm_in(flash->machine, &flash->cut,
                     (uint64_t)((double)length_ns * flash->cut_fraction));
    }
}

static bool word_is_erased(const struct flash *flash, uint32_t offset)
{
    for (uint32_t i = 0; i < WORD_SIZE; i++) {
        if (flash->array[offset + i] != 0xFF) {
            return false;
        }
    }
    return !flash->programmed[offset / WORD_SIZE];
}

static void erase_part(struct flash *flash, uint32_t length)
{
    memset(flash->array, 0xFF, length);
    memset(flash->programmed, 0, length / WORD_SIZE * sizeof(flash->programmed[0]));
    machine_memory_changed(flash->machine, FLASH_BASE, length);
}

static void program_part(struct flash *flash, const struct operation *operation, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        flash->array[operation->offset + i] &= operation->bytes[i];
    }
    flash->programmed[operation->offset / WORD_SIZE] = true;
    machine_memory_changed(flash->machine, FLASH_BASE + operation->offset, WORD_SIZE);
}

static void start_next(struct flash *flash)
{
    if (flash->queue_count > 0) {
        flash->started_ns = machine_now_ns(flash->machine);
        event_arm_in(flash->machine, &flash->done, flash->queue[0].length_ns);
        begin(flash, flash->queue[0].length_ns);
    }
}

static void operation_done(void *context)
{
    struct flash *flash = context;
    const struct operation *operation = &flash->queue[0];

    if (operation->kind == OPERATION_ERASE && fails(flash, FLASH_FAILURE_ERASE)) {
        erase_part(flash, FLASH_SIZE - WORD_SIZE);
        flash->registers[FLASH_SR1 / 4] |= SR_OPERR;
    } else if (operation->kind == OPERATION_ERASE) {
        erase_part(flash, FLASH_SIZE);
    } else if (fails(flash, FLASH_FAILURE_PROGRAM)) {
        program_part(flash, operation, WORD_SIZE / 2);
    } else {
        program_part(flash, operation, WORD_SIZE);
    }
    flash->queue_count--;
    memmove(&flash->queue[0], &flash->queue[1], flash->queue_count * sizeof(flash->queue[0]));
    flash->registers[FLASH_CR1 / 4] &= ~(CR_START | CR_FW);
    raise_flag(flash, SR_EOP);
    start_next(flash);
    show_array(flash);
}

// The program is held up until nothing is under way any more.
static void wait_for_operations(struct flash *flash)
{
    while (flash->queue_count > 0) {
        machine_stall(flash->machine, flash->started_ns + flash->queue[0].length_ns);
        event_cancel(flash->machine, &flash->done);
        operation_done(flash);
    }
}

// An access to the array while it is hidden.
static void array_refused(void *context, uint32_t address)
{
    struct flash *flash = context;

    if (flash->blocked) {
        raise_flag(flash, SR_RDPERR);
        return; // a bus error
    }
    for (unsigned i = 0; i < flash->queue_count; i++) {
        if (flash->queue[i].kind == OPERATION_ERASE) {
            machine_violation(flash->machine, "FLASH",
                              "0x%08" PRIX32 " is read or executed while the flash is erased: the "
                              "bus is held until the end, and nothing is there then",
                              address);
            break;
        }
    }
    wait_for_operations(flash);
}

static void enqueue(struct flash *flash, const struct operation *operation)
{
    if (flash->queue_count == QUEUE_SIZE) { // the program would have been held up until now
        event_cancel(flash->machine, &flash->done);
        operation_done(flash);
    }
    flash->queue[flash->queue_count++] = *operation;
    flash->operations++;
    if (flash->queue_count == 1) {
        start_next(flash);
    }
    show_array(flash);
}

static bool write_protected(struct flash *flash, const char *what)
{
    if ((flash->registers[FLASH_WPSN_CUR1R / 4] & 1) != 0) {
        return false;
    }
    machine_violation(flash->machine, "FLASH", "%s of sector 0, which WPSN protects", what);
    raise_flag(flash, SR_WRPERR);
    return true;
}

static unsigned parallelism(const struct flash *flash)
{
    return flash->registers[FLASH_CR1 / 4] >> 4 & 3;
}

static void check_programming_speed(struct flash *flash)
{
    uint32_t acr = flash->registers[FLASH_ACR / 4];
    uint64_t limit_hz = rcc_flash_limit_hz(flash->rcc, acr & 15, acr >> 4 & 3);
    uint64_t hclk_hz = rcc_clock_hz(flash->rcc, RCC_CLOCK_HCLK);

    if (hclk_hz > limit_hz) {
        machine_violation(flash->machine, "FLASH",
                          "ACR.WRHIGHFREQ %" PRIu32 " is too small to program at HCLK %" PRIu64
                          " Hz (enough up to %" PRIu64 " Hz)",
                          acr >> 4 & 3, hclk_hz, limit_hz);
    }
}

// --- The write buffer ---------------------------------------------------------------------------

static void buffer_program(struct flash *flash)
{
    struct operation operation = {.kind = OPERATION_PROGRAM,
                                  .offset = flash->buffer_offset,
                                  .length_ns = program_ns[parallelism(flash)]};

    memcpy(operation.bytes, flash->buffer, WORD_SIZE);
    flash->buffer_filled = 0;
    if (!word_is_erased(flash, operation.offset)) {
        machine_violation(flash->machine, "FLASH",
                          "the 256-bit word at 0x%08" PRIX32 " is programmed without being erased",
                          FLASH_BASE + operation.offset);
    }
    check_programming_speed(flash);
    enqueue(flash, &operation);
}

// False: the store was for another word, and what the buffer held is lost.
static bool buffer_byte(struct flash *flash, uint32_t offset, uint8_t byte)
{
    uint32_t flag = UINT32_C(1) << (offset % WORD_SIZE);

    if (flash->buffer_filled == 0) {
        flash->buffer_offset = offset - offset % WORD_SIZE;
        memset(flash->buffer, 0xFF, WORD_SIZE);
    } else if (flash->buffer_offset != offset - offset % WORD_SIZE) {
        machine_violation(flash->machine, "FLASH",
                          "0x%08" PRIX32 " is stored while the 256-bit word at 0x%08" PRIX32
                          " is only partly written",
                          FLASH_BASE + offset, FLASH_BASE + flash->buffer_offset);
        flash->buffer_filled = 0; // what it held is lost
        raise_flag(flash, SR_INCERR);
        return false;
    } else if ((flash->buffer_filled & flag) != 0) {
        machine_violation(flash->machine, "FLASH",
                          "0x%08" PRIX32 " is stored twice into the write buffer",
                          FLASH_BASE + offset);
        raise_flag(flash, SR_STRBERR);
    }
    flash->buffer[offset % WORD_SIZE] = byte;
    flash->buffer_filled |= flag;
    if (flash->buffer_filled == UINT32_MAX) {
        buffer_program(flash);
    }
    return true;
}

// A store of the CPU into the array.
static void array_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct flash *flash = context;

    if ((flash->registers[FLASH_CR1 / 4] & CR_PG) == 0) {
        machine_violation(flash->machine, "FLASH", "0x%08" PRIX32 " is stored to while CR1.PG is 0",
                          FLASH_BASE + offset);
        raise_flag(flash, SR_PGSERR);
        return;
    }
    if ((flash->registers[FLASH_SR1 / 4] & SR_INCERR) != 0) {
        machine_violation(flash->machine, "FLASH",
                          "0x%08" PRIX32 " is stored to before SR1.INCERR was cleared",
                          FLASH_BASE + offset);
        raise_flag(flash, SR_PGSERR);
        return;
    }
    if (write_protected(flash, "programming")) {
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        if (!buffer_byte(flash, offset + i, (uint8_t)(value >> (8 * i)))) {
            return;
        }
    }
}

// --- Locks --------------------------------------------------------------------------------------

// A step of an unlock sequence; true when it is complete.
static bool unlock_step(struct flash *flash, unsigned *step, bool *refused, uint32_t value,
                        const uint32_t keys[2])
{
    if (*refused || value != keys[*step]) {
        machine_violation(flash->machine, "FLASH",
                          "wrong key 0x%08" PRIX32 ": locked until the next reset", value);
        *refused = true;
        *step = 0;
        machine_bus_error(flash->machine);
        return false;
    }
    *step = (*step + 1) % 2;
    return *step == 0;
}

// Keys for what is unlocked lock it until the next reset.
static void unlocked_twice(struct flash *flash, uint32_t control, bool *refused)
{
    machine_violation(flash->machine, "FLASH",
                      "a key is written though nothing is locked: now it is, until the next reset");
    flash->registers[control / 4] |= CR_LOCK; // OPTCR's bit is the same
    *refused = true;
}

static void write_key(struct flash *flash, uint32_t value)
{
    static const uint32_t keys[2] = {KEY1, KEY2};

    if ((flash->registers[FLASH_CR1 / 4] & CR_LOCK) == 0) {
        unlocked_twice(flash, FLASH_CR1, &flash->key_refused);
    } else if (unlock_step(flash, &flash->key_step, &flash->key_refused, value, keys)) {
        flash->registers[FLASH_CR1 / 4] &= ~CR_LOCK;
    }
}

static void write_option_key(struct flash *flash, uint32_t value)
{
    static const uint32_t keys[2] = {OPTION_KEY1, OPTION_KEY2};

    if ((flash->registers[FLASH_OPTCR / 4] & OPTCR_LOCK) == 0) {
        unlocked_twice(flash, FLASH_OPTCR, &flash->option_key_refused);
    } else if (unlock_step(flash, &flash->option_key_step, &flash->option_key_refused, value,
                           keys)) {
        flash->registers[FLASH_OPTCR / 4] &= ~OPTCR_LOCK;
    }
}

// --- CR1 ----------------------------------------------------------------------------------------

static void start_erase(struct flash *flash, uint32_t cr)
{
    struct operation operation = {.kind = OPERATION_ERASE,
                                  .length_ns = erase_ns[parallelism(flash)]};

    flash->registers[FLASH_CR1 / 4] &= ~CR_START;
    if ((cr & (CR_SER | CR_BER)) == 0) {
        machine_violation(flash->machine, "FLASH", "CR1.START without SER or BER");
        raise_flag(flash, SR_PGSERR);
        return;
    }
    if ((cr & CR_BER) == 0 && (cr & CR_SNB) != 0) {
        machine_violation(flash->machine, "FLASH", "sector %" PRIu32 " does not exist, only 0 does",
                          (cr & CR_SNB) >> 8);
        return;
    }
    if (write_protected(flash, "erase")) {
        return;
    }
    check_programming_speed(flash);
    flash->registers[FLASH_CR1 / 4] |= CR_START;
    enqueue(flash, &operation);
}

static void write_cr1(struct flash *flash, uint32_t value)
{
    uint32_t old = flash->registers[FLASH_CR1 / 4];

    if ((old & CR_LOCK) != 0) {
        if (value != old) {
            machine_violation(flash->machine, "FLASH", "CR1 written while it is locked");
        }
        return;
    }
    if (flash->queue_count > 0 && ((value ^ old) & UINT32_C(0x7FE)) != 0) {
        machine_violation(flash->machine, "FLASH", "CR1 changed while an operation is under way");
        return;
    }
    if ((old & ~value & CR_PG) != 0 && flash->buffer_filled != 0) {
        machine_violation(flash->machine, "FLASH",
                          "CR1.PG is cleared while the 256-bit word at 0x%08" PRIX32
                          " is only partly written: it is lost",
                          FLASH_BASE + flash->buffer_offset);
        flash->buffer_filled = 0;
    }
    flash->registers[FLASH_CR1 / 4] = value;
    flash->key_step = 0;
    if ((value & ~old & CR_START) != 0) {
        start_erase(flash, value);
    }
    if ((value & CR_FW) != 0) {
        flash->registers[FLASH_CR1 / 4] &= ~CR_FW;
        if (flash->buffer_filled != 0) {
            buffer_program(flash);
        }
    }
    update_irq(flash);
}

// --- Option bytes -------------------------------------------------------------------------------

static void note_options(struct flash *flash)
{
    flash->rdp = rdp_of(flash, FLASH_OPTSR_CUR);
    flash->write_protected = (flash->registers[FLASH_WPSN_CUR1R / 4] & 1) == 0;
}

static void options_loaded(void *context)
{
    struct flash *flash = context;
    bool regression = rdp_of(flash, FLASH_OPTSR_CUR) != RDP_LEVEL_0 &&
                      rdp_of(flash, FLASH_OPTSR_PRG) == RDP_LEVEL_0;

    if (rdp_of(flash, FLASH_OPTSR_CUR) == RDP_LEVEL_2) {
        machine_violation(flash->machine, "FLASH", "option bytes changed at RDP level 2");
        flash->registers[FLASH_OPTSR_CUR / 4] |= OPTSR_ERROR;
        return;
    }
    if (fails(flash, FLASH_FAILURE_OPTIONS)) {
        flash->registers[FLASH_OPTSR_CUR / 4] |= OPTSR_ERROR;
        return;
    }
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        flash->registers[options[i].current / 4] = flash->registers[options[i].programmed / 4];
    }
    if (regression) {
        erase_part(flash, FLASH_SIZE);
    }
    note_options(flash);
    check_intrusion(flash);
}

static void start_options(struct flash *flash)
{
    if (rdp_of(flash, FLASH_OPTSR_PRG) == RDP_LEVEL_2 &&
        rdp_of(flash, FLASH_OPTSR_CUR) != RDP_LEVEL_2) {
        machine_violation(flash->machine, "FLASH",
                          "read-out protection level 2 is set, which can never be taken back");
    }
    event_arm_in(flash->machine, &flash->options_done, OPTIONS_NS);
    begin(flash, OPTIONS_NS);
}

static void write_optcr(struct flash *flash, uint32_t value)
{
    uint32_t old = flash->registers[FLASH_OPTCR / 4];

    if ((old & OPTCR_LOCK) != 0) {
        if (value != old) {
            machine_violation(flash->machine, "FLASH", "OPTCR written while it is locked");
        }
        return;
    }
    flash->registers[FLASH_OPTCR / 4] = value & ~(OPTCR_START | OPTCR_MER);
    if ((value & OPTCR_MER) != 0) {
        start_erase(flash, CR_BER);
    }
    if ((value & OPTCR_START) != 0) {
        start_options(flash);
    }
}

static void write_option(struct flash *flash, uint32_t word, uint32_t value)
{
    if ((flash->registers[FLASH_OPTCR / 4] & OPTCR_LOCK) != 0) {
        if (value != flash->registers[word / 4]) {
            machine_violation(flash->machine, "FLASH",
                              "an option register is written while OPTCR.OPTLOCK is 1");
        }
        return;
    }
    flash->registers[word / 4] = value;
}

// --- Bus ----------------------------------------------------------------------------------------

static uint32_t read_word(const struct flash *flash, uint32_t word)
{
    switch (word) {
    case FLASH_SR1:
        return status(flash);
    case FLASH_OPTSR_CUR:
        return flash->registers[word / 4] | (flash->options_done.armed ? OPTSR_BUSY : 0);
    default:
        return flash->registers[word / 4];
    }
}

static uint32_t flash_read(void *context, uint32_t offset, unsigned size)
{
    return register_extract(read_word(context, offset & ~UINT32_C(3)), offset, size);
}

static void write_acr(struct flash *flash, uint32_t value)
{
    flash->registers[FLASH_ACR / 4] = value;
    rcc_set_flash_latency(flash->rcc, value & 15);
}

static void flash_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct flash *flash = context;
    uint32_t word = offset & ~UINT32_C(3);
    uint32_t ones = register_merge(0, offset, size, value);

    value = register_merge(flash->registers[word / 4], offset, size, value);
    if (flash->options_done.armed) {
        machine_violation(flash->machine, "FLASH",
                          "a register is written while the option bytes are being programmed");
        return;
    }
    switch (word) {
    case FLASH_ACR:
        write_acr(flash, value);
        break;
    case FLASH_KEYR1:
        write_key(flash, ones);
        break;
    case FLASH_OPTKEYR:
        write_option_key(flash, ones);
        break;
    case FLASH_CR1:
        write_cr1(flash, value);
        break;
    case FLASH_CCR1:
        flash->registers[FLASH_SR1 / 4] &= ~ones;
        update_irq(flash);
        break;
    case FLASH_OPTCR:
        write_optcr(flash, value);
        break;
    case FLASH_OPTCCR:
        flash->registers[FLASH_OPTSR_CUR / 4] &= ~(ones & OPTSR_ERROR);
        break;
    case FLASH_CRCCR1:
        machine_violation(flash->machine, "FLASH", "the flash CRC unit is not modelled");
        break;
    default:
        write_option(flash, word, value);
        break;
    }
}

// What was under way is left half done.
static void tear(struct flash *flash)
{
    const struct operation *operation = &flash->queue[0];
    uint64_t passed_ns = machine_now_ns(flash->machine) - flash->started_ns;

    if (flash->queue_count == 0) {
        return;
    }
    if (operation->kind == OPERATION_ERASE) {
        uint32_t length = (uint32_t)(FLASH_SIZE * passed_ns / operation->length_ns);

        erase_part(flash, length - length % WORD_SIZE);
    } else {
        program_part(flash, operation, (uint32_t)(WORD_SIZE * passed_ns / operation->length_ns));
    }
}

void flash_power_off(struct flash *flash)
{
    tear(flash);
    flash->queue_count = 0;
    flash->buffer_filled = 0;
    event_cancel(flash->machine, &flash->done);
    event_cancel(flash->machine, &flash->options_done);
    event_cancel(flash->machine, &flash->cut);
}

static void flash_reset(void *context, enum reset_kind kind)
{
    struct flash *flash = context;

    flash_power_off(flash);
    if (kind == RESET_POWER_ON) {
        flash->debugger = false;
        flash->blocked = false;
    }
    show_array(flash);
    for (const struct register_info *info = registers; info->name != NULL; info++) {
        if (info->offset < FLASH_OPTSR_CUR || info->offset >= FLASH_CRCCR1) {
            flash->registers[info->offset / 4] = info->reset;
        }
    }
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        flash->registers[options[i].programmed / 4] = flash->registers[options[i].current / 4];
    }
    flash->key_step = 0;
    flash->key_refused = false;
    flash->option_key_step = 0;
    flash->option_key_refused = false;
    update_irq(flash);
}

// --- Construction and questions -----------------------------------------------------------------

static void add_devices(struct flash *flash)
{
    struct device interface = {.name = "FLASH",
                               .base = FLASH_REGISTERS_BASE,
                               .size = 0x1000,
                               .registers = registers,
                               .context = flash,
                               .read = flash_read,
                               .write = flash_write,
                               .reset = flash_reset};
    struct device array = {.name = "FLASH array",
                           .base = FLASH_BASE,
                           .size = FLASH_SIZE,
                           .context = flash,
                           .write = array_write};

    machine_add_device(flash->machine, &interface);
    machine_add_device(flash->machine, &array);
    machine_add_statistic(flash->machine, "flash_operations", &flash->operations);
    machine_add_statistic(flash->machine, "flash_rdp", &flash->rdp);
    machine_add_statistic(flash->machine, "flash_write_protected", &flash->write_protected);
}

struct flash *flash_create(struct machine *machine, struct rcc *rcc)
{
    struct flash *flash = calloc(1, sizeof(*flash));

    if (flash == NULL) {
        abort();
    }
    flash->machine = machine;
    flash->rcc = rcc;
    flash->done = (struct event){.fire = operation_done, .context = flash, .name = "FLASH"};
    flash->options_done =
        (struct event){.fire = options_loaded, .context = flash, .name = "FLASH options"};
    memset(flash->array, 0xFF, FLASH_SIZE);
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        flash->registers[options[i].current / 4] = options[i].factory;
    }
    note_options(flash);
    machine_map_hidable_memory(machine, "flash", FLASH_BASE, FLASH_SIZE, flash->array,
                               array_refused, flash);
    flash_reset(flash, RESET_POWER_ON);
    add_devices(flash);
    machine_on_debugger(machine, debugger_connected, flash);
    return flash;
}

static void cut(void *context)
{
    struct flash *flash = context;

    flash->cut_power(flash->cut_context);
}

void flash_cut_after(struct flash *flash, uint64_t operations, double fraction,
                     void (*cut_power)(void *context), void *context)
{
    flash->cut_at = flash->begun + operations + 1;
    flash->cut_fraction = fraction;
    flash->cut = (struct event){.fire = cut, .context = flash, .name = "FLASH cut"};
    flash->cut_power = cut_power;
    flash->cut_context = context;
}

void flash_fail(struct flash *flash, enum flash_failure kind, uint64_t times)
{
    flash->failures[kind] = times;
}

uint8_t *flash_array(struct flash *flash)
{
    return flash->array;
}

void flash_forget_programmed(struct flash *flash, uint32_t offset, uint32_t length)
{
    uint32_t last = offset + length > FLASH_SIZE ? FLASH_SIZE : offset + length;

    for (uint32_t word = offset / WORD_SIZE; word * WORD_SIZE < last; word++) {
        flash->programmed[word] = false;
    }
}

uint32_t flash_boot_address(const struct flash *flash, bool boot0)
{
    uint32_t boot = flash->registers[FLASH_BOOT_CURR / 4];

    return (boot0 ? boot >> 16 : boot & 0xFFFF) << 16;
}

uint64_t flash_operations(const struct flash *flash)
{
    return flash->operations;
}
