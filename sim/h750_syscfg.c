// SYSCFG of the STM32H750: EXTI port selection, overdrive, compensation cell.
//
// From STM32H753.svd and the CMSIS header (PWRCR.ODEN). The user registers URx, which mirror option
// bytes, and the package code are not modelled: reading one says so.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_syscfg.h"

#include "sim/h750_pwr.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>
#include <string.h>

enum syscfg_offset {
    SYSCFG_PMCR = 0x04,
    SYSCFG_EXTICR1 = 0x08,
    SYSCFG_EXTICR4 = 0x14,
    SYSCFG_CCCSR = 0x20,
    SYSCFG_CCVR = 0x24,
    SYSCFG_CCCR = 0x28,
    SYSCFG_PWRCR = 0x2C,
    SYSCFG_STORED_END = 0x30,
    SYSCFG_PKGR = 0x124,
};

#define CCCSR_EN    (UINT32_C(1) << 0)
#define CCCSR_READY (UINT32_C(1) << 8)
#define PWRCR_ODEN  (UINT32_C(1) << 0)

// clang-format off
static const struct register_info registers[] = {
    REGISTER("PMCR",    0x004, 0x00000000, 0x0FE003FF, 0x0FE003FF),
    REGISTER("EXTICR1", 0x008, 0x00000000, 0x0000FFFF, 0x0000FFFF),
    REGISTER("EXTICR2", 0x00C, 0x00000000, 0x0000FFFF, 0x0000FFFF),
    REGISTER("EXTICR3", 0x010, 0x00000000, 0x0000FFFF, 0x0000FFFF),
    REGISTER("EXTICR4", 0x014, 0x00000000, 0x0000FFFF, 0x0000FFFF),
    REGISTER("CCCSR",   0x020, 0x00000000, 0x00010103, 0x00010003),
    REGISTER("CCVR",    0x024, 0x00000000, 0x000000FF, 0x00000000),
    REGISTER("CCCR",    0x028, 0x00000000, 0x000000FF, 0x000000FF),
    REGISTER("PWRCR",   0x02C, 0x00000000, 0x0000000F, 0x0000000F),
    REGISTER("PKGR",    0x124, 0x00000000, 0x0000000F, 0x00000000),
    REGISTER("UR0",     0x300, 0x00000000, 0x00FF0001, 0x00000000),
    REGISTER("UR2",     0x308, 0x00000000, 0xFFFF0003, 0xFFFF0003),
    REGISTER("UR3",     0x30C, 0x00000000, 0xFFFF0000, 0xFFFF0000),
    REGISTER("UR4",     0x310, 0x00000000, 0x00010000, 0x00000000),
    REGISTER("UR5",     0x314, 0x00000000, 0x00FF0001, 0x00000000),
    REGISTER("UR6",     0x318, 0x00000000, 0x0FFF0FFF, 0x00000000),
    REGISTER("UR7",     0x31C, 0x00000000, 0x0FFF0FFF, 0x00000000),
    REGISTER("UR8",     0x320, 0x00000000, 0x00010001, 0x00000000),
    REGISTER("UR9",     0x324, 0x00000000, 0x0FFF00FF, 0x00000000),
    REGISTER("UR10",    0x328, 0x00000000, 0x0FFF0FFF, 0x00000000),
    REGISTER("UR11",    0x32C, 0x00000000, 0x00010FFF, 0x00000000),
    REGISTER("UR12",    0x330, 0x00000000, 0x00010000, 0x00000000),
    REGISTER("UR13",    0x334, 0x00000000, 0x00010003, 0x00000000),
    REGISTER("UR14",    0x338, 0x00000000, 0x00000001, 0x00000001),
    REGISTER("UR15",    0x33C, 0x00000000, 0x00010000, 0x00000000),
    REGISTER("UR16",    0x340, 0x00000000, 0x00010001, 0x00000000),
    REGISTER("UR17",    0x344, 0x00000000, 0x00000001, 0x00000000),
    REGISTER_END,
};
// clang-format on

