// The inside of a machine, shared by the files machine*.c only.
//
// SPDX-License-Identifier: MIT
#ifndef SIM_MACHINE_INTERNAL_H
#define SIM_MACHINE_INTERNAL_H

#include "sim/machine_build.h"

#define IRQ_COUNT          150u
#define DMAMUX_COUNT       2u
#define DEVICES_MAX        256u
#define REGIONS_MAX        24u
#define STATISTICS_MAX     64u
#define WARNED_PLACES_MAX  1024u
#define DEVICE_CACHE_LINES 64u

// A device and where each of its words finds its register: index + 1 into `registers`, 0 none.
struct bus_device {
    struct device device;
    uint16_t *word_to_register;
    uint32_t words;
};

struct statistic {
    const char *name;
    const uint64_t *value;
};

struct watch {
    struct machine *machine;
    int fd;
    short events;
    bool dead;
    void (*ready)(void *context, int fd, short revents);
    void *context;
    struct watch *next;
};

struct machine {
    struct machine_clock clock;
    uint64_t cpu_hz;
    uint64_t base_cycles; // time at base_cycles was base_ns, with cpu_hz since
    uint64_t base_ns;
    uint64_t firing_ns; // while an event fires: its time, else TIME_NEVER
    uint64_t limit_ns;
    void (*limit_reached)(void *context);
    void *limit_context;
    bool limit_told;

    struct event **heap;
    size_t heap_count;
    size_t heap_room;
    uint64_t event_order;

    struct bus_device *devices[DEVICES_MAX]; // by rising base
    size_t device_count;
    struct bus_device *device_cache[DEVICE_CACHE_LINES];
    struct memory_region regions[REGIONS_MAX];
    size_t region_count;
    bool bus_error;
    bool debugger; // the access under way is a debugger's
    bool core_halted;
    uint64_t halted_since_ns;
    uint64_t halted_ns; // before that

    uint8_t watchdogs; // that run, a bit for each
    bool irq_levels[IRQ_COUNT];
    uint8_t irq_sources[IRQ_COUNT]; // of shared lines
    struct dma_service dma_services[DMAMUX_COUNT];
    void (*debugger_told)(void *context);
    void *debugger_context;
    bool reset_asked;
    enum reset_kind reset_kind;
    void (*reset_starting)(void *context, enum reset_kind kind);
    void *reset_context;

    struct clock_service clock_service;
    struct processor_service processor;

    bool stopped;
    enum machine_exit exit_code;
    bool lenient;
    const char *trace_topics;
    void (*violation_callback)(void *context, const char *device, const char *text);
    void *violation_context;
    uint64_t warned_places[WARNED_PLACES_MAX];
    size_t warned_count;
    uint64_t violation_count;

    struct statistic statistics[STATISTICS_MAX];
    size_t statistic_count;
    struct watch *watches;
};

// The processor was just added: tell it the interrupt lines and the memory there is.
void machine_update_gated_memory(struct machine *machine);
void machine_free_watches(struct machine *machine);

#endif
