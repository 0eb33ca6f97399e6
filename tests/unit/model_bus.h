// The virtual board's chip, or two of them, behind a `struct nor_bus`, for tests of the core
// without a controller.
//
// SPDX-License-Identifier: MIT
#ifndef TESTS_UNIT_MODEL_BUS_H
#define TESTS_UNIT_MODEL_BUS_H

#include "core/nor_bus.h"
#include "sim/machine_build.h"
#include "sim/nor_chip.h"

#define MODEL_MS UINT64_C(1000000)

struct model_bus {
    struct nor_bus bus;
    struct machine *machine;
    struct nor_chip *chip;
    struct nor_chip *second; // of two; NULL
    struct nor_command polled;
    uint8_t poll_mask, poll_match;
    bool dead; // the power is gone: nothing is heard, nothing answers, nothing ends
    // Sees each erase and program before the chip does; may be NULL.
    void (*watch)(void *context, const struct nor_command *command, const uint8_t *data,
                  size_t length);
    void *context;
};

// A powered, blank chip of this model, ready for its first command.
void model_bus_create(struct model_bus *model_bus, const char *model);
// The same for a kind of chip that is not on the list.
struct nor_model;
const struct nor_model *model_stranger(void); // a W25Q256JV with another id
void model_bus_create_model(struct model_bus *model_bus, const struct nor_model *model);

// Two of them in dual-flash mode.
void model_bus_create_dual(struct model_bus *model_bus, const char *model);
void model_bus_destroy(struct model_bus *model_bus);

// A chip-select period takes the time of a few dozen clocks and is 60 ns apart from the last one.
void model_bus_frame(struct model_bus *model_bus, const struct nor_command *command, bool is_read,
                     uint8_t *in, const uint8_t *out, size_t length);

#endif
