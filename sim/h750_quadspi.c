// QUADSPI of the STM32H750: its registers and what writing them does. DLYB_QSPI beside it.
//
// From RM0399 revision 4, chapter 24 (the same peripheral as in RM0433), STM32H753.svd, and the
// errata sheets ES0396 and ES0392. FIFO of 32 bytes. Bit 2 of CR (DMAEN in the SVD) is reserved on
// the H7. Registers that the manual lets be written only while BUSY is 0 raise a violation when
// they are written while it is 1, and keep their value. Two exceptions: AR while BUSY and without
// an address phase (ST's HAL writes it again to be sure that a read starts), and CCR with the value
// it has while the clock runs free (the sequence of erratum 2.7.4 asks for it).
//
// SPDX-License-Identifier: MIT
#include "sim/h750_quadspi.h"

#include "sim/h750_quadspi_parts.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define QUADSPI_BASE UINT32_C(0x52005000)
#define DLYB_BASE    UINT32_C(0x52006000)
#define QUADSPI_IRQ  92u

#define AHB3ENR_OFFSET  0xD4u
#define AHB3RSTR_OFFSET 0x7Cu
#define QSPI_BIT        14u

enum quadspi_offset {
    OFFSET_CR = 0x00,
    OFFSET_DCR = 0x04,
    OFFSET_SR = 0x08,
    OFFSET_FCR = 0x0C,
    OFFSET_DLR = 0x10,
    OFFSET_CCR = 0x14,
    OFFSET_AR = 0x18,
    OFFSET_ABR = 0x1C,
    OFFSET_DR = 0x20,
    OFFSET_PSMKR = 0x24,
    OFFSET_PSMAR = 0x28,
    OFFSET_PIR = 0x2C,
    OFFSET_LPTR = 0x30,
};

#define SR_TEF  (UINT32_C(1) << 0)
#define SR_TCF  (UINT32_C(1) << 1)
#define SR_FTF  (UINT32_C(1) << 2)
#define SR_SMF  (UINT32_C(1) << 3)
#define SR_TOF  (UINT32_C(1) << 4)
#define SR_BUSY (UINT32_C(1) << 5)

#define CR_FROZEN                                                                                  \
    (CR_TCEN | CR_SSHIFT | CR_DFM | CR_FSEL | CR_APMS | CR_PMM | CR_PRESCALER) // while BUSY

static const struct register_info registers[] = {
    REGISTER("CR", OFFSET_CR, 0, 0xFFDF1FDB, 0xFFDF1FDB),
    REGISTER("DCR", OFFSET_DCR, 0, 0x001F0701, 0x001F0701),
    REGISTER("SR", OFFSET_SR, 0, 0x00003F3F, 0),
    REGISTER("FCR", OFFSET_FCR, 0, 0x0000001B, 0x0000001B),
    REGISTER("DLR", OFFSET_DLR, 0, UINT32_MAX, UINT32_MAX),
    REGISTER("CCR", OFFSET_CCR, 0, 0xFF7FFFFF, 0xFF7FFFFF),
    REGISTER("AR", OFFSET_AR, 0, UINT32_MAX, UINT32_MAX),
    REGISTER("ABR", OFFSET_ABR, 0, UINT32_MAX, UINT32_MAX),
    REGISTER("DR", OFFSET_DR, 0, UINT32_MAX, UINT32_MAX),
    REGISTER("PSMKR", OFFSET_PSMKR, 0, UINT32_MAX, UINT32_MAX),
    REGISTER("PSMAR", OFFSET_PSMAR, 0, UINT32_MAX, UINT32_MAX),
    REGISTER("PIR", OFFSET_PIR, 0, 0x0000FFFF, 0x0000FFFF),
    REGISTER("LPTR", OFFSET_LPTR, 0, 0x0000FFFF, 0x0000FFFF),
    REGISTER_END,
};

// --- State in short -----------------------------------------------------------------------------

enum quadspi_function quadspi_function(const struct quadspi *quadspi)
{
    return (enum quadspi_function)((quadspi->ccr >> 26) & 3u);
}

