// The rig: wires the core as an image's main does, with libsodium's SHA-256.
//
// SPDX-License-Identifier: MIT
#include "tests/unit/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "abi/bytes.h"
#include "tests/unit/sodium_hash.h"
#include "tests/unit/vectors.h"

void rig_sha256(const uint8_t *bytes, size_t length, uint8_t digest[32])
{
    crypto_hash_sha256(digest, bytes, length);
}

enum {
    RING_SIZE = QL_PAYLOAD_MAX + 131072,
};

static const struct server_facts rig_facts = {
    .board_name = "h750_w25q128",
    .version = "0.1.0",
    .uid = {0x003A0042, 0x31385106, 0x36343739},
    .session = 0x5E551017,
    .reset_cause = 0x00E00000,
    .idcode = 0x20006450,
    .cpu_hz = 480000000,
    .quadspi_hz = 240000000,
    .read_protection = 0xAA,
    .stay_reason = QL_STAY_BLANK,
    .boot_address = 0x90100000,
};

void rig_restart(struct rig *rig)
{
    // As the controller's reset does. The driver knows nothing of the chip any more.
    rig->fake.bus.poll_stop(&rig->fake);
    rig->fake.bus.unmap(&rig->fake);
    rig->fake.strict = false;
    nor_init(&rig->nor, &rig->fake.bus, rig->fake.window);
    nor_start(&rig->nor);
    struct server_config config = {
        .facts = &rig->facts,
        .nor = &rig->nor,
        .sha256 = &rig->sha256,
        .policy = rig->policy,
        .lock_memory = &rig->lock_memory,
        .ram = rig->ram,
        .flash = rig->flash,
        .ring = rig->ring,
        .ring_size = RING_SIZE,
    };
    server_init(&rig->server, &config);
    dfu_init(&rig->dfu, &rig->server, rig->dfu_buffer);
    px4_init(&rig->px4, &rig->server);
    ql_frame_decoder_init(&rig->decoder);
    rig->out_length = 0;
    rig->out_used = 0;
}

void rig_create(struct rig *rig, uint32_t size)
{
    memset(rig, 0, sizeof *rig);
    fake_nor_create(&rig->fake, size);
    rig->ring = malloc(RING_SIZE);
    rig->fake.allowed_first = 0xF0000; // the log of records, then the programs
    rig->facts = rig_facts;
    rig->policy = &lock_policy;
    rig->sha256 = sodium_hash;
    rig->packet = 64;
    rig_restart(rig);
}

void rig_destroy(struct rig *rig)
{
    fake_nor_destroy(&rig->fake);
    free(rig->ring);
}

void rig_receive(struct rig *rig, const uint8_t *bytes, size_t length)
{
    for (size_t used = 0; used < length; used += rig->packet) {
        size_t now = length - used < rig->packet ? length - used : rig->packet;
        size_t taken = 0;
        for (unsigned waited_ms = 0; taken < now && waited_ms < 20000; waited_ms++) {
            taken += px4_receive(&rig->px4, bytes + used + taken, now - taken);
            if (taken < now)
                rig_run_ms(rig, 1);
        }
    }
}

void rig_receive_vector(struct rig *rig, const char *name)
{
    const struct vector *vector = vector_get(name);
    rig_receive(rig, vector->bytes, vector->length);
}

void rig_receive_frame(struct rig *rig, uint8_t kind, uint16_t tag, const void *payload,
                       size_t length)
{
    uint8_t line[QL_FRAME_MAX];
    struct ql_frame frame = {kind, tag, (uint16_t)length, payload};
    rig_receive(rig, line, ql_frame_encode(&frame, line, sizeof line));
}

static void out_take(struct rig *rig)
{
    size_t room = sizeof rig->out - rig->out_length;
    rig->out_length += px4_transmit(&rig->px4, rig->out + rig->out_length, room < 64 ? room : 64);
}

void rig_run(struct rig *rig)
{
    bool more;
    do {
        more = server_run(&rig->server);
        more = dfu_run(&rig->dfu) || more;
        more = px4_run(&rig->px4) || more;
        size_t before = rig->out_length;
        out_take(rig);
        more = more || rig->out_length != before;
    } while (more);
}

void rig_run_ms(struct rig *rig, uint32_t time_ms)
{
    uint64_t end_us = rig->fake.now_us + (uint64_t)time_ms * 1000;
    for (;;) {
        rig_run(rig);
        if (rig->fake.now_us >= end_us)
            return;
        fake_nor_pass_us(&rig->fake, 100);
    }
}

struct ql_frame rig_next(struct rig *rig)
{
    struct ql_frame frame = {0};
    enum ql_frame_event event = QL_FRAME_MORE;
    while (rig->out_used < rig->out_length && event == QL_FRAME_MORE)
        rig->out_used += ql_frame_decode(&rig->decoder, rig->out + rig->out_used,
                                         rig->out_length - rig->out_used, &event, &frame);
    if (rig->out_used == rig->out_length) {
        rig->out_used = 0;
        rig->out_length = 0;
    }
    if (event == QL_FRAME_DAMAGED) {
        fprintf(stderr, "the board sent a damaged frame\n");
        abort();
    }
    return frame;
}

