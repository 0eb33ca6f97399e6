// Fuzz target: bytes from the line into the protocol server on a fake chip.
//
// The input is a script: a byte that says how much of what follows comes in one go and how much
// time passes then, and so on. Half of the inputs go in as they are; the other half are cut into
// bodies to which the target puts length, CRC and stuffing, so that the fuzzer gets behind those.
//
// The fake chip ends the program on an operation outside the programs' area or out of order; the
// target itself checks the ring's bounds, that what is sent are good frames, and that the board
// still answers HELLO afterwards.
//
// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "abi/bytes.h"
#include "core/server.h"
#include "tests/unit/fake_nor.h"

#define CHIP_SIZE 0x200000u
#define RING_SIZE (3 * QL_PAYLOAD_MAX)

static struct fake_nor fake;
static struct nor nor;
static struct server server;
static struct ql_frame_decoder decoder;
static crypto_hash_sha256_state hash;
static unsigned hellos;

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void hash_begin(void *context)
{
    crypto_hash_sha256_init(context);
}

static void hash_update(void *context, const uint8_t *bytes, size_t length)
{
    crypto_hash_sha256_update(context, bytes, length);
}

static void hash_finish(void *context, uint8_t digest[32])
{
    crypto_hash_sha256_final(context, digest);
}

static const struct sha256_service sha256 = {&hash, hash_begin, hash_update, hash_finish};

static const struct server_facts facts = {
    .board_name = "fuzz",
    .version = "0",
    .boot_address = QL_PROGRAM_FIRST,
    .reserved_end = 0x40000,
};

static void ring_check(void)
{
    const struct update *update = &server.update;
    check(update->waiting <= update->window, "more waits than the window allows");
    check(update->ring_head <= update->ring_size && update->ring_tail <= update->ring_size,
          "the ring's marks lie outside it");
    check(update->executed <= update->taken, "more was executed than taken");
    check(update->taken - update->executed >= update->ring_count, "the ring holds strangers");
}

// Returns true if anything was sent.
static bool sent_take(void)
{
    uint8_t bytes[64];
    size_t length;
    bool any = false;
    while ((length = server_transmit(&server, bytes, sizeof bytes)) > 0) {
        any = true;
        size_t used = 0;
        while (used < length) {
            enum ql_frame_event event;
            struct ql_frame frame;
            used += ql_frame_decode(&decoder, bytes + used, length - used, &event, &frame);
            check(event != QL_FRAME_DAMAGED, "the board sent a damaged frame");
            if (event == QL_FRAME_GOOD && frame.kind == QL_KIND_HELLO + QL_KIND_ANSWER)
                hellos++;
        }
    }
    return any;
}

static void run(uint32_t time_us)
{
    // Long work is done in slices; there may be many, but they end.
    bool more = true;
    for (unsigned rounds = 0; more; rounds++) {
        check(rounds < 4096, "the work does not end");
        more = server_run(&server);
        ring_check();
        more = sent_take() || more;
    }
    fake_nor_pass_us(&fake, time_us);
}

// Bodies: u8 kind, u8 tag, u16 payload length (as far as there are bytes), payload. Stream
// operations get the update's id and number where the input has FF FF FF FF, and addresses are
// brought near the programs' area.
static size_t body_take(const uint8_t *data, size_t size)
{
    static uint8_t line[QL_FRAME_MAX], payload[QL_PAYLOAD_MAX];
    size_t length = ql_load_u16(data + 2) % (QL_PAYLOAD_MAX + 1);
    size_t have = size - 4 < length ? size - 4 : length;
    memset(payload, data[1], sizeof payload);
    memcpy(payload, data + 4, have);
    struct ql_frame frame = {data[0], data[1], (uint16_t)length, payload};
    bool stream = frame.kind >= QL_KIND_STREAM_FIRST && frame.kind <= QL_KIND_STREAM_LAST;
    if (stream && length >= QL_STREAM_DATA) {
        if (ql_load_u32(payload + QL_STREAM_ID) == UINT32_MAX)
            ql_store_u32(payload + QL_STREAM_ID, server.update.id);
        if (ql_load_u32(payload + QL_STREAM_NUMBER) == UINT32_MAX)
            ql_store_u32(payload + QL_STREAM_NUMBER, server.update.taken);
    }
    if (frame.kind == QL_KIND_END && length == QL_END_SIZE &&
        ql_load_u32(payload + QL_END_COUNT) == UINT32_MAX) {
        ql_store_u32(payload + QL_END_ID, server.update.id);
        ql_store_u32(payload + QL_END_COUNT, server.update.taken);
    }
    size_t encoded = ql_frame_encode(&frame, line, sizeof line);
    server_receive(&server, line, encoded);
    return 4 + have;
}