uint64_t quadspi_flash_size(const struct quadspi *quadspi)
{
    return UINT64_C(1) << (((quadspi->dcr >> 16) & 31u) + 1);
}

bool quadspi_is_busy(const struct quadspi *quadspi)
{
    return quadspi->activity != ACTIVITY_IDLE || quadspi->map_running ||
           (quadspi->cr & CR_ABORT) != 0;
}

static uint32_t status(const struct quadspi *quadspi)
{
    uint32_t value = quadspi_shown_level(quadspi) << 8;

    value |= quadspi->transfer_error ? SR_TEF : 0;
    value |= quadspi->transfer_complete ? SR_TCF : 0;
    value |= quadspi_threshold_flag(quadspi) ? SR_FTF : 0;
    value |= quadspi->status_match ? SR_SMF : 0;
    value |= quadspi->timeout ? SR_TOF : 0;
    value |= quadspi_is_busy(quadspi) ? SR_BUSY : 0;
    return value;
}

// The enable bits in CR stand in the order of the flags.
void quadspi_update_irq(struct quadspi *quadspi)
{
    machine_irq(quadspi->machine, QUADSPI_IRQ, (status(quadspi) & (quadspi->cr >> 16) & 31u) != 0);
}

// --- CR, CCR ------------------------------------------------------------------------------------

void quadspi_disable(struct quadspi *quadspi)
{
    if (quadspi->activity == ACTIVITY_READING || quadspi->activity == ACTIVITY_WRITING) {
        quadspi_violation(quadspi,
                          "EN cleared in the middle of a transfer (BUSY is 1): abort first");
    }
    event_cancel(quadspi->machine, &quadspi->abort_event);
    quadspi->cr &= ~CR_ABORT;
    quadspi_stop(quadspi);
}

static void write_cr(struct quadspi *quadspi, uint32_t value)
{
    uint32_t old = quadspi->cr;
    uint32_t changed = old ^ value;
    bool was_aborting = (quadspi->cr & CR_ABORT) != 0;
    bool frozen = quadspi_is_busy(quadspi) && quadspi->activity != ACTIVITY_FREE_RUNNING;

    if (frozen && (changed & CR_FROZEN) != 0) {
        quadspi_violation(quadspi,
                          "CR written while BUSY is 1: bits 0x%08" PRIX32 " can only be changed "
                          "while it is 0",
                          changed & CR_FROZEN);
        value = (value & ~CR_FROZEN) | (quadspi->cr & CR_FROZEN);
    }
    quadspi->cr = (value & ~CR_ABORT) | (was_aborting ? CR_ABORT : 0);
    quadspi_read_clock(quadspi);
    if (((quadspi->cr ^ old) & (CR_DFM | CR_FSEL)) != 0) {
        quadspi_map_close(quadspi, "DFM or FSEL was changed"); // other chips behind the window
    }
    if ((changed & CR_EN) != 0 && (value & CR_EN) == 0) {
        quadspi_disable(quadspi);
    } else if ((value & CR_ABORT) != 0 && (value & CR_EN) != 0 && !was_aborting) {
        quadspi_abort(quadspi);
    }
    if (((changed & (CR_EN | CR_FROZEN)) != 0 && quadspi_function(quadspi) == FUNCTION_MAPPED) ||
        (value & CR_EN) == 0) {
        quadspi_map_update(quadspi);
    }
    quadspi_arm(quadspi);
    quadspi_rearm_poll(quadspi);
    quadspi_update_irq(quadspi);
}

// False: BUSY is 1 and the register keeps its value.
static bool may_write(struct quadspi *quadspi, const char *name)
{
    if (quadspi_is_busy(quadspi)) {
        quadspi_violation(quadspi, "%s written while BUSY is 1%s: the write has no effect", name,
                          quadspi->map_running ? " (memory-mapped reads prefetch: abort first)"
                                               : "");
        return false;
    }
    return true;
}

