// Virtual time: the cycle counter, the heap of events, limits.
//
// The CPU's cycles drive time. Nanoseconds follow from a base point and the present clock; the base
// moves on whole seconds (exact) or when the clock changes.
//
// SPDX-License-Identifier: MIT
#include "sim/machine_internal.h"

#include <assert.h>
#include <stdlib.h>

static uint64_t cycles_to_ns(const struct machine *machine, uint64_t cycles)
{
    uint64_t passed = cycles - machine->base_cycles;

    // Below 2^33 cycles the product fits 64 bits.
    if (passed < (UINT64_C(1) << 33)) {
        return machine->base_ns + passed * NS_PER_S / machine->cpu_hz;
    }
    return machine->base_ns + (uint64_t)((unsigned __int128)passed * NS_PER_S / machine->cpu_hz);
}

static uint64_t ns_to_cycles_ceil(uint64_t ns, uint64_t hz)
{
    unsigned __int128 product = (unsigned __int128)ns * hz + (NS_PER_S - 1);

    return (uint64_t)(product / NS_PER_S);
}

uint64_t machine_cycle_time_ns(const struct machine *machine, uint64_t cycles)
{
    return cycles_to_ns(machine, cycles);
}

uint64_t machine_ns_to_cycles(const struct machine *machine, uint64_t ns)
{
    return ns_to_cycles_ceil(ns, machine->cpu_hz);
}

uint64_t machine_cpu_hz(const struct machine *machine)
{
    return machine->cpu_hz;
}

uint64_t machine_now_ns(const struct machine *machine)
{
    if (machine->firing_ns != TIME_NEVER) {
        return machine->firing_ns;
    }
    return cycles_to_ns(machine, machine->clock.cycles);
}

uint64_t machine_cycles(const struct machine *machine)
{
    return machine->clock.cycles;
}

struct machine_clock *machine_clock(struct machine *machine)
{
    return &machine->clock;
}

// --- The heap: events by time, ties by order of arming ------------------------------------------

