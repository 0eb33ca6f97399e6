// The DFU state machine on a fake chip, with a host as dfu-util 0.11 is one: each request in its
// order, sleeping as long as it is told to. The rules are SPEC.md section 19 and DFU 1.1, chapter 6
// and appendix A.
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

#define SIZE 0x1000000u
#define AT   0x90100000u
#define FAR  0x90800000u
#define PAGE 0x10000u

enum { DETACH, DNLOAD, UPLOAD, GETSTATUS, CLRSTATUS, GETSTATE, ABORT };
enum { IDLE = 2, DNLOAD_SYNC, DNBUSY, DNLOAD_IDLE, MANIFEST = 7, UPLOAD_IDLE = 9, ERROR };
enum { ERR_WRITE = 3, ERR_ERASE, ERR_PROG = 6, ERR_VERIFY, ERR_ADDRESS, ERR_NOTDONE, ERR_FIRMWARE };
enum { ERR_VENDOR = 11, ERR_STALLEDPKT = 15 };
enum { WRITING = 2, SEALED = 3, CLEARED = 4 };
enum { STALL = -1, BUSY = 4 };

static struct rig rig;
static uint8_t image[0x200000];

static int setup(void **state)
{
    (void)state;
    rig_create(&rig, SIZE);
    rig_program(image, sizeof image, AT);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

// --- The host -----------------------------------------------------------------------------------

struct told {
    uint8_t status, state, string;
    uint32_t poll_ms;
};

// A control transfer; bytes to the host go to `in`. Returns their number, or STALL.
static int transfer(uint8_t request, uint16_t value, const void *out, uint16_t length, void *in)
{
    uint8_t small[DFU_STATUS_SIZE];
    const uint8_t *answer;
    size_t size;
    struct dfu_request asked = {request, value, length};
    if (out) {
        assert_false(dfu_is_holding(&rig.dfu));
        memcpy(rig.dfu_buffer, out, length);
    }
    bool good = dfu_request(&rig.dfu, &asked, small, &answer, &size);
    if (good && in)
        memcpy(in, answer, size);
    rig_run(&rig);
    return good ? (int)size : STALL;
}

static struct told get_status(void)
{
    uint8_t bytes[6];
    assert_int_equal(transfer(GETSTATUS, 0, NULL, 6, bytes), 6);
    return (struct told){bytes[0], bytes[4], bytes[5],
                         bytes[1] | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3] << 16};
}

static uint8_t get_state(void)
{
    uint8_t byte;
    assert_int_equal(transfer(GETSTATE, 0, NULL, 1, &byte), 1);
    return byte;
}

// Polls until it is no longer busy, as dfu-util does.
static struct told settle(void)
{
    struct told told;
    unsigned in_a_row = 0;
    do {
        told = get_status();
        rig_run_ms(&rig, told.poll_ms);
        in_a_row = told.poll_ms == 0 ? in_a_row + 1 : 0;
        assert_true(in_a_row < 100); // then dfu-util takes the device for stuck
    } while (told.state == DNBUSY);
    return told;
}

static struct told command(const uint8_t *bytes, uint16_t length)
{
    assert_int_equal(transfer(DNLOAD, 0, bytes, length, NULL), 0);
    struct told told = get_status();
    if (told.status != 0)
        return told;
    assert_int_equal(told.state, DNBUSY); // else dfu-util gives up
    rig_run_ms(&rig, told.poll_ms);
    return settle();
}

static struct told set_address(uint32_t address)
{
    uint8_t bytes[5] = {0x21};
    ql_store_u32(bytes + 1, address);
    return command(bytes, 5);
}

static struct told erase_page(uint32_t address)
{
    uint8_t bytes[5] = {0x41};
    ql_store_u32(bytes + 1, address);
    return command(bytes, 5);
}

static struct told mass_erase(void)
{
    return command((const uint8_t[]){0x41}, 1);
}

static struct told write_block(const uint8_t *bytes, uint16_t length)
{
    assert_int_equal(transfer(DNLOAD, 2, bytes, length, NULL), 0);
    return settle();
}

static void abort_to_idle(void)
{
    assert_int_equal(transfer(ABORT, 0, NULL, 0, NULL), 0);
    struct told told = get_status();
    assert_int_equal(told.state, IDLE);
    rig_run_ms(&rig, told.poll_ms + 2); // the pages of a record are not counted
}

static void expect_ok(struct told told)
{
    assert_int_equal(told.status, 0);
    assert_int_equal(told.state, DNLOAD_IDLE);
}

