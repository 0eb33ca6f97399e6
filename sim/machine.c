// The machine: its parts list, the register bus with its checks, memory, interrupt lines, resets.
//
// SPDX-License-Identifier: MIT
#include "sim/machine_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HSI_HZ UINT64_C(64000000)

struct machine *machine_create(void)
{
    struct machine *machine = calloc(1, sizeof(*machine));

    if (machine == NULL) {
        abort();
    }
    machine->cpu_hz = HSI_HZ;
    machine->firing_ns = TIME_NEVER;
    machine->limit_ns = TIME_NEVER;
    machine->clock.deadline_cycles = UINT64_MAX;
    return machine;
}

void machine_destroy(struct machine *machine)
{
    for (size_t i = 0; i < machine->device_count; i++) {
        free(machine->devices[i]->word_to_register);
        free(machine->devices[i]);
    }
    machine_free_watches(machine);
    free(machine->heap);
    free(machine);
}

// --- Devices and their registers ----------------------------------------------------------------

static bool register_covers(const struct register_info *info, uint32_t offset)
{
    uint32_t count = info->count > 1 ? info->count : 1;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t start = info->offset + i * info->stride;

        if (offset >= start && offset < start + 4) {
            return true;
        }
    }
    return false;
}

const struct register_info *device_register(const struct device *device, uint32_t offset)
{
    if (device->registers == NULL) {
        return NULL;
    }
    for (const struct register_info *info = device->registers; info->name != NULL; info++) {
        if (register_covers(info, offset)) {
            return info;
        }
    }
    return NULL;
}

static void index_registers(struct bus_device *bus)
{
    const struct register_info *registers = bus->device.registers;

    bus->words = bus->device.size / 4;
    bus->word_to_register = calloc(bus->words, sizeof(*bus->word_to_register));
    if (bus->word_to_register == NULL) {
        abort();
    }
    for (uint16_t i = 0; registers[i].name != NULL; i++) {
        uint32_t count = registers[i].count > 1 ? registers[i].count : 1;

        for (uint32_t entry = 0; entry < count; entry++) {
            uint32_t word = (registers[i].offset + entry * registers[i].stride) / 4;

            assert(word < bus->words && "register outside its device");
            if (bus->word_to_register[word] == 0) {
                bus->word_to_register[word] = (uint16_t)(i + 1);
            }
        }
    }
}

void machine_add_device(struct machine *machine, const struct device *device)
{
    struct bus_device *bus = calloc(1, sizeof(*bus));
    size_t at = machine->device_count;

    assert(machine->device_count < DEVICES_MAX);
    if (bus == NULL) {
        abort();
    }
    bus->device = *device;
    if (device->registers != NULL) {
        index_registers(bus);
    }
    while (at > 0 && machine->devices[at - 1]->device.base > device->base) {
        machine->devices[at] = machine->devices[at - 1];
        at--;
    }
    machine->devices[at] = bus;
    machine->device_count++;
    memset(machine->device_cache, 0, sizeof(machine->device_cache));
}

static struct bus_device *device_search(const struct machine *machine, uint32_t address)
{
    size_t low = 0;
    size_t high = machine->device_count;

    while (low < high) { // the last device whose base is not above the address
        size_t middle = (low + high) / 2;

        if (machine->devices[middle]->device.base <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || address - machine->devices[low - 1]->device.base >=
                        machine->devices[low - 1]->device.size) {
        return NULL;
    }
    return machine->devices[low - 1];
}

static struct bus_device *device_at(struct machine *machine, uint32_t address)
{
    struct bus_device **line = &machine->device_cache[(address >> 8) % DEVICE_CACHE_LINES];

