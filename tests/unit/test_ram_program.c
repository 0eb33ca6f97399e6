// Programs in RAM: RAM_WRITE and RAM_RUN of SPEC.md section 17, through the protocol server.
//
// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "abi/bytes.h"
#include "tests/unit/rig.h"

#define AXI      0x24000000u
#define AXI_SIZE 0x80000u
#define DTCM     0x2001F000u // what is left of it
#define DTCM_END 0x20020000u

enum { RAM_WRITE = 0x14, RAM_RUN = 0x15, RUN_SIZE = 104 };
enum { OK, BAD_REQUEST = 2, BUSY = 4, ALIGNMENT = 7, BAD_STACK, BAD_ENTRY };
enum { VERIFY = 16, NOT_ALLOWED = 19, NO_RAM = 25, LOCKED = 30 };

static struct rig rig;
static uint8_t axi[AXI_SIZE], dtcm[DTCM_END - DTCM];
static unsigned writes;

static uint8_t *memory(uint32_t address)
{
    return address >= AXI ? axi + (address - AXI) : dtcm + (address - DTCM);
}

static void fake_write(void *context, uint32_t address, const uint8_t *bytes, uint32_t length)
{
    (void)context;
    assert_int_equal(address % 8, 0);
    assert_int_equal(length % 8, 0);
    writes++;
    memcpy(memory(address), bytes, length);
}

static const uint8_t *fake_bytes(void *context, uint32_t address)
{
    (void)context;
    return memory(address);
}

static const struct ram_area areas[] = {{DTCM, DTCM_END}, {AXI, AXI + AXI_SIZE}};
static const struct ram_service fake_ram = {NULL, areas, 2, fake_write, fake_bytes};

