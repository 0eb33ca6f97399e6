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
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "abi/bytes.h"
#include "abi/crc32.h"
#include "core/server.h"
#include "tests/fuzz/device_chip.h"
#include "tests/unit/sodium_hash.h"

#define RING_SIZE (3 * QL_PAYLOAD_MAX)

static struct fake_nor fake;
static struct nor nor;
static struct server server;
static struct ql_frame_decoder decoder;
static unsigned hellos;

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

static struct bootloader_flash own_flash;

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
    // Nobody guesses a hash.
    if (frame.kind == QL_KIND_REPLACE && length == QL_REPLACE_SIZE &&
        ql_load_u32(payload + QL_REPLACE_SHA256) == UINT32_MAX &&
        ql_load_u32(payload) <= QL_BOOTLOADER_MAX)
        crypto_hash_sha256(payload + QL_REPLACE_SHA256, own_flash.staging, ql_load_u32(payload));
    size_t encoded = ql_frame_encode(&frame, line, sizeof line);
    server_receive(&server, line, encoded);
    return 4 + have;
}

// RAM that a host may load, on the heap's terms: the sanitizer sees its ends.
enum { RAM_FIRST = 0x24000000, RAM_SIZE = 0x2000 };
static uint8_t *ram_memory, *staging;

static uint8_t *ram_place(uint32_t address)
{
    return address >= QL_STAGING_ADDRESS ? staging + (address - QL_STAGING_ADDRESS)
                                         : ram_memory + (address - RAM_FIRST);
}

static void ram_store(void *context, uint32_t address, const uint8_t *bytes, uint32_t length)
{
    (void)context;
    check(!(server.lock.policy == NULL), "a locked board has loaded RAM");
    check(server.action.kind != SERVER_ACT_REPLACE, "the image changed after it was checked");
    memcpy(ram_place(address), bytes, length);
}

static const uint8_t *ram_bytes(void *context, uint32_t address)
{
    (void)context;
    return ram_place(address);
}

static const struct ram_area ram_areas[] = {
    {RAM_FIRST, RAM_FIRST + RAM_SIZE},
    {QL_STAGING_ADDRESS, QL_STAGING_ADDRESS + QL_BOOTLOADER_MAX}};
static const struct ram_service ram = {NULL, ram_areas, 2, ram_store, ram_bytes};

// The microcontroller's own flash: any change but the three that can be asked for is a fault.
static struct bootloader_protection protection;

static struct bootloader_protection own_protection(void *context)
{
    (void)context;
    return protection;
}

static void own_change(void *context, enum ql_protect what)
{
    (void)context;
    check(server.lock.policy != NULL, "a locked board has changed its protection");
    check(what == QL_PROTECT_READ || what == QL_PROTECT_WRITE || what == QL_PROTECT_WRITE_OFF,
          "a change that nobody can ask for");
    protection.read = what == QL_PROTECT_READ ? 0x55 : protection.read;
    protection.write = what == QL_PROTECT_READ ? protection.write : what == QL_PROTECT_WRITE;
}

static enum bootloader_change own_change_state(void *context)
{
    (void)context;
    return BOOTLOADER_CHANGED;
}

static struct bootloader_flash own_flash = {
    .protection = own_protection, .change = own_change, .change_state = own_change_state};

// A bootloader that would be taken; inputs change bytes of it.
static void staging_fill(void)
{
    uint8_t *marker = staging + QL_MARKER_OFFSET;
    memset(staging, 0, QL_BOOTLOADER_MAX);
    ql_store_u32(staging, 0x20002000);
    ql_store_u32(staging + 4, QL_BOOTLOADER_ADDRESS + 0x101);
    ql_store_u32(marker, QL_MARKER_MAGIC);
    ql_store_u16(marker + QL_MARKER_VERSION, QL_MARKER_VERSION_KNOWN);
    ql_store_u16(marker + QL_MARKER_SIZE_FIELD, QL_MARKER_SIZE);
    ql_store_u32(marker + QL_MARKER_ADDRESS, QL_BOOTLOADER_ADDRESS);
    ql_store_u32(marker + QL_MARKER_LENGTH, QL_BOOTLOADER_MIN);
    memcpy(marker + QL_MARKER_BOARD, facts.board_name, strlen(facts.board_name));
    ql_store_u32(marker + QL_MARKER_CRC, ql_crc32(0, staging, QL_BOOTLOADER_MIN));
    protection = (struct bootloader_protection){.read = 0xAA};
}

static void start(uint8_t options)
{
    static uint8_t ring[RING_SIZE];
    if (!staging) {
        ram_memory = calloc(1, RAM_SIZE);
        staging = calloc(1, QL_BOOTLOADER_MAX);
        own_flash.bytes = calloc(1, QL_BOOTLOADER_MAX);
        own_flash.staging = staging;
    }
    staging_fill();
    chip_start(&fake, &nor, options, facts.reserved_end);
    memset(fake.array + 0x120000, 0xFF, CHIP_SIZE - 0x120000);
    struct server_config config = {.facts = &facts,
                                   .nor = &nor,
                                   .sha256 = &sodium_hash,
                                   .policy = options & 0x20 ? NULL : &lock_policy,
                                   .ram = &ram,
                                   .flash = &own_flash,
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
    check((options & 0x20) == 0 || server.action.kind != SERVER_ACT_REPLACE,
          "a locked board replaces its bootloader");
    // The zero ends what the input began, which may be a good frame, even a HELLO. A chip operation
    // under way ends, well or by its limit; then the board answers.
    static const uint8_t zero[1];
    server_receive(&server, zero, 1);
    for (unsigned i = 0; i < 40; i++)
        run(100000);
    static const uint8_t hello[QL_HELLO_SIZE] = {1, 0, 1, 0};
    uint8_t line[64];
    struct ql_frame frame = {QL_KIND_HELLO, 1, sizeof hello, hello};
    size_t length = ql_frame_encode(&frame, line, sizeof line);
    hellos = 0;
    server_receive(&server, line, length);
    run(0);
    check(hellos == 1, "HELLO was not answered once");
    return 0;
}