    if (*line == NULL || address - (*line)->device.base >= (*line)->device.size) {
        struct bus_device *found = device_search(machine, address);

        if (found == NULL) {
            return NULL;
        }
        *line = found;
    }
    return *line;
}

void machine_set_clock_service(struct machine *machine, const struct clock_service *service)
{
    machine->clock_service = *service;
}

static bool gate_open(const struct machine *machine, uint16_t offset, uint8_t bit)
{
    return offset == 0 || machine->clock_service.gate_open == NULL ||
           machine->clock_service.gate_open(machine->clock_service.context, offset, bit);
}

// --- Register access ----------------------------------------------------------------------------

static const char *size_name(unsigned size)
{
    return size == 4 ? "word" : size == 2 ? "half-word" : "byte";
}

// The rules that hold for reads and writes. False: a violation was raised and, if the program goes
// on regardless, the access has no effect.
static bool access_allowed(struct machine *machine, const struct bus_device *bus, uint32_t offset,
                           unsigned size, const char *verb, const struct register_info **found)
{
    const struct device *device = &bus->device;
    const struct register_info *info = NULL;

    if (!gate_open(machine, device->gate_offset, device->gate_bit)) {
        machine_violation(machine, device->name,
                          "offset 0x%03" PRIX32 " %s while its clock is off "
                          "(RCC register at offset 0x%02X, bit %u is 0)",
                          offset, verb, device->gate_offset, device->gate_bit);
        return false;
    }
    *found = NULL;
    if (device->registers == NULL) {
        return true;
    }
    if (offset / 4 < bus->words && bus->word_to_register[offset / 4] != 0) {
        info = &device->registers[bus->word_to_register[offset / 4] - 1];
    }
    if (info == NULL) {
        machine_violation(machine, device->name, "offset 0x%03" PRIX32 " %s, no register is there",
                          offset, verb);
        return false;
    }
    *found = info;
    if (offset % size != 0) {
        machine_violation(machine, device->name, "%s %s by an unaligned %s access", info->name,
                          verb, size_name(size));
        return false;
    }
    if (info->access != 0 && (info->access & size) == 0) {
        machine_violation(machine, device->name, "%s %s by a %s access, which it does not take",
                          info->name, verb, size_name(size));
        return false;
    }
    return true;
}

static uint32_t size_mask(unsigned size)
{
    return size == 4 ? UINT32_MAX : (UINT32_C(1) << (8 * size)) - 1;
}

// The bits of a register that an access of `size` at `offset` reaches, moved to bit 0.
static uint32_t register_part(uint32_t bits, uint32_t offset, unsigned size)
{
    return (bits >> (8 * (offset % 4))) & size_mask(size);
}

// A debugger's access that is not allowed: an unclocked device does not answer, others read as 0.
static bool debugger_can_go_on(const struct machine *machine, const struct device *device)
{
    return gate_open(machine, device->gate_offset, device->gate_bit);
}

static bool device_read(struct machine *machine, struct bus_device *bus, uint32_t offset,
                        unsigned size, uint32_t *value)
{
    const struct register_info *info;

    *value = 0;
    if (!access_allowed(machine, bus, offset, size, "read", &info)) {
        return !machine->debugger || debugger_can_go_on(machine, &bus->device);
    }
    if (info != NULL && info->readable == 0) {
        machine_violation(machine, bus->device.name, "%s read, but it is write-only", info->name);
        return true;
    }
    machine->bus_error = false;
    *value = bus->device.read(bus->device.context, offset, size) & size_mask(size);
    return !machine->bus_error;
}

// Reserved bits do not reach the device, whatever is written to them.
static bool write_allowed(struct machine *machine, const struct bus_device *bus,
                          const struct register_info *info, uint32_t offset, unsigned size,
                          uint32_t *value)
{
    uint32_t reserved = register_part(~(info->readable | info->writable), offset, size);
    uint32_t wrong = (*value ^ register_part(info->reset, offset, size)) & reserved;

    if (info->writable == 0) {
        machine_violation(machine, bus->device.name, "%s written (0x%08" PRIX32 "), read-only",
                          info->name, *value);
        return false;
    }
    if (wrong != 0 && (info->access & ACCESS_FREE) == 0) {
        machine_violation(machine, bus->device.name,
                          "%s written with 0x%08" PRIX32 ", reserved bits 0x%08" PRIX32
                          " must keep their reset value",
                          info->name, *value, wrong);
    }
    *value ^= wrong;
    return true;
}

static bool device_write(struct machine *machine, struct bus_device *bus, uint32_t offset,
                         unsigned size, uint32_t value)
{
    const struct register_info *info;

    if (!access_allowed(machine, bus, offset, size, "written", &info)) {
        return !machine->debugger || debugger_can_go_on(machine, &bus->device);
    }
    value &= size_mask(size);
    if (info != NULL && !write_allowed(machine, bus, info, offset, size, &value)) {
        return true;
    }
    machine->bus_error = false;
    bus->device.write(bus->device.context, offset, size, value);
    if (bus->device.context == machine->clock_service.context) {
        machine_update_gated_memory(machine);
    }
    return !machine->bus_error;
}

void machine_bus_error(struct machine *machine)
{
    machine->bus_error = true;
}

// --- Memory -------------------------------------------------------------------------------------

static struct memory_region *region_find(const struct machine *machine, uint32_t address)
{
    for (size_t i = 0; i < machine->region_count; i++) {
        const struct memory_region *region = &machine->regions[i];

        if (address - region->base < region->size) {
            return (struct memory_region *)region;
        }
    }
    return NULL;
}

const struct memory_region *machine_region_at(const struct machine *machine, uint32_t address)
{
    return region_find(machine, address);
}

static struct memory_region *region_add(struct machine *machine, const struct memory_region *region)
{
    struct memory_region *added = &machine->regions[machine->region_count];