static void expect_error(struct told told, uint8_t status)
{
    assert_int_equal(told.state, ERROR);
    assert_int_equal(told.status, status);
    assert_int_equal(told.string, status == ERR_VENDOR ? 5 : 0);
}

static void erase_pages(uint32_t address, uint32_t length)
{
    for (uint32_t at = address / PAGE * PAGE; at < address + length; at += PAGE)
        expect_ok(erase_page(at));
}

static void write_bytes(uint32_t address, const uint8_t *bytes, uint32_t length)
{
    for (uint32_t at = 0; at < length; at += 4096) {
        uint32_t size = length - at < 4096 ? length - at : 4096;
        expect_ok(set_address(address + at));
        expect_ok(write_block(bytes + at, (uint16_t)size));
    }
}

// As `dfu-util -s ADDRESS -D FILE`: all erases, all writes, ABORT.
static void download(uint32_t address, const uint8_t *bytes, uint32_t length)
{
    assert_int_equal(get_status().state, IDLE);
    erase_pages(address, length);
    write_bytes(address, bytes, length);
    abort_to_idle();
}

static struct told leave(void)
{
    assert_int_equal(transfer(DNLOAD, 2, NULL, 0, NULL), 0);
    return settle();
}

static struct told leave_at(uint32_t address)
{
    expect_ok(set_address(address));
    return leave();
}

static uint32_t started_at(void)
{
    rig_run_ms(&rig, DFU_LEAVE_MS);
    struct server_action action = dfu_action(&rig.dfu);
    return action.kind == SERVER_ACT_BOOT ? action.address : 0;
}

// --- What the chip then holds -------------------------------------------------------------------

static const uint8_t *slot(unsigned place)
{
    return rig.fake.array + 0xF0000 + 256 * place;
}

// The newest record of the log.
static const uint8_t *last_record(void)
{
    const uint8_t *last = NULL;
    for (unsigned place = 0; place < 256; place++)
        if (memcmp(slot(place), "QDLR", 4) == 0 &&
            (!last || ql_load_u32(slot(place) + 4) > ql_load_u32(last + 4)))
            last = slot(place);
    assert_non_null(last);
    return last;
}

static unsigned count_records(uint8_t kind)
{
    unsigned count = 0;
    for (unsigned place = 0; place < 256; place++)
        count += memcmp(slot(place), "QDLR", 4) == 0 && slot(place)[9] == kind;
    return count;
}

static void expect_sealed(const uint8_t *record, uint32_t address, uint32_t length)
{
    uint8_t digest[32];
    rig_sha256(rig_chip_at(&rig, address), length, digest);
    assert_int_equal(record[9], SEALED);
    assert_int_equal(ql_load_u32(record + 12), address);
    assert_int_equal(ql_load_u32(record + 16), length);
    assert_int_equal(ql_load_u32(record + 28), 1);
    assert_memory_equal(record + 32, digest, 32);
}

static enum ql_status verdict(uint32_t address)
{
    return server_start_check(&rig.server, address, 0).status;
}

// --- Tests --------------------------------------------------------------------------------------

static void the_layout_is_that_of_the_chip(void **state)
{
    (void)state;
    char text[DFU_LAYOUT_SIZE];
    dfu_layout(&rig.dfu, text);
    // 15 MiB are 240 blocks of 64 KiB.
    assert_string_equal(text, "@External Flash /0x90100000/99*064Kg,99*064Kg,42*064Kg");

    rig.facts.reserved_end = 0x7D000; // 508 KiB less one sector, and three sectors
    rig_restart(&rig);
    dfu_layout(&rig.dfu, text);
    assert_string_equal(text, "@External Flash /0x90100000/99*064Kg,99*064Kg,34*064Kg,03*004Kg");

    rig_destroy(&rig);
    rig_create(&rig, 0x200000);
    dfu_layout(&rig.dfu, text);
    assert_string_equal(text, "@External Flash /0x90100000/16*064Kg");

    // 255 MiB in pages of 64 KiB would be 4080: four times that size makes 1020, eight times 510.
    rig.server.update.program_end = 0x90000000 + 0x10000000;
    dfu_init(&rig.dfu, &rig.server, rig.dfu_buffer);
    dfu_layout(&rig.dfu, text);
    assert_string_equal(text, "@External Flash /0x90100000/99*512Kg,99*512Kg,99*512Kg,99*512Kg,"
                              "99*512Kg,15*512Kg");
    rig.fake.absent = true;
    rig_restart(&rig);
    dfu_layout(&rig.dfu, text);
    assert_string_equal(text, "@External Flash /0x90100000/00*064Kg");
}