static void write_ccr(struct quadspi *quadspi, uint32_t value, bool with_instruction)
{
    if (quadspi->activity == ACTIVITY_FREE_RUNNING && value == quadspi->ccr) {
        return;
    }
    if (!may_write(quadspi, "CCR")) {
        return;
    }
    if (value == 0) {
        quadspi_violation(quadspi, "CCR written with 0 hangs the controller with BUSY set "
                                   "(erratum 2.6.2)");
        return;
    }
    quadspi->ccr = value;
    quadspi->instruction_sent = false;
    quadspi_map_update(quadspi);
    if ((value & CCR_FRCM) != 0) {
        if ((quadspi->cr & CR_EN) != 0) {
            quadspi->activity = ACTIVITY_FREE_RUNNING;
        }
    } else if (with_instruction) {
        quadspi_written_ccr(quadspi);
    }
}

static void write_ar(struct quadspi *quadspi, uint32_t value)
{
    bool address = ((quadspi->ccr >> 10) & 3u) != 0;

    if (quadspi_function(quadspi) == FUNCTION_MAPPED) {
        quadspi_trace(quadspi, "AR written in memory-mapped mode: ignored");
        return;
    }
    if (quadspi_is_busy(quadspi) && !address) {
        quadspi_trace(quadspi, "AR written while BUSY: ignored, the frame has no address");
        return;
    }
    if (!may_write(quadspi, "AR")) {
        return;
    }
    quadspi->ar = quadspi_is_dual(quadspi) ? value & ~UINT32_C(1) : value;
    quadspi_written_ar(quadspi);
}

static void clear_flags(struct quadspi *quadspi, uint32_t value)
{
    quadspi->transfer_error &= (value & SR_TEF) == 0;
    quadspi->transfer_complete &= (value & SR_TCF) == 0;
    quadspi->status_match &= (value & SR_SMF) == 0;
    quadspi->timeout &= (value & SR_TOF) == 0;
    quadspi_update_irq(quadspi);
}

// --- The bus ------------------------------------------------------------------------------------

// The word behind a register that is plain storage; NULL: it is not.
static uint32_t *storage(struct quadspi *quadspi, uint32_t offset)
{
    switch (offset) {
    case OFFSET_CR:
        return &quadspi->cr;
    case OFFSET_DCR:
        return &quadspi->dcr;
    case OFFSET_DLR:
        return &quadspi->dlr;
    case OFFSET_CCR:
        return &quadspi->ccr;
    case OFFSET_AR:
        return &quadspi->ar;
    case OFFSET_ABR:
        return &quadspi->abr;
    case OFFSET_PSMKR:
        return &quadspi->psmkr;
    case OFFSET_PSMAR:
        return &quadspi->psmar;
    case OFFSET_PIR:
        return &quadspi->pir;
    case OFFSET_LPTR:
        return &quadspi->lptr;
    default:
        return NULL;
    }
}

static bool data_aligned(struct quadspi *quadspi, uint32_t offset)
{
    if (offset == OFFSET_DR) {
        return true;
    }
    quadspi_violation(quadspi,
                      "DR accessed at offset 0x%02" PRIX32 ": data stands at the bottom "
                      "of the register",
                      offset);
    return false;
}

static uint32_t read_register(void *context, uint32_t offset, unsigned size)
{
    struct quadspi *quadspi = context;
    const uint32_t *word = storage(quadspi, offset & ~3u);

    quadspi_update(quadspi);
    if ((offset & ~3u) == OFFSET_DR) {
        return data_aligned(quadspi, offset) ? quadspi_read_data(quadspi, size) : 0;
    }
    if ((offset & ~3u) == OFFSET_SR) {
        return register_extract(status(quadspi), offset, size);
    }
    return word == NULL ? 0 : register_extract(*word, offset, size);
}

static void write_plain(struct quadspi *quadspi, uint32_t offset, uint32_t value)
{
    const struct register_info *info = registers;

    while (info->offset != offset) {
        info++;
    }
    if (!may_write(quadspi, info->name)) {
        return;
    }
    if (offset == OFFSET_DLR && quadspi_is_dual(quadspi)) {
        value |= 1;
    }
    *storage(quadspi, offset) = value;
}