static bool event_before(const struct event *a, const struct event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_place(struct machine *machine, size_t index, struct event *event)
{
    machine->heap[index] = event;
    event->heap_index = index;
}

static void heap_up(struct machine *machine, size_t index)
{
    struct event *event = machine->heap[index];

    while (index > 0 && event_before(event, machine->heap[(index - 1) / 2])) {
        heap_place(machine, index, machine->heap[(index - 1) / 2]);
        index = (index - 1) / 2;
    }
    heap_place(machine, index, event);
}

static void heap_down(struct machine *machine, size_t index)
{
    struct event *event = machine->heap[index];

    for (;;) {
        size_t child = 2 * index + 1;

        if (child >= machine->heap_count) {
            break;
        }
        if (child + 1 < machine->heap_count &&
            event_before(machine->heap[child + 1], machine->heap[child])) {
            child++;
        }
        if (!event_before(machine->heap[child], event)) {
            break;
        }
        heap_place(machine, index, machine->heap[child]);
        index = child;
    }
    heap_place(machine, index, event);
}

static void heap_remove(struct machine *machine, struct event *event)
{
    size_t index = event->heap_index;
    struct event *last = machine->heap[--machine->heap_count];

    event->armed = false;
    if (last != event) {
        heap_place(machine, index, last);
        heap_up(machine, index);
        heap_down(machine, last->heap_index);
    }
}

// The cycle at which something must be looked at, by the next event and the limit.
static void deadline_update(struct machine *machine)
{
    uint64_t next_ns = machine_next_event_ns(machine);

    if (machine->limit_ns < next_ns) {
        next_ns = machine->limit_ns;
    }
    if (next_ns == TIME_NEVER) {
        machine->clock.deadline_cycles = UINT64_MAX;
    } else if (next_ns <= machine->base_ns) {
        machine->clock.deadline_cycles = machine->base_cycles;
    } else {
        machine->clock.deadline_cycles =
            machine->base_cycles + ns_to_cycles_ceil(next_ns - machine->base_ns, machine->cpu_hz);
    }
}

void event_arm_at(struct machine *machine, struct event *event, uint64_t at_ns)
{
    uint64_t now_ns = machine_now_ns(machine);

    assert(event->fire != NULL);
    event_cancel(machine, event);
    if (at_ns == TIME_NEVER) {
        return;
    }
    if (machine->heap_count == machine->heap_room) {
        size_t room = machine->heap_room == 0 ? 64 : machine->heap_room * 2;

        machine->heap = realloc(machine->heap, room * sizeof(*machine->heap));
        if (machine->heap == NULL) {
            abort();
        }
        machine->heap_room = room;
    }
    event->at_ns = at_ns < now_ns ? now_ns : at_ns;
    event->order = machine->event_order++;
    event->armed = true;
    heap_place(machine, machine->heap_count, event);
    heap_up(machine, machine->heap_count++);
    if (event->heap_index == 0) {
        deadline_update(machine);
    }
}

void event_arm_in(struct machine *machine, struct event *event, uint64_t delay_ns)
{
    uint64_t now_ns = machine_now_ns(machine);

    event_arm_at(machine, event, delay_ns > TIME_NEVER - now_ns ? TIME_NEVER : now_ns + delay_ns);
}

void event_cancel(struct machine *machine, struct event *event)
{
    if (event->armed) {
        heap_remove(machine, event);
        deadline_update(machine);
    }
}

uint64_t machine_next_event_ns(const struct machine *machine)
{
    return machine->heap_count == 0 ? TIME_NEVER : machine->heap[0]->at_ns;
}

// --- Moving on ----------------------------------------------------------------------------------

// Keeps the distance to the base small; whole seconds move it without rounding.
static void rebase_whole_seconds(struct machine *machine)
{
    uint64_t seconds = (machine->clock.cycles - machine->base_cycles) / machine->cpu_hz;

    machine->base_cycles += seconds * machine->cpu_hz;
    machine->base_ns += seconds * NS_PER_S;
}

static void fire_until(struct machine *machine, uint64_t now_ns)
{
    while (machine->heap_count > 0 && machine->heap[0]->at_ns <= now_ns) {
        struct event *event = machine->heap[0];

        heap_remove(machine, event);
        machine->firing_ns = event->at_ns;
        if (machine->trace_topics != NULL) {
            machine_trace(machine, "events", "%s", event->name != NULL ? event->name : "event");
        }
        event->fire(event->context);
        machine->firing_ns = TIME_NEVER;
    }
}

void machine_due(struct machine *machine)
{
    rebase_whole_seconds(machine);
    fire_until(machine, machine_now_ns(machine));
    deadline_update(machine);
}

void machine_sleep_until(struct machine *machine, uint64_t ns)
{
    uint64_t cycles;

    if (ns <= machine_now_ns(machine)) {
        return;
    }
    cycles = machine->base_cycles + ns_to_cycles_ceil(ns - machine->base_ns, machine->cpu_hz);
    machine->clock.cycles = cycles;
    machine->clock.block_cycles = cycles;
}

void machine_stall(struct machine *machine, uint64_t until_ns)
{
    uint64_t now_ns = machine_now_ns(machine);
    uint64_t cycles;

    if (machine->firing_ns != TIME_NEVER || until_ns <= now_ns) {
        return; // an event is no access of the core's
    }
    cycles = machine->base_cycles +
             ns_to_cycles_ceil(until_ns - machine->base_ns, machine->cpu_hz) -
             machine->clock.cycles;
    machine->clock.cycles += cycles;
    machine->clock.block_cycles += cycles;
}

void machine_advance(struct machine *machine, uint64_t ns)
{
    uint64_t end_ns = machine_now_ns(machine) + ns;

    while (machine_next_event_ns(machine) <= end_ns) {
        uint64_t event_ns = machine_next_event_ns(machine);

        machine_sleep_until(machine, event_ns);
        fire_until(machine, event_ns);
    }
    machine_sleep_until(machine, end_ns);
    // Exact to the nanosecond for tests; at most one cycle is rounded away here.
    machine->base_cycles = machine->clock.cycles;
    machine->base_ns = end_ns;
    deadline_update(machine);
}

void machine_set_cpu_hz(struct machine *machine, uint64_t hz)
{
    uint64_t now_ns = machine_now_ns(machine);

    assert(hz > 0 && hz < NS_PER_S);
    machine->base_ns = now_ns;
    machine->base_cycles = machine->clock.cycles;
    machine->cpu_hz = hz;
    deadline_update(machine);
    if (machine->processor.clock_changed != NULL) {
        machine->processor.clock_changed(machine->processor.context);
    }
}

void machine_set_limit(struct machine *machine, uint64_t limit_ns, void (*reached)(void *context),
                       void *context)
{
    machine->limit_ns = limit_ns;
    machine->limit_reached = reached;
    machine->limit_context = context;
    machine->limit_told = false;
    deadline_update(machine);
}

bool machine_at_limit(struct machine *machine)
{
    if (machine_now_ns(machine) < machine->limit_ns) {
        return false;
    }
    if (!machine->limit_told) {
        machine->limit_told = true;
        if (machine->limit_reached != NULL) {
            machine->limit_reached(machine->limit_context); // may set a new limit
        }
    }
    return machine_now_ns(machine) >= machine->limit_ns;
}

uint64_t machine_limit_ns(const struct machine *machine)
{
    return machine->limit_ns;
}