static void a_download_with_leave_is_sealed_and_started(void **state)
{
    (void)state;
    const uint32_t length = 0x32345;
    memset(rig_chip_at(&rig, AT), 0, PAGE * 5);
    download(AT, image, length);
    assert_memory_equal(rig_chip_at(&rig, AT), image, length);
    assert_int_equal(*rig_chip_at(&rig, AT + length), 0xFF);
    assert_int_equal(*rig_chip_at(&rig, AT + PAGE * 4), 0); // erased no more than said
    assert_int_equal(verdict(AT), QL_STATUS_INCOMPLETE);
    assert_int_equal(started_at(), 0);

    struct told told = leave_at(AT);
    assert_int_equal(told.status, 0);
    assert_int_equal(told.state, MANIFEST);
    assert_int_equal(started_at(), AT);
    expect_sealed(last_record(), AT, length);
    assert_int_equal(count_records(WRITING), 1);
    rig_restart(&rig);
    assert_int_equal(verdict(AT), QL_STATUS_OK);
}

static void without_leave_it_is_not_started(void **state)
{
    (void)state;
    download(AT, image, 0x5000);
    rig_run_ms(&rig, 10000);
    rig_restart(&rig);
    assert_int_equal(verdict(AT), QL_STATUS_INCOMPLETE);
    assert_int_equal(leave_at(AT).status, ERR_FIRMWARE);
}

static void a_leave_may_come_later(void **state)
{
    (void)state;
    download(AT, image, 0x5000);
    rig_run_ms(&rig, 60000);
    // Verified meanwhile, as ST's tools do.
    uint8_t block[4096];
    expect_ok(set_address(AT));
    abort_to_idle();
    assert_int_equal(transfer(UPLOAD, 3, NULL, 4096, block), 4096);
    assert_memory_equal(block, image + 4096, 4096);
    abort_to_idle();
    assert_int_equal(leave_at(AT).state, MANIFEST);
    expect_sealed(last_record(), AT, 0x5000);
}

static void the_chip_never_waits(void **state)
{
    (void)state;
    const uint32_t length = 0x100000;
    memset(rig_chip_at(&rig, AT), 0, length);
    uint64_t start_us = rig.fake.now_us;
    download(AT, image, length);
    assert_int_equal(leave_at(AT).state, MANIFEST);
    double took_ms = (double)(rig.fake.now_us - start_us) / 1000;
    // 16 erases of 150 ms, 4096 pages of 0.4 ms by the data sheet; this host's transfers take no
    // time, but it looks once a millisecond only.
    assert_true(took_ms < 1.05 * (16 * 150 + 4096 * 0.4));
    assert_int_equal(rig.fake.erases, 16);
    assert_int_equal(rig.fake.programs, 4096);
}

static void a_page_erase_is_answered_while_the_chip_erases(void **state)
{
    (void)state;
    memset(rig_chip_at(&rig, AT), 0, 4 * PAGE);
    uint64_t start_us = rig.fake.now_us;
    for (unsigned page = 0; page < 4; page++)
        expect_ok(erase_page(AT + page * PAGE + 0x1234));
    assert_true(rig.fake.now_us - start_us < 10000);
    assert_true(fake_nor_is_busy(&rig.fake));
    // SET_ADDRESS in the midst of a download does not wait, one behind it does.
    expect_ok(set_address(AT));
    assert_true(rig.fake.now_us - start_us < 10000);
    abort_to_idle();
    expect_ok(set_address(AT));
    assert_int_equal(rig.fake.erases, 4);
    assert_true(rig.fake.now_us - start_us >= 600000);
}

static void poll_times_are_the_chips_typical_ones(void **state)
{
    (void)state;
    memset(rig_chip_at(&rig, AT), 0, 4 * PAGE);
    erase_pages(AT, 2 * PAGE);
    rig_run_ms(&rig, 30);
    expect_ok(set_address(AT));
    // The window is full when the first page's erase has long to go.
    struct told told = {0};
    for (uint32_t at = 0; at < 2 * PAGE && told.poll_ms == 0; at += 4096) {
        assert_int_equal(transfer(DNLOAD, (uint16_t)(2 + at / 4096), image + at, 4096, NULL), 0);
        told = get_status();
        assert_int_equal(told.state, DNBUSY);
        if (told.poll_ms == 0)
            assert_int_equal(get_status().state, DNLOAD_IDLE);
    }
    assert_in_range(told.poll_ms, 100, 150);
    assert_int_equal(get_status().state, DNBUSY);
    // Nothing more is let in, and the bytes stay.
    assert_true(dfu_is_holding(&rig.dfu));
    expect_ok(settle());
}

