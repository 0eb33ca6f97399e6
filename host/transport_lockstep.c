// The virtual board in lockstep (SPEC.md section 10): its time runs only while this program waits.
//
// The clock is the board's virtual time, so every limit and every figure of the library is exact
// and repeats on any machine.
//
// SPDX-License-Identifier: MIT
#include "host/transport.h"

#include "abi/bytes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_SIZE 16
// A second of virtual time may take much longer than a second to compute.
#define PATIENCE_NS (300 * QL_NS_PER_S)
// Longest step of virtual time in one go, so that a signal is seen soon.
#define STEP_NS (250 * QL_NS_PER_MS)

struct lockstep {
    int descriptor;
    bool configured;
    bool broken; // the connection itself is gone
    uint64_t now_ns;
    uint8_t *waiting; // IN bytes not yet read
    size_t waiting_at, waiting_end, waiting_room;
};

static int send_operation(struct lockstep *lockstep, char operation, const void *data, size_t size)
{
    uint8_t header[8] = {(uint8_t)operation};
    ql_store_u32(header + 4, (uint32_t)size);
    if (lockstep->broken ||
        ql_descriptor_write(lockstep->descriptor, header, sizeof header, PATIENCE_NS) != 0 ||
        ql_descriptor_write(lockstep->descriptor, data, size, PATIENCE_NS) != 0) {
        lockstep->broken = true;
        return -QL_BOARD_LOST;
    }
    return 0;
}

static int receive(struct lockstep *lockstep, uint8_t *data, size_t size)
{
    const struct ql_clock clock = ql_clock_system();
    const uint64_t limit_ns = ql_clock_now(&clock) + PATIENCE_NS;
    while (size > 0) {
        const int got = ql_descriptor_read(lockstep->descriptor, data, size, QL_NS_PER_S);
        if (got < 0 || ql_clock_now(&clock) >= limit_ns) {
            lockstep->broken = true;
            return -QL_BOARD_LOST;
        }
        data += got;
        size -= (size_t)got;
    }
    return 0;
}

static int make_room(struct lockstep *lockstep, size_t size)
{
    const size_t held = lockstep->waiting_end - lockstep->waiting_at;
    if (held > 0 && lockstep->waiting_at > 0)
        memmove(lockstep->waiting, lockstep->waiting + lockstep->waiting_at, held);
    lockstep->waiting_at = 0;
    lockstep->waiting_end = held;
    if (held + size <= lockstep->waiting_room)
        return 0;
    uint8_t *larger = realloc(lockstep->waiting, held + size);
    if (larger == NULL)
        return -QL_BOARD_LOST;
    lockstep->waiting = larger;
    lockstep->waiting_room = held + size;
    return 0;
}

// Lets the board run and takes in what it sent.
static int run(struct lockstep *lockstep, uint64_t limit_ns)
{
    uint8_t limit[8];
    uint8_t header[HEADER_SIZE];
    ql_store_u32(limit, (uint32_t)limit_ns);
    ql_store_u32(limit + 4, (uint32_t)(limit_ns >> 32));
    if (send_operation(lockstep, 'R', limit, sizeof limit) != 0 ||
        receive(lockstep, header, sizeof header) != 0)
        return -QL_BOARD_LOST;
    const uint32_t size = ql_load_u32(header + 4);
    lockstep->configured = header[0] == 1;
    lockstep->now_ns = ql_load_u32(header + 8) | (uint64_t)ql_load_u32(header + 12) << 32;
    if (size == 0)
        return 0;
    if (make_room(lockstep, size) != 0)
        return -QL_BOARD_LOST;
    const int result = receive(lockstep, lockstep->waiting + lockstep->waiting_end, size);
    if (result == 0)
        lockstep->waiting_end += size;
    return result;
}

static int lockstep_read(void *context, uint8_t *data, size_t size, uint64_t timeout_ns)
{
    struct lockstep *lockstep = context;
    if (lockstep->waiting_at == lockstep->waiting_end) {
        if (!lockstep->configured)
            return -QL_BOARD_LOST;
        const int result = run(lockstep, timeout_ns < STEP_NS ? timeout_ns : STEP_NS);
        if (result != 0)
            return result;
    }
    const size_t held = lockstep->waiting_end - lockstep->waiting_at;
    const size_t count = size < held ? size : held;
    if (count == 0)
        return lockstep->configured ? 0 : -QL_BOARD_LOST;
    memcpy(data, lockstep->waiting + lockstep->waiting_at, count);
    lockstep->waiting_at += count;
    return (int)count;
}

static int lockstep_write(void *context, const uint8_t *data, size_t size, uint64_t timeout_ns)
{
    (void)timeout_ns; // the board's driver takes any amount at once
    return send_operation(context, 'W', data, size);
}

static uint64_t lockstep_now_ns(void *context)
{
    return ((struct lockstep *)context)->now_ns;
}

static void lockstep_sleep_ns(void *context, uint64_t duration_ns)
{
    struct lockstep *lockstep = context;
    const uint64_t end_ns = lockstep->now_ns + duration_ns;
    while (lockstep->now_ns < end_ns && !lockstep->broken) {
        if (run(lockstep, end_ns - lockstep->now_ns) != 0)
            lockstep->broken = true;
    }
}

// The port is opened anew on the device that came (back).
static int lockstep_revive(void *context, uint64_t timeout_ns)
{
    struct lockstep *lockstep = context;
    const uint64_t end_ns = lockstep->now_ns + timeout_ns;
    int result = run(lockstep, 0);
    while (result == 0 && !lockstep->configured && lockstep->now_ns < end_ns) {
        const uint64_t left_ns = end_ns - lockstep->now_ns;
        result = run(lockstep, left_ns < STEP_NS ? left_ns : STEP_NS);
    }
    lockstep->waiting_at = lockstep->waiting_end = 0;
    if (result != 0 || !lockstep->configured)
        return lockstep->broken ? -QL_BOARD_LOST : -QL_NO_BOARD;
    result = send_operation(lockstep, 'C', NULL, 0);
    return result != 0 ? result : send_operation(lockstep, 'O', NULL, 0);
}

static void lockstep_close(void *context)
{
    struct lockstep *lockstep = context;
    send_operation(lockstep, 'C', NULL, 0);
    close(lockstep->descriptor);
    free(lockstep->waiting);
    free(lockstep);
}

int ql_lockstep_open(struct ql_transport *transport, const char *path, struct ql_failure *failure)
{
    const int descriptor = ql_unix_connect(path, failure);
    if (descriptor < 0)
        return descriptor;
    struct lockstep *lockstep = calloc(1, sizeof *lockstep);
    if (lockstep == NULL) {
        close(descriptor);
        return ql_fail_memory(failure);
    }
    lockstep->descriptor = descriptor;
    *transport = (struct ql_transport){
        .context = lockstep,
        .clock = {lockstep, lockstep_now_ns, lockstep_sleep_ns},
        .read = lockstep_read,
        .write = lockstep_write,
        .revive = lockstep_revive,
        .close = lockstep_close,
    };
    return 0;
}
