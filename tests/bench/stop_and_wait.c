// The baseline of `make bench`: the same update, but one operation at a time. An erase or a WRITE
// of 256 bytes goes out, the next one only when the board has told that it is executed.
//
//     stop_and_wait PORT FILE [POLL_MS]
//
// Without POLL_MS the loop reacts to the board's word at once, which no program on a computer does
// quite. With it the loop is that of clients that look at their serial port by a timer: every
// POLL_MS milliseconds, and an answer counts when two looks in a row found the same bytes.
//
// SPDX-License-Identifier: MIT
#include "abi/bytes.h"
#include "host/digest.h"
#include "host/flash.h"
#include "host/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE 256U
#define BLOCK     65536U // the largest erase
#define UPDATE_ID 1U
#define LIMIT_NS  (10 * QL_NS_PER_S) // for one operation

struct loop {
    struct ql_connection connection;
    struct ql_failure failure;
    const struct ql_extent *extent;
    uint64_t poll_ns;
    uint32_t number; // of the next operation
};

static int begin(struct loop *loop)
{
    const struct ql_extent *extent = loop->extent;
    uint8_t payload[QL_BEGIN_SIZE] = {0};
    struct ql_answer answer;
    ql_store_u32(payload + QL_BEGIN_ID, UPDATE_ID);
    ql_store_u32(payload + QL_BEGIN_ADDRESS, extent->address);
    ql_store_u32(payload + QL_BEGIN_LENGTH, extent->size);
    ql_store_u32(payload + QL_BEGIN_FLAGS, QL_BEGIN_FLAG_PROGRAM);
    ql_sha256(extent->data, extent->size, payload + QL_BEGIN_SHA256);
    memcpy(payload + QL_BEGIN_STACK, extent->data, 8);
    return ql_link_call(&loop->connection.link, QL_KIND_BEGIN, payload, sizeof payload, "BEGIN",
                        &answer, &loop->failure);
}

// Takes in what comes until `limit_ns`, or until the board has executed everything that was sent.
// Returns 1 if it has, 0 at the limit, or -code.
static int listen_until(struct loop *loop, uint64_t limit_ns)
{
    struct ql_update_progress record;
    struct ql_frame frame;
    for (;;) {
        const int result =
            ql_link_receive(&loop->connection.link, &frame, limit_ns, &loop->failure);
        if (result <= 0)
            return result;
        if (frame.kind == QL_KIND_PROGRESS &&
            ql_progress_parse(&record, frame.payload, frame.length) &&
            record.executed == loop->number)
            return 1;
    }
}

static int wait_executed(struct loop *loop)
{
    struct ql_link *link = &loop->connection.link;
    const uint64_t limit_ns = ql_link_now(link) + LIMIT_NS;
    int result = loop->poll_ns == 0 ? listen_until(loop, limit_ns) : 0;
    while (loop->poll_ns != 0 && result == 0 && ql_link_now(link) < limit_ns) {
        ql_clock_sleep(&link->transport.clock, loop->poll_ns);
        result = listen_until(loop, ql_link_now(link));
    }
    if (result == 1 && loop->poll_ns != 0) // the second look
        ql_clock_sleep(&link->transport.clock, loop->poll_ns);
    if (result == 0)
        return ql_fail(&loop->failure, QL_BOARD_SILENT, "operation %u was not executed",
                       loop->number - 1);
    return result < 0 ? result : 0;
}

static int operate(struct loop *loop, uint8_t kind, uint32_t offset, uint32_t size)
{
    const struct ql_extent *extent = loop->extent;
    uint8_t payload[QL_STREAM_DATA + PAGE_SIZE];
    const struct ql_frame frame = {
        .kind = kind,
        .length = (uint16_t)(kind == QL_KIND_WRITE ? sizeof payload : QL_STREAM_DATA),
        .payload = payload};
    ql_store_u32(payload + QL_STREAM_ID, UPDATE_ID);
    ql_store_u32(payload + QL_STREAM_NUMBER, loop->number++);
    ql_store_u32(payload + QL_STREAM_ADDRESS, extent->address + offset);
    ql_store_u32(payload + QL_STREAM_LENGTH, size);
    if (kind == QL_KIND_WRITE)
        memcpy(payload + QL_STREAM_DATA, extent->data + offset, PAGE_SIZE);
    const int result = ql_link_send(&loop->connection.link, &frame, &loop->failure);
    return result == 0 ? wait_executed(loop) : result;
}

static int end(struct loop *loop)
{
    uint8_t payload[QL_END_SIZE];
    struct ql_answer answer;
    ql_store_u32(payload + QL_END_ID, UPDATE_ID);
    ql_store_u32(payload + QL_END_COUNT, loop->number);
    const int result = ql_link_call(&loop->connection.link, QL_KIND_END, payload, sizeof payload,
                                    "END", &answer, &loop->failure);
    return result != 0
               ? result
               : ql_board_boot(&loop->connection.link, loop->extent->address, &loop->failure);
}

static int update(struct loop *loop)
{
    const uint32_t size = loop->extent->size;
    int result = begin(loop);
    for (uint32_t at = 0; result == 0 && at < size; at += BLOCK)
        result = operate(loop, QL_KIND_ERASE, at, BLOCK);
    for (uint32_t at = 0; result == 0 && at < size; at += PAGE_SIZE)
        result = operate(loop, QL_KIND_WRITE, at, PAGE_SIZE);
    return result == 0 ? end(loop) : result;
}

int main(int argc, char **argv)
{
    static struct loop loop;
    struct ql_image image;
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "Usage: stop_and_wait PORT FILE [POLL_MS]\n");
        return 2;
    }
    loop.poll_ns = argc == 4 ? strtoull(argv[3], NULL, 10) * QL_NS_PER_MS : 0;
    int result = ql_image_load(&image, argv[2], NULL, &loop.failure);
    if (result == 0 && (image.count != 1 || image.extents[0].size % BLOCK != 0))
        result = ql_fail(&loop.failure, QL_USAGE, "the file is not one run of whole blocks");
    const struct ql_connect_options options = {.port = argv[1], .wait_ns = 5 * QL_NS_PER_S};
    if (result == 0)
        result = ql_connect(&loop.connection, &options, &loop.failure);
    if (result == 0) {
        loop.extent = &image.extents[0];
        result = update(&loop);
        ql_disconnect(&loop.connection);
    }
    if (result != 0)
        fprintf(stderr, "stop_and_wait: %s\n", loop.failure.sentence);
    return result == 0 ? 0 : 1;
}