static void mass_erase_takes_the_programs_area_only(void **state)
{
    (void)state;
    rig_destroy(&rig);
    rig_create(&rig, 0x400000);
    rig.facts.reserved_end = 0x12000;
    rig_restart(&rig);
    memset(rig.fake.array, 0, 0xF0000);
    memset(rig_chip_at(&rig, AT), 0, 0x300000);
    rig.fake.allowed_end = 0x400000 - 0x12000;
    assert_int_equal(transfer(DNLOAD, 0, (const uint8_t[]){0x41}, 1, NULL), 0);
    assert_int_equal(get_status().state, DNBUSY);
    expect_ok(settle());
    for (uint32_t at = 0x100000; at < 0x400000 - 0x12000; at++)
        assert_int_equal(rig.fake.array[at], 0xFF);
    assert_int_equal(rig.fake.array[0x400000 - 0x12000], 0);
    assert_int_equal(rig.fake.array[0xEFFFF], 0);
    // Then a download without erases, as dfu-util does it.
    write_bytes(AT, image, 0x9000);
    abort_to_idle();
    assert_int_equal(leave_at(AT).state, MANIFEST);
    expect_sealed(last_record(), AT, 0x9000);
}

static void a_mass_erase_never_tells_100_ms(void **state)
{
    (void)state;
    rig_destroy(&rig);
    rig_create(&rig, 0x200000);
    memset(rig_chip_at(&rig, AT), 0, 0x100000);
    assert_int_equal(transfer(DNLOAD, 0, (const uint8_t[]){0x41}, 1, NULL), 0);
    struct told told;
    uint64_t since_us = rig.fake.now_us;
    while ((told = get_status()).state == DNBUSY) { // asked far more often than it says
        assert_int_not_equal(told.poll_ms, 100);    // dfu-util takes that for 35 s
        assert_in_range(told.poll_ms, 1, 250);
        rig_run_ms(&rig, 1);
    }
    expect_ok(told);
    assert_true(rig.fake.now_us - since_us >= 16 * 150000);
}

static void erasing_alone_leaves_nothing_unfinished(void **state)
{
    (void)state;
    download(AT, image, 0x5000);
    assert_int_equal(leave_at(AT).state, MANIFEST);
    rig_restart(&rig);
    expect_ok(erase_page(AT));
    abort_to_idle();
    rig_run_ms(&rig, 500);
    assert_int_equal(last_record()[9], CLEARED);
    assert_int_equal(verdict(AT), QL_STATUS_BLANK);
    // And the serial port has the chip again.
    assert_int_equal(rig_begin(&rig, 7, AT, image, 0x1000, 1), QL_STATUS_OK);
}

static void what_is_erased_again_was_not_written(void **state)
{
    (void)state;
    erase_pages(AT, PAGE);
    write_bytes(AT, image, 0x2000);
    expect_ok(erase_page(AT));
    abort_to_idle();
    rig_run_ms(&rig, 500);
    assert_int_equal(last_record()[9], CLEARED);
    assert_int_equal(verdict(AT), QL_STATUS_BLANK);
}

static void an_abort_in_place_of_the_question_gives_up(void **state)
{
    (void)state;
    erase_pages(AT, 0x2000);
    expect_ok(set_address(AT));
    assert_int_equal(transfer(DNLOAD, 2, image, 0x800, NULL), 0);
    assert_int_equal(transfer(ABORT, 0, NULL, 0, NULL), 0);
    assert_int_equal(get_status().state, IDLE);
    rig_run_ms(&rig, 500);
    expect_error(leave_at(AT), ERR_FIRMWARE);
    assert_int_equal(last_record()[9], WRITING);
}

static void several_runs_are_sealed_by_one_leave(void **state)
{
    (void)state;
    static uint8_t far[0x3000];
    memcpy(far, image, sizeof far);
    ql_store_u32(far + 4, FAR + 0x201);
    // Two elements of one file, then data that are no program, then the leave without an address.
    erase_pages(AT, 0x5000);
    write_bytes(AT, image, 0x5000);
    erase_pages(FAR, sizeof far);
    write_bytes(FAR, far, sizeof far);
    erase_pages(FAR + 0x100000, 0x1000);
    write_bytes(FAR + 0x100000, image + 0x100, 0x1000);
    abort_to_idle();
    assert_int_equal(verdict(AT), QL_STATUS_INCOMPLETE);
    assert_int_equal(leave().state, MANIFEST);
    // The pointer is in the data: the first program of the download.
    assert_int_equal(started_at(), AT);
    rig_restart(&rig);
    assert_int_equal(verdict(AT), QL_STATUS_OK);
    assert_int_equal(verdict(FAR), QL_STATUS_OK);
    assert_int_equal(verdict(FAR + 0x100000), QL_STATUS_BAD_STACK);
    // A leave alone starts what the pointer lies in.
    assert_int_equal(leave_at(FAR + 0x1000).state, MANIFEST);
    assert_int_equal(started_at(), FAR);
}

