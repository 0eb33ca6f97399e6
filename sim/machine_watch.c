// File descriptors that models watch: cables, UARTs, the control socket.
//
// SPDX-License-Identifier: MIT
#include "sim/machine_internal.h"

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#define WATCHES_MAX 64u

struct watch *machine_watch(struct machine *machine, int fd, short events,
                            void (*ready)(void *context, int fd, short revents), void *context)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL) {
        abort();
    }
    watch->machine = machine;
    watch->fd = fd;
    watch->events = events;
    watch->ready = ready;
    watch->context = context;
    watch->next = machine->watches;
    machine->watches = watch;
    return watch;
}

void watch_set_events(struct watch *watch, short events)
{
    watch->events = events;
}

// Only marked: machine_serve may stand in the middle of the list.
void machine_unwatch(struct machine *machine, struct watch *watch)
{
    (void)machine;
    watch->dead = true;
}

static void sweep(struct machine *machine)
{
    struct watch **link = &machine->watches;

    while (*link != NULL) {
        struct watch *watch = *link;

        if (watch->dead) {
            *link = watch->next;
            free(watch);
        } else {
            link = &watch->next;
        }
    }
}

void machine_free_watches(struct machine *machine)
{
    for (struct watch *watch = machine->watches; watch != NULL; watch = watch->next) {
        watch->dead = true;
    }
    sweep(machine);
}

// Fills the list for ppoll from the watches; `watches` may be NULL.
static nfds_t collect(struct machine *machine, struct pollfd *descriptors, struct watch **watches)
{
    nfds_t count = 0;

    sweep(machine);
    for (struct watch *watch = machine->watches; watch != NULL; watch = watch->next) {
        if (count < WATCHES_MAX) {
            if (watches != NULL) {
                watches[count] = watch;
            }
            descriptors[count].fd = watch->events != 0 ? watch->fd : -1;
            descriptors[count].events = watch->events;
            descriptors[count].revents = 0;
            count++;
        }
    }
    return count;
}

static int wait_ready(struct pollfd *descriptors, nfds_t count, uint64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / NS_PER_S),
                               .tv_nsec = (long)(timeout_ns % NS_PER_S)};

    return ppoll(descriptors, count, &timeout, NULL);
}

bool machine_wait(struct machine *machine, uint64_t timeout_ns)
{
    struct pollfd descriptors[WATCHES_MAX];

    return wait_ready(descriptors, collect(machine, descriptors, NULL), timeout_ns) > 0;
}

bool machine_watching(const struct machine *machine)
{
    for (const struct watch *watch = machine->watches; watch != NULL; watch = watch->next) {
        if (!watch->dead) {
            return true;
        }
    }
    return false;
}

void machine_serve(struct machine *machine, uint64_t timeout_ns)
{
    struct pollfd descriptors[WATCHES_MAX];
    struct watch *watches[WATCHES_MAX];
    nfds_t count = collect(machine, descriptors, watches);

    if (wait_ready(descriptors, count, timeout_ns) <= 0) {
        return;
    }
    for (nfds_t i = 0; i < count; i++) {
        if (descriptors[i].revents != 0 && !watches[i]->dead) {
            watches[i]->ready(watches[i]->context, watches[i]->fd, descriptors[i].revents);
        }
    }
}
