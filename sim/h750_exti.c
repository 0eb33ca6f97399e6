// EXTI of the STM32H750: edges on GPIO pins and internal lines become pending interrupts.
//
// From STM32H753.svd and the CMSIS header. The configurable lines 0 to 21 work; lines above and the
// event side (wake-up of D3, WFE) have registers but no effect. The SVD calls CPUIMR3 and CPUEMR3
// read-only; the HAL writes them.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_exti.h"

#include "sim/h750_gpio.h"
#include "sim/h750_syscfg.h"
#include "sim/machine.h"
#include "sim/register_bytes.h"
#include "sim/register_table.h"

#include <stdlib.h>
#include <string.h>

enum exti_offset {
    EXTI_RTSR1 = 0x00,
    EXTI_FTSR1 = 0x04,
    EXTI_SWIER1 = 0x08,
    EXTI_SWIER2 = 0x28,
    EXTI_SWIER3 = 0x48,
    EXTI_CPUIMR1 = 0x80,
    EXTI_CPUPR1 = 0x88,
    EXTI_CPUPR2 = 0x98,
    EXTI_CPUPR3 = 0xA8,
    EXTI_REGISTERS_END = 0xAC,
};

#define PIN_LINES 16u
#define LINES_1   UINT32_C(0x003FFFFF)