    assert(machine->region_count < REGIONS_MAX);
    machine->region_count++;
    *added = *region;
    if (machine->processor.region_added != NULL) {
        machine->processor.region_added(machine->processor.context, added);
    }
    return added;
}

void machine_map_memory(struct machine *machine, const char *name, uint32_t base, uint32_t size,
                        void *memory, bool writable)
{
    struct memory_region region = {.name = name,
                                   .base = base,
                                   .size = size,
                                   .memory = memory,
                                   .writable = writable,
                                   .shown = true};

    region_add(machine, &region);
}

void machine_map_gated_memory(struct machine *machine, const char *name, uint32_t base,
                              uint32_t size, void *memory, uint16_t gate_offset, uint8_t gate_bit)
{
    struct memory_region region = {.name = name,
                                   .base = base,
                                   .size = size,
                                   .memory = memory,
                                   .writable = true,
                                   .is_window = true,
                                   .gate_offset = gate_offset,
                                   .gate_bit = gate_bit};

    region.shown = gate_open(machine, gate_offset, gate_bit);
    region_add(machine, &region);
}

void machine_memory_answers_unclocked(struct machine *machine, uint32_t base)
{
    struct memory_region *region = region_find(machine, base);

    assert(region != NULL && region->gate_offset != 0);
    region->answers_unclocked = true;
}

void machine_map_window(struct machine *machine, const char *name, uint32_t base, uint32_t size,
                        void *memory, void (*refused)(void *context, uint32_t address),
                        void *context)
{
    struct memory_region region = {.name = name,
                                   .base = base,
                                   .size = size,
                                   .memory = memory,
                                   .is_window = true,
                                   .refused = refused,
                                   .context = context};

    region_add(machine, &region);
}

void machine_map_hidable_memory(struct machine *machine, const char *name, uint32_t base,
                                uint32_t size, void *memory,
                                void (*refused)(void *context, uint32_t address), void *context)
{
    struct memory_region region = {.name = name,
                                   .base = base,
                                   .size = size,
                                   .memory = memory,
                                   .is_window = true,
                                   .on_chip = true,
                                   .refused = refused,
                                   .context = context};

    region_add(machine, &region);
}

static void region_show(struct machine *machine, struct memory_region *region, bool shown)
{
    if (region->shown == shown) {
        return;
    }
    region->shown = shown;
    region->accessed = false;
    if (machine->processor.region_shown != NULL) {
        machine->processor.region_shown(machine->processor.context, region, shown);
    }
}

void machine_window_show(struct machine *machine, uint32_t base, bool shown)
{
    struct memory_region *region = region_find(machine, base);

    assert(region != NULL && region->is_window);
    region_show(machine, region, shown);
}

void machine_window_on_open(struct machine *machine, uint32_t base, void (*opened)(void *context))
{
    struct memory_region *region = region_find(machine, base);

    assert(region != NULL && region->is_window);
    region->opened = opened;
}

void machine_window_rearm(struct machine *machine, uint32_t base, bool thorough)
{
    struct memory_region *region = region_find(machine, base);

    assert(region != NULL && region->is_window);
    region->accessed = false;
    if (thorough && machine->processor.region_rearmed != NULL) {
        machine->processor.region_rearmed(machine->processor.context, region);
    }
}

static void region_accessed(struct memory_region *region)
{
    if (!region->accessed) {
        region->accessed = true;
        if (region->opened != NULL) {
            region->opened(region->context);
        }
    }
}

void machine_window_accessed(struct machine *machine, uint32_t address)
{
    struct memory_region *region = region_find(machine, address);

    if (region != NULL && region->shown) {
        region_accessed(region);
    }
}

void machine_update_gated_memory(struct machine *machine)
{
    for (size_t i = 0; i < machine->region_count; i++) {
        struct memory_region *region = &machine->regions[i];

        if (region->gate_offset != 0) {
            region_show(machine, region, gate_open(machine, region->gate_offset, region->gate_bit));
        }
    }
}

void machine_window_timing(struct machine *machine, uint32_t base, uint32_t first_line_ns,
                           uint32_t next_line_ns)
{
    struct memory_region *region = region_find(machine, base);

    assert(region != NULL && region->is_window);
    region->first_line_ns = first_line_ns;
    region->next_line_ns = next_line_ns;
    if (machine->processor.timing_changed != NULL) {
        machine->processor.timing_changed(machine->processor.context, region);
    }
}

void machine_memory_changed(struct machine *machine, uint32_t base, uint32_t size)
{
    if (machine->processor.memory_changed != NULL) {
        machine->processor.memory_changed(machine->processor.context, base, size);
    }
}

static uint32_t memory_load(const uint8_t *memory, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint32_t)memory[i] << (8 * i);
    }
    return value;
}

