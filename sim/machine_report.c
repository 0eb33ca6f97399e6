// What a machine says: violations, traces, counters, its list of registers.
//
// SPDX-License-Identifier: MIT
#include "sim/machine_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

void machine_on_violation(struct machine *machine,
                          void (*callback)(void *context, const char *device, const char *text),
                          void *context)
{
    machine->violation_callback = callback;
    machine->violation_context = context;
}

void machine_set_lenient(struct machine *machine, bool lenient)
{
    machine->lenient = lenient;
}

// True the first time for this device, text and place. The table is bounded; when it is full,
// further places stay silent.
static bool first_time(struct machine *machine, const char *device, const char *format,
                       uint32_t place)
{
    uint64_t key = UINT64_C(14695981039346656037) ^ place;

    for (const char *character = device; *character != '\0'; character++) {
        key = (key ^ (uint8_t)*character) * UINT64_C(1099511628211);
    }
    for (const char *character = format; *character != '\0'; character++) {
        key = (key ^ (uint8_t)*character) * UINT64_C(1099511628211);
    }
    for (size_t i = 0; i < machine->warned_count; i++) {
        if (machine->warned_places[i] == key) {
            return false;
        }
    }
    if (machine->warned_count == WARNED_PLACES_MAX) {
        return false;
    }
    machine->warned_places[machine->warned_count++] = key;
    return true;
}

static void print_report(struct machine *machine, const char *title, const char *device,
                         const char *text, const char *location)
{
    uint64_t now_ns = machine_now_ns(machine);

    fflush(stdout);
    fprintf(stderr, "quadlane-board: %s: %s: %s\n", title, device, text);
    fputs(location, stderr);
    fprintf(stderr, "  time  %" PRIu64 ".%09" PRIu64 " s (virtual)\n", now_ns / NS_PER_S,
            now_ns % NS_PER_S);
    fflush(stderr);
}

void machine_violation(struct machine *machine, const char *device, const char *format, ...)
{
    char text[512];
    char location[1024] = "";
    uint32_t place = 0;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (machine->debugger) {
        machine_trace(machine, "debug", "%s: %s", device, text);
        return;
    }
    machine->violation_count++;
    if (machine->violation_callback != NULL) {
        machine->violation_callback(machine->violation_context, device, text);
        return;
    }
    if (machine->stopped) {
        return; // the first one tells the cause
    }
    if (machine->processor.describe != NULL) {
        machine->processor.describe(machine->processor.context, location, sizeof(location), &place);
    }
    if (machine->lenient) {
        if (first_time(machine, device, format, place)) {
            print_report(machine, "warning", device, text, location);
        }
        return;
    }
    print_report(machine, "violation", device, text, location);
    machine_stop(machine, MACHINE_EXIT_VIOLATION);
}

void machine_set_trace(struct machine *machine, const char *topics)
{
    machine->trace_topics = topics;
}

static bool list_contains(const char *list, const char *word)
{
    size_t length = strlen(word);

    while (*list != '\0') {
        size_t item = strcspn(list, ",");

        if (item == length && memcmp(list, word, length) == 0) {
            return true;
        }
        list += item;
        list += *list == ',';
    }
    return false;
}

bool machine_tracing(const struct machine *machine, const char *topic)
{
    return machine->trace_topics != NULL && (list_contains(machine->trace_topics, topic) ||
                                             list_contains(machine->trace_topics, "all"));
}

void machine_trace(struct machine *machine, const char *topic, const char *format, ...)
{
    uint64_t now_ns;
    va_list arguments;

    if (!machine_tracing(machine, topic)) {
        return;
    }
    now_ns = machine_now_ns(machine);
    fprintf(stderr, "%" PRIu64 ".%09" PRIu64 " %s: ", now_ns / NS_PER_S, now_ns % NS_PER_S, topic);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

void machine_add_statistic(struct machine *machine, const char *name, const uint64_t *value)
{
    assert(machine->statistic_count < STATISTICS_MAX);
    machine->statistics[machine->statistic_count++] =
        (struct statistic){.name = name, .value = value};
}

void machine_print_statistics(const struct machine *machine, FILE *stream)
{
    for (size_t i = 0; i < machine->statistic_count; i++) {
        fprintf(stream, "%s %" PRIu64 "\n", machine->statistics[i].name,
                *machine->statistics[i].value);
    }
}

static void print_register(FILE *stream, const struct device *device,
                           const struct register_info *info)
{
    uint32_t count = info->count > 1 ? info->count : 1;

    for (uint32_t i = 0; i < count; i++) {
        const char *place = count > 1 ? strchr(info->name, 'x') : NULL;
        char name[64];

        if (place != NULL) {
            snprintf(name, sizeof(name), "%.*s%" PRIu32 "%s", (int)(place - info->name), info->name,
                     i, place + 1);
        } else if (count > 1) {
            snprintf(name, sizeof(name), "%s%" PRIu32, info->name, i);
        } else {
            snprintf(name, sizeof(name), "%s", info->name);
        }
        fprintf(stream, "%s %s %08" PRIX32 " %08" PRIX32 " %08" PRIX32 " %08" PRIX32 "\n",
                device->name, name, device->base + info->offset + i * info->stride, info->reset,
                info->readable, info->writable);
    }
}

void machine_print_registers(const struct machine *machine, FILE *stream)
{
    for (size_t i = 0; i < machine->device_count; i++) {
        const struct device *device = &machine->devices[i]->device;

        for (const struct register_info *info = device->registers;
             info != NULL && info->name != NULL; info++) {
            print_register(stream, device, info);
        }
    }
}