struct ql_frame rig_wait(struct rig *rig, uint8_t kind, uint32_t limit_ms)
{
    uint64_t end_us = rig->fake.now_us + (uint64_t)limit_ms * 1000;
    for (;;) {
        rig_run(rig);
        struct ql_frame frame;
        while ((frame = rig_next(rig)).kind != 0)
            if (frame.kind == kind)
                return frame;
        if (rig->fake.now_us >= end_us)
            return frame;
        fake_nor_pass_us(&rig->fake, 100);
    }
}

void rig_expect_vector(struct rig *rig, const char *name)
{
    const struct vector *vector = vector_get(name);
    rig_run(rig);
    while (rig->out_used < rig->out_length && rig->out[rig->out_used] == 0)
        rig->out_used++;
    if (rig->out_length - rig->out_used < vector->length ||
        memcmp(rig->out + rig->out_used, vector->bytes, vector->length) != 0) {
        fprintf(stderr, "expected %s, got:", name);
        for (size_t i = rig->out_used; i < rig->out_length; i++)
            fprintf(stderr, " %02x", rig->out[i]);
        fprintf(stderr, "\n");
        abort();
    }
    rig->out_used += vector->length;
}

uint16_t rig_request(struct rig *rig, uint8_t kind, const void *payload, size_t length,
                     struct ql_frame *answer)
{
    static uint16_t tag = 0x100;
    tag++;
    rig_receive_frame(rig, kind, tag, payload, length);
    struct ql_frame frame = rig_wait(rig, (uint8_t)(kind + 0x80), 3000);
    if (frame.kind == 0 || frame.tag != tag || frame.length < 8) {
        fprintf(stderr, "no answer to a request of kind %02X\n", kind);
        abort();
    }
    if (answer)
        *answer = frame;
    return ql_load_u16(frame.payload);
}

uint16_t rig_begin(struct rig *rig, uint32_t id, uint32_t address, const uint8_t *bytes,
                   uint32_t length, uint32_t flags)
{
    uint8_t payload[60] = {0};
    ql_store_u32(payload, id);
    ql_store_u32(payload + 4, address);
    ql_store_u32(payload + 8, length);
    ql_store_u32(payload + 12, flags);
    rig_sha256(bytes, length, payload + 16);
    if (flags & 1)
        memcpy(payload + 48, bytes, 8);
    return rig_request(rig, 0x10, payload, sizeof payload, NULL);
}

void rig_erase(struct rig *rig, uint32_t id, uint32_t number, uint32_t address, uint32_t size)
{
    uint8_t payload[16];
    ql_store_u32(payload, id);
    ql_store_u32(payload + 4, number);
    ql_store_u32(payload + 8, address);
    ql_store_u32(payload + 12, size);
    rig_receive_frame(rig, 0x40, 0, payload, sizeof payload);
}

void rig_write(struct rig *rig, uint32_t id, uint32_t number, uint32_t address,
               const uint8_t *bytes, uint32_t length)
{
    uint8_t payload[4112];
    ql_store_u32(payload, id);
    ql_store_u32(payload + 4, number);
    ql_store_u32(payload + 8, address);
    ql_store_u32(payload + 12, length);
    memcpy(payload + 16, bytes, length);
    rig_receive_frame(rig, 0x41, 0, payload, 16 + length);
}

uint16_t rig_end(struct rig *rig, uint32_t id, uint32_t count, uint32_t limit_ms)
{
    uint8_t payload[8];
    ql_store_u32(payload, id);
    ql_store_u32(payload + 4, count);
    rig_receive_frame(rig, 0x11, 0x7777, payload, sizeof payload);
    struct ql_frame frame = rig_wait(rig, 0x91, limit_ms);
    return frame.kind == 0 ? 0xFFFF : ql_load_u16(frame.payload);
}

void rig_program(uint8_t *image, size_t size, uint32_t address)
{
    uint32_t seed = 4711;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        image[i] = (uint8_t)(seed >> 24);
    }
    ql_store_u32(image, 0x24080000);
    ql_store_u32(image + 4, address + 0x101);
}

uint8_t *rig_chip_at(const struct rig *rig, uint32_t address)
{
    return rig->fake.array + (address - 0x90000000);
}

const uint8_t *rig_slot(const struct rig *rig, unsigned place)
{
    return rig->fake.array + 0xF0000 + 256 * place;
}

const uint8_t *rig_last_record(const struct rig *rig)
{
    const uint8_t *last = NULL;
    for (unsigned place = 0; place < 256; place++) {
        const uint8_t *slot = rig_slot(rig, place);
        if (memcmp(slot, "QDLR", 4) == 0 &&
            (!last || ql_load_u32(slot + 4) > ql_load_u32(last + 4)))
            last = slot;
    }
    return last;
}

uint32_t rig_word(const struct ql_frame *frame, unsigned offset)
{
    return ql_load_u32(frame->payload + offset);
}
