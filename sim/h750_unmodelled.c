// The STM32H750's peripherals that the virtual board does not have: an access names them.
//
// Names and bases from STM32H753.svd.
//
// SPDX-License-Identifier: MIT
#include "sim/h750_unmodelled.h"

#include "sim/machine.h"

#include <inttypes.h>
#include <stdlib.h>

struct place {
    const char *name;
    uint32_t base;
    uint32_t size;
};

static const struct place places[] = {
    {"LPTIM1", 0x40002400, 0x400},       {"SPI2", 0x40003800, 0x400},
    {"SPI3", 0x40003C00, 0x400},         {"SPDIFRX", 0x40004000, 0x400},
    {"I2C1", 0x40005400, 0x400},         {"I2C2", 0x40005800, 0x400},
    {"I2C3", 0x40005C00, 0x400},         {"CEC", 0x40006C00, 0x400},
    {"DAC", 0x40007400, 0x400},          {"SWPMI", 0x40008800, 0x400},
    {"OPAMP", 0x40009000, 0x400},        {"MDIOS", 0x40009400, 0x400},
    {"FDCAN1", 0x4000A000, 0x400},       {"FDCAN2", 0x4000A400, 0x400},
    {"CAN_CCU", 0x4000A800, 0x400},      {"FDCAN message RAM", 0x4000AC00, 0x2800},
    {"SPI1", 0x40013000, 0x400},         {"SPI4", 0x40013400, 0x400},
    {"SPI5", 0x40015000, 0x400},         {"SAI1", 0x40015800, 0x400},
    {"SAI2", 0x40015C00, 0x400},         {"SAI3", 0x40016000, 0x400},
    {"DFSDM1", 0x40017000, 0x400},       {"HRTIM", 0x40017400, 0x400},

    {"ADC1, ADC2", 0x40022000, 0x400},   {"Ethernet", 0x40028000, 0x1400},
    {"DCMI", 0x48020000, 0x400},         {"CRYP", 0x48021000, 0x400},
    {"SDMMC2", 0x48022400, 0x400},       {"DLYB_SDMMC2", 0x48022800, 0x400},
    {"RAMECC2", 0x48023000, 0x400},      {"LTDC", 0x50001000, 0x1000},
    {"MDMA", 0x52000000, 0x1000},        {"DMA2D", 0x52001000, 0x1000},
    {"JPEG", 0x52003000, 0x1000},        {"SDMMC1", 0x52007000, 0x1000},
    {"DLYB_SDMMC1", 0x52008000, 0x1000}, {"RAMECC1", 0x52009000, 0x400},
    {"SPI6", 0x58001400, 0x400},         {"I2C4", 0x58001C00, 0x400},
    {"LPTIM2", 0x58002400, 0x400},       {"LPTIM3", 0x58002800, 0x400},
    {"LPTIM4", 0x58002C00, 0x400},       {"LPTIM5", 0x58003000, 0x400},
    {"COMP", 0x58003800, 0x400},         {"VREFBUF", 0x58003C00, 0x400},
    {"SAI4", 0x58005400, 0x400},

    {"ADC3", 0x58026000, 0x400},         {"HSEM", 0x58026400, 0x400},
    {"RAMECC3", 0x58027000, 0x400},
};
#define PLACE_COUNT (sizeof(places) / sizeof(places[0]))

struct unmodelled {
    struct machine *machine;
    const struct place *place;
};

static void complain(const struct unmodelled *unmodelled, const char *verb, uint32_t offset)
{
    machine_violation(unmodelled->machine, unmodelled->place->name,
                      "%s is not modelled; 0x%08" PRIX32 " was %s", unmodelled->place->name,
                      unmodelled->place->base + offset, verb);
}

static uint32_t refuse_read(void *context, uint32_t offset, unsigned size)
{
    (void)size;
    complain(context, "read", offset);
    return 0;
}

static void refuse_write(void *context, uint32_t offset, unsigned size, uint32_t value)
{
    (void)size;
    (void)value;
    complain(context, "written", offset);
}

void unmodelled_create(struct machine *machine)
{
    struct unmodelled *all = calloc(PLACE_COUNT, sizeof(*all));

    if (all == NULL) {
        abort();
    }
    for (unsigned i = 0; i < PLACE_COUNT; i++) {
        struct device device = {.name = places[i].name,
                                .base = places[i].base,
                                .size = places[i].size,
                                .context = &all[i],
                                .read = refuse_read,
                                .write = refuse_write};

        all[i] = (struct unmodelled){.machine = machine, .place = &places[i]};
        machine_add_device(machine, &device);
    }
}