// An access to memory that is not there at the moment. False: a bus error.
static bool region_refuse(struct machine *machine, struct memory_region *region, uint32_t address)
{
    if (region->refused != NULL) {
        region->refused(region->context, address);
        return region->shown;
    } else if (region->gate_offset != 0) {
        machine_violation(machine, region->name,
                          "0x%08" PRIX32 " accessed while its clock is off "
                          "(RCC register at offset 0x%02X, bit %u is 0)",
                          address, region->gate_offset, region->gate_bit);
        if (machine->lenient && region->answers_unclocked && !machine->debugger) {
            region_show(machine, region, true);
            return true;
        }
    }
    return false;
}

bool machine_bus_read(struct machine *machine, uint32_t address, unsigned size, uint32_t *value)
{
    struct bus_device *bus = device_at(machine, address);
    struct memory_region *region = NULL;

    *value = 0;
    if (bus != NULL && bus->device.read != NULL) {
        return device_read(machine, bus, address - bus->device.base, size, value);
    }
    region = region_find(machine, address);
    if (region == NULL || region->size - (address - region->base) < size) {
        return false;
    }
    if (!region->shown && !region_refuse(machine, region, address)) {
        return false;
    }
    region_accessed(region);
    if (!region->shown) { // its owner found at the first access that it cannot be
        return false;
    }
    *value = memory_load(region->memory + (address - region->base), size);
    return true;
}

bool machine_bus_write(struct machine *machine, uint32_t address, unsigned size, uint32_t value)
{
    struct bus_device *bus = device_at(machine, address);
    struct memory_region *region = NULL;

    if (bus != NULL) {
        return device_write(machine, bus, address - bus->device.base, size, value);
    }
    region = region_find(machine, address);
    if (region == NULL || region->size - (address - region->base) < size) {
        return false;
    }
    if (!region->shown && !region_refuse(machine, region, address)) {
        return false;
    }
    if (!region->writable) {
        return false;
    }
    for (unsigned i = 0; i < size; i++) {
        region->memory[address - region->base + i] = (uint8_t)(value >> (8 * i));
    }
    machine_memory_changed(machine, address, size);
    return true;
}

// --- A debugger ---------------------------------------------------------------------------------

bool machine_debugger_read(struct machine *machine, uint32_t address, unsigned size,
                           uint32_t *value)
{
    bool good;

    machine->debugger = true;
    good = machine_bus_read(machine, address, size, value);
    machine->debugger = false;
    return good;
}

bool machine_debugger_write(struct machine *machine, uint32_t address, unsigned size,
                            uint32_t value)
{
    bool good;

    machine->debugger = true;
    good = machine_bus_write(machine, address, size, value);
    machine->debugger = false;
    return good;
}

uint8_t *machine_debugger_memory(struct machine *machine, uint32_t address, uint32_t size,
                                 bool write)
{
    struct memory_region *region = region_find(machine, address);
    uint32_t value;

    if (region == NULL || size == 0 || region->size - (address - region->base) < size ||
        (write && !region->writable) || !machine_debugger_read(machine, address, 1, &value)) {
        return NULL;
    }
    return region->memory + (address - region->base);
}

void machine_on_debugger(struct machine *machine, void (*told)(void *context), void *context)
{
    machine->debugger_told = told;
    machine->debugger_context = context;
}

void machine_tell_debugger(struct machine *machine)
{
    if (machine->debugger_told != NULL) {
        machine->debugger_told(machine->debugger_context);
    }
}

void machine_set_core_halted(struct machine *machine, bool halted)
{
    uint64_t now_ns = machine_now_ns(machine);

    if (machine->core_halted && !halted) {
        machine->halted_ns += now_ns - machine->halted_since_ns;
    } else if (!machine->core_halted && halted) {
        machine->halted_since_ns = now_ns;
    }
    machine->core_halted = halted;
}