static void neighbours_keep_their_seals(void **state)
{
    (void)state;
    static uint8_t far[0x3000];
    memcpy(far, image, sizeof far);
    ql_store_u32(far + 4, AT + PAGE + 0x201);
    download(AT + PAGE, far, sizeof far);
    assert_int_equal(leave_at(AT + PAGE).state, MANIFEST);
    rig_restart(&rig);
    download(AT, image, 0x5000);
    assert_int_equal(verdict(AT + PAGE), QL_STATUS_OK); // in the midst of the other's update
    assert_int_equal(leave_at(AT).state, MANIFEST);
    rig_restart(&rig);
    assert_int_equal(verdict(AT), QL_STATUS_OK);
    assert_int_equal(verdict(AT + PAGE), QL_STATUS_OK);
}

static void a_host_that_stops_early_gets_no_seal(void **state)
{
    (void)state;
    erase_pages(AT, 0x30000);
    write_bytes(AT, image, 0x8000);
    abort_to_idle();
    // As after Ctrl-C and `dfu-util -s 0x90100000:leave`.
    expect_error(leave_at(AT), ERR_NOTDONE);
    rig_restart(&rig);
    assert_int_equal(verdict(AT), QL_STATUS_INCOMPLETE);
    // Once more and whole.
    download(AT, image, 0x30000);
    assert_int_equal(leave_at(AT).state, MANIFEST);
    expect_sealed(last_record(), AT, 0x30000);
}

static void a_silent_host_loses_its_download(void **state)
{
    (void)state;
    erase_pages(AT, 0x5000);
    write_bytes(AT, image, 0x5000);
    rig_run_ms(&rig, DFU_SILENCE_MS + 10);
    expect_error(get_status(), ERR_NOTDONE);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    assert_int_equal(get_state(), IDLE);
    expect_error(leave_at(AT), ERR_FIRMWARE);
    // The serial port is free.
    assert_int_equal(rig_begin(&rig, 7, AT, image, 0x1000, 1), QL_STATUS_OK);
}

static void a_shorter_program_over_a_longer_one(void **state)
{
    (void)state;
    erase_pages(AT, 0x50000);
    write_bytes(AT, image, 0x30000);
    abort_to_idle();
    download(AT, image, 0x9000);
    assert_int_equal(leave_at(AT).state, MANIFEST);
    expect_sealed(last_record(), AT, 0x9000);
}

static void an_odd_address_and_an_odd_length(void **state)
{
    (void)state;
    erase_pages(AT, 0x9000);
    write_bytes(AT, image, 0x4000);
    // A second element, close behind and at no page's start.
    write_bytes(AT + 0x4123, image + 0x4123, 0x1235);
    abort_to_idle();
    assert_memory_equal(rig_chip_at(&rig, AT), image, 0x4000);
    assert_memory_equal(rig_chip_at(&rig, AT + 0x4123), image + 0x4123, 0x1235);
    for (uint32_t at = 0x4000; at < 0x4123; at++)
        assert_int_equal(*rig_chip_at(&rig, AT + at), 0xFF);
    assert_int_equal(leave_at(AT).state, MANIFEST);
    expect_sealed(last_record(), AT, 0x4123 + 0x1235);
}

static void blocks_count_from_the_pointer(void **state)
{
    (void)state;
    erase_pages(AT, 0x4000);
    expect_ok(set_address(AT));
    for (uint16_t block = 2; block < 6; block++) {
        const uint8_t *bytes = image + (block - 2) * 4096;
        assert_int_equal(transfer(DNLOAD, block, bytes, 4096, NULL), 0);
        expect_ok(settle());
    }
    assert_int_equal(leave().state, MANIFEST);
    assert_memory_equal(rig_chip_at(&rig, AT), image, 0x4000);
    expect_sealed(last_record(), AT, 0x4000);
}

