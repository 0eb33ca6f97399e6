// Fuzz target: any requests to the DFU interface, on a fake chip, in any order and pace.
//
// The input is a script of requests: u8 what (request, and how much time passes behind it), u8
// wValue, u16 length, and for DNLOAD the bytes; commands get addresses near the programs' area. The
// fake chip ends the program on an operation outside that area or out of order. The target checks
// that states and poll times are possible ones, that GETSTATUS is always answered, that nothing is
// sealed without a leave and that what is sealed is what the chip holds, that a locked board
// changes nothing, and that the serial port still answers at the end.
//
// SPDX-License-Identifier: MIT
#include <string.h>

#include <sodium.h>

#include "abi/bytes.h"
#include "core/dfu.h"
#include "tests/fuzz/device_chip.h"
#include "tests/unit/sodium_hash.h"

#define RING_SIZE (3 * QL_PAYLOAD_MAX)

static struct fake_nor fake;
static struct nor nor;
static struct server server;
static struct dfu dfu;
static uint8_t buffer[QL_DFU_TRANSFER_SIZE];
static bool left, closed;

static const struct server_facts facts = {
    .board_name = "fuzz",
    .version = "0",
    .boot_address = QL_PROGRAM_FIRST,
    .reserved_end = 0x43000,
};

static void seals_check(void)
{
    for (unsigned i = 0; i < server.records.count; i++) {
        const struct records_run *run = &server.records.runs[i];
        uint8_t digest[32];
        if (!run->sealed)
            continue;
        check(left, "sealed without a leave");
        crypto_hash_sha256(digest, fake.array + (run->address - QL_MAPPED_BASE), run->length);
        check(memcmp(digest, run->sha256, sizeof digest) == 0, "the chip is not what was sealed");
    }
}

static void run(uint32_t time_us)
{
    bool more = true;
    for (unsigned rounds = 0; more; rounds++) {
        check(rounds < 8192, "the work does not end");
        more = server_run(&server);
        more = dfu_run(&dfu) || more;
        check(server.update.waiting <= server.update.window, "more waits than the window allows");
    }
    seals_check();
    fake_nor_pass_us(&fake, time_us);
}

static bool state_is_possible(uint8_t state)
{
    return state == DFU_STATE_IDLE || state == DFU_STATE_DNBUSY || state == DFU_STATE_DNLOAD_IDLE ||
           state == DFU_STATE_MANIFEST || state == DFU_STATE_UPLOAD_IDLE ||
           state == DFU_STATE_ERROR;
}

static void ask(const struct dfu_request *request)
{
    uint8_t small[DFU_STATUS_SIZE];
    const uint8_t *answer;
    size_t length;
    bool good = dfu_request(&dfu, request, small, &answer, &length);
    check(!good || length <= request->length || request->request == DFU_GETSTATUS ||
              request->request == DFU_GETSTATE,
          "more bytes than asked for");
    if (request->request != DFU_GETSTATUS)
        return;
    check(good && length == DFU_STATUS_SIZE, "GETSTATUS was not answered");
    check(state_is_possible(answer[4]), "a state that GETSTATUS cannot tell");
    check((answer[4] == DFU_STATE_ERROR) == (answer[0] != 0), "bStatus and bState disagree");
    check((answer[1] | answer[2] << 8 | answer[3] << 16) <= 250, "a long poll time");
}

static size_t step(const uint8_t *data, size_t size)
{
    static const uint32_t times_us[] = {0, 100, 2000, 40000, 160000, 700000, 3500000, 11000000};
    struct dfu_request request = {data[0] & 7, data[1] % 5, ql_load_u16(data + 2)};
    size_t used = 4;
    if (request.request == DFU_DNLOAD && !dfu_is_holding(&dfu)) {
        request.length %= QL_DFU_TRANSFER_SIZE + 1;
        size_t have = size - used < request.length ? size - used : request.length;
        memset(buffer, data[1], sizeof buffer);
        memcpy(buffer, data + used, have);
        used += have;
        if (request.value == 0 && request.length == 5)
            ql_store_u32(buffer + 1,
                         QL_PROGRAM_FIRST - 0x10000 + ql_load_u32(buffer + 1) % 0x140000);
        left = left || request.length == 0;
    } else if (request.request == DFU_DNLOAD) {
        dfu_refuse(&dfu);
        request.request = DFU_GETSTATUS;
    }
    if ((data[0] & 0xC0) == 0xC0)
        dfu_line_reset(&dfu);
    ask(&request);
    run(times_us[data[0] >> 3 & 7]);
    return used;
}

static void start(uint8_t options)
{
    static uint8_t ring[RING_SIZE];
    chip_start(&fake, &nor, options, facts.reserved_end);
    closed = (options & 0x20) != 0;
    left = false;
    struct server_config config = {.facts = &facts,
                                   .nor = &nor,
                                   .sha256 = &sodium_hash,
                                   .policy = closed ? NULL : &lock_policy,
                                   .ring = ring,
                                   .ring_size = sizeof ring};
    server_init(&server, &config);
    dfu_init(&dfu, &server, buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t hello[QL_HELLO_SIZE] = {1, 0, 1, 0};
    if (size < 1)
        return 0;
    start(data[0]);
    data++;
    size--;
    while (size >= 4 && dfu_action(&dfu).kind == SERVER_ACT_NOT) {
        size_t used = step(data, size);
        data += used;
        size -= used;
    }
    check(!closed || fake.erases + fake.programs + fake.low_erases + fake.low_programs == 0,
          "a locked board has changed its chip");
    for (unsigned i = 0; i < 40; i++)
        run(100000);
    uint8_t line[64], out[64];
    struct ql_frame frame = {QL_KIND_HELLO, 1, sizeof hello, hello};
    server_receive(&server, line, ql_frame_encode(&frame, line, sizeof line));
    run(0);
    check(server_transmit(&server, out, sizeof out) > 0, "HELLO was not answered");
    return 0;
}