struct syscfg {
    struct machine *machine;
    struct pwr *pwr;
    uint32_t registers[SYSCFG_STORED_END / 4];
    struct event overdrive_end;
    void (*changed)(void *context);
    void *changed_context;
};

static uint32_t read_word(const struct syscfg *syscfg, uint32_t word)
{
    if (word >= SYSCFG_PKGR) {
        machine_violation(syscfg->machine, "SYSCFG", "PKGR and the URx registers are not modelled");
        return 0;
    }
    if (word == SYSCFG_CCCSR && (syscfg->registers[word / 4] & CCCSR_EN) != 0) {
        return syscfg->registers[word / 4] | CCCSR_READY;
    }
    return syscfg->registers[word / 4];
}

static uint32_t syscfg_read(void *context, uint32_t offset, unsigned size)
{
    return register_extract(read_word(context, offset & ~UINT32_C(3)), offset, size);
}

static void syscfg_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct syscfg *syscfg = context;
    uint32_t word = offset & ~UINT32_C(3);

    if (word >= SYSCFG_PKGR) {
        machine_violation(syscfg->machine, "SYSCFG", "PKGR and the URx registers are not modelled");
        return;
    }
    syscfg->registers[word / 4] =
        register_merge(syscfg->registers[word / 4], offset, size, value) & ~CCCSR_READY;
    if (word == SYSCFG_PWRCR) {
        pwr_set_overdrive(syscfg->pwr, (syscfg->registers[word / 4] & PWRCR_ODEN) != 0);
    }
    if (word >= SYSCFG_EXTICR1 && word <= SYSCFG_EXTICR4 && syscfg->changed != NULL) {
        syscfg->changed(syscfg->changed_context);
    }
}

static void end_overdrive(void *context)
{
    struct syscfg *syscfg = context;

    pwr_set_overdrive(syscfg->pwr, (syscfg->registers[SYSCFG_PWRCR / 4] & PWRCR_ODEN) != 0);
}

// Overdrive ends behind the reset: in a system reset the clocks have become slow by then.
static void syscfg_reset(void *context, enum reset_kind kind)
{
    struct syscfg *syscfg = context;

    (void)kind;
    memset(syscfg->registers, 0, sizeof(syscfg->registers));
    event_arm_in(syscfg->machine, &syscfg->overdrive_end, 0);
    if (syscfg->changed != NULL) {
        syscfg->changed(syscfg->changed_context);
    }
}

struct syscfg *syscfg_create(struct machine *machine, struct pwr *pwr)
{
    struct syscfg *syscfg = calloc(1, sizeof(*syscfg));
    struct device device = {.name = "SYSCFG",
                            .base = UINT32_C(0x58000400),
                            .size = 0x400,
                            .registers = registers,
                            .context = syscfg,
                            .read = syscfg_read,
                            .write = syscfg_write,
                            .reset = syscfg_reset,
                            .gate_offset = 0xF4, // APB4ENR
                            .gate_bit = 1,
                            .reset_offset = 0x9C, // APB4RSTR
                            .reset_bit = 1};

    if (syscfg == NULL) {
        abort();
    }
    syscfg->machine = machine;
    syscfg->pwr = pwr;
    syscfg->overdrive_end =
        (struct event){.fire = end_overdrive, .context = syscfg, .name = "SYSCFG overdrive"};
    machine_add_device(machine, &device);
    return syscfg;
}

char syscfg_exti_port(const struct syscfg *syscfg, unsigned line)
{
    uint32_t field = syscfg->registers[SYSCFG_EXTICR1 / 4 + line / 4] >> (4 * (line % 4)) & 15;

    return field <= 10 ? (char)('A' + field) : 0;
}

void syscfg_on_change(struct syscfg *syscfg, void (*changed)(void *context), void *context)
{
    syscfg->changed = changed;
    syscfg->changed_context = context;
}