static void uploads_read_any_byte(void **state)
{
    (void)state;
    uint8_t block[4096];
    memcpy(rig.fake.array + SIZE - 5000, image, 5000);
    assert_int_equal(transfer(UPLOAD, 0, NULL, 64, block), 3);
    assert_memory_equal(block, ((const uint8_t[]){0x00, 0x21, 0x41}), 3);
    expect_ok(set_address(0x90000000 + SIZE - 5000));
    abort_to_idle();
    assert_int_equal(transfer(UPLOAD, 2, NULL, 4096, block), 4096);
    assert_memory_equal(block, image, 4096);
    assert_int_equal(get_state(), UPLOAD_IDLE);
    assert_int_equal(transfer(UPLOAD, 3, NULL, 4096, block), 904);
    assert_memory_equal(block, image + 4096, 904);
    assert_int_equal(get_state(), IDLE); // a short block is the last one
    assert_int_equal(transfer(UPLOAD, 4, NULL, 4096, block), STALL);
    expect_error(get_status(), ERR_ADDRESS);
}

static void what_goes_wrong_is_told(void **state)
{
    (void)state;
    expect_error(erase_page(0x900FFFFF), ERR_ADDRESS);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    expect_error(erase_page(0x91000000), ERR_ADDRESS);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    expect_ok(set_address(0x900F0000));
    expect_error(write_block(image, 256), ERR_ADDRESS);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    // Written without an erase.
    *rig_chip_at(&rig, AT + 300) = 0;
    expect_ok(set_address(AT));
    expect_error(write_block(image, 4000), ERR_VERIFY);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    rig.fake.program_leaves_bit = true;
    expect_ok(erase_page(AT));
    expect_error(write_block(image, 4000), ERR_VERIFY);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    rig.fake.erase_leaves_bit = true;
    expect_ok(erase_page(AT));
    rig_run_ms(&rig, 400);
    expect_error(get_status(), ERR_ERASE);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    rig.fake.erase_leaves_bit = false;
    rig.fake.status[0] = 0x1C;
    rig.fake.status_locked = true;
    expect_ok(erase_page(AT));
    rig_run_ms(&rig, 400);
    expect_error(get_status(), ERR_WRITE);
    assert_int_equal(last_record()[9], WRITING);
    rig_restart(&rig);
    assert_int_not_equal(verdict(AT), QL_STATUS_OK);
}

static void a_failure_is_told_by_info(void **state)
{
    (void)state;
    struct ql_frame frame;
    expect_error(erase_page(0x900FFFFF), ERR_ADDRESS);
    assert_int_equal(rig_request(&rig, 0x02, NULL, 0, &frame), QL_STATUS_OK);
    for (unsigned at = 8; at < frame.length; at += 2u + frame.payload[at + 1]) {
        if (frame.payload[at] != 0x1D)
            continue;
        assert_int_equal(frame.payload[at + 1], 8);
        assert_int_equal(ql_load_u16(frame.payload + at + 2), QL_STATUS_RESERVED);
        assert_int_equal(ql_load_u32(frame.payload + at + 6), 0x900FFFFF);
        return;
    }
    fail_msg("INFO has no item 1D");
}

static void a_locked_board_changes_and_tells_nothing(void **state)
{
    (void)state;
    uint8_t block[64];
    rig.policy = NULL;
    rig_restart(&rig);
    expect_error(erase_page(AT), ERR_VENDOR);
    assert_string_equal(dfu_reason(&rig.dfu),
                        "This board is locked and needs a key: unlock it by quadlane");
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    expect_error(mass_erase(), ERR_VENDOR);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    expect_ok(set_address(AT));
    expect_error(write_block(image, 64), ERR_VENDOR);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    expect_ok(set_address(AT));
    abort_to_idle();
    assert_int_equal(transfer(UPLOAD, 2, NULL, 64, block), STALL);
    expect_error(get_status(), ERR_VENDOR);
    assert_int_equal(rig.fake.erases + rig.fake.programs, 0);
    assert_int_equal(rig.fake.low_erases + rig.fake.low_programs, 0);
}