static void write_register(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct quadspi *quadspi = context;
    const uint32_t *word = storage(quadspi, offset & ~3u);
    uint32_t merged = register_merge(word == NULL ? 0 : *word, offset, size, value);

    quadspi_update(quadspi);
    switch (offset & ~3u) {
    case OFFSET_CR:
        write_cr(quadspi, merged);
        break;
    case OFFSET_FCR:
        clear_flags(quadspi, merged);
        break;
    case OFFSET_CCR:
        write_ccr(quadspi, merged, offset == OFFSET_CCR);
        break;
    case OFFSET_AR:
        write_ar(quadspi, merged);
        break;
    case OFFSET_DR:
        if (data_aligned(quadspi, offset)) {
            quadspi_write_data(quadspi, value, size);
        }
        break;
    default:
        write_plain(quadspi, offset & ~3u, merged);
        break;
    }
}

// The chips keep their power, their mode and their work.
static void reset(void *context, enum reset_kind kind)
{
    struct quadspi *quadspi = context;

    (void)kind;
    quadspi_update(quadspi);
    event_cancel(quadspi->machine, &quadspi->abort_event);
    quadspi_stop(quadspi);
    quadspi_map_close(quadspi, "EN is 0");
    for (uint32_t offset = 0; offset <= OFFSET_LPTR; offset += 4) {
        uint32_t *word = storage(quadspi, offset);

        if (word != NULL) {
            *word = 0;
        }
    }
    quadspi->transfer_error = false;
    quadspi->transfer_complete = false;
    quadspi->status_match = false;
    quadspi->timeout = false;
    quadspi->instruction_sent = false;
    quadspi->poll_status = 0;
    quadspi_read_clock(quadspi);
    quadspi_update_irq(quadspi);
    for (unsigned i = 0; i < 2; i++) {
        if (quadspi->chips[i] != NULL) {
            nor_chip_controller_reset(quadspi->chips[i]);
        }
    }
}

// --- What others change -------------------------------------------------------------------------

static void clock_changed(void *context)
{
    struct quadspi *quadspi = context;
    uint64_t old_hz = quadspi->kernel_hz;

    if (quadspi->activity == ACTIVITY_READING || quadspi->activity == ACTIVITY_WRITING) {
        quadspi_update(quadspi);
    }
    quadspi_read_clock(quadspi);
    if (quadspi->kernel_hz != old_hz && quadspi_is_busy(quadspi) && !quadspi->map_running) {
        if (quadspi->kernel_hz == 0) {
            quadspi_violation(quadspi, "the kernel clock was stopped in the middle of a transfer");
        } else if (quadspi->activity == ACTIVITY_POLLING) {
            quadspi_trace(quadspi, "clock changed while polling: the interval stays");
        } else { // what is left of the transfer runs at the new rate
            quadspi->segment_ns = machine_now_ns(quadspi->machine);
            quadspi->segment_units = 0;
            quadspi->lead_cycles = quadspi->units_moved == 0 ? quadspi->lead_cycles : 0;
            quadspi_arm(quadspi);
        }
    }
    quadspi_map_clock_changed(quadspi);
}

static bool same_pin(struct pin a, struct pin b)
{
    return a.port == b.port && a.number == b.number;
}

static bool is_ours(const struct quadspi_wiring *wiring, struct pin pin)
{
    if (same_pin(wiring->clk.pin, pin) || same_pin(wiring->ncs.pin, pin) ||
        same_pin(wiring->bank2_ncs.pin, pin)) {
        return true;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (same_pin(wiring->bank1_io[i].pin, pin) || same_pin(wiring->bank2_io[i].pin, pin)) {
            return true;
        }
    }
    return false;
}