// RAM that a host may load, on the heap's terms: the sanitizer sees its ends.
enum { RAM_FIRST = 0x24000000, RAM_SIZE = 0x2000 };
static uint8_t *ram_memory;

static void ram_store(void *context, uint32_t address, const uint8_t *bytes, uint32_t length)
{
    (void)context;
    check(!(server.lock.policy == NULL), "a locked board has loaded RAM");
    memcpy(ram_memory + (address - RAM_FIRST), bytes, length);
}

static const uint8_t *ram_bytes(void *context, uint32_t address)
{
    (void)context;
    return ram_memory + (address - RAM_FIRST);
}

static const struct ram_area ram_areas[] = {{RAM_FIRST, RAM_FIRST + RAM_SIZE}};
static const struct ram_service ram = {NULL, ram_areas, 1, ram_store, ram_bytes};

static void start(uint8_t options)
{
    static uint8_t ring[RING_SIZE];
    static bool created;
    if (!created) {
        fake_nor_create(&fake, CHIP_SIZE);
        ram_memory = calloc(1, RAM_SIZE);
    }
    created = true;
    fake_nor_reset(&fake);
    memset(fake.array + 0xF0000, 0xFF, 0x10000);
    memset(fake.array + 0x100000, options & 2 ? 0xFF : 0, 0x20000);
    memset(fake.array + 0x120000, 0xFF, CHIP_SIZE - 0x120000);
    fake.allowed_first = 0xF0000;
    fake.allowed_end = CHIP_SIZE - facts.reserved_end;
    fake.absent = (options & 0x1C) == 0x1C;
    fake.erase_hangs = (options & 0x1C) == 0x18;
    fake.erase_leaves_bit = (options & 0x1C) == 0x14;
    fake.status[0] = (options & 0x1C) == 0x10 ? 0x1C : 0;
    nor_init(&nor, &fake.bus, fake.window);
    nor_start(&nor);
    struct server_config config = {.facts = &facts,
                                   .nor = &nor,
                                   .sha256 = &sha256,
                                   .policy = options & 0x20 ? NULL : &lock_policy,
                                   .ram = &ram,
                                   .ring = ring,
                                   .ring_size = sizeof ring};
    server_init(&server, &config);
    ql_frame_decoder_init(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    uint8_t options = data[0];
    start(options);
    data++;
    size--;
    if (options & 1) {
        while (size >= 5) {
            uint8_t pace = data[0];
            size_t used = 1 + body_take(data + 1, size - 1);
            run(pace * 64u * pace);
            data += used;
            size -= used;
        }
    } else {
        server_receive(&server, data, size);
        run(1000);
    }
    // Nothing opens a board without a policy.
    check((options & 0x20) == 0 ||
              (server.update.state == QL_UPDATE_NONE && fake.erases + fake.programs == 0),
          "a locked board has changed its chip");
    // A chip operation under way ends, well or by its limit; then the board answers.
    for (unsigned i = 0; i < 40; i++)
        run(100000);
    static const uint8_t zero[1];
    server_receive(&server, zero, 1);
    static const uint8_t hello[QL_HELLO_SIZE] = {1, 0, 1, 0};
    uint8_t line[64];
    struct ql_frame frame = {QL_KIND_HELLO, 1, sizeof hello, hello};
    size_t length = ql_frame_encode(&frame, line, sizeof line);
    hellos = 0;
    server_receive(&server, line, length);
    run(0);
    check(hellos == 1, "HELLO was not answered");
    return 0;
}