static void a_download_keeps_the_serial_port_out(void **state)
{
    (void)state;
    uint8_t pair[8], id[4] = {0};
    ql_store_u32(pair, AT);
    ql_store_u32(pair + 4, 16);
    erase_pages(AT, 0x5000);
    assert_int_equal(rig_begin(&rig, 7, AT, image, 0x1000, 1), BUSY);
    assert_int_equal(rig_request(&rig, 0x04, pair, 8, NULL), BUSY);
    assert_int_equal(rig_request(&rig, 0x05, pair, 8, NULL), BUSY);
    assert_int_equal(rig_request(&rig, 0x12, id, 4, NULL), BUSY);
    // Stream operations that guess its id do nothing, END neither.
    rig_write(&rig, 0, 0, AT, image + 0x100, 4096);
    assert_int_equal(rig_end(&rig, 0, 0, 100), QL_STATUS_NO_UPDATE);
    write_bytes(AT, image, 0x5000);
    abort_to_idle();
    assert_memory_equal(rig_chip_at(&rig, AT), image, 0x5000);
    assert_int_equal(rig_request(&rig, 0x04, pair, 8, NULL), QL_STATUS_OK);
    // A BEGIN now forgets the download.
    assert_int_equal(rig_begin(&rig, 7, FAR, image, 0x1000, 0), QL_STATUS_OK);
    expect_error(set_address(AT), ERR_VENDOR);
    assert_string_equal(dfu_reason(&rig.dfu), "The serial port's update is under way");
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    ql_store_u32(id, 7);
    assert_int_equal(rig_request(&rig, 0x12, id, 4, NULL), QL_STATUS_OK);
    expect_error(leave_at(AT), ERR_FIRMWARE);
}

static void the_check_of_a_leave_keeps_updates_out(void **state)
{
    (void)state;
    download(AT, image, 0x40000);
    assert_int_equal(leave_at(AT).state, MANIFEST);
    rig_restart(&rig);
    lock_identify(&rig.server.lock); // as the image does at its start: it hashes, too
    const struct dfu_request request = {DNLOAD, 2, 0};
    uint8_t small[DFU_STATUS_SIZE];
    const uint8_t *answer;
    size_t length;
    assert_true(dfu_request(&rig.dfu, &request, small, &answer, &length));
    for (unsigned i = 0; i < 4; i++)
        assert_true(dfu_run(&rig.dfu)); // the hash has begun
    assert_int_equal(rig_begin(&rig, 7, AT, image, 0x1000, 1), BUSY);
    assert_int_equal(settle().state, MANIFEST);
}

static void the_serial_ports_update_keeps_downloads_out(void **state)
{
    (void)state;
    uint8_t block[64];
    assert_int_equal(rig_begin(&rig, 7, AT, image, 0x3000, 1), QL_STATUS_OK);
    expect_error(erase_page(AT), ERR_VENDOR);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    assert_int_equal(transfer(UPLOAD, 2, NULL, 64, block), STALL);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    rig_erase(&rig, 7, 0, AT, 4096);
    rig_run_ms(&rig, 9900);
    expect_error(erase_page(AT), ERR_VENDOR);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    rig_run_ms(&rig, 200);
    download(AT, image, 0x3000);
    assert_int_equal(rig_end(&rig, 7, 1, 100), QL_STATUS_NO_UPDATE);
    assert_int_equal(leave_at(AT).state, MANIFEST);
    expect_sealed(last_record(), AT, 0x3000);
}

static void a_lost_line_ends_everything(void **state)
{
    (void)state;
    erase_pages(AT, 0x5000);
    write_bytes(AT, image, 0x5000);
    dfu_line_reset(&rig.dfu);
    rig_run_ms(&rig, 300);
    assert_int_equal(get_status().state, IDLE);
    expect_error(leave_at(AT), ERR_FIRMWARE);
    assert_int_equal(last_record()[9], WRITING);
}