static void pin_changed(void *context, struct pin pin)
{
    struct quadspi *quadspi = context;

    if (!is_ours(&quadspi->wiring, pin)) {
        return;
    }
    if (quadspi->mapped) {
        quadspi_map_clock_changed(quadspi);
    } else if (quadspi->activity == ACTIVITY_READING || quadspi->activity == ACTIVITY_WRITING) {
        quadspi_update(quadspi);
        quadspi_check_bus(quadspi, &quadspi->frame);
    }
}

// --- DLYB_QSPI ----------------------------------------------------------------------------------

// The delay block in front of the sampling clock. Off after reset; its delays have no effect here.
struct delay_block {
    uint32_t cr;
    uint32_t cfgr;
};

static const struct register_info delay_registers[] = {
    REGISTER("CR", 0x00, 0, 0x00000003, 0x00000003),
    REGISTER("CFGR", 0x04, 0, 0x8FFF7F0F, 0x00007F0F),
    REGISTER_END,
};

static uint32_t delay_read(void *context, uint32_t offset, unsigned size)
{
    const struct delay_block *block = context;

    return register_extract(offset < 4 ? block->cr : block->cfgr, offset, size);
}

static void delay_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct delay_block *block = context;
    uint32_t *word = offset < 4 ? &block->cr : &block->cfgr;

    *word = register_merge(*word, offset, size, value) & delay_registers[offset / 4].writable;
}

static void delay_reset(void *context, enum reset_kind kind)
{
    (void)kind;
    memset(context, 0, sizeof(struct delay_block));
}

static void add_delay_block(struct machine *machine)
{
    struct delay_block *block = calloc(1, sizeof(*block));
    struct device device = {.name = "DLYB_QSPI",
                            .base = DLYB_BASE,
                            .size = 0x1000,
                            .registers = delay_registers,
                            .context = block,
                            .read = delay_read,
                            .write = delay_write,
                            .reset = delay_reset,
                            .gate_offset = AHB3ENR_OFFSET,
                            .gate_bit = QSPI_BIT,
                            .reset_bit = QSPI_BIT,
                            .reset_offset = AHB3RSTR_OFFSET};

    if (block == NULL) {
        abort();
    }
    machine_add_device(machine, &device);
}

// --- Creation -----------------------------------------------------------------------------------

struct quadspi *quadspi_create(struct machine *machine, struct rcc *rcc, struct gpio *gpio,
                               const struct quadspi_wiring *wiring, struct nor_chip *chip1,
                               struct nor_chip *chip2)
{
    struct quadspi *quadspi = calloc(1, sizeof(*quadspi));
    struct device device = {.name = "QUADSPI",
                            .base = QUADSPI_BASE,
                            .size = 0x1000,
                            .registers = registers,
                            .context = quadspi,
                            .read = read_register,
                            .write = write_register,
                            .reset = reset,
                            .gate_offset = AHB3ENR_OFFSET,
                            .gate_bit = QSPI_BIT,
                            .reset_bit = QSPI_BIT,
                            .reset_offset = AHB3RSTR_OFFSET};

    if (quadspi == NULL) {
        abort();
    }
    quadspi->machine = machine;
    quadspi->rcc = rcc;
    quadspi->gpio = gpio;
    quadspi->wiring = *wiring;
    quadspi->chips[0] = chip1;
    quadspi->chips[1] = chip2;
    quadspi->bus_event =
        (struct event){.fire = quadspi_bus_event, .context = quadspi, .name = "QUADSPI bus"};
    quadspi->abort_event =
        (struct event){.fire = quadspi_abort_event, .context = quadspi, .name = "QUADSPI abort"};
    machine_add_device(machine, &device);
    add_delay_block(machine);
    quadspi_map_create(quadspi);
    quadspi_read_clock(quadspi);
    rcc_on_change(rcc, clock_changed, quadspi);
    gpio_on_change(gpio, pin_changed, quadspi);
    machine_add_statistic(machine, "quadspi.transactions", &quadspi->transactions);
    machine_add_statistic(machine, "quadspi.bytes", &quadspi->bytes_moved);
    return quadspi;
}