static int create(void **state)
{
    (void)state;
    rig_create(&rig, 0x1000000);
    rig.ram = &fake_ram;
    rig_restart(&rig);
    memset(axi, 0xA5, sizeof axi);
    memset(dtcm, 0x5A, sizeof dtcm);
    writes = 0;
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

static void expect(const struct ql_frame *answer, uint16_t status, uint32_t detail)
{
    assert_int_equal(ql_load_u16(answer->payload), status);
    assert_int_equal(rig_word(answer, 4), detail);
    assert_int_equal(answer->length, 8);
}

static void write_expect(uint32_t address, uint32_t length, size_t sent, uint16_t status,
                         uint32_t detail)
{
    uint8_t payload[8 + 4100];
    struct ql_frame answer;
    ql_store_u32(payload, address);
    ql_store_u32(payload + 4, length);
    for (size_t i = 8; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7 + address);
    rig_request(&rig, RAM_WRITE, payload, sent, &answer);
    expect(&answer, status, detail);
    if (status == OK)
        assert_memory_equal(memory(address), payload + 8, length);
}

static void writes_what_is_inside(void **state)
{
    (void)state;
    write_expect(AXI, 4096, 4104, OK, 0);
    write_expect(AXI + AXI_SIZE - 8, 8, 16, OK, 0);
    write_expect(DTCM, 4096, 4104, OK, 0);
    assert_int_equal(writes, 3);
    assert_int_equal(axi[4096], 0xA5);
    assert_int_equal(axi[AXI_SIZE - 9], 0xA5);
}

static void refuses_what_is_outside(void **state)
{
    (void)state;
    write_expect(DTCM - 8, 16, 24, NO_RAM, DTCM - 8);
    write_expect(DTCM_END - 8, 16, 24, NO_RAM, DTCM_END);
    write_expect(AXI - 8, 16, 24, NO_RAM, AXI - 8);
    write_expect(AXI + AXI_SIZE - 8, 16, 24, NO_RAM, AXI + AXI_SIZE);
    write_expect(0x90100000, 16, 24, NO_RAM, 0x90100000);
    write_expect(0, 16, 24, NO_RAM, 0);
    write_expect(0xFFFFFFF8, 16, 24, NO_RAM, 0xFFFFFFF8);
    write_expect(AXI + 4, 8, 16, ALIGNMENT, AXI + 4);
    write_expect(AXI, 12, 20, ALIGNMENT, 12);
    write_expect(AXI, 0, 8, BAD_REQUEST, 4);
    write_expect(AXI, 4104, 4108, BAD_REQUEST, 4);
    write_expect(AXI, 16, 23, BAD_REQUEST, 4);
    write_expect(AXI, 16, 25, BAD_REQUEST, 4);
    write_expect(AXI, 16, 7, BAD_REQUEST, 7);
    assert_int_equal(writes, 0);
    assert_int_equal(axi[0], 0xA5);
}

// A program in two pieces: its vector table and code in AXI SRAM, some more at the end of DTCM.
static const uint32_t pieces[][2] = {{AXI + 1024, 70000}, {DTCM + 100, 33}};

static void load_program(uint32_t stack, uint32_t entry)
{
    for (size_t i = 0; i < pieces[0][1]; i++)
        axi[1024 + i] = (uint8_t)(i * 13);
    ql_store_u32(axi + 1024, stack);
    ql_store_u32(axi + 1028, entry);
}

static void run_payload(uint8_t payload[RUN_SIZE])
{
    static uint8_t all[70000 + 33];
    memcpy(all, axi + 1024, 70000);
    memcpy(all + 70000, dtcm + 100, 33);
    memset(payload, 0, RUN_SIZE);
    ql_store_u32(payload, AXI + 1024);
    ql_store_u32(payload + 4, 2);
    rig_sha256(all, sizeof all, payload + 8);
    for (unsigned i = 0; i < 4; i++)
        ql_store_u32(payload + 40 + 4 * i, pieces[i / 2][i % 2]);
}

static void run_expect(const uint8_t *payload, uint16_t status, uint32_t detail)
{
    struct ql_frame answer;
    rig_request(&rig, RAM_RUN, payload, RUN_SIZE, &answer);
    expect(&answer, status, detail);
    rig_run(&rig);
    struct server_action action = server_action(&rig.server);
    assert_int_equal(action.kind, status == OK ? SERVER_ACT_BOOT_RAM : SERVER_ACT_NOT);
    if (status == OK)
        assert_int_equal(action.address, AXI + 1024);
    assert_int_equal(rig.fake.erases + rig.fake.programs, 0);
    assert_int_equal(rig.fake.low_erases + rig.fake.low_programs, 0);
}

static void starts_what_is_there(void **state)
{
    (void)state;
    uint8_t payload[RUN_SIZE];
    load_program(0x20020000, AXI + 1024 + 9);
    run_payload(payload);
    run_expect(payload, OK, 0);
}

static void the_entry_may_lie_in_another_piece(void **state)
{
    (void)state;
    uint8_t payload[RUN_SIZE];
    load_program(0x38010000, DTCM + 100 + 1);
    run_payload(payload);
    run_expect(payload, OK, 0);
}

static void a_byte_that_differs(void **state)
{
    (void)state;
    uint8_t payload[RUN_SIZE];
    load_program(0x20020000, AXI + 1024 + 9);
    run_payload(payload);
    dtcm[132] ^= 1;
    run_expect(payload, VERIFY, AXI + 1024);
    dtcm[132] ^= 1;
    axi[1024 + 69999] ^= 0x80;
    run_expect(payload, VERIFY, AXI + 1024);
    axi[1024 + 69999] ^= 0x80;
    run_expect(payload, OK, 0);
}

static void wrong_words(void **state)
{
    (void)state;
    uint8_t payload[RUN_SIZE];
    static const struct {
        uint32_t stack, entry;
        uint16_t status;
    } cases[] = {
        {0x20020004, AXI + 1033, BAD_STACK},      {0x20000002, AXI + 1033, BAD_STACK},
        {0xFFFFFFFF, 0xFFFFFFFF, BAD_STACK},      {0x20020000, AXI + 1032, BAD_ENTRY},
        {0x20020000, AXI + 1025, BAD_ENTRY},      {0x20020000, AXI + 1031, BAD_ENTRY},
        {0x20020000, AXI + 1023, BAD_ENTRY},      {0x20020000, AXI + 1024 + 70001, BAD_ENTRY},
        {0x20020000, DTCM + 100 + 33, BAD_ENTRY}, {0x20020000, 0x90100009, BAD_ENTRY},
        {0x20020000, AXI + 1024 + 69999, OK}, // the last whole halfword
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        load_program(cases[i].stack, cases[i].entry);
        run_payload(payload);
        uint32_t detail = cases[i].status == BAD_STACK ? cases[i].stack : cases[i].entry;
        run_expect(payload, cases[i].status, cases[i].status == OK ? 0 : detail);
    }
}

static void wrong_fields(void **state)
{
    (void)state;
    uint8_t good[RUN_SIZE], payload[RUN_SIZE];
    load_program(0x20020000, AXI + 1024 + 9);
    run_payload(good);
    static const struct {
        unsigned offset;
        uint32_t value;
        uint16_t status;
        uint32_t detail;
    } cases[] = {
        {4, 0, BAD_REQUEST, 4},
        {4, 9, BAD_REQUEST, 4},
        {4, 3, BAD_REQUEST, 56}, // the third piece is empty
        {44, 0, BAD_REQUEST, 40},
        {40, DTCM - 1, NO_RAM, DTCM - 1},
        {44, AXI_SIZE, NO_RAM, AXI + AXI_SIZE},
        {52, 4097, NO_RAM, DTCM_END},
        {48, 0x20000000, NO_RAM, 0x20000000},
        {0, AXI + 1536, ALIGNMENT, AXI + 1536},
        {0, AXI, BAD_REQUEST, 0},                // below the piece
        {0, AXI + 1024 + 70656, BAD_REQUEST, 0}, // behind it
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memcpy(payload, good, sizeof payload);
        ql_store_u32(payload + cases[i].offset, cases[i].value);
        run_expect(payload, cases[i].status, cases[i].detail);
    }
    struct ql_frame answer;
    rig_request(&rig, RAM_RUN, good, RUN_SIZE - 1, &answer);
    expect(&answer, BAD_REQUEST, RUN_SIZE - 1);
}

static void not_while_an_update_is_open(void **state)
{
    (void)state;
    uint8_t payload[RUN_SIZE];
    struct ql_frame answer;
    load_program(0x20020000, AXI + 1024 + 9);
    run_payload(payload);
    assert_int_equal(rig_begin(&rig, 77, 0x90200000, axi, 4096, 0), OK);
    rig_request(&rig, RAM_RUN, payload, RUN_SIZE, &answer);
    expect(&answer, BUSY, 77);
    write_expect(AXI, 8, 16, OK, 0);
}

static void a_locked_board_and_one_without(void **state)
{
    (void)state;
    static const uint8_t issuer[32] = {1};
    static const struct lock_policy locked = {.issuer = issuer, .generation = 1};
    uint8_t payload[RUN_SIZE] = {0};
    struct ql_frame answer;
    rig.policy = &locked;
    rig_restart(&rig);
    write_expect(AXI, 8, 16, LOCKED, 0xFFFFFFFF);
    rig_request(&rig, RAM_RUN, payload, RUN_SIZE, &answer);
    expect(&answer, LOCKED, 0xFFFFFFFF);
    assert_int_equal(writes, 0);
    rig.policy = &lock_policy;
    rig.ram = NULL;
    rig_restart(&rig);
    write_expect(AXI, 8, 16, NOT_ALLOWED, 0);
    rig_request(&rig, RAM_RUN, payload, RUN_SIZE, &answer);
    expect(&answer, NOT_ALLOWED, 0);
}

// Two requests in a row: the second one finds no room for its answer.
static void without_room_for_the_answer(void **state)
{
    (void)state;
    uint8_t payload[16] = {0};
    rig_receive_frame(&rig, 0x02, 1, NULL, 0); // INFO
    ql_store_u32(payload, AXI);
    ql_store_u32(payload + 4, 8);
    rig_receive_frame(&rig, RAM_WRITE, 2, payload, sizeof payload);
    assert_int_equal(rig_wait(&rig, 0x82, 100).tag, 1);
    assert_int_equal(rig_wait(&rig, 0x94, 100).kind, 0);
    assert_int_equal(writes, 0);
    rig_receive_frame(&rig, RAM_WRITE, 2, payload, sizeof payload);
    assert_int_equal(rig_wait(&rig, 0x94, 100).tag, 2);
    assert_int_equal(writes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_what_is_inside, create, destroy),
        cmocka_unit_test_setup_teardown(refuses_what_is_outside, create, destroy),
        cmocka_unit_test_setup_teardown(starts_what_is_there, create, destroy),
        cmocka_unit_test_setup_teardown(the_entry_may_lie_in_another_piece, create, destroy),
        cmocka_unit_test_setup_teardown(a_byte_that_differs, create, destroy),
        cmocka_unit_test_setup_teardown(wrong_words, create, destroy),
        cmocka_unit_test_setup_teardown(wrong_fields, create, destroy),
        cmocka_unit_test_setup_teardown(not_while_an_update_is_open, create, destroy),
        cmocka_unit_test_setup_teardown(a_locked_board_and_one_without, create, destroy),
        cmocka_unit_test_setup_teardown(without_room_for_the_answer, create, destroy),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