uint64_t machine_core_halted_ns(const struct machine *machine)
{
    return machine->halted_ns +
           (machine->core_halted ? machine_now_ns(machine) - machine->halted_since_ns : 0);
}

// --- Interrupts, resets -------------------------------------------------------------------------

void machine_watchdog_runs(struct machine *machine, enum machine_watchdog which, bool runs)
{
    uint8_t bit = (uint8_t)(1u << which);

    machine->watchdogs = (uint8_t)(runs ? machine->watchdogs | bit : machine->watchdogs & ~bit);
}

bool machine_has_watchdog(const struct machine *machine)
{
    return machine->watchdogs != 0;
}

void machine_irq(struct machine *machine, unsigned irq, bool level)
{
    assert(irq < IRQ_COUNT);
    if (machine->irq_levels[irq] == level) {
        return;
    }
    machine->irq_levels[irq] = level;
    if (machine->processor.irq != NULL) {
        machine->processor.irq(machine->processor.context, irq, level);
    }
}

void machine_irq_shared(struct machine *machine, unsigned irq, unsigned source, bool level)
{
    uint8_t bit = (uint8_t)(1u << source);

    assert(irq < IRQ_COUNT && source < 8);
    if (level) {
        machine->irq_sources[irq] |= bit;
    } else {
        machine->irq_sources[irq] &= (uint8_t)~bit;
    }
    machine_irq(machine, irq, machine->irq_sources[irq] != 0);
}

void machine_set_dma_service(struct machine *machine, unsigned mux,
                             const struct dma_service *service)
{
    assert(mux - 1 < DMAMUX_COUNT);
    machine->dma_services[mux - 1] = *service;
}

void machine_dma_request(struct machine *machine, unsigned mux, unsigned line,
                         enum dma_request request)
{
    const struct dma_service *service = &machine->dma_services[mux - 1];

    assert(mux - 1 < DMAMUX_COUNT);
    if (service->request != NULL) {
        service->request(service->context, line, request);
    }
}

bool machine_irq_level(const struct machine *machine, unsigned irq)
{
    return machine->irq_levels[irq];
}

void machine_reset_devices(struct machine *machine, uint16_t reset_offset, uint8_t reset_bit)
{
    for (size_t i = 0; i < machine->device_count; i++) {
        const struct device *device = &machine->devices[i]->device;

        if (device->reset_offset != 0 && device->reset_offset == reset_offset &&
            device->reset_bit == reset_bit && device->reset != NULL) {
            device->reset(device->context, RESET_SOFTWARE);
        }
    }
}

void machine_reset(struct machine *machine, enum reset_kind kind)
{
    if (!machine->reset_asked || kind < machine->reset_kind) {
        machine->reset_kind = kind;
    }
    machine->reset_asked = true;
    machine->clock.attention = true;
}

bool machine_reset_asked(const struct machine *machine, enum reset_kind *kind)
{
    if (machine->reset_asked && kind != NULL) {
        *kind = machine->reset_kind;
    }
    return machine->reset_asked;
}

void machine_on_reset(struct machine *machine,
                      void (*starting)(void *context, enum reset_kind kind), void *context)
{
    machine->reset_starting = starting;
    machine->reset_context = context;
}

void machine_reset_now(struct machine *machine, enum reset_kind kind)
{
    machine->reset_asked = false;
    if (machine->reset_starting != NULL) {
        machine->reset_starting(machine->reset_context, kind);
    }
    for (size_t i = 0; i < machine->device_count; i++) {
        const struct device *device = &machine->devices[i]->device;

        if (device->reset != NULL) {
            device->reset(device->context, kind);
        }
    }
    machine_update_gated_memory(machine);
    if (machine->processor.reset != NULL) {
        machine->processor.reset(machine->processor.context, kind);
    }
}

void machine_set_processor(struct machine *machine, const struct processor_service *service)
{
    machine->processor = *service;
    for (size_t i = 0; i < machine->region_count; i++) {
        service->region_added(service->context, &machine->regions[i]);
    }
    for (unsigned irq = 0; irq < IRQ_COUNT; irq++) {
        if (machine->irq_levels[irq]) {
            service->irq(service->context, irq, true);
        }
    }
}

void machine_stop(struct machine *machine, enum machine_exit code)
{
    if (!machine->stopped) {
        machine->stopped = true;
        machine->exit_code = code;
        machine->clock.attention = true;
    }
}

bool machine_stopped(const struct machine *machine, enum machine_exit *code)
{
    if (machine->stopped && code != NULL) {
        *code = machine->exit_code;
    }
    return machine->stopped;
}