// clang-format off
static const struct register_info registers[] = {
    REGISTER("RTSR1",   0x000, 0x00000000, 0x003FFFFF, 0x003FFFFF),
    REGISTER("FTSR1",   0x004, 0x00000000, 0x003FFFFF, 0x003FFFFF),
    REGISTER("SWIER1",  0x008, 0x00000000, 0x003FFFFF, 0x003FFFFF),
    REGISTER("D3PMR1",  0x00C, 0x00000000, 0x0238FFFF, 0x0238FFFF),
    REGISTER("D3PCR1L", 0x010, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("D3PCR1H", 0x014, 0x00000000, 0x000C0FC0, 0x000C0FC0),
    REGISTER("RTSR2",   0x020, 0x00000000, 0x000A0000, 0x000A0000),
    REGISTER("FTSR2",   0x024, 0x00000000, 0x000A0000, 0x000A0000),
    REGISTER("SWIER2",  0x028, 0x00000000, 0x000A0000, 0x000A0000),
    REGISTER("D3PMR2",  0x02C, 0x00000000, 0x003F020C, 0x003F020C),
    REGISTER("D3PCR2L", 0x030, 0x00000000, 0x000C00F0, 0x000C00F0),
    REGISTER("D3PCR2H", 0x034, 0x00000000, 0x00000FFF, 0x00000FFF),
    REGISTER("RTSR3",   0x040, 0x00000000, 0x00740000, 0x00740000),
    REGISTER("FTSR3",   0x044, 0x00000000, 0x00740000, 0x00740000),
    REGISTER("SWIER3",  0x048, 0x00000000, 0x00740000, 0x00740000),
    REGISTER("D3PMR3",  0x04C, 0x00000000, 0x01000000, 0x01000000),
    REGISTER("D3PCR3H", 0x054, 0x00000000, 0x000C0000, 0x000C0000),
    REGISTER("CPUIMR1", 0x080, 0xFFC00000, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("CPUEMR1", 0x084, 0x00000000, 0xFFFFFFFF, 0xFFFFFFFF),
    REGISTER("CPUPR1",  0x088, 0x00000000, 0x003FFFFF, 0x003FFFFF),
    REGISTER("CPUIMR2", 0x090, 0x00000000, 0xFFFFDFFF, 0xFFFFDFFF),
    REGISTER("CPUEMR2", 0x094, 0x00000000, 0xFFFFDFFF, 0xFFFFDFFF),
    REGISTER("CPUPR2",  0x098, 0x00000000, 0x000A0000, 0x000A0000),
    REGISTER("CPUIMR3", 0x0A0, 0x00000000, 0x01F5FFFF, 0x01F5FFFF),
    REGISTER("CPUEMR3", 0x0A4, 0x00000000, 0x01F5FFFF, 0x01F5FFFF),
    REGISTER("CPUPR3",  0x0A8, 0x00000000, 0x00740000, 0x00740000),
    REGISTER_END,
};
// clang-format on

// The interrupt line of each group of EXTI lines.
struct vector {
    uint32_t lines;
    uint8_t irq;
};
static const struct vector vectors[] = {
    {0x00001, 6},  {0x00002, 7}, {0x00004, 8},  {0x00008, 9}, {0x00010, 10}, {0x003E0, 23},
    {0x0FC00, 40}, {0x10000, 1}, {0x20000, 41}, {0x40000, 2}, {0x80000, 3},  {0x300000, 137},
};

struct exti {
    struct machine *machine;
    struct gpio *gpio;
    struct syscfg *syscfg;
    uint32_t registers[EXTI_REGISTERS_END / 4];
    uint32_t levels; // of the lines, as last seen
};

static void update_irqs(struct exti *exti)
{
    uint32_t active = exti->registers[EXTI_CPUPR1 / 4] & exti->registers[EXTI_CPUIMR1 / 4];

    for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        machine_irq(exti->machine, vectors[i].irq, (active & vectors[i].lines) != 0);
    }
}

void exti_set_line(struct exti *exti, unsigned line, bool level)
{
    uint32_t bit = UINT32_C(1) << line;
    bool before = (exti->levels & bit) != 0;

    if (level == before) {
        return;
    }
    exti->levels ^= bit;
    if ((exti->registers[(level ? EXTI_RTSR1 : EXTI_FTSR1) / 4] & bit) != 0) {
        exti->registers[EXTI_CPUPR1 / 4] |= bit;
        update_irqs(exti);
    }
}

static void pin_changed(void *context, struct pin pin)
{
    struct exti *exti = context;

    if (syscfg_exti_port(exti->syscfg, pin.number) == pin.port) {
        exti_set_line(exti, pin.number, gpio_level(exti->gpio, pin));
    }
}

// Another port selected: its level counts from now on, without an edge.
static void selection_changed(void *context)
{
    struct exti *exti = context;

    for (uint8_t line = 0; line < PIN_LINES; line++) {
        struct pin pin = {.port = syscfg_exti_port(exti->syscfg, line), .number = line};
        bool level = pin.port != 0 && gpio_level(exti->gpio, pin);

        exti->levels &= ~(UINT32_C(1) << line);
        exti->levels |= (uint32_t)level << line;
    }
}

// --- Bus ----------------------------------------------------------------------------------------

static uint32_t exti_read(void *context, uint32_t offset, unsigned size)
{
    const struct exti *exti = context;

    return register_extract(exti->registers[offset / 4], offset, size);
}

static void write_software(struct exti *exti, uint32_t word, uint32_t value)
{
    uint32_t pending = word == EXTI_SWIER1   ? EXTI_CPUPR1
                       : word == EXTI_SWIER2 ? EXTI_CPUPR2
                                             : EXTI_CPUPR3;

    exti->registers[pending / 4] |= value & ~exti->registers[word / 4];
    exti->registers[word / 4] |= value;
}

static void write_pending(struct exti *exti, uint32_t word, uint32_t value)
{
    uint32_t software = word == EXTI_CPUPR1   ? EXTI_SWIER1
                        : word == EXTI_CPUPR2 ? EXTI_SWIER2
                                              : EXTI_SWIER3;

    exti->registers[word / 4] &= ~value;
    exti->registers[software / 4] &= ~value;
}

static void exti_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    struct exti *exti = context;
    uint32_t word = offset & ~UINT32_C(3);
    uint32_t ones = register_merge(0, offset, size, value);

    switch (word) {
    case EXTI_SWIER1:
    case EXTI_SWIER2:
    case EXTI_SWIER3:
        write_software(exti, word, ones);
        break;
    case EXTI_CPUPR1:
    case EXTI_CPUPR2:
    case EXTI_CPUPR3:
        write_pending(exti, word, ones);
        break;
    default:
        exti->registers[word / 4] = register_merge(exti->registers[word / 4], offset, size, value);
        break;
    }
    update_irqs(exti);
}

static void exti_reset(void *context, enum reset_kind kind)
{
    struct exti *exti = context;

    (void)kind;
    memset(exti->registers, 0, sizeof(exti->registers));
    exti->registers[EXTI_CPUIMR1 / 4] = ~LINES_1;
    selection_changed(exti);
    update_irqs(exti);
}

struct exti *exti_create(struct machine *machine, struct gpio *gpio, struct syscfg *syscfg)
{
    struct exti *exti = calloc(1, sizeof(*exti));
    struct device device = {.name = "EXTI",
                            .base = UINT32_C(0x58000000),
                            .size = 0x400,
                            .registers = registers,
                            .context = exti,
                            .read = exti_read,
                            .write = exti_write,
                            .reset = exti_reset};

    if (exti == NULL) {
        abort();
    }
    exti->machine = machine;
    exti->gpio = gpio;
    exti->syscfg = syscfg;
    exti_reset(exti, RESET_POWER_ON);
    machine_add_device(machine, &device);
    gpio_on_change(gpio, pin_changed, exti);
    syscfg_on_change(syscfg, selection_changed, exti);
    return exti;
}