// DFU 1.1, appendix A: what each state allows. A request that it does not is stalled.
static void states_allow_what_dfu_allows(void **state)
{
    (void)state;
    static const uint8_t pointer[5] = {0x21, 0, 0, 0x10, 0x90};
    uint8_t block[64];
    // dfuIDLE
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), STALL);
    expect_error(get_status(), ERR_STALLEDPKT);
    // dfuERROR: GETSTATUS, GETSTATE, CLRSTATUS only
    assert_int_equal(transfer(ABORT, 0, NULL, 0, NULL), STALL);
    assert_int_equal(transfer(DNLOAD, 0, pointer, 5, NULL), STALL);
    assert_int_equal(transfer(UPLOAD, 2, NULL, 64, block), STALL);
    assert_int_equal(get_state(), ERROR);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    assert_int_equal(get_status().status, 0);
    // DETACH is for run-time mode
    assert_int_equal(transfer(DETACH, 1000, NULL, 0, NULL), STALL);
    assert_int_equal(get_state(), IDLE);
    // dfuDNLOAD-SYNC and dfuDNBUSY take no further block
    assert_int_equal(transfer(DNLOAD, 0, pointer, 5, NULL), 0);
    assert_int_equal(get_state(), DNLOAD_SYNC);
    assert_int_equal(get_status().state, DNBUSY);
    assert_int_equal(get_state(), DNBUSY);
    assert_int_equal(transfer(DNLOAD, 0, pointer, 5, NULL), STALL);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    // dfuDNLOAD-IDLE takes no upload
    expect_ok(set_address(AT));
    assert_int_equal(transfer(UPLOAD, 2, NULL, 64, block), STALL);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    // dfuUPLOAD-IDLE takes no download
    assert_int_equal(transfer(UPLOAD, 2, NULL, 64, block), 64);
    assert_int_equal(get_state(), UPLOAD_IDLE);
    assert_int_equal(transfer(DNLOAD, 0, pointer, 5, NULL), STALL);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    // Unknown commands, read unprotect, block 1, too much
    assert_int_equal(transfer(DNLOAD, 0, (const uint8_t[]){0x92}, 1, NULL), STALL);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    assert_int_equal(transfer(DNLOAD, 0, pointer, 4, NULL), STALL);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    assert_int_equal(transfer(DNLOAD, 1, pointer, 5, NULL), STALL);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    assert_int_equal(transfer(DNLOAD, 2, NULL, 4097, NULL), STALL);
    assert_int_equal(transfer(CLRSTATUS, 0, NULL, 0, NULL), 0);
    assert_int_equal(transfer(7, 0, NULL, 0, NULL), STALL);
}

static void a_leave_without_a_host_that_asks_starts_too(void **state)
{
    (void)state;
    download(AT, image, 0x5000);
    expect_ok(set_address(AT));
    assert_int_equal(transfer(DNLOAD, 2, NULL, 0, NULL), 0);
    rig_run_ms(&rig, 400);
    assert_int_equal(dfu_action(&rig.dfu).kind, SERVER_ACT_NOT);
    rig_run_ms(&rig, 300);
    assert_int_equal(dfu_action(&rig.dfu).kind, SERVER_ACT_BOOT);
}

static void a_program_changed_since_is_not_started(void **state)
{
    (void)state;
    download(AT, image, 0x5000);
    assert_int_equal(leave_at(AT).state, MANIFEST);
    rig_restart(&rig);
    *rig_chip_at(&rig, AT + 0x4321) ^= 1;
    expect_error(leave_at(AT), ERR_FIRMWARE);
    assert_int_equal(dfu_action(&rig.dfu).kind, SERVER_ACT_NOT);
}

#define DFU_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DFU_TEST(the_layout_is_that_of_the_chip),
        DFU_TEST(a_download_with_leave_is_sealed_and_started),
        DFU_TEST(without_leave_it_is_not_started),
        DFU_TEST(a_leave_may_come_later),
        DFU_TEST(the_chip_never_waits),
        DFU_TEST(a_page_erase_is_answered_while_the_chip_erases),
        DFU_TEST(poll_times_are_the_chips_typical_ones),
        DFU_TEST(mass_erase_takes_the_programs_area_only),
        DFU_TEST(a_mass_erase_never_tells_100_ms),
        DFU_TEST(erasing_alone_leaves_nothing_unfinished),
        DFU_TEST(what_is_erased_again_was_not_written),
        DFU_TEST(an_abort_in_place_of_the_question_gives_up),
        DFU_TEST(several_runs_are_sealed_by_one_leave),
        DFU_TEST(neighbours_keep_their_seals),
        DFU_TEST(a_host_that_stops_early_gets_no_seal),
        DFU_TEST(a_silent_host_loses_its_download),
        DFU_TEST(a_shorter_program_over_a_longer_one),
        DFU_TEST(an_odd_address_and_an_odd_length),
        DFU_TEST(blocks_count_from_the_pointer),
        DFU_TEST(uploads_read_any_byte),
        DFU_TEST(what_goes_wrong_is_told),
        DFU_TEST(a_failure_is_told_by_info),
        DFU_TEST(a_locked_board_changes_and_tells_nothing),
        DFU_TEST(a_download_keeps_the_serial_port_out),
        DFU_TEST(the_check_of_a_leave_keeps_updates_out),
        DFU_TEST(the_serial_ports_update_keeps_downloads_out),
        DFU_TEST(a_lost_line_ends_everything),
        DFU_TEST(states_allow_what_dfu_allows),
        DFU_TEST(a_leave_without_a_host_that_asks_starts_too),
        DFU_TEST(a_program_changed_since_is_not_started),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
